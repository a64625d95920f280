//! Signed-in browsers: hashes of session ids, never the ids.

use crate::fault::corrupt;
use crate::migrate::Module;
use crate::{Metastore, MetastoreError, UserId};
use model::UnixNanos;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

pub(crate) const MODULE: Module = Module {
    name: "sessions",
    steps: &[&[
        "CREATE TABLE sessions (
            hash BYTEA PRIMARY KEY NOT NULL,
            user_id BIGINT NOT NULL,
            epoch BIGINT NOT NULL,
            created BIGINT NOT NULL,
            last_used BIGINT NOT NULL)",
        "CREATE INDEX sessions_user ON sessions (user_id, created)",
    ]],
};

/// A stored session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the id.
    pub hash: [u8; 32],
    pub user: UserId,
    /// The user's epoch when it began.
    pub epoch: i64,
    pub created: UnixNanos,
    pub last_used: UnixNanos,
}

/// The sessions of a metastore. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Metastore,
}

impl Sessions {
    pub(crate) fn of(store: Metastore) -> Self {
        Self { store }
    }

    /// Stores a session; the user's oldest beyond `per_user_max` end, and their hashes are returned.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn add(&self, session: &SessionRow, per_user_max: u32) -> Result<Vec<[u8; 32]>, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let insert =
            sqlx::query("INSERT INTO sessions (hash, user_id, epoch, created, last_used) VALUES ($1, $2, $3, $4, $5)")
                .bind(session.hash.as_slice())
                .bind(session.user.0)
                .bind(session.epoch)
                .bind(session.created.0)
                .bind(session.last_used.0);
        insert.execute(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        let ended = sqlx::query(
            "DELETE FROM sessions WHERE hash IN (
                SELECT hash FROM sessions WHERE user_id = $1 AND hash <> $2 ORDER BY created DESC, hash LIMIT -1 OFFSET $3)
             RETURNING hash",
        )
        .bind(session.user.0)
        .bind(session.hash.as_slice())
        .bind(i64::from(per_user_max.max(1)) - 1);
        let ended = ended.fetch_all(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        let ended = ended.iter().map(|row| self.hash(row)).collect();
        transaction.commit().await.map_err(|e| self.store.fault(e))?;
        ended
    }

    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn list(&self) -> Result<Vec<SessionRow>, MetastoreError> {
        let query = sqlx::query("SELECT * FROM sessions ORDER BY created, hash");
        let rows = query.fetch_all(self.store.readers()).await.map_err(|e| self.store.fault(e))?;
        rows.iter().map(|row| self.row(row)).collect()
    }

    /// Notes uses; a time earlier than the stored one changes nothing.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn touch(&self, used: &[([u8; 32], UnixNanos)]) -> Result<(), MetastoreError> {
        let mut transaction = self.store.begin().await?;
        for (hash, at) in used {
            let note = sqlx::query("UPDATE sessions SET last_used = $1 WHERE hash = $2 AND last_used < $1");
            let note = note.bind(at.0).bind(hash.as_slice());
            note.execute(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        }
        transaction.commit().await.map_err(|e| self.store.fault(e))
    }

    /// Ends one; false when there is none.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn end(&self, hash: &[u8; 32]) -> Result<bool, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let end = sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(hash.as_slice());
        let done = end.execute(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        transaction.commit().await.map_err(|e| self.store.fault(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends those that were last used, or begun, before these times.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn end_old(&self, used_before: UnixNanos, begun_before: UnixNanos) -> Result<u64, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let end = sqlx::query("DELETE FROM sessions WHERE last_used < $1 OR created < $2");
        let done = end.bind(used_before.0).bind(begun_before.0).execute(&mut *transaction).await;
        let done = done.map_err(|e| self.store.fault(e))?;
        transaction.commit().await.map_err(|e| self.store.fault(e))?;
        Ok(done.rows_affected())
    }

    fn hash(&self, row: &SqliteRow) -> Result<[u8; 32], MetastoreError> {
        let hash: Vec<u8> = row.try_get("hash").map_err(|e| self.store.fault(e))?;
        hash.try_into().map_err(|_| corrupt(self.store.path(), "a session's hash is not 32 bytes"))
    }

    fn row(&self, row: &SqliteRow) -> Result<SessionRow, MetastoreError> {
        let number = |name: &str| row.try_get::<i64, _>(name).map_err(|e| self.store.fault(e));
        Ok(SessionRow {
            hash: self.hash(row)?,
            user: UserId(number("user_id")?),
            epoch: number("epoch")?,
            created: UnixNanos(number("created")?),
            last_used: UnixNanos(number("last_used")?),
        })
    }
}

/// Ends all of a user, within the transaction that makes them void.
pub(crate) async fn end_all(transaction: &mut Transaction<'_, Sqlite>, user: UserId) -> Result<(), sqlx::Error> {
    let end = sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(user.0);
    end.execute(&mut **transaction).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn session(byte: u8, user: i64, created: i64) -> SessionRow {
        let at = UnixNanos(created);
        SessionRow { hash: [byte; 32], user: UserId(user), epoch: 0, created: at, last_used: at }
    }

    async fn sessions(dir: &tempfile::TempDir) -> Sessions {
        let store = Metastore::open(&dir.path().join("metastore.sqlite"), Settings::default()).await.unwrap();
        store.sessions()
    }

    #[tokio::test]
    async fn a_user_has_so_many_sessions_and_the_oldest_end_first() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sessions(&dir).await;
        for (byte, user, created, ended) in [
            (1, 7, 10, vec![]),
            (2, 7, 20, vec![]),
            (3, 8, 5, vec![]),
            (4, 7, 30, vec![[1; 32]]),
            (5, 7, 1, vec![[2; 32]]),
        ] {
            assert_eq!(sessions.add(&session(byte, user, created), 2).await.unwrap(), ended, "{byte}");
        }
        let left: Vec<_> = sessions.list().await.unwrap().iter().map(|s| s.hash[0]).collect();
        assert_eq!(left, [5, 3, 4]);
    }

    #[tokio::test]
    async fn a_session_ends_by_its_hash_and_by_its_age_and_a_use_only_moves_on() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sessions(&dir).await;
        for (byte, created) in [(1, 10), (2, 20), (3, 30), (4, 40)] {
            sessions.add(&session(byte, i64::from(byte), created), 5).await.unwrap();
        }
        let used =
            [([1; 32], UnixNanos(100)), ([2; 32], UnixNanos(100)), ([4; 32], UnixNanos(3)), ([9; 32], UnixNanos(3))];
        sessions.touch(&used).await.unwrap();
        assert!(sessions.end(&[4; 32]).await.unwrap());
        assert!(!sessions.end(&[4; 32]).await.unwrap(), "once");
        assert_eq!(sessions.end_old(UnixNanos(50), UnixNanos(15)).await.unwrap(), 2, "begun too early; not used");
        let left = sessions.list().await.unwrap();
        assert_eq!(left, [SessionRow { last_used: UnixNanos(100), ..session(2, 2, 20) }]);
    }
}
