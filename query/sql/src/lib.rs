//! The query worker: DataFusion over the store's parts and over rows not yet in files.
//!
//! It runs in a process of its own, asks its parent for one view per query, and reads Parquet files
//! itself. It refuses to know how rows came to be, and cannot write: not through SQL, not past it.
//!
//! The way of a statement: `budget` parses it and bounds it, `table_functions` puts queries (and `stories`) in
//! the places of functions that give rows, `keys` finds the attributes it names,
//! `session` plans it, `plan` admits it and says what it needs, `view` is what there is, `provider`
//! turns filters (`translate`) and columns (`derive`) into file terms, `run` executes, `worker` sends.

pub mod attributes;
pub mod budget;
pub mod census;
pub mod derive;
pub mod derived;
pub mod error;
pub mod files;
pub mod identity;
pub mod identity_cache;
pub mod keys;
pub mod narrow;
pub mod one_stream;
pub mod output;
pub mod plan;
pub mod planners;
pub mod provider;
pub mod quantile;
pub mod reader;
pub mod run;
pub mod scope;
pub mod session;
pub mod shape;
pub mod sketches;
pub mod statistics;
pub mod stories;
pub mod table_functions;
pub mod text;
pub mod trace;
pub mod translate;
pub mod view;
pub mod worker;

pub use worker::{WorkerError, WorkerSettings, run_worker};
