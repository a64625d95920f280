//! The workspaces that somebody belongs to.

use super::problem::{AnyProblem, Problem};
use super::reading::{Page, Params};
use crate::{Access, Caller};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use model::Workspace;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Access>> {
    OpenApiRouter::new().routes(routes!(workspaces))
}

/// A workspace, by who belongs to it.
#[derive(Debug, Default, Serialize, ToSchema)]
struct WorkspaceMembers {
    name: String,
    users: u64,
    /// Tokens that are not revoked.
    tokens: u64,
}

/// The workspaces to which users or tokens belong, by name: one's own, and for who administers the node all.
#[utoipa::path(get, path = "/api/v1/workspaces", operation_id = "workspaces", tag = "people",
    responses((status = 200, description = "Workspaces.", body = Page<WorkspaceMembers>), (status = "default", response = AnyProblem)))]
async fn workspaces(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<Page<WorkspaceMembers>>, Problem> {
    Params::read(&uri, &[])?;
    let shown = |workspace: &Workspace| caller.administers_the_node() || caller.workspace == *workspace;
    let mut found: BTreeMap<Workspace, WorkspaceMembers> = BTreeMap::new();
    found.insert(caller.workspace.clone(), WorkspaceMembers::default());
    for user in access.users().await?.into_iter().filter(|user| shown(&user.workspace)) {
        found.entry(user.workspace).or_default().users += 1;
    }
    let tokens = access.list().await?.into_iter();
    for token in tokens.filter(|token| token.revoked.is_none() && shown(&token.workspace)) {
        found.entry(token.workspace).or_default().tokens += 1;
    }
    let named = |(name, members): (Workspace, WorkspaceMembers)| WorkspaceMembers { name: name.to_string(), ..members };
    Ok(Json(Page::whole(found.into_iter().map(named).collect())))
}
