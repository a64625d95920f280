//! Sorted rows into the bytes of a Parquet file, row group by row group.

use crate::SortedRows;
use crate::checksum::CheckedPages;
use crate::chunk::{self, Rows};
use crate::properties::writer_properties;
use crate::squeeze::Squeezers;
use crate::words::{self, Words};
use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, SchemaDescPtr};
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
    shape: Shape,
    /// The row group under way.
    group: Option<Group>,
    group_rows_max: usize,
    groups: usize,
    threads: usize,
}

/// What the columns are and how they are written.
#[derive(Clone)]
struct Shape {
    schema: SchemaRef,
    parquet: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    squeezers: Arc<Squeezers>,
}

/// One row group, field by field.
struct Group {
    fields: Vec<Mutex<FieldWriter>>,
    rows: usize,
}

/// What writes a field: text and fixed bytes are numbered and written by ourselves ([`crate::chunk`]),
/// everything else is left to the general writers, one per leaf.
enum FieldWriter {
    Words(Words),
    General { columns: Vec<ArrowColumnWriter>, pages: CheckedPages, first: usize },
}

/// A finished column chunk.
type Chunk = (Bytes, ColumnCloseResult);

impl<W: Write + Send> Encoder<W> {
    pub(crate) fn new(out: W, spec: &TableSpec, level: u8, group_rows_max: usize, threads: usize) -> Result<Self> {
        let properties = Arc::new(writer_properties(spec, level, group_rows_max)?);
        let parquet = ArrowSchemaConverter::new().convert(&spec.schema)?;
        let general = Arc::new(general_properties(&properties, &spec.schema));
        let file = SerializedFileWriter::new(out, parquet.root_schema_ptr(), general)?;
        let shape =
            Shape { schema: spec.schema.clone(), parquet: Arc::new(parquet), properties, squeezers: Arc::default() };
        Ok(Self { file, shape, group: None, group_rows_max, groups: 0, threads })
    }

