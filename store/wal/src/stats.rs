//! Counters for `/metrics` and for people. Monotonic unless said otherwise.

/// What a [`crate::Wal`] has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalStats {
    pub records: u64,
    /// Bytes of payload appended.
    pub payload_bytes: u64,
    /// Bytes written to segments, frames, headers and re-written groups included, zero-filling not.
    pub written_bytes: u64,
    /// Groups made durable, and the fdatasync calls on segments it took.
    pub groups: u64,
    pub fdatasyncs: u64,
    pub failed_writes: u64,
    pub failed_syncs: u64,
    /// Segments given up after a failed write or sync.
    pub segments_abandoned: u64,
    pub segments_created: u64,
    pub segments_recycled: u64,
    /// Appends refused because disk or bound was full, and because the log was read-only.
    pub refused_full: u64,
    pub refused_read_only: u64,
    /// Gauges: files held by unreleased segments and by the pool, and their sizes in bytes.
    pub segments_live: u64,
    pub file_bytes_live: u64,
    pub segments_spare: u64,
    pub file_bytes_spare: u64,
    pub read_only: bool,
}

/// What a [`crate::Replay`] has met so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayStats {
    pub segments: u64,
    pub records: u64,
    pub payload_bytes: u64,
    /// Ends of the log in the middle of a record: the write that a crash interrupted.
    pub torn_tails: u64,
    pub corruptions: u64,
    /// Records known to be missing.
    pub records_missing: u64,
    /// Segments copied to `quarantine/`, and those not copied because it was full.
    pub quarantined: u64,
    pub quarantine_refused: u64,
}
