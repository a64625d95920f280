//! One SQLite file as the catalog and the metastore keep theirs: one writer, a few readers, and what the
//! database's errors mean to a caller.
//!
//! It refuses to know any table. Invariant: what a committed transaction changed is on stable storage, and every
//! wait for a lock is bounded.

mod fault;

pub use fault::Fault;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, Sqlite, Transaction};
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

/// An open file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    path: Arc<PathBuf>,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens or creates. Readers connect when they are first asked, after the caller has made its tables.
    ///
    /// # Errors
    /// `Corrupt` for a file that is no database, `Busy` while another process holds it for longer than
    /// `busy_timeout`, `Disk` where the file cannot be made or read.
    pub async fn open(path: &Path, settings: &Settings) -> Result<Self, Fault> {
        // With FULL a commit is on stable storage when it returns.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(settings.busy_timeout);
        let pool =
            |size: u32| SqlitePoolOptions::new().max_connections(size).acquire_timeout(settings.busy_timeout * 2);
        let writer = pool(1).connect_with(options.clone()).await.map_err(|error| Fault::of(error, path))?;
        let readers = pool(settings.readers.max(1)).connect_lazy_with(options.read_only(true));
        Ok(Self { path: Arc::new(path.to_owned()), writer, readers })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connection that writes, outside a transaction: for opening and its migrations.
    ///
    /// # Errors
    /// `Busy` while a transaction holds it.
    pub async fn writer(&self) -> Result<PoolConnection<Sqlite>, Fault> {
        self.writer.acquire().await.map_err(|error| self.fault(error))
    }

    /// Reads the whole file: a damaged one may open and fail much later, and it is better to know at once.
    ///
    /// # Errors
    /// `Corrupt` with what is wrong; `Busy`, `Disk`.
    pub async fn check(&self) -> Result<(), Fault> {
        let mut connection = self.writer().await?;
        let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
        let verdict: String = row.and_then(|row| row.try_get(0)).map_err(|error| self.fault(error))?;
        if verdict == "ok" { Ok(()) } else { Err(Fault::corrupt(&self.path, verdict)) }
    }

    /// Connections that only read.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// A transaction that holds the write lock from its beginning, so that waiting for it is bounded and
    /// nothing fails half-way for want of it.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.fault(error))
    }

    /// A transaction that sees one moment.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn read(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        self.readers.begin().await.map_err(|error| self.fault(error))
    }

    /// What an error of this file means.
    pub fn fault(&self, error: sqlx::Error) -> Fault {
        Fault::of(error, &self.path)
    }

    /// Waits for calls under way, then closes the file.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
