//! One trace from the tables: its shape as a whole, its spans in full as far as they are asked for.
//!
//! A small trace takes one query. A large one takes one for its shape, of a few columns, and more for
//! the spans that are shown; so a page of a million spans costs a page, and the shape of the million.

use super::read::{FullSpan, Link, REST_COLUMNS, Resource, SHAPE_COLUMNS, full_span, links, resource, span};
use crate::ask::{Row, instant, literal, literals};
use crate::params::Params;
use crate::window::parse_instant;
use crate::{Api, Asker, Problem};
use http::StatusCode;
use model::{SpanId, UnixNanos};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use traces::{Kind, Names, SPANS_MAX, Span, Tree};

/// Span ids in one statement, whose text is bounded.
const IDS_PER_QUERY: usize = 2_000;
/// Trace ids in one statement; some, so that a search of many traces stops reading at its bound.
const TRACES_PER_QUERY: usize = 100;
/// Links, request ids and message ids of a trace that are followed.
pub(crate) const FOLLOWED_MAX: usize = 100;

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

/// The shape of a trace, and what its spans say of other traces.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) names: Names,
    pub(crate) tree: Tree,
    /// Spans of this trace with links, at most [`FOLLOWED_MAX`] of these.
    pub(crate) links: Vec<(SpanId, Link)>,
    pub(crate) request_ids: BTreeSet<String>,
    pub(crate) message_ids: BTreeSet<String>,
    pub(crate) complete: bool,
    pub(crate) incomplete_reason: Option<String>,
}

/// A trace with its spans in full, as far as they were asked for.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) shape: Shape,
    /// By node; nodes that were not asked for are absent.
    pub(crate) spans: HashMap<u32, FullSpan>,
    pub(crate) resources: BTreeMap<String, Resource>,
}

/// Which nodes are wanted in full: `limit` from `offset` on in tree order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

/// Gathers the shape row by row.
#[derive(Default)]
struct Gather {
    names: Names,
    spans: Vec<Span>,
    links: Vec<(SpanId, Link)>,
    request_ids: BTreeSet<String>,
    message_ids: BTreeSet<String>,
}

impl Gather {
    fn add(&mut self, row: Row<'_>) -> Result<(), Problem> {
        let span = span(row, &mut self.names)?;
        self.spans.push(span);
        if self.links.len() < FOLLOWED_MAX {
            let room = FOLLOWED_MAX - self.links.len();
            self.links.extend(links(row)?.into_iter().take(room).map(|link| (span.id, link)));
        }
        for (name, ids) in [("request_id", &mut self.request_ids), ("message_id", &mut self.message_ids)] {
            if let Some(id) = row.opt_text(name)?
                && ids.len() < FOLLOWED_MAX
                && !ids.contains(id)
            {
                ids.insert(id.to_owned());
            }
        }
        Ok(())
    }

    fn shape(self, complete: bool, incomplete_reason: Option<String>) -> Shape {
        Shape {
            names: self.names,
            tree: Tree::build(self.spans),
            links: self.links,
            request_ids: self.request_ids,
            message_ids: self.message_ids,
            complete,
            incomplete_reason,
        }
    }
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
        let at_once = wanted.offset == 0;
        if at_once {
            // Most traces fit into one page: one query is all.
            let limit = wanted.limit + 1;
            let rows =
                self.ask(asker, format!("SELECT {SHAPE_COLUMNS}, {REST_COLUMNS} {of_trace} LIMIT {limit}")).await?;
            if rows.len() <= wanted.limit {
                let mut gather = Gather::default();
                let mut found = Found::default();
                for row in rows.iter() {
                    gather.add(row)?;
                    found.add(row, &mut gather.names)?;
                }
                let shape = gather.shape(rows.complete, rows.incomplete_reason);
                return found.loaded(shape, trace_id, bounds);
            }
        }
        let shape = self.shape(asker, &of_trace).await?;
        let last = wanted.offset.saturating_add(wanted.limit).min(shape.tree.len());
        let nodes: Vec<u32> = shape.tree.order().get(wanted.offset..last).unwrap_or_default().to_vec();
        let found = self.full(asker, &of_trace, &shape, &nodes).await?;
        found.loaded(shape, trace_id, bounds)
    }

    async fn shape(&self, asker: &Asker, of_trace: &str) -> Result<Shape, Problem> {
        let mut rows = self.ask(asker, format!("SELECT {SHAPE_COLUMNS} {of_trace} LIMIT {}", SPANS_MAX + 1)).await?;
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

    /// The rows of some nodes.
    async fn full(&self, asker: &Asker, of_trace: &str, shape: &Shape, nodes: &[u32]) -> Result<Found, Problem> {
        let mut found = Found::default();
        // Names of a page are those of the whole, so this set only looks up.
        let mut names = shape.names.clone();
        let ids: BTreeSet<String> = nodes.iter().map(|node| shape.tree.span(*node).id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for ids in ids.chunks(IDS_PER_QUERY) {
            let among = literals(ids.iter().copied());
            let sql = format!("SELECT {SHAPE_COLUMNS}, {REST_COLUMNS} {of_trace} AND span_id IN {among}");
            for row in self.ask(asker, sql).await?.iter() {
                found.add(row, &mut names)?;
            }
        }
        found.nodes = Some(nodes.to_vec());
        Ok(found)
    }
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

/// Rows in full, before they are given to their nodes.
#[derive(Default)]
struct Found {
    /// By id and kind, as the tree tells spans apart; spans sent twice are several.
    spans: HashMap<(SpanId, Kind), Vec<FullSpan>>,
    resources: BTreeMap<String, Resource>,
    /// The nodes that were asked for; all where absent.
    nodes: Option<Vec<u32>>,
}

impl Found {
    fn add(&mut self, row: Row<'_>, names: &mut Names) -> Result<(), Problem> {
        let full = full_span(row, names)?;
        if !self.resources.contains_key(&full.resource_id) {
            self.resources.insert(full.resource_id.clone(), resource(row)?);
        }
        self.spans.entry((full.span.id, full.span.kind)).or_default().push(full);
        Ok(())
    }

    fn loaded(mut self, shape: Shape, trace_id: &str, bounds: Bounds) -> Result<Loaded, Problem> {
        if shape.tree.is_empty() {
            return Err(not_found(trace_id, bounds));
        }
        let nodes = self.nodes.take().unwrap_or_else(|| shape.tree.order().to_vec());
        let mut spans = HashMap::with_capacity(nodes.len());
        for node in nodes {
            let span = shape.tree.span(node);
            if let Some(same) = self.spans.get_mut(&(span.id, span.kind))
                && let Some(at) = same.iter().position(|full| full.span == *span)
            {
                spans.insert(node, same.swap_remove(at));
            }
        }
        Ok(Loaded { shape, spans, resources: self.resources })
    }
}
