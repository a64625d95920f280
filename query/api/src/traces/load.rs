//! One trace from the tables: its shape as a whole, its spans in full as far as they are asked for.
//!
//! A small trace takes one query. A large one takes one for its shape, of a few columns, and more for
//! the spans that are shown; so a page of a million spans costs a page, and the shape of the million.

use super::gather::{Found, Gather};
pub(crate) use super::gather::{Loaded, Shape};
use super::read::{REST_COLUMNS, SHAPE_COLUMNS};
use crate::aside::aside;
use crate::ask::{Rows, instant, literal, literals};
use crate::params::Params;
use crate::window::parse_instant;
use crate::{Api, Asker, Problem};
use http::StatusCode;
use model::UnixNanos;
use std::collections::{BTreeSet, HashMap};
use traces::{SPANS_MAX, Tree};

/// Span ids in one statement, whose text is bounded.
const IDS_PER_QUERY: usize = 2_000;
/// A trace up to this size is read as a whole when half of it is wanted.
const READ_WHOLE_MAX: usize = 200_000;
/// Trace ids in one statement; some, so that a search of many traces stops reading at its bound.
const TRACES_PER_QUERY: usize = 100;

/// When a trace is looked for; open ends look everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) from: Option<UnixNanos>,
    pub(crate) to: Option<UnixNanos>,
}

impl Bounds {
    /// From parameters `from` and `to`.
    pub(crate) fn read(params: &Params, now: UnixNanos) -> Result<Self, Problem> {
        let at = |name: &str| params.get(name).map(|text| parse_instant(name, text, now)).transpose();
        Ok(Self { from: at("from")?, to: at("to")? })
    }

    /// ` AND time >= ... AND time < ...`, as far as they are closed.
    pub(crate) fn sql(&self) -> String {
        let from = self.from.map(|t| format!(" AND time >= {}", instant(t))).unwrap_or_default();
        let to = self.to.map(|t| format!(" AND time < {}", instant(t))).unwrap_or_default();
        from + &to
    }
}

/// Which nodes are wanted in full: `limit` from `offset` on in tree order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

/// A trace that is not there.
pub(crate) fn not_found(trace_id: &str, bounds: Bounds) -> Problem {
    let hint = match bounds {
        Bounds { from: None, to: None } => "it may not have arrived yet, or be older than the retention",
        _ => "look without from and to, which bound the search",
    };
    let detail = format!("no span of trace {trace_id} is here: {hint}");
    Problem::new(StatusCode::NOT_FOUND, "trace-not-found", "There is no such trace", detail)
}

impl Api {
    /// A trace, and the wanted spans of it in full. A trace without a span is a problem.
    pub(crate) async fn load_trace(
        &self,
        asker: &Asker,
        trace_id: &str,
        bounds: Bounds,
        wanted: Wanted,
    ) -> Result<Loaded, Problem> {
        let of_trace = format!("FROM spans WHERE trace_id = {}{}", literal(trace_id), bounds.sql());
        let id = trace_id.to_owned();
        if wanted.offset == 0 {
            // Most traces fit into one page: one query is all.
            let limit = wanted.limit + 1;
            let sql = format!("SELECT {SHAPE_COLUMNS}, {REST_COLUMNS} {of_trace} LIMIT {limit}");
            let rows = self.ask(asker, sql).await?;
            if rows.len() <= wanted.limit {
                return aside(move || at_once(rows, &id, bounds)).await;
            }
        }
        let rows = self.ask(asker, format!("SELECT {SHAPE_COLUMNS} {of_trace} LIMIT {}", SPANS_MAX + 1)).await?;
        let shape = aside(move || shape(rows)).await?;
        let last = wanted.offset.saturating_add(wanted.limit).min(shape.tree.len());
        let nodes: Vec<u32> = shape.tree.order().get(wanted.offset..last).unwrap_or_default().to_vec();
        let mut rows = Vec::new();
        for among in among(&shape.tree, &nodes) {
            let sql = format!("SELECT {SHAPE_COLUMNS}, {REST_COLUMNS} {of_trace}{among}");
            rows.push(self.ask(asker, sql).await?);
        }
        aside(move || {
            let mut found = Found::of(&shape.tree, &nodes);
            // Names of a page are those of the whole, so this set only looks up.
            let mut names = shape.names.clone();
            for row in rows.iter().flat_map(Rows::iter) {
                found.add(row, &mut names)?;
            }
            found.loaded(shape, &id, bounds)
        })
        .await
    }
}

