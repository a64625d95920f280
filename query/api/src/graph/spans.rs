//! The same questions to the spans themselves: any attribute, exact quantiles, operations.
//!
//! The rules are those by which rollups count (see the crate `rollup`), so that both ways agree to the
//! last call: an edge between services is a span whose parent, or whose link from a consumer, is of
//! another service, at the time of the child; a client span without a child elsewhere is a call to
//! whatever it names; the first copy of (trace, span, kind) counts; ids that are absent link nothing.

use super::level::Level;
use super::scope::{Scope, lane_of};
use crate::ask::literal;
use crate::window::Window;
use std::time::Duration;

/// How far from the window parents and children are looked for: an hour of work, or of a wrong clock.
pub(super) const REACH: Duration = Duration::from_secs(3_600);
/// How many spans of its own service lie at most between a call and the operation that made it.
const STEPS_MAX: usize = 16;
const NO_TRACE: &str = "'00000000000000000000000000000000'";
const NO_SPAN: &str = "'0000000000000000'";

/// Counts and exact quantiles of calls.
const MEASURES: &str = "COUNT(*) AS calls, SUM(CASE WHEN failed THEN 1 ELSE 0 END) AS errors, \
     SUM(CASE WHEN limited THEN 1 ELSE 0 END) AS limited, SUM(duration_ns) AS duration_sum_ns, \
     MAX(time) AS last_seen, p50(duration_ns) AS p50_ns, p95(duration_ns) AS p95_ns, p99(duration_ns) AS p99_ns";
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
    /// Whether copies of spans must be told apart: costs a sort, so it is found out first.
    pub(super) copies: bool,
    /// Whether any consumer has links.
    pub(super) links: bool,
}

/// Finds out whether there are copies of spans, and links of consumers: `spans` is how many there are,
/// `counted` how many of them the rollups counted, `linked` how many consumers have links.
pub(super) fn oddities(window: &Window) -> String {
    let wide = window.widened(REACH).snapped(Duration::from_secs(10)).condition("time");
    format!(
        "SELECT (SELECT COUNT(*) FROM spans WHERE {wide}) AS spans, \
         (SELECT SUM(calls) FROM red WHERE {wide}) AS counted, \
         (SELECT COUNT(*) FROM spans WHERE {wide} AND kind = 'consumer' AND links IS NOT NULL) AS linked"
    )
}

