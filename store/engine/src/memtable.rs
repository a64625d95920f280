//! Rows in memory: acknowledged, visible, not yet in Parquet.
//!
//! A generation holds exactly the WAL records of one range of positions. It fills, is sealed at one
//! position under the lock, is written, and is let go in the moment its parts take its place. Bytes
//! are accounted as they were admitted (Arrow's own figure counts shared buffers many times over),
//! plus a fixed charge per chunk.

use crate::coalesce;
use crate::ledger::{Deltas, Fate, Source};
use crate::settings::Settings;
use hashbrown::HashMap;
use model::{ContentHash, UnixNanos, Workspace};
use rollup::Facts;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tables::{SenderCount, TableBatch, TableId};

/// Immutable rows in memory. The id names exactly these rows and is never used again, in no later
/// process either.
#[derive(Debug)]
pub struct HotChunk {
    pub id: u64,
    pub workspace: Workspace,
    pub batch: TableBatch,
    /// Latest receipt of a row in it.
    pub received: UnixNanos,
    /// Admitted bytes.
    pub bytes: u64,
}

/// Gives out chunk ids.
#[derive(Debug)]
pub(crate) struct ChunkIds(AtomicU64);

impl ChunkIds {
    /// The catalog's generation grows with every opening, so the ids of two processes never meet.
    pub(crate) fn after(catalog_generation: u64) -> Self {
        Self(AtomicU64::new(catalog_generation << 36))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

pub(crate) type Place = (Workspace, TableId);

/// The chunks of one table of one workspace.
#[derive(Clone, Debug, Default)]
struct Pile {
    chunks: Vec<Arc<HotChunk>>,
    /// How many chunks there are of each small size class.
    small: Vec<usize>,
}

/// Chunks to be merged, taken from under the lock so that the copying happens outside it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) generation: u64,
    pub(crate) place: Place,
    pub(crate) chunks: Vec<Arc<HotChunk>>,
}

/// The rows of one range of WAL positions.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// `[start, end)`; grows while the generation fills.
    pub(crate) wal: Range<u64>,
    piles: BTreeMap<Place, Pile>,
    pub(crate) rows: u64,
    /// Admitted bytes.
    pub(crate) bytes: u64,
    pub(crate) chunk_count: u64,
    /// Bodies stored, with their times of receipt.
    pub(crate) hashes: Vec<(ContentHash, UnixNanos)>,
    pub(crate) ledger: Deltas,
    /// When the first row and the first count came (monotonic).
    first_row: Option<Duration>,
    first_count: Option<Duration>,
}

/// One record on its way into memory.
#[derive(Debug)]
pub(crate) struct Insert<'a> {
    pub(crate) lsn: u64,
    pub(crate) key: ContentHash,
    pub(crate) from: Source<'a>,
    pub(crate) senders: &'a [SenderCount],
    pub(crate) chunks: Vec<Arc<HotChunk>>,
    /// What is counted of its spans; counted beside the generation (see [`crate::view`]).
    pub(crate) facts: Facts,
}

impl Generation {
    pub(crate) fn new(number: u64, from: u64) -> Self {
        Self {
            number,
            wal: from..from,
            piles: BTreeMap::new(),
            rows: 0,
            bytes: 0,
            chunk_count: 0,
            hashes: Vec::new(),
            ledger: Deltas::default(),
            first_row: None,
            first_count: None,
        }
    }

    /// Adds a record; records come in the order of their positions. Gives overflowed ledger counts.
    pub(crate) fn insert(&mut self, record: Insert<'_>, now: Duration, settings: &Settings) -> u64 {
        debug_assert!(record.lsn >= self.wal.end, "records come in order");
        self.wal.end = record.lsn + 1;
        self.first_row.get_or_insert(now);
        self.hashes.push((record.key, record.from.received));
        for chunk in record.chunks {
            self.rows += chunk.batch.rows.num_rows() as u64;
            self.bytes += chunk.bytes;
            self.chunk_count += 1;
            let place = (chunk.workspace.clone(), chunk.batch.table);
            self.piles.entry(place).or_default().push(chunk, settings);
        }
        self.ledger.count(&record.from, record.senders, Fate::Stored, settings.ledger_rows_max)
    }

    /// Passes a record that gives no rows: one that was in the log twice, or is put aside.
    pub(crate) fn skip(&mut self, lsn: u64, now: Duration) {
        self.wal.end = lsn + 1;
        self.first_row.get_or_insert(now);
    }

    /// Passes a record that is a tally, and counts what it says.
    pub(crate) fn tally(&mut self, lsn: u64, counts: Deltas, now: Duration) {
        debug_assert!(lsn >= self.wal.end, "records come in order");
        self.wal.end = lsn + 1;
        self.first_count.get_or_insert(now);
        self.ledger.merge(counts);
    }

