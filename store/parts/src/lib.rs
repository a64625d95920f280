//! Parts: sorted Parquet files on an object store, written once, read by anybody.
//!
//! Knows files and their footers; refuses to know which of them are live (that is the catalog's).
//! Invariant: a name under which a part can be found holds the whole part on stable storage, or
//! nothing; and a merge has exactly the rows of its inputs.

mod bucket;
mod checksum;
mod chunk;
mod draft;
mod encode;
mod error;
mod gather;
mod hybrid;
mod local;
mod merge;
mod part;
mod properties;
mod read;
mod retry;
mod rows;
mod s3;
mod settings;
pub mod sim;
mod sort;
mod squeeze;
mod store;
#[cfg(test)]
mod testing;
mod words;
mod write;

pub use error::PartError;
pub use part::{Combine, ListedFile, Merge, NewPart, new_part_id};
pub use properties::writer_properties;
pub use retry::{RetryStats, RetryStore};
pub use rows::SortedRows;
pub use settings::{Location, RetrySettings, S3, Settings};
pub use sort::{sorted, sorted_by_day};
pub use store::{PartStore, Stats};
