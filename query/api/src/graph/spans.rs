//! Questions to the spans themselves: any attribute, operations, exact quantiles, lanes.
//!
//! All spans of a window, and what lies in reach of it, are read once and counted at one sitting by the
//! rules of the rollups (`rollup::census`), so that both ways agree to the last call. Where spans are more
//! than one sitting takes, their traces are counted share by share.

use super::level::Level;
use super::scope::{Scope, lane_of};
use crate::Problem;
use crate::ask::{literal, literals};
use crate::window::Window;
use http::StatusCode;
use std::time::Duration;

/// How far from the window parents and children are looked for: an hour of work, or of a wrong clock.
pub(super) const REACH: Duration = Duration::from_secs(3_600);
/// Spans of one sitting: with room for shares that are larger than others.
const SITTING_SPANS_MAX: u64 = rollup::census::SPANS_MAX as u64 * 3 / 4;
/// Most sittings of one question.
const SITTINGS_MAX: u64 = 8;
/// Traces that are read by their ids instead of all spans.
pub(super) const NEAR_MAX: usize = 200;

/// One question's view of the spans.
#[derive(Clone, Debug)]
pub(super) struct Spans<'a> {
    pub(super) window: Window,
    pub(super) scope: &'a Scope,
    pub(super) lane_keys: &'a [String],
}

/// A count of all spans of the window.
#[derive(Clone, Debug)]
pub(super) struct Census {
    pub(super) level: Level,
    /// Into how many sittings it is divided.
    pub(super) sittings: u64,
    /// Hops at which a lane was left are told too.
    pub(super) lanes: bool,
    /// Only these traces are read; none for all.
    pub(super) near: Option<Vec<String>>,
    pub(super) edges_max: usize,
}

