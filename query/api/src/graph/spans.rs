//! The same questions to the spans themselves: any attribute, exact quantiles, operations.
//!
//! The rules are those by which rollups count (see the crate `rollup`), so that both ways agree to the
//! last call: an edge between services is a span whose parent, or whose link from a consumer, is of
//! another service, at the time of the child; a client span without a child elsewhere is a call to
//! whatever it names; ids that are absent link nothing. One thing is not done here: copies of spans are
//! not told apart, which would mean sorting everything. It is found out whether there are any, and said.

use super::level::Level;
use super::scope::{Scope, lane_of};
use crate::Problem;
use crate::ask::literal;
use crate::window::Window;
use http::StatusCode;
use std::time::Duration;

/// How far from the window parents and children are looked for: an hour of work, or of a wrong clock.
pub(super) const REACH: Duration = Duration::from_secs(3_600);
/// How many spans of its own service lie at most between a call and the operation that made it.
const STEPS_MAX: usize = 16;
const NO_TRACE: &str = "'00000000000000000000000000000000'";
const NO_SPAN: &str = "'0000000000000000'";

const ENDS: &str = "caller, caller_type, callee, callee_type, kind";
macro_rules! sums {
    () => {
        "COUNT(*) AS calls, SUM(CASE WHEN failed THEN 1 ELSE 0 END) AS errors, \
         SUM(CASE WHEN limited THEN 1 ELSE 0 END) AS limited, SUM(duration_ns) AS duration_sum_ns, MAX(time) AS last_seen"
    };
}
/// Counts of calls.
const SUMS: &str = sums!();
/// Counts and exact quantiles of calls.
const MEASURES: &str =
    concat!(sums!(), ", p50(duration_ns) AS p50_ns, p95(duration_ns) AS p95_ns, p99(duration_ns) AS p99_ns");
/// What is said of the call by its span `c`.
const CALL: &str = "c.status = 'error' AS failed, \
     COALESCE(c.attributes['resilience.outcome'], '') IN ('limited', 'broken_circuit', 'mocked', 'fallback') AS limited, \
     c.duration_ns AS duration_ns, c.time AS time";

/// One question's view of the spans.
#[derive(Clone, Debug)]
pub(super) struct Spans<'a> {
    pub(super) window: Window,
    pub(super) scope: &'a Scope,
    pub(super) lane_keys: &'a [String],
    /// The traces that are asked about, as [`Scope::traces`] of the whole window; none for all.
    pub(super) traces: Option<String>,
    /// Whether any consumer has links.
    pub(super) links: bool,
    /// How many spans the window has.
    pub(super) count: u64,
}

/// Most spans of one slice of a window: what finding operations has memory for.
const SLICE_SPANS_MAX: u64 = 1_000_000;
/// Most slices of one question.
const SLICES_MAX: u64 = 20;

/// Finds out how many spans there are `inside` the window and, with what lies in reach of it, whether
/// there are copies of spans, and links of consumers: `spans` is how many there are, `counted` how many
/// of them the rollups counted, `linked` how many consumers have links.
pub(super) fn oddities(window: &Window) -> String {
    let wide = window.widened(REACH).snapped(Duration::from_secs(10)).condition("time");
    format!(
        "SELECT (SELECT COUNT(*) FROM spans WHERE {}) AS inside, (SELECT COUNT(*) FROM spans WHERE {wide}) AS spans, \
         (SELECT SUM(calls) FROM red WHERE {wide}) AS counted, \
         (SELECT COUNT(*) FROM spans WHERE {wide} AND kind = 'consumer' AND links IS NOT NULL) AS linked",
        window.condition("time")
    )
}

