//! What there is, at one moment: parts and hot chunks, under one lock.
//!
//! A row on its way from memory to Parquet is seen exactly once, because the only moments in which the
//! picture changes (rows become visible, a checkpoint or a merge takes their place, parts expire) are
//! single assignments under that lock.

use crate::ledger::{Deltas, Fate, Source};
use crate::memtable::{self, ChunkIds, Generation, HotChunk, Insert, Place, Run};
use crate::settings::Settings;
use crate::stats::Metric;
use crate::tally;
use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;
use arrow::error::ArrowError;
use hashbrown::HashMap;
use model::{UnixNanos, Workspace};
use parking_lot::Mutex;
use rollup::{Found, Moment, Resolved, Rollups};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tables::rollups::EDGE_BUCKET_NS;
use tables::{PartId, PartMeta, PromotedSet, SenderCount, TableBatch, TableId};

/// The rows of some tables of one workspace, each exactly once.
#[derive(Clone, Debug)]
pub struct View {
    pub parts: Vec<Arc<PartMeta>>,
    pub hot: Vec<Arc<HotChunk>>,
    /// The newest promoted set: the columns of the hot chunks.
    pub promoted: Arc<PromotedSet>,
    /// False if rows are known to be missing.
    pub complete: bool,
    pub incomplete_reason: Option<String>,
}

/// What the request rates and edges of one workspace consist of.
#[derive(Clone, Debug)]
pub struct RollupContent {
    /// Their parts.
    pub parts: Vec<Arc<PartMeta>>,
    /// The minutes, counted from 1970, of which some rows are not in a part yet.
    pub in_memory: BTreeSet<i64>,
    /// False if rows are known to be missing.
    pub complete: bool,
}

/// Live parts by place.
#[derive(Debug, Default)]
pub(crate) struct PartSet {
    by_place: HashMap<Place, Vec<Arc<PartMeta>>>,
}

impl PartSet {
    pub(crate) fn add(&mut self, parts: impl IntoIterator<Item = Arc<PartMeta>>) {
        for part in parts {
            self.by_place.entry((part.workspace.clone(), part.table)).or_default().push(part);
        }
    }

    pub(crate) fn remove(&mut self, ids: &[PartId]) {
        for parts in self.by_place.values_mut() {
            parts.retain(|p| !ids.contains(&p.id));
        }
        self.by_place.retain(|_, parts| !parts.is_empty());
    }

    pub(crate) fn of(&self, place: &Place) -> &[Arc<PartMeta>] {
        self.by_place.get(place).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<PartMeta>> {
        self.by_place.values().flatten()
    }
}

/// A generation that is being written, or waits for that.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) generation: Arc<Generation>,
    /// What was counted with it: ledger, request rates and edges, a chunk per workspace and table.
    pub(crate) counted: Vec<Arc<HotChunk>>,
}

/// Counts of the filling generation as last shown.
#[derive(Debug)]
struct Shown {
    version: u64,
    chunk: Option<Arc<HotChunk>>,
}

#[derive(Debug)]
struct State {
    active: Generation,
    sealed: Option<Arc<Sealed>>,
    parts: PartSet,
    /// What was refused or repeated and no record of the log says yet ...
    unsaid: Deltas,
    /// ... and what a record that is being written says: of no generation until it is durable.
    saying: Deltas,
    /// Grows with every change of the ledger.
    ledger_version: u64,
    /// Counted like the generation's ledger, but with a memory that outlives it.
    rollups: Rollups,
    shown: HashMap<Place, Shown>,
    /// Since the engine was opened.
    totals: Deltas,
    missing: Option<String>,
}

/// The tables that are counted and not sent.
const COUNTED: [TableId; 4] = [TableId::Ledger, TableId::Red, TableId::ServiceEdges, TableId::EdgesPending];

impl State {
    /// What is counted and not in a sealed generation.
    fn ledger_counts(&self, workspace: &Workspace) -> Result<Option<TableBatch>, ArrowError> {
        if self.unsaid.is_empty() && self.saying.is_empty() {
            return self.active.ledger.to_batch(workspace);
        }
        let mut all = self.active.ledger.clone();
        all.merge(self.saying.clone());
        all.merge(self.unsaid.clone());
        all.to_batch(workspace)
    }
}

