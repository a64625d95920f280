//! What SQL sees of the audit log: the newest rows of the asker's workspace, as rows in memory.
//!
//! It refuses to know who may see them: [`client`] asks for this table only on behalf of administrators.

use access::Access;
use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampNanosecondArray};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use client::Views;
use engine::{HotChunk, View};
use metastore::{AuditFilter, AuditRow};
use model::{UnixNanos, Workspace};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tables::{PromotedSet, TableBatch, TableId, TableSpec};
use tokio::runtime::Handle;

/// The first number of a chunk made here: above those of the engine and of the board of alerting.
const FIRST_CHUNK: u64 = (1 << 63) | (1 << 62);
/// Rows that one query sees; with more the answer says that it is not complete.
const ROWS_MAX: u32 = 100_000;

/// The views of others, and the audit log beside them.
#[derive(Debug)]
pub(crate) struct AuditTable {
    others: Arc<dyn Views>,
    access: Arc<Access>,
    runtime: Handle,
    next: AtomicU64,
}

impl AuditTable {
    /// `runtime` is where the log is read; views are asked for on other threads, which may wait.
    pub(crate) fn beside(others: Arc<dyn Views>, access: Arc<Access>, runtime: Handle) -> Self {
        Self { others, access, runtime, next: AtomicU64::new(FIRST_CHUNK) }
    }

    fn show(&self, workspace: &Workspace, view: &mut View) {
        let filter = AuditFilter { workspace: Some(workspace.clone()), ..AuditFilter::default() };
        let mut missing = None;
        match self.runtime.block_on(self.access.audited(&filter, ROWS_MAX + 1)) {
            Ok(mut rows) => {
                if rows.len() > ROWS_MAX as usize {
                    rows.truncate(ROWS_MAX as usize);
                    missing = Some(format!("of the audit log only the newest {ROWS_MAX} rows are shown"));
                }
                match chunk(self.next.fetch_add(1, Ordering::Relaxed), workspace, &rows) {
                    Ok(chunk) => view.hot.extend(chunk.map(Arc::new)),
                    Err(error) => missing = Some(format!("the audit log cannot be shown: {error}")),
                }
            }
            Err(error) => missing = Some(format!("the audit log cannot be read: {error}")),
        }
        if let Some(reason) = missing {
            view.complete = false;
            view.incomplete_reason.get_or_insert(reason);
        }
    }
}

impl Views for AuditTable {
    fn view(&self, workspace: &Workspace, tables: &[TableId]) -> View {
        let mut view = self.others.view(workspace, tables);
        if tables.contains(&TableId::Audit) {
            self.show(workspace, &mut view);
        }
        view
    }
}

/// The rows as a chunk; none of no rows.
fn chunk(id: u64, workspace: &Workspace, rows: &[AuditRow]) -> Result<Option<HotChunk>, ArrowError> {
    let times = rows.iter().map(|row| row.entry.time.0);
    let (Some(time_min), Some(time_max)) = (times.clone().min(), times.max()) else { return Ok(None) };
    let rows = columns(rows)?;
    let batch = TableBatch { table: TableId::Audit, rows, time_min, time_max, overflow: Vec::new() };
    Ok(Some(HotChunk { id, workspace: workspace.clone(), batch, received: UnixNanos(time_max), bytes: 0 }))
}

fn columns(rows: &[AuditRow]) -> Result<RecordBatch, ArrowError> {
    let text = |of: &dyn Fn(&AuditRow) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringViewArray>())
    };
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.entry.time.0));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times.with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.seq))),
        text(&|row| row.entry.actor.clone()),
        text(&|row| Some(row.entry.actor_kind.clone())),
        text(&|row| row.entry.role.clone()),
        text(&|row| Some(row.entry.workspace.to_string())),
        text(&|row| row.entry.ip.clone()),
        text(&|row| Some(row.entry.method.clone())),
        text(&|row| Some(row.entry.route.clone())),
        text(&|row| Some(row.entry.path.clone())),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| i64::from(row.entry.status)))),
        text(&|row| row.entry.detail.clone()),
        text(&|row| Some(hex::encode(row.seal))),
    ];
    RecordBatch::try_new(TableSpec::new(TableId::Audit, &PromotedSet::default()).schema, columns)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    #[test]
    fn rows_of_the_log_fit_the_table_and_no_rows_are_no_chunk() {
        let workspace = Workspace::default();
        assert!(chunk(1, &workspace, &[]).unwrap().is_none());
        let entry = metastore::AuditEntry {
            time: UnixNanos(5),
            actor: None,
            actor_kind: "nobody".into(),
            role: None,
            workspace: workspace.clone(),
            ip: None,
            method: "POST".into(),
            route: "/api/v1/session".into(),
            path: "/api/v1/session".into(),
            status: 204,
            detail: None,
        };
        let chunk = chunk(1, &workspace, &[AuditRow { seq: 7, entry, seal: [1; 32] }]).unwrap().unwrap();
        assert_eq!((chunk.batch.rows.num_rows(), chunk.batch.time_min, chunk.batch.time_max), (1, 5, 5));
    }
}
