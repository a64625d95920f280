//! Questions of the loop: in the lane that people's queries can never fill, each with its own bounds.

use crate::Settings;
use api::handler::Rows;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use client::{Lane, QueryClient, QueryError, QueryRequest};
use model::Workspace;
use std::sync::Arc;

/// Who asks for one workspace.
#[derive(Clone, Debug)]
pub(crate) struct Questioner {
    client: Arc<QueryClient>,
    workspace: Workspace,
    settings: Arc<Settings>,
}

impl Questioner {
    pub(crate) fn new(client: Arc<QueryClient>, workspace: Workspace, settings: Arc<Settings>) -> Self {
        Self { client, workspace, settings }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All rows of a query; of more than `rows_max` only so many, and the rows say so.
    pub(crate) async fn rows(&self, sql: String, rows_max: u64) -> Result<Rows, QueryError> {
        let mut request = QueryRequest::new(self.workspace.clone(), sql);
        request.limit_rows = Some(rows_max);
        request.timeout = Some(self.settings.rule_timeout);
        request.lane = Lane::Rules;
        Rows::of(&self.client, request).await
    }
}

/// One column of text, whatever type it came with; a null is the empty text.
#[derive(Debug)]
pub(crate) struct Texts(StringViewArray);

impl Texts {
    pub(crate) fn of(batch: &RecordBatch, name: &str) -> Self {
        Self(column(batch, name, &DataType::Utf8View).as_string_view().clone())
    }

    pub(crate) fn at(&self, row: usize) -> &str {
        if self.0.is_null(row) { "" } else { self.0.value(row) }
    }
}

/// One column of whole numbers; a time is its nanoseconds, a null is zero.
#[derive(Debug)]
pub(crate) struct Ints(ArrayRef);

impl Ints {
    pub(crate) fn of(batch: &RecordBatch, name: &str) -> Self {
        let raw = batch.column_by_name(name).map(|c| c.data_type().clone());
        if let Some(DataType::Timestamp(unit, zone)) = raw {
            let nanos = column(batch, name, &DataType::Timestamp(TimeUnit::Nanosecond, zone));
            debug_assert!(matches!(unit, TimeUnit::Nanosecond), "times are kept in nanoseconds");
            return Self(cast(&nanos, &DataType::Int64).unwrap_or_else(|_| column(batch, name, &DataType::Int64)));
        }
        Self(column(batch, name, &DataType::Int64))
    }

    pub(crate) fn at(&self, row: usize) -> i64 {
        let numbers = self.0.as_primitive::<Int64Type>();
        if numbers.is_null(row) { 0 } else { numbers.value(row) }
    }
}

/// One column of numbers.
#[derive(Debug)]
pub(crate) struct Numbers(ArrayRef);

impl Numbers {
    pub(crate) fn of(batch: &RecordBatch, name: &str) -> Self {
        Self(column(batch, name, &DataType::Float64))
    }

    pub(crate) fn at(&self, row: usize) -> Option<f64> {
        let numbers = self.0.as_primitive::<Float64Type>();
        (!numbers.is_null(row)).then(|| numbers.value(row))
    }
}

/// The column as this type; nulls where it is missing or cannot be read so.
fn column(batch: &RecordBatch, name: &str, wanted: &DataType) -> ArrayRef {
    let found = batch.column_by_name(name).and_then(|column| cast(column, wanted).ok());
    found.unwrap_or_else(|| arrow::array::new_null_array(wanted, batch.num_rows()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use arrow::array::{DictionaryArray, Int32Array, TimestampNanosecondArray};
    use arrow::datatypes::Int32Type;

    #[test]
    fn columns_are_read_whatever_type_they_came_with() {
        let words: DictionaryArray<Int32Type> = vec![Some("a"), None].into_iter().collect();
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("word", Arc::new(words) as ArrayRef, true),
            ("count", Arc::new(Int32Array::from(vec![Some(7), None])) as ArrayRef, true),
            ("time", Arc::new(TimestampNanosecondArray::from(vec![5, 6]).with_timezone("UTC")) as ArrayRef, true),
        ])
        .unwrap();
        let texts = Texts::of(&batch, "word");
        assert_eq!((texts.at(0), texts.at(1)), ("a", ""));
        assert_eq!((Ints::of(&batch, "count").at(0), Ints::of(&batch, "count").at(1)), (7, 0));
        assert_eq!(Ints::of(&batch, "time").at(1), 6);
        assert_eq!((Numbers::of(&batch, "count").at(0), Numbers::of(&batch, "count").at(1)), (Some(7.0), None));
        assert_eq!(Texts::of(&batch, "absent").at(1), "");
    }
}
