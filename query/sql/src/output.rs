//! Results as they leave: plain types that every reader knows, cut where the limits are.

use crate::text;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use std::sync::Arc;

/// Rows of one batch as sent: small, so that a slow reader holds little.
pub const BATCH_ROWS: usize = 8_192;

/// The type without views: what files and other programs understand.
fn plain_type(ty: &DataType) -> DataType {
    let inner = |field: &Arc<Field>| Arc::new(plain_field(field));
    match ty {
        DataType::Utf8View | DataType::FixedSizeBinary(_) => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        DataType::Dictionary(_, values) => plain_type(values),
        other => other.clone(),
    }
}

fn plain_field(field: &Field) -> Field {
    field.clone().with_data_type(plain_type(field.data_type()))
}

/// The columns of a result as they are sent.
pub fn plain_schema(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(|f| plain_field(f)).collect::<Vec<_>>()))
}

/// Rows under [`plain_schema`].
pub fn plain(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let plain_column = |(column, field): (&ArrayRef, &Arc<Field>)| {
        if column.data_type() == field.data_type() {
            return Ok(column.clone());
        }
        Ok(cast(&text::shown(column)?, field.data_type())?)
    };
    let columns = batch.columns().iter().zip(schema.fields()).map(plain_column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// What is left of a result's limits.
#[derive(Debug)]
pub struct Limits {
    pub rows_max: u64,
    pub bytes_max: u64,
    pub rows: u64,
    pub bytes: u64,
}

impl Limits {
    /// The rows of `batch` that still fit, and why the rest does not.
    pub fn admit(&mut self, batch: RecordBatch) -> (RecordBatch, Option<String>) {
        let room = self.rows_max - self.rows;
        let cut_rows = batch.num_rows() as u64 > room;
        let batch = if cut_rows { batch.slice(0, room as usize) } else { batch };
        let bytes =
            batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0) as u64).sum::<u64>();
        if self.bytes + bytes > self.bytes_max {
            let reason = format!("the result was cut at {} MiB; ask for fewer rows or columns", self.bytes_max >> 20);
            return (batch.slice(0, 0), Some(reason));
        }
        self.rows += batch.num_rows() as u64;
        self.bytes += bytes;
        (
            batch,
            cut_rows.then(|| format!("the result was cut at {} rows; raise limit or narrow the query", self.rows_max)),
        )
    }
}