fn at_once(rows: Rows, trace_id: &str, bounds: Bounds) -> Result<Loaded, Problem> {
    let (mut gather, mut found) = (Gather::default(), Found::default());
    for row in rows.iter() {
        gather.add(row)?;
        found.add(row, &mut gather.names)?;
    }
    found.loaded(gather.shape(rows.complete, rows.incomplete_reason), trace_id, bounds)
}

fn shape(mut rows: Rows) -> Result<Shape, Problem> {
    if rows.len() > SPANS_MAX || (rows.len() == SPANS_MAX && !rows.complete) {
        rows.complete = false;
        rows.incomplete_reason = Some(format!(
            "the trace has more than {SPANS_MAX} spans: {SPANS_MAX} of them are looked at; use SQL for the rest"
        ));
    }
    let mut gather = Gather::default();
    for row in rows.iter().take(SPANS_MAX) {
        gather.add(row)?;
    }
    Ok(gather.shape(rows.complete, rows.incomplete_reason))
}

/// Conditions that together find the rows of some nodes: by their ids, or none where most are wanted.
fn among(tree: &Tree, nodes: &[u32]) -> Vec<String> {
    if tree.len() <= READ_WHOLE_MAX && nodes.len() * 2 >= tree.len() {
        return vec![String::new()];
    }
    let ids: BTreeSet<String> = nodes.iter().map(|node| tree.span(*node).id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let chunks = ids.chunks(IDS_PER_QUERY);
    chunks.map(|ids| format!(" AND span_id IN {}", literals(ids.iter().copied()))).collect()
}

/// Several traces in full, in the order they were asked for; those without a span are absent.
#[derive(Debug, Default)]
pub(crate) struct Many {
    pub(crate) traces: Vec<(String, Loaded)>,
    pub(crate) incomplete_reason: Option<String>,
}

impl Api {
    /// Several traces in full, as far as they have `spans_max` spans together. `reach` is a condition
    /// on `time`.
    pub(crate) async fn load_traces(
        &self,
        asker: &Asker,
        trace_ids: &[&str],
        reach: &str,
        spans_max: usize,
    ) -> Result<Many, Problem> {
        let mut many = Many::default();
        let mut gathered: HashMap<String, (Gather, Found)> = HashMap::new();
        let mut read = 0;
        for ids in trace_ids.chunks(TRACES_PER_QUERY) {
            let sql = format!(
                "SELECT trace_id, {SHAPE_COLUMNS}, {REST_COLUMNS} FROM spans WHERE trace_id IN {} AND {reach} LIMIT {}",
                literals(ids.iter().copied()),
                spans_max - read + 1
            );
            let rows = self.ask(asker, sql).await?;
            for row in rows.iter().take(spans_max - read) {
                let id = row.text("trace_id")?;
                if !gathered.contains_key(id) {
                    gathered.insert(id.to_owned(), Default::default());
                }
                if let Some((gather, found)) = gathered.get_mut(id) {
                    gather.add(row)?;
                    found.add(row, &mut gather.names)?;
                }
            }
            read += rows.len();
            if !rows.complete {
                many.incomplete_reason = rows.incomplete_reason.clone();
            }
            if read > spans_max {
                let reason =
                    format!("the traces have more than {spans_max} spans: the last ones are shown in part or not");
                many.incomplete_reason = Some(reason);
                break;
            }
        }
        for id in trace_ids {
            if let Some((gather, found)) = gathered.remove(*id) {
                let loaded = found.loaded(gather.shape(true, None), id, Bounds::default())?;
                many.traces.push(((*id).to_owned(), loaded));
            }
        }
        Ok(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SpanId;
    use traces::{Kind, Names, Span, Status};

    #[test]
    fn a_page_is_found_by_ids_and_most_of_a_trace_without() {
        let name = Names::new().name("x");
        let span = |n: u64| Span {
            id: SpanId(n.to_be_bytes()),
            parent: None,
            start: n as i64,
            duration_ns: 1,
            service: name,
            operation: name,
            kind: Kind::Internal,
            status: Status::Unset,
            peer: None,
        };
        let tree = Tree::build((1..=10_000).map(span).collect());
        assert_eq!(among(&tree, &tree.order()[..5_000]), [""]);
        let chunks = among(&tree, &tree.order()[..4_999]);
        assert_eq!(chunks.len(), 3);
        assert!(chunks[0].starts_with(" AND span_id IN ('0000000000000001', '0000000000000002'"));
        assert!(chunks.iter().all(|sql| sql.len() < 60_000), "a statement has its bounds");
        assert!(among(&tree, &[]).is_empty());
    }
}
