//! The one thread that writes the WAL: group, append, sync, show, answer.
//!
//! A request is answered only after its record is on stable storage, and its rows become visible in
//! the order of their records, a whole group in one moment. So a memtable generation is always an
//! exact range of WAL positions.

use crate::admit::{Gauges, Permit, Refusal, RefusalReason};
use crate::drops::Readings;
use crate::envelope::RecordHead;
use crate::failpoint::{Halted, Place, Points};
use crate::known::Known;
use crate::ledger::{Fate, Source};
use crate::memtable::{HotChunk, Insert};
use crate::queue::{Next, Queue};
use crate::repeat::Ticket;
use crate::stats::Counters;
use crate::tally;
use crate::view::Picture;
use bytes::Bytes;
use model::Clock;
use rollup::Facts;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tables::Batches;
use tokio::sync::{Notify, oneshot};
use wal::{Lsn, Wal, WalError};

/// A decoded request to be stored.
#[derive(Clone, Debug)]
pub struct Append {
    pub head: RecordHead,
    /// As received, compressed or not.
    pub body: Bytes,
    pub batches: Batches,
    /// Bytes by which its rows are accounted in memory: those of the decompressed body.
    pub admitted: u64,
}

/// On stable storage and visible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    /// Position of the record in the WAL.
    pub lsn: u64,
}

/// A request on its way through the thread.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) append: Append,
    /// Of its spans, read before it was queued.
    pub(crate) facts: Facts,
    pub(crate) ticket: Ticket,
    /// Held until the answer.
    pub(crate) permit: Permit,
    pub(crate) reply: oneshot::Sender<Result<Ack, Refusal>>,
}

impl Job {
    fn from(&self) -> Source<'_> {
        let RecordHead { workspace, token, signal, received, .. } = &self.append.head;
        Source { workspace, token: token.as_ref(), signal: *signal, received: *received }
    }

    /// Answers with a refusal, which the ledger counts.
    pub(crate) fn refuse(self, refusal: Refusal, picture: &Picture, counters: &Counters, clock: &dyn Clock) {
        counters.refused(refusal.reason);
        let overflowed = picture.count(&self.from(), &self.append.batches.senders, Fate::Refused, clock.monotonic());
        counters.ledger_overflows.add(overflowed);
        self.ticket.refused(refusal.clone());
        // The sender may have gone.
        let _ = self.reply.send(Err(refusal));
    }
}

/// What the thread works with.
#[derive(Debug)]
pub(crate) struct Appender {
    pub(crate) wal: Wal,
    pub(crate) preparation: Preparation,
    pub(crate) queue: Arc<Queue>,
    pub(crate) picture: Arc<Picture>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) points: Arc<Points>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Wakes whoever flushes.
    pub(crate) flush_wanted: Arc<Notify>,
    /// When a tally was last thought of (monotonic).
    pub(crate) tallied: Duration,
}

impl Appender {
    /// Runs until the queue is closed and empty, or a fault test stops the engine.
    pub(crate) fn run(mut self) {
        let mut idle_rounds = 0;
        loop {
            let inflight = || self.gauges.inflight_requests.load(Ordering::Relaxed) as usize;
            let next = self.queue.next(&inflight);
            if self.points.halted() {
                return;
            }
            let outcome = match next {
                Next::Closed => return,
                Next::Idle => {
                    idle_rounds += 1;
                    self.when_idle(idle_rounds);
                    Ok(())
                }
                Next::Release(before) => self.release(before),
                Next::Group(jobs) => {
                    idle_rounds = 0;
                    self.group(jobs)
                }
            };
            self.publish_figures();
            if outcome.is_err() {
                return;
            }
        }
    }

