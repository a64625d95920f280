//! `GET /api/v1/traces/compare`: two traces side by side, span by span.

use super::answer::SpanName;
use super::filter::trace_id;
use super::load::{Bounds, Loaded, Wanted};
use super::read::FullSpan;
use crate::aside::aside;
use crate::describe::AnyProblem;
use crate::params::Params;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use std::cmp::Reverse;
use traces::{Names, Span, Tree, changed_attributes, compare, self_times};
use utoipa::ToSchema;

/// Spans of each trace that are compared, and spans that are listed of each kind.
const COMPARED_MAX: usize = 20_000;
const LISTED_MAX: usize = 1_000;
/// Durations that differ by less say nothing: 5 % and a tenth of a millisecond.
const SAME_PART: i64 = 20;
const SAME_NS: i64 = 100_000;

/// Spans match by service, operation and kind at the same place below their roots, in order of time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Compared {
    a: ComparedTrace,
    b: ComparedTrace,
    matched_count: usize,
    /// Matched spans that differ in duration, status or attributes; the largest difference first.
    changed: Vec<SpanChange>,
    changed_count: usize,
    only_a: Vec<SpanName>,
    only_a_count: usize,
    only_b: Vec<SpanName>,
    only_b_count: usize,
    complete: bool,
    incomplete_reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ComparedTrace {
    trace_id: String,
    span_count: usize,
    duration_ns: i64,
}

/// Two spans that match and differ.
#[derive(Debug, Serialize, ToSchema)]
struct SpanChange {
    a: SpanName,
    b: SpanName,
    /// b less a.
    duration_difference_ns: i64,
    self_difference_ns: i64,
    status_changed: bool,
    attributes: Vec<AttributeDifference>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AttributeDifference {
    /// `resource.KEY` for those of the resource.
    key: String,
    /// Null where the span does not have it.
    a: Option<String>,
    b: Option<String>,
}

/// Two traces: what is only in one, and what changed.
#[utoipa::path(get, path = "/api/v1/traces/compare", operation_id = "compare_traces", tag = "traces",
    params(
        ("a" = String, Query, description = "A trace id."),
        ("b" = String, Query, description = "Another."),
    ),
    responses((status = 200, description = "The comparison.", body = Compared), (status = "default", response = AnyProblem)))]
pub(super) async fn compared(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Compared>, Problem> {
    let params = Params::read(&uri, &["a", "b"])?;
    let id = |name: &str| match params.get(name) {
        Some(text) => trace_id(name, text),
        None => Err(Problem::invalid(format!("{name} is missing: give two trace ids, a and b"))),
    };
    let (id_a, id_b) = (id("a")?, id("b")?);
    let wanted = Wanted { offset: 0, limit: COMPARED_MAX };
    let (a, b) = futures::join!(
        api.load_trace(&asker, &id_a, Bounds::default(), wanted),
        api.load_trace(&asker, &id_b, Bounds::default(), wanted),
    );
    let (a, b) = (a?, b?);
    aside(move || Ok(Json(side_by_side(&id_a, &a, &id_b, &b)))).await
}

fn side_by_side(id_a: &str, a: &Loaded, id_b: &str, b: &Loaded) -> Compared {
    // Both need one set of names.
    let mut names = Names::new();
    let (tree_a, tree_b) = (renamed(a, &mut names), renamed(b, &mut names));
    let matched = compare(&tree_a, &tree_b);
    let (self_a, self_b) = (self_times(&tree_a), self_times(&tree_b));
    let mut changed: Vec<SpanChange> = matched
        .pairs
        .iter()
        .filter_map(|pair| {
            let spans = (tree_a.span(pair.a), tree_b.span(pair.b));
            let own = self_b[pair.b as usize] - self_a[pair.a as usize];
            change(&names, spans, own, attributes((a, pair.a), (b, pair.b)))
        })
        .collect();
    changed.sort_by_key(|c| (Reverse(c.self_difference_ns.unsigned_abs()), c.a.time.clone(), c.a.span_id.clone()));
    let changed_count = changed.len();
    changed.truncate(LISTED_MAX);
    let named = |tree: &Tree, nodes: &[u32]| {
        nodes.iter().take(LISTED_MAX).map(|node| SpanName::of(tree.span(*node), &names)).collect()
    };
    let (complete, incomplete_reason) = completeness(a, b);
    Compared {
        a: side(id_a, &tree_a),
        b: side(id_b, &tree_b),
        matched_count: matched.pairs.len(),
        changed,
        changed_count,
        only_a: named(&tree_a, &matched.only_a),
        only_a_count: matched.only_a.len(),
        only_b: named(&tree_b, &matched.only_b),
        only_b_count: matched.only_b.len(),
        complete,
        incomplete_reason,
    }
}

fn renamed(loaded: &Loaded, names: &mut Names) -> Tree {
    loaded.shape.tree.clone().renamed(&loaded.shape.names, names)
}

fn side(id: &str, tree: &Tree) -> ComparedTrace {
    let (start, end) = tree.interval().unwrap_or_default();
    ComparedTrace { trace_id: id.to_owned(), span_count: tree.len(), duration_ns: end.saturating_sub(start) }
}

fn completeness(a: &Loaded, b: &Loaded) -> (bool, Option<String>) {
    for side in [a, b] {
        if !side.shape.complete {
            return (false, side.shape.incomplete_reason.clone());
        }
        if side.shape.tree.len() > side.spans.len() {
            let reason = format!("attributes are compared for the first {COMPARED_MAX} spans of each trace");
            return (false, Some(reason));
        }
    }
    (true, None)
}

/// Changed attributes of two spans; none where one of them was not loaded in full.
fn attributes((a, in_a): (&Loaded, u32), (b, in_b): (&Loaded, u32)) -> Vec<AttributeDifference> {
    let (Some(full_a), Some(full_b)) = (a.spans.get(&in_a), b.spans.get(&in_b)) else { return Vec::new() };
    let (pairs_a, pairs_b) = (pairs(a, full_a), pairs(b, full_b));
    let changes = changed_attributes(
        pairs_a.iter().map(|(k, v)| (k.as_str(), v.as_str())),
        pairs_b.iter().map(|(k, v)| (k.as_str(), v.as_str())),
    );
    changes.into_iter().map(|c| AttributeDifference { key: c.key, a: c.a, b: c.b }).collect()
}

fn pairs(loaded: &Loaded, full: &FullSpan) -> Vec<(String, String)> {
    let own = full.attributes.iter().map(|a| (a.key.clone(), a.value.clone().unwrap_or_default()));
    let resource = loaded.resources.get(&full.resource_id).into_iter().flatten();
    own.chain(resource.map(|(k, v)| (format!("resource.{k}"), v.clone()))).collect()
}

fn change(
    names: &Names,
    (a, b): (&Span, &Span),
    self_difference_ns: i64,
    attributes: Vec<AttributeDifference>,
) -> Option<SpanChange> {
    let difference = b.duration_ns.saturating_sub(a.duration_ns);
    let same =
        difference.unsigned_abs() <= (a.duration_ns.max(b.duration_ns).max(0) / SAME_PART).max(SAME_NS).unsigned_abs();
    let status_changed = a.status != b.status;
    (!same || status_changed || !attributes.is_empty()).then(|| SpanChange {
        a: SpanName::of(a, names),
        b: SpanName::of(b, names),
        duration_difference_ns: difference,
        self_difference_ns,
        status_changed,
        attributes,
    })
}
