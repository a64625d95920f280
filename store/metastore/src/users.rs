//! People: their names and the hashes of their passwords, never the passwords.
//!
//! A user who is removed stays as a row without a name that can be looked up, so that its id is given to
//! nobody else and the audit log can still say who it was.

use crate::fault::corrupt;
use crate::migrate::Module;
use crate::{Metastore, MetastoreError, sessions};
use model::{UnixNanos, Workspace};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};
use std::fmt;

pub(crate) const MODULE: Module = Module {
    name: "users",
    steps: &[&[
        "CREATE TABLE users (
            id BIGINT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL,
            role TEXT NOT NULL,
            workspace TEXT NOT NULL,
            password TEXT NOT NULL,
            epoch BIGINT NOT NULL,
            created BIGINT NOT NULL,
            password_changed BIGINT NOT NULL,
            last_login BIGINT,
            removed BIGINT)",
        "CREATE UNIQUE INDEX users_name ON users (name) WHERE removed IS NULL",
    ]],
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub i64);

/// A hash that tells nothing of itself in logs. PHC string form.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordText(pub String);

impl fmt::Debug for PasswordText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordText(..)")
    }
}

/// A user to be stored.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Unique among users who are not removed, over all workspaces.
    pub name: String,
    pub role: String,
    pub workspace: Workspace,
    pub password: PasswordText,
    pub created: UnixNanos,
}

/// A stored user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    pub id: UserId,
    pub name: String,
    pub role: String,
    pub workspace: Workspace,
    pub password: PasswordText,
    /// Goes up with every new password: a session of an earlier one is void.
    pub epoch: i64,
    pub created: UnixNanos,
    pub password_changed: UnixNanos,
    pub last_login: Option<UnixNanos>,
    pub removed: Option<UnixNanos>,
}

/// When a user may be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Among {
    /// While there never was one.
    None,
    /// While there are fewer than so many.
    FewerThan(u32),
}

/// What of which at least one user must remain.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'k> {
    pub role: &'k str,
    pub workspace: &'k Workspace,
}

/// The users of a metastore. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Users {
    store: Metastore,
}

impl Users {
    pub(crate) fn of(store: Metastore) -> Self {
        Self { store }
    }

    /// Stores a user.
    ///
    /// # Errors
    /// `Exists` when the name is taken, or there is a user where there may be none; `Full`; `Busy`, `Disk`.
    pub async fn create(&self, user: NewUser, among: Among) -> Result<UserRow, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let count = "SELECT COUNT(*) AS ever, COUNT(*) FILTER (WHERE removed IS NULL) AS now FROM users";
        let count = sqlx::query(count).fetch_one(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        let counted = |name: &str| count.try_get::<i64, _>(name).map_err(|e| self.store.fault(e));
        match among {
            Among::None if counted("ever")? > 0 => return Err(MetastoreError::Exists("a user".into())),
            Among::FewerThan(max) if counted("now")? >= i64::from(max) => {
                return Err(MetastoreError::Full { kind: "user".into(), max });
            }
            Among::None | Among::FewerThan(_) => {}
        }
        let insert = sqlx::query(
            "INSERT INTO users (id, name, role, workspace, password, epoch, created, password_changed)
             SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, 0, $5, $5 FROM users RETURNING *",
        )
        .bind(&user.name)
        .bind(&user.role)
        .bind(user.workspace.as_str())
        .bind(&user.password.0)
        .bind(user.created.0);
        let row = insert.fetch_one(&mut *transaction).await.map_err(|error| {
            let taken = error.as_database_error().is_some_and(|e| e.is_unique_violation());
            if taken { MetastoreError::Exists(format!("user {:?}", user.name)) } else { self.store.fault(error) }
        })?;
        let row = self.row(&row)?;
        transaction.commit().await.map_err(|e| self.store.fault(e))?;
        Ok(row)
    }

