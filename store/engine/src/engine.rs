//! The engine: what the rest of the program calls.

use crate::admit::{Admission, Permit, Refusal, RefusalReason};
use crate::append::{Ack, Append, Job};
use crate::checkpoint::FlushReport;
use crate::error::EngineError;
use crate::failpoint::Points;
use crate::flush::FlushState;
use crate::ledger::{Fate, Source};
use crate::maintain::Maintenance;
use crate::open::Opened;
use crate::orphans::Stock;
use crate::queue::Queue;
use crate::repeat::{self, Repeat, Repeats, Ticket};
use crate::report::Status;
use crate::settings::Settings;
use crate::space::DiskFree;
use crate::specs::Specs;
use crate::stats::Counters;
use crate::view::{Picture, RollupContent, View};
use catalog::Catalog;
use model::{Clock, ContentHash, Workspace};
use parking_lot::Mutex;
use parts::PartStore;
use rollup::{Found, Moment, Reader, Resolved};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tables::{PartMeta, PromotedSet, SenderCount, TableId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wal::DataDirLock;

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
    pub(crate) stock: Stock,
    pub(crate) reader: Reader,
    pub(crate) flush_wanted: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    pub(crate) repeats: Arc<Repeats>,
    pub(crate) disk_free: NamedDiskFree,
    pub(crate) wal_thread: Mutex<Option<JoinHandle<()>>>,
    pub(crate) background: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) _lock: DataDirLock,
}

/// A [`DiskFree`] that can stand in a `Debug` struct.
pub(crate) struct NamedDiskFree(pub(crate) DiskFree);

impl std::fmt::Debug for NamedDiskFree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DiskFree")
    }
}

impl Engine {
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
        let facts = self.reader.facts(&append.batches.tables);
        if let Err((job, closed)) = self.queue.push(Job { append, facts, ticket, permit, reply }) {
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

    /// What the request rates and edges of a workspace consist of at this moment.
    pub fn rollup_content(&self, workspace: &Workspace) -> RollupContent {
        self.picture.rollup_content(workspace)
    }

    /// Counts edges whose parent was found among stored spans, for rows of `edges_pending` that waited for
    /// it. Each row is counted once, whoever else finds its parent, and however often this is called. Kept
    /// with the next checkpoint; what a crash takes is still pending then.
    pub fn resolve(&self, workspace: &Workspace, found: Vec<Found>, moment: Moment) -> Resolved {
        self.picture.resolve(workspace, found, moment, (self.clock.now(), self.clock.monotonic()))
    }

    /// To be taken before a search for [`Engine::resolve`] begins.
    pub fn moment(&self) -> Moment {
        self.picture.moment()
    }

    /// Workspaces that have rows of a table.
    pub fn workspaces(&self, table: TableId) -> Vec<Workspace> {
        self.picture.workspaces(table)
    }

    /// The live parts of a workspace.
    pub fn parts_of(&self, workspace: &Workspace) -> Vec<Arc<PartMeta>> {
        self.picture.parts().into_iter().filter(|p| p.workspace == *workspace).collect()
    }

    /// The age at which rows of a table go; `None`: they are kept for ever.
    pub fn age_of(&self, table: TableId) -> Option<Duration> {
        self.settings.retention.age_of(table)
    }

    /// The promoted set that rows are laid out by.
    pub fn promoted(&self) -> &Arc<PromotedSet> {
        self.specs.promoted()
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
