//! Log records of a trace, joined to its spans by span id.
//!
//! Exceptions come as span events, as log records, or as both. A record that tells of the exception
//! that an event of its span tells of is marked, so that nobody counts one failure twice.

use super::load::{Bounds, Loaded};
use super::read::{FullSpan, value_of};
use crate::ask::literal;
use crate::logs::record::{LOG_COLUMNS, LogItem};
use crate::{Api, Asker, Problem};
use serde::Serialize;
use std::collections::HashSet;
use utoipa::ToSchema;

/// Records that come with a trace; `GET /api/v1/logs?trace_id=` has the rest.
const LISTED_MAX: usize = 1_000;

/// Records of the trace by time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TraceLogs {
    items: Vec<TraceLog>,
    complete: bool,
    incomplete_reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TraceLog {
    #[serde(flatten)]
    record: LogItem,
    /// Whether an event of its span, among the spans of this answer, tells of the same exception.
    same_as_event: bool,
}

pub(crate) async fn trace_logs(
    api: &Api,
    asker: &Asker,
    trace_id: &str,
    bounds: Bounds,
    loaded: &Loaded,
) -> Result<TraceLogs, Problem> {
    let sql = format!(
        "SELECT {LOG_COLUMNS} FROM logs WHERE trace_id = {}{} ORDER BY time, service, span_id, body LIMIT {}",
        literal(trace_id),
        bounds.sql(),
        LISTED_MAX + 1
    );
    let rows = api.ask(asker, sql).await?;
    let known: HashSet<Exception> = loaded.spans.values().flat_map(exceptions).collect();
    let mut items = Vec::new();
    for row in rows.iter().take(LISTED_MAX) {
        let record = LogItem::read(row)?;
        let same_as_event = exception(&record).is_some_and(|exception| known.contains(&exception));
        items.push(TraceLog { record, same_as_event });
    }
    let cut = rows.len() > LISTED_MAX;
    let reason = cut.then(|| format!("the first {LISTED_MAX} records: GET /api/v1/logs?trace_id= has all"));
    Ok(TraceLogs { items, complete: rows.complete && !cut, incomplete_reason: rows.incomplete_reason.or(reason) })
}

/// Span id, type and message.
type Exception = (String, String, String);

fn exceptions(full: &FullSpan) -> impl Iterator<Item = Exception> + '_ {
    let events = full.events.iter().filter(|event| event.name == "exception");
    events.map(|event| {
        let of = |key: &str| value_of(&event.attributes, key).unwrap_or_default().to_owned();
        (full.span.id.to_string(), of("exception.type"), of("exception.message"))
    })
}

fn exception(record: &LogItem) -> Option<Exception> {
    let (ty, message) = record.exception()?;
    Some((record.span_id.clone()?, ty.to_owned(), message.to_owned()))
}