impl Spans<'_> {
    /// Questions for the edges of a level, most travelled first, one after the other so that each has
    /// the memory to itself: the columns of the rollups' question. Rows without a caller sum up what was
    /// called, by whomever.
    pub(super) fn edges(&self, level: Level, rows_max: usize) -> Vec<String> {
        let parts = match level {
            Level::Service => self.hops(false).into_iter().map(|hops| (String::new(), hops)).collect(),
            Level::Operation => self.between_operations(),
            Level::Infrastructure => {
                self.places().into_iter().map(|places| (String::new(), places)).collect::<Vec<_>>()
            }
        };
        let question = |(with, from): (String, String)| {
            format!(
                "{with}SELECT {ENDS}, {MEASURES} FROM ({from}) AS calls \
                 GROUP BY GROUPING SETS (({ENDS}), (callee, callee_type)) ORDER BY calls DESC, {ENDS} LIMIT {rows_max}"
            )
        };
        parts.into_iter().map(question).collect()
    }

    /// The same between operations, with durations in buckets instead of quantiles, so that the answers
    /// of slices of a window can be put together, in any order. See [`super::buckets`].
    pub(super) fn operations(&self, rows_max: usize) -> Vec<String> {
        let question = |(with, from): (String, String)| {
            format!(
                "{with}SELECT {ENDS}, {} AS bucket, {SUMS} FROM ({from}) AS calls GROUP BY {ENDS}, bucket \
                 LIMIT {rows_max}",
                super::buckets::SQL
            )
        };
        self.between_operations().into_iter().map(question).collect()
    }

    /// The window in parts that finding operations has memory for.
    pub(super) fn slices(&self) -> Result<Vec<Self>, Problem> {
        let parts = self.count.div_ceil(SLICE_SPANS_MAX).max(1);
        if parts > SLICES_MAX {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "query-too-large",
                "The query asks for too much",
                format!(
                    "the window has {} spans; operations are found among at most {}: narrow from and to, or leave \
                     level=operation out",
                    self.count,
                    SLICES_MAX * SLICE_SPANS_MAX
                ),
            ));
        }
        let step = self.window.duration().as_nanos().div_ceil(u128::from(parts)).max(1);
        let step = Duration::from_nanos(u64::try_from(step).unwrap_or(u64::MAX));
        let mut slices = Vec::new();
        let mut from = self.window.from;
        while from < self.window.to {
            let to = from.saturating_add(step).min(self.window.to);
            slices.push(Self { window: Window { from, to }, ..self.clone() });
            from = to;
        }
        Ok(slices)
    }

    /// Calls between operations: what comes before the question, and what it reads. Where all that a
    /// service served in a trace was one operation, that one made its calls; elsewhere a walk finds it.
    fn between_operations(&self) -> Vec<(String, String)> {
        let plain = |hops: &String| {
            let caller = "h.caller || '/' || COALESCE(e.low, h.start_operation)";
            let from = format!(
                "SELECT {} FROM ({}) AS e RIGHT JOIN ({hops}) AS h ON e.trace = h.start_trace \
                 AND e.service = h.caller AND h.caller_type = 'service' WHERE e.low IS NULL OR e.low = e.high",
                between(caller),
                self.entries("")
            );
            (String::new(), from)
        };
        let walked = |hops: &String| (self.walk(hops), "SELECT * FROM made".to_owned());
        self.hops(true).iter().flat_map(|hops| [plain(hops), walked(hops)]).collect()
    }

    /// The first and last name of the operations by which each trace entered each service.
    fn entries(&self, having: &str) -> String {
        format!(
            "SELECT {TRACE} AS trace, service, MIN(operation) AS low, MAX(operation) AS high FROM spans WHERE {} \
             AND (kind IN ('server', 'consumer') OR parent_span_id IS NULL) GROUP BY {TRACE}, service{having}",
            self.window.widened(REACH).condition("time")
        )
    }

    /// Calls that services, or their operations, served.
    pub(super) fn served(&self, level: Level, rows_max: usize) -> String {
        let name = match level {
            Level::Operation => "c.service || '/' || c.operation",
            Level::Service | Level::Infrastructure => "c.service",
        };
        format!(
            "SELECT name AS service, MAX(environment) AS environment, MAX(namespace) AS namespace, {MEASURES} FROM \
             (SELECT {name} AS name, COALESCE(c.resource['deployment.environment.name'], '') AS environment, \
             COALESCE(c.resource['service.namespace'], '') AS namespace, {CALL} FROM {} \
             WHERE {} AND c.kind IN ('server', 'consumer')) AS served \
             GROUP BY name ORDER BY calls DESC, service LIMIT {rows_max}",
            self.child(),
            self.within()
        )
    }

    /// Spans of the window whose parent is not to be found within [`REACH`].
    pub(super) fn unresolved(&self) -> String {
        format!(
            "SELECT COUNT(*) AS unresolved FROM {} RIGHT ANTI JOIN {} ON {PARENT} AND {} WHERE {} AND {HAS_PARENT}",
            from("p"),
            self.joined_child(),
            self.reach("p"),
            self.within(),
        )
    }

    /// Where a lane was lost or crossed: from which operation to which.
    pub(super) fn lanes(&self, limit: usize) -> String {
        let (above, below) = (lane_of("p", self.lane_keys), lane_of("c", self.lane_keys));
        let left = self.scope.lane().map(|lane| format!(" AND caller_lane = {}", literal(lane))).unwrap_or_default();
        let scope = self.scope.without_lane();
        let all_lanes = Spans { scope: &scope, ..self.clone() };
        format!(
            "SELECT caller, caller_operation, callee, callee_operation, caller_lane, lane, COUNT(*) AS calls FROM \
             (SELECT p.service AS caller, p.operation AS caller_operation, c.service AS callee, \
             c.operation AS callee_operation, {above} AS caller_lane, {below} AS lane \
             FROM {} JOIN {} ON {PARENT} AND c.service <> p.service \
             WHERE {} AND {} AND {HAS_PARENT} AND {above} <> '') AS hops WHERE caller_lane <> lane{left} \
             GROUP BY caller, caller_operation, callee, callee_operation, caller_lane, lane \
             ORDER BY calls DESC, caller, caller_operation, callee, callee_operation, caller_lane, lane LIMIT {limit}",
            from("p"),
            self.joined_child(),
            all_lanes.within(),
            self.reach("p")
        )
    }

    /// Every call, in parts. With `walked`, each row has the span at its caller's end (`start`), from which
    /// the walk to the operation that made it begins.
    fn hops(&self, walked: bool) -> Vec<String> {
        let start = |alias: &str| if walked { start(alias) } else { String::new() };
        let mut parts = vec![self.calls(&start("p")), self.peers(&start("c")), self.third_parties(&start("c"))];
        if self.links {
            parts.push(self.linked(&start("p")));
        }
        parts
    }

    /// Spans whose parent is of another service. Where one id is that of a call and of its answer, one of
    /// the child's own service is its parent first, then the one that serves.
    fn calls(&self, start: &str) -> String {
        format!(
            "SELECT p.service AS caller, 'service' AS caller_type, c.service AS callee, 'service' AS callee_type, \
             CASE WHEN c.kind = 'consumer' OR p.kind = 'producer' THEN 'message' ELSE 'call' END AS kind, {CALL}, \
             c.operation AS callee_operation{start} FROM {} RIGHT ANTI JOIN \
             ({} JOIN {} ON {PARENT} AND c.service <> p.service) \
             ON c.trace_id = o.trace_id AND c.parent_span_id = o.span_id AND {} AND o.kind IN ('server', 'consumer') \
             AND p.kind <> o.kind AND (o.service = c.service OR {} < {}) WHERE {} AND {} AND {HAS_PARENT}",
            from("o"),
            from("p"),
            self.joined_child(),
            self.reach("o"),
            rank("o"),
            rank("p"),
            self.within(),
            self.reach("p"),
        )
    }

    /// Consumers whose links name spans of other traces and services.
    fn linked(&self, start: &str) -> String {
        format!(
            "SELECT p.service AS caller, 'service' AS caller_type, c.service AS callee, 'service' AS callee_type, \
             'message' AS kind, c.failed, c.limited, c.duration_ns, c.time, c.callee_operation{start} FROM \
             (SELECT DISTINCT trace_id, span_id, service, callee_operation, failed, limited, duration_ns, time, \
             link['trace_id'] AS link_trace, link['span_id'] AS link_span FROM \
             (SELECT c.trace_id, c.span_id, c.service, c.operation AS callee_operation, {CALL}, \
             unnest(c.links) AS link FROM {} WHERE {} AND c.kind = 'consumer' AND c.links IS NOT NULL) AS consumers) AS c \
             JOIN {} ON c.link_trace = p.trace_id AND c.link_span = p.span_id \
             WHERE {} AND c.link_trace <> c.trace_id AND c.link_trace <> {NO_TRACE} AND c.link_span <> {NO_SPAN} \
             AND p.service <> c.service",
            self.child(),
            self.within(),
            from("p"),
            self.reach("p"),
        )
    }

    /// Databases, caches and queues, by the span at our end.
    fn peers(&self, start: &str) -> String {
        let (system, is_store) = (said("db.system.name"), Self::calls_store());
        let kind = format!(
            "CASE WHEN NOT {is_store} THEN 'queue' WHEN {system} IN ('redis', 'memcached', 'valkey') THEN 'cache' \
             ELSE 'database' END"
        );
        let name = format!("CASE WHEN {is_store} THEN {} ELSE {} END", Self::store_name(), Self::queue_name());
        let is_consumer = "c.kind = 'consumer'";
        format!(
            "SELECT CASE WHEN {is_consumer} THEN {name} ELSE c.service END AS caller, \
             CASE WHEN {is_consumer} THEN 'queue' ELSE 'service' END AS caller_type, \
             CASE WHEN {is_consumer} THEN c.service ELSE {name} END AS callee, \
             CASE WHEN {is_consumer} THEN 'service' ELSE {kind} END AS callee_type, {kind} AS kind, {CALL}, \
             c.operation AS callee_operation{start} FROM {} WHERE {} AND ({is_store} OR {})",
            self.child(),
            self.within(),
            Self::meets_queue(),
        )
    }

    /// Whether `c` calls a database or a cache.
    pub(super) fn calls_store() -> String {
        format!("(c.kind = 'client' AND {} IS NOT NULL)", said("db.system.name"))
    }

    /// Whether `c` sends to or takes from a queue.
    pub(super) fn meets_queue() -> String {
        format!(
            "(c.kind IN ('producer', 'consumer') OR (c.kind = 'client' AND {} IS NULL AND {} IS NOT NULL))",
            said("db.system.name"),
            said("messaging.system")
        )
    }

    /// Whether `c` calls something else, which may be a service.
    pub(super) fn calls_other() -> String {
        format!("(c.kind = 'client' AND {} IS NULL AND {} IS NULL)", said("db.system.name"), said("messaging.system"))
    }

    /// The name of the database or cache that `c` calls.
    pub(super) fn store_name() -> String {
        joined(&said("db.system.name"), &said("db.namespace"))
    }

    /// The name of the queue that `c` sends to or takes from.
    pub(super) fn queue_name() -> String {
        joined(&said("messaging.system"), &said("messaging.destination.name"))
    }

    /// The name of whoever else `c` calls.
    pub(super) fn third_party_name() -> String {
        let (address, port) = (said("server.address"), "c.attributes['server.port']");
        // A name says who it is; of an address only the port tells services apart.
        let bare = format!("(strpos({address}, ':') > 0 OR regexp_like({address}, '^[0-9.]+$'))");
        let place =
            format!("CASE WHEN {bare} AND {port} IS NOT NULL THEN {address} || ':' || {port} ELSE {address} END");
        format!("COALESCE({}, {place}, 'unnamed')", said("service.peer.name"))
    }

    /// Client spans that nobody of another service has answered.
    fn third_parties(&self, start: &str) -> String {
        format!(
            "SELECT c.service AS caller, 'service' AS caller_type, {} AS callee, 'third_party' AS callee_type, \
             'third_party' AS kind, {CALL}, c.operation AS callee_operation{start} FROM {} \
             LEFT ANTI JOIN {} ON c.trace_id = k.trace_id AND c.span_id = k.parent_span_id \
             AND c.service <> k.service AND {} AND {KNOWN} \
             LEFT ANTI JOIN {} ON c.trace_id = o.trace_id AND c.span_id = o.span_id \
             AND c.service <> o.service AND {} AND {KNOWN} AND o.kind <> 'client' \
             WHERE {} AND {}",
            Self::third_party_name(),
            self.joined_child(),
            from("k"),
            self.reach("k"),
            from("o"),
            self.reach("o"),
            self.within(),
            Self::calls_other(),
        )
    }

    /// What services run on, and what that stands on.
    fn places(&self) -> Vec<String> {
        let of = |key: &str| format!("NULLIF(c.resource[{}], '')", literal(key));
        let (pod, host, node) = (of("k8s.pod.name"), of("host.name"), of("k8s.node.name"));
        let site = "NULLIF(COALESCE(c.attributes['store.id'], c.resource['store.id']), '')";
        let on = format!("COALESCE({pod}, {host}, {node})");
        let on_type =
            format!("CASE WHEN {pod} IS NOT NULL THEN 'pod' WHEN {host} IS NOT NULL THEN 'host' ELSE 'node' END");
        let part = |[caller, caller_type, callee, callee_type]: [&str; 4], when: &str| {
            format!(
                "SELECT {caller} AS caller, {caller_type} AS caller_type, {callee} AS callee, {callee_type} AS callee_type, \
                 'runs_on' AS kind, {CALL} FROM {} WHERE {} AND {when}",
                self.child(),
                self.within()
            )
        };
        let (above, stands) = (format!("COALESCE({pod}, {host})"), format!("({pod} IS NOT NULL OR {host} <> {node})"));
        vec![
            part(["c.service", "'service'", &on, &on_type], &format!("{on} IS NOT NULL")),
            part([&above, &on_type, &node, "'node'"], &format!("{node} IS NOT NULL AND {stands}")),
            part(["c.service", "'service'", site, "'site'"], &format!("{site} IS NOT NULL")),
        ]
    }

    /// Calls of services that a trace entered by several operations, as `made`. The operation that made a
    /// call is the nearest span above it, within the caller's service, that was served; without one, the
    /// topmost within [`STEPS_MAX`] steps.
    fn walk(&self, hops: &str) -> String {
        format!(
            "WITH RECURSIVE hops AS (SELECT h.* FROM ({}) AS e JOIN ({hops}) AS h \
             ON e.trace = h.start_trace AND e.service = h.caller WHERE h.caller_type = 'service'), walk AS (\
             SELECT DISTINCT start_trace, start, caller, start_operation AS operation, start_kind AS kind, up, 1 AS step \
             FROM hops \
             UNION ALL SELECT w.start_trace, w.start, w.caller, p.operation, p.kind, p.{UP}, w.step + 1 \
             FROM walk AS w JOIN {} ON w.start_trace = p.{TRACE} AND w.up = p.{SPAN} \
             WHERE {} AND p.service = w.caller AND p.span_id <> {NO_SPAN} AND p.trace_id <> {NO_TRACE} \
             AND w.kind NOT IN ('server', 'consumer') AND w.step < {STEPS_MAX}), \
             origin AS (SELECT start_trace, start, caller, last_value(operation ORDER BY step) AS operation \
             FROM walk GROUP BY start_trace, start, caller), \
             made AS (SELECT {} FROM hops AS h LEFT JOIN origin AS o \
             ON h.start_trace = o.start_trace AND h.start = o.start AND h.caller = o.caller) ",
            self.entries(" HAVING MIN(operation) <> MAX(operation)"),
            from("p"),
            self.reach("p"),
            between("h.caller || '/' || COALESCE(o.operation, h.start_operation)"),
        )
    }

    /// The conditions on the span `c` that a call is counted by.
    pub(super) fn within(&self) -> String {
        format!("{}{}", self.window.condition("c.time"), self.scope.on_spans("c", self.lane_keys))
    }

    /// The span `c` that a call is counted by, of the traces that are asked about.
    fn child(&self) -> String {
        match &self.traces {
            Some(traces) => format!("({traces}) AS t RIGHT SEMI JOIN spans AS c ON t.trace = c.{TRACE}"),
            None => "spans AS c".into(),
        }
    }

    /// The same inside a join.
    fn joined_child(&self) -> String {
        if self.traces.is_some() { format!("({})", self.child()) } else { self.child() }
    }

    fn reach(&self, alias: &str) -> String {
        self.window.widened(REACH).condition(&format!("{alias}.time"))
    }
}

