//! Rows of many batches into the order of their table.

use crate::SortedRows;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use model::UnixNanos;
use tables::TableSpec;

/// All rows of `batches` in the order of `spec.sort`.
pub fn sorted(_spec: &TableSpec, _batches: Vec<RecordBatch>) -> Result<SortedRows, ArrowError> {
    todo!()
}

/// Likewise, one run per day folder, by day. `day_of` says where a row belongs, from the number of its
/// batch and its event time.
pub fn sorted_by_day(
    _spec: &TableSpec,
    _batches: Vec<RecordBatch>,
    _day_of: &dyn Fn(usize, UnixNanos) -> i32,
) -> Result<Vec<(i32, SortedRows)>, ArrowError> {
    todo!()
}
