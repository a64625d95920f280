//! The layer in front of every router: route table first, credential second, handler last.

use crate::check::is_cross_site;
use crate::{Access, Caller, Presented, Refusal, find};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, HeaderMap, Uri, header};
use std::sync::Arc;

/// Headers that senders use to name a workspace.
const WORKSPACE_HEADERS: [&str; 2] = ["x-stormglass-workspace", "x-scope-orgid"];

/// What a router needs to be guarded.
#[derive(Clone, Debug)]
pub struct Gate {
    pub access: Arc<Access>,
    /// Renders a refusal as the clients of this port expect it.
    pub refuse: fn(&Parts, &Refusal) -> Response,
    /// Hands the caller to the handlers, in the type they know.
    pub admit: fn(&Caller, &mut Extensions),
}

/// Middleware: `Router::layer(axum::middleware::from_fn_with_state(gate, access::guard))`.
pub async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match decide(&gate.access, &parts).await {
        Ok(caller) => {
            (gate.admit)(&caller, &mut parts.extensions);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => (gate.refuse)(&parts, &refusal),
    }
}

async fn decide(access: &Access, parts: &Parts) -> Result<Caller, Refusal> {
    let matched = parts.extensions.get::<MatchedPath>().ok_or(Refusal::NotFound)?;
    let route = find(parts.method.as_str(), matched.as_str())
        .map_err(|others| if others.is_empty() { Refusal::NotFound } else { Refusal::Method(others) })?;
    let presented = presented(&parts.headers, &parts.uri);
    // OTLP paths answer to pages of other origins by their own allow-list; nothing else does.
    let changes = !matches!(route.method, "GET" | "OPTIONS") && !route.path.starts_with("/v1/");
    if changes && is_cross_site(&presented) {
        return Err(Refusal::CrossSite);
    }
    access.check(route.needs, &presented).await
}

fn presented<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Presented<'r> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Presented {
        authorization: text(header::AUTHORIZATION.as_str()),
        workspace: WORKSPACE_HEADERS.into_iter().find_map(text),
        host: text(header::HOST.as_str()).or_else(|| uri.authority().map(|a| a.as_str())),
        origin: text(header::ORIGIN.as_str()),
        fetch_site: text("sec-fetch-site"),
    }
}
