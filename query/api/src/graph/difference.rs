//! `GET /api/v1/graph/diff`: two windows, or two cohorts of one window.

use super::answer::{Counts, quantiles_of};
use super::asked::{Asked, GraphSource, Measured, Unanswered};
use super::level::Level;
use super::scope::{self, Scope};
use super::{bounds, flag};
use crate::describe::AnyProblem;
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use graph::{Change, Difference, EdgeChange, Measure, NodeChange, Sensitivity};
use http::Uri;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// A node that differs. What is null did not exist there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeDifference {
    name: String,
    kind: &'static str,
    /// added, removed, failing, recovered, limited, unlimited, slower, faster, busier, quieter.
    #[schema(value_type = Vec<String>)]
    changes: Vec<Change>,
    before: Option<Counts>,
    after: Option<Counts>,
    /// When what was removed was last seen.
    gone_since: Option<String>,
}

/// An edge that differs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EdgeDifference {
    caller: String,
    caller_kind: &'static str,
    callee: String,
    callee_kind: &'static str,
    kind: String,
    /// added, removed, failing, recovered, limited, unlimited, slower, faster, busier, quieter.
    #[schema(value_type = Vec<String>)]
    changes: Vec<Change>,
    before: Option<Counts>,
    after: Option<Counts>,
    gone_since: Option<String>,
}

/// What is different, from the base to what is judged.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DifferenceAnswer {
    /// The window that was counted; of cohorts that of both.
    from: String,
    to: String,
    base_from: String,
    base_to: String,
    level: Level,
    source: GraphSource,
    quantile_method: &'static str,
    quantile_error: f64,
    nodes: Vec<NodeDifference>,
    edges: Vec<EdgeDifference>,
    /// Edges that are in both and do not differ.
    edges_same: usize,
    complete: bool,
    incomplete_reason: Option<String>,
}

/// What is different between two windows, or between two cohorts of one window.
///
/// Two windows: `from`, `to` against `base_from`, `base_to` (the equal window before, without them). Two
/// cohorts: the traces of `a.attr.K=V` (canary, a store) against those of `b.attr.K=V` (its baseline).
/// A share (errors, limited answers) changed when it moved by a hundredth and by three standard
/// deviations; a p95 when it is half as much again and 5 ms apart, both with 20 calls or more; a rate
/// when it doubled or halved (windows only).
#[utoipa::path(get, path = "/api/v1/graph/diff", operation_id = "graph_diff", tag = "graph",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds, or now-15m. An hour before `to`."),
        ("to" = Option<String>, Query, description = "Likewise. Now."),
        ("base_from" = Option<String>, Query, description = "Start of the window to compare with."),
        ("base_to" = Option<String>, Query, description = "Its end."),
        ("level" = Option<String>, Query, description = "service, operation or infrastructure."),
        ("environment" = Option<String>, Query, description = "Of one environment only."),
        ("namespace" = Option<String>, Query, description = "Of one namespace only."),
        ("lane" = Option<String>, Query, description = "Of one lane only."),
        ("attr.*" = Option<String>, Query, description = "attr.K=V: of traces with a span that says so, on both sides."),
        ("a.attr.*" = Option<String>, Query, description = "a.attr.K=V: the cohort that is judged."),
        ("b.attr.*" = Option<String>, Query, description = "b.attr.K=V: the cohort it is compared with."),
        ("exact" = Option<bool>, Query, description = "Exact quantiles, from spans."),
        ("nodes_max" = Option<usize>, Query, description = "1 to 10,000; 2,000 without it."),
        ("edges_max" = Option<usize>, Query, description = "1 to 50,000; 10,000 without it.")),
    responses((status = 200, description = "All that differs.", body = DifferenceAnswer), (status = "default", response = AnyProblem)))]
