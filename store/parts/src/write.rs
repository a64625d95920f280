//! One part being written: rows into the encoder, and the facts about them for the footer and the catalog.

use crate::draft::{Draft, Finished};
use crate::encode::Encoder;
use crate::{PartError, Settings, SortedRows};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};
use model::{UnixNanos, Workspace, time::date_text};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tables::part_meta::{FOOTER_KEY, FORMAT_VERSION, Footer, SERVICES_MAX};
use tables::promoted::column_name;
use tables::{Lineage, PartId, PartMeta, TableSpec};

/// What is said of a part apart from what its rows say.
#[derive(Clone, Debug)]
pub(crate) struct PartHead {
    pub(crate) id: PartId,
    pub(crate) workspace: Workspace,
    pub(crate) spec: Arc<TableSpec>,
    pub(crate) folder: String,
    pub(crate) level: u8,
    pub(crate) received_max: UnixNanos,
    pub(crate) wal_from: u64,
    pub(crate) wal_until: u64,
    pub(crate) replaces: Vec<PartId>,
    pub(crate) promoted: u32,
    pub(crate) overflow: Vec<String>,
}

impl PartHead {
    pub(crate) fn path(&self) -> String {
        format!("{}/{}.parquet", self.folder, self.id)
    }
}

/// `WORKSPACE/TABLE/date=YYYY-MM-DD`.
pub(crate) fn folder(workspace: &Workspace, spec: &TableSpec, day: i32) -> String {
    format!("{workspace}/{}/date={}", spec.id, date_text(day))
}

pub(crate) struct PartWriter {
    head: PartHead,
    encoder: Encoder<Draft>,
    facts: Facts,
}

impl PartWriter {
    /// Begins a part in a draft beside `place`.
    pub(crate) fn begin(head: PartHead, place: &Path, settings: &Settings) -> Result<Self, PartError> {
        let draft = Draft::begin(place)?;
        let encoder =
            Encoder::new(draft, &head.spec, head.level, settings.row_group_rows, settings.encode_threads.max(1))?;
        let facts = Facts::of(&head.spec)?;
        Ok(Self { head, encoder, facts })
    }

    /// Writes all rows of the part.
    pub(crate) fn write_all(&mut self, rows: &SortedRows) -> Result<(), PartError> {
        self.refuse_other_columns(rows.schema())?;
        let service = self.facts.service.map(|column| rows.column(column)).transpose()?.flatten();
        if let Some(time) = rows.column(self.facts.time)? {
            self.facts.add(&time, service.as_ref());
        }
        self.encoder.write_all(rows).map_err(|error| disk_or_parquet(&self.head.path(), error))
    }

    /// Adds rows until the file is full; gives the number of rows taken.
    pub(crate) fn push_until(&mut self, rows: &RecordBatch, bytes_max: u64) -> Result<usize, PartError> {
        self.refuse_other_columns(rows.schema_ref())?;
        let taken = self.encoder.push(rows, bytes_max).map_err(|error| disk_or_parquet(&self.head.path(), error))?;
        let rows = rows.slice(0, taken);
        let service = self.facts.service.map(|column| rows.column(column));
        self.facts.add(rows.column(self.facts.time), service);
        Ok(taken)
    }

    fn refuse_other_columns(&self, schema: &SchemaRef) -> Result<(), PartError> {
        if schema.fields() == self.head.spec.schema.fields() {
            return Ok(());
        }
        Err(PartError::Invalid(format!("rows for table {} have other columns than the table", self.head.spec.id)))
    }

    /// Notes promoted keys that the column does not tell all of.
    pub(crate) fn with_overflow(mut self, keys: &[String]) -> Self {
        self.head.overflow.extend(keys.iter().cloned());
        self
    }

    pub(crate) fn is_full(&self, bytes_max: u64) -> bool {
        self.encoder.is_full(bytes_max)
    }

