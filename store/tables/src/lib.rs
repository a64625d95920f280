//! What a table is, in Arrow: columns, sort order, encodings; builders that rows are poured into;
//! what is known of a Parquet file without opening it.
//!
//! Pure: no runtime, no file, no clock. The three signals may differ here, in `decode` and in the
//! query's views, and nowhere else: everything between takes a [`TableSpec`] or a `RecordBatch`.

pub mod alerting;
pub mod audit;
pub mod batch;
pub mod build;
pub mod events;
pub mod flags;
pub mod part_meta;
pub mod promoted;
pub mod rollups;
pub mod spec;

pub use batch::{Batches, DropCounter, SenderCount, TableBatch};
pub use part_meta::{Lineage, Origin, PartFile, PartId, PartMeta};
pub use promoted::{PromotedKey, PromotedSet, PromotedType};
pub use spec::{TableId, TableSpec};