pub(super) async fn graph_diff(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<DifferenceAnswer>, Problem> {
    let known = [
        &["from", "to", "base_from", "base_to", "level", "attr.*", "a.attr.*", "b.attr.*", "exact"][..],
        &["nodes_max", "edges_max"],
        &scope::SCOPE,
    ]
    .concat();
    let params = Params::read(&uri, &known)?;
    let Sides { base, judged, cohorts } = sides(&api, &params)?;
    let (before, after) = futures::try_join!(base.ask(&api, &asker), judged.ask(&api, &asker))?;
    let lengths = (graph::Window(before.window.duration()), graph::Window(after.window.duration()));
    let rates = (!cohorts).then_some(lengths);
    let found = Difference::between(&before.graph, &after.graph, rates, &Sensitivity::default());
    Ok(Json(answer(before, after, judged.level, found)))
}

struct Sides {
    base: Asked,
    judged: Asked,
    cohorts: bool,
}

/// Which two graphs the parameters mean.
fn sides(api: &Api, params: &Params) -> Result<Sides, Problem> {
    let now = api.now();
    let window = Window::read(params, now)?;
    let both = Asked {
        window,
        level: Level::read(params.get("level"))?,
        scope: Scope::read(params, "attr.")?,
        exact: flag(params, "exact")?,
        gone_within: Duration::ZERO,
        unanswered: Unanswered::AsCalls,
        bounds: bounds(params)?,
    };
    let (a, b) = (Scope::read(params, "a.attr.")?, Scope::read(params, "b.attr.")?);
    let based = params.get("base_from").or(params.get("base_to")).is_some();
    match (a.needs_spans(), b.needs_spans(), based) {
        (true, true, false) => {
            let cohort = |own: &Scope| Asked { scope: both.scope.and(own), ..both.clone() };
            Ok(Sides { base: cohort(&b), judged: cohort(&a), cohorts: true })
        }
        (true, true, true) => Err(Problem::invalid(
            "two windows (base_from, base_to) and two cohorts (a.attr.K=V, b.attr.K=V) are given: give one of the two",
        )),
        (false, false, _) => {
            let span = window.duration();
            let earlier = Window { from: window.from.saturating_sub(span), to: window.from };
            let base = if based { Window::named(params, now, "base_from", "base_to", span)? } else { earlier };
            Ok(Sides { base: Asked { window: base, ..both.clone() }, judged: both, cohorts: false })
        }
        (true, false, _) | (false, true, _) => Err(Problem::invalid(
            "one cohort is given: a.attr.K=V says which traces are judged and b.attr.K=V with which they are compared",
        )),
    }
}

fn answer(before: Measured, after: Measured, level: Level, found: Difference) -> DifferenceAnswer {
    let (quantile_method, quantile_error) = quantiles_of(after.exact);
    let mut said = before.said.clone();
    said.merge(after.said.clone());
    let seconds = [before.window, after.window].map(|window| window.duration().as_secs_f64());
    let counts = |measures: [Option<Measure>; 2]| {
        let [before, after] = measures;
        [before.map(|m| Counts::of(&m, seconds[0])), after.map(|m| Counts::of(&m, seconds[1]))]
    };
    let node = |NodeChange { entity, changes, before, after }: NodeChange| {
        let gone_since = gone_since(&changes, before.as_ref());
        let [before, after] = counts([before, after]);
        NodeDifference { name: entity.name, kind: entity.kind.as_str(), changes, before, after, gone_since }
    };
    let edge = |EdgeChange { caller, callee, kind, changes, before, after }: EdgeChange| {
        let gone_since = gone_since(&changes, before.as_ref());
        let [before, after] = counts([before, after]);
        let (caller_kind, callee_kind) = (caller.kind.as_str(), callee.kind.as_str());
        let (caller, callee) = (caller.name, callee.name);
        EdgeDifference { caller, caller_kind, callee, callee_kind, kind, changes, before, after, gone_since }
    };
    DifferenceAnswer {
        from: timestamp_text(after.window.from.0),
        to: timestamp_text(after.window.to.0),
        base_from: timestamp_text(before.window.from.0),
        base_to: timestamp_text(before.window.to.0),
        level,
        source: after.source,
        quantile_method,
        quantile_error,
        nodes: found.nodes.into_iter().map(node).collect(),
        edges: found.edges.into_iter().map(edge).collect(),
        edges_same: found.edges_same,
        complete: said.complete(),
        incomplete_reason: said.reason(),
    }
}

fn gone_since(changes: &[Change], before: Option<&Measure>) -> Option<String> {
    let last = before.filter(|_| changes.contains(&Change::Removed))?.last_seen?;
    Some(timestamp_text(last.0))
}
