//! The engine: what the rest of the program calls, and how its threads begin and end.

use crate::admit::{Admission, Gauges, Permit, Refusal, RefusalReason};
use crate::append::{Ack, Append, Appender, Job};
use crate::checkpoint::FlushReport;
use crate::error::EngineError;
use crate::failpoint::Points;
use crate::flush::FlushState;
use crate::known::Known;
use crate::ledger::{Fate, Source};
use crate::maintain::Maintenance;
use crate::memtable::ChunkIds;
use crate::queue::Queue;
use crate::recover::{Bodies, DecodeFn, Missing, Recovery};
use crate::repeat::{self, Repeat, Repeats, Ticket};
use crate::settings::Settings;
use crate::space::{DiskFree, SpacePlan};
use crate::specs::Specs;
use crate::stats::{Counters, Levels, Metric, metrics};
use crate::view::{PartSet, Picture, View};
use catalog::{Catalog, CatalogState, Checkpoint};
use model::{Clock, ContentHash, UnixNanos, Workspace};
use parking_lot::Mutex;
use parts::PartStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tables::{PartMeta, PromotedSet, SenderCount, TableId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wal::{DataDirLock, Disk, Lsn, Wal};

/// What the engine stands on. Components, not settings: tests bring their own.
pub struct Deps {
    /// Proof that no other process has the data directory; taken before anything in it was opened.
    pub lock: DataDirLock,
    pub clock: Arc<dyn Clock>,
    pub disk: Arc<dyn Disk>,
    pub parts: PartStore,
    pub catalog: Catalog,
    pub decode: DecodeFn,
    /// As [`settle_promoted`] gave it; the decoder must use the same.
    pub promoted: PromotedSet,
    pub disk_free: DiskFree,
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").field("parts", &self.parts).field("catalog", &self.catalog).finish_non_exhaustive()
    }
}

/// The promoted set to work with: the catalog's, grown by what is wanted. A new version is on stable
/// storage before any row is laid out by it.
pub async fn settle_promoted(catalog: &Catalog, wanted: &PromotedSet) -> Result<PromotedSet, EngineError> {
    let have = catalog.load().await?.promoted;
    let grown = if have.version == 0 { Some(wanted.clone()) } else { have.grown_by(wanted) };
    let Some(grown) = grown else { return Ok(have) };
    catalog.commit(&Checkpoint { promoted: Some(grown.clone()), ..Checkpoint::default() }).await?;
    Ok(grown)
}

/// When the engine was opened, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) monotonic: Duration,
    pub(crate) wall: UnixNanos,
    /// Between the newest receipt in the store and the wall clock.
    pub(crate) gap: Duration,
}

/// What is wrong at the moment, in sentences.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) flush: Option<String>,
    pub(crate) compaction: Option<String>,
    pub(crate) retention: Option<String>,
    pub(crate) space_plan: Option<SpacePlan>,
}

/// The only joiner of WAL, parts and catalog. Shared by reference; see the crate's head.
#[derive(Debug)]
pub struct Engine {
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) parts: PartStore,
    pub(crate) catalog: Catalog,
    pub(crate) catalog_generation: AtomicU64,
    pub(crate) specs: Arc<Specs>,
    pub(crate) picture: Arc<Picture>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) points: Arc<Points>,
    pub(crate) flush: tokio::sync::Mutex<FlushState>,
    pub(crate) maintenance: tokio::sync::Mutex<Maintenance>,
    pub(crate) status: Mutex<Status>,
    pub(crate) opened: Opened,
    pub(crate) flush_wanted: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    repeats: Arc<Repeats>,
    disk_free: NamedDiskFree,
    wal_thread: Mutex<Option<JoinHandle<()>>>,
    pub(crate) background: Mutex<Vec<JoinHandle<()>>>,
    _lock: DataDirLock,
}

struct NamedDiskFree(DiskFree);

impl std::fmt::Debug for NamedDiskFree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DiskFree")
    }
}

