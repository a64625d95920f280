//! Silences and maintenance windows: `/api/v1/silences`.

use super::incident_shape::at;
use super::{actor, not_found, read_body};
use crate::desk::Desk;
use crate::office::Office;
use crate::{Watch, docs};
use api::handler::{AnyProblem, Page, Params, parse_duration, parse_instant};
use api::{Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::{StatusCode, Uri};
use incident::{Comparison, Matcher, Matchers};
use model::{ContentHash, UnixNanos};
use notify::{Silence, SilenceKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(expire)).routes(routes!(preview))
}

/// One matcher, as Alertmanager writes it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MatcherShown {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl From<&Matcher> for MatcherShown {
    fn from(matcher: &Matcher) -> Self {
        Self {
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
            is_regex: matches!(matcher.comparison(), Comparison::Matches | Comparison::MatchesNot),
            is_equal: matches!(matcher.comparison(), Comparison::Equal | Comparison::Matches),
        }
    }
}

/// A silence or a maintenance window.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SilenceShown {
    id: String,
    /// silence: says nothing. maintenance: what ends is still told.
    kind: String,
    /// pending, active or expired.
    state: &'static str,
    matchers: Vec<MatcherShown>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
    /// Names of intervals outside of which it does not hold.
    during: Vec<String>,
    /// Alerts that fire now and that it holds back.
    alerts: usize,
}

/// What makes a silence.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct NewSilence {
    /// silence (default) or maintenance.
    kind: Option<String>,
    /// Matchers as a list, or as one text: {service="order"}.
    #[schema(value_type = Object)]
    matchers: serde_json::Value,
    /// RFC 3339, or now.
    starts_at: Option<String>,
    /// RFC 3339; or say `duration`.
    ends_at: Option<String>,
    /// 2h, 30m.
    duration: Option<String>,
    created_by: Option<String>,
    comment: String,
    during: Vec<String>,
}

/// Silences and maintenance windows, the newest first; those that ended stay visible for five days.
#[utoipa::path(get, path = "/api/v1/silences", operation_id = "silences", tag = "alerting",
    responses((status = 200, description = "Silences.", body = Page<SilenceShown>), (status = "default", response = AnyProblem)))]
async fn list(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<SilenceShown>>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let mut silences: Vec<&Silence> = office.silences.iter().collect();
    silences.sort_by_key(|silence| std::cmp::Reverse((silence.starts_at, silence.id.clone())));
    Ok(Json(Page::whole(silences.into_iter().map(|silence| shown(&office, silence, desk.now())).collect())))
}

pub(super) fn state_of(silence: &Silence, now: UnixNanos) -> &'static str {
    match (now < silence.starts_at, now < silence.ends_at) {
        (true, _) => "pending",
        (false, true) => "active",
        (false, false) => "expired",
    }
}

fn shown(office: &Office, silence: &Silence, now: UnixNanos) -> SilenceShown {
    SilenceShown {
        id: silence.id.clone(),
        kind: super::incident_shape::word(&silence.kind),
        state: state_of(silence, now),
        matchers: silence.matchers.0.iter().map(Into::into).collect(),
        starts_at: at(silence.starts_at),
        ends_at: at(silence.ends_at),
        created_by: silence.created_by.clone(),
        comment: silence.comment.clone(),
        during: silence.during.clone(),
        alerts: held(office, &silence.matchers),
    }
}

/// Alerts that fire and fit.
fn held(office: &Office, matchers: &Matchers) -> usize {
    let firing = office.book.episodes().filter(|episode| episode.is_firing());
    firing.filter(|episode| matchers.fit(|name| episode.alert.label(name))).count()
}

/// Silences what fits the matchers for some time.
#[utoipa::path(post, path = "/api/v1/silences", operation_id = "create_silence", tag = "alerting", request_body = NewSilence,
    responses((status = 201, description = "It holds from its start on.", body = SilenceShown), (status = "default", response = AnyProblem)))]
async fn create(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<(StatusCode, Json<SilenceShown>), Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let silence = read_silence(&body, &asker, desk.now())?;
    let mut office = desk.office.write().await;
    desk.keep_silence(&mut office, silence.clone()).await?;
    let shown = shown(&office, &silence, desk.now());
    drop(office);
    desk.wake.notify_one();
    Ok((StatusCode::CREATED, Json(shown)))
}

