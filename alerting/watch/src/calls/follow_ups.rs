//! What is left to do after an incident: `/api/v1/follow-ups`, and `follow-ups` under an incident.
//!
//! Invariant: a follow-up outlives its incident's place in memory; it can be closed years later.

use super::incident_shape::{at, opt_at};
use super::incidents::read_id;
use super::{actor, conflict, not_found, read_body};
use crate::desk::Desk;
use crate::office::Office;
use crate::{Watch, docs};
use api::handler::{AnyProblem, Page, Params, parse_instant, read_cursor, read_limit, write_cursor};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::{StatusCode, Uri};
use incident::{Amend, FollowUp, FollowUpError, IncidentId};
use model::UnixNanos;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(add)).routes(routes!(amend))
}

/// Something that is left to do, by whom and by when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct FollowUpShown {
    incident: String,
    /// From 1, within the incident.
    number: u32,
    text: String,
    owner: Option<String>,
    due: Option<String>,
    /// The address of the ticket it is tracked by.
    ticket: Option<String>,
    /// open, overdue or done.
    state: &'static str,
    created_at: String,
    created_by: String,
    done_at: Option<String>,
    done_by: Option<String>,
}

impl FollowUpShown {
    pub(super) fn of(id: IncidentId, follow_up: &FollowUp, now: UnixNanos) -> Self {
        Self {
            incident: id.to_string(),
            number: follow_up.number,
            text: follow_up.text.clone(),
            owner: follow_up.owner.clone(),
            due: opt_at(follow_up.due),
            ticket: follow_up.ticket.clone(),
            state: state(follow_up, now),
            created_at: at(follow_up.created_at),
            created_by: follow_up.created_by.clone(),
            done_at: opt_at(follow_up.done_at),
            done_by: follow_up.done_by.clone(),
        }
    }
}

fn state(follow_up: &FollowUp, now: UnixNanos) -> &'static str {
    match (follow_up.is_open(), follow_up.is_overdue(now)) {
        (false, _) => "done",
        (true, true) => "overdue",
        (true, false) => "open",
    }
}

/// A follow-up as it is to be; what is not named stays as it is, and null takes it away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct FollowUpBody {
    /// What is to be done. A new one needs it.
    text: Option<String>,
    #[serde(deserialize_with = "named")]
    #[schema(value_type = Option<String>)]
    owner: Option<Option<String>>,
    /// RFC 3339, Unix nanoseconds or now+7d.
    #[serde(deserialize_with = "named")]
    #[schema(value_type = Option<String>)]
    due: Option<Option<String>>,
    /// The address of a ticket, http or https.
    #[serde(deserialize_with = "named")]
    #[schema(value_type = Option<String>)]
    ticket: Option<Option<String>>,
    done: Option<bool>,
}

/// Tells a field that is null from one that is not there.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl FollowUpBody {
    fn read(body: &[u8], now: UnixNanos) -> Result<Amend, Problem> {
        let body: Self = read_body(body, "{\"text\": \"add an index\", \"owner\": \"ann\", \"due\": \"now+7d\"}")?;
        let due = body.due.map(|due| due.map(|text| parse_instant("due", &text, now)).transpose()).transpose()?;
        Ok(Amend { text: body.text, owner: body.owner, due, ticket: body.ticket, done: body.done })
    }
}

const STATES: [&str; 3] = ["open", "overdue", "done"];

/// What is left to do after incidents, the newest incident's first. An overdue one is open as well.
#[utoipa::path(get, path = "/api/v1/follow-ups", operation_id = "follow_ups", tag = "alerting", params(
        ("state" = Option<String>, Query, description = "open, overdue or done; all without it."),
        ("owner" = Option<String>, Query, description = "Those of this owner."),
        ("limit" = Option<usize>, Query, description = "1 to 1000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before."),
    ),
    responses((status = 200, description = "Follow-ups.", body = Page<FollowUpShown>), (status = "default", response = AnyProblem)))]
