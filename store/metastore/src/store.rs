//! The metastore's file: one writer, a few readers, and the migrations of each module.

use crate::{
    Audit, Documents, MetastoreError, Sessions, Tokens, Users, audit, documents, migrate, sessions, tokens, users,
};
use sqlite::Database;
pub use sqlite::Settings;
use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};
use std::path::Path;

/// An open metastore. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metastore {
    database: Database,
}

impl Metastore {
    /// Opens or creates; brings the schema of each module up to date.
    ///
    /// # Errors
    /// `Corrupt` for a file that is no metastore or damaged anywhere, `TooNew` for one of a later version, `Busy` while
    /// another process holds it for longer than `busy_timeout`.
    pub async fn open(path: &Path, settings: Settings) -> Result<Self, MetastoreError> {
        let database = Database::open(path, &settings).await?;
        database.check().await?;
        let mut connection = database.writer().await?;
        for module in [tokens::MODULE, users::MODULE, sessions::MODULE, audit::MODULE, documents::MODULE] {
            migrate::up_to_date(&mut connection, path, &module).await?;
        }
        drop(connection);
        Ok(Self { database })
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
        self.database.close().await;
    }

    /// A transaction that holds the write lock from its beginning.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, MetastoreError> {
        Ok(self.database.begin().await?)
    }

    pub(crate) fn path(&self) -> &Path {
        self.database.path()
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        self.database.readers()
    }

    pub(crate) fn fault(&self, error: sqlx::Error) -> MetastoreError {
        self.database.fault(error).into()
    }
}
