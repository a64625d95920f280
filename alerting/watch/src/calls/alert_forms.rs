//! Bodies in which other tools tell alerts: Grafana's and Alertmanager's webhooks, a list of alerts in Alertmanager's
//! form, and any other JSON or form by a mapping that names where things stand in it.
//!
//! It refuses to know what becomes of an alert. Invariant: a body with one alert that cannot be read is refused with
//! that alert's place in it, before any of it is taken.

use api::Problem;
use api::handler::parse_instant;
use axum::Form;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use incident::Told;
use model::UnixNanos;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Senders of Alertmanager's form fall silent instead of resolving.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(300);
/// Most alerts of one body.
const ALERTS_MAX: usize = 50_000;
/// What a form says it is.
const FORM: &str = "application/x-www-form-urlencoded";
/// States by which tools say that it is over.
const OVER: [&str; 8] = ["resolved", "ok", "recovered", "recovery", "closed", "normal", "inactive", "0"];

/// Where the alerts stand: the body itself, its `alerts`, or what `list` names.
pub(super) fn items<'b>(body: &'b Value, list: Option<&str>) -> Result<Vec<Cow<'b, Value>>, Problem> {
    let place = match list {
        Some(path) => at_path(body, path)
            .ok_or_else(|| Problem::invalid(format!("list is {path:?}, and nothing stands there in the body")))?,
        None => Cow::Borrowed(body.get("alerts").unwrap_or(body)),
    };
    let items: Vec<Cow<'_, Value>> = match place {
        Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
        single => vec![single],
    };
    if items.len() > ALERTS_MAX {
        return Err(Problem::invalid(format!("the body has {} alerts: at most {ALERTS_MAX} at once", items.len())));
    }
    Ok(items)
}

pub(super) fn guess(body: &Value) -> &'static str {
    match body {
        Value::Object(fields) if fields.contains_key("orgId") => "grafana",
        Value::Object(fields) if fields.contains_key("groupKey") => "alertmanager",
        _ => "webhook",
    }
}

/// Goes down a path with dots; a text that is JSON itself, as relays put the message of another tool into theirs,
/// is gone into like what it says.
fn at_path<'v>(value: &'v Value, path: &str) -> Option<Cow<'v, Value>> {
    path.split('.').try_fold(Cow::Borrowed(value), |value, part| match value {
        Cow::Borrowed(Value::String(text)) => child(&serde_json::from_str(text).ok()?, part).cloned().map(Cow::Owned),
        Cow::Borrowed(value) => child(value, part).map(Cow::Borrowed),
        Cow::Owned(Value::String(text)) => child(&serde_json::from_str(&text).ok()?, part).cloned().map(Cow::Owned),
        Cow::Owned(value) => child(&value, part).cloned().map(Cow::Owned),
    })
}

fn child<'v>(value: &'v Value, part: &str) -> Option<&'v Value> {
    match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => value.get(part),
    }
}

/// The fields of a form, as clouds call back with, as an object of texts.
pub(super) async fn form(body: Bytes) -> Result<Value, Problem> {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    let fields = Form::<BTreeMap<String, String>>::from_request(request, &()).await;
    let Form(fields) = fields.map_err(|error| Problem::invalid(format!("the form cannot be read: {error}")))?;
    Ok(fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}

pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with(FORM))
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
pub(super) fn mapped(item: &Value, mapping: &[(&str, &str)], now: UnixNanos) -> Result<Told, String> {
    let mut told = Told::default();
    let mut fields = Map::new();
    for (label, path) in mapping {
        let Some(value) = at_path(item, path).filter(|value| !value.is_null()) else { continue };
        fields.insert((*label).to_owned(), value.into_owned());
    }
    for (label, value) in fields {
        let text = plain(&value);
        match label.as_str() {
            "starts_at" => told.starts_at = Some(instant(&value, now)?),
            "ends_at" => told.ends_at = Some(instant(&value, now)?),
            "status" => told.resolved = OVER.contains(&text.to_lowercase().as_str()),
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
        let told = native(&items[0], NOW).unwrap();
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
        let told = mapped(&items[0], &mapping, NOW).unwrap();
        assert_eq!((told.labels["alertname"].as_str(), told.labels["service"].as_str()), ("CPU", "order"));
        assert_eq!((told.starts_at, told.resolved), (Some(NOW), true));
        assert!(mapped(&items[0], &[("name", "nowhere")], NOW).is_err());
    }
    #[tokio::test]
    async fn a_message_within_a_message_and_a_form_are_read_as_well() {
        let relayed = json!({"Type": "Notification", "Message": "{\"AlarmName\": \"CPU\", \"Trigger\": {\"Dimensions\": [{\"value\": \"i-1\"}]}}"});
        let mapping = [("name", "Message.AlarmName"), ("instance", "Message.Trigger.Dimensions.0.value")];
        let told = mapped(&relayed, &mapping, NOW).unwrap();
        assert_eq!((told.labels["alertname"].as_str(), told.labels["instance"].as_str()), ("CPU", "i-1"));
        assert!(mapped(&relayed, &[("name", "Type.AlarmName")], NOW).is_err(), "no JSON stands there");
        let body = "alertName=CPU+high&alertState=OK&dimensions=%7B%22instanceId%22%3A%22i-2%22%7D";
        let called = form(Bytes::from_static(body.as_bytes())).await.unwrap();
        let mapping = [("name", "alertName"), ("status", "alertState"), ("instance", "dimensions.instanceId")];
        let told = mapped(&called, &mapping, NOW).unwrap();
        assert_eq!((told.labels["alertname"].as_str(), told.labels["instance"].as_str()), ("CPU high", "i-2"));
        assert!(told.resolved);
    }
}