/// The one lock.
#[derive(Debug)]
pub(crate) struct Picture {
    state: Mutex<State>,
    settings: Arc<Settings>,
    ids: ChunkIds,
    promoted: Arc<PromotedSet>,
}

/// Figures of what is in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InMemory {
    pub(crate) charge: u64,
    pub(crate) rows: u64,
    pub(crate) chunks: u64,
}

impl Picture {
    pub(crate) fn new(
        settings: Arc<Settings>,
        parts: PartSet,
        wal_from: u64,
        ids: ChunkIds,
        promoted: Arc<PromotedSet>,
    ) -> Self {
        let active = Generation::new(1, wal_from);
        let state = State {
            active,
            sealed: None,
            parts,
            unsaid: Deltas::default(),
            saying: Deltas::default(),
            ledger_version: 0,
            rollups: Rollups::new(settings.rollups.clone(), RandomState::new().hash_one(wal_from)),
            shown: HashMap::new(),
            totals: Deltas::default(),
            missing: None,
        };
        Self { state: Mutex::new(state), settings, ids, promoted }
    }

    pub(crate) fn next_chunk_id(&self) -> u64 {
        self.ids.next()
    }

    /// Makes records visible, all at once. Gives overflowed ledger counts.
    pub(crate) fn insert(&self, records: Vec<Insert<'_>>, now: Duration) -> u64 {
        let mut state = self.state.lock();
        let state = &mut *state;
        let mut overflowed = 0;
        state.ledger_version += 1;
        state.rollups.tick(now);
        for mut record in records {
            let facts = std::mem::take(&mut record.facts);
            state.rollups.count(record.from.workspace, facts, record.from.received);
            state.totals.count_total(&record.from, record.senders, Fate::Stored, self.settings.ledger_senders_max);
            overflowed += state.active.insert(record, now, &self.settings);
        }
        overflowed
    }

    pub(crate) fn skip(&self, lsn: u64, now: Duration) {
        self.state.lock().active.skip(lsn, now);
    }

    pub(crate) fn count(&self, from: &Source<'_>, senders: &[SenderCount], fate: Fate, now: Duration) -> u64 {
        let mut state = self.state.lock();
        state.totals.count_total(from, senders, fate, self.settings.ledger_senders_max);
        state.ledger_version += 1;
        state.active.note_count(now);
        state.unsaid.count(from, senders, fate, self.settings.ledger_rows_max)
    }

    /// The tally of what was counted and not yet said, if there is any; followed by [`Picture::said`] or
    /// [`Picture::unsay`] before it is asked for again.
    pub(crate) fn say(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        if state.unsaid.is_empty() {
            return None;
        }
        let unsaid = std::mem::take(&mut state.unsaid);
        state.saying.merge(unsaid);
        Some(tally::encode(&state.saying))
    }

    /// The tally is on stable storage under this number: it is of the generation that fills.
    pub(crate) fn said(&self, lsn: u64, now: Duration) {
        let mut state = self.state.lock();
        let counts = std::mem::take(&mut state.saying);
        state.active.tally(lsn, counts, now);
    }

    /// The tally was not written.
    pub(crate) fn unsay(&self) {
        let mut state = self.state.lock();
        let counts = std::mem::take(&mut state.saying);
        state.unsaid.merge(counts);
    }

    /// A tally that was found in the log.
    pub(crate) fn retold(&self, lsn: u64, counts: Deltas, now: Duration) {
        let mut state = self.state.lock();
        state.ledger_version += 1;
        state.active.tally(lsn, counts, now);
    }

    pub(crate) fn resolve(
        &self,
        workspace: &Workspace,
        found: Vec<Found>,
        moment: Moment,
        now: (UnixNanos, Duration),
    ) -> Resolved {
        let mut state = self.state.lock();
        if !found.is_empty() {
            state.active.note_count(now.1);
        }
        state.rollups.resolve(workspace, found, moment, now)
    }

    pub(crate) fn moment(&self) -> Moment {
        self.state.lock().rollups.moment()
    }

    pub(crate) fn rollup_stats(&self) -> rollup::Stats {
        self.state.lock().rollups.stats()
    }

