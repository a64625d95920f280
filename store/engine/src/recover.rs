//! From what a process left behind to memory as it was: the WAL again, through the decoder.
//!
//! A crash at any point, in recovery too, changes nothing: records are replayed from the catalog's
//! position, and what was committed twice over is known by its body hash. A record that no longer
//! decodes is put aside and counted; damage is stepped over and every view says so.

use crate::append::Preparation;
use crate::envelope::{EnvelopeError, RecordHead};
use crate::error::EngineError;
use crate::failpoint::{Place, Points};
use crate::ledger::Source;
use crate::memtable::Insert;
use crate::repeat;
use crate::settings::Settings;
use crate::stats::Counters;
use crate::tally;
use crate::view::Picture;
use hashbrown::HashMap;
use model::{Clock, ContentHash, UnixNanos};
use rollup::Reader;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tables::Batches;
use wal::{Corruption, Disk, Record, Replay};

/// Turns a record's body into rows; given by whoever knows the protocol.
pub type DecodeFn = Arc<dyn Fn(&RecordHead, &[u8]) -> Result<Batches, String> + Send + Sync>;

/// A WAL that is being read again.
pub(crate) struct Recovery {
    pub(crate) replay: Replay,
    pub(crate) checkpoint: u64,
    pub(crate) decode: DecodeFn,
    pub(crate) preparation: Preparation,
    pub(crate) reader: Reader,
    pub(crate) bodies: Bodies,
    pub(crate) picture: Arc<Picture>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) points: Arc<Points>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) missing: Missing,
}

impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recovery").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

/// What could not be brought back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Missing {
    damaged_places: u64,
    undecodable: u64,
}