    /// Ends the file; it is durable under its temporary name.
    pub(crate) fn finish(self, lineage: Lineage) -> Result<(PartMeta, Finished), PartError> {
        let Self { head, encoder, facts } = self;
        if facts.rows == 0 {
            return Err(PartError::Invalid(format!("a part of table {} without rows", head.spec.id)));
        }
        let spec = head.spec.clone();
        let mut meta = facts.into_meta(head);
        let footer = serde_json::to_string(&footer_of(&meta, &spec, lineage))
            .map_err(|error| PartError::Invalid(format!("footer cannot be written: {error}")))?;
        let draft = encoder.finish(FOOTER_KEY, footer).map_err(|error| disk_or_parquet(&meta.path, error))?;
        let finished = draft.finish()?;
        meta.bytes = finished.bytes;
        meta.crc32 = finished.crc32;
        Ok((meta, finished))
    }
}

/// The encoder's errors that come from the disk under it are the disk's.
fn disk_or_parquet(path: &str, error: parquet::errors::ParquetError) -> PartError {
    match error {
        parquet::errors::ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => PartError::Disk { doing: "write", path: path.to_owned(), source: *source },
            Err(source) => PartError::Parquet(parquet::errors::ParquetError::External(source)),
        },
        error => PartError::Parquet(error),
    }
}

fn footer_of(meta: &PartMeta, spec: &TableSpec, lineage: Lineage) -> Footer {
    let bloom = spec.bloom.iter().filter_map(|name| name.strip_prefix(&column_name(""))).map(str::to_owned).collect();
    Footer {
        format: FORMAT_VERSION,
        id: meta.id.to_string(),
        workspace: meta.workspace.to_string(),
        table: meta.table,
        level: meta.level,
        rows: meta.rows,
        time_min: meta.time_min.0,
        time_max: meta.time_max.0,
        received_max: meta.received_max.0,
        wal_from: meta.wal_from,
        wal_until: meta.wal_until,
        replaces: meta.replaces.iter().map(PartId::to_string).collect(),
        promoted: meta.promoted,
        overflow: meta.overflow.clone(),
        services: meta.services.clone(),
        lineage,
        bloom,
    }
}

/// What the rows of a part say about it.
struct Facts {
    time: usize,
    /// Tables of edges have none.
    service: Option<usize>,
    rows: u64,
    time_min: i64,
    time_max: i64,
    /// `None` once they are too many to list.
    services: Option<BTreeSet<String>>,
    last_service: String,
}

impl Facts {
    fn of(spec: &TableSpec) -> Result<Self, PartError> {
        Ok(Self {
            time: spec.schema.index_of(spec.time)?,
            service: spec.schema.index_of("service").ok(),
            rows: 0,
            time_min: i64::MAX,
            time_max: i64::MIN,
            services: spec.schema.index_of("service").is_ok().then(BTreeSet::new),
            last_service: String::new(),
        })
    }

    fn add(&mut self, times: &ArrayRef, services: Option<&ArrayRef>) {
        for time in times.as_primitive::<TimestampNanosecondType>().values() {
            self.time_min = self.time_min.min(*time);
            self.time_max = self.time_max.max(*time);
        }
        if let Some(services) = services.map(|s| s.as_string_view()) {
            for i in (0..services.len()).filter(|i| services.is_valid(*i)) {
                self.add_service(services.value(i), self.rows == 0 && i == 0);
            }
        }
        self.rows += times.len() as u64;
    }

    fn add_service(&mut self, service: &str, first: bool) {
        if !first && service == self.last_service {
            return;
        }
        self.last_service.replace_range(.., service);
        let Some(services) = &mut self.services else { return };
        if !services.contains(service) {
            services.insert(service.to_owned());
        }
        if services.len() > SERVICES_MAX {
            self.services = None;
        }
    }

    fn into_meta(self, head: PartHead) -> PartMeta {
        let path = head.path();
        let mut overflow = head.overflow;
        overflow.sort_unstable();
        overflow.dedup();
        PartMeta {
            id: head.id,
            workspace: head.workspace,
            table: head.spec.id,
            path,
            level: head.level,
            rows: self.rows,
            bytes: 0,
            time_min: UnixNanos(self.time_min),
            time_max: UnixNanos(self.time_max),
            received_max: head.received_max,
            wal_from: head.wal_from,
            wal_until: head.wal_until,
            replaces: head.replaces,
            promoted: head.promoted,
            overflow,
            services: self.services.map(|s| s.into_iter().collect()),
            crc32: 0,
        }
    }
}