    pub(crate) fn ledger_metrics(&self) -> Vec<Metric> {
        let totals = self.state.lock().totals.clone();
        totals.metrics()
    }

    /// The view of a query.
    pub(crate) fn view(&self, workspace: &Workspace, tables: &[TableId]) -> View {
        let mut state = self.state.lock();
        let (mut parts, mut hot) = (Vec::new(), Vec::new());
        for table in tables {
            let place = (workspace.clone(), *table);
            parts.extend_from_slice(state.parts.of(&place));
            if let Some(sealed) = &state.sealed {
                hot.extend_from_slice(sealed.generation.chunks(&place));
            }
            hot.extend_from_slice(state.active.chunks(&place));
        }
        for table in tables.iter().filter(|t| COUNTED.contains(t)) {
            let sealed = state.sealed.iter().flat_map(|s| &s.counted);
            hot.extend(sealed.filter(|c| c.workspace == *workspace && c.batch.table == *table).cloned());
            hot.extend(self.shown(&mut state, &(workspace.clone(), *table)));
        }
        let incomplete_reason = state.missing.clone();
        View { parts, hot, promoted: self.promoted.clone(), complete: incomplete_reason.is_none(), incomplete_reason }
    }

    /// What request rates and edges consist of, without making rows of those in memory.
    pub(crate) fn rollup_content(&self, workspace: &Workspace) -> RollupContent {
        let tables = [TableId::Red, TableId::ServiceEdges];
        let state = self.state.lock();
        let parts = tables.iter().flat_map(|table| state.parts.of(&(workspace.clone(), *table))).cloned().collect();
        let mut in_memory = state.rollups.minutes(workspace);
        let sealed = state.sealed.iter().flat_map(|s| &s.counted);
        for chunk in sealed.filter(|c| c.workspace == *workspace && tables.contains(&c.batch.table)) {
            let times =
                chunk.batch.rows.column_by_name("time").map(|times| times.as_primitive::<TimestampNanosecondType>());
            in_memory.extend(times.iter().flat_map(|times| times.values()).map(|time| time.div_euclid(EDGE_BUCKET_NS)));
        }
        RollupContent { parts, in_memory, complete: state.missing.is_none() }
    }

    /// Counts of the filling generation as a chunk: a new one, under a new id, when they have changed.
    fn shown(&self, state: &mut State, place: &Place) -> Option<Arc<HotChunk>> {
        let version = match place.1 {
            TableId::Ledger => state.ledger_version,
            _ => state.rollups.version(),
        };
        if let Some(shown) = state.shown.get(place).filter(|shown| shown.version == version) {
            return shown.chunk.clone();
        }
        let counted = match place.1 {
            TableId::Ledger => state.ledger_counts(&place.0),
            table => state.rollups.preview(&place.0, table),
        };
        let chunk = self.chunk_of(&place.0, counted.transpose());
        state.shown.insert(place.clone(), Shown { version, chunk: chunk.clone() });
        chunk
    }

    fn chunk_of(
        &self,
        workspace: &Workspace,
        counted: Option<Result<TableBatch, ArrowError>>,
    ) -> Option<Arc<HotChunk>> {
        match counted? {
            Ok(batch) => {
                let received = UnixNanos(batch.time_max);
                Some(self.counted_chunk(workspace.clone(), batch, received))
            }
            Err(error) => {
                tracing::error!(%error, "counts do not fit their table");
                None
            }
        }
    }

    fn counted_chunk(&self, workspace: Workspace, batch: TableBatch, received: UnixNanos) -> Arc<HotChunk> {
        Arc::new(HotChunk { id: self.ids.next(), workspace, batch, received, bytes: 0 })
    }

