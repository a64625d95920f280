//! Opening: what lies in the directory, what of it is still needed, where the log ends.

use crate::disk::{Disk, DiskFile, read_full_at, write_all_at};
use crate::group::Group;
use crate::pool::{Pool, unlink};
use crate::record::{Salted, framed_bytes};
use crate::replay::{self, Replay};
use crate::scan::scan;
use crate::segment::{self, COPIES_AT, Header, HeaderState, Kind, RECORDS_AT};
use crate::wal::{Live, Wal};
use crate::{Lsn, Settings, WalError, WalStats};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

/// A `.wal` file that may hold records.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    id: u64,
    bytes: u64,
    /// `None`: unreadable.
    header: Option<Header>,
    /// Whether its file may have another life.
    fit: bool,
}

/// Where the log ends.
#[derive(Clone, Copy, Debug)]
struct End {
    /// One more than the last record.
    delivered: Lsn,
    /// One more than the highest number that may ever have been given.
    given: Lsn,
}

/// The last records of the log, as they read: nothing says that they were ever durable.
#[derive(Debug)]
struct Doubtful {
    id: u64,
    at: u64,
    bytes: Vec<u8>,
}

const SEGMENT_BYTES_MIN: u64 = 2 * RECORDS_AT;

pub(crate) fn open(disk: Arc<dyn Disk>, mut settings: Settings, from: Lsn) -> Result<(Wal, Replay), WalError> {
    settings.segment_bytes = settings.segment_bytes.max(SEGMENT_BYTES_MIN).next_multiple_of(RECORDS_AT);
    let dir = settings.dir.as_path();
    disk.create_dir_all(dir).map_err(WalError::io("create", dir))?;
    let mut pool = Pool::new(disk.clone(), dir, settings.segment_bytes, settings.pool_segments_max);
    let mut candidates = take_stock(&*disk, &settings, &mut pool)?;
    let (end, doubtful) = find_end(&*disk, dir, &candidates, from);
    release(&mut candidates, &mut pool, from, end)?;
    let unsynced = make_durable(&*disk, dir, &candidates, doubtful.as_ref()).err();
    let live: VecDeque<Live> = candidates.iter().map(Candidate::live).collect();
    let segments = candidates.iter().map(|c| (c.id, c.header)).collect();
    let replay = Replay::new(disk.clone(), &settings, segments, from);
    let mut wal = Wal {
        run: disk.entropy(),
        pool,
        live,
        active: None,
        group: Group::default(),
        durable: end.delivered,
        promised: end.delivered,
        next: end.given,
        read_only: None,
        stats: WalStats::default(),
        settings,
    };
    if let Some(e) = unsynced {
        // Replay may go on; appending starts by a new segment, once one can be made.
        wal.give_up(format!("syncing the old segments failed: {e}"));
    }
    Ok((wal, replay))
}

/// Reads all names and headers; sorts out what never held a record.
fn take_stock(disk: &dyn Disk, settings: &Settings, pool: &mut Pool) -> Result<Vec<Candidate>, WalError> {
    let dir = settings.dir.as_path();
    let mut files: Vec<_> = disk
        .list(dir)
        .map_err(WalError::io("list", dir))?
        .iter()
        .filter_map(|name| segment::parse_name(name))
        .collect();
    files.sort_unstable_by_key(|(id, _)| *id);
    let mut candidates = Vec::new();
    for (id, kind) in files {
        pool.saw(id);
        let path = segment::path(dir, id, kind);
        let file = disk.open(&path).map_err(WalError::io("open", &path))?;
        let bytes = file.len().map_err(WalError::io("measure", &path))?;
        let spare_fit = bytes == settings.segment_bytes && pool.spares() < settings.pool_segments_max;
        match (kind, read_header(id, &*file)) {
            (Kind::Live, HeaderState::Valid { header, twice }) => {
                candidates.push(Candidate { id, bytes, header: Some(header), fit: twice });
            }
            (Kind::Live, HeaderState::Unreadable) => candidates.push(Candidate { id, bytes, header: None, fit: false }),
            (Kind::Live, HeaderState::Newer(version)) => {
                return Err(WalError::Newer { path, version: char::from(version) });
            }
            (Kind::Live, HeaderState::Unused) => {
                pool.give_back(id, bytes, true).map_err(WalError::io("recycle", &path))?;
            }
            (Kind::Spare, _) if spare_fit => pool.adopt(id),
            (Kind::Spare, _) => unlink(disk, &path).map_err(WalError::io("delete", &path))?,
        }
    }
    Ok(candidates)
}

