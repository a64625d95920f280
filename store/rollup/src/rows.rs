//! Counts as rows of their tables.

use crate::counts::{Cell, EdgeKey, start};
use crate::facts::{Node, Owner};
use crate::linker::Rollups;
use crate::names::{EdgeKind, NodeKind, SERVICE};
use crate::waiting::Orphan;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Int64Builder, RecordBatch, StringViewBuilder,
    TimestampNanosecondBuilder, UInt32Array,
};
use arrow::compute::take;
use arrow::error::ArrowError;
use model::{UnixNanos, Workspace};
use std::collections::BTreeSet;
use std::sync::Arc;
use tables::rollups::EDGE_BUCKET_NS;
use tables::{PromotedSet, TableBatch, TableId, TableSpec};

/// The tables that are counted.
pub const TABLES: [TableId; 3] = [TableId::Red, TableId::ServiceEdges, TableId::EdgesPending];

/// Rows of one table of one workspace.
#[derive(Clone, Debug)]
pub struct Counted {
    pub workspace: Workspace,
    pub batch: TableBatch,
    /// Latest receipt of what was counted.
    pub received: UnixNanos,
}

impl Rollups {
    /// The rows that [`Rollups::seal`] would give for a table of a workspace now; `None` if there are none.
    ///
    /// # Errors
    /// When rows do not fit their table, which a correct build never does.
    pub fn preview(&self, workspace: &Workspace, table: TableId) -> Result<Option<TableBatch>, ArrowError> {
        let Some(number) = self.workspaces.iter().position(|w| w == workspace) else { return Ok(None) };
        self.rows(number as u32, table)
    }

    /// The minutes, counted from 1970, in which [`Rollups::preview`] of request rates or of edges has rows.
    pub fn minutes(&self, workspace: &Workspace) -> BTreeSet<i64> {
        let Some(number) = self.workspaces.iter().position(|w| w == workspace) else { return BTreeSet::new() };
        let is_here = |owner: u32| self.owners.get(owner).is_some_and(|known| known.workspace == number as u32);
        let mut minutes = BTreeSet::new();
        let mut last = None;
        let mut add = |minute: i64, owner: u32| {
            // Neighbours are mostly of one minute and one owner.
            if last != Some((minute, owner)) && is_here(owner) {
                minutes.insert(minute);
            }
            last = Some((minute, owner));
        };
        for ((series, bucket), _) in &self.counts.red {
            add(bucket.div_euclid(EDGE_BUCKET_NS), self.counts.series[*series as usize].owner);
        }
        self.counts.edges.iter().for_each(|(key, _)| add(key.minute.into(), key.owner));
        self.waiting.fresh().chain(&self.counts.pending).for_each(|orphan| add(orphan.minute.into(), orphan.owner));
        minutes
    }

    /// All rows of the filling counts, which begin anew. The orphans that are written down now stay in
    /// memory and are resolved there when their parent comes.
    ///
    /// # Errors
    /// As [`Rollups::preview`].
    pub fn seal(&mut self) -> Result<Vec<Counted>, ArrowError> {
        let mut sealed = Vec::new();
        let received = UnixNanos(self.counts.received);
        for (number, workspace) in self.workspaces.iter().enumerate() {
            for table in TABLES {
                if let Some(batch) = self.rows(number as u32, table)? {
                    sealed.push(Counted { workspace: workspace.clone(), batch, received });
                }
            }
        }
        self.waiting.all_durable();
        self.counts.clear();
        self.version += 1;
        self.forget_unused_names();
        Ok(sealed)
    }

    /// Names that neither memory nor an orphan has are let go when room gets short.
    fn forget_unused_names(&mut self) {
        if self.owners.is_crowded() {
            let slots = self.memory.slots().iter().map(|slot| slot.owner);
            self.owners.keep(slots.chain(self.waiting.all().map(|orphan| orphan.owner)));
        }
        if self.nodes.is_crowded() {
            self.nodes.keep(self.memory.slots().iter().map(|slot| slot.guess));
        }
    }

