//! Which content-addressed rows (resources, series) are written today already.
//!
//! Every request brings the rows of the resources and series it names; once a day is enough. Writing
//! one twice is harmless (readers take any row of an id), forgetting one is not: so an id is known only
//! once its row is in a generation, and the set begins empty in every process.

use crate::stats::Counters;
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use arrow::error::ArrowError;
use hashbrown::{HashMap, HashSet};
use model::{UnixNanos, Workspace};
use std::sync::Arc;
use tables::{TableBatch, TableId};

/// The column that names a row of a content-addressed table.
fn id_column(table: TableId) -> Option<&'static str> {
    match table {
        TableId::Resources => Some("resource_id"),
        TableId::Series => Some("series_id"),
        _ => None,
    }
}

/// Ids by workspace, table and day.
#[derive(Debug)]
pub(crate) struct Known {
    ids: HashMap<(Workspace, TableId, i32), HashSet<[u8; 16]>>,
    len: usize,
    len_max: usize,
    counters: Arc<Counters>,
}

impl Known {
    pub(crate) fn new(len_max: usize, counters: Arc<Counters>) -> Self {
        Self { ids: HashMap::new(), len: 0, len_max, counters }
    }

    /// The rows of a batch that are not known yet; they are from now on. `None` if there are none.
    /// Batches of other tables pass as they are.
    pub(crate) fn unknown(
        &mut self,
        workspace: &Workspace,
        batch: TableBatch,
    ) -> Result<Option<TableBatch>, ArrowError> {
        let Some(name) = id_column(batch.table) else { return Ok(Some(batch)) };
        let keep = self.mark(workspace, batch.table, name, &batch.rows)?;
        let kept = keep.iter().filter(|k| **k).count();
        self.counters.rows_known.add((keep.len() - kept) as u64);
        if kept == keep.len() {
            return Ok(Some(batch));
        }
        if kept == 0 {
            return Ok(None);
        }
        let rows = filter_record_batch(&batch.rows, &BooleanArray::from(keep))?;
        Ok(Some(TableBatch { rows, ..batch }))
    }

    fn mark(
        &mut self,
        workspace: &Workspace,
        table: TableId,
        name: &str,
        rows: &RecordBatch,
    ) -> Result<Vec<bool>, ArrowError> {
        let column = |name: &str| {
            rows.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("{table} has no column {name}")))
        };
        let ids = column(name)?;
        let ids = ids.as_fixed_size_binary_opt().ok_or_else(|| ArrowError::SchemaError(format!("{name} is no id")))?;
        let times = column("time")?;
        let times = times.as_primitive_opt::<TimestampNanosecondType>();
        let times = times.ok_or_else(|| ArrowError::SchemaError("time is no timestamp".into()))?;
        let mut keep = Vec::with_capacity(ids.len());
        for (id, time) in ids.iter().zip(times.values()) {
            let id: Option<[u8; 16]> = id.and_then(|id| id.try_into().ok());
            keep.push(id.is_none_or(|id| self.insert(workspace, table, UnixNanos(*time).day(), id)));
        }
        Ok(keep)
    }

    fn insert(&mut self, workspace: &Workspace, table: TableId, day: i32, id: [u8; 16]) -> bool {
        if self.len >= self.len_max {
            self.ids.clear();
            self.len = 0;
            self.counters.known_ids_dropped.add(1);
        }
        let new = self.ids.entry((workspace.clone(), table, day)).or_default().insert(id);
        self.len += usize::from(new);
        new
    }
}
