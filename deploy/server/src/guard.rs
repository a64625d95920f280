//! Joins the gate to the routers behind it: refusals in each port's own form, callers in each
//! router's own type.

use access::{Access, Caller, Gate, Refusal, Role};
use api::{Asker, Problem};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use client::AuditLog;
use futures::FutureExt;
use http::request::Parts;
use http::{Extensions, HeaderValue, header};
use receive::{Refused, Sender};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Guards a router of OTLP paths.
pub(crate) fn otlp(router: Router, access: &Arc<Access>) -> Router {
    let gate = Gate { access: Arc::clone(access), refuse: refuse_otlp, admit };
    router.fallback(|| async {}).layer(from_fn_with_state(gate, access::guard))
}

/// Guards the router of the HTTP API, which also takes OTLP/HTTP, and counts panics in it.
pub(crate) fn http(router: Router, access: &Arc<Access>, panics: &Arc<AtomicU64>) -> Router {
    let gate = Gate { access: Arc::clone(access), refuse: refuse_http, admit };
    let contained = from_fn_with_state(Arc::clone(panics), contain);
    let guarded = router.fallback(|| async {}).layer(contained).layer(from_fn_with_state(gate, access::guard));
    access::headers(guarded)
}

/// A panic in a handler ends its call only.
async fn contain(State(panics): State<Arc<AtomicU64>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_panic) => {
            panics.fetch_add(1, Relaxed);
            tracing::error!(path, "a call ended in a panic");
            Problem::internal("this call met a fault of ours; others are not affected").into_response()
        }
    }
}

fn admit(caller: &Caller, extensions: &mut Extensions) {
    extensions.insert(Sender { workspace: caller.workspace.clone(), token: caller.name() });
    let audit = if caller.role == Some(Role::Admin) { AuditLog::Shown } else { AuditLog::Hidden };
    extensions.insert(Asker { workspace: caller.workspace.clone(), token: caller.name(), audit });
}

fn refuse_otlp(request: &Parts, refusal: &Refusal) -> Response {
    let text = refusal.to_string();
    let refused = match refusal {
        Refusal::NotFound => Refused::NotFound(text),
        Refusal::Method(_) => Refused::Method { allowed: "POST" },
        // An exporter comes back by itself with what it was told to come back with: the same wrong token. So it
        // hears what is wrong, for good, as at its first try; it is looked up no more often for that.
        Refusal::NoToken
        | Refusal::BadToken
        | Refusal::TooManyGuesses(_)
        | Refusal::Expired
        | Refusal::SessionEnded => Refused::Unauthenticated(text),
        Refusal::Lacks(_) | Refusal::OtherWorkspace | Refusal::ForeignHost(_) | Refusal::CrossSite | Refusal::Csrf => {
            Refused::Forbidden(text)
        }
        Refusal::CannotRecord | Refusal::NotRecorded => Refused::Internal,
    };
    receive::render_refusal(request, &refused)
}

