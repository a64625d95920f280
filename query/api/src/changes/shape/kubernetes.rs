//! Events and objects of Kubernetes, bare or as a watch sends them. Of configuration only the name and
//! the version are kept, never what it holds.

use super::{NewChange, Outcome, first, text, time};
use serde_json::{Value, json};

/// `None` where it is no object of Kubernetes.
pub(super) fn read(value: &Value) -> Option<Outcome> {
    // A watch wraps what it sends: {"type": "ADDED", "object": {...}}.
    let object = value.get("object").filter(|object| object.is_object()).unwrap_or(value);
    text(object, "apiVersion")?;
    let kind = text(object, "kind")?;
    Some(match kind.as_str() {
        "Event" => event(object),
        "Deployment" | "StatefulSet" | "DaemonSet" => workload(object),
        "ConfigMap" | "Secret" => Ok(vec![NewChange {
            version: text(object, "metadata.resourceVersion"),
            ..base(object, "config", text(object, "metadata.name"))
        }]),
        _ => Err(format!("a {kind} is nothing whose change is followed")),
    })
}

fn base(object: &Value, kind: &str, target: Option<String>) -> NewChange {
    let at = first(object, &["metadata.managedFields.0.time", "metadata.creationTimestamp"]);
    let mut change = NewChange {
        time: at.and_then(|at| time(&at)),
        kind: kind.into(),
        target: target.unwrap_or_else(|| "unknown".into()),
        status: Some("succeeded".into()),
        source: "kubernetes".into(),
        author: text(object, "metadata.managedFields.0.manager"),
        id: text(object, "metadata.uid"),
        ..NewChange::default()
    };
    if let Some(namespace) = first(object, &["metadata.namespace", "involvedObject.namespace", "regarding.namespace"]) {
        change.attributes.insert("k8s.namespace.name".into(), json!(namespace));
    }
    change
}

fn workload(object: &Value) -> Outcome {
    let image = text(object, "spec.template.spec.containers.0.image");
    let tag = image.as_deref().and_then(|image| image.rsplit('/').next()?.rsplit_once([':', '@'])).map(|(_, tag)| tag);
    let change =
        NewChange { version: tag.map(str::to_owned), ..base(object, "deployment", text(object, "metadata.name")) };
    Ok(vec![change])
}

fn event(object: &Value) -> Outcome {
    let reason = text(object, "reason").unwrap_or_default();
    let kind = match reason.as_str() {
        "ScalingReplicaSet" | "SuccessfulRescale" => "scale",
        "DeploymentRollback" => "deployment",
        "SuccessfulUpdate" | "UpdatedLoadBalancer" | "NodeNotReady" | "NodeReady" => "infrastructure",
        _ => return Err(format!("an event with reason {reason:?} tells of no change")),
    };
    let at = first(object, &["eventTime", "lastTimestamp", "deprecatedLastTimestamp", "firstTimestamp"]);
    let target = first(object, &["involvedObject.name", "regarding.name"]);
    let change = base(object, kind, target);
    Ok(vec![NewChange {
        time: at.and_then(|at| time(&at)).or(change.time),
        status: Some(if reason == "DeploymentRollback" { "rolled_back" } else { "succeeded" }.into()),
        title: first(object, &["message", "note"]),
        author: first(object, &["reportingComponent", "reportingController", "source.component"]),
        ..change
    }])
}
