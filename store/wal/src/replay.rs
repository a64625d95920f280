//! Reading back: every needed record once, in order, around whatever damage there is.

use crate::disk::{Disk, DiskFile, read_full_at, write_all_at};
use crate::record::Salted;
use crate::scan::{Found, scan};
use crate::segment::{self, Header, Kind};
use crate::{Corruption, Lsn, Record, ReplayStats, Settings};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The records that were in the log when it was opened, from the checkpoint on. Holds one segment
/// in memory. Dropping it early is harmless: nothing on the disk depends on it.
#[derive(Debug)]
pub struct Replay {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    quarantine_max: usize,
    segments: VecDeque<(u64, Option<Header>)>,
    from: Lsn,
    /// The next record to be delivered, if nothing is missing.
    expected: Lsn,
    bytes: Vec<u8>,
    found: VecDeque<Item>,
    stats: ReplayStats,
}

#[derive(Debug)]
enum Item {
    Record { lsn: Lsn, payload: Range<usize> },
    Corruption(Corruption),
}

impl Replay {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        settings: &Settings,
        segments: VecDeque<(u64, Option<Header>)>,
        from: Lsn,
    ) -> Self {
        Self {
            disk,
            dir: settings.dir.clone(),
            quarantine_max: settings.quarantine_segments_max,
            segments,
            from,
            expected: from,
            bytes: Vec::new(),
            found: VecDeque::new(),
            stats: ReplayStats::default(),
        }
    }

    /// The next record, or the next damaged place; `None` at the end of the log. An error is a
    /// report, not an end: what can be read is delivered before and after it.
    #[expect(clippy::should_implement_trait, reason = "an iterator's adapters would invite to stop at the first error")]
    pub fn next(&mut self) -> Option<Result<Record, Corruption>> {
        loop {
            match self.found.pop_front() {
                Some(Item::Record { lsn, payload }) => {
                    let payload = self.bytes.get(payload)?.to_vec();
                    self.stats.records += 1;
                    self.stats.payload_bytes += payload.len() as u64;
                    return Some(Ok(Record { lsn, payload }));
                }
                Some(Item::Corruption(corruption)) => {
                    tracing::error!(%corruption, missing = ?corruption.missing, "write-ahead log");
                    self.stats.corruptions += 1;
                    self.stats.records_missing += corruption.missing.end.0.saturating_sub(corruption.missing.start.0);
                    return Some(Err(corruption));
                }
                None => {
                    let (id, header) = self.segments.pop_front()?;
                    self.load(id, header);
                }
            }
        }
    }

    pub fn stats(&self) -> ReplayStats {
        self.stats
    }

    /// Reads a segment and lines up what is to be delivered of it.
    fn load(&mut self, id: u64, header: Option<Header>) {
        self.stats.segments += 1;
        self.bytes = read_segment(&*self.disk, &segment::path(&self.dir, id, Kind::Live));
        let Some(header) = header else {
            let all = 0..self.bytes.len() as u64;
            self.damaged(id, all, self.expected..self.expected, true, "both copies of its header are unreadable");
            return;
        };
        let later: Vec<Header> = self.segments.iter().filter_map(|(_, header)| *header).collect();
        // A later segment may say that it follows an earlier record than this one does: what lies
        // between was refused, and its senders know.
        let until = later.iter().map(|later| later.after).min();
        let after = until.map_or(header.after, |until| until.min(header.after));
        if after > self.expected {
            self.damaged(id, 0..0, self.expected..after, true, "records before this segment are missing");
        }
        let same_run = later.iter().filter(|later| later.run == header.run);
        let known = same_run.map(|later| later.after).max().unwrap_or_default();
        let salted = Salted::new(header.salt);
        let scan = scan(&self.bytes, &salted, header.first, until.unwrap_or(Lsn(u64::MAX)), known);
        self.expected = self.expected.max(header.first);
        for found in scan.found {
            match found {
                Found::Record { lsn, payload } if lsn >= self.from => {
                    self.expected = lsn.next();
                    self.found.push_back(Item::Record { lsn, payload });
                }
                Found::Damage { bytes, missing, was_durable } if missing.end > self.from => {
                    self.damaged(id, bytes, missing, was_durable, "no valid record stands here");
                }
                Found::Record { .. } | Found::Damage { .. } => {}
            }
        }
        let end = self.expected.max(scan.end);
        match later.first().zip(until) {
            // The next segment was begun because this one was full, or after a restart that saw it end here.
            Some((next, until)) if until > end => {
                let rest = scan.end_at..self.bytes.len() as u64;
                self.damaged(id, rest, end..until, next.run == header.run, "its last records are missing");
            }
            Some(_) => {}
            None => self.stats.torn_tails += u64::from(scan.seen > scan.end),
        }
    }

    fn damaged(&mut self, segment: u64, bytes: Range<u64>, missing: Range<Lsn>, was_durable: bool, what: &str) {
        let missing = missing.start.max(self.from)..missing.end.max(self.from);
        self.expected = self.expected.max(missing.end);
        let quarantined = match self.quarantine(segment) {
            Ok(path) => path,
            Err(e) => {
                tracing::warn!(segment, error = %e, "a damaged write-ahead log segment could not be copied aside");
                None
            }
        };
        self.stats.quarantine_refused += u64::from(quarantined.is_none());
        let what = what.to_owned();
        let corruption = Corruption { segment, bytes, missing, was_durable, quarantined, what };
        self.found.push_back(Item::Corruption(corruption));
    }

    /// Copies the loaded segment aside, once: a copy from an earlier start is left as it is.
    fn quarantine(&mut self, segment: u64) -> io::Result<Option<PathBuf>> {
        let dir = self.dir.join("quarantine");
        self.disk.create_dir_all(&dir)?;
        let path = segment::path(&dir, segment, Kind::Live);
        let names = self.disk.list(&dir)?;
        if names.iter().any(|name| dir.join(name) == path) {
            return Ok(Some(path));
        }
        if names.len() >= self.quarantine_max {
            return Ok(None);
        }
        let copied = self.disk.create(&path).and_then(|mut copy| {
            write_all_at(&mut *copy, &mut [IoSlice::new(&self.bytes)], 0)?;
            copy.fdatasync()?;
            self.disk.fsync_dir(&dir)
        });
        if let Err(e) = copied {
            let _ = self.disk.unlink(&path);
            return Err(e);
        }
        self.stats.quarantined += 1;
        Ok(Some(path))
    }
}

/// The bytes of a segment; zeros, where the disk does not give them back. A file that cannot be
/// opened is an empty one: the records it held are then reported missing.
pub(crate) fn read_segment(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    let opened = disk.open(path).and_then(|file| Ok((file.len()?, file)));
    let (len, file) = match opened {
        Ok(opened) => opened,
        Err(e) => {
            tracing::error!(path = %path.display(), error = %e, "write-ahead log segment cannot be read");
            return Vec::new();
        }
    };
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    const CHUNK: usize = 1 << 20;
    for (i, chunk) in bytes.chunks_mut(CHUNK).enumerate() {
        let at = (i * CHUNK) as u64;
        if read_full_at(&*file, chunk, at).is_err() {
            read_what_can_be(&*file, chunk, at);
        }
    }
    bytes
}

/// Block by block, leaving zeros for the bad ones.
fn read_what_can_be(file: &dyn DiskFile, chunk: &mut [u8], at: u64) {
    const BLOCK: usize = 4096;
    for (i, block) in chunk.chunks_mut(BLOCK).enumerate() {
        if read_full_at(file, block, at + (i * BLOCK) as u64).is_err() {
            block.fill(0);
        }
    }
}
