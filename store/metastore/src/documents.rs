//! Small JSON documents by workspace, kind and key: what operators tell the product about their estate.
//!
//! Knows nothing of what a document says: whoever puts one has checked it.

use crate::migrate::Module;
use crate::{Metastore, MetastoreError};
use model::{UnixNanos, Workspace};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

pub(crate) const MODULE: Module = Module {
    name: "documents",
    steps: &[&["CREATE TABLE documents (
            workspace TEXT NOT NULL,
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            json TEXT NOT NULL,
            updated BIGINT NOT NULL,
            PRIMARY KEY (workspace, kind, key))"]],
};

/// A stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub key: String,
    pub json: String,
    pub updated: UnixNanos,
}

/// The documents of one kind. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Documents {
    store: Metastore,
    kind: &'static str,
    max: u32,
}

impl Documents {
    pub(crate) fn of(store: Metastore, kind: &'static str, max: u32) -> Self {
        Self { store, kind, max }
    }

    /// Stores a document in place of the one with its key, if there is one.
    ///
    /// # Errors
    /// `Full` when the workspace has as many of the kind as are kept and this is a new one; `Busy`, `Disk`.
    pub async fn put(&self, workspace: &Workspace, document: &Document) -> Result<(), MetastoreError> {
        let mut transaction = self.store.begin().await?;
        let others = sqlx::query("SELECT COUNT(*) FROM documents WHERE workspace = $1 AND kind = $2 AND key <> $3")
            .bind(workspace.as_str())
            .bind(self.kind)
            .bind(&document.key);
        let others = others.fetch_one(&mut *transaction).await.and_then(|row| row.try_get::<i64, _>(0));
        if others.map_err(|e| self.store.fault(e))? >= i64::from(self.max) {
            return Err(MetastoreError::Full { kind: self.kind.into(), max: self.max });
        }
        let put = sqlx::query(
            "INSERT INTO documents (workspace, kind, key, json, updated) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (workspace, kind, key) DO UPDATE SET json = excluded.json, updated = excluded.updated",
        )
        .bind(workspace.as_str())
        .bind(self.kind)
        .bind(&document.key)
        .bind(&document.json)
        .bind(document.updated.0);
        put.execute(&mut *transaction).await.map_err(|e| self.store.fault(e))?;
        transaction.commit().await.map_err(|e| self.store.fault(e))
    }

    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn get(&self, workspace: &Workspace, key: &str) -> Result<Option<Document>, MetastoreError> {
        let query = sqlx::query("SELECT * FROM documents WHERE workspace = $1 AND kind = $2 AND key = $3")
            .bind(workspace.as_str())
            .bind(self.kind)
            .bind(key);
        let row = query.fetch_optional(self.store.readers()).await.map_err(|e| self.store.fault(e))?;
        row.map(|row| self.document(&row)).transpose()
    }

    /// All of the workspace, by key.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn list(&self, workspace: &Workspace) -> Result<Vec<Document>, MetastoreError> {
        let query = sqlx::query("SELECT * FROM documents WHERE workspace = $1 AND kind = $2 ORDER BY key")
            .bind(workspace.as_str())
            .bind(self.kind);
        let rows = query.fetch_all(self.store.readers()).await.map_err(|e| self.store.fault(e))?;
        rows.iter().map(|row| self.document(row)).collect()
    }

    fn document(&self, row: &SqliteRow) -> Result<Document, MetastoreError> {
        let fault = |e| self.store.fault(e);
        Ok(Document {
            key: row.try_get("key").map_err(fault)?,
            json: row.try_get("json").map_err(fault)?,
            updated: UnixNanos(row.try_get("updated").map_err(fault)?),
        })
    }
}

/// One document that is new, has changed, or goes away. Bounds are the business of whoever keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub kind: &'static str,
    pub key: String,
    /// `None` removes it.
    pub json: Option<String>,
}

