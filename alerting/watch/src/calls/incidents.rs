//! `GET /api/v1/incidents` and `GET /api/v1/incidents/{id}`.

use super::follow_ups::FollowUpShown;
use super::incident_shape::{AlertShown, CauseShown, ChangeShown, EntryShown, FeedbackShown, IncidentSummary, Said};
use super::not_found;
use super::notifications::MessageShown;
use crate::Watch;
use crate::desk::Desk;
use crate::docs;
use crate::impact::{Impact, impact};
use crate::message::advice;
use api::handler::{AnyProblem, Page, Params, parse_instant, read_cursor, read_limit, timestamp_text, write_cursor};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::Uri;
use incident::{Archived, Incident, IncidentId, Severity};
use model::TimeRange;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).routes(routes!(hurt))
}

const STATES: [&str; 4] = ["open", "acknowledged", "mitigated", "resolved"];

/// Incidents, newest first.
#[utoipa::path(get, path = "/api/v1/incidents", operation_id = "incidents", tag = "alerting", params(
        ("state" = Option<String>, Query, description = "open, acknowledged, mitigated, resolved, or live for all but the last."),
        ("severity" = Option<String>, Query, description = "At least this: low, medium, high, critical."),
        ("service" = Option<String>, Query, description = "That have this service in them, or as their cause."),
        ("from" = Option<String>, Query, description = "Opened at or after: RFC 3339, Unix nanoseconds or now-15m."),
        ("to" = Option<String>, Query, description = "Opened before."),
        ("limit" = Option<usize>, Query, description = "1 to 1000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before."),
    ),
    responses((status = 200, description = "Incidents.", body = Page<IncidentSummary>), (status = "default", response = AnyProblem)))]
async fn list(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<IncidentSummary>>, Problem> {
    let params = Params::read(&uri, &["state", "severity", "service", "from", "to", "limit", "cursor"])?;
    let limit = read_limit(&params, 100, 1_000)?;
    let filter = Filter::read(&params, &watch)?;
    let question = format!("incidents {filter:?}");
    let after: Option<(i64, String)> = read_cursor(&params, &question)?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let mut found: Vec<&Incident> = office.incidents();
    found.retain(|incident| filter.fits(incident));
    if let Some((time, id)) = &after {
        found.retain(|incident| (incident.opened_at.0, incident.id.to_string()) < (*time, id.clone()));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more).map(|incident| (incident.opened_at.0, incident.id.to_string()));
    let mut page = Page::whole(found.into_iter().map(IncidentSummary::from).collect());
    page.next_cursor = last.map(|place| write_cursor(&question, place)).transpose()?;
    Ok(Json(page))
}

#[derive(Debug)]
struct Filter {
    state: Option<String>,
    severity: Option<Severity>,
    service: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
}

impl Filter {
    fn read(params: &Params, watch: &Watch) -> Result<Self, Problem> {
        let state = params.get("state").map(str::to_owned);
        if let Some(state) = state.as_deref().filter(|state| *state != "live" && !STATES.contains(state)) {
            return Err(Problem::invalid(format!("state is {state:?}: {} or live", STATES.join(", "))));
        }
        let severity = params.get("severity").map(|word| {
            Severity::read(word)
                .ok_or_else(|| Problem::invalid(format!("severity is {word:?}: low, medium, high or critical")))
        });
        let now = watch.api().clock.now();
        let instant =
            |name: &str| params.get(name).map(|text| parse_instant(name, text, now).map(|at| at.0)).transpose();
        Ok(Self {
            state,
            severity: severity.transpose()?,
            service: params.get("service").map(str::to_owned),
            from: instant("from")?,
            to: instant("to")?,
        })
    }

    fn fits(&self, incident: &Incident) -> bool {
        let state = match self.state.as_deref() {
            None => true,
            Some("live") => incident.is_live(),
            Some(state) => incident.state.as_str() == state,
        };
        let of_service = |service: &String| {
            incident.services.contains(service) || incident.cause().is_some_and(|cause| cause.entity.name == *service)
        };
        state
            && incident.merged_into.is_none()
            && self.severity.is_none_or(|least| incident.severity >= least)
            && self.service.as_ref().is_none_or(of_service)
            && self.from.is_none_or(|from| incident.opened_at.0 >= from)
            && self.to.is_none_or(|to| incident.opened_at.0 < to)
    }
}

/// Everything of one incident.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentDetail {
    #[serde(flatten)]
    summary: IncidentSummary,
    /// Best first.
    causes: Vec<CauseShown>,
    /// Why no cause is named.
    undetermined_reason: Option<Said>,
    /// Telemetry that would have helped.
    missing: Vec<Said>,
    /// Alerts in the order they joined, each with its reason.
    alerts: Vec<AlertShown>,
    /// False where alerts are more than are shown.
    alerts_complete: bool,
    impact: Option<Impact>,
    /// Suspects first.
    changes: Vec<ChangeShown>,
    advice: Vec<AdviceShown>,
    timeline: Vec<EntryShown>,
    /// Past incidents like this one.
    similar: Vec<SimilarShown>,
    notifications: Vec<MessageShown>,
    feedback: Vec<FeedbackShown>,
    /// What is left to do, oldest first.
    follow_ups: Vec<FollowUpShown>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AdviceShown {
    /// rollback or runbook.
    kind: &'static str,
    text: Said,
    url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SimilarShown {
    id: String,
    title: Said,
    /// 0 to 1.
    score: f64,
    /// What people said helped.
    helped: Option<String>,
}

/// Most alerts of one answer.
const ALERTS_MAX: usize = 10_000;
/// Past incidents that are named.
const SIMILAR_MAX: usize = 5;

/// One incident: cause, evidence, alerts with reasons, impact, changes, advice, timeline, clocks.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", operation_id = "incident", tag = "alerting",
    params(("id" = String, Path, description = "I-YYYYMMDD-NNNN")),
    responses((status = 200, description = "The incident.", body = IncidentDetail), (status = "default", response = AnyProblem)))]
