//! In whose shape a change is told: by headers, then by what only that shape has. Pure.
//!
//! What is recognised and tells of no change (a push, a test run) is answered so and not refused: a
//! webhook that is refused gets switched off. What is not recognised is refused with the shapes there are.

mod argocd;
mod cdevents;
mod gitlab;
mod jenkins;
mod kubernetes;
mod ours;
mod plain;

use http::HeaderMap;
use model::UnixNanos;
use serde_json::{Map, Value};

/// A change as its sender told it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct NewChange {
    pub(super) time: Option<UnixNanos>,
    pub(super) kind: String,
    pub(super) target: String,
    pub(super) environment: Option<String>,
    pub(super) version: Option<String>,
    pub(super) previous_version: Option<String>,
    pub(super) status: Option<String>,
    pub(super) source: String,
    pub(super) author: Option<String>,
    pub(super) title: Option<String>,
    pub(super) url: Option<String>,
    pub(super) id: Option<String>,
    pub(super) attributes: Map<String, Value>,
}

/// Changes, or why an event is none.
type Outcome = Result<Vec<NewChange>, String>;

/// Whose shape it is, and what it tells.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) outcome: Outcome,
}

const RIGHT: &str = "send {\"kind\": \"deployment\", \"target\": \"order-service\", \"version\": \"7.3.2\"} (or a list of these), \
     a CDEvent (structured or binary CloudEvent), a GitLab deployment, pipeline, release or feature flag hook, a Jenkins \
     notification, an Argo CD Application, or a Kubernetes Event or object";

/// Reads a body; an error says what would be right.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Shape, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is no JSON ({error}): {RIGHT}"))?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(kind) = header("ce-type") {
        let outcome = cdevents::binary(kind, header("ce-time"), header("ce-source"), &value)?;
        return Ok(Shape { name: "cdevents", outcome });
    }
    if header("x-gitlab-event").is_some() || value.get("object_kind").is_some() {
        return Ok(Shape { name: "gitlab", outcome: gitlab::read(&value) });
    }
    if let Some(outcome) = cdevents::structured(&value)? {
        return Ok(Shape { name: "cdevents", outcome });
    }
    if let Some(outcome) = argocd::read(&value) {
        return Ok(Shape { name: "argocd", outcome });
    }
    if let Some(outcome) = kubernetes::read(&value) {
        return Ok(Shape { name: "kubernetes", outcome });
    }
    if let Some(outcome) = jenkins::read(&value) {
        return Ok(Shape { name: "jenkins", outcome });
    }
    let ours = ours::read(&value)?.ok_or_else(|| format!("the body has no shape that is known: {RIGHT}"))?;
    Ok(Shape { name: "stormglass", outcome: Ok(ours) })
}

/// Text or number at a path such as `deployment.user.name`.
fn text(value: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    })?;
    match found {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The first of several paths that says anything.
fn first(value: &Value, paths: &[&str]) -> Option<String> {
    paths.iter().find_map(|path| text(value, path))
}

/// An instant as webhooks write it: RFC 3339, or `2026-11-20 08:00:00 +0800`, or `... UTC`.
fn time(text: &str) -> Option<UnixNanos> {
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let text = text.strip_suffix(" UTC").map_or_else(|| text.to_owned(), |front| format!("{front} +0000"));
        let parsed = jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S %z", text.as_bytes()).ok()?;
        parsed.to_timestamp().ok()
    })?;
    i64::try_from(instant.as_nanosecond()).ok().map(UnixNanos)
}

#[cfg(test)]
mod tests;
