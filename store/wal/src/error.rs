//! What can go wrong, sorted by what the caller is to do about it.

use crate::Lsn;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Errors of the log. After any of them, records whose `sync` returned `Ok` are safe.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// No room: the disk or `total_bytes_max` is full. What was appended before is unharmed and can
    /// be synced; refuse this record, release or free space, and append again.
    #[error("write-ahead log has no room for {wanted} more bytes: {reason}")]
    Full { wanted: u64, reason: String },
    /// The group could not be made durable on two files in a row, or no new segment can be started.
    /// All records appended since the last successful `sync` are void: refuse them. Nothing is
    /// accepted until [`crate::Wal::reopen_writable`] succeeds.
    #[error("write-ahead log is read-only: {reason}")]
    ReadOnly { reason: String },
    /// More unsynced bytes than `unsynced_bytes_max`: sync first, then append again.
    #[error("{unsynced} bytes wait for a sync, at most {max} may")]
    Unsynced { unsynced: u64, max: u64 },
    /// One record of 4 GiB or more: never appendable.
    #[error("a record of {bytes} bytes is too large for the write-ahead log, at most {max} fit")]
    RecordTooLarge { bytes: u64, max: u64 },
    /// A segment of a later format: start the version that wrote it, or let that one flush first.
    #[error("{} was written by a later version (log format {version}): start that version again, or let it flush before going back", path.display())]
    Newer { path: PathBuf, version: char },
    /// The directory cannot be read or prepared at start.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl WalError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WalError {
        move |source| WalError::Io { action, path: path.to_owned(), source }
    }
}

/// A damaged place that replay stepped over. The records on both sides of it are delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write-ahead log segment {segment} is damaged at byte {}: {what}", bytes.start)]
pub struct Corruption {
    /// Number of the segment in which it was noticed.
    pub segment: u64,
    /// The bytes of the segment that hold no valid record.
    pub bytes: Range<u64>,
    /// The records that are missing; empty when it is not known which, or whether any.
    pub missing: Range<Lsn>,
    /// True if the missing records had certainly been synced. False if they may as well be the
    /// unfinished write of a power cut, which nobody was promised.
    pub was_durable: bool,
    /// Where a copy of the segment was put aside, unless the quarantine is full.
    pub quarantined: Option<PathBuf>,
    /// What is wrong, for people.
    pub what: String,
}

/// Why a data directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("data directory {} is in use by process {pid}: stop that process, or choose another data directory", dir.display())]
    InUse { dir: PathBuf, pid: String },
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}
