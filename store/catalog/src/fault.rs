//! What the database's faults are to a catalog.

use crate::CatalogError;
use sqlite::Fault;
use std::path::Path;

impl From<Fault> for CatalogError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy => Self::Busy,
            Fault::Disk(what) => Self::Disk(what),
            Fault::Corrupt { path, what } => Self::Corrupt { path, what },
            Fault::Other(what) => Self::Other(what),
        }
    }
}

pub(crate) fn fault(error: sqlx::Error, path: &Path) -> CatalogError {
    Fault::of(error, path).into()
}

pub(crate) fn corrupt(path: &Path, what: impl ToString) -> CatalogError {
    Fault::corrupt(path, what).into()
}
