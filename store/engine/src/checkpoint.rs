//! From a sealed generation to parts in the catalog: one attempt, repeated until it succeeds.
//!
//! All parts of a checkpoint are committed in one transaction together with its WAL position and body
//! hashes. An attempt that fails half-way keeps the names of its parts and what is already written, so
//! that a repetition writes the rest and nothing twice.

use crate::error::EngineError;
use crate::memtable::{self, HotChunk};
use crate::partition::{Days, count_days};
use crate::settings::Settings;
use crate::specs::Specs;
use crate::view::Sealed;
use model::UnixNanos;
use parts::{NewPart, SortedRows, new_part_id};
use std::collections::BTreeMap;
use std::sync::Arc;
use tables::{Lineage, Origin, PartId, PartMeta};

/// What a flush has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlushReport {
    pub rows: u64,
    pub parts: Vec<Arc<PartMeta>>,
    /// Records before this WAL position are in Parquet.
    pub wal_until: u64,
}

/// One part of an attempt.
#[derive(Debug)]
struct Planned {
    id: PartId,
    written: Option<PartMeta>,
}

/// One table of one workspace in an attempt.
#[derive(Debug)]
struct PlannedTable {
    place: memtable::Place,
    chunks: Vec<Arc<HotChunk>>,
    days: Days,
    parts: BTreeMap<i32, Planned>,
}

/// A checkpoint under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    sealed: Arc<Sealed>,
    /// Generation of the catalog when the attempt began.
    catalog_generation: u64,
    tables: Vec<PlannedTable>,
}

/// A part to be written now.
#[derive(Debug)]
pub(crate) struct Due {
    table: usize,
    day: i32,
    pub(crate) part: NewPart,
}

impl Attempt {
    /// Decides the partitions of every table.
    pub(crate) fn plan(sealed: Arc<Sealed>, catalog_generation: u64, specs: &Specs, settings: &Settings) -> Self {
        let rows = sealed.generation.places().map(|(place, chunks)| (place.clone(), chunks.to_vec()));
        let counts =
            sealed.counted.iter().map(|chunk| ((chunk.workspace.clone(), chunk.batch.table), vec![chunk.clone()]));
        let tables = rows
            .chain(counts)
            .filter(|(_, chunks)| !chunks.is_empty())
            .map(|(place, chunks)| {
                let days = days_of(&chunks, specs.get(place.1).time, settings.flush_partitions_max);
                PlannedTable { place, chunks, days, parts: BTreeMap::new() }
            })
            .collect();
        Self { sealed, catalog_generation, tables }
    }

    pub(crate) fn sealed(&self) -> &Arc<Sealed> {
        &self.sealed
    }

    /// Rows that went to their date of receipt because their dates were too many.
    pub(crate) fn overflow_rows(&self) -> u64 {
        self.tables.iter().map(|t| t.days.overflow_rows).sum()
    }

    /// Sorts what is not written yet. The first time, this decides how many parts there are and names
    /// them.
    pub(crate) fn due(&mut self, wal_from: u64, specs: &Specs) -> Result<Vec<Due>, EngineError> {
        let mut sorted: Vec<(usize, i32, SortedRows)> = Vec::new();
        for (index, table) in self.tables.iter_mut().enumerate() {
            if !table.parts.is_empty() && table.parts.values().all(|p| p.written.is_some()) {
                continue;
            }
            let batches = table.chunks.iter().map(|c| c.batch.rows.clone()).collect();
            let day_of = |batch: usize, time: UnixNanos| table.days.of(time, table.chunks[batch].received);
            for (day, rows) in parts::sorted_by_day(specs.get(table.place.1), batches, &day_of)? {
                let part = table.parts.entry(day).or_insert_with(|| Planned { id: new_part_id(), written: None });
                if part.written.is_none() {
                    sorted.push((index, day, rows));
                }
            }
        }
        let parts = self.tables.iter().map(|t| t.parts.len() as u32).sum();
        let lineage = Lineage { generation: self.catalog_generation, origin: Origin::Flush { parts } };
        Ok(sorted
            .into_iter()
            .map(|(table, day, rows)| self.new_part(table, day, rows, wal_from, lineage, specs))
            .collect())
    }

    fn new_part(
        &self,
        index: usize,
        day: i32,
        rows: SortedRows,
        wal_from: u64,
        lineage: Lineage,
        specs: &Specs,
    ) -> Due {
        let table = &self.tables[index];
        let mut overflow: Vec<String> = table.chunks.iter().flat_map(|c| c.batch.overflow.iter().cloned()).collect();
        overflow.sort_unstable();
        overflow.dedup();
        let part = NewPart {
            id: table.parts[&day].id,
            workspace: table.place.0.clone(),
            spec: specs.get(table.place.1).clone(),
            day,
            level: 0,
            rows,
            received_max: received_max(&table.chunks),
            wal_from,
            wal_until: self.sealed.generation.wal.end,
            promoted: specs.promoted_version(),
            overflow,
            lineage,
        };
        Due { table: index, day, part }
    }

    /// Remembers a part that is written.
    pub(crate) fn written(&mut self, table: usize, day: i32, meta: PartMeta) {
        if let Some(part) = self.tables[table].parts.get_mut(&day) {
            part.written = Some(meta);
        }
    }

    /// All parts, checked to hold exactly the rows of the generation.
    pub(crate) fn finish(&self) -> Result<Vec<PartMeta>, EngineError> {
        let mut all = Vec::new();
        for table in &self.tables {
            let expected: u64 = table.chunks.iter().map(|c| c.batch.rows.num_rows() as u64).sum();
            let parts: Vec<PartMeta> = table.parts.values().filter_map(|p| p.written.clone()).collect();
            let found = parts.iter().map(|p| p.rows).sum();
            if expected != found || parts.len() != table.parts.len() {
                return Err(EngineError::RowsDiffer { table: table.place.1, expected, found });
            }
            all.extend(parts);
        }
        Ok(all)
    }
}

impl Due {
    pub(crate) fn split(self) -> ((usize, i32), NewPart) {
        ((self.table, self.day), self.part)
    }
}

fn received_max(chunks: &[Arc<HotChunk>]) -> UnixNanos {
    chunks.iter().map(|c| c.received).max().unwrap_or_default()
}

fn days_of(chunks: &[Arc<HotChunk>], time: &str, max: usize) -> Days {
    let mut rows_by_day = BTreeMap::new();
    for chunk in chunks {
        count_days(&chunk.batch, time, chunk.received, &mut rows_by_day);
    }
    Days::choose(&rows_by_day, received_max(chunks).day(), max)
}
