//! The route table: every path that is served, by method, and what it needs.

use crate::{Grant, Role};
use model::Signal;

/// What a route asks of the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Nothing: liveness, and preflights that browsers send without credentials.
    Nothing,
    /// This role or a higher one.
    Role(Role),
    /// The scope to send this signal.
    Ingest(Signal),
    /// The scope to send alerts of other tools.
    Alerts,
}

impl Need {
    /// Whether one of these grants is enough.
    pub fn met_by(self, grants: &[Grant]) -> bool {
        match self {
            Need::Nothing => true,
            Need::Role(role) => grants.iter().any(|g| matches!(g, Grant::Role(has) if *has >= role)),
            Need::Ingest(signal) => grants.contains(&Grant::Ingest(signal)),
            Need::Alerts => grants.contains(&Grant::Alerts),
        }
    }
}

/// What a call does, for who must answer for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    Reads,
    /// Brings telemetry: counted in the ledger, not written to the audit log.
    Tells,
    /// Changes what the product does or keeps: written to the audit log.
    Changes,
}

/// One row of the table. `path` is as routers match it, with `{name}` for variable segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub needs: Need,
    pub effect: Effect,
}

/// The usual case: who sends telemetry tells, GET reads, and all else changes something.
const fn row(method: &'static str, path: &'static str, needs: Need) -> Route {
    let effect = match (needs, method.as_bytes()) {
        (Need::Ingest(_) | Need::Alerts, _) => Effect::Tells,
        (_, b"GET" | b"OPTIONS") => Effect::Reads,
        _ => Effect::Changes,
    };
    Route { method, path, needs, effect }
}

/// A question with a body.
const fn asks(path: &'static str, needs: Need) -> Route {
    Route { method: "POST", path, needs, effect: Effect::Reads }
}

/// The path is the secret of who tells.
const fn ping(method: &'static str, path: &'static str) -> Route {
    Route { method, path, needs: Need::Nothing, effect: Effect::Tells }
}