impl Engine {
    /// Brings back what the last process left, and takes appends from then on. Nothing happens in the
    /// background until [`Engine::start_background`].
    pub async fn open(settings: Settings, deps: Deps) -> Result<Arc<Self>, EngineError> {
        let Deps { lock, clock, disk, parts, catalog, decode, promoted, disk_free } = deps;
        let settings = Arc::new(settings);
        let mut state = catalog.load().await?;
        let bodies = Bodies::new(std::mem::take(&mut state.body_hashes), settings.repeat_window);
        let specs = Arc::new(Specs::new(promoted));
        let engine = Self::assemble(settings, clock, parts, catalog, specs, disk_free, lock, &state);
        engine.take_stock().await?;
        let wal = engine.recover(disk, decode, bodies, &state).await?;
        engine.measure_space();
        Ok(Arc::new(engine.begin(wal)?))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of the whole, once")]
    fn assemble(
        settings: Arc<Settings>,
        clock: Arc<dyn Clock>,
        parts: PartStore,
        catalog: Catalog,
        specs: Arc<Specs>,
        disk_free: DiskFree,
        lock: DataDirLock,
        state: &CatalogState,
    ) -> Self {
        let (counters, gauges) = (Arc::new(Counters::default()), Arc::new(Gauges::default()));
        let mut live = PartSet::default();
        live.add(state.parts.iter().cloned().map(Arc::new));
        let ids = ChunkIds::after(state.generation);
        let promoted = specs.promoted().clone();
        Self {
            picture: Arc::new(Picture::new(settings.clone(), live, state.checkpoint, ids, promoted)),
            admission: Arc::new(Admission::new(settings.clone(), gauges, counters.clone())),
            repeats: Arc::new(Repeats::new(settings.repeat_window, settings.repeat_entries_max, counters.clone())),
            queue: Arc::new(Queue::new(&settings)),
            points: Arc::new(Points::new(settings.failpoint)),
            flush: tokio::sync::Mutex::new(FlushState::after(state.checkpoint)),
            maintenance: tokio::sync::Mutex::default(),
            status: Mutex::default(),
            opened: opened(&*clock, &state.parts),
            flush_wanted: Arc::new(Notify::new()),
            stop: CancellationToken::new(),
            catalog_generation: AtomicU64::new(state.generation),
            disk_free: NamedDiskFree(disk_free),
            wal_thread: Mutex::new(None),
            background: Mutex::default(),
            _lock: lock,
            settings,
            clock,
            parts,
            catalog,
            specs,
            counters,
        }
    }

    /// Clears what a killed process left on the local disk. An object store is not asked here: the
    /// engine opens without it.
    async fn take_stock(&self) -> Result<(), EngineError> {
        if self.parts.local_root().is_none() {
            return Ok(());
        }
        let cleared = self.parts.clear_temporary().await?;
        self.counters.orphans_removed.add(cleared);
        // No query of an earlier process can be reading these.
        for retired in self.catalog.retired().await? {
            self.parts.remove(&retired.path).await?;
            self.catalog.forget_retired(&[retired.id]).await?;
            self.counters.replaced_removed.add(1);
        }
        Ok(())
    }

    async fn recover(&self, disk: Arc<dyn Disk>, decode: DecodeFn, bodies: Bodies, state: &CatalogState) -> Result<Wal, EngineError> {
        let wal_settings = wal::Settings {
            segment_bytes: self.settings.wal_segment_bytes,
            pool_segments_max: self.settings.wal_pool_segments_max,
            // Admission refuses at `wal_bytes_max`; spare segments and the tail of the last come on top.
            total_bytes_max: self.settings.wal_bytes_max.saturating_add(4 * self.settings.wal_segment_bytes),
            durability: self.settings.durability,
            ..wal::Settings::new(self.settings.data_dir.join("wal"))
        };
        let (wal, replay) = Wal::open(disk.clone(), wal_settings, Lsn(state.checkpoint))?;
        let mut recovery = Recovery {
            replay,
            checkpoint: state.checkpoint,
            decode,
            known: Known::new(self.settings.known_ids_max, self.counters.clone()),
            bodies,
            picture: self.picture.clone(),
            settings: self.settings.clone(),
            counters: self.counters.clone(),
            points: self.points.clone(),
            clock: self.clock.clone(),
            disk,
            missing: Missing::default(),
        };
        loop {
            let step = tokio::task::spawn_blocking(move || {
                let more = recovery.step();
                (recovery, more)
            });
            let more;
            (recovery, more) = step.await.map_err(|_| EngineError::Task("recovery"))?;
            if !more? {
                break;
            }
            self.flush_while_recovering().await?;
        }
        // Only now is it certain that the catalog belongs to this WAL: what it does not know is nobody's.
        if self.parts.local_root().is_some() {
            self.sweep_orphans(Duration::ZERO).await?;
        }
        if let Some(why) = recovery.missing.reason() {
            self.picture.set_missing(why);
        }
        self.remember(recovery.bodies);
        Ok(wal)
    }

    /// A checkpoint in the midst of a replay has nothing to fall back on but patience.
    async fn flush_while_recovering(&self) -> Result<(), EngineError> {
        const ATTEMPTS: u32 = 5;
        let mut state = self.flush.lock().await;
        for attempt in 1.. {
            match self.checkpoint(&mut state).await {
                Ok(_) => break,
                Err(error) if attempt == ATTEMPTS || self.points.halted() => return Err(error),
                Err(_) => tokio::time::sleep(self.settings.flush_retry.0 * attempt).await,
            }
        }
        Ok(())
    }

    fn remember(&self, bodies: Bodies) {
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        for (key, received) in bodies.into_ordered() {
            // A body from the future (the clock was set back) counts as of now.
            let age = Duration::from_nanos(u64::try_from(now.0.saturating_sub(received.0)).unwrap_or(0));
            if age <= self.settings.repeat_window {
                // Ages are kept as times before now, which may lie before this clock began: then from its beginning.
                self.repeats.remember(key, monotonic.saturating_sub(age));
            }
        }
    }

    fn begin(self, wal: Wal) -> Result<Self, EngineError> {
        let appender = Appender {
            wal,
            known: Known::new(self.settings.known_ids_max, self.counters.clone()),
            queue: self.queue.clone(),
            picture: self.picture.clone(),
            gauges: self.admission.gauges.clone(),
            counters: self.counters.clone(),
            points: self.points.clone(),
            clock: self.clock.clone(),
            flush_wanted: self.flush_wanted.clone(),
        };
        let thread = std::thread::Builder::new().name("stormglass-wal".into()).spawn(move || appender.run());
        let path = self.settings.data_dir.clone();
        let thread = thread.map_err(|source| EngineError::Io { action: "start a thread for", path, source })?;
        *self.wal_thread.lock() = Some(thread);
        Ok(self)
    }

    /// Asks to take in `bytes`; the permit counts them until it is dropped.
    pub fn admit(&self, bytes: u64) -> Result<Permit, Refusal> {
        self.admission.admit(bytes)
    }

    /// Asks whether a body is new. Waits for the outcome of the same body's first attempt if that is
    /// under way.
    pub async fn repeat_of(&self, workspace: &Workspace, body_hash: ContentHash) -> Repeat {
        self.repeats.of(repeat::key(workspace, body_hash), self.clock.monotonic()).await
    }

    /// Stores a request: on stable storage and visible when it returns `Ok`. If the caller goes away
    /// meanwhile, it may be stored all the same, and its retry is then a repeat.
    pub async fn append(&self, append: Append, ticket: Ticket, permit: Permit) -> Result<Ack, Refusal> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        if let Err((job, closed)) = self.queue.push(Job { append, ticket, permit, reply }) {
            let refusal = if closed {
                Refusal::closing()
            } else {
                Refusal::new(RefusalReason::Queue, "too many requests wait to be written")
            };
            job.refuse(refusal.clone(), &self.picture, &self.counters, &*self.clock);
            return Err(refusal);
        }
        answer.await.unwrap_or_else(|_| Err(Refusal::closing()))
    }

