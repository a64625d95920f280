//! What goes into a part and what comes out of a listing.

use crate::SortedRows;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use model::{ContentHash, UnixNanos, Workspace};
use std::sync::Arc;
use tables::{Lineage, PartId, PartMeta, TableId, TableSpec};

/// A part to be written. The same id with the same rows may be written again: it is the same part.
#[derive(Debug)]
pub struct NewPart {
    pub id: PartId,
    pub workspace: Workspace,
    pub spec: Arc<TableSpec>,
    /// Day number of its `date=` folder: of the event time, or of receipt for implausible times.
    pub day: i32,
    /// 0 as flushed, 1 compacted (with bloom filters).
    pub level: u8,
    pub rows: SortedRows,
    pub received_max: UnixNanos,
    /// WAL positions `[from, until)`, the same for all parts of a checkpoint.
    pub wal_from: u64,
    pub wal_until: u64,
    /// Version of the promoted set that `spec` was made with.
    pub promoted: u32,
    pub overflow: Vec<String>,
    pub lineage: Lineage,
}

/// Files to be made into one sorted run. All of one workspace, table and day folder.
#[derive(Clone, Debug)]
pub struct Merge {
    pub spec: Arc<TableSpec>,
    /// Version of the promoted set that `spec` was made with: at least that of every input.
    pub promoted: u32,
    pub inputs: Vec<PartMeta>,
    /// Level of the outputs, 1 or higher.
    pub level: u8,
    /// Generation of the catalog when the merge was decided.
    pub generation: u64,
    /// Puts neighbouring rows together, of tables whose rows add up; `None`: each row stays.
    pub combine: Option<Combine>,
}

/// Fewer rows that say the same, from rows in the order of their table.
pub type Combine = fn(TableId, &RecordBatch) -> Result<RecordBatch, ArrowError>;

/// A file below the store's root, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    pub path: String,
    pub bytes: u64,
    pub modified: UnixNanos,
}

/// A fresh random name.
pub fn new_part_id() -> PartId {
    PartId(ContentHash(rand::random()))
}