async fn list(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<FollowUpShown>>, Problem> {
    let params = Params::read(&uri, &["state", "owner", "limit", "cursor"])?;
    let limit = read_limit(&params, 100, 1_000)?;
    let wanted = params.get("state");
    if let Some(word) = wanted.filter(|word| !STATES.contains(word)) {
        return Err(Problem::invalid(format!("state is {word:?}: {}", STATES.join(", "))));
    }
    let owner = params.get("owner");
    let question = format!("follow-ups {wanted:?} {owner:?}");
    let after: Option<(String, u32)> = read_cursor(&params, &question)?;
    let desk = watch.of(&asker).await?;
    let (office, now) = (desk.office.read().await, desk.now());
    let is_wanted = |follow_up: &FollowUp| match wanted {
        Some("open") => follow_up.is_open(),
        Some("overdue") => follow_up.is_overdue(now),
        Some(_) => !follow_up.is_open(),
        None => true,
    };
    let seen = |id: IncidentId, number: u32| {
        let last = after.as_ref().and_then(|(text, number)| Some((IncidentId::read(text)?, *number)));
        last.is_some_and(|(last, of_it)| id > last || id == last && number <= of_it)
    };
    let mut found = office
        .follow_ups
        .iter()
        .filter(|(id, follow_up)| !seen(*id, follow_up.number) && is_wanted(follow_up))
        .filter(|(_, follow_up)| owner.is_none_or(|owner| follow_up.owner.as_deref() == Some(owner)));
    let items: Vec<FollowUpShown> =
        found.by_ref().take(limit).map(|(id, follow_up)| FollowUpShown::of(id, follow_up, now)).collect();
    let last = items.last().map(|last| (last.incident.clone(), last.number)).filter(|_| found.next().is_some());
    let mut page = Page::whole(items);
    page.next_cursor = last.map(|place| write_cursor(&question, place)).transpose()?;
    Ok(Json(page))
}

/// Notes something that is left to do.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/follow-ups", operation_id = "add_follow_up", tag = "alerting",
    params(("id" = String, Path, description = "I-YYYYMMDD-NNNN")), request_body = FollowUpBody,
    responses((status = 201, description = "It is kept.", body = FollowUpShown), (status = "default", response = AnyProblem)))]
async fn add(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<(StatusCode, Json<FollowUpShown>), Problem> {
    Params::read(&uri, &[])?;
    let id = read_id(&id)?;
    let desk = watch.of(&asker).await?;
    let now = desk.now();
    let new = FollowUpBody::read(&body, now)?;
    let mut office = desk.office.write().await;
    let incident = office.incident(id).ok_or_else(|| not_found(format!("there is no incident {id}")))?;
    if let Some(into) = incident.merged_into {
        return Err(conflict(format!("incident {id} is part of {into} now: note it there")));
    }
    let kept = office.follow_ups.add(id, new, actor(&asker), now).map_err(refused)?;
    let shown = FollowUpShown::of(id, kept, now);
    desk.keep_follow_ups(&mut office, id).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Changes a follow-up, closes it (`done`: true) or opens it again.
#[utoipa::path(put, path = "/api/v1/incidents/{id}/follow-ups/{number}", operation_id = "amend_follow_up", tag = "alerting",
    params(("id" = String, Path, description = "I-YYYYMMDD-NNNN"), ("number" = u32, Path, description = "Of the follow-up.")),
    request_body = FollowUpBody,
    responses((status = 200, description = "As it is now.", body = FollowUpShown), (status = "default", response = AnyProblem)))]
async fn amend(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path((id, number)): Path<(String, String)>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<FollowUpShown>, Problem> {
    Params::read(&uri, &[])?;
    let id = read_id(&id)?;
    let number: u32 = number
        .parse()
        .map_err(|_| not_found(format!("{number:?} is no follow-up: they are numbered from 1 within an incident")))?;
    let desk = watch.of(&asker).await?;
    let now = desk.now();
    let wish = FollowUpBody::read(&body, now)?;
    let mut office = desk.office.write().await;
    let kept = office.follow_ups.amend(id, number, wish, actor(&asker), now).map_err(refused)?;
    let shown = FollowUpShown::of(id, kept, now);
    desk.keep_follow_ups(&mut office, id).await?;
    Ok(Json(shown))
}

fn refused(error: FollowUpError) -> Problem {
    match error {
        FollowUpError::Unknown(..) => not_found(error.to_string()),
        FollowUpError::TooMany(_) | FollowUpError::Full => conflict(error.to_string()),
        FollowUpError::Text | FollowUpError::Owner | FollowUpError::Ticket(_) => Problem::invalid(error.to_string()),
    }
}

impl Desk {
    /// Stores an incident's follow-ups; they are on the disk when this returns.
    async fn keep_follow_ups(&self, office: &mut Office, id: IncidentId) -> Result<(), Problem> {
        let change = docs::change(docs::FOLLOW_UPS, id.to_string(), Some(&office.follow_ups.of(id)));
        office.add([change]);
        self.store(office).await
    }
}
