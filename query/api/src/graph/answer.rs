//! Graphs as they are answered.

use super::asked::{GraphSource, Measured};
use super::gathered::Place;
use super::level::Level;
use super::rollups::QUANTILE_ERROR;
use crate::catalog::Known;
use crate::render::timestamp_text;
use graph::{Entity, Graph, HealthRule, Kind, Measure, Origin, Position};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What was counted of a node or edge; durations in nanoseconds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) errors: u64,
    /// Answers that were limited or degraded: an outcome of its own, neither good nor failed.
    pub(super) limited: u64,
    /// Errors per call; null without calls.
    pub(super) error_rate: Option<f64>,
    /// Calls per second of the window.
    pub(super) rate: f64,
    /// Mean duration; null without calls.
    pub(super) mean_ns: Option<i64>,
    /// Quantiles; null without calls, and where they are not known.
    pub(super) p50_ns: Option<i64>,
    pub(super) p95_ns: Option<i64>,
    pub(super) p99_ns: Option<i64>,
}

impl Counts {
    pub(super) fn of(measure: &Measure, seconds: f64) -> Self {
        let traffic = &measure.traffic;
        let calls = i64::try_from(traffic.calls).unwrap_or(i64::MAX);
        Self {
            calls: traffic.calls,
            errors: traffic.errors,
            limited: traffic.limited,
            error_rate: traffic.error_share(),
            rate: traffic.calls as f64 / seconds.max(f64::MIN_POSITIVE),
            mean_ns: traffic.duration_sum_ns.checked_div(calls),
            p50_ns: measure.quantiles.map(|q| q.p50_ns),
            p95_ns: measure.quantiles.map(|q| q.p95_ns),
            p99_ns: measure.quantiles.map(|q| q.p99_ns),
        }
    }
}

/// A node, with its place on the canvas.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct NodeAnswer {
    /// Of an operation SERVICE/NAME.
    pub(super) name: String,
    /// service, operation, database, cache, queue, third_party, pod, host, node, device, site ...
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) counts: Counts,
    /// unknown (no calls), healthy, degraded or failing.
    pub(super) health: &'static str,
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) environment: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) team: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) importance: Option<&'static str>,
    /// Which of `cycles` it is in.
    pub(super) cycle: Option<usize>,
    /// Told by the topology, and not seen in the window.
    pub(super) declared: bool,
    /// When it was last seen, where it was before the window and is not in it.
    pub(super) gone_since: Option<String>,
    pub(super) last_seen: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EdgeAnswer {
    pub(super) caller: String,
    pub(super) caller_kind: &'static str,
    pub(super) callee: String,
    pub(super) callee_kind: &'static str,
    /// call, message, database, cache, queue, third_party, runs_on, depends_on, at, calls, instance_of.
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) counts: Counts,
    /// unknown (no calls), healthy, degraded or failing.
    pub(super) health: &'static str,
    pub(super) declared: bool,
    pub(super) gone_since: Option<String>,
    pub(super) last_seen: Option<String>,
}

/// Calls that left their lane at a hop.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct LaneFinding {
    /// lost: the callee is in no lane; crossed: in another.
    pub(super) finding: &'static str,
    pub(super) caller: String,
    pub(super) caller_operation: String,
    pub(super) callee: String,
    pub(super) callee_operation: String,
    pub(super) caller_lane: String,
    pub(super) lane: String,
    pub(super) calls: u64,
}

/// A graph, and how it was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GraphAnswer {
    /// The window that was counted: the one asked for, widened to whole minutes.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) level: Level,
    pub(super) source: GraphSource,
    /// sketch, or exact.
    pub(super) quantile_method: &'static str,
    /// Relative error of quantiles.
    pub(super) quantile_error: f64,
    pub(super) nodes: Vec<NodeAnswer>,
    pub(super) edges: Vec<EdgeAnswer>,
    /// Nodes that call each other in a circle, as kind:name.
    pub(super) cycles: Vec<Vec<String>>,
    pub(super) lanes: Vec<LaneFinding>,
    /// Spans whose parent has not come: edges that may be missing yet.
    pub(super) unresolved: u64,
    pub(super) complete: bool,
    pub(super) incomplete_reason: Option<String>,
}

/// Method and error of quantiles.
pub(super) fn quantiles_of(exact: bool) -> (&'static str, f64) {
    if exact { ("exact", 0.0) } else { ("sketch", QUANTILE_ERROR) }
}

