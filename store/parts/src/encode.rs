//! Sorted rows into the bytes of a Parquet file, row group by row group.

use crate::SortedRows;
use crate::checksum::CheckedPages;
use crate::properties::writer_properties;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tables::TableSpec;

/// Rows that a column is encoded by at a time: their levels fit a small cache.
const SLICE_ROWS: usize = 8_192;

/// A Parquet file that is being written: either whole, column by column ([`Encoder::write_all`]), or as
/// rows come ([`Encoder::push`]).
pub(crate) struct Encoder<W: Write + Send> {
    file: SerializedFileWriter<W>,
    schema: SchemaRef,
    /// The row group under way.
    group: Option<Group>,
    group_rows_max: usize,
    groups: usize,
    threads: usize,
}

/// The writers of one row group, one per Parquet column, and the pages they have finished.
struct Group {
    pages: CheckedPages,
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

/// A finished column chunk.
type Chunk = (Bytes, ColumnCloseResult);

impl<W: Write + Send> Encoder<W> {
    pub(crate) fn new(out: W, spec: &TableSpec, level: u8, group_rows_max: usize, threads: usize) -> Result<Self> {
        let properties = Arc::new(writer_properties(spec, level, group_rows_max)?);
        let parquet = ArrowSchemaConverter::new().convert(&spec.schema)?;
        let file = SerializedFileWriter::new(out, parquet.root_schema_ptr(), properties)?;
        Ok(Self { file, schema: spec.schema.clone(), group: None, group_rows_max, groups: 0, threads })
    }

    /// Writes all rows; the threads share the columns between them.
    pub(crate) fn write_all(&mut self, rows: &SortedRows) -> Result<()> {
        let mut groups = Vec::new();
        for from in (0..rows.num_rows()).step_by(self.group_rows_max) {
            let Group { pages, columns, .. } = self.begin_group(groups.len())?;
            let range = from..rows.num_rows().min(from + self.group_rows_max);
            groups.push((range, pages, columns.into_iter()));
        }
        let ranges: Vec<Range<usize>> = groups.iter().map(|(range, _, _)| range.clone()).collect();
        let mut jobs = Vec::new();
        for (i, field) in self.schema.fields().iter().enumerate() {
            let leaves = leaf_count(field.data_type());
            let writers = groups.iter_mut().map(|(_, _, columns)| columns.by_ref().take(leaves).collect()).collect();
            jobs.push(Mutex::new(FieldJob { column: i, field: field.clone(), writers, done: Vec::new() }));
        }
        share(self.threads, &jobs, |job| {
            let mut job = job.lock().unwrap_or_else(PoisonError::into_inner);
            job.run(rows, &ranges)
        })?;
        let mut done: Vec<FieldJob> =
            jobs.into_iter().map(|job| job.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
        for (g, (range, pages, _)) in groups.into_iter().enumerate() {
            let closed = done.iter_mut().flat_map(|job| std::mem::take(&mut job.done[g]));
            let chunks = closed.enumerate().map(|(i, chunk)| pages.chunk(i, chunk)).collect::<Result<_>>()?;
            self.write_group(chunks, range.len())?;
        }
        Ok(())
    }

    /// Adds rows; a full row group leaves for the file. Gives the number of rows taken: fewer than all
    /// when a row group ended and the file has reached `bytes_max`.
    pub(crate) fn push(&mut self, batch: &RecordBatch, bytes_max: u64) -> Result<usize> {
        let mut from = 0;
        while from < batch.num_rows() {
            let group = match self.group.take() {
                Some(group) => group,
                None => self.begin_group(self.groups)?,
            };
            let take = (batch.num_rows() - from).min(self.group_rows_max - group.rows);
            let group = self.group.insert(group);
            group.push(&self.schema, &batch.slice(from, take), self.threads)?;
            from += take;
            if group.rows == self.group_rows_max {
                self.end_group()?;
                if self.is_full(bytes_max) {
                    break;
                }
            }
        }
        Ok(from)
    }

    /// Whether the file has reached its bound and may end here without a short row group.
    pub(crate) fn is_full(&self, bytes_max: u64) -> bool {
        self.group.is_none() && self.file.bytes_written() as u64 >= bytes_max
    }

    /// Ends the file with a key and value in its footer; gives the writer back.
    pub(crate) fn finish(mut self, key: &str, value: String) -> Result<W> {
        self.end_group()?;
        self.file.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        self.file.into_inner()
    }

    fn begin_group(&self, number: usize) -> Result<Group> {
        let pages = CheckedPages::default();
        let factory = ArrowRowGroupWriterFactory::new(&self.file, self.schema.clone())
            .with_page_store_factory(Arc::new(pages.clone()));
        Ok(Group { pages, columns: factory.create_column_writers(number)?, rows: 0 })
    }

    fn end_group(&mut self) -> Result<()> {
        let Some(Group { pages, columns, rows }) = self.group.take() else { return Ok(()) };
        let chunks = columns.into_iter().enumerate().map(|(i, column)| pages.chunk(i, column.close()?));
        self.write_group(chunks.collect::<Result<_>>()?, rows)
    }

    fn write_group(&mut self, chunks: Vec<Chunk>, rows: usize) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for (bytes, close) in chunks {
            if close.rows_written != rows as u64 {
                return Err(ParquetError::General(format!("a column has {} rows of {rows}", close.rows_written)));
            }
            group.append_column(&bytes, close)?;
        }
        group.close()?;
        self.groups += 1;
        Ok(())
    }
}

impl Group {
    fn push(&mut self, schema: &SchemaRef, batch: &RecordBatch, threads: usize) -> Result<()> {
        let mut jobs = Vec::new();
        let mut writers = self.columns.iter_mut();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            let writers: Vec<_> = writers.by_ref().take(leaf_count(field.data_type())).collect();
            jobs.push(Mutex::new((field, column, writers)));
        }
        self.rows += batch.num_rows();
        share(threads, &jobs, |job| {
            let mut job = job.lock().unwrap_or_else(PoisonError::into_inner);
            let (field, column, writers) = &mut *job;
            write_leaves(field, column, writers.iter_mut().map(|writer| &mut **writer))
        })
    }
}

