//! HTTP for reading: SQL, the ledger, live parts, health, metrics, and its own description.
//!
//! It asks through the query client and the engine's handles, and knows neither DataFusion nor
//! files. It refuses to know who may ask: a layer in front has checked the credential and put an
//! [`Asker`] into the request.
//!
//! Invariant: an answer is either all there is, or says `complete: false` and why; and a 4xx names
//! the input that is wrong and what would be right.

mod asker;
mod figures;
mod health;
mod operations;
mod params;
mod parts;
mod problem;
mod render;
mod router;
mod sql;
mod store;
mod suggest;

pub use asker::Asker;
pub use figures::prometheus_text;
pub use operations::{OPERATIONS, Operation};
pub use problem::Problem;
pub use router::{Api, Health, router};
pub use suggest::nearest;
