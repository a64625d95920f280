//! Appending, syncing, releasing: the log while it is open.

use crate::disk::Disk;
use crate::group::Group;
use crate::pool::{Active, Pool};
use crate::record::{Framed, PAYLOAD_BYTES_MAX, framed_bytes};
use crate::{Durability, Lsn, Replay, Settings, WalError, WalStats, open};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

const NO_SEGMENT: &str = "no segment is open";

/// A segment that may hold records somebody needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live {
    pub(crate) id: u64,
    pub(crate) file_bytes: u64,
    /// Bytes of records in it.
    pub(crate) used: u64,
    /// No record from here on counts in earlier segments. `None`: its header is unreadable.
    pub(crate) after: Option<Lsn>,
    /// Whether its file may have another life.
    pub(crate) fit: bool,
}

/// The log, open for appending. One owner, one thread, synchronous IO.
#[derive(Debug)]
pub struct Wal {
    pub(crate) settings: Settings,
    pub(crate) pool: Pool,
    /// In order; the active one last.
    pub(crate) live: VecDeque<Live>,
    pub(crate) active: Option<Active>,
    pub(crate) group: Group,
    /// All records before it are on stable storage, or were given up for good.
    pub(crate) durable: Lsn,
    /// All records before it were durable when `sync` last said so.
    pub(crate) promised: Lsn,
    pub(crate) next: Lsn,
    pub(crate) run: u64,
    /// Why nothing is accepted, if so.
    pub(crate) read_only: Option<String>,
    pub(crate) stats: WalStats,
}

impl Wal {
    /// Opens the log in `settings.dir` and finds what is to be replayed: the records from `from` on,
    /// which is where the last checkpoint ended. Segments wholly before it are recycled. Nothing is
    /// appended to an old segment, and no new one is started before the first record comes: opening
    /// again and again leaves the directory as it is.
    pub fn open(disk: Arc<dyn Disk>, settings: Settings, from: Lsn) -> Result<(Wal, Replay), WalError> {
        open::open(disk, settings, from)
    }

    /// Adds a record whose payload is `payload`, one part behind the other. It is in memory until
    /// [`Wal::sync`]. Copies the payload once; [`Wal::append_shared`] does not.
    pub fn append(&mut self, payload: &[&[u8]]) -> Result<Lsn, WalError> {
        self.append_shared(&[], payload.concat().into())
    }

    /// Adds a record whose payload is `front` followed by `body`, which is shared and not copied.
    pub fn append_shared(&mut self, front: &[u8], body: Bytes) -> Result<Lsn, WalError> {
        let payload = (front.len() + body.len()) as u64;
        if payload > PAYLOAD_BYTES_MAX {
            return Err(WalError::RecordTooLarge { bytes: payload, max: PAYLOAD_BYTES_MAX });
        }
        let framed = framed_bytes(payload);
        let unsynced = self.group.bytes();
        if !self.group.is_empty() && unsynced + framed > self.settings.unsynced_bytes_max {
            return Err(WalError::Unsynced { unsynced, max: self.settings.unsynced_bytes_max });
        }
        self.make_room(framed)?;
        let active = self.active.as_ref().ok_or_else(|| WalError::ReadOnly { reason: NO_SEGMENT.to_owned() })?;
        let lsn = self.next;
        self.group.push(Framed::new(lsn, self.durable, Bytes::copy_from_slice(front), body, &active.salted));
        self.next = lsn.next();
        self.stats.records += 1;
        self.stats.payload_bytes += payload;
        Ok(lsn)
    }

