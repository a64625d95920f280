//! The query worker: DataFusion over the store's parts and over rows not yet in files.
//!
//! It runs in a process of its own, asks its parent for one view per query, and reads Parquet files
//! itself. It refuses to know how rows came to be, and anything that writes.

use std::path::PathBuf;

/// How a worker finds its parent.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The Unix socket that the parent listens on.
    pub socket: PathBuf,
}

/// Why a worker ended other than by its parent closing the socket.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("query worker: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves queries until the parent closes the socket. Starts its own runtimes: call it from a plain `main`.
pub fn run_worker(settings: WorkerSettings) -> Result<(), WorkerError> {
    let _ = settings;
    Ok(())
}
