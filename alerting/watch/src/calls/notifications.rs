//! `GET /api/v1/notifications`: who was told what and when, and what became of it.

use super::incident_shape::{at, opt_at, word};
use crate::Watch;
use api::handler::{AnyProblem, Page, Params, read_cursor, read_limit, write_cursor};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::Uri;
use notify::{EntryId, LedgerRow};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(retry))
}

/// One message to one receiver, as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct MessageShown {
    id: String,
    /// When it came to stand so.
    time: String,
    incident_id: Option<String>,
    receiver: String,
    channel: String,
    /// opened, cause_changed, severity_raised, scope_doubled, resolved, reopened, repeat, escalated, digest.
    occasion: String,
    /// waiting, held, retrying, delivered, in_digest, merged, dropped, in_doubt, dead, refused, nobody.
    state: String,
    attempts: u32,
    planned_at: String,
    sent_at: Option<String>,
    error: Option<String>,
    /// The message that told it together with others.
    digest: Option<String>,
    /// The receiver in whose place this one was told.
    stands_for: Option<String>,
}

impl From<&LedgerRow> for MessageShown {
    fn from(row: &LedgerRow) -> Self {
        Self {
            id: row.id.to_string(),
            time: at(row.time),
            incident_id: row.incident_id.clone(),
            receiver: row.receiver.clone(),
            channel: row.channel.clone(),
            occasion: row.occasion.as_str().into(),
            state: row.state.as_str().into(),
            attempts: row.attempts,
            planned_at: at(row.planned_at),
            sent_at: opt_at(row.sent_at),
            error: row.error.clone(),
            digest: row.digest.as_ref().map(ToString::to_string),
            stands_for: row.stands_for.clone(),
        }
    }
}

/// The delivery ledger, newest first.
#[utoipa::path(get, path = "/api/v1/notifications", operation_id = "notifications", tag = "alerting", params(
        ("incident" = Option<String>, Query, description = "Of this incident."),
        ("receiver" = Option<String>, Query, description = "To this receiver."),
        ("state" = Option<String>, Query, description = "delivered, dead ..."),
        ("limit" = Option<usize>, Query, description = "1 to 1000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before."),
    ),
    responses((status = 200, description = "Messages.", body = Page<MessageShown>), (status = "default", response = AnyProblem)))]
async fn list(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<MessageShown>>, Problem> {
    let params = Params::read(&uri, &["incident", "receiver", "state", "limit", "cursor"])?;
    let limit = read_limit(&params, 100, 1_000)?;
    let wanted = ["incident", "receiver", "state"].map(|name| params.get(name).map(str::to_owned));
    let question = format!("notifications {wanted:?}");
    let after: Option<(i64, String)> = read_cursor(&params, &question)?;
    let [incident, receiver, state] = wanted;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let fits = |row: &&LedgerRow| {
        incident.as_ref().is_none_or(|id| row.incident_id.as_ref() == Some(id))
            && receiver.as_ref().is_none_or(|name| row.receiver == *name)
            && state.as_ref().is_none_or(|state| word(&row.state) == *state)
    };
    let mut found: Vec<&LedgerRow> = office.ledger().filter(fits).collect();
    found.sort_by_key(|row| std::cmp::Reverse((row.planned_at, row.id.to_string())));
    if let Some(place) = &after {
        found.retain(|row| (row.planned_at.0, row.id.to_string()) < *place);
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more).map(|row| (row.planned_at.0, row.id.to_string()));
    let mut page = Page::whole(found.into_iter().map(Into::into).collect());
    page.next_cursor = last.map(|place| write_cursor(&question, place)).transpose()?;
    Ok(Json(page))
}

#[derive(Debug, Serialize, ToSchema)]
struct Retried {
    id: String,
}

/// Tries a message again that nobody could be told.
#[utoipa::path(post, path = "/api/v1/notifications/{id}/retry", operation_id = "retry_notification", tag = "alerting",
    params(("id" = String, Path, description = "Of the list.")),
    responses((status = 200, description = "It is tried again.", body = Retried), (status = "default", response = AnyProblem)))]
async fn retry(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Retried>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let mut office = desk.office.write().await;
    if !office.outbox.revive(&EntryId(id.clone()), desk.now()) {
        return Err(super::not_found(format!("there is no dead message {id:?}")));
    }
    desk.store(&mut office).await?;
    Ok(Json(Retried { id }))
}