    /// Counts items that were not stored, by sender: undecodable, or refused after they were decoded.
    pub fn count_refused(&self, source: &Source<'_>, senders: &[SenderCount]) {
        self.count(source, senders, Fate::Refused);
    }

    /// Counts the items of a body that was stored already.
    pub fn count_repeated(&self, source: &Source<'_>, senders: &[SenderCount]) {
        self.counters.repeated_requests.add(1);
        self.count(source, senders, Fate::Repeated);
    }

    fn count(&self, source: &Source<'_>, senders: &[SenderCount], fate: Fate) {
        let overflowed = self.picture.count(source, senders, fate, self.clock.monotonic());
        self.counters.ledger_overflows.add(overflowed);
    }

    /// All rows of some tables, each once.
    pub fn view(&self, workspace: &Workspace, tables: &[TableId]) -> View {
        self.picture.view(workspace, tables)
    }

    /// The live parts of a workspace.
    pub fn parts_of(&self, workspace: &Workspace) -> Vec<Arc<PartMeta>> {
        self.picture.parts().into_iter().filter(|p| p.workspace == *workspace).collect()
    }

    /// The promoted set that rows are laid out by.
    pub fn promoted(&self) -> &Arc<PromotedSet> {
        self.specs.promoted()
    }

    /// Why no data would be taken in at the moment, or is not being written; empty when all is well.
    pub fn readiness(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.admission.verdict().err().map(|r| r.detail).into_iter().collect();
        let status = self.status.lock();
        reasons.extend(status.flush.as_ref().map(|why| format!("rows cannot be written to Parquet: {why}")));
        reasons
    }

