//! Rows of a query as the figures rules are judged by.

use api::handler::Rows;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use model::UnixNanos;
use rules::{Answer, AnswerBuilder, Cell};

/// The answer to a question whose window begins at `from`.
pub(crate) fn answer(rows: &Rows, from: UnixNanos) -> Answer {
    let Some(first) = rows.batches().first() else {
        return Answer {
            complete: rows.complete,
            incomplete_reason: rows.incomplete_reason.clone(),
            ..Answer::default()
        };
    };
    let schema = first.schema();
    let mut builder = AnswerBuilder::new(schema.fields().iter().map(|field| field.name().clone()), from);
    for batch in rows.batches() {
        let columns: Vec<Column> = batch.columns().iter().map(Column::of).collect();
        for row in 0..batch.num_rows() {
            builder.row(columns.iter().map(|column| column.at(row)).collect());
        }
    }
    builder.finish(rows.complete, rows.incomplete_reason.clone())
}

/// A column in the simplest type that says the same.
enum Column {
    Times(ArrayRef),
    Numbers(ArrayRef),
    Texts(ArrayRef),
}

impl Column {
    fn of(column: &ArrayRef) -> Self {
        let as_type = |wanted: &DataType| cast(column, wanted).ok();
        let nothing = |wanted: &DataType| arrow::array::new_null_array(wanted, column.len());
        match column.data_type() {
            DataType::Timestamp(_, zone) => {
                let nanos = as_type(&DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()));
                let whole = nanos.and_then(|nanos| cast(&nanos, &DataType::Int64).ok());
                Self::Times(whole.unwrap_or_else(|| nothing(&DataType::Int64)))
            }
            kind if kind.is_numeric() => {
                Self::Numbers(as_type(&DataType::Float64).unwrap_or_else(|| nothing(&DataType::Float64)))
            }
            _ => Self::Texts(as_type(&DataType::Utf8View).unwrap_or_else(|| nothing(&DataType::Utf8View))),
        }
    }

    fn at(&self, row: usize) -> Cell {
        match self {
            Self::Times(array) | Self::Numbers(array) | Self::Texts(array) if array.is_null(row) => Cell::Null,
            Self::Times(array) => Cell::Time(UnixNanos(array.as_primitive::<Int64Type>().value(row))),
            Self::Numbers(array) => Cell::Number(array.as_primitive::<Float64Type>().value(row)),
            Self::Texts(array) => Cell::Text(array.as_string_view().value(row).to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use arrow::array::{Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
    use std::sync::Arc;

    #[test]
    fn times_numbers_and_texts_become_cells_of_their_own() {
        let columns = [
            ("time", Arc::new(TimestampNanosecondArray::from(vec![5]).with_timezone("UTC")) as ArrayRef),
            ("calls", Arc::new(Int64Array::from(vec![Some(3)])) as ArrayRef),
            ("service", Arc::new(StringArray::from(vec![Some("a")])) as ArrayRef),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let cells: Vec<Cell> = batch.columns().iter().map(|column| Column::of(column).at(0)).collect();
        assert_eq!(cells, [Cell::Time(UnixNanos(5)), Cell::Number(3.0), Cell::Text("a".into())]);
    }
}