/// An unreadable disk block is an unreadable header.
fn read_header(id: u64, file: &dyn DiskFile) -> HeaderState {
    let mut bytes = vec![0; RECORDS_AT as usize];
    // Half by half: each copy may stand on a block that cannot be read.
    let (first, second) = bytes.split_at_mut(RECORDS_AT as usize / 2);
    let first_read = read_full_at(file, first, 0).is_ok();
    let second_read = read_full_at(file, second, RECORDS_AT / 2).is_ok();
    match Header::decode(id, &bytes) {
        HeaderState::Unused if !(first_read && second_read) => HeaderState::Unreadable,
        state => state,
    }
}

/// Reads the last segment whose header is whole; what lies behind it may hold as many records as fit.
fn find_end(disk: &dyn Disk, dir: &Path, candidates: &[Candidate], from: Lsn) -> (End, Option<Doubtful>) {
    let last = candidates.iter().rposition(|c| c.header.is_some());
    let unreadable: u64 = candidates[last.map_or(0, |i| i + 1)..].iter().map(|c| c.bytes / framed_bytes(0)).sum();
    let (mut end, mut doubtful) = (End { delivered: from, given: from }, None);
    if let Some((id, header)) = last.and_then(|i| Some((candidates[i].id, candidates[i].header?))) {
        let bytes = replay::read_segment(disk, &segment::path(dir, id, Kind::Live));
        let scan = scan(&bytes, &Salted::new(header.salt), header.first, Lsn(u64::MAX), Lsn::ZERO);
        end = End { delivered: from.max(scan.end), given: from.max(scan.seen) };
        // What earlier segments hold counts only as far as this one's header says that it was durable.
        let place = scan.doubtful(header.after);
        doubtful = Some(Doubtful { id, at: place.start as u64, bytes: bytes[place].to_vec() });
    }
    end.given = Lsn(end.given.0.saturating_add(unreadable));
    (end, doubtful)
}

/// Recycles the segments that hold nothing from `from` on.
fn release(candidates: &mut Vec<Candidate>, pool: &mut Pool, from: Lsn, end: End) -> Result<(), WalError> {
    let mut bound = end.given;
    let mut needed = Vec::new();
    for candidate in candidates.drain(..).rev() {
        if bound > from {
            needed.push(candidate);
        } else {
            let given_back = pool.give_back(candidate.id, candidate.bytes, candidate.fit);
            given_back.map_err(WalError::io("recycle a segment in", &pool.dir))?;
        }
        bound = candidate.header.map_or(bound, |header| header.after);
    }
    needed.reverse();
    *candidates = needed;
    Ok(())
}

/// What replay delivers must stay, even if the process that wrote it died before its sync: its
/// sender may come again and be told that we have it. After a sync that failed, the system may call
/// pages clean that reached no disk, and the next sync would say nothing: so what is in doubt, the last
/// group and the headers, is written once more, the same bytes to the same place.
fn make_durable(
    disk: &dyn Disk,
    dir: &Path,
    candidates: &[Candidate],
    doubtful: Option<&Doubtful>,
) -> std::io::Result<()> {
    for candidate in candidates {
        let mut file = disk.open(&segment::path(dir, candidate.id, Kind::Live))?;
        if let Some(header) = candidate.header {
            let copy = header.encode();
            for at in COPIES_AT {
                write_all_at(&mut *file, &mut [IoSlice::new(&copy)], at)?;
            }
        }
        if let Some(doubtful) = doubtful.filter(|doubtful| doubtful.id == candidate.id) {
            write_all_at(&mut *file, &mut [IoSlice::new(&doubtful.bytes)], doubtful.at)?;
        }
        file.fdatasync()?;
    }
    disk.fsync_dir(dir)
}

impl Candidate {
    fn live(&self) -> Live {
        Live {
            id: self.id,
            file_bytes: self.bytes,
            used: self.bytes,
            after: self.header.map(|header| header.after),
            fit: self.fit,
        }
    }
}
