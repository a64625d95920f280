//! What can go wrong with the metastore, by what the caller can do about it.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum MetastoreError {
    /// Another process holds the file: try again.
    #[error("metastore is locked by another process")]
    Busy,
    /// The disk refuses (full, read-only, failing): try again later.
    #[error("metastore cannot be written: {0}")]
    Disk(String),
    /// The file is not a readable metastore.
    #[error("metastore {path} is damaged ({what}): restore it from a backup, or move it away to begin anew")]
    Corrupt { path: PathBuf, what: String },
    /// Written by a newer version of the program.
    #[error(
        "metastore {path} has schema {found} of `{module}`, this version knows up to {known}: start a newer version"
    )]
    TooNew { path: PathBuf, module: String, found: i64, known: i64 },
    /// The name is taken by a row that is still valid.
    #[error("{0} exists already")]
    Exists(String),
    /// There are as many of a kind as are kept.
    #[error("{max} documents of kind {kind} are kept, and there are as many")]
    Full { kind: String, max: u32 },
    /// It would leave nobody of a kind of which one must remain.
    #[error("this is the last {0}: make another first")]
    Last(String),
    #[error("metastore: {0}")]
    Other(String),
}