    fn rows(&self, workspace: u32, table: TableId) -> Result<Option<TableBatch>, ArrowError> {
        let is_here = |owner: u32| self.owners.get(owner).is_some_and(|known| known.workspace == workspace);
        let waiting = || -> Vec<Orphan> {
            let all = self.waiting.fresh().chain(&self.counts.pending);
            all.filter(|orphan| is_here(orphan.owner)).copied().collect()
        };
        match table {
            TableId::Red => {
                let series = |at: u32| &self.counts.series[at as usize];
                let cells = self.counts.red.iter().filter(|((at, _), _)| is_here(series(*at).owner));
                let mut cells: Vec<_> = cells.collect();
                // Rows of one series together: whoever sorts them has little left to do.
                cells.sort_unstable_by_key(|cell| cell.0);
                self.red_rows(&cells)
            }
            TableId::ServiceEdges => {
                let mut cells = self.counts.edges_with(&waiting());
                cells.retain(|(key, _)| is_here(key.owner));
                self.edge_rows(&cells)
            }
            TableId::EdgesPending => {
                let resolved = self.counts.resolved.iter().filter(|orphan| is_here(orphan.owner)).copied();
                let rows = waiting().into_iter().map(|orphan| (orphan, false)).chain(resolved.map(|o| (o, true)));
                self.pending_rows(&rows.collect::<Vec<_>>())
            }
            _ => Ok(None),
        }
    }

    fn owner_of(&self, number: u32) -> Option<&Owner> {
        self.owners.get(number).map(|known| &known.it)
    }

    fn red_rows(&self, cells: &[&((u32, i64), Cell)]) -> Result<Option<TableBatch>, ArrowError> {
        // Names are spelled once for each series, not for each of its buckets.
        let series = &self.counts.series;
        let rows = UInt32Array::from_iter_values(cells.iter().map(|cell| cell.0.0));
        let spelled = |names: ArrayRef| take(&names, &rows, None);
        let owner =
            |pick: fn(&Owner) -> &str| spelled(texts(series.iter().map(|s| self.owner_of(s.owner).map_or("", pick))));
        let counts = |pick: fn(&Cell) -> i64| counts(cells.iter().map(|c| pick(&c.1)));
        let columns = vec![
            times(cells.iter().map(|c| c.0.1)),
            owner(|o| &o.environment)?,
            owner(|o| &o.namespace)?,
            owner(|o| &o.lane)?,
            owner(|o| &o.service)?,
            spelled(texts(series.iter().map(|s| &*s.operation)))?,
            spelled(texts(series.iter().map(|s| s.kind.as_str())))?,
            counts(|c| c.calls),
            counts(|c| c.errors),
            counts(|c| c.limited),
            counts(|c| c.duration),
            sketches(cells.iter().map(|c| &c.1)),
        ];
        table(TableId::Red, columns, cells.iter().map(|c| c.0.1))
    }

    fn edge_rows(&self, cells: &[(EdgeKey, Cell)]) -> Result<Option<TableBatch>, ArrowError> {
        let ends: Vec<Edge<'_>> = cells.iter().map(|(key, _)| self.edge(key)).collect();
        let text = |pick: for<'a> fn(&'a Edge<'a>) -> &'a str| texts(ends.iter().map(pick));
        let counts = |pick: fn(&Cell) -> i64| counts(cells.iter().map(|(_, cell)| pick(cell)));
        let time = |key: &EdgeKey| start(i64::from(key.minute), EDGE_BUCKET_NS);
        let columns = vec![
            times(cells.iter().map(|(key, _)| time(key))),
            text(|e| &e.owner.environment),
            text(|e| &e.owner.namespace),
            text(|e| &e.owner.lane),
            text(|e| e.caller_lane),
            text(|e| e.caller.0),
            text(|e| e.caller.1),
            text(|e| e.callee.0),
            text(|e| e.callee.1),
            text(|e| e.kind),
            counts(|c| c.calls),
            counts(|c| c.errors),
            counts(|c| c.limited),
            counts(|c| c.duration),
            sketches(cells.iter().map(|(_, cell)| cell)),
            counts(|c| c.unresolved),
        ];
        table(TableId::ServiceEdges, columns, cells.iter().map(|(key, _)| time(key)))
    }

