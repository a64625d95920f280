//! The calls of this crate over HTTP: signing in, users, tokens, the audit log.
//!
//! They stand behind the gate, which has put the [`crate::Caller`] and the [`crate::Client`] into the
//! request; what a role is not enough for (one's own password, another's workspace) is decided here.

mod audit;
mod problem;
mod reading;
mod session;
mod tokens;
mod users;
mod workspaces;

use crate::Access;
use axum::extract::DefaultBodyLimit;
use std::sync::Arc;
use utoipa::openapi::path::PathItem;
use utoipa_axum::router::OpenApiRouter;

/// Largest body: names and passwords.
const BODY_BYTES_MAX: usize = 16 << 10;

/// All calls, ready to be merged.
pub fn routes(access: Arc<Access>) -> OpenApiRouter {
    calls().layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(access)
}

fn calls() -> OpenApiRouter<Arc<Access>> {
    OpenApiRouter::new()
        .merge(session::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
        .merge(workspaces::routes())
}

/// The calls that [`routes`] mounts: method and path.
pub fn mounted() -> Vec<(String, String)> {
    let methods = |item: &PathItem| {
        let all = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
        all.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method).collect::<Vec<_>>()
    };
    let description = calls().into_openapi();
    let of = |(path, item): (&String, &PathItem)| {
        methods(item).into_iter().map(|method| (method.to_owned(), path.clone())).collect::<Vec<_>>()
    };
    description.paths.paths.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests;
