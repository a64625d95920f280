//! The part store: write, read, list, merge, retire.

use crate::{ListedFile, Merge, NewPart, PartError, Settings};
use model::Workspace;
use object_store::ObjectStore;
use std::path::PathBuf;
use std::sync::Arc;
use tables::{PartFile, PartMeta};

/// Parts on one object store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PartStore {}

/// Counters since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub parts_written: u64,
    pub rows_written: u64,
    pub bytes_written: u64,
    pub merges: u64,
    pub requests: u64,
    pub retries: u64,
    /// Requests given up because the retry budget was spent.
    pub retries_refused: u64,
}

impl PartStore {
    /// Opens the store, creating its directories. Touches no network.
    pub fn open(_settings: Settings) -> Result<Self, PartError> {
        todo!()
    }

    /// On a given object store (tests put failing ones here); `settings.location` must be S3 and is
    /// used for its staging directory only.
    pub fn over(_object_store: Arc<dyn ObjectStore>, _settings: Settings) -> Result<Self, PartError> {
        todo!()
    }

    /// The store itself with retries, for readers; paths are those of [`PartMeta::path`].
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        todo!()
    }

    /// The directory of a local store.
    pub fn local_root(&self) -> Option<PathBuf> {
        todo!()
    }

    /// Encodes and stores a part; when it returns, the file is on stable storage under its name.
    pub async fn write(&self, _part: NewPart) -> Result<PartMeta, PartError> {
        todo!()
    }

    /// Merges sorted parts into sorted parts: the same rows, cut at `output_bytes_max` and at event-time
    /// hours. The inputs stay; outputs are on stable storage when it returns. On error no output is left.
    pub async fn merge(&self, _merge: Merge) -> Result<Vec<PartMeta>, PartError> {
        todo!()
    }

    /// Reads what a file tells about itself, its size and its checksum (which reads all of it).
    pub async fn read_footer(&self, _path: &str) -> Result<PartFile, PartError> {
        todo!()
    }

    /// All `.parquet` files of a workspace, or of all.
    pub async fn list(&self, _workspace: Option<&Workspace>) -> Result<Vec<ListedFile>, PartError> {
        todo!()
    }

    /// Checks size and checksum of the file and reads every value of it.
    pub async fn verify(&self, _meta: &PartMeta) -> Result<(), PartError> {
        todo!()
    }

    /// Takes a replaced part out of sight: locally it moves to the same path below `DATA_DIR/replaced/`,
    /// where readers that still hold its name look next; on S3 it stays until [`PartStore::remove`].
    /// A part that is not there any more is fine.
    pub async fn retire(&self, _path: &str) -> Result<(), PartError> {
        todo!()
    }

    /// Deletes a part, retired or not. A part that is not there any more is fine.
    pub async fn remove(&self, _path: &str) -> Result<(), PartError> {
        todo!()
    }

    /// Deletes what writers that were killed left behind; only while no other writer is at work.
    pub async fn clear_temporary(&self) -> Result<u64, PartError> {
        todo!()
    }

    pub fn stats(&self) -> Stats {
        todo!()
    }
}
