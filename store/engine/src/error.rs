//! What can go wrong with an engine, by what the caller can do about it.

use crate::envelope::EnvelopeError;
use crate::failpoint::Halted;
use std::path::PathBuf;
use tables::TableId;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process has the data directory, or it cannot be taken: a sentence for the operator.
    #[error(transparent)]
    Lock(#[from] wal::LockError),
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Wal(#[from] wal::WalError),
    /// Transient kinds are tried again by the engine; the rows are kept.
    #[error(transparent)]
    Catalog(#[from] catalog::CatalogError),
    #[error(transparent)]
    Parts(#[from] parts::PartError),
    /// A record of a later release: start that one.
    #[error(transparent)]
    Envelope(EnvelopeError),
    #[error("rows do not fit their table: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A checkpoint would not hold the rows it was given: it is not committed, the rows stay in memory
    /// and in the WAL.
    #[error("a checkpoint of {table} was given {expected} rows and wrote {found}")]
    RowsDiffer { table: TableId, expected: u64, found: u64 },
    /// The catalog is older than the WAL: records that it still wants are gone. Nothing is thrown away.
    #[error(
        "the catalog knows data up to WAL record {checkpoint}, but the WAL begins at {oldest}: the catalog is an older copy. \
         Run `stormglass fsck --rebuild`, which reads the catalog's content from the Parquet files"
    )]
    CatalogTooOld { checkpoint: u64, oldest: u64 },
    /// A part file says that it was made under a later catalog. Nothing is thrown away.
    #[error(
        "{path} was made under a later catalog than this one: the catalog is an older copy. Run `stormglass fsck --rebuild`, \
         which reads the catalog's content from the Parquet files"
    )]
    CatalogBehindParts { path: String },
    /// A background task died.
    #[error("{0} ended early")]
    Task(&'static str),
    #[error("the engine is closed")]
    Closed,
    #[error(transparent)]
    Halted(#[from] Halted),
}
