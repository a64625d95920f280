//! Access tokens: their hashes, never their secrets.

use crate::fault::corrupt;
use crate::migrate::Module;
use crate::{Metastore, MetastoreError};
use model::{UnixNanos, Workspace};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

pub(crate) const MODULE: Module = Module {
    name: "tokens",
    steps: &[&[
        "CREATE TABLE tokens (
            id BIGINT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL,
            hash BYTEA NOT NULL,
            prefix TEXT NOT NULL,
            scopes TEXT NOT NULL,
            workspace TEXT NOT NULL,
            created BIGINT NOT NULL,
            expires BIGINT,
            last_used BIGINT,
            revoked BIGINT)",
        "CREATE UNIQUE INDEX tokens_name ON tokens (workspace, name) WHERE revoked IS NULL",
        "CREATE INDEX tokens_prefix ON tokens (prefix)",
    ]],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub i64);

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What people call it; unique among tokens that are not revoked, within its workspace.
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// The part of the token that may be shown and is looked up by.
    pub prefix: String,
    pub scopes: Vec<String>,
    pub workspace: Workspace,
    pub created: UnixNanos,
    pub expires: Option<UnixNanos>,
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    pub id: TokenId,
    pub name: String,
    pub hash: [u8; 32],
    pub prefix: String,
    pub scopes: Vec<String>,
    pub workspace: Workspace,
    pub created: UnixNanos,
    pub expires: Option<UnixNanos>,
    pub last_used: Option<UnixNanos>,
    pub revoked: Option<UnixNanos>,
}

/// The tokens of a metastore. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tokens {
    store: Metastore,
}

impl Tokens {
    pub(crate) fn of(store: Metastore) -> Self {
        Self { store }
    }

    /// Stores a token.
    ///
    /// # Errors
    /// `Exists` when the workspace has a valid token of the name; `Busy`, `Disk`.
    pub async fn create(&self, token: NewToken) -> Result<TokenRow, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let scopes = serde_json::to_string(&token.scopes).map_err(|e| MetastoreError::Other(e.to_string()))?;
        let insert = sqlx::query(
            "INSERT INTO tokens (id, name, hash, prefix, scopes, workspace, created, expires)
             SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5, $6, $7 FROM tokens RETURNING *",
        )
        .bind(&token.name)
        .bind(token.hash.as_slice())
        .bind(&token.prefix)
        .bind(scopes)
        .bind(token.workspace.as_str())
        .bind(token.created.0)
        .bind(token.expires.map(|t| t.0));
        let row = insert.fetch_one(&mut *transaction).await.map_err(|error| {
            let taken = error.as_database_error().is_some_and(|e| e.is_unique_violation());
            if taken { MetastoreError::Exists(format!("token {:?}", token.name)) } else { self.store.fault(error) }
        })?;
        let row = self.row(&row)?;
        transaction.commit().await.map_err(|e| self.store.fault(e))?;
        Ok(row)
    }

    /// Every token that carries the prefix, revoked and expired ones included.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn by_prefix(&self, prefix: &str) -> Result<Vec<TokenRow>, MetastoreError> {
        let query = sqlx::query("SELECT * FROM tokens WHERE prefix = $1 ORDER BY id").bind(prefix);
        let rows = query.fetch_all(self.store.readers()).await.map_err(|e| self.store.fault(e))?;
        rows.iter().map(|row| self.row(row)).collect()
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn list(&self) -> Result<Vec<TokenRow>, MetastoreError> {
        let query = sqlx::query("SELECT * FROM tokens ORDER BY id");
        let rows = query.fetch_all(self.store.readers()).await.map_err(|e| self.store.fault(e))?;
        rows.iter().map(|row| self.row(row)).collect()
    }

    /// Whether any token exists that is neither revoked nor expired at `now`.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn any_valid(&self, now: UnixNanos) -> Result<bool, MetastoreError> {
        let query =
            sqlx::query("SELECT 1 FROM tokens WHERE revoked IS NULL AND (expires IS NULL OR expires > $1) LIMIT 1");
        let row = query.bind(now.0).fetch_optional(self.store.readers()).await;
        row.map(|row| row.is_some()).map_err(|e| self.store.fault(e))
    }

    /// Revokes; false when there is no such token or it was revoked before.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn revoke(&self, id: TokenId, now: UnixNanos) -> Result<bool, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let revoke = sqlx::query("UPDATE tokens SET revoked = $1 WHERE id = $2 AND revoked IS NULL");
        let done = revoke.bind(now.0).bind(id.0).execute(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        transaction.commit().await.map_err(|e| self.store.fault(e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes uses; a time earlier than the stored one changes nothing.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn touch(&self, used: &[(TokenId, UnixNanos)]) -> Result<(), MetastoreError> {
        let mut transaction = self.store.begin().await?;
        for (id, at) in used {
            let note =
                sqlx::query("UPDATE tokens SET last_used = $1 WHERE id = $2 AND (last_used IS NULL OR last_used < $1)");
            note.bind(at.0).bind(id.0).execute(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        }
        transaction.commit().await.map_err(|e| self.store.fault(e))
    }

    fn row(&self, row: &SqliteRow) -> Result<TokenRow, MetastoreError> {
        let path = self.store.path();
        let fault = |e| self.store.fault(e);
        let hash: Vec<u8> = row.try_get("hash").map_err(fault)?;
        let scopes: String = row.try_get("scopes").map_err(fault)?;
        let workspace: String = row.try_get("workspace").map_err(fault)?;
        let time = |name: &str| row.try_get::<Option<i64>, _>(name).map(|t| t.map(UnixNanos)).map_err(fault);
        Ok(TokenRow {
            id: TokenId(row.try_get("id").map_err(fault)?),
            name: row.try_get("name").map_err(fault)?,
            hash: hash.try_into().map_err(|_| corrupt(path, "a token hash is not 32 bytes"))?,
            prefix: row.try_get("prefix").map_err(fault)?,
            scopes: serde_json::from_str(&scopes).map_err(|e| corrupt(path, e))?,
            workspace: Workspace::new(&workspace).map_err(|e| corrupt(path, e))?,
            created: UnixNanos(row.try_get("created").map_err(fault)?),
            expires: time("expires")?,
            last_used: time("last_used")?,
            revoked: time("revoked")?,
        })
    }
}

#[cfg(test)]
mod tests;
