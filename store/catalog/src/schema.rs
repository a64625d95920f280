//! The tables of the catalog and how older ones become them.
//!
//! Each step is one transaction with its version number: killed in between, the next start goes on after
//! the last that was committed. A step that was released is never edited; the next one is added below.

use crate::CatalogError;
use crate::fault::fault;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use std::path::Path;

/// Statements of each version, from the first.
pub(crate) const STEPS: &[&[&str]] = &[&[
    "CREATE TABLE state (name TEXT PRIMARY KEY NOT NULL, value BIGINT NOT NULL)",
    "INSERT INTO state (name, value) VALUES ('checkpoint', 0), ('generation', 0)",
    "CREATE TABLE parts (
        id TEXT PRIMARY KEY NOT NULL,
        workspace TEXT NOT NULL,
        table_name TEXT NOT NULL,
        path TEXT NOT NULL,
        level BIGINT NOT NULL,
        row_count BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        time_min BIGINT NOT NULL,
        time_max BIGINT NOT NULL,
        received_max BIGINT NOT NULL,
        wal_from BIGINT NOT NULL,
        wal_until BIGINT NOT NULL,
        replaces TEXT NOT NULL,
        promoted BIGINT NOT NULL,
        overflow TEXT NOT NULL,
        services TEXT,
        crc32 BIGINT NOT NULL)",
    "CREATE TABLE retired (id TEXT PRIMARY KEY NOT NULL, path TEXT NOT NULL, since BIGINT NOT NULL)",
    "CREATE TABLE promoted (version BIGINT PRIMARY KEY NOT NULL, keys TEXT NOT NULL)",
    // One row per commit: its hashes and times of receipt, 24 bytes each.
    "CREATE TABLE body_hashes (generation BIGINT PRIMARY KEY NOT NULL, newest BIGINT NOT NULL, entries BYTEA NOT NULL)",
]];

/// Brings the schema up to date.
pub(crate) async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), CatalogError> {
    migrate_to(connection, path, STEPS).await
}

/// Likewise for a given list of steps.
pub(crate) async fn migrate_to(
    connection: &mut SqliteConnection,
    path: &Path,
    steps: &[&[&'static str]],
) -> Result<(), CatalogError> {
    let at = |error| fault(error, path);
    let known = steps.len() as i64;
    sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY NOT NULL)")
        .execute(&mut *connection)
        .await
        .map_err(at)?;
    let row = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_version");
    let found: i64 = row.fetch_one(&mut *connection).await.and_then(|row| row.try_get(0)).map_err(at)?;
    if found > known {
        return Err(CatalogError::TooNew { path: path.to_owned(), found, known });
    }
    for (version, statements) in (1..).zip(steps).skip(found as usize) {
        let mut transaction = connection.begin().await.map_err(at)?;
        for statement in *statements {
            sqlx::query(*statement).execute(&mut *transaction).await.map_err(at)?;
        }
        let done = sqlx::query("INSERT INTO schema_version (version) VALUES ($1)").bind(version);
        done.execute(&mut *transaction).await.map_err(at)?;
        transaction.commit().await.map_err(at)?;
    }
    Ok(())
}
