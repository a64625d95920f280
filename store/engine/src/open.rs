//! How an engine begins: what the last process left is brought back, then the WAL thread starts.

use crate::admit::{Admission, Gauges};
use crate::append::{Appender, Preparation};
use crate::drops::Readings;
use crate::engine::{Engine, NamedDiskFree};
use crate::error::EngineError;
use crate::failpoint::Points;
use crate::flush::FlushState;
use crate::known::Known;
use crate::memtable::ChunkIds;
use crate::orphans::Stock;
use crate::queue::Queue;
use crate::recover::{Bodies, DecodeFn, Missing, Recovery};
use crate::repeat::Repeats;
use crate::settings::Settings;
use crate::space::DiskFree;
use crate::specs::Specs;
use crate::stats::Counters;
use crate::view::{PartSet, Picture};
use catalog::{Catalog, CatalogState, Checkpoint};
use model::{Clock, UnixNanos};
use parking_lot::Mutex;
use parts::PartStore;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tables::{PartMeta, PromotedSet};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wal::{DataDirLock, Disk, Lsn, Replay, Wal};

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

impl Engine {
    /// Brings back what the last process left, and takes appends from then on. Nothing happens in the
    /// background until [`Engine::start_background`].
    pub async fn open(settings: Settings, deps: Deps) -> Result<Arc<Self>, EngineError> {
        let Deps { lock, clock, disk, parts, catalog, decode, promoted, disk_free } = deps;
        let settings = Arc::new(settings);
        let mut state = catalog.load().await?;
        let bodies = Bodies::new(std::mem::take(&mut state.body_hashes), settings.repeat_window);
        let specs = Arc::new(Specs::new(promoted));
        let mut engine = Self::assemble(settings, clock, parts, catalog, specs, disk_free, lock, &state);
        engine.take_stock().await?;
        let (wal, replay) = engine.open_wal(disk.clone(), &state)?;
        let preparation = engine.recover(replay, disk, decode, bodies).await?;
        engine.measure_space();
        Ok(Arc::new(engine.begin(wal, preparation)?))
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
            stock: Stock::default(),
            reader: rollup::Reader::new(&settings.rollups),
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

    fn open_wal(&mut self, disk: Arc<dyn Disk>, state: &CatalogState) -> Result<(Wal, Replay), EngineError> {
        let wal_settings = wal::Settings {
            segment_bytes: self.settings.wal_segment_bytes,
            pool_segments_max: self.settings.wal_pool_segments_max,
            // Admission refuses at `wal_bytes_max`; spare segments and the tail of the last come on top.
            total_bytes_max: self.settings.wal_bytes_max.saturating_add(4 * self.settings.wal_segment_bytes),
            durability: self.settings.durability,
            ..wal::Settings::new(self.settings.data_dir.join("wal"))
        };
        let (wal, replay) = Wal::open(disk, wal_settings, Lsn(state.checkpoint))?;
        self.stock = Stock {
            checkpoint: state.checkpoint,
            wal_end: wal.next_lsn().0,
            catalog_generation: state.generation,
            live: state.parts.iter().map(|p| p.id).collect(),
        };
        Ok((wal, replay))
    }

    async fn recover(
        &self,
        replay: Replay,
        disk: Arc<dyn Disk>,
        decode: DecodeFn,
        bodies: Bodies,
    ) -> Result<Preparation, EngineError> {
        let mut recovery = Recovery {
            replay,
            checkpoint: self.stock.checkpoint,
            decode,
            preparation: self.preparation(),
            reader: self.reader.clone(),
            bodies,
            picture: self.picture.clone(),
            settings: self.settings.clone(),
            counters: self.counters.clone(),
            points: self.points.clone(),
            clock: self.clock.clone(),
            disk,
            missing: Missing::default(),
        };
        let mut swept = false;
        loop {
            let step = tokio::task::spawn_blocking(move || {
                let more = recovery.step();
                (recovery, more)
            });
            let more;
            (recovery, more) = step.await.map_err(|_| EngineError::Task("recovery"))?;
            let more = more?;
            // The first records have shown that the catalog belongs to this WAL: what a crash left can go.
            // Before the next checkpoint is committed, or it could not be told apart any more.
            if !std::mem::replace(&mut swept, true) && self.parts.local_root().is_some() {
                let leftovers = self.find_leftovers().await?;
                self.remove_leftovers(leftovers).await?;
            }
            if !more {
                break;
            }
            self.flush_while_recovering().await?;
        }
        if let Some(why) = recovery.missing.reason() {
            self.picture.set_missing(why);
        }
        self.remember(recovery.bodies);
        Ok(recovery.preparation)
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
                self.repeats.remember(key, monotonic, age);
            }
        }
    }

    fn preparation(&self) -> Preparation {
        Preparation {
            known: Known::new(self.settings.known_ids_max, self.counters.clone()),
            readings: Readings::new(self.settings.drop_series_max, self.counters.clone()),
            picture: self.picture.clone(),
            row_bytes_min: self.settings.row_bytes_min,
        }
    }

    fn begin(self, wal: Wal, preparation: Preparation) -> Result<Self, EngineError> {
        let appender = Appender {
            wal,
            preparation,
            queue: self.queue.clone(),
            picture: self.picture.clone(),
            gauges: self.admission.gauges.clone(),
            counters: self.counters.clone(),
            points: self.points.clone(),
            clock: self.clock.clone(),
            flush_wanted: self.flush_wanted.clone(),
            tallied: Duration::ZERO,
        };
        let thread = std::thread::Builder::new().name("stormglass-wal".into()).spawn(move || appender.run());
        let path = self.settings.data_dir.clone();
        let thread = thread.map_err(|source| EngineError::Io { action: "start a thread for", path, source })?;
        *self.wal_thread.lock() = Some(thread);
        Ok(self)
    }
}

fn opened(clock: &dyn Clock, parts: &[PartMeta]) -> Opened {
    let wall = clock.now();
    let newest = parts.iter().map(|p| p.received_max).max().unwrap_or(wall);
    let gap = Duration::from_nanos(wall.0.abs_diff(newest.0));
    Opened { monotonic: clock.monotonic(), wall, gap }
}