fn read_silence(body: &[u8], asker: &Asker, now: UnixNanos) -> Result<Silence, Problem> {
    let right = "{\"matchers\": \"{service=\\\"order\\\"}\", \"duration\": \"2h\", \"comment\": \"why\"}";
    let new: NewSilence = read_body(body, right)?;
    let kind = match new.kind.as_deref() {
        None | Some("silence") => SilenceKind::Silence,
        Some("maintenance") => SilenceKind::Maintenance,
        Some(other) => return Err(Problem::invalid(format!("kind is {other:?}: silence or maintenance"))),
    };
    let matchers = match &new.matchers {
        serde_json::Value::String(text) => Matchers::read(text).map_err(|error| error.to_string()),
        list => serde_json::from_value(list.clone()).map_err(|error| error.to_string()),
    };
    let matchers =
        matchers.map_err(|error| Problem::invalid(format!("matchers cannot be read ({error}): send {right}")))?;
    let instant = |name: &str, text: &Option<String>| text.as_deref().map(|t| parse_instant(name, t, now)).transpose();
    let starts_at = instant("starts_at", &new.starts_at)?.unwrap_or(now);
    let lasts = match &new.duration {
        None => None,
        Some(text) => {
            Some(parse_duration(text).ok_or_else(|| Problem::invalid(format!("duration is {text:?}: write 2h, 30m")))?)
        }
    };
    let ends_at = instant("ends_at", &new.ends_at)?.or_else(|| lasts.map(|lasts| starts_at.saturating_add(lasts)));
    let ends_at = ends_at.ok_or_else(|| Problem::invalid("ends_at or duration is missing: a silence must end"))?;
    Ok(Silence {
        id: new_id(&matchers, now),
        kind,
        matchers,
        starts_at,
        ends_at,
        created_by: new.created_by.unwrap_or_else(|| actor(asker).to_owned()),
        comment: new.comment,
        during: new.during,
        updated_at: now,
    })
}

/// In the form of a UUID, which clients of Alertmanager expect.
pub(super) fn new_id(matchers: &Matchers, now: UnixNanos) -> String {
    let mut seed = serde_json::to_vec(matchers).unwrap_or_default();
    seed.extend(now.0.to_le_bytes());
    let hex = ContentHash::of_identity(&seed).to_string();
    let part = |from: usize, until: usize| hex.get(from..until).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// Ends a silence now. It stays visible for five days.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", operation_id = "expire_silence", tag = "alerting",
    params(("id" = String, Path, description = "Of the list.")),
    responses((status = 200, description = "It holds no more.", body = SilenceShown), (status = "default", response = AnyProblem)))]
async fn expire(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<SilenceShown>, Problem> {
    Params::read(&uri, &[])?;
    let desk = watch.of(&asker).await?;
    let mut office = desk.office.write().await;
    let silence = desk.end_silence(&mut office, &id).await?;
    let shown = shown(&office, &silence, desk.now());
    Ok(Json(shown))
}

#[derive(Debug, Serialize, ToSchema)]
struct Previewed {
    /// Alerts that fire now and would be held back.
    alerts: usize,
    /// Incidents that have such an alert.
    incidents: Vec<String>,
}

/// What a silence would hold back now.
#[utoipa::path(get, path = "/api/v1/silences/preview", operation_id = "preview_silence", tag = "alerting",
    params(("matchers" = String, Query, description = "{service=\"order\"}")),
    responses((status = 200, description = "What fits.", body = Previewed), (status = "default", response = AnyProblem)))]
async fn preview(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Previewed>, Problem> {
    let params = Params::read(&uri, &["matchers"])?;
    let text = params.get("matchers").ok_or_else(|| Problem::invalid("matchers is missing: {service=\"order\"}"))?;
    let matchers =
        Matchers::read(text).map_err(|error| Problem::invalid(format!("matchers cannot be read: {error}")))?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let firing = office.book.episodes().filter(|episode| episode.is_firing());
    let fitting: Vec<_> = firing.filter(|episode| matchers.fit(|name| episode.alert.label(name))).collect();
    let mut incidents: Vec<String> = fitting.iter().map(|episode| episode.incident.to_string()).collect();
    incidents.sort();
    incidents.dedup();
    Ok(Json(Previewed { alerts: fitting.len(), incidents }))
}

impl Desk {
    /// Checks and stores a silence.
    pub(super) async fn keep_silence(&self, office: &mut Office, silence: Silence) -> Result<(), Problem> {
        silence.check(&office.policy).map_err(Problem::invalid)?;
        let change = docs::change(docs::SILENCE, silence.id.clone(), Some(&silence));
        if !office.silences.set(silence) {
            let most = notify::SILENCES_MAX;
            return Err(Problem::unavailable(format!("{most} silences are kept, and there are as many: let some end")));
        }
        office.add([change]);
        self.store(office).await
    }

    /// Ends a silence now.
    pub(super) async fn end_silence(&self, office: &mut Office, id: &str) -> Result<Silence, Problem> {
        let now = self.now();
        let ended = office.silences.expire(id, now).cloned();
        let ended = ended.ok_or_else(|| not_found(format!("there is no silence {id:?} that still holds")))?;
        office.add([docs::change(docs::SILENCE, id, Some(&ended))]);
        self.store(office).await?;
        Ok(ended)
    }
}
