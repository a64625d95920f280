//! How older tables become the present ones: each module has its own list of steps.
//!
//! Each step is one transaction with its version number: killed in between, the next start goes on after
//! the last that was committed. A step that was released is never edited; the next one is added below.

use crate::MetastoreError;
use crate::fault::fault;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use std::path::Path;

/// The tables of one module.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    /// Statements of each version, from the first.
    pub(crate) steps: &'static [&'static [&'static str]],
}

pub(crate) async fn up_to_date(
    connection: &mut SqliteConnection,
    path: &Path,
    module: &Module,
) -> Result<(), MetastoreError> {
    let at = |error| fault(error, path);
    let versions = "CREATE TABLE IF NOT EXISTS schema_version (module TEXT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (module, version))";
    sqlx::query(versions).execute(&mut *connection).await.map_err(at)?;
    let newest =
        sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_version WHERE module = $1").bind(module.name);
    let found: i64 = newest.fetch_one(&mut *connection).await.and_then(|row| row.try_get(0)).map_err(at)?;
    let known = module.steps.len() as i64;
    if found > known {
        return Err(MetastoreError::TooNew { path: path.to_owned(), module: module.name.to_owned(), found, known });
    }
    for (version, statements) in (1..).zip(module.steps).skip(found as usize) {
        let mut transaction = connection.begin().await.map_err(at)?;
        for statement in *statements {
            sqlx::query(*statement).execute(&mut *transaction).await.map_err(at)?;
        }
        let done = sqlx::query("INSERT INTO schema_version (module, version) VALUES ($1, $2)");
        done.bind(module.name).bind(version).execute(&mut *transaction).await.map_err(at)?;
        transaction.commit().await.map_err(at)?;
    }
    Ok(())
}
