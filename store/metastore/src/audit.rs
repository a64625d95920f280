//! The audit log: rows that are only ever added, each sealed with the seal of the one before.
//!
//! It refuses to know how a row is sealed: who appends brings the seal. Rows leave at the old end only,
//! and the seal of the last that left stays, so that what remains can still be checked from there. Where
//! the log ends is kept beside the rows: cutting off its newest ones is noticed too.

use crate::fault::corrupt;
use crate::migrate::Module;
use crate::{Metastore, MetastoreError};
use model::{UnixNanos, Workspace};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

pub(crate) const MODULE: Module = Module {
    name: "audit",
    steps: &[&[
        "CREATE TABLE audit (
            seq BIGINT PRIMARY KEY NOT NULL,
            time BIGINT NOT NULL,
            actor TEXT,
            actor_kind TEXT NOT NULL,
            role TEXT,
            workspace TEXT NOT NULL,
            ip TEXT,
            method TEXT NOT NULL,
            route TEXT NOT NULL,
            path TEXT NOT NULL,
            status BIGINT NOT NULL,
            detail TEXT,
            seal BYTEA NOT NULL)",
        "CREATE INDEX audit_time ON audit (time)",
        "CREATE INDEX audit_workspace ON audit (workspace, seq)",
        "CREATE TABLE audit_ends (
            one BIGINT PRIMARY KEY NOT NULL CHECK (one = 1),
            left_seq BIGINT NOT NULL,
            left_seal BYTEA NOT NULL,
            head_seq BIGINT NOT NULL,
            head_seal BYTEA NOT NULL)",
        "INSERT INTO audit_ends (one, left_seq, left_seal, head_seq, head_seal)
            VALUES (1, 0, zeroblob(32), 0, zeroblob(32))",
        "CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
            BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END",
        "CREATE TRIGGER audit_leaves_at_its_old_end BEFORE DELETE ON audit
            WHEN OLD.seq > (SELECT left_seq FROM audit_ends)
            BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END",
    ]],
};

/// What a row is sealed with: 32 bytes that whoever appends makes of the row and the seal before it.
pub type Seal = [u8; 32];

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub time: UnixNanos,
    /// Name of the user or token; none where nobody had to say.
    pub actor: Option<String>,
    pub actor_kind: String,
    pub role: Option<String>,
    pub workspace: Workspace,
    pub ip: Option<String>,
    pub method: String,
    /// The row of the route table.
    pub route: String,
    pub path: String,
    pub status: u16,
    pub detail: Option<String>,
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// From 1, without gaps.
    pub seq: i64,
    pub entry: AuditEntry,
    pub seal: Seal,
}

/// Where the log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditEnds {
    /// The newest row that has left, 0 for none, and its seal.
    pub left_seq: i64,
    pub left_seal: Seal,
    /// The newest row, and its seal.
    pub head_seq: i64,
    pub head_seal: Seal,
}

/// Which rows are asked for; what is none is not looked at.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub from: Option<UnixNanos>,
    /// Exclusive.
    pub until: Option<UnixNanos>,
    pub actor: Option<String>,
    pub route: Option<String>,
    pub workspace: Option<Workspace>,
    /// Rows older than this one.
    pub before_seq: Option<i64>,
}

/// What leaves.
#[derive(Clone, Copy, Debug)]
pub struct AuditKeep {
    /// Rows of earlier times leave.
    pub since: UnixNanos,
    /// Rows beyond the newest so many leave.
    pub rows_max: i64,
    /// How many leave at a time, so that nobody waits long for the lock.
    pub step_max: i64,
}

/// The audit log of a metastore. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    store: Metastore,
}

impl Audit {
    pub(crate) fn of(store: Metastore) -> Self {
        Self { store }
    }

