//! The metastore's file: a pool, and the migrations of each module.

use crate::{MetastoreError, Tokens};
use std::path::Path;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a call waits for a lock that somebody else holds. 5 s.
    pub busy_timeout: Duration,
    /// Connections for reading. 2.
    pub readers: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), readers: 2 }
    }
}

/// An open metastore. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metastore {}

impl Metastore {
    /// Opens or creates; brings the schema of each module up to date.
    pub async fn open(_path: &Path, _settings: Settings) -> Result<Self, MetastoreError> {
        todo!()
    }

    pub fn tokens(&self) -> Tokens {
        todo!()
    }

    pub async fn close(self) {
        todo!()
    }
}