impl Metastore {
    /// Stores all changes or none.
    ///
    /// # Errors
    /// `Busy`, `Disk`.
    pub async fn commit(
        &self,
        workspace: &Workspace,
        changes: &[Change],
        now: UnixNanos,
    ) -> Result<(), MetastoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for change in changes {
            let query = match &change.json {
                Some(json) => sqlx::query(
                    "INSERT INTO documents (workspace, kind, key, json, updated) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT (workspace, kind, key) DO UPDATE SET json = excluded.json, updated = excluded.updated",
                )
                .bind(workspace.as_str())
                .bind(change.kind)
                .bind(&change.key)
                .bind(json)
                .bind(now.0),
                None => sqlx::query("DELETE FROM documents WHERE workspace = $1 AND kind = $2 AND key = $3")
                    .bind(workspace.as_str())
                    .bind(change.kind)
                    .bind(&change.key),
            };
            query.execute(&mut *transaction).await.map_err(|e| self.fault(e))?;
        }
        transaction.commit().await.map_err(|e| self.fault(e))
    }

    /// Workspaces that have documents of a kind.
    ///
    /// # Errors
    /// `Busy`, `Disk`, `Corrupt`.
    pub async fn workspaces_with(&self, kind: &'static str) -> Result<Vec<Workspace>, MetastoreError> {
        let query =
            sqlx::query("SELECT DISTINCT workspace FROM documents WHERE kind = $1 ORDER BY workspace").bind(kind);
        let rows = query.fetch_all(self.readers()).await.map_err(|e| self.fault(e))?;
        let names = rows.iter().map(|row| row.try_get::<String, _>(0).map_err(|e| self.fault(e)));
        // A name that no workspace can have was not stored by this product.
        Ok(names.collect::<Result<Vec<_>, _>>()?.iter().filter_map(|name| Workspace::new(name).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn document(key: &str, json: &str, updated: i64) -> Document {
        Document { key: key.into(), json: json.into(), updated: UnixNanos(updated) }
    }

    async fn opened(dir: &tempfile::TempDir) -> Metastore {
        Metastore::open(&dir.path().join("metastore.sqlite"), Settings::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_document_is_replaced_listed_by_key_and_survives_closing() {
        let dir = tempfile::tempdir().unwrap();
        let store = opened(&dir).await;
        let (services, ws) = (store.documents("service", 10), Workspace::default());
        for (key, json) in [("b", "1"), ("a", "2"), ("b", "3")] {
            services.put(&ws, &document(key, json, 7)).await.unwrap();
        }
        drop(services);
        store.close().await;
        let services = opened(&dir).await.documents("service", 10);
        assert_eq!(services.list(&ws).await.unwrap(), [document("a", "2", 7), document("b", "3", 7)]);
        assert_eq!(services.get(&ws, "b").await.unwrap(), Some(document("b", "3", 7)));
        assert_eq!(services.get(&ws, "c").await.unwrap(), None);
    }

    #[tokio::test]
    async fn workspaces_and_kinds_do_not_see_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = opened(&dir).await;
        let (one, other) = (Workspace::new("one").unwrap(), Workspace::new("other").unwrap());
        store.documents("service", 10).put(&one, &document("a", "1", 1)).await.unwrap();
        assert!(store.documents("service", 10).list(&other).await.unwrap().is_empty());
        assert!(store.documents("topology", 10).list(&one).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_full_kind_takes_no_new_key_but_a_new_value() {
        let dir = tempfile::tempdir().unwrap();
        let (services, ws) = (opened(&dir).await.documents("service", 2), Workspace::default());
        for key in ["a", "b"] {
            services.put(&ws, &document(key, "1", 1)).await.unwrap();
        }
        let error = services.put(&ws, &document("c", "1", 1)).await.unwrap_err().to_string();
        assert_eq!(error, "2 documents of kind service are kept, and there are as many");
        services.put(&ws, &document("a", "2", 2)).await.unwrap();
        assert_eq!(services.list(&ws).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn changes_of_several_kinds_are_stored_together_and_a_document_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let (store, ws) = (opened(&dir).await, Workspace::default());
        let change = |kind, key: &str, json: Option<&str>| Change { kind, key: key.into(), json: json.map(Into::into) };
        store
            .commit(&ws, &[change("incident", "a", Some("1")), change("outbox", "b", Some("2"))], UnixNanos(5))
            .await
            .unwrap();
        store
            .commit(&ws, &[change("incident", "a", Some("3")), change("outbox", "b", None)], UnixNanos(6))
            .await
            .unwrap();
        assert_eq!(store.documents("incident", 10).list(&ws).await.unwrap(), [document("a", "3", 6)]);
        assert!(store.documents("outbox", 10).list(&ws).await.unwrap().is_empty());
        assert_eq!(store.workspaces_with("incident").await.unwrap(), [ws]);
        assert!(store.workspaces_with("outbox").await.unwrap().is_empty());
    }
}
