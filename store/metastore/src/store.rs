//! The metastore's file: one writer, a few readers, and the migrations of each module.

use crate::fault::fault;
use crate::{
    Audit, Documents, MetastoreError, Sessions, Tokens, Users, audit, documents, migrate, sessions, tokens, users,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
pub struct Metastore {
    pub(crate) path: Arc<PathBuf>,
    writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

impl Metastore {
    /// Opens or creates; brings the schema of each module up to date.
    ///
    /// # Errors
    /// `Corrupt` for a file that is no metastore, `TooNew` for one of a later version, `Busy` while
    /// another process holds it for longer than `busy_timeout`.
    pub async fn open(path: &Path, settings: Settings) -> Result<Self, MetastoreError> {
        let at = |error| fault(error, path);
        // With FULL what a call changed is on stable storage when it returns.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(settings.busy_timeout);
        let pool =
            |size: u32| SqlitePoolOptions::new().max_connections(size).acquire_timeout(settings.busy_timeout * 2);
        let writer = pool(1).connect_with(options.clone()).await.map_err(at)?;
        let mut connection = writer.acquire().await.map_err(at)?;
        for module in [tokens::MODULE, users::MODULE, sessions::MODULE, audit::MODULE, documents::MODULE] {
            migrate::up_to_date(&mut connection, path, &module).await?;
        }
        drop(connection);
        let readers = pool(settings.readers.max(1)).connect_with(options.read_only(true)).await.map_err(at)?;
        Ok(Self { path: Arc::new(path.to_owned()), writer, readers })
    }

    pub fn tokens(&self) -> Tokens {
        Tokens::of(self.clone())
    }

    pub fn users(&self) -> Users {
        Users::of(self.clone())
    }

    pub fn sessions(&self) -> Sessions {
        Sessions::of(self.clone())
    }

    pub fn audit(&self) -> Audit {
        Audit::of(self.clone())
    }

    /// The documents of one kind, of which each workspace may have `max`.
    pub fn documents(&self, kind: &'static str, max: u32) -> Documents {
        Documents::of(self.clone(), kind, max)
    }

    /// Waits for calls under way, then closes the file.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A transaction that holds the write lock from its beginning, so that waiting for it is bounded and
    /// nothing fails half-way for want of it.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, MetastoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|e| self.fault(e))
    }

    pub(crate) fn fault(&self, error: sqlx::Error) -> MetastoreError {
        fault(error, &self.path)
    }
}
