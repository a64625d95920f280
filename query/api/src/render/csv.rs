//! RFC 4180 CSV with a header. Text that a spreadsheet would run as a formula is disarmed.

use super::cell::write_json;
use super::{Ending, Render};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;

#[derive(Debug)]
pub(super) struct CsvRows {
    out: Vec<u8>,
    /// Columns whose JSON form is a quoted text.
    text: Vec<bool>,
}

impl CsvRows {
    pub(super) fn new(schema: SchemaRef) -> Self {
        let mut out = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_text(&mut out, field.name());
        }
        out.extend_from_slice(b"\r\n");
        let is_text = |data_type: &DataType| match data_type {
            DataType::Dictionary(_, value) => {
                matches!(**value, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            }
            other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
        };
        Self { out, text: schema.fields().iter().map(|f| is_text(f.data_type())).collect() }
    }
}

impl Render for CsvRows {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut cell = Vec::new();
        for row in 0..batch.num_rows() {
            for (at, column) in batch.columns().iter().enumerate() {
                if at > 0 {
                    self.out.push(b',');
                }
                if column.is_null(row) {
                    continue;
                }
                cell.clear();
                write_json(&mut cell, column, row)?;
                let value = match serde_json::from_slice::<String>(&cell) {
                    Ok(text) => text,
                    Err(_not_text) => String::from_utf8_lossy(&cell).into_owned(),
                };
                if self.text[at] { write_text(&mut self.out, &value) } else { quote(&mut self.out, &value) }
            }
            self.out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn end(&mut self, _rows: u64, _ending: &Ending) -> Result<bool, ArrowError> {
        Ok(false)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn ready(&self) -> usize {
        self.out.len()
    }
}

/// A text cell. What begins like a formula gets a `'` before it: spreadsheets then show it as it is.
fn write_text(out: &mut Vec<u8>, value: &str) {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        quote(out, &format!("'{value}"));
    } else {
        quote(out, value);
    }
}

/// An empty text is `""`, so that it differs from null.
fn quote(out: &mut Vec<u8>, value: &str) {
    if value.is_empty() || value.contains(['"', ',', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(value.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{Field, Schema};
    use std::sync::Arc;

    #[test]
    fn formulas_are_disarmed_in_text_and_numbers_stay_numbers() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("=name", DataType::Utf8View, true),
        ]));
        let names = ["plain", "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "a,\"b\"\n", ""];
        let batch = RecordBatch::try_new(
            schema.clone(),
            vec![
                Arc::new(Int64Array::from(vec![Some(-5), None, None, None, None, None, None, None])),
                Arc::new(StringViewArray::from(names.to_vec())),
            ],
        )
        .unwrap();
        let mut csv = CsvRows::new(schema);
        csv.batch(&batch).unwrap();
        assert_eq!(
            String::from_utf8(csv.take()).unwrap(),
            "n,'=name\r\n-5,plain\r\n,'=1+1\r\n,'+1\r\n,'-1\r\n,'@SUM(A1)\r\n,'\tx\r\n,\"a,\"\"b\"\"\n\"\r\n,\"\"\r\n"
        );
    }
}