    /// The charge for everything in it.
    pub(crate) fn charge(&self, settings: &Settings) -> u64 {
        self.bytes + self.chunk_count * settings.chunk_overhead_bytes
    }

    /// Notes that something is counted that no record says.
    pub(crate) fn note_count(&mut self, now: Duration) {
        self.first_count.get_or_insert(now);
    }

    /// True if there is nothing that a checkpoint would keep.
    pub(crate) fn is_empty(&self) -> bool {
        self.wal.is_empty() && self.ledger.is_empty()
    }

    /// Whether it is time to seal.
    pub(crate) fn is_due(&self, now: Duration, counted_bytes: u64, settings: &Settings) -> bool {
        let older = |since: Option<Duration>, than| since.is_some_and(|s| now.saturating_sub(s) >= than);
        self.rows >= settings.flush_rows
            || self.charge(settings) + counted_bytes >= settings.flush_bytes
            || older(self.first_row, settings.flush_after)
            || older(self.first_count, settings.flush_counts_after)
    }

    pub(crate) fn chunks(&self, place: &Place) -> &[Arc<HotChunk>] {
        self.piles.get(place).map_or(&[], |pile| &pile.chunks)
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = (&Place, &[Arc<HotChunk>])> {
        self.piles.iter().map(|(place, pile)| (place, pile.chunks.as_slice()))
    }

    /// A run of small chunks of one class and one day of receipt, if enough of them have gathered.
    pub(crate) fn run_to_merge(&self, settings: &Settings) -> Option<Run> {
        self.piles.iter().find_map(|(place, pile)| {
            let chunks = pile.run(settings)?;
            Some(Run { generation: self.number, place: place.clone(), chunks })
        })
    }

    /// Puts the merged chunk in the place of its sources.
    pub(crate) fn replace(&mut self, run: &Run, merged: Arc<HotChunk>, settings: &Settings) {
        let Some(pile) = self.piles.get_mut(&run.place) else { return };
        let gone: hashbrown::HashSet<u64> = run.chunks.iter().map(|c| c.id).collect();
        pile.chunks.retain(|c| !gone.contains(&c.id));
        pile.push(merged, settings);
        pile.recount(settings);
        self.chunk_count -= gone.len() as u64 - 1;
    }
}

impl Pile {
    fn class(chunk: &HotChunk, settings: &Settings) -> Option<usize> {
        coalesce::class_of(chunk.batch.rows.num_rows(), settings.coalesce_rows, settings.coalesce_fan_in)
    }

    fn push(&mut self, chunk: Arc<HotChunk>, settings: &Settings) {
        if let Some(class) = Self::class(&chunk, settings) {
            self.count_small(class);
        }
        self.chunks.push(chunk);
    }

    fn count_small(&mut self, class: usize) {
        if self.small.len() <= class {
            self.small.resize(class + 1, 0);
        }
        self.small[class] += 1;
    }

    fn recount(&mut self, settings: &Settings) {
        self.small.clear();
        let classes: Vec<usize> = self.chunks.iter().filter_map(|c| Self::class(c, settings)).collect();
        classes.into_iter().for_each(|class| self.count_small(class));
    }

    fn run(&self, settings: &Settings) -> Option<Vec<Arc<HotChunk>>> {
        let fan_in = settings.coalesce_fan_in.max(2);
        let full = self.small.iter().position(|n| *n >= fan_in)?;
        let mut by_day: HashMap<i32, Vec<Arc<HotChunk>>> = HashMap::new();
        for chunk in self.chunks.iter().filter(|c| Self::class(c, settings) == Some(full)) {
            by_day.entry(chunk.received.day()).or_default().push(chunk.clone());
        }
        by_day.into_values().find(|chunks| chunks.len() >= fan_in)
    }
}

/// One chunk with the rows of a run.
pub(crate) fn merged(run: &Run, id: u64) -> Result<HotChunk, arrow::error::ArrowError> {
    let batches: Vec<_> = run.chunks.iter().map(|c| c.batch.rows.clone()).collect();
    let mut overflow: Vec<String> = run.chunks.iter().flat_map(|c| c.batch.overflow.iter().cloned()).collect();
    overflow.sort_unstable();
    overflow.dedup();
    let batch = TableBatch {
        table: run.place.1,
        rows: coalesce::merge(&batches)?,
        time_min: run.chunks.iter().map(|c| c.batch.time_min).min().unwrap_or(i64::MAX),
        time_max: run.chunks.iter().map(|c| c.batch.time_max).max().unwrap_or(i64::MIN),
        overflow,
    };
    Ok(HotChunk {
        id,
        workspace: run.place.0.clone(),
        batch,
        received: run.chunks.iter().map(|c| c.received).max().unwrap_or_default(),
        bytes: run.chunks.iter().map(|c| c.bytes).sum(),
    })
}
