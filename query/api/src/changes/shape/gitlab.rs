//! Webhooks of GitLab: deployments, pipelines that deploy, releases, feature flags.

use super::{NewChange, Outcome, first, text, time};
use serde_json::{Value, json};

pub(super) fn read(value: &Value) -> Outcome {
    let kind = text(value, "object_kind").unwrap_or_default();
    let change = match kind.as_str() {
        "deployment" => deployment(value),
        "pipeline" => pipeline(value)?,
        "release" if text(value, "action").as_deref() == Some("create") => release(value),
        "feature_flag" => feature_flag(value),
        _ => return Err(format!("GitLab's {kind:?} hook tells of no change of what runs")),
    };
    Ok(vec![change])
}

fn base(value: &Value, kind: &str) -> NewChange {
    let mut change = NewChange {
        kind: kind.into(),
        target: first(value, &["project.name", "project.path_with_namespace"]).unwrap_or_else(|| "unknown".into()),
        source: "gitlab".into(),
        author: first(value, &["user.username", "user.name", "user_username"]),
        ..NewChange::default()
    };
    if let Some(url) = text(value, "project.web_url") {
        change.attributes.insert("vcs.repository.url.full".into(), json!(url));
    }
    change
}

fn deployment(value: &Value) -> NewChange {
    NewChange {
        time: text(value, "status_changed_at").and_then(|at| time(&at)),
        environment: text(value, "environment"),
        version: first(value, &["ref", "short_sha"]),
        status: text(value, "status"),
        title: text(value, "commit_title"),
        url: first(value, &["deployable_url", "commit_url"]),
        id: text(value, "deployment_id"),
        ..base(value, "deployment")
    }
}

/// A pipeline is a change where one of its jobs deploys.
fn pipeline(value: &Value) -> Result<NewChange, String> {
    let builds = value.get("builds").and_then(Value::as_array).into_iter().flatten();
    let deploys = |build: &&Value| text(build, "environment.action").is_none_or(|action| action == "start");
    let build = builds.filter(|build| build.get("environment").is_some_and(Value::is_object)).find(deploys);
    let Some(build) = build else {
        return Err("a pipeline none of whose jobs has an environment deploys nothing".into());
    };
    let status = text(value, "object_attributes.status").unwrap_or_default();
    if !["running", "success", "failed", "canceled"].contains(&status.as_str()) {
        return Err(format!("a pipeline that is {status:?} changes nothing yet"));
    }
    Ok(NewChange {
        time: first(value, &["object_attributes.finished_at", "object_attributes.created_at"]).and_then(|at| time(&at)),
        environment: text(build, "environment.name"),
        version: first(value, &["object_attributes.ref", "object_attributes.sha"]),
        status: Some(status),
        title: first(value, &["commit.title", "object_attributes.name"]),
        url: text(value, "object_attributes.url"),
        id: text(value, "object_attributes.id"),
        ..base(value, "deployment")
    })
}

fn release(value: &Value) -> NewChange {
    NewChange {
        time: first(value, &["released_at", "created_at"]).and_then(|at| time(&at)),
        version: text(value, "tag"),
        title: text(value, "name"),
        url: text(value, "url"),
        id: text(value, "id"),
        ..base(value, "release")
    }
}

fn feature_flag(value: &Value) -> NewChange {
    let active = value.pointer("/object_attributes/active").and_then(Value::as_bool);
    let mut change = base(value, "feature_flag");
    change.attributes.insert("gitlab.project".into(), json!(change.target));
    NewChange {
        target: text(value, "object_attributes.name").unwrap_or_else(|| "unknown".into()),
        version: active.map(|active| if active { "on" } else { "off" }.to_owned()),
        title: text(value, "object_attributes.description"),
        id: text(value, "object_attributes.id"),
        ..change
    }
}
