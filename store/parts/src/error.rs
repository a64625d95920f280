//! What can go wrong with a part, by what the caller can do about it.

use arrow::error::ArrowError;
use parquet::errors::ParquetError;

/// Each kind tells the caller what to do: retry later, rebuild or quarantine, or fix the call.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The object store or the disk does not answer now: keep the rows and try again.
    #[error("object store does not answer for {path}: {source}")]
    Unavailable { path: String, source: object_store::Error },
    /// The disk refuses: full, read-only, gone. Keep the rows and try again.
    #[error("cannot {doing} {path}: {source}")]
    Disk { doing: &'static str, path: String, source: std::io::Error },
    /// There is no such file.
    #[error("part file {path} is missing")]
    Missing { path: String },
    /// The file is not what was written: quarantine it.
    #[error("part file {path} is damaged: {what}")]
    Damaged { path: String, what: String },
    /// Another file has the name of this part: the id was used twice.
    #[error("{path} exists already with other content")]
    Conflict { path: String },
    /// Written by a newer version of the program.
    #[error("{path} has part format {found}, this version reads up to {known}: start a newer version")]
    TooNew { path: String, found: u32, known: u32 },
    /// Rows that do not fit their table, or settings that cannot work: a mistake of the caller.
    #[error("{0}")]
    Invalid(String),
    /// The rows could not be encoded or decoded.
    #[error("parquet: {0}")]
    Parquet(#[from] ParquetError),
    #[error("arrow: {0}")]
    Arrow(#[from] ArrowError),
    /// A task died or was cancelled at shutdown.
    #[error("a background task of the part store ended early: {0}")]
    Stopped(String),
}

impl PartError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Disk { .. } | Self::Stopped(_))
    }
}