/// The bytes behind ids: what is joined on within a statement that joins.
const TRACE: &str = "\"trace_id (bytes)\"";
const SPAN: &str = "\"span_id (bytes)\"";
const UP: &str = "\"parent_span_id (bytes)\"";

/// Where the walk to the operation that made a call begins.
fn start(alias: &str) -> String {
    format!(
        ", {alias}.{TRACE} AS start_trace, {alias}.{SPAN} AS start, {alias}.operation AS start_operation, \
         {alias}.kind AS start_kind, {alias}.{UP} AS up"
    )
}

/// A hop `h` between operations, where `caller` names the one that made it.
fn between(caller: &str) -> String {
    format!(
        "CASE WHEN h.caller_type = 'service' THEN {caller} ELSE h.caller END AS caller, \
         CASE WHEN h.caller_type = 'service' THEN 'operation' ELSE h.caller_type END AS caller_type, \
         CASE WHEN h.callee_type = 'service' THEN h.callee || '/' || h.callee_operation ELSE h.callee END AS callee, \
         CASE WHEN h.callee_type = 'service' THEN 'operation' ELSE h.callee_type END AS callee_type, \
         h.kind, h.failed, h.limited, h.duration_ns, h.time"
    )
}

fn from(alias: &str) -> String {
    format!("spans AS {alias}")
}

