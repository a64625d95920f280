//! Sorted rows into the bytes of a Parquet file, row group by row group.

use crate::checksum::CheckedPages;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowLeafColumn, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tables::TableSpec;

/// Share of look-ups of absent values that a bloom filter lets through.
const BLOOM_FALSE_POSITIVES: f64 = 0.02;
/// Longest prefix of a text that statistics keep.
const STATISTICS_BYTES_MAX: usize = 32;

/// How the columns of a table are written.
///
/// # Errors
/// When Parquet has no form for a column of the table.
pub fn writer_properties(spec: &TableSpec, level: u8, row_group_rows: usize) -> Result<WriterProperties> {
    let schema = ArrowSchemaConverter::new().convert(&spec.schema)?;
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by("stormglass".into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(row_group_rows))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES_MAX))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES_MAX))
        .set_sorting_columns(Some(sorting_columns(spec, &schema)));
    for column in schema.columns() {
        let path = column.path();
        let [name] = path.parts() else { continue };
        let name = name.as_str();
        if spec.random.contains(&name) {
            properties = properties
                .set_column_encoding(path.clone(), Encoding::PLAIN)
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
                .set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
        }
        if spec.delta.contains(&name) {
            properties = properties
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
                .set_column_dictionary_enabled(path.clone(), false);
        }
        if spec.sort.contains(&name) || spec.delta.contains(&name) {
            properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::Page);
        }
        if level >= 1 && spec.bloom.iter().any(|bloom| bloom == name) {
            // Sized for all distinct, then folded down to what the values in fact need.
            properties = properties
                .set_column_bloom_filter_fpp(path.clone(), BLOOM_FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(path.clone(), row_group_rows as u64);
        }
    }
    Ok(properties.build())
}

/// The sort order in the terms of the file, for readers that make use of it.
fn sorting_columns(spec: &TableSpec, schema: &SchemaDescriptor) -> Vec<SortingColumn> {
    let place = |name: &&str| schema.columns().iter().position(|c| *c.path() == ColumnPath::from(*name));
    let ascending = |column: usize| SortingColumn { column_idx: column as i32, descending: false, nulls_first: true };
    spec.sort.iter().filter_map(place).map(ascending).collect()
}

/// A Parquet file that is being written.
pub(crate) struct Encoder<W: Write + Send> {
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    pages: CheckedPages,
    schema: SchemaRef,
    /// Writers of the row group under way, one per Parquet column.
    columns: Vec<ArrowColumnWriter>,
    group_rows: usize,
    group_rows_max: usize,
    groups: usize,
    threads: usize,
}

impl<W: Write + Send> Encoder<W> {
    pub(crate) fn new(out: W, spec: &TableSpec, level: u8, group_rows_max: usize, threads: usize) -> Result<Self> {
        let properties = Arc::new(writer_properties(spec, level, group_rows_max)?);
        let parquet = ArrowSchemaConverter::new().convert(&spec.schema)?;
        let file = SerializedFileWriter::new(out, parquet.root_schema_ptr(), properties)?;
        let pages = CheckedPages::default();
        let factory = ArrowRowGroupWriterFactory::new(&file, spec.schema.clone())
            .with_page_store_factory(Arc::new(pages.clone()));
        let schema = spec.schema.clone();
        Ok(Self {
            file,
            factory,
            pages,
            schema,
            columns: Vec::new(),
            group_rows: 0,
            group_rows_max,
            groups: 0,
            threads,
        })
    }

    /// Adds rows; a full row group leaves for the file. Gives the number of rows taken: fewer than all
    /// when a row group ended and the file has reached `bytes_max`.
    pub(crate) fn push(&mut self, batch: &RecordBatch, bytes_max: u64) -> Result<usize> {
        let mut from = 0;
        while from < batch.num_rows() {
            let take = (batch.num_rows() - from).min(self.group_rows_max - self.group_rows);
            self.push_within_group(&batch.slice(from, take))?;
            from += take;
            if self.group_rows == self.group_rows_max {
                self.end_row_group()?;
                if self.is_full(bytes_max) {
                    break;
                }
            }
        }
        Ok(from)
    }

    /// Whether the file has reached its bound and may end here without a short row group.
    pub(crate) fn is_full(&self, bytes_max: u64) -> bool {
        self.group_rows == 0 && self.file.bytes_written() as u64 >= bytes_max
    }

    /// Ends the file with a key and value in its footer; gives the writer back.
    pub(crate) fn finish(mut self, key: &str, value: String) -> Result<W> {
        self.end_row_group()?;
        self.file.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        self.file.into_inner()
    }

    fn push_within_group(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.columns.is_empty() {
            self.pages.begin_row_group();
            self.columns = self.factory.create_column_writers(self.groups)?;
        }
        let mut leaves = Vec::with_capacity(self.columns.len());
        for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
            leaves.extend(compute_leaves(field, column)?);
        }
        encode_columns(&mut self.columns, leaves, self.threads)?;
        self.group_rows += batch.num_rows();
        Ok(())
    }

    fn end_row_group(&mut self) -> Result<()> {
        if self.group_rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for (i, column) in std::mem::take(&mut self.columns).into_iter().enumerate() {
            let (bytes, close) = self.pages.chunk(i, column.close()?)?;
            group.append_column(&bytes, close)?;
        }
        group.close()?;
        self.group_rows = 0;
        self.groups += 1;
        Ok(())
    }
}

/// Encodes each leaf by its writer, on up to `threads` threads that take the next column when they are
/// done with one.
fn encode_columns(columns: &mut [ArrowColumnWriter], leaves: Vec<ArrowLeafColumn>, threads: usize) -> Result<()> {
    if columns.len() != leaves.len() {
        return Err(ParquetError::General(format!("{} leaves for {} columns", leaves.len(), columns.len())));
    }
    let work = columns.iter_mut().zip(leaves);
    if threads <= 1 {
        for (column, leaf) in work {
            column.write(&leaf)?;
        }
        return Ok(());
    }
    let work = Mutex::new(work);
    let worker = || -> Result<()> {
        loop {
            let next = work.lock().unwrap_or_else(PoisonError::into_inner).next();
            match next {
                Some((column, leaf)) => column.write(&leaf)?,
                None => return Ok(()),
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mine = worker();
        others.into_iter().fold(mine, |done, other| {
            let other = other.join().unwrap_or_else(|_| Err(ParquetError::General("an encoding thread died".into())));
            done.and(other)
        })
    })
}
