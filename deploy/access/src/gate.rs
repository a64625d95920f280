//! The layer in front of every router: route table first, credential second, handler last, and what it
//! changed written down before the answer.

use crate::audit::{Deed, Noted};
use crate::caller::Client;
use crate::origin::is_cross_site;
use crate::vault::Denied;
use crate::{Access, Caller, Effect, Presented, Refusal, Route, Who, find};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Extensions;
use http::request::Parts;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What a path is matched by that nothing else matches: a page of the app, or nothing.
const ANYTHING: &str = "/{*path}";

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
///
/// Handlers find the [`Caller`] and the [`Client`] in the request's extensions. Where the connection says
/// its peer it must be there as axum's `ConnectInfo<SocketAddr>`.
pub async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let settings = gate.access.settings();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let client = Client::of(&parts.headers, peer, &settings.trusted_proxies, settings.tls);
    let route = match route(&parts) {
        Ok(route) => route,
        Err(refusal) => return (gate.refuse)(&parts, &refusal),
    };
    match decide(&gate.access, route, &parts, &client).await {
        Ok(caller) => {
            (gate.admit)(&caller, &mut parts.extensions);
            parts.extensions.insert(caller.clone());
            parts.extensions.insert(client);
            match route.effect {
                Effect::Changes => change(gate, route, caller, client, parts, body, next).await,
                Effect::Reads | Effect::Tells => next.run(Request::from_parts(parts, body)).await,
            }
        }
        Err(denied) => {
            note_refused(&gate.access, route, &denied, client, &parts).await;
            (gate.refuse)(&parts, &denied.refusal)
        }
    }
}

fn route(parts: &Parts) -> Result<&'static Route, Refusal> {
    let matched = parts.extensions.get::<MatchedPath>().ok_or(Refusal::NotFound)?;
    find(parts.method.as_str(), matched.as_str()).map_err(|others| match others.is_empty() {
        true => Refusal::NotFound,
        false if matched.as_str() == ANYTHING => Refusal::NotFound,
        false => Refusal::Method(others),
    })
}

async fn decide(access: &Access, route: &Route, parts: &Parts, client: &Client) -> Result<Caller, Denied> {
    let presented = Presented::of(parts, client);
    // OTLP paths answer to pages of other origins by their own allow-list; nothing else does.
    if presented.changes && !route.path.starts_with("/v1/") && is_cross_site(&presented) {
        return Err(Refusal::CrossSite.into());
    }
    access.check(route.needs, &presented, client).await
}

/// Runs a call that changes something, to its end even if the client goes away, and writes it down.
async fn change(
    gate: Gate,
    route: &'static Route,
    caller: Caller,
    client: Client,
    parts: Parts,
    body: axum::body::Body,
    next: Next,
) -> Response {
    let (refuse, access) = (gate.refuse, gate.access);
    let deed = deed(route, client, &parts);
    if !access.can_record(&deed).await {
        return refuse(&parts, &Refusal::CannotRecord);
    }
    let asked = parts.clone();
    let done = tokio::spawn(async move {
        let mut response = next.run(Request::from_parts(parts, body)).await;
        let noted = response.extensions_mut().remove::<Noted>();
        if noted.is_none() && caller.who == Who::Nobody {
            // Nothing came of it, and anybody can do it any number of times.
            return Ok(response);
        }
        let Noted { caller: found, detail } = noted.unwrap_or_default();
        let actor = found.unwrap_or(caller);
        let recorded = access.record(&actor, &deed, response.status().as_u16(), detail.as_deref()).await;
        recorded.map(|()| response)
    });
    match done.await {
        Ok(Ok(response)) => response,
        Ok(Err(_logged)) => refuse(&asked, &Refusal::NotRecorded),
        Err(error) => {
            tracing::error!(%error, path = asked.uri.path(), "a change ended in a fault and may be half done");
            refuse(&asked, &Refusal::NotRecorded)
        }
    }
}

/// A refused change of somebody known is written down too; of somebody unknown it is not, or anybody
/// could fill the log.
async fn note_refused(access: &Access, route: &'static Route, denied: &Denied, client: Client, parts: &Parts) {
    let Some(caller) = denied.caller.as_ref().filter(|_| route.effect == Effect::Changes) else { return };
    if !access.is_refusal_recorded(caller) {
        access.counts.audit_refusals_unwritten.fetch_add(1, Relaxed);
        return;
    }
    let (status, why) = (denied.refusal.status().as_u16(), denied.refusal.to_string());
    if access.record(caller, &deed(route, client, parts), status, Some(&why)).await.is_err() {
        // It is counted and logged, and nothing was changed.
        tracing::warn!(path = parts.uri.path(), "a refused change is not in the audit log");
    }
}

fn deed(route: &Route, client: Client, parts: &Parts) -> Deed {
    Deed { method: route.method.to_owned(), route: route.path.to_owned(), path: parts.uri.path().to_owned(), client }
}