/// Every route of every port. HEAD is GET.
pub const ROUTES: &[Route] = &[
    row("POST", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", Need::Ingest(Signal::Traces)),
    row("POST", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Need::Ingest(Signal::Metrics)),
    row("POST", "/opentelemetry.proto.collector.logs.v1.LogsService/Export", Need::Ingest(Signal::Logs)),
    row("POST", "/v1/traces", Need::Ingest(Signal::Traces)),
    row("POST", "/v1/metrics", Need::Ingest(Signal::Metrics)),
    row("POST", "/v1/logs", Need::Ingest(Signal::Logs)),
    row("OPTIONS", "/v1/traces", Need::Nothing),
    row("OPTIONS", "/v1/metrics", Need::Nothing),
    row("OPTIONS", "/v1/logs", Need::Nothing),
    row("GET", "/healthz", Need::Nothing),
    row("GET", "/readyz", Need::Nothing),
    row("GET", "/metrics", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/openapi.json", Need::Role(Role::Viewer)),
    asks("/api/v1/sql", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/ledger", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/parts", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/retention", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/services", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/graph", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/graph/diff", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/graph/impact", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/experience", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/catalog/services", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/catalog/services/{name}", Need::Role(Role::Viewer)),
    row("PUT", "/api/v1/catalog/services/{name}", Need::Role(Role::Operator)),
    row("GET", "/api/v1/catalog/customers", Need::Role(Role::Viewer)),
    row("PUT", "/api/v1/catalog/customers", Need::Role(Role::Operator)),
    row("GET", "/api/v1/catalog/topology", Need::Role(Role::Viewer)),
    row("PUT", "/api/v1/catalog/topology", Need::Role(Role::Operator)),
    row("GET", "/api/v1/traces", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/traces/{trace_id}", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/traces/compare", Need::Role(Role::Viewer)),
    asks("/api/v1/traces/differences", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/logs", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/services", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/services/{service}/operations", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/operations", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/traces", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/traces/{trace_id}", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/dependencies", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/v3/services", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/v3/operations", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/v3/traces", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/v3/traces/{trace_id}", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/v3/trace-summaries", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/v3/dependencies", Need::Role(Role::Viewer)),
    row("GET", "/jaeger/api/v3/capabilities", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/operations", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/entities/{type}/{id}", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/business-events", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/business-events/uncovered", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/changes", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/heartbeats", Need::Role(Role::Viewer)),
    // What is told here is stored as log records: whoever may send those may tell.
    row("POST", "/api/v1/business-events", Need::Ingest(Signal::Logs)),
    row("POST", "/api/v1/changes", Need::Ingest(Signal::Logs)),
    row("POST", "/api/v1/heartbeats/{name}", Need::Ingest(Signal::Logs)),
    row("POST", "/api/v1/heartbeats/{name}/{state}", Need::Ingest(Signal::Logs)),
    ping("GET", "/ping/{secret}"),
    ping("POST", "/ping/{secret}"),
    ping("GET", "/ping/{secret}/{name}"),
    ping("POST", "/ping/{secret}/{name}"),
    ping("GET", "/ping/{secret}/{name}/{state}"),
    ping("POST", "/ping/{secret}/{name}/{state}"),
    // Who is there is asked of everybody: who signs in, or makes the first user, has nothing to show yet.
    row("POST", "/api/v1/session", Need::Nothing),
    row("GET", "/api/v1/session", Need::Role(Role::Viewer)),
    row("DELETE", "/api/v1/session", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/setup", Need::Nothing),
    row("POST", "/api/v1/setup", Need::Nothing),
    row("GET", "/api/v1/users", Need::Role(Role::Admin)),
    row("POST", "/api/v1/users", Need::Role(Role::Admin)),
    row("PUT", "/api/v1/users/{name}", Need::Role(Role::Admin)),
    row("DELETE", "/api/v1/users/{name}", Need::Role(Role::Admin)),
    // One's own; the handler asks more of who changes another's.
    row("POST", "/api/v1/users/{name}/password", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/tokens", Need::Role(Role::Admin)),
    row("POST", "/api/v1/tokens", Need::Role(Role::Admin)),
    row("DELETE", "/api/v1/tokens/{id}", Need::Role(Role::Admin)),
    row("GET", "/api/v1/audit", Need::Role(Role::Admin)),
    row("GET", "/api/v1/audit/verify", Need::Role(Role::Admin)),
    row("GET", "/api/v1/workspaces", Need::Role(Role::Viewer)),
    // The rows of alerting. Alerts of other tools come by a scope of their own.
    row("GET", "/api/v1/alerts", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/alerts", Need::Alerts),
    row("GET", "/api/v1/incidents", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/incidents/by-month", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/incidents/{id}", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/incidents/{id}/impact", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/incidents/{id}/message", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/incidents/{id}/follow-ups", Need::Role(Role::Operator)),
    row("PUT", "/api/v1/incidents/{id}/follow-ups/{number}", Need::Role(Role::Operator)),
    row("GET", "/api/v1/follow-ups", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/incidents/{id}/{act}", Need::Role(Role::Operator)),
    row("GET", "/api/v1/silences", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/silences", Need::Role(Role::Operator)),
    row("DELETE", "/api/v1/silences/{id}", Need::Role(Role::Operator)),
    row("GET", "/api/v1/silences/preview", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/routes", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/routes", Need::Role(Role::Operator)),
    asks("/api/v1/routes/test", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/receivers", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/receivers", Need::Role(Role::Operator)),
    row("DELETE", "/api/v1/receivers/{name}", Need::Role(Role::Operator)),
    row("POST", "/api/v1/receivers/{name}/test", Need::Role(Role::Operator)),
    row("GET", "/api/v1/notifications", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/notifications/{id}/retry", Need::Role(Role::Operator)),
    row("GET", "/api/v1/rules", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/rules", Need::Role(Role::Operator)),
    row("GET", "/api/v1/rules/{name}", Need::Role(Role::Viewer)),
    row("PUT", "/api/v1/rules/{name}", Need::Role(Role::Operator)),
    row("DELETE", "/api/v1/rules/{name}", Need::Role(Role::Operator)),
    asks("/api/v1/rules/check", Need::Role(Role::Viewer)),
    asks("/api/v1/rules/backtest", Need::Role(Role::Viewer)),
    row("GET", "/alertmanager/api/v2/alerts", Need::Role(Role::Viewer)),
    row("POST", "/alertmanager/api/v2/alerts", Need::Alerts),
    row("GET", "/alertmanager/api/v2/alerts/groups", Need::Role(Role::Viewer)),
    row("GET", "/alertmanager/api/v2/silences", Need::Role(Role::Viewer)),
    row("POST", "/alertmanager/api/v2/silences", Need::Role(Role::Operator)),
    row("GET", "/alertmanager/api/v2/silence/{id}", Need::Role(Role::Viewer)),
    row("DELETE", "/alertmanager/api/v2/silence/{id}", Need::Role(Role::Operator)),
    row("GET", "/alertmanager/api/v2/status", Need::Role(Role::Viewer)),
    row("GET", "/alertmanager/api/v2/receivers", Need::Role(Role::Viewer)),
    row("GET", "/api/v1/demo/faults", Need::Role(Role::Viewer)),
    row("POST", "/api/v1/demo/faults/{name}", Need::Role(Role::Operator)),
    row("DELETE", "/api/v1/demo/faults/{name}", Need::Role(Role::Operator)),
    row("GET", "/api/v1/demo/scorecard", Need::Role(Role::Viewer)),
    // The web UI's code is public; what it shows is not.
    row("GET", "/", Need::Nothing),
    row("GET", "/{*path}", Need::Nothing),
    row("POST", "/api/v1/flush", Need::Role(Role::Operator)),
    row("POST", "/api/v1/compact", Need::Role(Role::Operator)),
];

/// The row for a method and a matched path, or the methods that the path does take (none: no such path).
pub fn find(method: &str, path: &str) -> Result<&'static Route, Vec<&'static str>> {
    let method = if method == "HEAD" { "GET" } else { method };
    let of_path = || ROUTES.iter().filter(|r| r.path == path);
    of_path().find(|r| r.method == method).ok_or_else(|| of_path().map(|r| r.method).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_not_found() {
        assert_eq!(find("GET", "/api/v1/secret"), Err(vec![]));
        assert_eq!(find("DELETE", "/v1/traces"), Err(vec!["POST", "OPTIONS"]));
        assert_eq!(find("HEAD", "/healthz").unwrap().needs, Need::Nothing);
    }

    #[test]
    fn no_row_stands_twice() {
        for (at, route) in ROUTES.iter().enumerate() {
            assert!(ROUTES[..at].iter().all(|r| (r.method, r.path) != (route.method, route.path)), "{route:?}");
        }
    }

    #[test]
    fn every_route_is_decided_for_every_grant() {
        for route in ROUTES {
            for grant in Grant::ALL {
                let expected = match (route.needs, grant) {
                    (Need::Nothing, _) => true,
                    (Need::Role(needs), Grant::Role(has)) => has as u8 >= needs as u8,
                    (Need::Ingest(needs), Grant::Ingest(has)) => needs == has,
                    (Need::Alerts, grant) => grant == Grant::Alerts,
                    (Need::Role(_), Grant::Ingest(_) | Grant::Alerts) => false,
                    (Need::Ingest(_), Grant::Role(_) | Grant::Alerts) => false,
                };
                assert_eq!(route.needs.met_by(&[grant]), expected, "{route:?} for {grant}");
            }
            assert_eq!(route.needs.met_by(&[]), route.needs == Need::Nothing, "{route:?} for nobody");
        }
    }

    #[test]
    fn a_token_for_telemetry_cannot_page_people() {
        let telemetry = Grant::parse("ingest").unwrap();
        let doors = ROUTES.iter().filter(|route| route.method == "POST" && route.path.ends_with("/alerts"));
        let doors: Vec<_> = doors.collect();
        assert_eq!(doors.len(), 2, "our own and the one that speaks as Alertmanager");
        for route in doors {
            assert!(!route.needs.met_by(&telemetry), "{route:?}");
            assert!(route.needs.met_by(&Grant::parse("ingest:alerts").unwrap()), "{route:?}");
        }
    }

    #[test]
    fn only_liveness_preflights_secret_paths_pages_and_signing_in_need_nothing() {
        // The pages of the app are the same for everybody; what they show is asked for with a credential.
        const NOTHING: &[(&str, &str)] = &[
            ("GET", "/healthz"),
            ("GET", "/readyz"),
            ("GET", "/"),
            ("GET", "/{*path}"),
            ("POST", "/api/v1/session"),
            ("GET", "/api/v1/setup"),
            ("POST", "/api/v1/setup"),
        ];
        for route in ROUTES.iter().filter(|r| r.needs == Need::Nothing) {
            let secret = route.path.starts_with("/ping/{secret}");
            let named = route.method == "OPTIONS" || NOTHING.contains(&(route.method, route.path)) || secret;
            assert!(named, "{route:?}");
        }
    }

    #[test]
    fn what_changes_something_is_written_to_the_audit_log() {
        const QUESTIONS: &[&str] = &[
            "/api/v1/sql",
            "/api/v1/traces/differences",
            "/api/v1/rules/check",
            "/api/v1/rules/backtest",
            "/api/v1/routes/test",
        ];
        for route in ROUTES {
            let secret = route.path.starts_with("/ping/{secret}");
            let expected = match (route.needs, route.method) {
                (Need::Ingest(_) | Need::Alerts, _) => Effect::Tells,
                _ if secret => Effect::Tells,
                (_, "GET" | "OPTIONS") => Effect::Reads,
                _ if QUESTIONS.contains(&route.path) => Effect::Reads,
                _ => Effect::Changes,
            };
            assert_eq!(route.effect, expected, "{route:?}");
        }
    }
}
