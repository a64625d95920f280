//! Part files read back: what they tell about themselves, their checksum, their rows.

use crate::PartError;
use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use model::{ContentHash, UnixNanos, Workspace};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{FileMetaData, ParquetMetaDataReader};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use tables::part_meta::{FOOTER_KEY, FORMAT_VERSION, Footer};
use tables::promoted::column_name;
use tables::{PartFile, PartId, PartMeta, PromotedKey, PromotedSet, PromotedType, TableId, TableSpec};

/// Length and CRC-32 of a file.
pub(crate) fn checksum(mut file: &File, path: &str) -> Result<(u64, u32), PartError> {
    let mut crc = crc32fast::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(|source| cannot_read(path, source))?;
        if read == 0 {
            return Ok((bytes, crc.finalize()));
        }
        crc.update(&buffer[..read]);
        bytes += read as u64;
    }
}

pub(crate) fn cannot_read(path: &str, source: std::io::Error) -> PartError {
    if source.kind() == std::io::ErrorKind::NotFound {
        return PartError::Missing { path: path.to_owned() };
    }
    PartError::Disk { doing: "read", path: path.to_owned(), source }
}

fn damaged(path: &str, what: impl ToString) -> PartError {
    PartError::Damaged { path: path.to_owned(), what: what.to_string() }
}

/// What a file tells about itself; `bytes` and `crc32` as [`checksum`] gave them.
pub(crate) fn part_file(file: &File, path: &str, bytes: u64, crc32: u32) -> Result<PartFile, PartError> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file).map_err(|error| damaged(path, error))?;
    let text = metadata.file_metadata().key_value_metadata().into_iter().flatten().find(|kv| kv.key == FOOTER_KEY);
    let text = text.and_then(|kv| kv.value.as_deref()).ok_or_else(|| damaged(path, "its footer names no part"))?;
    refuse_newer(path, text)?;
    let footer: Footer = serde_json::from_str(text).map_err(|error| damaged(path, error))?;
    let promoted = promoted_set(&footer, metadata.file_metadata());
    let lineage = footer.lineage;
    let meta = meta_of(footer, path, bytes, crc32)?;
    if metadata.file_metadata().num_rows() != meta.rows as i64 {
        return Err(damaged(path, "its footer and its row groups disagree about the number of rows"));
    }
    Ok(PartFile { meta, lineage, promoted })
}

/// The version is read before the rest, which a newer version may have changed.
fn refuse_newer(path: &str, footer: &str) -> Result<(), PartError> {
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    let Version { format: found } = serde_json::from_str(footer).map_err(|error| damaged(path, error))?;
    if found > FORMAT_VERSION {
        return Err(PartError::TooNew { path: path.to_owned(), found, known: FORMAT_VERSION });
    }
    Ok(())
}

fn meta_of(footer: Footer, path: &str, bytes: u64, crc32: u32) -> Result<PartMeta, PartError> {
    let id = |text: &str| {
        ContentHash::from_hex(text).map(PartId).ok_or_else(|| damaged(path, format!("{text:?} is no part id")))
    };
    Ok(PartMeta {
        id: id(&footer.id)?,
        workspace: Workspace::new(&footer.workspace).map_err(|error| damaged(path, error))?,
        table: footer.table,
        path: path.to_owned(),
        level: footer.level,
        rows: footer.rows,
        bytes,
        time_min: UnixNanos(footer.time_min),
        time_max: UnixNanos(footer.time_max),
        received_max: UnixNanos(footer.received_max),
        wal_from: footer.wal_from,
        wal_until: footer.wal_until,
        replaces: footer.replaces.iter().map(|text| id(text)).collect::<Result<_, _>>()?,
        promoted: footer.promoted,
        overflow: footer.overflow,
        services: footer.services,
        crc32,
    })
}

