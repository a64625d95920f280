//! HTTP for reading: SQL, the ledger, live parts, health, metrics, and its own description.
//!
//! It asks through the query client and the engine's handles, and knows neither DataFusion nor
//! files. It refuses to know who may ask: a layer in front has checked the credential and put an
//! [`Asker`] into the request.
//!
//! Invariant: an answer is either all there is, or says `complete: false` and why; and a 4xx names
//! the input that is wrong and what would be right.

mod asker;
mod otlp_log;
mod problem;
mod suggest;

mod aside;
mod ask;
mod page;
mod params;
mod render;
mod window;

mod newest_first;

mod business;
mod catalog;
mod changes;
mod experience;
mod figures;
mod graph;
mod health;
mod heartbeats;
mod jaeger;
mod logs;
mod operations;
mod parts;
mod retention;
mod sql;
mod store;
mod traces;

mod describe;
mod router;

/// What handlers of other crates share with these, so that all calls read and answer alike.
pub mod handler {
    pub use crate::ask::{Row, Rows, instant, literal, literals};
    pub use crate::describe::AnyProblem;
    pub use crate::page::{Page, read_cursor, read_limit, write_cursor};
    pub use crate::params::Params;
    pub use crate::render::timestamp_text;
    pub use crate::window::{DEFAULT_WINDOW, Window, parse_duration, parse_instant};
}

pub use asker::Asker;
pub use catalog::{Catalog, CatalogFile, CatalogFileError, Customer, ImportanceName, ServiceEntry};
pub use figures::prometheus_text;
pub use graph::{StretchStats, Stretches};
pub use heartbeats::PingSecrets;
pub use problem::Problem;
pub use router::{Api, Health, Intake, OperationSettings, mounted, router};
pub use suggest::nearest;
