//! Alertmanager's v2 API: Prometheus sends to it, `amtool` lists and silences.

use super::alert_forms::{SILENT_AFTER, native};
use super::incident_shape::at;
use super::silences::{new_id, state_of};
use super::{not_found, read_body};
use crate::Watch;
use crate::office::Office;
use api::handler::{AnyProblem, Params};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::Uri;
use incident::{Episode, Matchers, Told};
use model::UnixNanos;
use notify::{Silence, SilenceKind};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn intake_routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(alerts, post_alerts))
}

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new()
        .routes(routes!(groups))
        .routes(routes!(silences, post_silence))
        .routes(routes!(silence, delete_silence))
        .routes(routes!(status))
        .routes(routes!(receivers))
}

/// Takes alerts as Prometheus sends them.
#[utoipa::path(post, path = "/alertmanager/api/v2/alerts", operation_id = "alertmanager_post_alerts", tag = "alertmanager",
    request_body(content = Object),
    responses((status = 200, description = "Taken: on the disk."), (status = "default", response = AnyProblem)))]
async fn post_alerts(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<(), Problem> {
    Params::read(&uri, &[])?;
    let items: Vec<Value> = read_body(&body, "a list of {\"labels\": {..}, \"startsAt\": .., \"endsAt\": ..}")?;
    let desk = watch.of(&asker).await?;
    let now = desk.now();
    let told: Result<Vec<Told>, Problem> = items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let told = native(item, now).map_err(|what| Problem::invalid(format!("alert {at}: {what}")))?;
            Ok(Told { source: "alertmanager".into(), ..told })
        })
        .collect();
    desk.hear(told?).await
}

const FILTERS: [&str; 6] = ["active", "silenced", "inhibited", "unprocessed", "filter", "receiver"];

/// Which alerts are wanted.
struct Wanted {
    active: bool,
    silenced: bool,
    filters: Vec<Matchers>,
}

impl Wanted {
    fn read(params: &Params) -> Result<Self, Problem> {
        let flag = |name: &str| params.get(name) != Some("false");
        let filters = params.all("filter").map(|text| {
            Matchers::read(text).map_err(|error| Problem::invalid(format!("filter {text:?} cannot be read: {error}")))
        });
        Ok(Self { active: flag("active"), silenced: flag("silenced"), filters: filters.collect::<Result<_, _>>()? })
    }
}

/// One alert in its form.
fn gettable(office: &Office, episode: &Episode, wanted: &Wanted, now: UnixNanos) -> Option<Value> {
    let alert = &episode.alert;
    let label = |name: &str| alert.label(name);
    if !wanted.filters.iter().all(|filter| filter.fit(label)) {
        return None;
    }
    let held: Vec<&str> =
        office.silences.holding(&office.policy, now, label).map(|silence| silence.id.as_str()).collect();
    let shown = if held.is_empty() { wanted.active } else { wanted.silenced };
    let ends = episode.ended_at.or(episode.expires_at).unwrap_or(now.saturating_add(SILENT_AFTER));
    shown.then(|| {
        json!({
            "annotations": alert.annotations,
            "labels": alert.labels,
            "fingerprint": alert.fingerprint.to_string(),
            "startsAt": at(episode.starts_at),
            "endsAt": at(ends),
            "updatedAt": at(episode.told_at),
            "generatorURL": alert.generator_url.as_deref().unwrap_or_default(),
            "receivers": [{"name": "incidents"}],
            "status": {
                "state": if held.is_empty() { "active" } else { "suppressed" },
                "silencedBy": held,
                "inhibitedBy": [],
                "mutedBy": [],
            },
        })
    })
}

fn firing<'o>(office: &'o Office, wanted: &Wanted, now: UnixNanos) -> Vec<(&'o Episode, Value)> {
    let mut episodes: Vec<&Episode> = office.book.episodes().filter(|episode| episode.is_firing()).collect();
    episodes.sort_by_key(|episode| episode.alert.fingerprint);
    episodes.into_iter().filter_map(|episode| Some((episode, gettable(office, episode, wanted, now)?))).collect()
}

/// Alerts that fire.
#[utoipa::path(get, path = "/alertmanager/api/v2/alerts", operation_id = "alertmanager_alerts", tag = "alertmanager",
    params(("filter" = Option<String>, Query, description = "A matcher; may come several times."),
        ("active" = Option<bool>, Query, description = "With those that nothing holds back."),
        ("silenced" = Option<bool>, Query, description = "With those that are silenced.")),
    responses((status = 200, description = "Alerts in its form.", body = Vec<Object>), (status = "default", response = AnyProblem)))]
async fn alerts(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let wanted = Wanted::read(&Params::read_repeated(&uri, &FILTERS)?)?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    Ok(Json(firing(&office, &wanted, desk.now()).into_iter().map(|(_, alert)| alert).collect()))
}

/// Alerts that fire by incident: what belongs together is told together.
#[utoipa::path(get, path = "/alertmanager/api/v2/alerts/groups", operation_id = "alertmanager_groups", tag = "alertmanager",
    params(("filter" = Option<String>, Query, description = "A matcher; may come several times.")),
    responses((status = 200, description = "Groups in its form.", body = Vec<Object>), (status = "default", response = AnyProblem)))]