    /// An edge in words.
    fn edge(&self, key: &EdgeKey) -> Edge<'_> {
        let owner = self.owner_of(key.owner).unwrap_or(&NOBODY);
        let service = |number| (self.owner_of(number).map_or("", |o| &*o.service), SERVICE);
        let node = |number| -> (&str, &'static str) {
            let node: Option<&Node> = self.nodes.get(number).map(|known| &known.it);
            node.map_or(("", ""), |node| (&*node.name, node.kind.as_str()))
        };
        let kind_of = |number| self.nodes.get(number).map(|known| known.it.kind);
        let lane_of = |number| self.owner_of(number).map_or("", |o| &*o.lane);
        let (caller, callee, kind, caller_lane) = match key.kind {
            EdgeKind::Call => (service(key.a), service(key.b), "call", lane_of(key.a)),
            EdgeKind::Message => (service(key.a), service(key.b), "message", lane_of(key.a)),
            EdgeKind::Peer => {
                let kind = kind_of(key.b).map_or("third_party", NodeKind::as_str);
                (service(key.a), node(key.b), kind, &*owner.lane)
            }
            EdgeKind::Publish => (service(key.a), node(key.b), "queue", &*owner.lane),
            EdgeKind::Consume => (node(key.a), service(key.b), "queue", &*owner.lane),
            EdgeKind::RunsOn => (service(key.a), node(key.b), "runs_on", &*owner.lane),
            EdgeKind::StandsOn => (node(key.a), node(key.b), "runs_on", &*owner.lane),
            EdgeKind::Unresolved => (("", ""), service(key.b), "unresolved", &*owner.lane),
        };
        Edge { owner, caller_lane, caller, callee, kind }
    }

    fn pending_rows(&self, rows: &[(Orphan, bool)]) -> Result<Option<TableBatch>, ArrowError> {
        let owner = |pick: fn(&Owner) -> &str| texts(rows.iter().map(|(o, _)| self.owner_of(o.owner).map_or("", pick)));
        let mut resolved = BooleanBuilder::with_capacity(rows.len());
        rows.iter().for_each(|(_, is)| resolved.append_value(*is));
        let columns = vec![
            times(rows.iter().map(|(o, _)| o.received)),
            ids(16, rows.iter().map(|(o, _)| o.target.trace.as_slice()))?,
            ids(8, rows.iter().map(|(o, _)| o.span.as_slice()))?,
            ids(8, rows.iter().map(|(o, _)| o.target.span.as_slice()))?,
            times(rows.iter().map(|(o, _)| start(i64::from(o.minute), EDGE_BUCKET_NS))),
            owner(|o| &o.environment),
            owner(|o| &o.namespace),
            owner(|o| &o.lane),
            owner(|o| &o.service),
            texts(rows.iter().map(|(o, _)| o.kind.as_str())),
            counts(rows.iter().map(|(o, _)| i64::from(o.error))),
            counts(rows.iter().map(|(o, _)| i64::from(o.limited))),
            counts(rows.iter().map(|(o, _)| o.duration)),
            Arc::new(resolved.finish()),
        ];
        table(TableId::EdgesPending, columns, rows.iter().map(|(o, _)| o.received))
    }
}

/// The names of an edge.
struct Edge<'a> {
    owner: &'a Owner,
    caller_lane: &'a str,
    caller: (&'a str, &'static str),
    callee: (&'a str, &'static str),
    kind: &'static str,
}

static NOBODY: std::sync::LazyLock<Owner> = std::sync::LazyLock::new(Owner::default);

fn table(
    id: TableId,
    columns: Vec<ArrayRef>,
    times: impl Iterator<Item = i64> + Clone,
) -> Result<Option<TableBatch>, ArrowError> {
    let (Some(time_min), Some(time_max)) = (times.clone().min(), times.max()) else { return Ok(None) };
    let schema = TableSpec::new(id, &PromotedSet::default()).schema;
    let rows = RecordBatch::try_new(schema, columns)?;
    Ok(Some(TableBatch { table: id, rows, time_min, time_max, overflow: Vec::new() }))
}

fn times(values: impl Iterator<Item = i64>) -> ArrayRef {
    let mut column = TimestampNanosecondBuilder::new();
    values.for_each(|value| column.append_value(value));
    Arc::new(column.finish().with_timezone("UTC"))
}

/// Equal texts share their bytes.
fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    let mut column = StringViewBuilder::new().with_deduplicate_strings();
    values.for_each(|value| column.append_value(value));
    Arc::new(column.finish())
}

fn counts(values: impl Iterator<Item = i64>) -> ArrayRef {
    let mut column = Int64Builder::new();
    values.for_each(|value| column.append_value(value));
    Arc::new(column.finish())
}

fn ids<'a>(size: i32, values: impl Iterator<Item = &'a [u8]>) -> Result<ArrayRef, ArrowError> {
    let mut column = FixedSizeBinaryBuilder::new(size);
    for value in values {
        column.append_value(value)?;
    }
    Ok(Arc::new(column.finish()))
}

fn sketches<'a>(cells: impl Iterator<Item = &'a Cell>) -> ArrayRef {
    let mut column = BinaryBuilder::new();
    let mut bytes = Vec::new();
    for cell in cells {
        bytes.clear();
        cell.sketch.encode_into(&mut bytes);
        column.append_option((!cell.sketch.is_empty()).then_some(&bytes));
    }
    Arc::new(column.finish())
}
