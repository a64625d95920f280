//! Alerts of other tools: Grafana's and generic webhooks.
//!
//! `POST /api/v1/alerts` reads Grafana's and Alertmanager's webhook bodies as they are, a list of alerts in
//! Alertmanager's form, and any other JSON by a mapping that names where things stand in it.

use super::read_body;
use crate::Watch;
use crate::desk::Desk;
use api::handler::{AnyProblem, Params, parse_instant};
use api::{Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use bytes::Bytes;
use http::Uri;
use incident::{Alert, Told};
use model::UnixNanos;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Senders of Alertmanager's form fall silent instead of resolving.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(300);
/// Most alerts of one body.
const ALERTS_MAX: usize = 50_000;

pub(super) fn routes() -> OpenApiRouter<Watch> {
    OpenApiRouter::new().routes(routes!(post))
}

#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// Alerts taken; they are stored.
    alerts: usize,
}

/// Takes alerts: a body of Grafana or Alertmanager, a list of `{labels, annotations, startsAt, endsAt}`, or
/// any JSON with a mapping in the query (`map.name=rule.title&map.service=host.app&list=events`).
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
    body: Bytes,
) -> Result<Json<Taken>, Problem> {
    let params = Params::read(&uri, &["source", "list", "map.*"])?;
    let right =
        "Grafana's or Alertmanager's webhook body, a list of {\"labels\": {..}}, or any JSON with map.LABEL=path";
    let body: Value = read_body(&body, right)?;
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

/// Where the alerts stand: the body itself, its `alerts`, or what `list` names.
fn items<'b>(body: &'b Value, list: Option<&str>) -> Result<Vec<&'b Value>, Problem> {
    let place = match list {
        Some(path) => at_path(body, path)
            .ok_or_else(|| Problem::invalid(format!("list is {path:?}, and nothing stands there in the body")))?,
        None => body.get("alerts").unwrap_or(body),
    };
    let items: Vec<&Value> = match place {
        Value::Array(items) => items.iter().collect(),
        single => vec![single],
    };
    if items.len() > ALERTS_MAX {
        return Err(Problem::invalid(format!("the body has {} alerts: at most {ALERTS_MAX} at once", items.len())));
    }
    Ok(items)
}

fn guess(body: &Value) -> &'static str {
    match body {
        Value::Object(fields) if fields.contains_key("orgId") => "grafana",
        Value::Object(fields) if fields.contains_key("groupKey") => "alertmanager",
        _ => "webhook",
    }
}

fn at_path<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

/// An alert in Alertmanager's or Grafana's form.
pub(super) fn native(item: &Value, now: UnixNanos) -> Result<Told, String> {
    let fields = item.as_object().ok_or("it is no object: send {\"labels\": {\"alertname\": ...}}")?;
    let instant = |name: &str| match fields.get(name).and_then(Value::as_str) {
        // The zero time of Go: not said.
        None | Some("") => Ok(None),
        Some(text) if text.starts_with("0001-") => Ok(None),
        Some(text) => parse_instant(name, text, now).map(Some).map_err(|problem| problem.detail().to_owned()),
    };
    let status = fields.get("status").and_then(Value::as_str);
    Ok(Told {
        labels: texts(fields.get("labels"), "labels")?,
        annotations: texts(fields.get("annotations"), "annotations")?,
        starts_at: instant("startsAt")?,
        ends_at: instant("endsAt")?,
        resolved: status == Some("resolved"),
        silent_after: if status.is_some() { None } else { Some(SILENT_AFTER) },
        generator_url: fields.get("generatorURL").and_then(Value::as_str).map(str::to_owned),
        source: String::new(),
    })
}

fn texts(value: Option<&Value>, name: &str) -> Result<BTreeMap<String, String>, String> {
    match value {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(fields)) => Ok(fields.iter().map(|(key, value)| (key.clone(), plain(value))).collect()),
        Some(_) => Err(format!("{name} is no object of texts")),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An alert of any form, by paths.
fn mapped(item: &Value, mapping: &[(&str, &str)], now: UnixNanos) -> Result<Told, String> {
    let mut told = Told::default();
    let mut fields = Map::new();
    for (label, path) in mapping {
        let Some(value) = at_path(item, path).filter(|value| !value.is_null()) else { continue };
        fields.insert((*label).to_owned(), value.clone());
    }
    for (label, value) in fields {
        let text = plain(&value);
        match label.as_str() {
            "starts_at" => told.starts_at = Some(instant(&value, now)?),
            "ends_at" => told.ends_at = Some(instant(&value, now)?),
            "status" => {
                told.resolved = ["resolved", "ok", "recovered", "closed", "0"].contains(&text.to_lowercase().as_str())
            }
            "summary" | "description" => {
                told.annotations.insert(label, text);
            }
            "name" => {
                told.labels.insert("alertname".into(), text);
            }
            _ => {
                told.labels.insert(label, text);
            }
        }
    }
    if told.labels.is_empty() {
        return Err("nothing stands where the mapping looks".into());
    }
    Ok(told)
}

/// RFC 3339, or Unix time in seconds, milliseconds or nanoseconds by its size.
fn instant(value: &Value, now: UnixNanos) -> Result<UnixNanos, String> {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    match number {
        Some(seconds) if seconds.abs() < 100_000_000_000 => Ok(UnixNanos(seconds.saturating_mul(1_000_000_000))),
        Some(millis) if millis.abs() < 100_000_000_000_000 => Ok(UnixNanos(millis.saturating_mul(1_000_000))),
        Some(nanos) => Ok(UnixNanos(nanos)),
        None => parse_instant("time", &plain(value), now).map_err(|problem| problem.detail().to_owned()),
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use serde_json::json;

    const NOW: UnixNanos = UnixNanos(1_800_000_000_000_000_000);

    #[test]
    fn bodies_of_known_tools_are_read_as_they_are() {
        let grafana = json!({"orgId": 1, "status": "firing", "alerts": [
            {"status": "resolved", "labels": {"alertname": "A", "n": 5}, "startsAt": "2026-11-20T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z"}]});
        let items = items(&grafana, None).unwrap();
        let told = native(items[0], NOW).unwrap();
        assert_eq!(
            (told.labels["n"].as_str(), told.resolved, told.ends_at, guess(&grafana)),
            ("5", true, None, "grafana")
        );
        assert!(native(&json!("x"), NOW).is_err());
        assert!(native(&json!({"labels": []}), NOW).unwrap_err().contains("labels is no object"));
    }

    #[test]
    fn any_json_is_read_by_a_mapping() {
        let body = json!({"events": [{"rule": {"title": "CPU"}, "host": {"app": "order"}, "at": 1_800_000_000, "state": "OK"}]});
        let items = items(&body, Some("events")).unwrap();
        let mapping = [("name", "rule.title"), ("service", "host.app"), ("starts_at", "at"), ("status", "state")];
        let told = mapped(items[0], &mapping, NOW).unwrap();
        assert_eq!((told.labels["alertname"].as_str(), told.labels["service"].as_str()), ("CPU", "order"));
        assert_eq!((told.starts_at, told.resolved), (Some(NOW), true));
        assert!(mapped(items[0], &[("name", "nowhere")], NOW).is_err());
    }
}
