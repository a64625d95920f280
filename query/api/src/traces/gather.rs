//! Rows of one trace on their way to being a trace: its shape, and its spans in full.

use super::load::{Bounds, not_found};
use super::read::{FullSpan, Link, Resource, full_span, links, resource, span};
use crate::Problem;
use crate::ask::Row;
use crate::window::Window;
use model::{SpanId, UnixNanos};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;
use traces::{Kind, Names, Span, Tree};

/// Links, request ids and message ids of a trace that are followed.
const FOLLOWED_MAX: usize = 100;

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

/// Longest time that a trace takes when others are looked for around it: one span with a clock of 1970 must
/// not make all of history that time.
const LENGTH_MAX: Duration = Duration::from_secs(86_400);

impl Shape {
    /// The time of the trace, from its root's start on, with some before and after.
    pub(crate) fn around(&self, before: Duration, after: Duration) -> Window {
        let end = self.tree.interval().map_or(0, |(_, end)| end);
        let start = self.tree.root().map_or(end, |root| self.tree.span(root).start);
        let latest = UnixNanos(start).saturating_add(LENGTH_MAX);
        let end = UnixNanos(end).clamp(UnixNanos(start), latest);
        Window { from: UnixNanos(start).saturating_sub(before), to: end.saturating_add(after) }
    }
}

/// Gathers the shape row by row.
#[derive(Default)]
pub(super) struct Gather {
    pub(super) names: Names,
    spans: Vec<Span>,
    links: Vec<(SpanId, Link)>,
    request_ids: BTreeSet<String>,
    message_ids: BTreeSet<String>,
}

impl Gather {
    pub(super) fn add(&mut self, row: Row<'_>) -> Result<(), Problem> {
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

    pub(super) fn shape(self, complete: bool, incomplete_reason: Option<String>) -> Shape {
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

/// Rows in full, before they are given to their nodes.
#[derive(Default)]
pub(super) struct Found {
    /// By id and kind, as the tree tells spans apart; spans sent twice are several.
    spans: HashMap<(SpanId, Kind), Vec<FullSpan>>,
    resources: BTreeMap<String, Resource>,
    /// The nodes that were asked for; all where absent.
    nodes: Option<Vec<u32>>,
    /// Their ids.
    ids: HashSet<SpanId>,
}

impl Found {
    /// For these nodes only.
    pub(super) fn of(tree: &Tree, nodes: &[u32]) -> Self {
        let ids = nodes.iter().map(|node| tree.span(*node).id).collect();
        Self { nodes: Some(nodes.to_vec()), ids, ..Self::default() }
    }

    pub(super) fn add(&mut self, row: Row<'_>, names: &mut Names) -> Result<(), Problem> {
        if self.nodes.is_some() && !self.ids.contains(&span(row, names)?.id) {
            return Ok(());
        }
        let full = full_span(row, names)?;
        if !self.resources.contains_key(&full.resource_id) {
            self.resources.insert(full.resource_id.clone(), resource(row)?);
        }
        self.spans.entry((full.span.id, full.span.kind)).or_default().push(full);
        Ok(())
    }

    /// Gives the rows to their nodes. A trace without a span is a problem.
    pub(super) fn loaded(mut self, shape: Shape, trace_id: &str, bounds: Bounds) -> Result<Loaded, Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use traces::Status;

    fn shape(times: &[(i64, i64)]) -> Shape {
        let mut gather = Gather::default();
        let name = gather.names.name("x");
        gather.spans = times
            .iter()
            .enumerate()
            .map(|(n, (start, duration_ns))| Span {
                id: SpanId((n as u64 + 1).to_be_bytes()),
                parent: (n > 0).then_some(SpanId(1_u64.to_be_bytes())),
                start: *start,
                duration_ns: *duration_ns,
                service: name,
                operation: name,
                kind: Kind::Internal,
                status: Status::Unset,
                peer: None,
            })
            .collect();
        gather.shape(true, None)
    }

    #[test]
    fn the_time_around_a_trace_is_bounded_whatever_its_clocks_say() {
        let (second, day) = (1_000_000_000, 86_400_000_000_000);
        let around = |times: &[(i64, i64)]| {
            let window = shape(times).around(Duration::from_secs(1), Duration::from_secs(2));
            (window.from.0, window.to.0)
        };
        assert_eq!(around(&[(10 * second, 5), (11 * second, second)]), (9 * second, 14 * second));
        assert_eq!(around(&[(50 * day, second), (0, 1)]), (50 * day - second, 50 * day + 3 * second));
        assert_eq!(around(&[(50 * day, second), (900 * day, 1)]), (50 * day - second, 51 * day + 2 * second));
        assert_eq!(around(&[(i64::MAX, 1)]).1, i64::MAX);
    }
}