    /// One group from queue to answer.
    fn group(&mut self, jobs: Vec<Job>) -> Result<(), Halted> {
        self.counters.append_groups.add(1);
        let outcomes = self.write(&jobs)?;
        let mut stored = Vec::with_capacity(jobs.len());
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            match outcome {
                Ok(lsn) => stored.push((job, lsn)),
                Err(refusal) => job.refuse(refusal, &self.picture, &self.counters, &*self.clock),
            }
        }
        self.show(&mut stored);
        for (job, lsn) in stored {
            job.ticket.stored(self.clock.monotonic());
            // The sender may have gone: its retry will be recognised.
            let _ = job.reply.send(Ok(Ack { lsn: lsn.0 }));
            drop(job.permit);
        }
        self.counters.chunks_coalesced.add(self.picture.coalesce());
        self.gauges.memtable_bytes.store(self.picture.in_memory().charge, Ordering::Relaxed);
        if self.picture.is_due(self.clock.monotonic()) {
            self.flush_wanted.notify_one();
        }
        Ok(())
    }

    /// Writes and syncs the records of a group. Each is on stable storage or refused.
    fn write(&mut self, jobs: &[Job]) -> Result<Vec<Result<Lsn, Refusal>>, Halted> {
        self.points.hit(Place::WalAppend)?;
        let created = self.segments_begun();
        let tally = self.append_tally();
        let mut outcomes: Vec<Result<Lsn, Refusal>> = jobs
            .iter()
            .map(|job| {
                let head = job.append.head.encode();
                self.wal.append_shared(&head, job.append.body.clone()).map_err(|e| refusal(&e))
            })
            .collect();
        self.points.hit(Place::WalBeforeSync)?;
        if let Err(error) = self.wal.sync() {
            tracing::error!(%error, "the write-ahead log cannot be written; nothing is taken in until it can");
            self.gauges.set_read_only(Some(error.to_string()));
            outcomes.iter_mut().filter(|o| o.is_ok()).for_each(|o| *o = Err(refusal(&error)));
            self.picture.unsay();
        } else if let Some(lsn) = tally {
            self.picture.said(lsn.0, self.clock.monotonic());
        }
        if self.segments_begun() != created {
            self.points.hit(Place::WalRotate)?;
        }
        self.points.hit(Place::WalAfterSync)?;
        Ok(outcomes)
    }

    /// What was refused and repeated goes into the log too, with the group or alone.
    fn append_tally(&mut self) -> Option<Lsn> {
        let now = self.clock.monotonic();
        if now.saturating_sub(self.tallied) < tally::EVERY {
            return None;
        }
        self.tallied = now;
        let record = self.picture.say()?;
        let appended = self.wal.append_shared(&record, Bytes::new());
        // A log that takes nothing leaves the counts in memory, for the next checkpoint.
        appended.inspect_err(|_| self.picture.unsay()).ok()
    }

    fn segments_begun(&self) -> u64 {
        let stats = self.wal.stats();
        stats.segments_created + stats.segments_recycled
    }

    /// Makes the rows of stored jobs visible, in the order of their records.
    fn show(&mut self, stored: &mut [(Job, Lsn)]) {
        let mut chunks = Vec::with_capacity(stored.len());
        for (job, _) in stored.iter_mut() {
            let Append { head, admitted, batches, .. } = &mut job.append;
            chunks.push(self.preparation.chunks(head, *admitted, batches));
        }
        let mut inserts = Vec::with_capacity(stored.len());
        for ((job, lsn), chunks) in stored.iter_mut().zip(chunks) {
            let facts = std::mem::take(&mut job.facts);
            let rows: u64 = chunks.iter().map(|c| c.batch.rows.num_rows() as u64).sum();
            self.counters.appended_requests.add(1);
            self.counters.appended_bytes.add(job.append.admitted);
            self.counters.appended_rows.add(rows);
            let (key, from, senders) = (job.ticket.key(), job.from(), job.append.batches.senders.as_slice());
            inserts.push(Insert { lsn: lsn.0, key, from, senders, chunks, facts });
        }
        let overflowed = self.picture.insert(inserts, self.clock.monotonic());
        self.counters.ledger_overflows.add(overflowed);
    }

    /// Lets segments be recycled whose records are in the catalog.
    fn release(&mut self, before: u64) -> Result<(), Halted> {
        self.points.hit(Place::WalRelease)?;
        if let Err(error) = self.wal.release(Lsn(before)) {
            tracing::warn!(%error, "a segment of the write-ahead log could not be recycled; it is tried again");
        }
        Ok(())
    }

    /// Nothing came for a while.
    fn when_idle(&mut self, rounds: u32) {
        /// Rounds of a second after which spare segments are given back to the disk.
        const SHRINK_AFTER: u32 = 60;
        if self.gauges.read_only().is_some() && self.wal.reopen_writable().is_ok() {
            self.gauges.set_read_only(None);
        }
        if let Some(lsn) = self.append_tally() {
            match self.wal.sync() {
                Ok(()) => self.picture.said(lsn.0, self.clock.monotonic()),
                Err(error) => {
                    self.gauges.set_read_only(Some(error.to_string()));
                    self.picture.unsay();
                }
            }
        }
        if rounds == SHRINK_AFTER
            && let Err(error) = self.wal.shrink_idle()
        {
            tracing::warn!(%error, "spare segments of the write-ahead log could not be deleted");
        }
    }

    fn publish_figures(&self) {
        let (stats, figures) = (self.wal.stats(), &self.counters.wal);
        self.gauges.wal_bytes.store(self.wal.bytes_live(), Ordering::Relaxed);
        figures.written_bytes.set(stats.written_bytes);
        figures.fdatasyncs.set(stats.fdatasyncs);
        figures.failed_syncs.set(stats.failed_syncs);
        figures.failed_writes.set(stats.failed_writes);
        figures.segments_live.set(stats.segments_live);
        figures.segments_spare.set(stats.segments_spare);
        figures.bytes_spare.set(stats.file_bytes_spare);
    }
}

