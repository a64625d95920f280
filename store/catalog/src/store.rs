//! The catalog's file.

use crate::{CatalogError, CatalogState, Checkpoint, Rebuilt, Retired, Settings};
use std::path::Path;
use tables::{PartFile, PartId};

/// An open catalog: one writer, a few readers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalog {}

impl Catalog {
    /// Opens or creates; brings the schema up to date; moves the generation on.
    pub async fn open(_path: &Path, _settings: Settings) -> Result<Self, CatalogError> {
        todo!()
    }

    pub async fn load(&self) -> Result<CatalogState, CatalogError> {
        todo!()
    }

    /// One transaction, on stable storage when it returns; gives the new generation. Parts that are
    /// already there by id are left as they are, so the same commit may come twice.
    pub async fn commit(&self, _checkpoint: &Checkpoint) -> Result<u64, CatalogError> {
        todo!()
    }

    /// Parts that ended before and whose files may still be there.
    pub async fn retired(&self) -> Result<Vec<Retired>, CatalogError> {
        todo!()
    }

    /// The files of these retired parts are gone.
    pub async fn forget_retired(&self, _ids: &[PartId]) -> Result<(), CatalogError> {
        todo!()
    }

    /// Writes a new catalog in place of whatever is at `path` (which is kept aside as
    /// `catalog.sqlite.damaged-N`), from the footers of all files. See [`crate::decide`].
    pub async fn rebuild(_path: &Path, _files: Vec<PartFile>, _wal_oldest: Option<u64>) -> Result<Rebuilt, CatalogError> {
        todo!()
    }

    pub async fn close(self) {
        todo!()
    }
}
