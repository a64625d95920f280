//! What Jenkins' notification plugin sends of a job that deploys.

use super::{NewChange, Outcome, first, text};
use model::UnixNanos;
use serde_json::Value;

/// `None` where it is not of Jenkins.
pub(super) fn read(value: &Value) -> Option<Outcome> {
    let build = value.get("build").filter(|build| build.get("phase").is_some() || build.get("full_url").is_some())?;
    let job = text(value, "name")?;
    let phase = text(build, "phase").unwrap_or_default();
    let status = match phase.as_str() {
        "STARTED" => "started".to_owned(),
        "FINALIZED" => text(build, "status").unwrap_or_else(|| "FAILURE".into()).to_ascii_lowercase(),
        // Each build that completes is finalised after it.
        _ => return Some(Err(format!("a build in phase {phase:?} changes nothing yet"))),
    };
    let parameter = |names: &[&str]| {
        let parameters = build.get("parameters")?;
        first(parameters, names)
    };
    Some(Ok(vec![NewChange {
        time: build.get("timestamp").and_then(Value::as_i64).and_then(|ms| ms.checked_mul(1_000_000)).map(UnixNanos),
        kind: "deployment".into(),
        target: parameter(&["SERVICE", "service", "APP", "app"]).unwrap_or(job),
        environment: parameter(&["ENVIRONMENT", "environment", "ENV", "env"]),
        version: parameter(&["VERSION", "version", "TAG", "tag"])
            .or_else(|| first(build, &["scm.commit", "scm.branch"])),
        status: Some(if status == "unstable" { "failed".into() } else { status }),
        source: "jenkins".into(),
        title: first(value, &["display_name", "name"]),
        url: text(build, "full_url"),
        id: text(build, "number").map(|number| format!("{}#{number}", text(value, "url").unwrap_or_default())),
        ..NewChange::default()
    }]))
}
