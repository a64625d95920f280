use super::*;
use crate::{Caller, Effect, Gate, Grant, Issue, Need, NewPerson, Password, ROUTES, Refusal, Role, Settings, guard};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::any;
use http::header::{COOKIE, RETRY_AFTER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, Method, Request};
use metastore::Metastore;
use model::{ManualClock, UnixNanos, Workspace};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tower::ServiceExt;

mod changes;
mod people;
mod roles;

const PASSWORD: &str = "correct horse";

/// A server without its ports: the calls of this crate, and a stand-in for each of the others.
struct Here {
    router: Router,
    access: Arc<Access>,
    store: Metastore,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

/// What came back.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    /// Last part of a problem's type.
    fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
    }

    /// The cookie as a browser would send it back.
    fn cookie(&self) -> String {
        let line = self.headers.get(SET_COOKIE).unwrap_or_else(|| panic!("a cookie in {}", self.body));
        line.to_str().unwrap().split(';').next().unwrap().to_owned()
    }
}

/// A browser that is signed in.
#[derive(Clone)]
struct Browser {
    cookie: String,
    csrf: String,
}

fn refuse(_request: &Parts, refusal: &Refusal) -> axum::response::Response {
    problem::Problem::from(refusal.clone()).into_response()
}

impl Here {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metastore.sqlite");
        let store = Metastore::open(&path, metastore::Settings::default()).await.unwrap();
        let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY * 20_000)));
        let access = Access::open(&store, settings, Arc::clone(&clock) as _).await.unwrap();
        let ours: BTreeSet<String> = mounted().into_iter().map(|(_, path)| path).collect();
        let others: BTreeSet<&str> = ROUTES.iter().map(|r| r.path).filter(|path| !ours.contains(*path)).collect();
        let stand_in = Router::new().merge(routes(Arc::clone(&access)).split_for_parts().0);
        let stand_in = others.into_iter().fold(stand_in, |router, path| router.route(path, any(|| async { "in" })));
        let gate = Gate { access: Arc::clone(&access), refuse, admit: |_, _| {} };
        let router = crate::headers(stand_in.layer(from_fn_with_state(gate, guard)));
        Self { router, access, store, clock, _dir: dir }
    }

    async fn user(&self, name: &str, role: Role, workspace: &str) {
        let workspace = Workspace::new(workspace).unwrap();
        let person = NewPerson { name: name.into(), password: Password::new(PASSWORD), role, workspace };
        self.access.add_user(person).await.unwrap();
    }

    async fn token(&self, name: &str, grant: Grant, workspace: &str) -> String {
        let workspace = Workspace::new(workspace).unwrap();
        let issue = Issue { name: name.into(), grants: vec![grant], workspace, expires: None };
        format!("Bearer {}", self.access.create(issue).await.unwrap().1.reveal())
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        self.call_from("203.0.113.9", method, path, headers, body).await
    }

    async fn call_from(&self, ip: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(ip.parse().unwrap(), 7)));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn try_sign_in(&self, ip: &str, user: &str, password: &str) -> Reply {
        let asked = json!({ "user": user, "password": password });
        self.call_from(ip, "POST", "/api/v1/session", &[], asked).await
    }

    async fn sign_in(&self, user: &str) -> Browser {
        let reply = self.try_sign_in("203.0.113.9", user, PASSWORD).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        Browser { cookie: reply.cookie(), csrf: reply.body["csrf"].as_str().unwrap().to_owned() }
    }

    /// As a page of ours calls.
    async fn page(&self, browser: &Browser, method: &str, path: &str, body: Value) -> Reply {
        let headers = [(COOKIE.as_str(), &*browser.cookie), ("x-csrf-token", &*browser.csrf)];
        self.call(method, path, &headers, body).await
    }

    fn figure(&self, name: &str) -> u64 {
        let figures = self.access.figures();
        figures.iter().find(|figure| figure.name == name).unwrap_or_else(|| panic!("{name}")).value
    }
}

#[test]
fn every_call_has_its_row_in_the_table() {
    let rows: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    let calls = mounted();
    assert_eq!(calls.len(), 16);
    for call in calls {
        assert!(rows.contains(&call), "{call:?}");
    }
}

#[test]
fn every_call_is_described_with_an_answer_and_a_problem() {
    let description = serde_json::to_value(calls().into_openapi()).unwrap();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            let problem = "#/components/responses/AnyProblem";
            assert_eq!(responses["default"]["$ref"], problem, "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }
}
