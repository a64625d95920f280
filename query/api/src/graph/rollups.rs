//! Questions to the rollups: exact counts, quantiles from sketches.

use super::scope::Scope;
use super::stretches::Range;
use super::sums::NUMBERS;
use crate::window::Window;
use std::time::Duration;
use tables::TableId;

/// Relative error of a quantile from sketches.
pub(super) const QUANTILE_ERROR: f64 = 0.01;
/// Most rows of one question; the least travelled are left out, and the answer says so.
pub(super) const ROWS_MAX: usize = 50_000;
/// Most rows of one question about stretches of time.
pub(super) const LINES_MAX: usize = 200_000;
/// Resources say on each day what they are.
const DAY: Duration = Duration::from_secs(86_400);

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

/// A question whose answer is a sum over the rows of a window, see [`super::sums`].
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) table: TableId,
    /// Columns that rows are grouped by.
    pub(super) texts: &'static [&'static str],
    /// The counts of [`NUMBERS`], and the sketch.
    numbers: [&'static str; NUMBERS.len()],
    sketch: &'static str,
    condition: String,
}

const CALLS: [&str; 4] = ["SUM(calls)", "SUM(errors)", "SUM(limited)", "SUM(duration_sum_ns)"];
const ASTRAY: &str =
    "SUM(CASE WHEN caller_lane <> '' AND caller_lane <> lane AND kind IN ('call', 'message') THEN calls ELSE 0 END)";
const SKETCH: &str = "sketch_merge(duration_sketch)";
pub(super) const ENDS: [&str; 5] = ["caller", "caller_type", "callee", "callee_type", "kind"];
const SERVED: [&str; 3] = ["service", "environment", "namespace"];

impl Question {
    /// Edges; `astray` are calls that left their lane. A row of kind `unresolved` has no caller and says how
    /// many spans wait for theirs.
    pub(super) fn edges(edges: Edges, scope: &Scope) -> Self {
        let [calls, errors, limited, durations] = CALLS;
        Self {
            table: TableId::ServiceEdges,
            texts: &ENDS,
            numbers: [calls, errors, limited, durations, "SUM(unresolved)", ASTRAY],
            sketch: SKETCH,
            condition: format!("({} OR kind = 'unresolved'){}", edges.condition(), scope.on_rollups()),
        }
    }

    /// When edges were seen.
    pub(super) fn seen(edges: Edges, scope: &Scope) -> Self {
        Self {
            table: TableId::ServiceEdges,
            texts: &ENDS,
            numbers: [CALLS[0], "0", "0", "0", "0", "0"],
            sketch: "CAST(NULL AS BYTEA)",
            condition: format!("{}{}", edges.condition(), scope.on_rollups()),
        }
    }

    /// Calls that services served.
    pub(super) fn served(scope: &Scope) -> Self {
        let [calls, errors, limited, durations] = CALLS;
        Self {
            table: TableId::Red,
            texts: &SERVED,
            numbers: [calls, errors, limited, durations, "0", "0"],
            sketch: SKETCH,
            condition: format!("kind IN ('server', 'consumer'){}", scope.on_rollups()),
        }
    }

    /// What it is known by: two of the same name have the same answer.
    pub(super) fn name(&self) -> String {
        format!("{} {} {}", self.table.as_str(), self.sketch, self.condition)
    }

    /// The sums of these ranges, by the start of their stretch in `stretch`; -1 for what is open.
    pub(super) fn sql(&self, ranges: &[Range]) -> String {
        let stretch = |range: &Range| {
            let length = range.length?;
            Some(format!("WHEN {} THEN CAST(time AS BIGINT) / {length} * {length}", range.window.condition("time")))
        };
        let stretches: Vec<String> = ranges.iter().filter_map(stretch).collect();
        let stretch = match stretches.is_empty() {
            true => "CAST(-1 AS BIGINT)".to_owned(),
            false => format!("CASE {} ELSE -1 END", stretches.join(" ")),
        };
        let hull = ranges.first().zip(ranges.last()).map(|(a, b)| Window { from: a.window.from, to: b.window.to });
        let hull = hull.map_or("FALSE".to_owned(), |hull| hull.condition("time"));
        let each: Vec<String> = ranges.iter().map(|range| format!("({})", range.window.condition("time"))).collect();
        let within = if each.len() > 1 { format!(" AND ({})", each.join(" OR ")) } else { String::new() };
        let numbers = self.numbers.iter().zip(NUMBERS).map(|(sql, name)| format!("{sql} AS {name}"));
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        let (table, sketch, condition, texts) =
            (self.table.as_str(), self.sketch, &self.condition, self.texts.join(", "));
        format!(
            "SELECT stretch, {texts}, {numbers}, MAX(time) AS last_seen, {sketch} AS sketch FROM \
             (SELECT {stretch} AS stretch, * FROM {table} WHERE {hull}{within} AND {condition}) AS t \
             GROUP BY stretch, {texts} ORDER BY calls DESC, {texts}, stretch LIMIT {LINES_MAX}"
        )
    }
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

/// Where services of the window belong.
pub(super) fn places(window: &Window) -> String {
    format!(
        "SELECT service, MAX(environment) AS environment, MAX(namespace) AS namespace FROM red WHERE {} \
         GROUP BY service ORDER BY service LIMIT {ROWS_MAX}",
        window.condition("time")
    )
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
    format!(
        "SELECT service, attributes['service.version'] AS version, \
         COUNT(DISTINCT attributes['service.instance.id']) AS instances, MAX(time) AS last_seen FROM resources \
         WHERE {} GROUP BY service, attributes['service.version'] ORDER BY service, last_seen DESC LIMIT {ROWS_MAX}",
        window.snapped(DAY).condition("time")
    )
}
