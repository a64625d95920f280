//! What the database's faults are to a metastore.

use crate::MetastoreError;
use sqlite::Fault;
use std::path::Path;

impl From<Fault> for MetastoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy => Self::Busy,
            Fault::Disk(what) => Self::Disk(what),
            Fault::Corrupt { path, what } => Self::Corrupt { path, what },
            Fault::Other(what) => Self::Other(what),
        }
    }
}

pub(crate) fn fault(error: sqlx::Error, path: &Path) -> MetastoreError {
    Fault::of(error, path).into()
}

pub(crate) fn corrupt(path: &Path, what: impl ToString) -> MetastoreError {
    Fault::corrupt(path, what).into()
}