/// `graph` is the part of `measured` that is shown.
pub(super) fn graph_answer(
    measured: Measured,
    graph: &Graph,
    level: Level,
    catalog: &BTreeMap<String, Known>,
    lanes: Vec<LaneFinding>,
) -> GraphAnswer {
    let seconds = measured.window.duration().as_secs_f64();
    let (quantile_method, quantile_error) = quantiles_of(measured.exact);
    let cycles = graph.components();
    let mut cycle_of = vec![None; graph.nodes.len()];
    for (number, cycle) in cycles.iter().enumerate() {
        cycle.nodes.iter().for_each(|node| cycle_of[*node] = Some(number));
    }
    let positions = graph.positions();
    let nodes = graph.nodes.iter().zip(positions).zip(cycle_of);
    GraphAnswer {
        from: timestamp_text(measured.window.from.0),
        to: timestamp_text(measured.window.to.0),
        level,
        source: measured.source,
        quantile_method,
        quantile_error,
        nodes: nodes
            .map(|((node, position), cycle)| {
                let of = service_of(&node.entity, &measured.places, catalog);
                let (place, known) =
                    (of.and_then(|name| measured.places.get(name)), of.and_then(|name| catalog.get(name)));
                node_answer(&node.entity, &node.measure, seconds, position, cycle, place, known)
            })
            .collect(),
        edges: graph.edges.iter().map(|edge| edge_answer(graph, edge, seconds)).collect(),
        cycles: cycles.iter().map(|c| c.nodes.iter().map(|n| graph.nodes[*n].entity.to_string()).collect()).collect(),
        lanes,
        unresolved: measured.unresolved,
        complete: measured.said.complete(),
        incomplete_reason: measured.said.reason(),
    }
}

/// The service whose catalog entry a node has: its own name, or that of an operation's service.
fn service_of<'e>(
    entity: &'e Entity,
    places: &std::collections::HashMap<String, Place>,
    catalog: &BTreeMap<String, Known>,
) -> Option<&'e str> {
    let known = |name: &&str| catalog.contains_key(*name) || places.contains_key(*name);
    match entity.kind {
        Kind::Service => Some(&entity.name),
        // A name may hold slashes itself: the longest that the catalog knows.
        Kind::Operation => entity.name.rmatch_indices('/').map(|(at, _)| &entity.name[..at]).find(known),
        _ => None,
    }
}

fn node_answer(
    entity: &Entity,
    measure: &Measure,
    seconds: f64,
    position: Position,
    cycle: Option<usize>,
    place: Option<&Place>,
    known: Option<&Known>,
) -> NodeAnswer {
    let told = |text: &String| (!text.is_empty()).then(|| text.clone());
    NodeAnswer {
        name: entity.name.clone(),
        kind: entity.kind.as_str(),
        counts: Counts::of(measure, seconds),
        health: HealthRule::default().judge(&measure.traffic, measure.quantiles.as_ref()).as_str(),
        x: position.x,
        y: position.y,
        environment: place.and_then(|p| told(&p.environment)),
        namespace: place.and_then(|p| told(&p.namespace)),
        team: known.and_then(|k| k.entry.team.clone()),
        owner: known.and_then(|k| k.entry.owner.clone()),
        importance: known.map(|k| k.entry.weight().as_str()),
        cycle,
        declared: measure.origin == Origin::Declared,
        gone_since: measure.gone_since().map(|at| timestamp_text(at.0)),
        last_seen: measure.last_seen.map(|at| timestamp_text(at.0)),
    }
}

fn edge_answer(graph: &Graph, edge: &graph::Edge, seconds: f64) -> EdgeAnswer {
    let (caller, callee) = (&graph.nodes[edge.caller].entity, &graph.nodes[edge.callee].entity);
    let measure = &edge.measure;
    EdgeAnswer {
        caller: caller.name.clone(),
        caller_kind: caller.kind.as_str(),
        callee: callee.name.clone(),
        callee_kind: callee.kind.as_str(),
        kind: edge.kind.clone(),
        counts: Counts::of(measure, seconds),
        health: HealthRule::default().judge(&measure.traffic, measure.quantiles.as_ref()).as_str(),
        declared: measure.origin == Origin::Declared,
        gone_since: measure.gone_since().map(|at| timestamp_text(at.0)),
        last_seen: measure.last_seen.map(|at| timestamp_text(at.0)),
    }
}