    /// What an operator should know though data is taken in.
    pub fn warnings(&self) -> Vec<String> {
        let status = self.status.lock();
        let merging = status.compaction.as_ref().map(|why| format!("parts cannot be merged: {why}"));
        let plan = status.space_plan.as_ref().map(|p| format!("{} parts ({} bytes) will be deleted to make room", p.parts.len(), p.bytes));
        let durability = (self.settings.durability == wal::Durability::Os)
            .then(|| "durability is `os`: a power cut loses acknowledged data".to_owned());
        merging.into_iter().chain(status.retention.clone()).chain(plan).chain(durability).collect()
    }

    /// What will be deleted to stay below the bound on disk use.
    pub fn space_plan(&self) -> Option<SpacePlan> {
        self.status.lock().space_plan.clone()
    }

    /// Counters and levels for `/metrics`.
    pub fn stats(&self) -> Vec<Metric> {
        let (gauges, memory, parts) = (&self.admission.gauges, self.picture.in_memory(), self.picture.parts());
        let now = Levels {
            inflight_bytes: gauges.inflight_bytes.load(Ordering::Relaxed),
            inflight_requests: gauges.inflight_requests.load(Ordering::Relaxed),
            queue_requests: self.queue.len() as u64,
            memtable_bytes: memory.charge,
            memtable_rows: memory.rows,
            memtable_chunks: memory.chunks,
            wal_bytes: gauges.wal_bytes.load(Ordering::Relaxed),
            disk_free: gauges.disk_free(),
            disk_used: gauges.disk_used.load(Ordering::Relaxed),
            parts: parts.len() as u64,
            parts_level0: parts.iter().filter(|p| p.level == 0).count() as u64,
            parts_bytes: parts.iter().map(|p| p.bytes).sum(),
            parts_rows: parts.iter().map(|p| p.rows).sum(),
            repeat_entries: self.repeats.entries() as u64,
            ready: self.readiness().is_empty(),
        };
        let mut all = metrics(&self.counters, &now);
        all.extend(self.picture.ledger_metrics());
        all
    }

    /// Asks the file system how much room there is. Called often; tests call it by hand.
    pub fn measure_space(&self) {
        let gauges = &self.admission.gauges;
        match (self.disk_free.0)(&self.settings.data_dir) {
            Ok(free) => gauges.set_disk_free(Some(free)),
            Err(error) => {
                tracing::warn!(%error, dir = %self.settings.data_dir.display(), "the free space cannot be told");
                gauges.set_disk_free(None);
            }
        }
        let parts: u64 = self.picture.parts().iter().map(|p| p.bytes).sum();
        let wal = gauges.wal_bytes.load(Ordering::Relaxed) + self.counters.wal.bytes_spare.get();
        gauges.disk_used.store(parts + wal, Ordering::Relaxed);
    }

    /// Takes nothing more in, answers what waits, writes everything to Parquet, closes the catalog.
    /// What cannot be written stays in the WAL, and the error says why.
    pub async fn shutdown(&self) -> Result<FlushReport, EngineError> {
        self.admission.gauges.closing.store(true, Ordering::Relaxed);
        self.stop.cancel();
        self.queue.close();
        let wal_thread = self.wal_thread.lock().take();
        let background = std::mem::take(&mut *self.background.lock());
        let joined = tokio::task::spawn_blocking(move || {
            wal_thread.into_iter().chain(background).all(|thread| thread.join().is_ok())
        });
        let joined = joined.await.unwrap_or(false);
        let report = self.flush().await?;
        self.catalog.clone().close().await;
        if joined { Ok(report) } else { Err(EngineError::Task("a thread of the engine")) }
    }
}

impl Drop for Engine {
    /// Without a shutdown, as after a crash: the WAL has everything. The thread is waited for, so that
    /// nothing writes to the data directory once its lock is free.
    fn drop(&mut self) {
        self.stop.cancel();
        self.queue.close();
        let thread = self.wal_thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the write-ahead log's thread had died");
        }
    }
}

fn opened(clock: &dyn Clock, parts: &[PartMeta]) -> Opened {
    let wall = clock.now();
    let newest = parts.iter().map(|p| p.received_max).max().unwrap_or(wall);
    let gap = Duration::from_nanos(wall.0.abs_diff(newest.0));
    Opened { monotonic: clock.monotonic(), wall, gap }
}
