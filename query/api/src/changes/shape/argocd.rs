//! An Argo CD Application, as its notifications can send it: bare or under `app`.

use super::{NewChange, Outcome, first, text, time};
use serde_json::{Value, json};

/// `None` where it is no Application.
pub(super) fn read(value: &Value) -> Option<Outcome> {
    let is_application = |value: &&Value| {
        let group = text(value, "apiVersion").is_some_and(|version| version.starts_with("argoproj.io/"));
        let state = value.pointer("/status/operationState").is_some() || value.pointer("/status/sync").is_some();
        (group && text(value, "kind").as_deref() == Some("Application")) || (state && value.get("metadata").is_some())
    };
    let application =
        [Some(value), value.get("app"), value.get("application")].into_iter().flatten().find(is_application)?;
    let name = text(application, "metadata.name")?;
    let phase = first(application, &["status.operationState.phase", "status.sync.status"]).unwrap_or_default();
    let status = match phase.as_str() {
        "Succeeded" | "Synced" => "succeeded",
        "Failed" | "Error" => "failed",
        "Running" => "started",
        _ => return Some(Err(format!("an application that is {phase:?} was not changed"))),
    };
    let at = first(application, &["status.operationState.finishedAt", "status.operationState.startedAt"]);
    let mut change = NewChange {
        time: at.and_then(|at| time(&at)),
        kind: "deployment".into(),
        target: name,
        environment: first(application, &["metadata.labels.environment", "metadata.labels.env"]),
        version: first(application, &["status.operationState.syncResult.revision", "status.sync.revision"]),
        status: Some(status.into()),
        source: "argocd".into(),
        author: text(application, "status.operationState.operation.initiatedBy.username"),
        title: text(application, "status.operationState.message"),
        url: first(value, &["context.argocdUrl", "argocdUrl"]),
        id: text(application, "status.operationState.syncResult.revision"),
        ..NewChange::default()
    };
    let more = [
        ("k8s.namespace.name", "spec.destination.namespace"),
        ("vcs.repository.url.full", "spec.source.repoURL"),
        ("container.image.name", "status.summary.images.0"),
    ];
    for (key, path) in more {
        if let Some(text) = text(application, path) {
            change.attributes.insert(key.into(), json!(text));
        }
    }
    Some(Ok(vec![change]))
}
