//! What people do to incidents: `POST /api/v1/incidents/{id}/...`.

use super::incident_shape::IncidentSummary;
use super::incidents::read_id;
use super::{actor, conflict, not_found, read_body};
use crate::Watch;
use api::handler::{AnyProblem, Params};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::Uri;
use incident::{Act, ActError, Fingerprint};
use model::Entity;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(act))
}

/// What the acts need; each its own part.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct ActBody {
    /// assign: who; null takes it from whoever has it.
    assignee: Option<String>,
    /// comment: what is said. resolve: what helped. feedback: why.
    text: Option<String>,
    /// split: the alerts that become an incident of their own.
    fingerprints: Vec<String>,
    /// merge: the incident that this one becomes part of.
    into: Option<String>,
    /// feedback: right or wrong.
    verdict: Option<String>,
    /// feedback: the right cause, `kind:name`, where it is known.
    entity: Option<String>,
}

/// Acknowledge, resolve, assign, comment, split, merge, or say whether the cause is right.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/{act}", operation_id = "incident_act", tag = "alerting",
    params(("id" = String, Path, description = "I-YYYYMMDD-NNNN"),
        ("act" = String, Path, description = "ack, resolve, assign, comment, split, merge or feedback.")),
    request_body = ActBody,
    responses((status = 200, description = "The incident that results: the new one of a split, the one that stays of a merge.", body = IncidentSummary),
        (status = "default", response = AnyProblem)))]
async fn act(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path((id, name)): Path<(String, String)>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<IncidentSummary>, Problem> {
    Params::read(&uri, &[])?;
    let id = read_id(&id)?;
    let act = read_act(&name, read_body(&body, "the fields of the act as a JSON object")?)?;
    let desk = watch.of(&asker).await?;
    let now = desk.event_now();
    let mut office = desk.office.write().await;
    let result = office.book.act(id, act, actor(&asker), now).map_err(refused)?;
    let events = office.book.step(now);
    desk.tell_of(&mut office, &events).await;
    desk.store(&mut office).await?;
    let shown = office.incident(result).map(IncidentSummary::from);
    drop(office);
    desk.told.notify_one();
    desk.wake.notify_one();
    shown.map(Json).ok_or_else(|| not_found(format!("there is no incident {result}")))
}

fn refused(error: ActError) -> Problem {
    match error {
        ActError::Gone(_) => not_found(error.to_string()),
        ActError::Merged(..) | ActError::Resolved(_) | ActError::TooMany => conflict(error.to_string()),
        ActError::NoneOfThem(_) | ActError::AllOfThem(_) | ActError::Itself | ActError::Text => {
            Problem::invalid(error.to_string())
        }
    }
}

fn read_act(name: &str, body: ActBody) -> Result<Act, Problem> {
    Ok(match name {
        "ack" => Act::Acknowledge,
        "resolve" => Act::Resolve { helped: body.text },
        "assign" => Act::Assign { assignee: body.assignee },
        "comment" => Act::Comment { text: body.text.unwrap_or_default() },
        "split" => Act::Split { fingerprints: fingerprints(&body.fingerprints)? },
        "merge" => {
            let into = body.into.ok_or_else(|| Problem::invalid("into is missing: name the incident that stays"))?;
            Act::Merge { into: read_id(&into)? }
        }
        "feedback" => {
            let right = match body.verdict.as_deref() {
                Some("right") => true,
                Some("wrong") => false,
                other => return Err(Problem::invalid(format!("verdict is {other:?}: right or wrong"))),
            };
            Act::Judge { right, entity: body.entity.as_deref().map(Entity::read), text: body.text }
        }
        other => {
            let right = "ack, resolve, assign, comment, split, merge or feedback";
            return Err(not_found(format!("{other:?} cannot be done to an incident: {right}")));
        }
    })
}

fn fingerprints(texts: &[String]) -> Result<Vec<Fingerprint>, Problem> {
    if texts.is_empty() {
        return Err(Problem::invalid("fingerprints is empty: name the alerts that become an incident of their own"));
    }
    let read = |text: &String| {
        Fingerprint::read(text).ok_or_else(|| Problem::invalid(format!("{text:?} is no fingerprint of an alert")))
    };
    texts.iter().map(read).collect()
}