    /// Adds a row, on stable storage when it returns. `seal` makes its seal of the seal before and the number.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn append(
        &self,
        entry: AuditEntry,
        seal: impl FnOnce(&Seal, i64, &AuditEntry) -> Seal,
    ) -> Result<AuditRow, MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let ends = sqlx::query("SELECT * FROM audit_ends").fetch_one(&mut *transaction).await;
        let ends = self.ends_of(&ends.map_err(|e| self.store.fault(e))?)?;
        let seq = ends.head_seq + 1;
        let row = AuditRow { seq, seal: seal(&ends.head_seal, seq, &entry), entry };
        self.insert(&mut transaction, &row).await.map_err(|e| self.store.fault(e))?;
        let moved = sqlx::query("UPDATE audit_ends SET head_seq = $1, head_seal = $2");
        let moved = moved.bind(seq).bind(row.seal.as_slice()).execute(&mut *transaction).await;
        moved.map_err(|e| self.store.fault(e))?;
        transaction.commit().await.map_err(|e| self.store.fault(e))?;
        Ok(row)
    }

    async fn insert(&self, transaction: &mut Transaction<'_, Sqlite>, row: &AuditRow) -> Result<(), sqlx::Error> {
        let entry = &row.entry;
        let insert = sqlx::query(
            "INSERT INTO audit (seq, time, actor, actor_kind, role, workspace, ip, method, route, path, status, detail, seal)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(row.seq)
        .bind(entry.time.0)
        .bind(&entry.actor)
        .bind(&entry.actor_kind)
        .bind(&entry.role)
        .bind(entry.workspace.as_str())
        .bind(&entry.ip)
        .bind(&entry.method)
        .bind(&entry.route)
        .bind(&entry.path)
        .bind(i64::from(entry.status))
        .bind(&entry.detail)
        .bind(row.seal.as_slice());
        insert.execute(&mut **transaction).await.map(|_| ())
    }

    /// The newest rows that the filter lets through, newest first.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn newest(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditRow>, MetastoreError> {
        let query = sqlx::query(
            "SELECT * FROM audit WHERE ($1 IS NULL OR time >= $1) AND ($2 IS NULL OR time < $2)
             AND ($3 IS NULL OR actor = $3) AND ($4 IS NULL OR route = $4) AND ($5 IS NULL OR workspace = $5)
             AND seq < $6 ORDER BY seq DESC LIMIT $7",
        )
        .bind(filter.from.map(|t| t.0))
        .bind(filter.until.map(|t| t.0))
        .bind(&filter.actor)
        .bind(&filter.route)
        .bind(filter.workspace.as_ref().map(Workspace::as_str))
        .bind(filter.before_seq.unwrap_or(i64::MAX))
        .bind(i64::from(limit));
        let rows = query.fetch_all(self.store.readers()).await.map_err(|e| self.store.fault(e))?;
        rows.iter().map(|row| self.row(row)).collect()
    }

    /// The rows that follow number `seq`, oldest first.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn following(&self, seq: i64, limit: u32) -> Result<Vec<AuditRow>, MetastoreError> {
        let query = sqlx::query("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2");
        let rows = query.bind(seq).bind(i64::from(limit)).fetch_all(self.store.readers()).await;
        rows.map_err(|e| self.store.fault(e))?.iter().map(|row| self.row(row)).collect()
    }

    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn ends(&self) -> Result<AuditEnds, MetastoreError> {
        let row = sqlx::query("SELECT * FROM audit_ends").fetch_one(self.store.readers()).await;
        self.ends_of(&row.map_err(|e| self.store.fault(e))?)
    }

    /// Lets rows leave at the old end; says how many left. Fewer than `step_max`: there are no more to leave.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn leave(&self, keep: AuditKeep) -> Result<u64, MetastoreError> {
        let fault = |e| self.store.fault(e);
        let mut transaction = self.store.begin().await?;
        let ends = sqlx::query("SELECT * FROM audit_ends").fetch_one(&mut *transaction).await.map_err(fault)?;
        let ends = self.ends_of(&ends)?;
        let first = sqlx::query("SELECT MIN(seq) FROM audit WHERE time >= $1").bind(keep.since.0);
        let first = first.fetch_one(&mut *transaction).await.and_then(|row| row.try_get::<Option<i64>, _>(0));
        let by_age = first.map_err(fault)?.map_or(ends.head_seq, |first| first - 1);
        let last = by_age.max(ends.head_seq - keep.rows_max).min(ends.left_seq + keep.step_max);
        if last <= ends.left_seq {
            return Ok(0);
        }
        let seal = sqlx::query("SELECT seal FROM audit WHERE seq = $1").bind(last);
        let seal = seal.fetch_optional(&mut *transaction).await.map_err(fault)?;
        let Some(seal) = seal.map(|row| self.seal(&row, "seal")).transpose()? else {
            // A row is missing: what is there stays, for whoever looks into it.
            return Ok(0);
        };
        let moved = sqlx::query("UPDATE audit_ends SET left_seq = $1, left_seal = $2");
        moved.bind(last).bind(seal.as_slice()).execute(&mut *transaction).await.map_err(fault)?;
        let gone = sqlx::query("DELETE FROM audit WHERE seq <= $1").bind(last);
        let gone = gone.execute(&mut *transaction).await.map_err(fault)?.rows_affected();
        transaction.commit().await.map_err(fault)?;
        Ok(gone)
    }

    fn seal(&self, row: &SqliteRow, name: &str) -> Result<Seal, MetastoreError> {
        let seal: Vec<u8> = row.try_get(name).map_err(|e| self.store.fault(e))?;
        seal.try_into().map_err(|_| corrupt(self.store.path(), "a seal of the audit log is not 32 bytes"))
    }

    fn ends_of(&self, row: &SqliteRow) -> Result<AuditEnds, MetastoreError> {
        Ok(AuditEnds {
            left_seq: row.try_get("left_seq").map_err(|e| self.store.fault(e))?,
            left_seal: self.seal(row, "left_seal")?,
            head_seq: row.try_get("head_seq").map_err(|e| self.store.fault(e))?,
            head_seal: self.seal(row, "head_seal")?,
        })
    }

    fn row(&self, row: &SqliteRow) -> Result<AuditRow, MetastoreError> {
        let fault = |e| self.store.fault(e);
        let text = |name: &str| row.try_get::<String, _>(name).map_err(fault);
        let maybe = |name: &str| row.try_get::<Option<String>, _>(name).map_err(fault);
        let status: i64 = row.try_get("status").map_err(fault)?;
        let entry = AuditEntry {
            time: UnixNanos(row.try_get("time").map_err(fault)?),
            actor: maybe("actor")?,
            actor_kind: text("actor_kind")?,
            role: maybe("role")?,
            workspace: Workspace::new(&text("workspace")?).map_err(|e| corrupt(self.store.path(), e))?,
            ip: maybe("ip")?,
            method: text("method")?,
            route: text("route")?,
            path: text("path")?,
            status: u16::try_from(status).map_err(|e| corrupt(self.store.path(), e))?,
            detail: maybe("detail")?,
        };
        Ok(AuditRow { seq: row.try_get("seq").map_err(fault)?, entry, seal: self.seal(row, "seal")? })
    }
}

#[cfg(test)]
mod tests;