    /// Seals the filling generation, unless one is sealed already or there is nothing in it. What is
    /// sealed is exactly the records inserted so far.
    pub(crate) fn seal(&self) -> Option<Arc<Sealed>> {
        let mut state = self.state.lock();
        let empty = state.active.is_empty() && state.unsaid.is_empty() && state.rollups.is_empty();
        if state.sealed.is_some() || empty {
            return None;
        }
        // No record says these, so that the checkpoint alone keeps them.
        let unsaid = std::mem::take(&mut state.unsaid);
        state.active.ledger.merge(unsaid);
        state.ledger_version += 1;
        let next = Generation::new(state.active.number + 1, state.active.wal.end);
        let generation = Arc::new(std::mem::replace(&mut state.active, next));
        state.shown.clear();
        let workspaces = generation.ledger.workspaces();
        let ledger = workspaces.iter().filter_map(|w| self.chunk_of(w, generation.ledger.to_batch(w).transpose()));
        let mut counted: Vec<Arc<HotChunk>> = ledger.collect();
        match state.rollups.seal() {
            Ok(rows) => counted.extend(rows.into_iter().map(|c| self.counted_chunk(c.workspace, c.batch, c.received))),
            Err(error) => tracing::error!(%error, "request rates and edges do not fit their tables"),
        }
        let sealed = Arc::new(Sealed { generation, counted });
        state.sealed = Some(sealed.clone());
        Some(sealed)
    }

    pub(crate) fn sealed(&self) -> Option<Arc<Sealed>> {
        self.state.lock().sealed.clone()
    }

    /// Whether the filling generation should be sealed now.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let state = self.state.lock();
        let counted = state.rollups.bytes() as u64;
        state.sealed.is_none() && state.active.is_due(now, counted, &self.settings)
    }

    /// Puts the parts of the sealed generation in its place.
    pub(crate) fn flushed(&self, parts: &[Arc<PartMeta>]) {
        let mut state = self.state.lock();
        state.parts.add(parts.iter().cloned());
        let sealed = state.sealed.take();
        drop(state);
        // Freeing a generation takes a while: not under the lock.
        drop(sealed);
    }

    /// Puts merged parts in the place of their sources, or lets expired ones go.
    pub(crate) fn replace_parts(&self, removed: &[PartId], added: &[Arc<PartMeta>]) {
        let mut state = self.state.lock();
        state.parts.remove(removed);
        state.parts.add(added.iter().cloned());
    }

    /// Workspaces that have parts of a table, or rows that are counted in memory.
    pub(crate) fn workspaces(&self, table: TableId) -> Vec<Workspace> {
        let state = self.state.lock();
        let parts = state.parts.all().filter(|part| part.table == table).map(|part| part.workspace.clone());
        let mut all: Vec<Workspace> = parts.chain(state.rollups.workspaces().iter().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(crate) fn parts(&self) -> Vec<Arc<PartMeta>> {
        self.state.lock().parts.all().cloned().collect()
    }

    pub(crate) fn in_memory(&self) -> InMemory {
        let state = self.state.lock();
        let generations = state.sealed.iter().map(|s| &*s.generation).chain([&state.active]);
        let counted = InMemory { charge: state.rollups.bytes() as u64, ..InMemory::default() };
        generations.fold(counted, |sum, g| InMemory {
            charge: sum.charge + g.charge(&self.settings),
            rows: sum.rows + g.rows,
            chunks: sum.chunks + g.chunk_count,
        })
    }

    /// Merges small hot chunks until no size class is full; gives how many chunks went. To be called by
    /// the one who inserts: the copying is done outside the lock.
    pub(crate) fn coalesce(&self) -> u64 {
        let mut gone = 0;
        while let Some(run) = self.run_to_merge() {
            let merged = match memtable::merged(&run, self.next_chunk_id()) {
                Ok(chunk) => Arc::new(chunk),
                Err(error) => {
                    tracing::error!(%error, "hot chunks of one table cannot be merged");
                    break;
                }
            };
            if !self.put_merged(&run, merged) {
                break;
            }
            gone += run.chunks.len() as u64;
        }
        gone
    }

    fn run_to_merge(&self) -> Option<Run> {
        self.state.lock().active.run_to_merge(&self.settings)
    }

    /// Puts a merged chunk in the place of its sources; false if they have been sealed meanwhile.
    fn put_merged(&self, run: &Run, merged: Arc<HotChunk>) -> bool {
        let mut state = self.state.lock();
        if state.active.number != run.generation {
            return false;
        }
        state.active.replace(run, merged, &self.settings);
        true
    }

    /// Says for good that rows are missing from every view.
    pub(crate) fn set_missing(&self, why: String) {
        self.state.lock().missing = Some(why);
    }
}