/// `p` is the parent of `c`.
const PARENT: &str = "c.trace_id = p.trace_id AND c.parent_span_id = p.span_id";
/// `c` names a parent other than itself.
const HAS_PARENT: &str = "c.parent_span_id IS NOT NULL AND c.parent_span_id <> '0000000000000000' \
     AND c.trace_id <> '00000000000000000000000000000000' AND c.parent_span_id <> c.span_id";
/// Both ids of `c` say something.
const KNOWN: &str = "c.trace_id <> '00000000000000000000000000000000' AND c.span_id <> '0000000000000000'";

/// An attribute of `c` that is not empty.
fn said(key: &str) -> String {
    format!("NULLIF(c.attributes[{}], '')", literal(key))
}

/// `first/second`, or the one there is.
fn joined(first: &str, second: &str) -> String {
    format!("COALESCE({first} || '/' || {second}, {first}, {second}, 'unnamed')")
}

/// Which of several spans of one id is taken for a parent first.
fn rank(alias: &str) -> String {
    format!(
        "(CASE {alias}.kind WHEN 'server' THEN 0 WHEN 'consumer' THEN 1 WHEN 'internal' THEN 2 WHEN 'client' THEN 3 \
         ELSE 4 END)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;
    use model::UnixNanos;

    fn spans(scope: &Scope, count: u64) -> Spans<'_> {
        let window = Window { from: UnixNanos(0), to: UnixNanos(600_000_000_000) };
        let traces = scope.traces(&window.condition("time"));
        Spans { window, scope, lane_keys: &[], traces, links: true, count }
    }

    #[test]
    fn slices_cover_the_window_without_a_gap_and_too_many_are_refused() {
        let scope = Scope::default();
        for count in [0, 1, SLICE_SPANS_MAX, SLICE_SPANS_MAX + 1, SLICES_MAX * SLICE_SPANS_MAX] {
            let all = spans(&scope, count);
            let slices = all.slices().unwrap();
            assert!(slices.len() as u64 <= SLICES_MAX && slices.len() as u64 >= count.div_ceil(SLICE_SPANS_MAX));
            assert_eq!((slices[0].window.from, slices[slices.len() - 1].window.to), (all.window.from, all.window.to));
            for pair in slices.windows(2) {
                assert_eq!(pair[0].window.to, pair[1].window.from);
            }
        }
        let problem = spans(&scope, SLICES_MAX * SLICE_SPANS_MAX + 1).slices().unwrap_err();
        assert!(problem.status() == 422 && problem.detail().contains("narrow from and to"), "{problem:?}");
    }

    #[test]
    fn every_question_of_a_filter_asks_within_its_traces_and_its_window() {
        let params = Params::read(&"/x?attr.tenant.id=it's".parse().unwrap(), &["attr.*"]).unwrap();
        let scope = Scope::read(&params, "attr.").unwrap();
        let spans = spans(&scope, 1);
        let levels = [Level::Service, Level::Operation, Level::Infrastructure];
        let questions = levels.iter().flat_map(|level| spans.edges(*level, 10));
        let questions =
            questions.chain(spans.operations(10)).chain([spans.served(Level::Service, 10), spans.lanes(10)]);
        for question in questions {
            assert!(question.contains("attributes['tenant.id'] = 'it''s'"), "{question}");
            assert!(question.contains("c.time >= TIMESTAMP '1970-01-01T00:00:00.000000000Z'"), "{question}");
            assert!(question.contains(" LIMIT 10"), "{question}");
        }
        let links = spans.edges(Level::Service, 10).len();
        assert_eq!((links, Spans { links: false, ..spans.clone() }.edges(Level::Service, 10).len()), (4, 3));
    }
}
