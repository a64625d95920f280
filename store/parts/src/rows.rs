//! Rows in an order that is not theirs: batches as they came, and where each row goes.

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::{concat, take};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use std::ops::Range;

/// Rows in the order of their table, to be written as a part. Made by [`crate::sorted`] and
/// [`crate::sorted_by_day`]; holds the batches it was made from.
///
/// Columns are put in order one at a time: a whole column is some megabytes, which a cache holds, where
/// rows of all columns are hundreds.
#[derive(Clone, Debug)]
pub struct SortedRows {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// Positions in the concatenated batches.
    order: UInt32Array,
}

impl SortedRows {
    /// The rows of the batches at these positions, counted over all batches. Batches without any of them
    /// are let go.
    pub(crate) fn new(schema: SchemaRef, batches: Vec<RecordBatch>, mut order: Vec<u32>) -> Self {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let mut batches = batches;
        if order.len() < rows {
            batches = without_unused(batches, &mut order);
        }
        Self { schema, batches, order: order.into() }
    }

    pub(crate) fn none(schema: SchemaRef) -> Self {
        Self::new(schema, Vec::new(), Vec::new())
    }

    pub fn num_rows(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A column as it lies in the batches.
    pub(crate) fn arrays(&self, column: usize) -> impl Iterator<Item = &ArrayRef> {
        self.batches.iter().map(move |batch| batch.column(column))
    }

    /// Where the rows of a range lie, counted over all batches.
    pub(crate) fn positions(&self, range: Range<usize>) -> &[u32] {
        &self.order.values()[range]
    }

    /// A column in order; `None` when it is null throughout, as most promoted columns of most parts are.
    pub(crate) fn column(&self, column: usize) -> Result<Option<ArrayRef>, ArrowError> {
        if self.batches.iter().all(|batch| batch.column(column).null_count() == batch.num_rows()) {
            return Ok(None);
        }
        let arrays: Vec<&dyn Array> = self.batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        let all = match arrays.as_slice() {
            [_] => self.batches[0].column(column).clone(),
            arrays => concat(arrays)?,
        };
        take(&all, &self.order, None).map(Some)
    }

    /// All rows as one batch: for those who read rows rather than write them.
    ///
    /// # Errors
    /// When arrow cannot gather a column.
    pub fn to_batch(&self) -> Result<RecordBatch, ArrowError> {
        let fields = self.schema.fields().iter().enumerate();
        let columns = fields.map(|(i, field)| {
            let column = self.column(i)?;
            Ok(column.unwrap_or_else(|| new_null_array(field.data_type(), self.num_rows())))
        });
        let options = RecordBatchOptions::new().with_row_count(Some(self.num_rows()));
        let columns = columns.collect::<Result<_, ArrowError>>()?;
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
    }
}

/// Drops the batches that no position falls into and renumbers the positions.
fn without_unused(batches: Vec<RecordBatch>, order: &mut [u32]) -> Vec<RecordBatch> {
    let mut starts = Vec::with_capacity(batches.len());
    let mut rows = 0;
    for batch in &batches {
        starts.push(rows);
        rows += batch.num_rows() as u32;
    }
    let batch_of = |position: u32| starts.partition_point(|start| *start <= position) - 1;
    let mut used = vec![false; batches.len()];
    order.iter().for_each(|position| used[batch_of(*position)] = true);
    // How much earlier each batch begins when the unused ones before it are gone.
    let mut earlier = Vec::with_capacity(batches.len());
    let mut gone = 0;
    for (batch, used) in batches.iter().zip(&used) {
        earlier.push(gone);
        if !used {
            gone += batch.num_rows() as u32;
        }
    }
    order.iter_mut().for_each(|position| *position -= earlier[batch_of(*position)]);
    batches.into_iter().zip(used).filter_map(|(batch, used)| used.then_some(batch)).collect()
}
