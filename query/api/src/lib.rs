//! HTTP for reading: SQL, the ledger, live parts, health, metrics, and its own description.
//!
//! It asks through the query client and the engine's handles, and knows neither DataFusion nor
//! files. It refuses to know who may ask: a layer in front has checked the credential and put an
//! [`Asker`] into the request.
//!
//! Invariant: an answer is either all there is, or says `complete: false` and why; and a 4xx names
//! the input that is wrong and what would be right.

mod asker;
mod problem;
mod suggest;

mod ask;
mod page;
mod params;
mod render;
mod window;

mod catalog;
mod experience;
mod figures;
mod graph;
mod health;
mod jaeger;
mod logs;
mod parts;
mod sql;
mod store;
mod traces;

mod describe;
mod router;

pub use asker::Asker;
pub use catalog::{Catalog, CatalogFile, CatalogFileError, Customer, ImportanceName, ServiceEntry};
pub use figures::prometheus_text;
pub use problem::Problem;
pub use router::{Api, Health, Intake, mounted, router};
pub use suggest::nearest;
