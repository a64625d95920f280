//! What SQL sees of alerting: alerts, incidents and messages as they stand, as rows in memory.
//!
//! A view of these tables is the engine's view with one chunk of rows beside it. A chunk is made anew
//! when something has changed since it was last asked for, and has a number of its own, so that a worker
//! never mistakes an old one for it.

use crate::Watch;
use crate::rows::rows;
use arrow::json::ReaderBuilder;
use client::Views;
use engine::{Engine, HotChunk, View};
use model::{UnixNanos, Workspace};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tables::{PromotedSet, TableBatch, TableId, TableSpec};

/// The first number of a chunk made here: far above those that the engine gives.
const FIRST_CHUNK: u64 = 1 << 63;
/// Tables that are shown and not stored.
const SHOWN: [TableId; 3] = [TableId::Alerts, TableId::Incidents, TableId::Notifications];

/// Rows of one table, as values whose fields are named like its columns.
pub(crate) type Rows = Vec<serde_json::Value>;

/// What was shown last, and of which state of the desk.
#[derive(Debug, Default)]
struct Pinned {
    version: u64,
    chunk: Option<Arc<HotChunk>>,
}

/// The rows that queries see.
#[derive(Debug)]
pub struct Board {
    engine: Arc<Engine>,
    watch: OnceLock<Watch>,
    pinned: Mutex<HashMap<(Workspace, TableId), Pinned>>,
    next: AtomicU64,
}

impl Board {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, watch: OnceLock::new(), pinned: Mutex::default(), next: AtomicU64::new(FIRST_CHUNK) }
    }

    /// Begins to show what this watch holds; until then the tables are empty.
    pub fn show(&self, watch: Watch) {
        // A second watch would be another server's.
        let _ = self.watch.set(watch);
    }

    /// The chunk of a table as things stand. Views are asked for on threads that may wait.
    fn chunk(&self, workspace: &Workspace, table: TableId) -> Option<Arc<HotChunk>> {
        let mut pinned = self.pinned.lock();
        let place = pinned.entry((workspace.clone(), table)).or_default();
        let fresh = self.watch.get().and_then(|watch| {
            watch.look(workspace, |office| {
                (office.version() + 1 != place.version).then(|| (office.version() + 1, rows(office, table)))
            })
        });
        if let Some((version, rows)) = fresh.flatten() {
            let made = batch(table, &rows);
            let made = made.inspect_err(|error| tracing::error!(%error, %table, "rows cannot be shown"));
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let chunk = made.ok().flatten().map(|batch| {
                let received = UnixNanos(batch.time_max);
                Arc::new(HotChunk { id, workspace: workspace.clone(), batch, received, bytes: 0 })
            });
            *place = Pinned { version, chunk };
        }
        place.chunk.clone()
    }
}

impl Views for Board {
    fn view(&self, workspace: &Workspace, tables: &[TableId]) -> View {
        let mut view = self.engine.view(workspace, tables);
        let shown = SHOWN.into_iter().filter(|table| tables.contains(table));
        view.hot.extend(shown.filter_map(|table| self.chunk(workspace, table)));
        view
    }
}

/// The rows as columns; `None` of no rows.
fn batch(table: TableId, rows: &Rows) -> Result<Option<TableBatch>, arrow::error::ArrowError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let schema = TableSpec::new(table, &PromotedSet::default()).schema;
    let mut decoder = ReaderBuilder::new(schema).with_batch_size(rows.len()).build_decoder()?;
    decoder.serialize(rows)?;
    let Some(columns) = decoder.flush()? else { return Ok(None) };
    let times = rows.iter().filter_map(|row| row["time"].as_i64());
    let (min, max) = times.fold((i64::MAX, i64::MIN), |(min, max), time| (min.min(time), max.max(time)));
    Ok(Some(TableBatch { table, rows: columns, time_min: min, time_max: max, overflow: Vec::new() }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use serde_json::json;

    #[test]
    fn rows_of_every_table_become_columns_and_what_is_not_said_is_null() {
        let alert = json!({
            "time": 5, "fingerprint": "f", "name": "n", "entity": "service:a", "severity": "high",
            "state": "firing", "source": "rule", "count": 2, "attributes": {"service": "a", "b": null},
        });
        let incident = json!({
            "time": 7, "id": "I", "title": "t", "title_zh": "题", "state": "open", "severity": "high",
            "score": 1.5, "undetermined": false, "updated_at": 9, "alerts": 3,
        });
        let message =
            json!({"time": 6, "id": "m", "receiver": "r", "channel": "webhook", "occasion": "opened", "state": "sent"});
        for (table, row) in
            [(TableId::Alerts, alert), (TableId::Incidents, incident), (TableId::Notifications, message)]
        {
            let made = batch(table, &vec![row.clone(), row.clone()]).unwrap().unwrap();
            assert_eq!((made.rows.num_rows(), made.time_min), (2, row["time"].as_i64().unwrap()), "{table}");
        }
        assert!(batch(TableId::Alerts, &vec![]).unwrap().is_none());
        assert!(batch(TableId::Alerts, &vec![json!({"time": 5})]).is_err(), "a row without its name fits nowhere");
    }
}