    /// Writes all rows; the threads share the columns between them.
    pub(crate) fn write_all(&mut self, rows: &SortedRows) -> Result<()> {
        let ends = (0..rows.num_rows()).step_by(self.group_rows_max);
        let ranges: Vec<Range<usize>> =
            ends.map(|from| from..rows.num_rows().min(from + self.group_rows_max)).collect();
        let mut writers: Vec<Vec<FieldWriter>> = self.shape.schema.fields().iter().map(|_| Vec::new()).collect();
        for number in 0..ranges.len() {
            let fields = self.begin_group(number)?.fields.into_iter();
            writers.iter_mut().zip(fields).for_each(|(all, field)| {
                all.push(field.into_inner().unwrap_or_else(PoisonError::into_inner));
            });
        }
        let jobs: Vec<Mutex<FieldJob>> =
            writers.into_iter().map(|writers| Mutex::new(FieldJob { writers, done: Vec::new() })).collect();
        let numbers: Vec<usize> = (0..jobs.len()).collect();
        let shape = &self.shape;
        share(self.threads, &numbers, |field| {
            let mut job = jobs[*field].lock().unwrap_or_else(PoisonError::into_inner);
            job.run(shape, *field, rows, &ranges)
        })?;
        let mut done: Vec<_> = jobs
            .into_iter()
            .map(|job| job.into_inner().unwrap_or_else(PoisonError::into_inner).done.into_iter())
            .collect();
        for range in ranges {
            let chunks = done.iter_mut().flat_map(|groups| groups.next().into_iter().flatten()).collect();
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
            let full = group.rows + take == self.group_rows_max;
            self.group.insert(group).push(&self.shape.schema, &batch.slice(from, take), self.threads)?;
            from += take;
            if full {
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
        let factory = ArrowRowGroupWriterFactory::new(&self.file, self.shape.schema.clone())
            .with_page_store_factory(Arc::new(pages.clone()));
        let mut columns = factory.create_column_writers(number)?.into_iter();
        let mut first = 0;
        let mut field = |field: &FieldRef| {
            let leaves = leaf_count(field.data_type());
            let columns: Vec<ArrowColumnWriter> = columns.by_ref().take(leaves).collect();
            first += leaves;
            match words::takes(field.data_type()) {
                true => FieldWriter::Words(self.shape.words(field)),
                false => FieldWriter::General { columns, pages: pages.clone(), first: first - leaves },
            }
        };
        Ok(Group { fields: self.shape.schema.fields().iter().map(|f| Mutex::new(field(f))).collect(), rows: 0 })
    }

    fn end_group(&mut self) -> Result<()> {
        let Some(Group { fields, rows }) = self.group.take() else { return Ok(()) };
        let fields: Vec<_> = fields.into_iter().map(|field| Mutex::new((field, Vec::new()))).collect();
        let numbers: Vec<usize> = (0..fields.len()).collect();
        let shape = &self.shape;
        share(self.threads, &numbers, |number| {
            let mut field = fields[*number].lock().unwrap_or_else(PoisonError::into_inner);
            let (writer, chunks) = &mut *field;
            let writer = std::mem::replace(
                writer.get_mut().unwrap_or_else(PoisonError::into_inner),
                FieldWriter::Words(Words::default()),
            );
            *chunks = shape.close(*number, writer)?;
            Ok(())
        })?;
        let chunks = fields.into_iter().flat_map(|f| f.into_inner().unwrap_or_else(PoisonError::into_inner).1);
        let chunks = chunks.collect();
        self.write_group(chunks, rows)
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

impl Shape {
    fn words(&self, field: &Field) -> Words {
        Words::new(!self.properties.dictionary_enabled(&ColumnPath::from(field.name().as_str())))
    }

    /// The chunks of a field whose rows came in order.
    fn close(&self, field: usize, writer: FieldWriter) -> Result<Vec<Chunk>> {
        match writer {
            FieldWriter::General { columns, pages, first } => {
                let chunk = |(i, column): (usize, ArrowColumnWriter)| pages.chunk(first + i, column.close()?);
                columns.into_iter().enumerate().map(chunk).collect()
            }
            FieldWriter::Words(words) => {
                let rows = words.numbers().map_or_else(|| Rows::Nulls(words.rows()), Rows::Numbers);
                Ok(vec![self.close_words(field, &words, &rows)?])
            }
        }
    }

    fn close_words(&self, field: usize, words: &Words, rows: &Rows<'_>) -> Result<Chunk> {
        let leaf = self.schema.fields().iter().take(field).map(|f| leaf_count(f.data_type())).sum();
        chunk::encode(words, rows, &self.parquet.column(leaf), &self.properties, &self.squeezers)
    }
}

impl Group {
    fn push(&mut self, schema: &SchemaRef, batch: &RecordBatch, threads: usize) -> Result<()> {
        self.rows += batch.num_rows();
        let numbers: Vec<usize> = (0..self.fields.len()).collect();
        share(threads, &numbers, |number| {
            let mut writer = self.fields[*number].lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *writer {
                FieldWriter::Words(words) => words.push(batch.column(*number)),
                FieldWriter::General { columns, .. } => {
                    write_leaves(&schema.fields()[*number], batch.column(*number), columns)?;
                }
            }
            Ok(())
        })
    }
}

/// One field of all rows, for all row groups.
struct FieldJob {
    /// By row group.
    writers: Vec<FieldWriter>,
    done: Vec<Vec<Chunk>>,
}

impl FieldJob {
    fn run(&mut self, shape: &Shape, field: usize, rows: &SortedRows, ranges: &[Range<usize>]) -> Result<()> {
        let writers = std::mem::take(&mut self.writers);
        if words::takes(shape.schema.field(field).data_type()) {
            return self.run_words(shape, field, rows, ranges);
        }
        let field_ref = &shape.schema.fields()[field];
        let column = rows.column(field)?;
        let nulls = new_null_array(field_ref.data_type(), if column.is_none() { SLICE_ROWS } else { 0 });
        for (range, mut writer) in ranges.iter().zip(writers) {
            for from in range.clone().step_by(SLICE_ROWS) {
                let rows = SLICE_ROWS.min(range.end - from);
                let slice = column.as_ref().map_or_else(|| nulls.slice(0, rows), |column| column.slice(from, rows));
                if let FieldWriter::General { columns, .. } = &mut writer {
                    write_leaves(field_ref, &slice, columns)?;
                }
            }
            self.done.push(shape.close(field, writer)?);
        }
        Ok(())
    }

    /// Values are numbered batch by batch as they lie, and only the numbers are put in order.
    fn run_words(&mut self, shape: &Shape, field: usize, rows: &SortedRows, ranges: &[Range<usize>]) -> Result<()> {
        let mut words = shape.words(shape.schema.field(field));
        words.expect(rows.num_rows());
        rows.arrays(field).for_each(|array| words.push(array));
        for range in ranges {
            let ordered: Option<Vec<u32>> = words
                .numbers()
                .map(|numbers| rows.positions(range.clone()).iter().map(|at| numbers[*at as usize]).collect());
            let chosen = ordered.as_deref().map_or(Rows::Nulls(range.len()), Rows::Numbers);
            self.done.push(vec![shape.close_words(field, &words, &chosen)?]);
        }
        Ok(())
    }
}

/// What the general writers go by. They are made for all columns at once, and those of columns that are
/// written from words are thrown away: without compression and blooms they cost next to nothing.
fn general_properties(properties: &WriterProperties, schema: &Schema) -> WriterProperties {
    let words = schema.fields().iter().filter(|field| words::takes(field.data_type()));
    let plain = |builder: WriterPropertiesBuilder, field: &FieldRef| {
        let path = ColumnPath::from(field.name().as_str());
        builder
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_bloom_filter_enabled(path, false)
    };
    words.fold(properties.clone().into_builder(), plain).build()
}

/// Encodes the leaves of an array, each by its writer.
fn write_leaves(field: &FieldRef, array: &ArrayRef, writers: &mut [ArrowColumnWriter]) -> Result<()> {
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
