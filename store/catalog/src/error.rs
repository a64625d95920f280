//! What can go wrong with the catalog, by what the caller can do about it.

use std::path::PathBuf;
use tables::PartId;

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Another process holds the file: try again.
    #[error("catalog is locked by another process")]
    Busy,
    /// The disk refuses (full, read-only, failing): keep the WAL and try again.
    #[error("catalog cannot be written: {0}")]
    Disk(String),
    /// The file is not a readable catalog.
    #[error("catalog {path} is damaged ({what}): run `stormglass fsck --rebuild`")]
    Corrupt { path: PathBuf, what: String },
    /// Written by a newer version of the program.
    #[error("catalog {path} has schema {found}, this version knows up to {known}: start a newer version")]
    TooNew { path: PathBuf, found: i64, known: i64 },
    /// A part to be removed is not live: another compaction was quicker. Drop the outputs.
    #[error("part {0} is not live any more")]
    NotLive(PartId),
    /// A value that cannot be stored: a mistake of the caller.
    #[error("{0}")]
    Invalid(String),
    #[error("catalog: {0}")]
    Other(String),
}

impl CatalogError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Disk(_))
    }
}
