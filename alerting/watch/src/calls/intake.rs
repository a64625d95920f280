//! Alerts of other tools: `POST /api/v1/alerts`, for Grafana's and generic webhooks.
//!
//! It refuses to know what the bodies look like ([`super::alert_forms`]). Invariant: what it answers well is on the disk.

use super::alert_forms::{form, guess, is_form, items, mapped, native};
use super::read_body;
use crate::Watch;
use crate::desk::Desk;
use api::handler::{AnyProblem, Params};
use api::{Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use incident::{Alert, Told};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(post))
}

#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// Alerts taken; they are stored.
    alerts: usize,
}

/// Takes alerts: a body of Grafana or Alertmanager, a list of `{labels, annotations, startsAt, endsAt}`, or
/// any JSON or form with a mapping in the query (`map.name=rule.title&map.service=host.app&list=events`).
#[utoipa::path(post, path = "/api/v1/alerts", operation_id = "post_alerts", tag = "alerting", params(
        ("source" = Option<String>, Query, description = "Which tool speaks; webhook without it."),
        ("list" = Option<String>, Query, description = "Where the list of alerts stands in the body: a path with dots."),
        ("map" = Option<String>, Query, description = "map.LABEL=path: where a label stands in an alert; map.starts_at, map.ends_at and map.summary are what they say."),
    ),
    request_body(content = Object),
    responses((status = 200, description = "Taken: on the disk.", body = Taken), (status = "default", response = AnyProblem)))]
async fn post(
    State(watch): State<Watch>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Taken>, Problem> {
    let params = Params::read(&uri, &["source", "list", "map.*"])?;
    let right =
        "Grafana's or Alertmanager's webhook body, a list of {\"labels\": {..}}, or any JSON with map.LABEL=path";
    let body: Value = if is_form(&headers) { form(body).await? } else { read_body(&body, right)? };
    let desk = watch.of(&asker).await?;
    let now = desk.now();
    let mapping: Vec<(&str, &str)> = params.family("map.").collect();
    let source = params.get("source");
    let items = items(&body, params.get("list"))?;
    let told: Result<Vec<Told>, Problem> = items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let told = if mapping.is_empty() { native(item, now) } else { mapped(item, &mapping, now) };
            let told = told.map_err(|what| Problem::invalid(format!("alert {at}: {what}")))?;
            Ok(Told { source: source.unwrap_or(guess(&body)).to_owned(), ..told })
        })
        .collect();
    let alerts = told?;
    let count = alerts.len();
    desk.hear(alerts).await?;
    Ok(Json(Taken { alerts: count }))
}

impl Desk {
    /// Takes alerts into the inbox; they are on the disk when this returns.
    pub(super) async fn hear(&self, alerts: Vec<Told>) -> Result<(), Problem> {
        let now = self.now();
        let mut office = self.office.write().await;
        let room = self.ask.settings().inbox_max.saturating_sub(office.waiting_alerts());
        if alerts.len() > room {
            let busy = Problem::unavailable(format!(
                "{} alerts wait to be taken in, and {} is the most: come back in a moment",
                office.waiting_alerts(),
                self.ask.settings().inbox_max
            ));
            return Err(busy.retry_after(2));
        }
        alerts.into_iter().for_each(|told| office.receive(Alert::read(told, now)));
        self.store(&mut office).await?;
        drop(office);
        self.wake.notify_one();
        Ok(())
    }
}