impl Missing {
    /// A sentence for every later answer; `None` if all is well.
    pub(crate) fn reason(&self) -> Option<String> {
        let damaged = (self.damaged_places > 0)
            .then(|| format!("{} damaged places in the write-ahead log are in quarantine", self.damaged_places));
        let undecodable =
            (self.undecodable > 0).then(|| format!("{} records that do not decode are put aside", self.undecodable));
        let all: Vec<String> = damaged.into_iter().chain(undecodable).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// Bodies met so far, with their times of receipt.
#[derive(Debug)]
pub(crate) struct Bodies {
    received: HashMap<ContentHash, UnixNanos>,
    window: Duration,
}

/// A repeat can be accepted again on the very edge of the window, measured from another instant than
/// the receipt that replay sees: there it must not pass for a record written twice.
const EDGE: Duration = Duration::from_secs(60);

impl Bodies {
    pub(crate) fn new(committed: Vec<(ContentHash, UnixNanos)>, window: Duration) -> Self {
        Self { received: committed.into_iter().collect(), window }
    }

    /// Notes a body; true if its record is a second copy of one that was replayed or committed.
    fn is_second(&mut self, key: ContentHash, received: UnixNanos) -> bool {
        let window = self.window.saturating_sub(EDGE);
        match self.received.insert(key, received) {
            Some(first) => u128::from(first.0.abs_diff(received.0)) <= window.as_nanos(),
            None => false,
        }
    }

    /// All of them, oldest first.
    pub(crate) fn into_ordered(self) -> Vec<(ContentHash, UnixNanos)> {
        let mut all: Vec<_> = self.received.into_iter().collect();
        all.sort_unstable_by_key(|(_, received)| *received);
        all
    }
}

/// Whether nothing of what the catalog wants is in the oldest segment, and nothing is damaged: another
/// catalog has released it. Gives the oldest record there is; asked of the first damage of a replay.
pub(crate) fn released_by_another(damage: &Corruption, checkpoint: u64) -> Option<u64> {
    let gone = &damage.missing;
    let released = damage.bytes.is_empty() && gone.start.0 == checkpoint && !gone.is_empty();
    released.then_some(gone.end.0)
}

impl Recovery {
    /// Replays until memory holds as much as one checkpoint takes (true), or to the end (false).
    pub(crate) fn step(&mut self) -> Result<bool, EngineError> {
        let mut first = true;
        while let Some(next) = self.replay.next() {
            self.points.hit(Place::RecoverReplay)?;
            match next {
                Ok(record) => self.record(&record)?,
                Err(damage) => self.damage(&damage, first)?,
            }
            first = false;
            if self.picture.is_due(self.clock.monotonic()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn damage(&mut self, damage: &Corruption, first: bool) -> Result<(), EngineError> {
        if let Some(oldest) = released_by_another(damage, self.checkpoint).filter(|_| first) {
            return Err(EngineError::CatalogTooOld { checkpoint: self.checkpoint, oldest });
        }
        self.counters.replay_corruptions.add(1);
        self.missing.damaged_places += 1;
        Ok(())
    }

    fn record(&mut self, record: &Record) -> Result<(), EngineError> {
        self.counters.replayed_records.add(1);
        let now = self.clock.monotonic();
        let lsn = record.lsn.0;
        if tally::is_tally(&record.payload) {
            match tally::decode(&record.payload) {
                Ok(counts) => self.picture.retold(lsn, counts, now),
                Err(error) => self.put_aside(record, &error.to_string())?,
            }
            return Ok(());
        }
        let (head, body) = match RecordHead::decode(&record.payload) {
            Ok(read) => read,
            Err(error @ EnvelopeError::Version(_)) => return Err(EngineError::Envelope(error)),
            Err(error) => return self.put_aside(record, &error.to_string()),
        };
        let key = repeat::key(&head.workspace, head.body_hash);
        if self.bodies.is_second(key, head.received) {
            self.counters.replayed_repeats.add(1);
            self.picture.skip(lsn, now);
            return Ok(());
        }
        let mut batches = match (self.decode)(&head, body) {
            Ok(batches) => batches,
            Err(why) => return self.put_aside(record, &why),
        };
        let rows: u64 = batches.tables.iter().map(|t| t.rows.num_rows() as u64).sum();
        self.counters.replayed_rows.add(rows);
        // How large a compressed body was is not known any more; rows have a least charge.
        let facts = self.reader.facts(&batches.tables);
        let chunks = self.preparation.chunks(&head, body.len() as u64, &mut batches);
        let RecordHead { workspace, token, signal, received, .. } = &head;
        let from = Source { workspace, token: token.as_ref(), signal: *signal, received: *received };
        let overflowed =
            self.picture.insert(vec![Insert { lsn, key, from, senders: &batches.senders, chunks, facts }], now);
        self.counters.ledger_overflows.add(overflowed);
        self.counters.chunks_coalesced.add(self.picture.coalesce());
        Ok(())
    }

    /// Keeps a record that cannot be read in a file of its own.
    fn put_aside(&mut self, record: &Record, why: &str) -> Result<(), EngineError> {
        let lsn = record.lsn;
        let path = self.undecodable_dir().join(format!("{:020}.record", lsn.0));
        tracing::error!(%lsn, why, path = %path.display(), "a record of the write-ahead log does not decode and is put aside");
        self.write_aside(record).map_err(|source| EngineError::Io { action: "put a record aside in", path, source })?;
        self.counters.replay_quarantined.add(1);
        self.missing.undecodable += 1;
        self.picture.skip(lsn.0, self.clock.monotonic());
        Ok(())
    }

    fn undecodable_dir(&self) -> PathBuf {
        self.settings.data_dir.join("wal").join("undecodable")
    }

    fn write_aside(&self, record: &Record) -> io::Result<()> {
        let dir = self.undecodable_dir();
        self.disk.create_dir_all(&dir)?;
        let name = format!("{:020}.record", record.lsn.0);
        let names = self.disk.list(&dir)?;
        if names.contains(&name) {
            return Ok(());
        }
        if names.len() >= self.settings.undecodable_records_max {
            let max = self.settings.undecodable_records_max;
            return Err(io::Error::other(format!("{max} records are there already: use the release that wrote them")));
        }
        let mut file = self.disk.create(&dir.join(&name))?;
        let mut written = 0;
        while written < record.payload.len() {
            written += match file.write_at(&[IoSlice::new(&record.payload[written..])], written as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
                Err(e) => return Err(e),
            };
        }
        file.fdatasync()?;
        self.disk.fsync_dir(&dir)
    }
}
