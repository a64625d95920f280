//! What the database's errors mean to a caller.

use crate::MetastoreError;
use std::path::Path;

/// Primary result codes of SQLite.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const IO: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const NOT_A_DATABASE: i32 = 26;

pub(crate) fn fault(error: sqlx::Error, path: &Path) -> MetastoreError {
    let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
    match (code.map(|extended| extended & 0xff), &error) {
        (Some(BUSY | LOCKED), _) | (_, sqlx::Error::PoolTimedOut) => MetastoreError::Busy,
        (Some(READ_ONLY | IO | FULL | CANNOT_OPEN), _) | (_, sqlx::Error::Io(_)) => {
            MetastoreError::Disk(format!("{}: {error}", path.display()))
        }
        (Some(CORRUPT | NOT_A_DATABASE), _)
        | (_, sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_)) => {
            corrupt(path, &error)
        }
        _ => MetastoreError::Other(error.to_string()),
    }
}

pub(crate) fn corrupt(path: &Path, what: impl ToString) -> MetastoreError {
    MetastoreError::Corrupt { path: path.to_owned(), what: what.to_string() }
}
