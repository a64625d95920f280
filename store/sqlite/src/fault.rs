//! What the database's errors mean, by what the caller can do about it.

use std::path::{Path, PathBuf};

/// Primary result codes of SQLite.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const IO: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const NOT_A_DATABASE: i32 = 26;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// Somebody else holds the file: try again.
    #[error("the file is locked by another process")]
    Busy,
    /// The disk refuses (full, read-only, failing): try again later.
    #[error("{0}")]
    Disk(String),
    /// The file, or a value in it, is not what was written.
    #[error("{path} is damaged ({what})")]
    Corrupt { path: PathBuf, what: String },
    #[error("{0}")]
    Other(String),
}

impl Fault {
    pub fn of(error: sqlx::Error, path: &Path) -> Self {
        let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
        match (code.map(|extended| extended & 0xff), &error) {
            (Some(BUSY | LOCKED), _) | (_, sqlx::Error::PoolTimedOut) => Self::Busy,
            (Some(READ_ONLY | IO | FULL | CANNOT_OPEN), _) | (_, sqlx::Error::Io(_)) => {
                Self::Disk(format!("{}: {error}", path.display()))
            }
            (Some(CORRUPT | NOT_A_DATABASE), _)
            | (_, sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_)) => {
                Self::corrupt(path, &error)
            }
            // Who may find nothing asks so that nothing is an answer.
            (_, sqlx::Error::RowNotFound) => Self::corrupt(path, "a row that is always there is gone"),
            _ => Self::Other(error.to_string()),
        }
    }

    pub fn corrupt(path: &Path, what: impl ToString) -> Self {
        Self::Corrupt { path: path.to_owned(), what: what.to_string() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use crate::{Database, Fault, Settings};
    use std::time::Duration;

    #[tokio::test]
    async fn a_file_that_is_no_database_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd.sqlite");
        std::fs::write(&path, vec![7_u8; 8192]).unwrap();
        let fault = Database::open(&path, &Settings::default()).await.unwrap_err();
        assert!(matches!(fault, Fault::Corrupt { path: told, .. } if told == path));
    }

    #[tokio::test]
    async fn a_page_of_noise_and_a_row_that_is_gone_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noisy.sqlite");
        let database = Database::open(&path, &Settings::default()).await.unwrap();
        let mut connection = database.writer().await.unwrap();
        sqlx::query("CREATE TABLE t (x INTEGER)").execute(&mut *connection).await.unwrap();
        let none = sqlx::query("SELECT x FROM t").fetch_one(&mut *connection).await.map(|_| ()).unwrap_err();
        assert!(matches!(database.fault(none), Fault::Corrupt { .. }));
        drop(connection);
        assert_eq!(database.check().await, Ok(()));
        database.close().await;
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4096..].fill(0x5a);
        std::fs::write(&path, bytes).unwrap();
        let database = Database::open(&path, &Settings::default()).await.unwrap();
        assert!(matches!(database.check().await, Err(Fault::Corrupt { path: told, .. }) if told == path));
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_the_disk_s_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone/odd.sqlite");
        let fault = Database::open(&path, &Settings::default()).await.unwrap_err();
        assert!(matches!(&fault, Fault::Disk(what) if what.contains("gone/odd.sqlite")), "{fault}");
    }

    #[tokio::test]
    async fn who_waits_too_long_for_the_lock_is_told_that_it_is_busy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("held.sqlite");
        let brief = Settings { busy_timeout: Duration::from_millis(20), ..Settings::default() };
        let (one, other) = (Database::open(&path, &brief).await.unwrap(), Database::open(&path, &brief).await.unwrap());
        let held = one.begin().await.unwrap();
        assert_eq!(other.begin().await.unwrap_err(), Fault::Busy);
        drop(held);
        assert!(other.begin().await.is_ok());
    }
}
