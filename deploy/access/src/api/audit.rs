//! The audit log, and whether it is as it was written.

use super::problem::{AnyProblem, Problem};
use super::reading::{Page, Params, workspace};
use crate::audit::time_text;
use crate::{Access, Caller};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use metastore::{AuditFilter, AuditRow};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Access>> {
    OpenApiRouter::new().routes(routes!(audit)).routes(routes!(verify_audit))
}

/// Something that was changed, or that somebody known was refused to change.
#[derive(Debug, Serialize, ToSchema)]
struct AuditLine {
    seq: i64,
    /// RFC 3339.
    time: String,
    /// Name of the user or token; null where nobody had to say.
    actor: Option<String>,
    /// user, token, open (nothing was closed), command_line, nobody (signing in).
    actor_kind: String,
    role: Option<String>,
    workspace: String,
    ip: Option<String>,
    method: String,
    /// The call, with names in place of values.
    route: String,
    path: String,
    /// HTTP status of the answer.
    status: u16,
    detail: Option<String>,
    /// SHA-256 over this row and the hash before it, in hex.
    hash: String,
}

impl From<AuditRow> for AuditLine {
    fn from(row: AuditRow) -> Self {
        let entry = row.entry;
        Self {
            seq: row.seq,
            time: time_text(entry.time),
            actor: entry.actor,
            actor_kind: entry.actor_kind,
            role: entry.role,
            workspace: entry.workspace.to_string(),
            ip: entry.ip,
            method: entry.method,
            route: entry.route,
            path: entry.path,
            status: entry.status,
            detail: entry.detail,
            hash: hex::encode(row.seal),
        }
    }
}

/// What following the whole chain of the log found.
#[derive(Debug, Serialize, ToSchema)]
struct AuditCheck {
    /// Whether every row is as it was written, and none is missing.
    intact: bool,
    rows: u64,
    /// Rows before this one left because of their age or number.
    first_seq: i64,
    head_seq: i64,
    /// Keep it elsewhere: whoever can write the file could make the whole chain anew.
    head_hash: String,
    /// The first row that is not as it was written; null when all are.
    broken_seq: Option<i64>,
    reason: Option<String>,
}

/// What was changed, newest first: of one's workspace, and by who administers the node of all.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "audit", tag = "people",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; the beginning without it."),
        ("to" = Option<String>, Query, description = "Likewise, exclusive; the end without it."),
        ("actor" = Option<String>, Query, description = "Name of a user or token."),
        ("route" = Option<String>, Query, description = "A call as in the answers: /api/v1/users/{name}."),
        ("workspace" = Option<String>, Query, description = "Of this one only."),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "What an earlier answer gave as next_cursor."),
    ),
    responses((status = 200, description = "Changes.", body = Page<AuditLine>), (status = "default", response = AnyProblem)))]
async fn audit(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<Page<AuditLine>>, Problem> {
    let params = Params::read(&uri, &["from", "to", "actor", "route", "workspace", "limit", "cursor"])?;
    let (limit, now) = (params.limit(LIMIT_DEFAULT, LIMIT_MAX)?, access.clock().now());
    let everywhere = params.get("workspace").is_none() && caller.administers_the_node();
    let filter = AuditFilter {
        from: params.instant("from", now)?,
        until: params.instant("to", now)?,
        actor: params.get("actor").map(str::to_owned),
        route: params.get("route").map(str::to_owned),
        workspace: if everywhere { None } else { Some(workspace(&caller, params.get("workspace"))?) },
        before_seq: params.cursor()?,
    };
    let mut rows = access.audited(&filter, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.seq.to_string());
    let items = rows.into_iter().map(AuditLine::from).collect();
    Ok(Json(Page { next_cursor, ..Page::whole(items) }))
}

/// Follows the whole chain of the log and says whether every row is as it was written.
#[utoipa::path(get, path = "/api/v1/audit/verify", operation_id = "verify_audit", tag = "people",
    responses((status = 200, description = "What was found.", body = AuditCheck), (status = "default", response = AnyProblem)))]
async fn verify_audit(
    State(access): State<Arc<Access>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<AuditCheck>, Problem> {
    Params::read(&uri, &[])?;
    if !caller.administers_the_node() {
        return Err(Problem::forbidden(
            "the log of all workspaces is checked by an administrator of workspace default",
        ));
    }
    let checked = access.verify_audit().await?;
    let (broken_seq, reason) = checked.fault.unzip();
    Ok(Json(AuditCheck {
        intact: broken_seq.is_none(),
        rows: checked.rows,
        first_seq: checked.first_seq,
        head_seq: checked.head_seq,
        head_hash: hex::encode(checked.head_seal),
        broken_seq,
        reason,
    }))
}
