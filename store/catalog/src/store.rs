//! The catalog's file.

use crate::fault::{corrupt, fault};
use crate::row::{big, from_json, ids_text, pack, part, part_id, to_json, unpack};
use crate::{CatalogError, CatalogState, Checkpoint, Rebuilt, Retired, Settings, decide, schema};
use sqlite::Database;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Row, Sqlite, Transaction};
use std::path::{Path, PathBuf};
use tables::{PartFile, PartId, PartMeta, PromotedKey, PromotedSet};

/// An open catalog: one writer, a few readers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalog {
    database: Database,
}

impl Catalog {
    /// Opens or creates; brings the schema up to date; moves the generation on.
    ///
    /// # Errors
    /// `Corrupt` for a file that is no catalog, `TooNew` for one of a later version, `Busy` while
    /// another process holds it for longer than `busy_timeout`.
    pub async fn open(path: &Path, settings: Settings) -> Result<Self, CatalogError> {
        let database = Database::open(path, &settings).await?;
        database.check().await?;
        let mut connection = database.writer().await?;
        schema::migrate(&mut connection, path).await?;
        sqlx::query("UPDATE state SET value = value + 1 WHERE name = 'generation'")
            .execute(&mut *connection)
            .await
            .map_err(|error| database.fault(error))?;
        drop(connection);
        Ok(Self { database })
    }