impl Spans<'_> {
    /// Edges of a level, most travelled first: the columns of the rollups' question. Rows without a caller
    /// sum up what was called, by whomever.
    pub(super) fn edges(&self, level: Level, rows_max: usize) -> String {
        let (with, from) = match level {
            Level::Service => (String::new(), format!("({}) AS hops", self.hops())),
            Level::Operation => (self.walk(), "made".to_owned()),
            Level::Infrastructure => (String::new(), format!("({}) AS places", self.places())),
        };
        format!(
            "{with}SELECT caller, caller_type, callee, callee_type, kind, {MEASURES} FROM {from} \
             GROUP BY GROUPING SETS ((caller, caller_type, callee, callee_type, kind), (callee, callee_type)) \
             ORDER BY calls DESC, caller, caller_type, callee, callee_type, kind LIMIT {rows_max}"
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
            self.from("c", &self.window),
            self.within()
        )
    }

    /// Spans of the window whose parent is not to be found within [`REACH`].
    pub(super) fn unresolved(&self) -> String {
        format!(
            "SELECT COUNT(*) AS unresolved FROM {} LEFT ANTI JOIN {} ON {PARENT} AND {} WHERE {} AND {}",
            self.from("c", &self.window),
            self.near("p"),
            self.reach("p"),
            self.within(),
            HAS_PARENT
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
             FROM {} JOIN {} ON {PARENT} WHERE {} AND {} AND {HAS_PARENT} AND c.service <> p.service) AS hops \
             WHERE caller_lane <> '' AND caller_lane <> lane{left} \
             GROUP BY caller, caller_operation, callee, callee_operation, caller_lane, lane \
             ORDER BY calls DESC, caller, caller_operation, callee, callee_operation, caller_lane, lane LIMIT {limit}",
            self.from("c", &self.window),
            self.near("p"),
            all_lanes.within(),
            self.reach("p")
        )
    }

    /// Every call, with the span at its caller's end (`start`), from which the walk to the operation that
    /// made it begins.
    fn hops(&self) -> String {
        let mut arms = vec![self.calls(), self.peers(), self.third_parties()];
        if self.links {
            arms.push(self.linked());
        }
        arms.join(" UNION ALL ")
    }

    /// Spans whose parent is of another service. Among several spans of the parent's id one of the
    /// child's own service comes first, then the one that serves before the one that calls.
    fn calls(&self) -> String {
        format!(
            "SELECT p.service AS caller, 'service' AS caller_type, c.service AS callee, 'service' AS callee_type, \
             CASE WHEN c.kind = 'consumer' OR p.kind = 'producer' THEN 'message' ELSE 'call' END AS kind, {CALL}, \
             c.operation AS callee_operation, c.trace_id AS start_trace, p.span_id AS start, \
             p.operation AS start_operation, p.kind AS start_kind, p.parent_span_id AS up \
             FROM {} JOIN {} ON {PARENT} LEFT ANTI JOIN {} \
             ON c.trace_id = o.trace_id AND c.parent_span_id = o.span_id AND {} \
             AND p.kind <> o.kind AND (o.service = c.service OR {} < {}) \
             WHERE {} AND {} AND {HAS_PARENT} AND c.service <> p.service",
            self.from("c", &self.window),
            self.near("p"),
            self.near("o"),
            self.reach("o"),
            rank("o"),
            rank("p"),
            self.within(),
            self.reach("p"),
        )
    }

    /// Consumers whose links name spans of other traces and services.
    fn linked(&self) -> String {
        format!(
            "SELECT p.service, 'service', c.service, 'service', 'message', c.failed, c.limited, c.duration_ns, c.time, \
             c.operation, p.trace_id, p.span_id, p.operation, p.kind, p.parent_span_id FROM \
             (SELECT DISTINCT trace_id, span_id, service, operation, failed, limited, duration_ns, time, \
             link['trace_id'] AS link_trace, link['span_id'] AS link_span FROM \
             (SELECT c.trace_id, c.span_id, c.service, c.operation, {CALL}, unnest(c.links) AS link FROM {} \
             WHERE {} AND c.kind = 'consumer' AND c.links IS NOT NULL) AS consumers) AS c \
             JOIN {} ON p.trace_id = c.link_trace AND p.span_id = c.link_span \
             WHERE {} AND c.link_trace <> c.trace_id AND c.link_trace <> {NO_TRACE} AND c.link_span <> {NO_SPAN} \
             AND p.service <> c.service",
            self.from("c", &self.window),
            self.within(),
            self.near("p"),
            self.reach("p"),
        )
    }

    /// Databases, caches and queues, by the span at our end.
    fn peers(&self) -> String {
        let (system, is_store) = (said("db.system.name"), Self::calls_store());
        let kind = format!(
            "CASE WHEN NOT {is_store} THEN 'queue' WHEN {system} IN ('redis', 'memcached', 'valkey') THEN 'cache' \
             ELSE 'database' END"
        );
        let name = format!("CASE WHEN {is_store} THEN {} ELSE {} END", Self::store_name(), Self::queue_name());
        let is_consumer = "c.kind = 'consumer'";
        format!(
            "SELECT CASE WHEN {is_consumer} THEN {name} ELSE c.service END, \
             CASE WHEN {is_consumer} THEN 'queue' ELSE 'service' END, \
             CASE WHEN {is_consumer} THEN c.service ELSE {name} END, \
             CASE WHEN {is_consumer} THEN 'service' ELSE {kind} END, {kind}, {CALL}, \
             c.operation, c.trace_id, c.span_id, c.operation, c.kind, c.parent_span_id FROM {} \
             WHERE {} AND ({is_store} OR {})",
            self.from("c", &self.window),
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
    fn third_parties(&self) -> String {
        format!(
            "SELECT c.service, 'service', {}, 'third_party', 'third_party', {CALL}, \
             c.operation, c.trace_id, c.span_id, c.operation, c.kind, c.parent_span_id FROM {} \
             LEFT ANTI JOIN {} ON c.trace_id = k.trace_id AND c.span_id = k.parent_span_id \
             AND c.service <> k.service AND {} AND {KNOWN} \
             LEFT ANTI JOIN {} ON c.trace_id = o.trace_id AND c.span_id = o.span_id \
             AND c.service <> o.service AND {} AND {KNOWN} \
             WHERE {} AND {}",
            Self::third_party_name(),
            self.from("c", &self.window),
            self.near("k"),
            self.reach("k"),
            self.near("o"),
            self.reach("o"),
            self.within(),
            Self::calls_other(),
        )
    }

    /// What services run on, and what that stands on.
    fn places(&self) -> String {
        let of = |key: &str| format!("NULLIF(c.resource[{}], '')", literal(key));
        let (pod, host, node) = (of("k8s.pod.name"), of("host.name"), of("k8s.node.name"));
        let site = "NULLIF(COALESCE(c.attributes['store.id'], c.resource['store.id']), '')";
        let on = format!("COALESCE({pod}, {host}, {node})");
        let on_type =
            format!("CASE WHEN {pod} IS NOT NULL THEN 'pod' WHEN {host} IS NOT NULL THEN 'host' ELSE 'node' END");
        let arm = |ends: &str, when: &str| {
            let (from, within) = (self.from("c", &self.window), self.within());
            format!("SELECT {ends}, 'runs_on' AS kind, {CALL} FROM {from} WHERE {within} AND {when}")
        };
        let ends = format!("c.service AS caller, 'service' AS caller_type, {on} AS callee, {on_type} AS callee_type");
        let below = format!("{node} IS NOT NULL AND ({pod} IS NOT NULL OR ({host} IS NOT NULL AND {host} <> {node}))");
        [
            arm(&ends, &format!("{on} IS NOT NULL")),
            arm(&format!("COALESCE({pod}, {host}), {on_type}, {node}, 'node'"), &below),
            arm(&format!("c.service, 'service', {site}, 'site'"), &format!("{site} IS NOT NULL")),
        ]
        .join(" UNION ALL ")
    }

    /// Hops between operations, as `made`. The operation that made a call is the nearest span above it,
    /// within the caller's service, that was served; without one, the topmost within [`STEPS_MAX`] steps.
    fn walk(&self) -> String {
        format!(
            "WITH RECURSIVE hops AS ({hops}), walk AS (\
             SELECT DISTINCT start_trace, start, caller, start_operation AS operation, start_kind AS kind, up, 1 AS step \
             FROM hops WHERE caller_type = 'service' \
             UNION ALL SELECT w.start_trace, w.start, w.caller, p.operation, p.kind, p.parent_span_id, w.step + 1 \
             FROM walk AS w JOIN {above} ON w.start_trace = p.trace_id AND w.up = p.span_id \
             WHERE {reach} AND p.service = w.caller AND p.span_id <> {NO_SPAN} \
             AND w.kind NOT IN ('server', 'consumer') AND w.step < {STEPS_MAX}), \
             origin AS (SELECT start_trace, start, caller, last_value(operation ORDER BY step) AS operation \
             FROM walk GROUP BY start_trace, start, caller), \
             made AS (SELECT CASE WHEN o.operation IS NULL THEN h.caller ELSE h.caller || '/' || o.operation END AS caller, \
             CASE WHEN h.caller_type = 'service' THEN 'operation' ELSE h.caller_type END AS caller_type, \
             CASE WHEN h.callee_type = 'service' THEN h.callee || '/' || h.callee_operation ELSE h.callee END AS callee, \
             CASE WHEN h.callee_type = 'service' THEN 'operation' ELSE h.callee_type END AS callee_type, \
             h.kind, h.failed, h.limited, h.duration_ns, h.time FROM hops AS h LEFT JOIN origin AS o \
             ON h.start_trace = o.start_trace AND h.start = o.start AND h.caller = o.caller) ",
            hops = self.hops(),
            above = self.near("p"),
            reach = self.reach("p"),
        )
    }

    /// The spans under an alias, each once.
    pub(super) fn from(&self, alias: &str, window: &Window) -> String {
        if !self.copies {
            return format!("spans AS {alias}");
        }
        let columns = "trace_id, span_id, parent_span_id, service, operation, kind, status, duration_ns, time, \
             resource, attributes, links";
        let (within, known) = (window.condition("time"), format!("trace_id <> {NO_TRACE} AND span_id <> {NO_SPAN}"));
        format!(
            "(SELECT * FROM (SELECT DISTINCT ON (trace_id, span_id, kind) {columns} FROM spans WHERE {within} AND {known} \
             ORDER BY trace_id, span_id, kind, time) AS first_copies \
             UNION ALL SELECT {columns} FROM spans WHERE {within} AND NOT ({known})) AS {alias}"
        )
    }

    fn near(&self, alias: &str) -> String {
        self.from(alias, &self.window.widened(REACH))
    }

    /// The conditions on the span `c` that a call is counted by.
    pub(super) fn within(&self) -> String {
        let window = self.window.condition("time");
        format!("{}{}", self.window.condition("c.time"), self.scope.on_spans("c", &window, self.lane_keys))
    }

    fn reach(&self, alias: &str) -> String {
        self.window.widened(REACH).condition(&format!("{alias}.time"))
    }
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