    /// Makes everything appended so far durable. When it returns an error, all records appended
    /// since the last success are void: they must not be acknowledged, and the log is read-only.
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.settle()?;
        self.promised = self.next;
        Ok(())
    }

    /// Makes the group durable, in a second segment if the first refuses, without promising it: the
    /// records that a full segment forces out still share the fate of those behind them.
    fn settle(&mut self) -> Result<(), WalError> {
        self.writable()?;
        if self.group.is_empty() {
            return Ok(());
        }
        let Some(first_failure) = self.commit().err() else { return Ok(()) };
        // That file is never touched again: after a failed fsync the kernel may call lost pages clean.
        tracing::warn!(error = %first_failure, "write-ahead log segment abandoned, its last group goes to a new one");
        // What replaces it may exceed the bound by one segment, rather than void what was appended.
        self.abandon();
        let first = Lsn(self.next.0 - self.group.records());
        match self.start(self.group.bytes(), first).and_then(|()| self.commit()) {
            Ok(()) => Ok(()),
            Err(e) => Err(self.give_up(format!("writing failed twice: {first_failure}, then {e}"))),
        }
    }

    /// Leaves the read-only state if a new segment can be started; to be tried every few seconds.
    pub fn reopen_writable(&mut self) -> Result<(), WalError> {
        if self.read_only.is_none() {
            return Ok(());
        }
        let dir = self.settings.dir.clone();
        match self.pool.disk.create_dir_all(&dir).and_then(|()| self.start(0, self.next)) {
            Ok(()) => {
                tracing::warn!("write-ahead log is writable again");
                self.read_only = None;
                Ok(())
            }
            Err(e) => Err(self.give_up(format!("a new segment cannot be started: {e}"))),
        }
    }

    /// Number of the next record.
    pub fn next_lsn(&self) -> Lsn {
        self.next
    }

    /// Gives up the records before `before`, which must be durable elsewhere, with the pointer that
    /// says so: on a later opening `from` is never less. Their segments are recycled. An error means
    /// that a file could not be moved or deleted; it is tried again at the next release.
    pub fn release(&mut self, before: Lsn) -> Result<(), WalError> {
        while self.live.len() > 1 && self.bound(0) <= before {
            let Live { id, file_bytes, fit, .. } = self.live[0];
            self.pool
                .give_back(id, file_bytes, fit)
                .map_err(WalError::io("release a segment in", &self.settings.dir))?;
            self.live.pop_front();
        }
        if let (true, Some(last)) = (before >= self.next, self.live.back_mut()) {
            last.used = 0;
        }
        Ok(())
    }

    /// Deletes the spare segments; to be called when nothing has come for a while.
    pub fn shrink_idle(&mut self) -> Result<(), WalError> {
        self.pool.shrink(0).map_err(WalError::io("delete a spare segment in", &self.settings.dir))
    }

    /// Bytes of records not yet released; a segment's count until all of them are.
    pub fn bytes_live(&self) -> u64 {
        self.live.iter().map(|segment| segment.used).sum()
    }

    pub fn stats(&self) -> WalStats {
        WalStats {
            segments_created: self.pool.created,
            segments_recycled: self.pool.recycled,
            segments_live: self.live.len() as u64,
            file_bytes_live: self.file_bytes_live(),
            segments_spare: self.pool.spares() as u64,
            file_bytes_spare: self.pool.spare_bytes(),
            read_only: self.read_only.is_some(),
            ..self.stats
        }
    }

    fn file_bytes_live(&self) -> u64 {
        self.live.iter().map(|segment| segment.file_bytes).sum()
    }

    /// No record from here on stands in the i-th live segment.
    fn bound(&self, i: usize) -> Lsn {
        self.live.iter().skip(i + 1).find_map(|later| later.after).unwrap_or(self.next)
    }

    fn writable(&mut self) -> Result<(), WalError> {
        let Some(reason) = self.read_only.clone() else { return Ok(()) };
        self.stats.refused_read_only += 1;
        Err(WalError::ReadOnly { reason })
    }

    /// Sees to it that the active segment has room for `framed` more bytes behind the unsynced group.
    /// A group lies in one segment, so that one sync makes it durable.
    fn make_room(&mut self, framed: u64) -> Result<(), WalError> {
        self.writable()?;
        if self.has_room(framed) {
            return Ok(());
        }
        self.settle()?;
        // That may have moved on to a new segment.
        if self.has_room(framed) { Ok(()) } else { self.rotate(framed) }
    }

    fn has_room(&self, framed: u64) -> bool {
        self.active.as_ref().is_some_and(|active| active.at + self.group.bytes() + framed <= active.bytes)
    }

    fn rotate(&mut self, framed: u64) -> Result<(), WalError> {
        self.within_bound(framed)?;
        // Should the new segment fail and yet be there after a crash, it says that nothing follows in
        // the old one; so nothing may.
        self.active = None;
        let first_failure = match self.start(framed, self.next) {
            Ok(()) => return Ok(()),
            Err(e) => e,
        };
        if is_full(&first_failure) {
            return Err(self.full(framed, first_failure.to_string()));
        }
        tracing::warn!(error = %first_failure, "a write-ahead log segment could not be started, trying another");
        match self.start(framed, self.next) {
            Ok(()) => Ok(()),
            Err(e) => Err(self.give_up(format!("no new segment can be started: {first_failure}, then {e}"))),
        }
    }

    /// Whether a segment for `framed` bytes fits into `total_bytes_max`; deletes spares to make it fit.
    fn within_bound(&mut self, framed: u64) -> Result<(), WalError> {
        let bytes = self.pool.bytes_for(framed);
        if self.pool.has(bytes) {
            return Ok(());
        }
        let room = self.settings.total_bytes_max.saturating_sub(self.file_bytes_live());
        let Some(left) = room.checked_sub(bytes) else {
            let max = self.settings.total_bytes_max;
            return Err(self.full(framed, format!("all segments together may hold {max} bytes")));
        };
        let spares = usize::try_from(left / self.settings.segment_bytes.max(1)).unwrap_or(usize::MAX);
        self.pool.shrink(spares).map_err(WalError::io("delete a spare segment in", &self.settings.dir))
    }

    fn full(&mut self, wanted: u64, reason: String) -> WalError {
        self.stats.refused_full += 1;
        WalError::Full { wanted, reason }
    }

    /// Makes a new segment with room for `records` bytes the active one; record `first` comes first.
    fn start(&mut self, records: u64, first: Lsn) -> io::Result<()> {
        let bytes = self.pool.bytes_for(records);
        let active = self.pool.start(bytes, first, self.durable, self.run)?;
        let after = Some(self.durable);
        self.live.push_back(Live { id: active.id, file_bytes: bytes, used: 0, after, fit: true });
        self.group.reframe(first, self.durable, &active.salted);
        self.active = Some(active);
        Ok(())
    }

    /// Makes the group as durable as was asked for.
    fn commit(&mut self) -> io::Result<()> {
        if self.settings.durability != Durability::None {
            self.write_group()?;
        }
        self.group.clear();
        self.durable = self.next;
        self.stats.groups += 1;
        Ok(())
    }

    /// Writes the group to the active segment and makes it durable.
    fn write_group(&mut self) -> io::Result<()> {
        let active = self.active.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        self.group.write(&mut *active.file, active.at).inspect_err(|_| self.stats.failed_writes += 1)?;
        self.stats.written_bytes += self.group.bytes();
        if self.settings.durability == Durability::Fsync {
            self.stats.fdatasyncs += 1;
            active.file.fdatasync().inspect_err(|_| self.stats.failed_syncs += 1)?;
        }
        if !active.file.is_named().inspect_err(|_| self.stats.failed_syncs += 1)? {
            self.stats.failed_syncs += 1;
            return Err(io::Error::new(io::ErrorKind::NotFound, "somebody deleted the segment that is written to"));
        }
        active.at += self.group.bytes();
        if let Some(segment) = self.live.back_mut() {
            segment.used += self.group.bytes();
        }
        Ok(())
    }

    /// Closes the active segment for good; its file gets no other life.
    fn abandon(&mut self) {
        if self.active.take().is_some() {
            self.stats.segments_abandoned += 1;
            if let Some(segment) = self.live.back_mut() {
                segment.fit = false;
            }
        }
    }

    /// Voids what was appended since the last promise and accepts nothing more. The next segment will
    /// say that it follows the last promise, whatever the segments before it hold.
    pub(crate) fn give_up(&mut self, reason: String) -> WalError {
        tracing::error!(reason, "write-ahead log is read-only");
        self.abandon();
        self.group.clear();
        self.durable = self.promised;
        self.read_only = Some(reason.clone());
        WalError::ReadOnly { reason }
    }
}

/// Whether an error says that there is no room, rather than that something is broken.
fn is_full(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
