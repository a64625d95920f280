//! Arrow IPC stream and Parquet: the writers of the columnar world over a buffer that is emptied as
//! it fills.

use super::{Ending, Render};
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

/// Rows of one row group, which is what a Parquet result holds in memory at a time.
const ROW_GROUP_ROWS: usize = 65_536;

pub(super) struct ArrowStream {
    writer: StreamWriter<Vec<u8>>,
}

impl ArrowStream {
    pub(super) fn new(schema: &Schema) -> Result<Self, ArrowError> {
        Ok(Self { writer: StreamWriter::try_new(Vec::new(), schema)? })
    }
}

impl Render for ArrowStream {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.writer.write(batch)
    }

    fn end(&mut self, _rows: u64, _ending: &Ending) -> Result<bool, ArrowError> {
        self.writer.finish()?;
        Ok(false)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }

    fn ready(&self) -> usize {
        self.writer.get_ref().len()
    }
}

pub(super) struct ParquetFile {
    writer: Option<ArrowWriter<Vec<u8>>>,
    last: Vec<u8>,
}

impl ParquetFile {
    pub(super) fn new(schema: SchemaRef) -> Result<Self, ArrowError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        Ok(Self { writer: Some(ArrowWriter::try_new(Vec::new(), schema, Some(properties))?), last: Vec::new() })
    }
}

impl Render for ParquetFile {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        if let Some(writer) = &mut self.writer {
            writer.write(batch)?;
        }
        Ok(())
    }

    fn end(&mut self, _rows: u64, ending: &Ending) -> Result<bool, ArrowError> {
        let Some(mut writer) = self.writer.take() else { return Ok(false) };
        if let Ending::Known(end) = ending {
            let complete = KeyValue::new("stormglass.complete".to_owned(), end.complete.to_string());
            writer.append_key_value_metadata(complete);
            if let Some(reason) = &end.incomplete_reason {
                let reason = KeyValue::new("stormglass.incomplete_reason".to_owned(), reason.clone());
                writer.append_key_value_metadata(reason);
            }
        }
        self.last = writer.into_inner()?;
        Ok(false)
    }

    fn take(&mut self) -> Vec<u8> {
        match &mut self.writer {
            Some(writer) => std::mem::take(writer.inner_mut()),
            None => std::mem::take(&mut self.last),
        }
    }

    fn ready(&self) -> usize {
        self.writer.as_ref().map_or(self.last.len(), |writer| writer.inner().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field};
    use arrow::ipc::reader::StreamReader;
    use bytes::Bytes;
    use client::{QueryEnd, Statistics};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use std::sync::Arc;

    fn batches() -> (SchemaRef, Vec<RecordBatch>) {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let column = |from: i64| Arc::new(Int64Array::from_iter_values(from..from + 40_000));
        let batches = (0..4).map(|i| RecordBatch::try_new(schema.clone(), vec![column(i * 40_000)]).unwrap()).collect();
        (schema, batches)
    }

    /// Renders with a `take` after each batch, as a stream does.
    fn rendered(mut render: impl Render, batches: &[RecordBatch]) -> Bytes {
        let mut out = Vec::new();
        for batch in batches {
            render.batch(batch).unwrap();
            out.append(&mut render.take());
        }
        let end =
            QueryEnd { complete: false, incomplete_reason: Some("cut".into()), statistics: Statistics::default() };
        render.end(160_000, &Ending::Known(end)).unwrap();
        out.append(&mut render.take());
        out.into()
    }

    #[test]
    fn a_parquet_result_taken_in_pieces_reads_back_whole_and_says_whether_it_is_complete() {
        let (schema, batches) = batches();
        let file = rendered(ParquetFile::new(schema).unwrap(), &batches);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 3);
        let facts = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
        assert!(facts.iter().any(|kv| kv.key == "stormglass.complete" && kv.value.as_deref() == Some("false")));
        let rows: usize = reader.build().unwrap().map(|b| b.unwrap().num_rows()).sum();
        assert_eq!(rows, 160_000);
    }

    #[test]
    fn an_arrow_result_taken_in_pieces_reads_back_the_same() {
        let (schema, batches) = batches();
        let stream = rendered(ArrowStream::new(&schema).unwrap(), &batches);
        let read: Vec<_> = StreamReader::try_new(&stream[..], None).unwrap().map(Result::unwrap).collect();
        assert_eq!(read, batches);
    }
}