/// One field of all rows, for all row groups.
struct FieldJob {
    column: usize,
    field: FieldRef,
    /// By row group, the writers of the field's leaves.
    writers: Vec<Vec<ArrowColumnWriter>>,
    /// By row group, what they made.
    done: Vec<Vec<ArrowColumnChunk>>,
}

impl FieldJob {
    fn run(&mut self, rows: &SortedRows, ranges: &[Range<usize>]) -> Result<()> {
        let column = rows.column(self.column)?;
        let nulls = new_null_array(self.field.data_type(), if column.is_none() { SLICE_ROWS } else { 0 });
        for (range, mut writers) in ranges.iter().zip(std::mem::take(&mut self.writers)) {
            for from in range.clone().step_by(SLICE_ROWS) {
                let rows = SLICE_ROWS.min(range.end - from);
                let slice = column.as_ref().map_or_else(|| nulls.slice(0, rows), |column| column.slice(from, rows));
                touch(&slice);
                write_leaves(&self.field, &slice, writers.iter_mut())?;
            }
            self.done.push(writers.into_iter().map(ArrowColumnWriter::close).collect::<Result<_>>()?);
        }
        Ok(())
    }
}

/// Reads a byte of every long text. After sorting, neighbours lie in memory far from each other; asked for
/// one after the other while they are encoded, each would be waited for, asked for at once they come
/// together.
fn touch(array: &ArrayRef) {
    let Some(texts) = array.as_string_view_opt() else { return };
    let buffers = texts.data_buffers();
    // A view is its length (32 bits) and either up to 12 bytes of text, or a prefix of it (32), then the
    // number of a buffer (32) and the place in it (32).
    let first_byte = |view: &u128| {
        let (length, buffer, offset) = (*view as u32, (*view >> 64) as u32, (*view >> 96) as u32);
        let byte = |buffer: &Buffer| buffer.get(offset as usize).copied();
        if length > 12 { buffers.get(buffer as usize).and_then(byte).unwrap_or_default() } else { 0 }
    };
    std::hint::black_box(texts.views().iter().map(first_byte).fold(0, u8::wrapping_add));
}

/// Encodes the leaves of an array, each by its writer.
fn write_leaves<'w>(
    field: &FieldRef,
    array: &ArrayRef,
    writers: impl Iterator<Item = &'w mut ArrowColumnWriter>,
) -> Result<()> {
    let leaves = compute_leaves(field, array)?;
    leaves.iter().zip(writers).try_for_each(|(leaf, writer)| writer.write(leaf))
}

/// How many Parquet columns a type becomes.
fn leaf_count(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaf_count(field.data_type())).sum(),
        DataType::List(item) | DataType::Map(item, _) => leaf_count(item.data_type()),
        _ => 1,
    }
}

/// Runs every job once, on up to `threads` threads that take the next job when they are done with one.
fn share<J: Sync>(threads: usize, jobs: &[J], run: impl Fn(&J) -> Result<()> + Sync) -> Result<()> {
    if threads <= 1 {
        return jobs.iter().try_for_each(run);
    }
    let next = AtomicUsize::new(0);
    let worker = || -> Result<()> {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            run(job)?;
        }
        Ok(())
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
