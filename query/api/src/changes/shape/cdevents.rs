//! CDEvents, as structured or binary CloudEvents, or bare.

use super::{NewChange, Outcome, first, text, time};
use serde_json::{Value, json};

const PREFIX: &str = "dev.cdevents.";

/// A structured CloudEvent or a bare CDEvent; `None` where it is neither.
pub(super) fn structured(value: &Value) -> Result<Option<Outcome>, String> {
    if value.get("specversion").is_some() && value.get("type").is_some() {
        let kind = text(value, "type").unwrap_or_default();
        let data = value.get("data").unwrap_or(&Value::Null);
        return binary(&kind, text(value, "time").as_deref(), text(value, "source").as_deref(), data).map(Some);
    }
    match text(value, "context.type").filter(|kind| kind.starts_with(PREFIX)) {
        Some(kind) => binary(&kind, None, None, value).map(Some),
        None => Ok(None),
    }
}

/// A CloudEvent whose type, time and source are known.
pub(super) fn binary(kind: &str, at: Option<&str>, source: Option<&str>, data: &Value) -> Result<Outcome, String> {
    let Some(name) = kind.strip_prefix(PREFIX) else {
        return Err(format!("CloudEvents of type {kind:?} are not known: their type begins with {PREFIX:?}"));
    };
    let mut parts = name.split('.');
    let (subject, verb) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (kind, status) = match (subject, verb) {
        ("service", "deployed" | "upgraded") => ("deployment", "succeeded"),
        ("service", "rolledback") => ("deployment", "rolled_back"),
        ("service", "removed") => ("removal", "succeeded"),
        ("environment", "created" | "modified" | "deleted") => ("infrastructure", "succeeded"),
        _ => return Ok(Err(format!("{subject}.{verb} changes nothing that runs"))),
    };
    let Some(id) = text(data, "subject.id") else {
        return Err("subject.id is missing: it says what was changed".into());
    };
    let artifact = first(data, &["subject.content.artifactId", "subject.content.artifact.id"]);
    let at = at.map(str::to_owned).or_else(|| text(data, "context.timestamp"));
    let source = source.map(str::to_owned).or_else(|| text(data, "context.source"));
    let mut change = NewChange {
        time: at.and_then(|at| time(&at)),
        kind: kind.into(),
        // Ids may be paths: the last part is the name.
        target: id.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&id).to_owned(),
        environment: first(data, &["subject.content.environment.id", "subject.content.environment"]),
        version: artifact.as_deref().and_then(version),
        status: Some(status.into()),
        source: "cdevents".into(),
        title: Some(format!("{subject} {verb}")),
        url: first(data, &["subject.content.url", "subject.content.uri"]),
        id: text(data, "context.id"),
        ..NewChange::default()
    };
    if let Some(source) = source {
        change.attributes.insert("cloudevents.event_source".into(), json!(source));
    }
    if let Some(artifact) = artifact {
        change.attributes.insert("artifact.purl".into(), json!(artifact));
    }
    Ok(Ok(vec![change]))
}

/// The version in a package URL: `pkg:oci/app@sha256:ab?tag=1.2` is 1.2, `pkg:npm/app@1.2` likewise.
fn version(purl: &str) -> Option<String> {
    let tag = purl.split_once("tag=").map(|(_, rest)| rest.split('&').next().unwrap_or(rest));
    let after_at = || purl.split('?').next().and_then(|front| front.rsplit_once('@')).map(|(_, version)| version);
    tag.or_else(after_at).filter(|version| !version.is_empty()).map(|version| version.replace("%3A", ":"))
}