impl Drop for Appender {
    /// However the thread ends, nobody waits for it in vain.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.gauges.set_read_only(Some("the thread that writes the write-ahead log has died".into()));
        }
        self.queue.abandon();
    }
}

/// What a record is turned into on its way into memory, live and in replay alike.
#[derive(Debug)]
pub(crate) struct Preparation {
    pub(crate) known: Known,
    pub(crate) readings: Readings,
    pub(crate) picture: Arc<Picture>,
    pub(crate) row_bytes_min: u64,
}

impl Preparation {
    /// The chunks of a record: its batches without what is written today already. Settles what its
    /// senders say they have dropped.
    pub(crate) fn chunks(&mut self, head: &RecordHead, admitted: u64, batches: &mut Batches) -> Vec<Arc<HotChunk>> {
        self.readings.settle(&mut batches.senders);
        let tables = std::mem::take(&mut batches.tables);
        let all_rows: u64 = tables.iter().map(|t| t.rows.num_rows() as u64).sum();
        let mut chunks = Vec::with_capacity(tables.len());
        for batch in tables {
            let rows = batch.rows.num_rows() as u64;
            let bytes = (admitted * rows / all_rows.max(1)).max(rows * self.row_bytes_min);
            let table = batch.table;
            match self.known.unknown(&head.workspace, batch) {
                Ok(Some(batch)) if batch.rows.num_rows() > 0 => chunks.push(Arc::new(HotChunk {
                    id: self.picture.next_chunk_id(),
                    workspace: head.workspace.clone(),
                    batch,
                    received: head.received,
                    bytes,
                })),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, %table, "rows that do not fit their table were given to the store")
                }
            }
        }
        chunks
    }
}

fn refusal(error: &WalError) -> Refusal {
    let reason = match error {
        WalError::Full { .. } => RefusalReason::WalFull,
        WalError::Unsynced { .. } => RefusalReason::Queue,
        WalError::RecordTooLarge { .. } => RefusalReason::TooLarge,
        WalError::ReadOnly { .. } | WalError::Io { .. } | WalError::Newer { .. } => RefusalReason::ReadOnly,
    };
    Refusal::new(reason, error.to_string())
}
