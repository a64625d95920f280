//! `{"columns": ..., "rows": [[...]], "row_count", "complete", "incomplete_reason", "statistics"}`.

use super::cell::write_json;
use super::type_name::type_name;
use super::{Ending, Render};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use serde_json::{Value, json};

/// Row by row, so that a result of any size is valid JSON at its end, whatever that end is.
#[derive(Debug)]
pub(super) struct JsonRows {
    out: Vec<u8>,
    any_row: bool,
}

impl JsonRows {
    pub(super) fn new(schema: SchemaRef) -> Self {
        let columns: Vec<Value> = schema
            .fields()
            .iter()
            .map(|field| json!({ "name": field.name(), "type": type_name(field.data_type()) }))
            .collect();
        let out = format!("{{\"columns\":{},\"rows\":[", Value::Array(columns)).into_bytes();
        Self { out, any_row: false }
    }
}

impl Render for JsonRows {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        for row in 0..batch.num_rows() {
            self.out.extend_from_slice(if self.any_row { b",\n[" } else { b"\n[" });
            self.any_row = true;
            for (at, column) in batch.columns().iter().enumerate() {
                if at > 0 {
                    self.out.push(b',');
                }
                write_json(&mut self.out, column, row)?;
            }
            self.out.push(b']');
        }
        Ok(())
    }

    fn end(&mut self, rows: u64, ending: &Ending) -> Result<bool, ArrowError> {
        let (complete, reason, statistics) = match ending {
            Ending::Known(end) => (end.complete, end.incomplete_reason.clone(), Some(&end.statistics)),
            Ending::Broken(why) => (false, Some(why.clone()), None),
        };
        let statistics = statistics.map_or(Ok(Value::Null), serde_json::to_value);
        let statistics = statistics.map_err(|error| ArrowError::JsonError(error.to_string()))?;
        let tail = format!(
            "\n],\"row_count\":{rows},\"complete\":{complete},\"incomplete_reason\":{},\"statistics\":{statistics}}}\n",
            reason.map_or(Value::Null, Value::String),
        );
        self.out.extend_from_slice(tail.as_bytes());
        Ok(true)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn ready(&self) -> usize {
        self.out.len()
    }
}