fn refuse_http(request: &Parts, refusal: &Refusal) -> Response {
    if request.uri.path().starts_with("/v1/") {
        return refuse_otlp(request, refusal);
    }
    let detail = match refusal {
        Refusal::NotFound => format!(
            "{} {} is no call of this server: GET /api/v1/openapi.json lists them",
            request.method,
            request.uri.path()
        ),
        other => other.to_string(),
    };
    let problem = Problem::new(refusal.status(), refusal.kind(), refusal.title(), detail);
    let problem = match refusal.retry_after_s() {
        Some(seconds) => problem.retry_after(seconds),
        None => problem,
    };
    let mut response = problem.into_response();
    if let Refusal::Method(allowed) = refusal
        && let Ok(allowed) = HeaderValue::from_str(&allowed.join(", "))
    {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use access::{Grant, Issue, Need, ROUTES};
    use axum::body::Body;
    use axum::routing::any;
    use http::{Method, Request};
    use model::{ManualClock, UnixNanos, Workspace};
    use std::collections::BTreeSet;
    use tower::ServiceExt;

    /// What the routers mount, as they say themselves.
    fn mounted() -> BTreeSet<(String, String)> {
        let otlp = receive::HTTP_PATHS.iter().flat_map(|(path, _)| [("POST", *path), ("OPTIONS", *path)]);
        let grpc = receive::GRPC_PATHS.iter().map(|(path, _)| ("POST", *path));
        let doors = otlp.chain(grpc).map(|(method, path)| (method.to_owned(), path.to_owned()));
        let pages = crate::page::MOUNTED.map(|(method, path)| (method.to_owned(), path.to_owned()));
        let mut others = watch::described();
        others.merge(crate::demo_routes::described());
        doors.chain(api::mounted(others)).chain(access::mounted()).chain(pages).collect()
    }

    #[test]
    fn every_mounted_route_has_its_row_and_every_row_its_route() {
        let rows: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
        assert_eq!(mounted(), rows);
    }

    #[test]
    fn every_path_takes_the_scope_of_its_own_signal() {
        for (path, signal) in receive::HTTP_PATHS.into_iter().chain(receive::GRPC_PATHS) {
            let route = access::find("POST", path).unwrap();
            assert_eq!(route.needs, Need::Ingest(signal), "{path}");
        }
    }

    /// All routes with handlers that always say 200, behind the gate.
    fn guarded(access: &Arc<Access>) -> Router {
        let panics = Arc::default();
        let router = ROUTES.iter().map(|route| route.path).collect::<BTreeSet<_>>().into_iter();
        http(router.fold(Router::new(), |router, path| router.route(path, any(|| async { "in" }))), access, &panics)
    }

    async fn status(router: &Router, method: &str, path: &str, token: Option<&str>) -> u16 {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    }

    async fn access(dir: &tempfile::TempDir) -> Arc<Access> {
        let path = dir.path().join("metastore.sqlite");
        let store = metastore::Metastore::open(&path, metastore::Settings::default()).await.unwrap();
        let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
        Access::open(&store, access::Settings::default(), clock).await.unwrap()
    }

    #[tokio::test]
    async fn d13_an_address_that_guesses_is_told_to_come_back_later_and_an_exporter_that_it_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let access = access(&dir).await;
        let grants = vec![Grant::Role(Role::Viewer)];
        let issue = Issue { name: "good".into(), grants, workspace: Workspace::default(), expires: None };
        let good = access.create(issue).await.unwrap().1.reveal();
        let router = guarded(&access);
        let ask = async |method: &str, path: &str, token: &str| {
            let request =
                Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
            let mut request = request.body(Body::empty()).unwrap();
            let peer: std::net::SocketAddr = "203.0.113.9:1".parse().unwrap();
            request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
            router.clone().oneshot(request).await.unwrap()
        };
        let guess = "sg_12345678_00";
        for _ in 0..access.settings().attempts_per_address_max {
            assert_eq!(ask("GET", "/api/v1/services", guess).await.status(), 401);
        }
        let refused = ask("GET", "/api/v1/services", guess).await;
        assert_eq!(refused.status(), 429);
        let wait: u64 = refused.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=300).contains(&wait), "{wait}");
        assert_eq!(ask("POST", "/v1/traces", guess).await.status(), 401);
        assert_eq!(ask("GET", "/api/v1/services", &good).await.status(), 200, "its neighbours are let in");
        let limited = access.figures().into_iter().find(|f| f.name == "stormglass_access_guesses_limited_total");
        assert_eq!(limited.map(|figure| figure.value), Some(2));
    }

    #[tokio::test]
    async fn g4_a_panic_in_a_handler_ends_its_call_only_and_is_counted() {
        async fn faulty() -> &'static str {
            panic!("a fault of ours, for this test")
        }
        let (dir, panics) = (tempfile::tempdir().unwrap(), Arc::new(AtomicU64::new(0)));
        let routes = Router::new().route("/healthz", any(|| async { "alive" })).route("/readyz", any(faulty));
        let router = http(routes, &access(&dir).await, &panics);
        assert_eq!(status(&router, "GET", "/readyz", None).await, 500);
        assert_eq!(status(&router, "GET", "/healthz", None).await, 200);
        assert_eq!(panics.load(Relaxed), 1);
    }

    #[tokio::test]
    async fn every_route_times_every_grant_is_decided_by_the_table_through_the_real_gate() {
        let dir = tempfile::tempdir().unwrap();
        let access = access(&dir).await;
        let router = guarded(&access);
        for route in ROUTES {
            assert_eq!(status(&router, route.method, route.path, None).await, 200, "open without any token: {route:?}");
        }
        let mut tokens = Vec::new();
        for grant in Grant::ALL {
            let issue =
                Issue { name: grant.to_string(), grants: vec![grant], workspace: Workspace::default(), expires: None };
            tokens.push((grant, access.create(issue).await.unwrap().1.reveal()));
        }
        for route in ROUTES {
            for (grant, token) in &tokens {
                let expected = if route.needs.met_by(&[*grant]) { 200 } else { 403 };
                assert_eq!(
                    status(&router, route.method, route.path, Some(token)).await,
                    expected,
                    "{route:?} for {grant}"
                );
            }
            let nobody = if route.needs == Need::Nothing { 200 } else { 401 };
            assert_eq!(status(&router, route.method, route.path, None).await, nobody, "{route:?} for nobody");
            // What is no page is no path at all.
            let other = if route.path == "/{*path}" { 404 } else { 405 };
            assert_eq!(status(&router, "PATCH", route.path, Some(&tokens[3].1)).await, other, "{route:?}");
        }
        assert_eq!(status(&router, "POST", "/api/v1/unheard-of", Some(&tokens[3].1)).await, 404);
    }
}