async fn groups(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let wanted = Wanted::read(&Params::read_repeated(&uri, &FILTERS)?)?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let mut by_incident: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (episode, alert) in firing(&office, &wanted, desk.now()) {
        by_incident.entry(episode.incident.to_string()).or_default().push(alert);
    }
    let group = |(incident, alerts)| json!({"labels": {"incident": incident}, "receiver": {"name": "incidents"}, "alerts": alerts});
    Ok(Json(by_incident.into_iter().map(group).collect()))
}

/// A silence in its form.
fn of_silence(silence: &Silence, now: UnixNanos) -> Value {
    json!({
        "id": silence.id,
        "status": {"state": state_of(silence, now)},
        "updatedAt": at(silence.updated_at),
        "matchers": silence.matchers,
        "startsAt": at(silence.starts_at),
        "endsAt": at(silence.ends_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    })
}

/// Silences in its form.
#[utoipa::path(get, path = "/alertmanager/api/v2/silences", operation_id = "alertmanager_silences", tag = "alertmanager",
    params(("filter" = Option<String>, Query, description = "A matcher that must be among those of the silence.")),
    responses((status = 200, description = "Silences.", body = Vec<Object>), (status = "default", response = AnyProblem)))]
async fn silences(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let wanted = Wanted::read(&Params::read_repeated(&uri, &["filter"])?)?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    // A silence is found by what it names, as if its own matchers were the labels.
    let named = |silence: &&Silence| {
        let labels: BTreeMap<&str, &str> =
            silence.matchers.0.iter().map(|matcher| (matcher.name(), matcher.value())).collect();
        wanted.filters.iter().all(|filter| filter.fit(|name| labels.get(name).copied()))
    };
    Ok(Json(office.silences.iter().filter(named).map(|silence| of_silence(silence, desk.now())).collect()))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(default)]
    id: Option<String>,
    matchers: Matchers,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

/// Makes or changes a silence.
#[utoipa::path(post, path = "/alertmanager/api/v2/silences", operation_id = "alertmanager_post_silence", tag = "alertmanager",
    request_body(content = Object),
    responses((status = 200, description = "Its id: {\"silenceID\": ..}.", body = Object), (status = "default", response = AnyProblem)))]
async fn post_silence(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    Params::read(&uri, &[])?;
    let posted: Posted =
        read_body(&body, "{\"matchers\": [..], \"startsAt\": .., \"endsAt\": .., \"createdBy\": .., \"comment\": ..}")?;
    let desk = watch.of(&asker).await?;
    let now = desk.now();
    let instant = |name: &str, text: &str| api::handler::parse_instant(name, text, now);
    let mut office = desk.office.write().await;
    let known = posted.id.filter(|id| !id.is_empty());
    if let Some(id) = known.as_deref().filter(|id| office.silences.get(id).is_none()) {
        return Err(not_found(format!("there is no silence {id:?}")));
    }
    let silence = Silence {
        id: known.unwrap_or_else(|| new_id(&posted.matchers, now)),
        kind: SilenceKind::Silence,
        matchers: posted.matchers,
        starts_at: instant("startsAt", &posted.starts_at)?,
        ends_at: instant("endsAt", &posted.ends_at)?,
        created_by: posted.created_by,
        comment: posted.comment,
        during: Vec::new(),
        updated_at: now,
    };
    let id = silence.id.clone();
    desk.keep_silence(&mut office, silence).await?;
    Ok(Json(json!({"silenceID": id})))
}

/// One silence in its form.
#[utoipa::path(get, path = "/alertmanager/api/v2/silence/{id}", operation_id = "alertmanager_silence", tag = "alertmanager",
    params(("id" = String, Path, description = "Of the silence.")),
    responses((status = 200, description = "The silence.", body = Object), (status = "default", response = AnyProblem)))]
async fn silence(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let silence = office.silences.get(&id).ok_or_else(|| not_found(format!("there is no silence {id:?}")))?;
    Ok(Json(of_silence(silence, desk.now())))
}

/// Ends a silence.
#[utoipa::path(delete, path = "/alertmanager/api/v2/silence/{id}", operation_id = "alertmanager_delete_silence", tag = "alertmanager",
    params(("id" = String, Path, description = "Of the silence.")),
    responses((status = 200, description = "It holds no more."), (status = "default", response = AnyProblem)))]
async fn delete_silence(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<(), Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let mut office = desk.office.write().await;
    desk.end_silence(&mut office, &id).await.map(|_| ())
}

/// How it does, in its form.
#[utoipa::path(get, path = "/alertmanager/api/v2/status", operation_id = "alertmanager_status", tag = "alertmanager",
    responses((status = 200, description = "The state.", body = Object), (status = "default", response = AnyProblem)))]
async fn status(State(watch): State<Watch>, uri: Uri) -> Result<Json<Value>, Problem> {
    Params::read(&uri, &[])?;
    let version = watch.api().health.version;
    Ok(Json(json!({
        "cluster": {"name": "stormglass", "status": "disabled", "peers": []},
        "versionInfo": {"version": version, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""},
        "config": {"original": "# receivers and routes: GET /api/v1/routes\n"},
        "uptime": at(watch.started()),
    })))
}

/// Alertmanager's receivers: here incidents take every alert.
#[utoipa::path(get, path = "/alertmanager/api/v2/receivers", operation_id = "alertmanager_receivers", tag = "alertmanager",
    responses((status = 200, description = "Receivers.", body = Vec<Object>), (status = "default", response = AnyProblem)))]
async fn receivers(uri: Uri) -> Result<Json<Value>, Problem> {
    Params::read(&uri, &[])?;
    Ok(Json(json!([{"name": "incidents"}])))
}
