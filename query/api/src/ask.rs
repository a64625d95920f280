//! Questions a handler asks in SQL, and their rows by column name.
//!
//! Whatever the worker says about completeness travels with the rows: a handler that makes a page of
//! them passes it on. A column that is not there, or of another type, is a fault of ours and becomes a
//! problem answer, never a panic.

use crate::render::timestamp_text;
use crate::{Api, Asker, Problem};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use client::{QueryClient, QueryError, QueryRequest};
use model::UnixNanos;

/// The whole result of one question.
#[derive(Clone, Debug)]
pub struct Rows {
    batches: Vec<RecordBatch>,
    pub complete: bool,
    pub incomplete_reason: Option<String>,
}

/// One row of [`Rows`].
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub batch: &'a RecordBatch,
    pub at: usize,
}

impl Api {
    /// Runs one query for the asker's workspace and gathers all its rows (which the client bounds).
    pub async fn ask(&self, asker: &Asker, sql: impl Into<String>) -> Result<Rows, Problem> {
        let request = QueryRequest::new(asker.workspace.clone(), sql);
        Ok(Rows::of(&self.client, request).await?)
    }

    /// The time by the server's clock.
    pub fn now(&self) -> UnixNanos {
        self.clock.now()
    }
}

impl Rows {
    /// Runs a query to its end.
    ///
    /// # Errors
    /// As the client says.
    pub async fn of(client: &QueryClient, request: QueryRequest) -> Result<Self, QueryError> {
        let (_, batches, end) = client.query(request).await?.collect().await?;
        Ok(Self { batches, complete: end.complete, incomplete_reason: end.incomplete_reason })
    }

    /// The columns themselves.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    pub fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// A complete result of one batch, for tests of what is made of rows.
    #[cfg(test)]
    pub fn of_batch(batch: RecordBatch) -> Self {
        Self { batches: vec![batch], complete: true, incomplete_reason: None }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| Row { batch, at }))
    }

    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }
}

impl<'a> Row<'a> {
    /// The column of this name, null or not.
    pub fn column(&self, name: &str) -> Result<&'a dyn Array, Problem> {
        let column = self.batch.column_by_name(name);
        column.map(|c| &**c).ok_or_else(|| Problem::internal(format!("the result has no column {name:?}")))
    }

    fn misfit(name: &str, array: &dyn Array, wanted: &str) -> Problem {
        Problem::internal(format!("column {name:?} is {}, not {wanted}", array.data_type()))
    }

    pub fn opt_text(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        let array = self.column(name)?;
        if array.is_null(self.at) {
            return Ok(None);
        }
        match array.data_type() {
            DataType::Null => Ok(None),
            DataType::Utf8View => Ok(Some(array.as_string_view().value(self.at))),
            DataType::Utf8 => Ok(Some(array.as_string::<i32>().value(self.at))),
            DataType::LargeUtf8 => Ok(Some(array.as_string::<i64>().value(self.at))),
            _ => Err(Self::misfit(name, array, "text")),
        }
    }

    /// Text; a null is the empty text.
    pub fn text(&self, name: &str) -> Result<&'a str, Problem> {
        Ok(self.opt_text(name)?.unwrap_or_default())
    }

    /// Text of its own, for a null none.
    pub fn opt_string(&self, name: &str) -> Result<Option<String>, Problem> {
        Ok(self.opt_text(name)?.map(str::to_owned))
    }

    pub fn opt_int(&self, name: &str) -> Result<Option<i64>, Problem> {
        let array = self.column(name)?;
        if array.is_null(self.at) {
            return Ok(None);
        }
        let at = self.at;
        Ok(Some(match array.data_type() {
            DataType::Null => return Ok(None),
            DataType::Int64 => array.as_primitive::<Int64Type>().value(at),
            DataType::Int32 => array.as_primitive::<Int32Type>().value(at).into(),
            DataType::Int16 => array.as_primitive::<Int16Type>().value(at).into(),
            DataType::Int8 => array.as_primitive::<Int8Type>().value(at).into(),
            DataType::UInt64 => i64::try_from(array.as_primitive::<UInt64Type>().value(at)).unwrap_or(i64::MAX),
            DataType::UInt32 => array.as_primitive::<UInt32Type>().value(at).into(),
            DataType::UInt16 => array.as_primitive::<UInt16Type>().value(at).into(),
            DataType::UInt8 => array.as_primitive::<UInt8Type>().value(at).into(),
            _ => return Err(Self::misfit(name, array, "an integer")),
        }))
    }

    /// An integer; a null is zero.
    pub fn int(&self, name: &str) -> Result<i64, Problem> {
        Ok(self.opt_int(name)?.unwrap_or_default())
    }

    pub fn opt_flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        let array = self.column(name)?;
        match array.data_type() {
            _ if array.is_null(self.at) => Ok(None),
            DataType::Boolean => Ok(Some(array.as_boolean().value(self.at))),
            _ => Err(Self::misfit(name, array, "a boolean")),
        }
    }

    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        Ok(self.opt_flag(name)?.unwrap_or_default())
    }

    /// An instant, Unix nanoseconds.
    pub fn opt_time(&self, name: &str) -> Result<Option<UnixNanos>, Problem> {
        let array = self.column(name)?;
        match array.data_type() {
            _ if array.is_null(self.at) => Ok(None),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Ok(Some(UnixNanos(array.as_primitive::<TimestampNanosecondType>().value(self.at))))
            }
            _ => Err(Self::misfit(name, array, "a time in nanoseconds")),
        }
    }

    pub fn time(&self, name: &str) -> Result<UnixNanos, Problem> {
        self.opt_time(name)?.ok_or_else(|| Problem::internal(format!("column {name:?} has no time")))
    }

    pub fn opt_bytes(&self, name: &str) -> Result<Option<&'a [u8]>, Problem> {
        let array = self.column(name)?;
        match array.data_type() {
            _ if array.is_null(self.at) => Ok(None),
            DataType::Binary => Ok(Some(array.as_binary::<i32>().value(self.at))),
            DataType::LargeBinary => Ok(Some(array.as_binary::<i64>().value(self.at))),
            DataType::BinaryView => Ok(Some(array.as_binary_view().value(self.at))),
            _ => Err(Self::misfit(name, array, "bytes")),
        }
    }
}

/// Text as an SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Texts as an SQL list for `IN`; an empty list matches nothing.
pub fn literals<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let list: Vec<String> = texts.into_iter().map(literal).collect();
    if list.is_empty() { "(NULL)".into() } else { format!("({})", list.join(", ")) }
}

/// An instant as an SQL literal.
pub fn instant(time: UnixNanos) -> String {
    format!("TIMESTAMP '{}'", timestamp_text(time.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_literal() {
        assert_eq!(literal("it's; DROP"), "'it''s; DROP'");
        assert_eq!(literals(["a", "b'"]), "('a', 'b''')");
        assert_eq!(literals([]), "(NULL)");
        assert_eq!(instant(UnixNanos(1)), "TIMESTAMP '1970-01-01T00:00:00.000000001Z'");
    }
}