async fn one(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<IncidentDetail>, Problem> {
    Params::read(&uri, &[])?;
    let id = read_id(&id)?;
    let desk = watch.of(&asker).await?;
    let services = watch.api().catalog.entries(&asker).await?;
    let archived = archived(&desk, id).await?;
    let impact = desk.impact_of(id).await;
    let office = desk.office.read().await;
    let incident = office.incident(id).or(archived.as_ref().map(|archived| &archived.incident));
    let incident = incident.ok_or_else(|| not_found(format!("there is no incident {id}")))?;
    let verdict = incident.verdict.as_ref();
    let members: Vec<AlertShown> = match (&archived, office.book.incident(id)) {
        (Some(archived), None) => archived.alerts.iter().take(ALERTS_MAX).map(Into::into).collect(),
        _ => office.book.members(id).take(ALERTS_MAX).map(Into::into).collect(),
    };
    let similar = office.book.similar(id, SIMILAR_MAX).into_iter().map(|similar| SimilarShown {
        id: similar.id.to_string(),
        title: (&similar.title).into(),
        score: similar.score,
        helped: similar.helped.clone(),
    });
    Ok(Json(IncidentDetail {
        summary: incident.into(),
        causes: verdict.map(|verdict| CauseShown::ranked(&verdict.causes)).unwrap_or_default(),
        undetermined_reason: verdict.and_then(|verdict| verdict.undetermined.as_ref()).map(Into::into),
        missing: verdict.map(|verdict| verdict.missing.iter().map(Into::into).collect()).unwrap_or_default(),
        alerts_complete: members.len() as u64 >= incident.alerts,
        alerts: members,
        impact,
        changes: verdict.map(|verdict| verdict.changes.iter().map(Into::into).collect()).unwrap_or_default(),
        advice: advice(incident, &services).iter().map(AdviceShown::of).collect(),
        timeline: EntryShown::of(incident),
        similar: similar.collect(),
        notifications: office
            .ledger()
            .rev()
            .filter(|row| row.incident_id.as_deref() == Some(&id.to_string()))
            .map(Into::into)
            .collect(),
        feedback: FeedbackShown::of(incident),
        follow_ups: office
            .follow_ups
            .of(id)
            .iter()
            .map(|follow_up| FollowUpShown::of(id, follow_up, desk.now()))
            .collect(),
    }))
}

impl AdviceShown {
    fn of(advice: &notify::Advice) -> Self {
        let kind = if advice.url.is_some() { "runbook" } else { "rollback" };
        Self { kind, text: (&advice.text).into(), url: advice.url.clone() }
    }
}

pub(super) fn read_id(text: &str) -> Result<IncidentId, Problem> {
    IncidentId::read(text)
        .ok_or_else(|| not_found(format!("{text:?} is no incident: they are named like I-20261120-0001")))
}

/// An incident that has left memory.
async fn archived(desk: &Desk, id: IncidentId) -> Result<Option<Archived>, Problem> {
    if desk.office.read().await.book.incident(id).is_some() {
        return Ok(None);
    }
    let documents = desk.metastore.documents(docs::ARCHIVE, 1);
    let found = documents.get(desk.workspace(), &id.to_string()).await;
    let found = found.map_err(|error| Problem::unavailable(error.to_string()))?;
    found
        .map(|document| serde_json::from_str(&document.json).map_err(|error| Problem::internal(error.to_string())))
        .transpose()
}

/// Somebody who was hurt in the incident's time, for export, with tenant and user.
#[derive(Debug, Serialize, ToSchema)]
struct HurtItem {
    time: String,
    /// business: an operation that failed; request: one that failed where no business operation tells of it.
    kind: String,
    operation: String,
    operation_id: Option<String>,
    outcome: String,
    actor: Option<String>,
    tenant: Option<String>,
    store: Option<String>,
    request_id: Option<String>,
    trace_id: Option<String>,
    service: String,
}

/// Whom an incident hurt: business operations that failed in its time, and failed requests of which none tells;
/// newest last.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/impact", operation_id = "incident_impact", tag = "alerting",
    params(("id" = String, Path, description = "I-YYYYMMDD-NNNN"),
        ("limit" = Option<usize>, Query, description = "1 to 100000; 1000 without it.")),
    responses((status = 200, description = "Business operations and requests.", body = Page<HurtItem>), (status = "default", response = AnyProblem)))]
