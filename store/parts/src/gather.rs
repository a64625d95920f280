//! Rows picked out of many batches into one.
//!
//! Text stays where it is: a gathered column points into the buffers of its sources, which live until
//! the gathered batch is dropped.

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use std::sync::Arc;

/// Batches of one schema to pick rows from. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gather {
    schema: SchemaRef,
    columns: Arc<Vec<Column>>,
}

enum Column {
    /// Null in every row of every batch, as most promoted columns of most batches are.
    Null,
    Arrays(Vec<ArrayRef>),
}

impl Gather {
    pub(crate) fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        let column = |i: usize| {
            if batches.iter().all(|b| b.column(i).null_count() == b.num_rows()) {
                return Column::Null;
            }
            Column::Arrays(batches.iter().map(|b| b.column(i).clone()).collect())
        };
        let columns = Arc::new((0..schema.fields().len()).map(column).collect());
        Self { schema, columns }
    }

    /// The rows named by `(batch, row)`, in that order.
    pub(crate) fn rows(&self, rows: &[(u32, u32)]) -> Result<RecordBatch, ArrowError> {
        let indices: Vec<(usize, usize)> = rows.iter().map(|(batch, row)| (*batch as usize, *row as usize)).collect();
        let gathered = self.columns.iter().zip(self.schema.fields()).map(|(column, field)| match column {
            Column::Null => Ok(new_null_array(field.data_type(), rows.len())),
            Column::Arrays(arrays) => {
                let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
                interleave(&arrays, &indices)
            }
        });
        let gathered = gathered.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), gathered, &options)
    }
}