    /// All users, oldest first, removed ones included.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn list(&self) -> Result<Vec<UserRow>, MetastoreError> {
        let query = sqlx::query("SELECT * FROM users ORDER BY id");
        let rows = query.fetch_all(self.store.readers()).await.map_err(|e| self.store.fault(e))?;
        rows.iter().map(|row| self.row(row)).collect()
    }

    /// Gives another role; none when there is no such user.
    ///
    /// # Errors
    /// `Last` when no user of `kept` would remain; `Busy`, `Disk`.
    pub async fn set_role(&self, id: UserId, role: &str, kept: Kept<'_>) -> Result<Option<UserRow>, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        if role != kept.role {
            self.keep_one(&mut transaction, id, kept).await?;
        }
        let update = sqlx::query("UPDATE users SET role = $1 WHERE id = $2 AND removed IS NULL RETURNING *");
        let row = update.bind(role).bind(id.0).fetch_optional(&mut *transaction).await;
        self.changed(transaction, row).await
    }

    /// Gives a new password and ends all sessions; none when there is no such user.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn set_password(
        &self,
        id: UserId,
        password: &PasswordText,
        now: UnixNanos,
    ) -> Result<Option<UserRow>, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        sessions::end_all(&mut transaction, id).await.map_err(|e| self.store.fault(e))?;
        let update = sqlx::query(
            "UPDATE users SET password = $1, password_changed = $2, epoch = epoch + 1
             WHERE id = $3 AND removed IS NULL RETURNING *",
        );
        let row = update.bind(&password.0).bind(now.0).bind(id.0).fetch_optional(&mut *transaction).await;
        self.changed(transaction, row).await
    }

    /// Removes a user and ends all sessions; none when there is no such user.
    ///
    /// # Errors
    /// `Last` when no user of `kept` would remain; `Busy`, `Disk`.
    pub async fn remove(&self, id: UserId, now: UnixNanos, kept: Kept<'_>) -> Result<Option<UserRow>, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        self.keep_one(&mut transaction, id, kept).await?;
        sessions::end_all(&mut transaction, id).await.map_err(|e| self.store.fault(e))?;
        let update =
            sqlx::query("UPDATE users SET removed = $1, password = '' WHERE id = $2 AND removed IS NULL RETURNING *");
        let row = update.bind(now.0).bind(id.0).fetch_optional(&mut *transaction).await;
        self.changed(transaction, row).await
    }

    /// Notes that a user signed in.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn signed_in(&self, id: UserId, now: UnixNanos) -> Result<(), MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let note = sqlx::query("UPDATE users SET last_login = $1 WHERE id = $2").bind(now.0).bind(id.0);
        note.execute(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        transaction.commit().await.map_err(|e| self.store.fault(e))
    }

    /// Refuses what would leave nobody of `kept`.
    async fn keep_one(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        id: UserId,
        kept: Kept<'_>,
    ) -> Result<(), MetastoreError> {
        let count = sqlx::query(
            "SELECT COUNT(*) FILTER (WHERE id = $1) AS it, COUNT(*) FILTER (WHERE id <> $1) AS others
             FROM users WHERE role = $2 AND workspace = $3 AND removed IS NULL",
        );
        let row = count.bind(id.0).bind(kept.role).bind(kept.workspace.as_str()).fetch_one(&mut **transaction).await;
        let counted = row.and_then(|row| Ok((row.try_get::<i64, _>("it")?, row.try_get::<i64, _>("others")?)));
        match counted.map_err(|e| self.store.fault(e))? {
            (1.., 0) => Err(MetastoreError::Last(format!("{} of workspace {}", kept.role, kept.workspace))),
            _ => Ok(()),
        }
    }

    async fn changed(
        &self,
        transaction: Transaction<'_, Sqlite>,
        row: Result<Option<SqliteRow>, sqlx::Error>,
    ) -> Result<Option<UserRow>, MetastoreError> {
        let row = row.map_err(|e| self.store.fault(e))?.map(|row| self.row(&row)).transpose()?;
        transaction.commit().await.map_err(|e| self.store.fault(e))?;
        Ok(row)
    }

    fn row(&self, row: &SqliteRow) -> Result<UserRow, MetastoreError> {
        let fault = |e| self.store.fault(e);
        let workspace: String = row.try_get("workspace").map_err(fault)?;
        let time = |name: &str| row.try_get::<Option<i64>, _>(name).map(|t| t.map(UnixNanos)).map_err(fault);
        Ok(UserRow {
            id: UserId(row.try_get("id").map_err(fault)?),
            name: row.try_get("name").map_err(fault)?,
            role: row.try_get("role").map_err(fault)?,
            workspace: Workspace::new(&workspace).map_err(|e| corrupt(self.store.path(), e))?,
            password: PasswordText(row.try_get("password").map_err(fault)?),
            epoch: row.try_get("epoch").map_err(fault)?,
            created: UnixNanos(row.try_get("created").map_err(fault)?),
            password_changed: UnixNanos(row.try_get("password_changed").map_err(fault)?),
            last_login: time("last_login")?,
            removed: time("removed")?,
        })
    }
}

#[cfg(test)]
mod tests;
