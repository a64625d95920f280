//! `GET /api/v1/alerts`: every alert as it stands, with the incident it belongs to and the reason.

use super::incident_shape::AlertShown;
use crate::Watch;
use api::handler::{AnyProblem, Page, Params, read_cursor, read_limit, write_cursor};
use api::{Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use incident::{Episode, Fingerprint, Matchers};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(alerts))
}

/// Alerts in memory: those that fire, and those whose incident is not long over; newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerting", params(
        ("state" = Option<String>, Query, description = "firing, flapping, pending or resolved."),
        ("filter" = Option<String>, Query, description = "Matchers: {service=\"order\",env=~\"prod|pre\"}."),
        ("incident" = Option<String>, Query, description = "Of this incident only."),
        ("limit" = Option<usize>, Query, description = "1 to 10000; 500 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before."),
    ),
    responses((status = 200, description = "Alerts.", body = Page<AlertShown>), (status = "default", response = AnyProblem)))]
async fn alerts(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<AlertShown>>, Problem> {
    let params = Params::read(&uri, &["state", "filter", "incident", "limit", "cursor"])?;
    let limit = read_limit(&params, 500, 10_000)?;
    let state = params.get("state").map(str::to_owned);
    if let Some(state) = state.as_deref().filter(|s| !["firing", "flapping", "pending", "resolved"].contains(s)) {
        return Err(Problem::invalid(format!("state is {state:?}: firing, flapping, pending or resolved")));
    }
    let filter = params.get("filter").map(Matchers::read).transpose();
    let filter = filter.map_err(|error| Problem::invalid(format!("filter cannot be read: {error}")))?;
    let incident = params.get("incident").map(str::to_owned);
    let question = format!("alerts {state:?} {:?} {incident:?}", params.get("filter"));
    let after: Option<(i64, String)> = read_cursor(&params, &question)?;
    let desk = watch.of(&asker).await?;
    let office = desk.office.read().await;
    let fits = |episode: &&Episode| {
        state.as_deref().is_none_or(|state| super::incident_shape::word(&episode.phase) == state)
            && incident.as_deref().is_none_or(|id| episode.incident.to_string() == id)
            && filter.as_ref().is_none_or(|filter| filter.fit(|name| episode.alert.label(name)))
    };
    let place = |episode: &Episode| (episode.starts_at.0, episode.alert.fingerprint);
    let mut found: Vec<(&Episode, (i64, Fingerprint))> =
        office.book.episodes().filter(fits).map(|episode| (episode, place(episode))).collect();
    found.sort_by_key(|(_, place)| std::cmp::Reverse(*place));
    if let Some((time, fingerprint)) = &after {
        found.retain(|(_, (at, own))| (*at, own.to_string()) < (*time, fingerprint.clone()));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more).map(|(_, (time, own))| (*time, own.to_string()));
    let mut page = Page::whole(found.into_iter().map(|(episode, _)| episode.into()).collect());
    page.next_cursor = last.map(|place| write_cursor(&question, place)).transpose()?;
    Ok(Json(page))
}