async fn hurt(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Page<HurtItem>>, Problem> {
    let params = Params::read(&uri, &["limit"])?;
    let limit = read_limit(&params, 1_000, 100_000)?;
    let id = read_id(&id)?;
    let desk = watch.of(&asker).await?;
    let range = desk.range_of(id).await.ok_or_else(|| not_found(format!("there is no incident {id}")))?;
    let sql = crate::impact::hurt_operations(range, limit + 1);
    let rows = watch.api().ask(&asker, sql).await?;
    let mut items = Vec::new();
    for row in rows.iter().take(limit) {
        items.push(HurtItem {
            time: timestamp_text(row.time("time")?.0),
            kind: row.text("kind")?.to_owned(),
            operation: row.text("operation")?.to_owned(),
            operation_id: row.opt_string("operation_id")?,
            outcome: row.text("outcome")?.to_owned(),
            actor: row.opt_string("actor")?,
            tenant: row.opt_string("tenant")?,
            store: row.opt_string("store")?,
            request_id: row.opt_string("request_id")?,
            trace_id: row.opt_string("trace_id")?,
            service: row.text("service")?.to_owned(),
        });
    }
    let all = rows.len() <= limit;
    let page = Page::whole(items).said(rows.complete, rows.incomplete_reason.clone());
    Ok(Json(page.said(all, Some(format!("more than {limit}: ask with a larger limit")))))
}

impl Desk {
    /// The incident's own time.
    pub(crate) async fn range_of(&self, id: IncidentId) -> Option<TimeRange> {
        let office = self.office.read().await;
        let incident = office.incident(id)?;
        let until = incident.clocks.mitigated_at.or(incident.resolved_at).unwrap_or(incident.last_at.max(self.now()));
        Some(TimeRange { from: incident.first_at, until: until.max(incident.last_at) })
    }

    /// Whom it has hurt: as counted when it was judged, else counted now.
    pub(super) async fn impact_of(&self, id: IncidentId) -> Option<Impact> {
        if let Some(known) = self.impacts.read().await.get(&id) {
            return Some(known.clone());
        }
        let range = self.range_of(id).await?;
        let services = self.office.read().await.incident(id)?.services.clone();
        impact(&self.ask, range, &services).await.ok()
    }
}