/// The promoted columns of the file, in order, as the set they came from.
fn promoted_set(footer: &Footer, file: &FileMetaData) -> Option<PromotedSet> {
    if !matches!(footer.table, TableId::Spans | TableId::Logs) {
        return None;
    }
    let prefix = column_name("");
    let keys = file.schema().get_fields().iter().filter(|field| field.is_primitive()).filter_map(|field| {
        let key = field.name().strip_prefix(&prefix)?;
        let ty = match field.get_physical_type() {
            PhysicalType::INT64 => PromotedType::Int,
            PhysicalType::DOUBLE => PromotedType::Double,
            PhysicalType::BOOLEAN => PromotedType::Bool,
            _ => PromotedType::String,
        };
        Some(PromotedKey { key: key.to_owned(), ty, bloom: footer.bloom.iter().any(|b| b == key) })
    });
    Some(PromotedSet { version: footer.promoted, keys: keys.collect() })
}

/// The rows of one file in the columns of `spec`, batch by batch.
pub(crate) struct Rows {
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    /// For each column of the table its place in the file.
    columns: Vec<Option<usize>>,
    path: String,
}

impl Rows {
    /// Opens a file that was written under this or an earlier promoted set; says which promoted keys it
    /// has no columns for.
    pub(crate) fn open(
        file: File,
        path: &str,
        spec: &TableSpec,
        batch_rows: usize,
    ) -> Result<(Self, Vec<String>), PartError> {
        let plain =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|error| damaged(path, error))?;
        let in_file = plain.schema().clone();
        let mut fields = Vec::new();
        for field in in_file.fields() {
            let field = spec.schema.field_with_name(field.name());
            fields.push(field.map_err(|_| PartError::Invalid(unknown_column(path, spec, &in_file)))?.clone());
        }
        let known = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::try_new(plain.metadata().clone(), known)?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(batch_rows);
        let columns: Vec<Option<usize>> =
            spec.schema.fields().iter().map(|field| in_file.index_of(field.name()).ok()).collect();
        let missing = missing_keys(path, spec, &columns)?;
        let rows = Self { reader: reader.build()?, schema: spec.schema.clone(), columns, path: path.to_owned() };
        Ok((rows, missing))
    }

    /// The next batch, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, PartError> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.map_err(|error| damaged(&self.path, error))?;
        let columns = self.columns.iter().zip(self.schema.fields()).map(|(place, field)| match place {
            Some(place) => batch.column(*place).clone(),
            None => new_null_array(field.data_type(), batch.num_rows()),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(Some(RecordBatch::try_new_with_options(self.schema.clone(), columns.collect(), &options)?))
    }
}

/// Only promoted columns may be missing: the keys of a set that was smaller then.
fn missing_keys(path: &str, spec: &TableSpec, columns: &[Option<usize>]) -> Result<Vec<String>, PartError> {
    let prefix = column_name("");
    let missing = columns.iter().zip(spec.schema.fields()).filter(|(place, _)| place.is_none());
    let key = |name: &str| {
        name.strip_prefix(&prefix).map(str::to_owned).ok_or_else(|| damaged(path, format!("it has no column {name}")))
    };
    missing.map(|(_, field)| key(field.name())).collect()
}

fn unknown_column(path: &str, spec: &TableSpec, in_file: &Schema) -> String {
    let unknown = in_file.fields().iter().find(|field| spec.schema.field_with_name(field.name()).is_err());
    let unknown = unknown.map_or("?", |field| field.name());
    format!("{path} has a column {unknown} that table {} does not have: read it under a later promoted set", spec.id)
}

/// Decodes every value of a file, which checks every page; says how many rows there are.
pub(crate) fn read_through(file: File, path: &str) -> Result<u64, PartError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(path, error))?;
    let reader = reader.with_batch_size(4096).build().map_err(|error| damaged(path, error))?;
    let mut rows = 0;
    for batch in reader {
        rows += batch.map_err(|error| damaged(path, error))?.num_rows() as u64;
    }
    Ok(rows)
}
