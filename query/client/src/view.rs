//! Answers a worker's question "what is there" from the engine's view, once per query.

use crate::AuditLog;
use crate::message::{ChunkHead, Part, TableView, TableWant, ViewHead, ViewRequest};
use crate::wire::{Frame, Kind};
use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use engine::{HotChunk, View};
use model::{UnixNanos, Workspace};
use std::collections::{HashMap, HashSet};
use std::io;
use tables::TableId;

/// Where views come from: the engine; in tests, anything.
pub trait Views: Send + Sync + std::fmt::Debug {
    /// Parts and hot chunks of these tables at one instant.
    fn view(&self, workspace: &Workspace, tables: &[TableId]) -> View;
}

impl Views for engine::Engine {
    fn view(&self, workspace: &Workspace, tables: &[TableId]) -> View {
        engine::Engine::view(self, workspace, tables)
    }
}

/// What somebody may see of these tables.
pub(crate) fn seen(views: &dyn Views, workspace: &Workspace, tables: &[TableId], audit: AuditLog) -> View {
    if audit == AuditLog::Shown || !tables.contains(&TableId::Audit) {
        return views.view(workspace, tables);
    }
    let others: Vec<_> = tables.iter().copied().filter(|table| *table != TableId::Audit).collect();
    let mut view = views.view(workspace, &others);
    let hidden = "the audit log is shown to administrators only".to_owned();
    view.incomplete_reason = Some(view.incomplete_reason.map_or(hidden.clone(), |other| format!("{hidden}; {other}")));
    view.complete = false;
    view
}

/// The reply to `request`: a head, the chunk columns that the worker lacks, an end.
pub fn answer(query: u32, request: &ViewRequest, view: &View) -> io::Result<Vec<Frame>> {
    let mut head = ViewHead {
        tables: Vec::with_capacity(request.tables.len()),
        complete: view.complete,
        incomplete_reason: view.incomplete_reason.clone(),
    };
    let mut chunks = Vec::new();
    for want in &request.tables {
        let held: HashMap<u64, &[String]> =
            want.have.iter().flat_map(|h| h.chunks.iter().map(|c| (*c, h.columns.as_slice()))).collect();
        let (mut hot, mut hot_live) = (Vec::new(), Vec::new());
        for chunk in view.hot.iter().filter(|c| c.batch.table == want.table) {
            hot_live.push(chunk.id);
            if !want.time().overlaps(UnixNanos(chunk.batch.time_min), UnixNanos(chunk.batch.time_max)) {
                continue;
            }
            hot.push(chunk.id);
            if let Some(frame) = missing_columns(query, want, chunk, held.get(&chunk.id).copied())? {
                chunks.push(frame);
            }
        }
        let of_table = view.parts.iter().filter(|p| p.table == want.table);
        let (inside, elsewhere): (Vec<_>, Vec<_>) =
            of_table.partition(|p| want.time().overlaps(p.time_min, p.time_max));
        head.tables.push(TableView {
            table: want.table,
            parts: inside.into_iter().map(|p| Part::from(p.as_ref())).collect(),
            parts_elsewhere: elsewhere.len() as u64,
            hot,
            hot_live,
        });
    }
    let mut frames = vec![Frame::json(Kind::ViewHead, query, &head)?];
    frames.append(&mut chunks);
    frames.push(Frame::new(Kind::ViewEnd, query, &b""[..]));
    Ok(frames)
}

/// A frame with the wanted columns of `chunk` that the worker does not hold; `None` if it holds all.
/// A chunk the worker never saw is sent even without columns: its row count matters.
fn missing_columns(
    query: u32,
    want: &TableWant,
    chunk: &HotChunk,
    held: Option<&[String]>,
) -> io::Result<Option<Frame>> {
    let have: HashSet<&str> = held.unwrap_or_default().iter().map(String::as_str).collect();
    let schema = chunk.batch.rows.schema();
    let missing: Vec<usize> =
        want.columns.iter().filter(|c| !have.contains(c.as_str())).filter_map(|c| schema.index_of(c).ok()).collect();
    if missing.is_empty() && held.is_some() {
        return Ok(None);
    }
    let rows = chunk.batch.rows.project(&missing).map_err(io::Error::other)?;
    let head = ChunkHead {
        table: want.table,
        chunk: chunk.id,
        time_min: chunk.batch.time_min,
        time_max: chunk.batch.time_max,
        overflow: chunk.batch.overflow.clone(),
    };
    Frame::json_and_bytes(Kind::ViewChunk, query, &head, &ipc(&rows)?).map(Some)
}

/// One batch as an Arrow IPC stream.
pub fn ipc(rows: &RecordBatch) -> io::Result<Vec<u8>> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema()).map_err(io::Error::other)?;
    writer.write(rows).and_then(|()| writer.finish()).map_err(io::Error::other)?;
    writer.into_inner().map_err(io::Error::other)
}
