//! A result on its way out: JSON, CSV, Arrow or Parquet, a piece at a time.
//!
//! A renderer never holds more than the piece it is making (for Parquet: one row group).

mod cell;
mod columnar;
mod csv;
mod json;
mod type_name;

pub use cell::timestamp_text;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use client::QueryEnd;

/// The formats of `POST /api/v1/sql`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Json,
    Csv,
    Arrow,
    Parquet,
}

impl Format {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Arrow => "application/vnd.apache.arrow.stream",
            Format::Parquet => "application/vnd.apache.parquet",
        }
    }

    pub(crate) fn renderer(self, schema: SchemaRef) -> Result<Box<dyn Render>, ArrowError> {
        Ok(match self {
            Format::Json => Box::new(json::JsonRows::new(schema)),
            Format::Csv => Box::new(csv::CsvRows::new(schema)),
            Format::Arrow => Box::new(columnar::ArrowStream::new(&schema)?),
            Format::Parquet => Box::new(columnar::ParquetFile::new(schema)?),
        })
    }
}

/// How a result ended.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Known(QueryEnd),
    /// It broke off after its head was sent.
    Broken(String),
}

/// Makes bytes of batches. Bytes gather inside until taken.
pub(crate) trait Render: Send {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), ArrowError>;
    /// Writes what comes last. False: this format cannot say how a result ended, so one that broke off must be cut.
    fn end(&mut self, rows: u64, ending: &Ending) -> Result<bool, ArrowError>;
    fn take(&mut self) -> Vec<u8>;
    /// Bytes that a `take` would give.
    fn ready(&self) -> usize;
}
