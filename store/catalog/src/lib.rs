//! The catalog: which parts exist, up to which WAL position they hold everything, which promoted sets
//! and request bodies they were made with. One SQLite file, rebuildable from the footers of the parts.
//!
//! Knows no file but its own and no WAL. Invariant: a commit is one transaction on stable storage, and
//! the same commit twice is one.

mod error;
mod fault;
pub mod lineage;
mod row;
mod schema;
mod state;
mod store;

pub use error::CatalogError;
pub use lineage::{Discarded, Rebuilt, decide};
pub use sqlite::Settings;
pub use state::{CatalogState, Checkpoint, Retired};
pub use store::Catalog;
