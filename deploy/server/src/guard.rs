//! Joins the gate to the routers behind it: refusals in each port's own form, callers in each
//! router's own type.

use access::{Access, Caller, Gate, Refusal};
use api::{Asker, Problem};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderValue, StatusCode, header};
use receive::{Refused, Sender};
use std::sync::Arc;

/// Guards a router of OTLP paths.
pub(crate) fn otlp(router: Router, access: &Arc<Access>) -> Router {
    let gate = Gate { access: Arc::clone(access), refuse: refuse_otlp, admit };
    router.fallback(|| async {}).layer(from_fn_with_state(gate, access::guard))
}

/// Guards the router of the HTTP API, which also takes OTLP/HTTP.
pub(crate) fn http(router: Router, access: &Arc<Access>) -> Router {
    let gate = Gate { access: Arc::clone(access), refuse: refuse_http, admit };
    router.fallback(|| async {}).layer(from_fn_with_state(gate, access::guard))
}

fn admit(caller: &Caller, extensions: &mut Extensions) {
    extensions.insert(Sender { workspace: caller.workspace.clone(), token: caller.token.clone() });
    extensions.insert(Asker { workspace: caller.workspace.clone() });
}

fn refuse_otlp(request: &Parts, refusal: &Refusal) -> Response {
    let text = refusal.to_string();
    let refused = match refusal {
        Refusal::NotFound => Refused::NotFound(text),
        Refusal::Method(_) => Refused::Method { allowed: "POST" },
        Refusal::NoToken | Refusal::BadToken | Refusal::Expired => Refused::Unauthenticated(text),
        Refusal::Lacks(_) | Refusal::OtherWorkspace | Refusal::ForeignHost(_) | Refusal::CrossSite => {
            Refused::Forbidden(text)
        }
    };
    receive::render_refusal(request, &refused)
}

fn refuse_http(request: &Parts, refusal: &Refusal) -> Response {
    if request.uri.path().starts_with("/v1/") {
        return refuse_otlp(request, refusal);
    }
    let detail = refusal.to_string();
    let problem = match refusal {
        Refusal::NotFound => Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is nothing here",
            format!("{} {} is no call of this server: GET /api/v1/openapi.json lists them", request.method, request.uri.path()),
        ),
        Refusal::Method(_) => Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "The method does not fit", detail),
        Refusal::NoToken | Refusal::BadToken | Refusal::Expired => {
            Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "A valid token is needed", detail)
        }
        Refusal::Lacks(_) | Refusal::OtherWorkspace | Refusal::ForeignHost(_) | Refusal::CrossSite => {
            Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
        }
    };
    let mut response = problem.into_response();
    if let Refusal::Method(allowed) = refusal
        && let Ok(allowed) = HeaderValue::from_str(&allowed.join(", "))
    {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
