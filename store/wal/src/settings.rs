//! What an operator may choose about the log.

use std::path::PathBuf;

/// What `sync` waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// `fdatasync`: survives a power cut. The only setting under which "acknowledged" means "kept".
    #[default]
    Fsync,
    /// Bytes are with the operating system: survives the death of the process, not of the machine.
    Os,
    /// Records are numbered and not written: what is not in Parquet goes with the process.
    None,
}

/// Settings of one log. Sizes are bytes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Directory of the segments, usually `DATA_DIR/wal`; created when missing.
    pub dir: PathBuf,
    /// Size of a segment file, preallocated with real zeros. A record that does not fit gets a
    /// segment of its own size. Default 64 MiB, at least 16 KiB.
    pub segment_bytes: u64,
    /// Most spare segments kept ready, zero-filled or recycled; beyond it they are deleted. Default 4.
    pub pool_segments_max: usize,
    /// Bound on all segment files together, live and spare; reaching it is [`crate::WalError::Full`].
    /// Default 8 GiB.
    pub total_bytes_max: u64,
    /// Bound on what is appended and not yet synced, which is held in memory so that it can be
    /// written again elsewhere when an fsync fails. Default 256 MiB.
    pub unsynced_bytes_max: u64,
    /// Most damaged segments copied aside under `quarantine/`; further ones are only counted. Default 8.
    pub quarantine_segments_max: usize,
    pub durability: Durability,
}

impl Settings {
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            pool_segments_max: 4,
            total_bytes_max: 8 << 30,
            unsynced_bytes_max: 256 << 20,
            quarantine_segments_max: 8,
            durability: Durability::Fsync,
        }
    }
}