impl Spans<'_> {
    /// How many spans there are within reach.
    pub(super) fn size(&self) -> String {
        format!("SELECT COUNT(*) AS spans FROM spans WHERE {}", self.wide("time"))
    }

    /// Copies of spans within reach: `spans` is how many there are, `counted` how many of them the rollups
    /// counted.
    pub(super) fn copies(&self) -> String {
        let wide = self.window.widened(REACH).snapped(Duration::from_secs(10)).condition("time");
        format!(
            "SELECT (SELECT COUNT(*) FROM spans WHERE {wide}) AS spans, \
             (SELECT SUM(calls) FROM red WHERE {wide}) AS counted"
        )
    }

    /// The traces that say all of the attributes, one more than are read by their ids.
    pub(super) fn traces(&self) -> Option<String> {
        let traces = self.scope.traces("trace_id", &self.window.condition("time"))?;
        Some(format!("SELECT trace AS trace_id FROM ({traces}) AS t LIMIT {}", NEAR_MAX + 1))
    }

    /// What consumers' links join to these traces, or from them: pairs of `trace_id` and `linked`.
    pub(super) fn linked(&self, traces: &[String]) -> String {
        let (wide, ids) = (self.wide("time"), literals(traces.iter().map(String::as_str)));
        format!(
            "SELECT DISTINCT trace_id, linked FROM (SELECT trace_id, link['trace_id'] AS linked FROM \
             (SELECT trace_id, unnest(links) AS link FROM spans WHERE {wide} AND kind = 'consumer' \
             AND links IS NOT NULL) AS links) AS pairs WHERE trace_id IN {ids} OR linked IN {ids} LIMIT {}",
            NEAR_MAX + 1
        )
    }

    /// One question for each sitting. Rows of `part` edge, node, hop, and one rest.
    pub(super) fn census(&self, census: &Census) -> Vec<String> {
        let texts =
            "part caller caller_type callee callee_type kind caller_operation callee_operation caller_lane lane";
        let numbers = "calls errors limited duration_sum_ns p50_ns p95_ns p99_ns left_out last_seen sketch";
        let columns = texts.split(' ').chain(numbers.split(' ')).map(|name| format!("r['{name}'] AS {name}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let near =
            census.near.as_ref().map(|ids| format!(" AND c.trace_id IN {}", literals(ids.iter().map(String::as_str))));
        let (by_operation, exact) = (census.level == Level::Operation, census.sittings == 1);
        let lane = self.scope.lane().map_or("CAST(NULL AS TEXT)".to_owned(), literal);
        let question = |part: u64| {
            format!(
                "SELECT {columns} FROM (SELECT unnest(span_census({}, {by_operation}, {exact}, {}, {lane}, {part}, {}, {})) \
                 AS r FROM spans AS c WHERE {}{})",
                self.row(census.lanes),
                self.scope.wanted(),
                census.sittings,
                census.edges_max,
                self.wide("c.time"),
                near.as_deref().unwrap_or_default()
            )
        };
        (0..census.sittings).map(question).collect()
    }

    /// The columns that a census takes of a span.
    fn row(&self, lanes: bool) -> String {
        let inside = format!("({}{})", self.window.condition("c.time"), self.scope.without_lane().on_spans("c", &[]));
        let mut columns: Vec<(&str, String)> = vec![
            ("trace_id", "c.\"trace_id (bytes)\"".into()),
            ("span_id", "c.\"span_id (bytes)\"".into()),
            ("parent_span_id", "c.\"parent_span_id (bytes)\"".into()),
            ("links", "c.links".into()),
            ("inside", inside),
        ];
        columns.extend(
            ["time", "duration_ns", "service", "operation", "kind", "status"].map(|name| (name, format!("c.{name}"))),
        );
        for (name, key) in [
            ("outcome", "resilience.outcome"),
            ("db_system", "db.system.name"),
            ("db_namespace", "db.namespace"),
            ("messaging_system", "messaging.system"),
            ("messaging_destination", "messaging.destination.name"),
            ("peer_service", "service.peer.name"),
            ("server_address", "server.address"),
            ("server_port", "server.port"),
        ] {
            columns.push((name, format!("c.attributes['{key}']")));
        }
        columns.extend((lanes || self.scope.lane().is_some()).then(|| ("lane", lane_of("c", self.lane_keys))));
        columns.extend(self.scope.says(&self.window.condition("c.time")).map(|says| ("says", says)));
        let columns: Vec<String> = columns.iter().map(|(name, sql)| format!("'{name}', {sql}")).collect();
        format!("named_struct({})", columns.join(", "))
    }

    /// What services run on, and what that stands on: one question for each sort of place, with exact
    /// quantiles of nothing, for places are counted and not timed.
    pub(super) fn places(&self, rows_max: usize) -> Vec<String> {
        let of = |key: &str| format!("NULLIF(c.resource[{}], '')", literal(key));
        let (pod, host, node) = (of("k8s.pod.name"), of("host.name"), of("k8s.node.name"));
        let site = "NULLIF(COALESCE(c.attributes['store.id'], c.resource['store.id']), '')";
        let on = format!("COALESCE({pod}, {host}, {node})");
        let on_type =
            format!("CASE WHEN {pod} IS NOT NULL THEN 'pod' WHEN {host} IS NOT NULL THEN 'host' ELSE 'node' END");
        let (above, stands) = (format!("COALESCE({pod}, {host})"), format!("({pod} IS NOT NULL OR {host} <> {node})"));
        let part = |[caller, caller_type, callee, callee_type]: [&str; 4], when: &str| {
            let ends = "caller, caller_type, callee, callee_type, kind";
            format!(
                "SELECT {ends}, COUNT(*) AS calls, SUM(failed) AS errors, SUM(limited) AS limited, \
                 SUM(duration_ns) AS duration_sum_ns, MAX(time) AS last_seen, p50(duration_ns) AS p50_ns, \
                 p95(duration_ns) AS p95_ns, p99(duration_ns) AS p99_ns FROM \
                 (SELECT {caller} AS caller, {caller_type} AS caller_type, {callee} AS callee, \
                 {callee_type} AS callee_type, 'runs_on' AS kind, CASE WHEN c.status = 'error' THEN 1 ELSE 0 END AS failed, \
                 CASE WHEN c.attributes['resilience.outcome'] IN ('limited', 'broken_circuit', 'mocked', 'fallback') \
                 THEN 1 ELSE 0 END AS limited, c.duration_ns AS duration_ns, c.time AS time FROM {} WHERE {} AND {when}) \
                 AS placed GROUP BY GROUPING SETS (({ends}), (callee, callee_type)) ORDER BY calls DESC, {ends} \
                 LIMIT {rows_max}",
                self.of_traces(),
                self.within()
            )
        };
        vec![
            part(["c.service", "'service'", &on, &on_type], &format!("{on} IS NOT NULL")),
            part([&above, &on_type, &node, "'node'"], &format!("{node} IS NOT NULL AND {stands}")),
            part(["c.service", "'service'", site, "'site'"], &format!("{site} IS NOT NULL")),
        ]
    }

    /// The conditions on the span `c` that a call is counted by.
    pub(super) fn within(&self) -> String {
        format!("{}{}", self.window.condition("c.time"), self.scope.on_spans("c", self.lane_keys))
    }

    /// Spans `c` of the traces that are asked about.
    fn of_traces(&self) -> String {
        const TRACE: &str = "\"trace_id (bytes)\"";
        match self.scope.traces(TRACE, &self.window.condition("time")) {
            Some(traces) => format!("({traces}) AS t RIGHT SEMI JOIN spans AS c ON t.trace = c.{TRACE}"),
            None => "spans AS c".into(),
        }
    }

    fn wide(&self, column: &str) -> String {
        self.window.widened(REACH).condition(column)
    }
}

/// Into how many sittings so many spans are divided.
pub(super) fn sittings(spans: u64, exact: bool) -> Result<u64, Problem> {
    let sittings = spans.div_ceil(SITTING_SPANS_MAX).max(1);
    let (most, right) = match exact {
        true => (1, "leave exact out, or narrow from and to"),
        false => (SITTINGS_MAX, "narrow from and to, or leave attr.K=V and level=operation out"),
    };
    if sittings <= most {
        return Ok(sittings);
    }
    let detail = format!(
        "the window has {spans} spans within an hour of it; at most {} are counted so: {right}",
        most * SITTING_SPANS_MAX
    );
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "query-too-large", "The query asks for too much", detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;
    use model::UnixNanos;

    fn spans(scope: &Scope) -> Spans<'_> {
        Spans { window: Window { from: UnixNanos(0), to: UnixNanos(600_000_000_000) }, scope, lane_keys: &[] }
    }

    fn scope(query: &str) -> Scope {
        let params = Params::read(&format!("/x?{query}").parse().unwrap(), &["attr.*", "lane"]).unwrap();
        Scope::read(&params, "attr.").unwrap()
    }

    #[test]
    fn what_is_too_much_for_one_sitting_is_divided_and_what_is_too_much_at_all_is_refused() {
        let one = SITTING_SPANS_MAX;
        for (count, expected) in [(0, 1), (one, 1), (one + 1, 2), (SITTINGS_MAX * one, SITTINGS_MAX)] {
            assert_eq!(sittings(count, false), Ok(expected));
        }
        for (count, exact, says) in
            [(SITTINGS_MAX * one + 1, false, "narrow from and to"), (one + 1, true, "leave exact out")]
        {
            let problem = sittings(count, exact).unwrap_err();
            assert!(problem.status() == 422 && problem.detail().contains(says), "{problem:?}");
        }
    }

    #[test]
    fn a_census_reads_all_in_reach_once_and_counts_what_is_inside_and_says_all_of_the_attributes() {
        let scope = scope("attr.tenant.id=it's&attr.channel=web&lane=canary");
        let census =
            Census { level: Level::Operation, sittings: 2, lanes: false, near: Some(vec!["ab".into()]), edges_max: 10 };
        let questions = spans(&scope).census(&census);
        assert_eq!(questions.len(), 2);
        assert!(questions[1].contains(", true, false, 3, 'canary', 1, 2, 10)"), "{}", questions[1]);
        for text in [
            "attributes['tenant.id'] = 'it''s'",
            "'inside', (c.time >= TIMESTAMP '1970-01-01T00:00:00.000000000Z'",
            "'lane', ''",
            "c.trace_id IN ('ab')",
        ] {
            assert!(questions[0].contains(text), "{text}: {}", questions[0]);
        }
        assert_eq!(questions[0].matches("FROM spans").count(), 1);
    }

    #[test]
    fn places_of_a_filter_are_those_of_its_traces() {
        let scope = scope("attr.tenant.id=t1");
        for question in spans(&scope).places(10) {
            assert!(question.contains("attributes['tenant.id'] = 't1'") && question.contains("LIMIT 10"), "{question}");
        }
    }
}
