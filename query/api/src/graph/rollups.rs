//! Questions to the rollups: exact counts, quantiles from sketches.

use super::scope::Scope;
use crate::window::Window;

/// Relative error of a quantile from sketches.
pub(super) const QUANTILE_ERROR: f64 = 0.01;
/// Most rows of one question; the least travelled are left out, and the answer says so.
pub(super) const ROWS_MAX: usize = 50_000;

const SUMS: &str = "SUM(calls) AS calls, SUM(errors) AS errors, SUM(limited) AS limited, \
     SUM(duration_sum_ns) AS duration_sum_ns";
/// Sketches come back whole: those of a node's edges are merged here.
const SKETCH: &str = "sketch_merge(duration_sketch) AS sketch";
const ENDS: &str = "caller, caller_type, callee, callee_type, kind";

fn quantiles(sketch: &str) -> String {
    let of = |name: &str, share: f64| format!("sketch_quantile(sketch_merge({sketch}), {share}) AS {name}");
    [of("p50_ns", 0.5), of("p95_ns", 0.95), of("p99_ns", 0.99)].join(", ")
}

/// Which edges a question is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edges {
    Calls,
    Places,
    Both,
}

impl Edges {
    fn condition(self) -> &'static str {
        match self {
            Self::Calls => "kind NOT IN ('runs_on', 'unresolved')",
            Self::Places => "kind = 'runs_on'",
            Self::Both => "kind <> 'unresolved'",
        }
    }
}

/// Edges of the window, most travelled first; `astray` are calls that left their lane. A row of kind
/// `unresolved` has no caller and says how many spans wait for theirs.
pub(super) fn edges(window: &Window, edges: Edges, scope: &Scope) -> String {
    format!(
        "SELECT {ENDS}, {SUMS}, MAX(time) AS last_seen, SUM(unresolved) AS unresolved, \
         SUM(CASE WHEN caller_lane <> '' AND caller_lane <> lane AND kind IN ('call', 'message') THEN calls ELSE 0 END) \
         AS astray, {SKETCH} FROM service_edges WHERE {} AND ({} OR kind = 'unresolved'){} \
         GROUP BY {ENDS} HAVING SUM(calls) <> 0 OR SUM(unresolved) <> 0 ORDER BY calls DESC, {ENDS} LIMIT {ROWS_MAX}",
        window.condition("time"),
        edges.condition(),
        scope.on_rollups()
    )
}

/// When each edge of an earlier window was last seen.
pub(super) fn edges_before(window: &Window, edges: Edges, scope: &Scope) -> String {
    format!(
        "SELECT {ENDS}, SUM(calls) AS calls, MAX(time) AS last_seen FROM service_edges WHERE {} AND {}{} \
         GROUP BY {ENDS} HAVING SUM(calls) <> 0 ORDER BY calls DESC, {ENDS} LIMIT {ROWS_MAX}",
        window.condition("time"),
        edges.condition(),
        scope.on_rollups()
    )
}

/// Calls that services served.
pub(super) fn served(window: &Window, scope: &Scope) -> String {
    format!(
        "SELECT service, MAX(environment) AS environment, MAX(namespace) AS namespace, {SUMS}, \
         MAX(time) AS last_seen, {SKETCH} FROM red WHERE {} AND kind IN ('server', 'consumer'){} \
         GROUP BY service HAVING SUM(calls) <> 0 ORDER BY calls DESC, service LIMIT {ROWS_MAX}",
        window.condition("time"),
        scope.on_rollups()
    )
}

/// Every service that sent spans: what it served, and how many spans of any kind.
pub(super) fn services(window: &Window, scope: &Scope) -> String {
    let served = "kind IN ('server', 'consumer')";
    let sum = |column: &str| format!("SUM(CASE WHEN {served} THEN {column} ELSE 0 END) AS {column}");
    let sums = ["calls", "errors", "limited", "duration_sum_ns"].map(sum).join(", ");
    format!(
        "SELECT service, MAX(environment) AS environment, MAX(namespace) AS namespace, {sums}, SUM(calls) AS spans, \
         MAX(time) AS last_seen, {} FROM red WHERE {}{} GROUP BY service HAVING SUM(calls) <> 0 \
         ORDER BY service LIMIT {ROWS_MAX}",
        quantiles(&format!("CASE WHEN {served} THEN duration_sketch END")),
        window.condition("time"),
        scope.on_rollups()
    )
}

/// When each service of an earlier window was last seen.
pub(super) fn services_before(window: &Window, scope: &Scope) -> String {
    format!(
        "SELECT service, MAX(namespace) AS namespace, MAX(environment) AS environment, MAX(time) AS last_seen FROM red \
         WHERE {}{} GROUP BY service HAVING SUM(calls) <> 0 ORDER BY SUM(calls) DESC, service LIMIT {ROWS_MAX}",
        window.condition("time"),
        scope.on_rollups()
    )
}

/// Spans of the window whose parent has not come.
pub(super) fn unresolved(window: &Window, scope: &Scope) -> String {
    let within = window.condition("time");
    format!("SELECT SUM(unresolved) AS unresolved FROM service_edges WHERE {within}{}", scope.on_rollups())
}

/// Hops at which a lane was lost or crossed into another.
pub(super) fn lanes(window: &Window, scope: &Scope, limit: usize) -> String {
    format!(
        "SELECT caller, callee, kind, caller_lane, lane, SUM(calls) AS calls FROM service_edges WHERE {} \
         AND kind IN ('call', 'message') AND caller_lane <> '' AND caller_lane <> lane{} \
         GROUP BY caller, callee, kind, caller_lane, lane HAVING SUM(calls) <> 0 \
         ORDER BY calls DESC, caller, callee, kind, caller_lane, lane LIMIT {limit}",
        window.condition("time"),
        scope.on_callers()
    )
}

/// Versions that services ran, and on how many instances, by what their resources said on the days of
/// the window.
pub(super) fn versions(window: &Window) -> String {
    let day = std::time::Duration::from_secs(86_400);
    format!(
        "SELECT service, attributes['service.version'] AS version, \
         COUNT(DISTINCT attributes['service.instance.id']) AS instances, MAX(time) AS last_seen FROM resources \
         WHERE {} GROUP BY service, attributes['service.version'] ORDER BY service, last_seen DESC LIMIT {ROWS_MAX}",
        window.snapped(day).condition("time")
    )
}
