//! Tokens, for those who administer them.

use super::problem::{AnyProblem, Problem};
use super::reading::{Asked, Named, Page, Params, duration, instant, workspace};
use crate::audit::{Noted, time_text};
use crate::{Access, Caller, Grant, Issue, Role, Who};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{StatusCode, Uri};
use metastore::TokenRow;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT_DEFAULT: u32 = 1_000;
const LIMIT_MAX: u32 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Access>> {
    OpenApiRouter::new().routes(routes!(tokens, create_token)).routes(routes!(revoke_token))
}

/// How a token stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TokenState {
    Valid,
    Expired,
    Revoked,
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct AccessToken {
    /// The 8 characters after `sg_`.
    id: String,
    name: String,
    scopes: Vec<String>,
    workspace: String,
    /// RFC 3339, like the other times.
    created: String,
    expires: Option<String>,
    last_used: Option<String>,
    revoked: Option<String>,
    state: TokenState,
}

impl AccessToken {
    fn of(row: TokenRow, now: UnixNanos) -> Self {
        Self {
            state: match () {
                () if row.revoked.is_some() => TokenState::Revoked,
                () if row.expires.is_some_and(|at| at <= now) => TokenState::Expired,
                () => TokenState::Valid,
            },
            id: row.prefix,
            name: row.name,
            scopes: row.scopes,
            workspace: row.workspace.to_string(),
            created: time_text(row.created),
            expires: row.expires.map(time_text),
            last_used: row.last_used.map(time_text),
            revoked: row.revoked.map(time_text),
        }
    }
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// What people call it; unique among the tokens of its workspace that are not revoked.
    name: String,
    /// ingest (all telemetry), ingest:traces, ingest:metrics, ingest:logs, ingest:alerts, viewer, support, operator, admin.
    scopes: Vec<String>,
    /// One's own without it.
    workspace: Option<String>,
    /// When it ends: 90d, 12h, or RFC 3339; never without it.
    expires: Option<String>,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
struct CreatedToken {
    token: AccessToken,
    /// The whole token, shown this once.
    secret: String,
}

/// The tokens that one administers, newest first.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "tokens", tag = "people",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 10000; 1000 without it."),
        ("cursor" = Option<String>, Query, description = "What an earlier answer gave as next_cursor."),
    ),
    responses((status = 200, description = "Tokens.", body = Page<AccessToken>), (status = "default", response = AnyProblem)))]
async fn tokens(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<Page<AccessToken>>, Problem> {
    let params = Params::read(&uri, &["limit", "cursor"])?;
    let limit = params.limit(LIMIT_DEFAULT, LIMIT_MAX)? as usize;
    let before = params.cursor()?;
    let mut rows = access.list().await?;
    rows.retain(|row| caller.administers(&row.workspace) && before.is_none_or(|before| row.id.0 < before));
    let more = rows.len() > limit;
    let now = access.clock().now();
    let mut page = Page::whole(vec![]);
    for row in rows.into_iter().rev().take(limit) {
        page.next_cursor = more.then(|| row.id.0.to_string());
        page.items.push(AccessToken::of(row, now));
    }
    Ok(Json(page))
}

/// Makes a token and shows its secret, this once.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "create_token", tag = "people", request_body = NewToken,
    responses((status = 201, description = "The token, with its secret.", body = CreatedToken),
        (status = "default", response = AnyProblem)))]
async fn create_token(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<NewToken>,
) -> Result<Response, Problem> {
    let workspace = workspace(&caller, asked.workspace.as_deref())?;
    let grants = asked.scopes.iter().map(|scope| Grant::parse(scope)).collect::<Result<Vec<_>, _>>()?.concat();
    if caller.who == Who::Open && !grants.contains(&Grant::Role(Role::Admin)) {
        return Err(Problem::conflict(
            "the first token closes the door to everybody without one: make a user with role admin first, or give \
             this token the scope admin",
        ));
    }
    let now = access.clock().now();
    let expires = asked.expires.as_deref().map(|text| ends(text, now)).transpose()?;
    let (row, text) = access.create(Issue { name: asked.name, grants, workspace, expires }).await?;
    let detail =
        format!("token {:?} ({}), {}, workspace {}", row.name, row.prefix, row.scopes.join(" "), row.workspace);
    let noted = Noted { caller: None, detail: Some(detail) };
    let created = CreatedToken { token: AccessToken::of(row, now), secret: text.reveal() };
    Ok((StatusCode::CREATED, Extension(noted), Json(created)).into_response())
}

fn ends(text: &str, now: UnixNanos) -> Result<UnixNanos, Problem> {
    let after = duration(text).map(|lasts| now.saturating_add(lasts));
    let at = || if text.contains('T') { instant(text, now) } else { None };
    after.or_else(at).ok_or_else(|| Problem::invalid(format!("expires is {text:?}: write it as 90d, 12h, or RFC 3339")))
}

/// Revokes a token, from the next request on.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", operation_id = "revoke_token", tag = "people",
    params(("id" = String, Path, description = "The 8 characters after sg_.")),
    responses((status = 204, description = "Revoked."), (status = "default", response = AnyProblem)))]
async fn revoke_token(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    Named(id): Named,
) -> Result<Response, Problem> {
    let rows = access.list().await?;
    let row =
        rows.into_iter().find(|row| row.prefix == id && row.revoked.is_none() && caller.administers(&row.workspace));
    let Some(row) = row else { return Err(Problem::missing(format!("there is no valid token {id:?}"))) };
    access.revoke_token(row.id).await?;
    let noted = Noted { caller: None, detail: Some(format!("token {:?}, workspace {}", row.name, row.workspace)) };
    Ok((StatusCode::NO_CONTENT, Extension(noted)).into_response())
}