    /// Everything that is live, as of one moment.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn load(&self) -> Result<CatalogState, CatalogError> {
        let mut transaction = self.database.read().await?;
        let state = CatalogState {
            checkpoint: self.number(&mut transaction, "checkpoint").await?,
            generation: self.number(&mut transaction, "generation").await?,
            parts: self.parts(&mut transaction).await?,
            retired: self.retired_in(&mut transaction).await?,
            ..self.promoted(&mut transaction).await?
        };
        let rows =
            sqlx::query("SELECT entries FROM body_hashes ORDER BY generation").fetch_all(&mut *transaction).await;
        let mut body_hashes = Vec::new();
        for row in rows.map_err(|e| self.fault(e))? {
            let packed: Vec<u8> = row.try_get("entries").map_err(|e| self.fault(e))?;
            body_hashes.extend(unpack(&packed, self.database.path())?);
        }
        Ok(CatalogState { body_hashes, ..state })
    }

    /// One transaction, on stable storage when it returns; gives the new generation. Parts that are
    /// already there by id are left as they are, so the same commit may come twice.
    ///
    /// # Errors
    /// `NotLive` when a part to be removed is neither live nor retired; in every case nothing was changed.
    pub async fn commit(&self, checkpoint: &Checkpoint) -> Result<u64, CatalogError> {
        let mut transaction = self.begin().await?;
        if let Some(wal_until) = checkpoint.wal_until {
            let moved = sqlx::query("UPDATE state SET value = $1 WHERE name = 'checkpoint' AND value < $1");
            moved.bind(big(wal_until)?).execute(&mut *transaction).await.map_err(|e| self.fault(e))?;
        }
        for id in &checkpoint.removed {
            self.remove(&mut transaction, *id, checkpoint).await?;
        }
        for part in &checkpoint.added {
            self.add(&mut transaction, part).await?;
        }
        if let Some(promoted) = &checkpoint.promoted {
            self.add_promoted(&mut transaction, promoted).await?;
        }
        let generation = self.next_generation(&mut transaction).await?;
        self.keep_hashes(&mut transaction, checkpoint, generation).await?;
        transaction.commit().await.map_err(|e| self.fault(e))?;
        u64::try_from(generation).map_err(|e| corrupt(self.database.path(), e))
    }

    /// Parts that ended before and whose files may still be there.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn retired(&self) -> Result<Vec<Retired>, CatalogError> {
        let mut transaction = self.database.read().await?;
        self.retired_in(&mut transaction).await
    }

    /// The files of these retired parts are gone.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`; nothing was changed then.
    pub async fn forget_retired(&self, ids: &[PartId]) -> Result<(), CatalogError> {
        let mut transaction = self.begin().await?;
        for id in ids {
            let gone = sqlx::query("DELETE FROM retired WHERE id = $1").bind(id.to_string());
            gone.execute(&mut *transaction).await.map_err(|e| self.fault(e))?;
        }
        transaction.commit().await.map_err(|e| self.fault(e))
    }

    /// Writes a new catalog in place of whatever is at `path` (which is kept aside as
    /// `catalog.sqlite.damaged-N`), from the footers of all files. See [`crate::decide`]. Nobody may have
    /// the catalog open.
    ///
    /// # Errors
    /// `Disk` when the old file cannot be moved or the new one not written.
    pub async fn rebuild(path: &Path, files: Vec<PartFile>, wal_oldest: Option<u64>) -> Result<Rebuilt, CatalogError> {
        let rebuilt = decide(files, wal_oldest);
        set_aside(path)?;
        let catalog = Self::open(path, Settings::default()).await?;
        let done = catalog.fill(&rebuilt).await;
        catalog.close().await;
        done.map(|()| rebuilt)
    }

    /// Waits for calls under way, then closes the file.
    pub async fn close(self) {
        self.database.close().await;
    }

    async fn fill(&self, rebuilt: &Rebuilt) -> Result<(), CatalogError> {
        let mut transaction = self.begin().await?;
        for (name, value) in [("checkpoint", rebuilt.checkpoint), ("generation", rebuilt.generation + 1)] {
            let set = sqlx::query("UPDATE state SET value = $1 WHERE name = $2").bind(big(value)?).bind(name);
            set.execute(&mut *transaction).await.map_err(|e| self.fault(e))?;
        }
        for part in &rebuilt.live {
            self.add(&mut transaction, part).await?;
        }
        for promoted in &rebuilt.promoted {
            self.add_promoted(&mut transaction, promoted).await?;
        }
        transaction.commit().await.map_err(|e| self.fault(e))
    }

    /// A transaction that holds the write lock from its beginning, so that waiting for it is bounded by
    /// `busy_timeout` and nothing fails half-way for want of it.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, CatalogError> {
        Ok(self.database.begin().await?)
    }

    async fn add(&self, connection: &mut SqliteConnection, part: &PartMeta) -> Result<(), CatalogError> {
        let services = part.services.as_ref().map(to_json).transpose()?;
        let insert = sqlx::query(
            "INSERT INTO parts (id, workspace, table_name, path, level, row_count, bytes, time_min, time_max,
                received_max, wal_from, wal_until, replaces, promoted, overflow, services, crc32)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
             WHERE NOT EXISTS (SELECT 1 FROM retired WHERE id = $1)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(part.id.to_string())
        .bind(part.workspace.as_str())
        .bind(part.table.as_str())
        .bind(&part.path)
        .bind(i64::from(part.level))
        .bind(big(part.rows)?)
        .bind(big(part.bytes)?)
        .bind(part.time_min.0)
        .bind(part.time_max.0)
        .bind(part.received_max.0)
        .bind(big(part.wal_from)?)
        .bind(big(part.wal_until)?)
        .bind(ids_text(&part.replaces))
        .bind(i64::from(part.promoted))
        .bind(to_json(&part.overflow)?)
        .bind(services)
        .bind(i64::from(part.crc32));
        insert.execute(connection).await.map(|_| ()).map_err(|e| self.fault(e))
    }

    /// Live becomes retired; retired stays (the same commit again); anything else is an error.
    async fn remove(
        &self,
        connection: &mut SqliteConnection,
        id: PartId,
        checkpoint: &Checkpoint,
    ) -> Result<(), CatalogError> {
        let retire = sqlx::query(
            "INSERT INTO retired (id, path, since) SELECT id, path, $2 FROM parts WHERE id = $1
             ON CONFLICT (id) DO NOTHING",
        );
        let retire = retire.bind(id.to_string()).bind(checkpoint.now.0);
        retire.execute(&mut *connection).await.map_err(|e| self.fault(e))?;
        let gone = sqlx::query("DELETE FROM parts WHERE id = $1").bind(id.to_string());
        let gone = gone.execute(&mut *connection).await.map_err(|e| self.fault(e))?.rows_affected();
        if gone == 0 && !self.is_repeat(connection, checkpoint).await? {
            return Err(CatalogError::NotLive(id));
        }
        Ok(())
    }

    /// Whether all that the commit adds is known already: then it is the same commit again.
    async fn is_repeat(
        &self,
        connection: &mut SqliteConnection,
        checkpoint: &Checkpoint,
    ) -> Result<bool, CatalogError> {
        let known = "SELECT 1 FROM parts WHERE id = $1 UNION ALL SELECT 1 FROM retired WHERE id = $1";
        for part in &checkpoint.added {
            let found = sqlx::query(known).bind(part.id.to_string()).fetch_optional(&mut *connection).await;
            if found.map_err(|e| self.fault(e))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn add_promoted(
        &self,
        connection: &mut SqliteConnection,
        promoted: &PromotedSet,
    ) -> Result<(), CatalogError> {
        let insert =
            sqlx::query("INSERT INTO promoted (version, keys) VALUES ($1, $2) ON CONFLICT (version) DO NOTHING");
        let insert = insert.bind(i64::from(promoted.version)).bind(to_json(&promoted.keys)?);
        insert.execute(connection).await.map(|_| ()).map_err(|e| self.fault(e))
    }

    async fn next_generation(&self, connection: &mut SqliteConnection) -> Result<i64, CatalogError> {
        let next = sqlx::query("UPDATE state SET value = value + 1 WHERE name = 'generation' RETURNING value");
        next.fetch_one(connection).await.and_then(|row| row.try_get(0)).map_err(|e| self.fault(e))
    }

    async fn keep_hashes(
        &self,
        connection: &mut SqliteConnection,
        checkpoint: &Checkpoint,
        generation: i64,
    ) -> Result<(), CatalogError> {
        let expired = sqlx::query("DELETE FROM body_hashes WHERE newest < $1");
        let expired = expired.bind(checkpoint.body_hashes_expired_before.0);
        expired.execute(&mut *connection).await.map_err(|e| self.fault(e))?;
        let Some(newest) = checkpoint.body_hashes.iter().map(|(_, received)| received.0).max() else { return Ok(()) };
        let keep = sqlx::query("INSERT INTO body_hashes (generation, newest, entries) VALUES ($1, $2, $3)");
        let keep = keep.bind(generation).bind(newest).bind(pack(&checkpoint.body_hashes));
        keep.execute(connection).await.map(|_| ()).map_err(|e| self.fault(e))
    }

    async fn number(&self, connection: &mut SqliteConnection, name: &str) -> Result<u64, CatalogError> {
        let row = sqlx::query("SELECT value FROM state WHERE name = $1").bind(name).fetch_one(connection).await;
        let value: i64 = row.and_then(|row| row.try_get(0)).map_err(|e| self.fault(e))?;
        u64::try_from(value).map_err(|e| corrupt(self.database.path(), e))
    }

    async fn parts(&self, connection: &mut SqliteConnection) -> Result<Vec<PartMeta>, CatalogError> {
        let rows = sqlx::query("SELECT * FROM parts ORDER BY wal_until, id").fetch_all(connection).await;
        rows.map_err(|e| self.fault(e))?.iter().map(|row| part(row, self.database.path())).collect()
    }

    async fn retired_in(&self, connection: &mut SqliteConnection) -> Result<Vec<Retired>, CatalogError> {
        let rows = sqlx::query("SELECT id, path, since FROM retired ORDER BY since, id").fetch_all(connection).await;
        let retired = |row: &sqlx::sqlite::SqliteRow| {
            let id: String = row.try_get("id").map_err(|e| self.fault(e))?;
            Ok(Retired {
                id: part_id(&id, self.database.path())?,
                path: row.try_get("path").map_err(|e| self.fault(e))?,
                since: model::UnixNanos(row.try_get("since").map_err(|e| self.fault(e))?),
            })
        };
        rows.map_err(|e| self.fault(e))?.iter().map(retired).collect()
    }

    /// A state with its promoted sets filled in.
    async fn promoted(&self, connection: &mut SqliteConnection) -> Result<CatalogState, CatalogError> {
        let rows = sqlx::query("SELECT version, keys FROM promoted ORDER BY version").fetch_all(connection).await;
        let mut state = CatalogState::default();
        for row in rows.map_err(|e| self.fault(e))? {
            let version: i64 = row.try_get("version").map_err(|e| self.fault(e))?;
            let keys: String = row.try_get("keys").map_err(|e| self.fault(e))?;
            let keys: Vec<PromotedKey> = from_json(&keys, self.database.path())?;
            let version = u32::try_from(version).map_err(|e| corrupt(self.database.path(), e))?;
            state.promoted = PromotedSet { version, keys };
            state.promoted_versions.insert(version, state.promoted.clone());
        }
        Ok(state)
    }

    fn fault(&self, error: sqlx::Error) -> CatalogError {
        fault(error, self.database.path())
    }
}

/// Moves a catalog and its journal out of the way, to the first free `.damaged-N`.
fn set_aside(path: &Path) -> Result<(), CatalogError> {
    let with = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let free = (1..).map(|n| format!(".damaged-{n}")).find(|ending| !with(ending).exists()).unwrap_or_default();
    for journal in ["", "-wal", "-shm"] {
        let (from, to) = (with(journal), with(&format!("{free}{journal}")));
        match std::fs::rename(&from, &to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            moved => moved.map_err(|e| CatalogError::Disk(format!("cannot rename {}: {e}", from.display())))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
