use super::*;
use http::{HeaderName, HeaderValue};
use serde_json::json;

fn told(headers: &[(&str, &str)], body: &Value) -> Result<Shape, String> {
    let pairs = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap()));
    read(&pairs.collect(), body.to_string().as_bytes())
}

/// Kind, target, environment, version, status, author, id.
fn short(change: &NewChange) -> [String; 7] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        change.kind.clone(),
        change.target.clone(),
        text(&change.environment),
        text(&change.version),
        text(&change.status),
        text(&change.author),
        text(&change.id),
    ]
}

fn gitlab_deployment() -> Value {
    json!({
        "object_kind": "deployment", "status": "success", "status_changed_at": "2026-11-20 16:50:00 +0800",
        "deployment_id": 15, "deployable_url": "https://git.example.com/shop/order/-/jobs/796", "environment": "production",
        "project": { "name": "order-service", "path_with_namespace": "shop/order-service", "web_url": "https://git.example.com/shop/order" },
        "short_sha": "279484c0", "ref": "v7.3.2", "user": { "name": "Anna", "username": "anna" }, "commit_title": "Faster stock",
    })
}

fn cdevent() -> Value {
    json!({
        "context": { "version": "0.4.1", "id": "e-1", "source": "/ci/deployer", "type": "dev.cdevents.service.deployed.0.2.0",
            "timestamp": "2026-11-20T08:50:00Z" },
        "subject": { "id": "/apps/order-service", "type": "service",
            "content": { "environment": { "id": "production" }, "artifactId": "pkg:oci/order-service@sha256%3Aabc?tag=7.3.2" } },
    })
}

#[test]
fn every_shape_is_recognised_and_read() {
    let cloud_event = json!({
        "specversion": "1.0", "id": "e-1", "source": "/ci/deployer", "type": "dev.cdevents.service.deployed.0.2.0",
        "time": "2026-11-20T08:50:00Z", "datacontenttype": "application/json", "data": cdevent(),
    });
    let jenkins = json!({
        "name": "deploy-order", "display_name": "Deploy order", "url": "job/deploy-order/",
        "build": { "full_url": "https://ci.example.com/job/deploy-order/18/", "number": 18, "phase": "FINALIZED", "status": "SUCCESS",
            "timestamp": 1_795_164_600_000_i64, "scm": { "branch": "main", "commit": "c6d86dc" },
            "parameters": { "SERVICE": "order-service", "ENVIRONMENT": "production", "VERSION": "7.3.2" } },
    });
    let argocd = json!({ "app": {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": { "name": "order-service", "labels": { "env": "production" } },
        "spec": { "destination": { "namespace": "retail" }, "source": { "repoURL": "https://git.example.com/shop/deploy" } },
        "status": { "sync": { "status": "Synced", "revision": "aaa" }, "operationState": { "phase": "Succeeded",
            "finishedAt": "2026-11-20T08:50:00Z", "syncResult": { "revision": "bbb" },
            "operation": { "initiatedBy": { "username": "anna" } } } },
    } });
    let event = json!({ "type": "ADDED", "object": {
        "apiVersion": "v1", "kind": "Event", "reason": "ScalingReplicaSet", "message": "Scaled up replica set order-5d4 to 3",
        "metadata": { "uid": "u-1", "namespace": "retail" }, "lastTimestamp": "2026-11-20T08:50:00Z",
        "involvedObject": { "kind": "Deployment", "name": "order-service" }, "source": { "component": "deployment-controller" },
    } });
    let workload = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "order-service", "uid": "u-2",
            "managedFields": [{ "manager": "kubectl", "time": "2026-11-20T08:50:00Z" }] },
        "spec": { "template": { "spec": { "containers": [{ "image": "registry.example.com:5000/shop/order:7.3.2" }] } } },
    });
    let ours = json!({ "kind": "config", "target": "order-service", "environment": "production", "version": 42, "author": "anna",
        "id": "c-1", "status": "success", "time": "2026-11-20T08:50:00Z", "attributes": { "file": "a.yaml" } });
    let binary = [("ce-type", "dev.cdevents.service.rolledback.0.2.0"), ("ce-time", "2026-11-20T08:50:00Z")];
    let gitlab = [("x-gitlab-event", "Deployment Hook")];
    let deployed = ["deployment", "order-service", "production", "7.3.2", "succeeded", "", "e-1"];
    for (headers, body, shape, expected) in [
        (&[][..], ours, "stormglass", ["config", "order-service", "production", "42", "success", "anna", "c-1"]),
        (&[], cloud_event, "cdevents", deployed),
        (&[], cdevent(), "cdevents", deployed),
        (
            &binary,
            cdevent(),
            "cdevents",
            ["deployment", "order-service", "production", "7.3.2", "rolled_back", "", "e-1"],
        ),
        (
            &gitlab,
            gitlab_deployment(),
            "gitlab",
            ["deployment", "order-service", "production", "v7.3.2", "success", "anna", "15"],
        ),
        (
            &[],
            jenkins,
            "jenkins",
            ["deployment", "order-service", "production", "7.3.2", "success", "", "job/deploy-order/#18"],
        ),
        (&[], argocd, "argocd", ["deployment", "order-service", "production", "bbb", "succeeded", "anna", "bbb"]),
        (&[], event, "kubernetes", ["scale", "order-service", "", "", "succeeded", "deployment-controller", "u-1"]),
        (&[], workload, "kubernetes", ["deployment", "order-service", "", "7.3.2", "succeeded", "kubectl", "u-2"]),
    ] {
        let found = told(headers, &body).unwrap();
        assert_eq!(found.name, shape);
        let changes = found.outcome.unwrap();
        assert_eq!(short(&changes[0]), expected, "{shape}");
        assert_eq!(changes[0].time, time("2026-11-20T08:50:00Z"), "{shape}");
    }
}

#[test]
fn other_hooks_of_gitlab_are_read_or_passed_over() {
    let pipeline = |status: &str, environment: Value| {
        json!({
            "object_kind": "pipeline", "project": { "name": "order-service" }, "user": { "username": "anna" },
            "object_attributes": { "id": 31, "ref": "main", "status": status, "created_at": "2026-11-20 08:50:00 UTC" },
            "builds": [{ "stage": "test", "environment": null }, { "stage": "deploy", "environment": environment }],
        })
    };
    let staging = || json!({ "name": "staging", "action": "start" });
    let deployed = told(&[], &pipeline("success", staging())).unwrap().outcome.unwrap();
    assert_eq!(
        short(&deployed[0])[..5],
        ["deployment", "order-service", "staging", "main", "success"].map(String::from)
    );
    let flag = json!({ "object_kind": "feature_flag", "project": { "name": "shop" }, "user": { "username": "anna" },
        "object_attributes": { "id": 6, "name": "new-till", "active": true } });
    let flag = told(&[], &flag).unwrap().outcome.unwrap();
    assert_eq!(short(&flag[0]), ["feature_flag", "new-till", "", "on", "", "anna", "6"].map(String::from));
    for (body, why) in [
        (json!({ "object_kind": "push" }), "no change of what runs"),
        (pipeline("success", Value::Null), "deploys nothing"),
        (pipeline("success", json!({ "name": "staging", "action": "stop" })), "deploys nothing"),
        (pipeline("pending", staging()), "nothing yet"),
    ] {
        let outcome = told(&[], &body).unwrap().outcome;
        assert!(outcome.as_ref().is_err_and(|said| said.contains(why)), "{outcome:?}");
    }
}

#[test]
fn what_changes_nothing_is_passed_over_with_its_reason() {
    let build = json!({ "name": "j", "build": { "phase": "COMPLETED", "full_url": "u" } });
    let pulled = json!({ "apiVersion": "v1", "kind": "Event", "reason": "Pulled", "metadata": {} });
    let test_run = json!({ "specversion": "1.0", "type": "dev.cdevents.testcaserun.finished.0.2.0", "data": {} });
    for (body, shape) in [(build, "jenkins"), (pulled, "kubernetes"), (test_run, "cdevents")] {
        let found = told(&[], &body).unwrap();
        assert_eq!(found.name, shape);
        assert!(found.outcome.is_err());
    }
}

#[test]
fn what_is_not_known_is_refused_with_what_would_be_right() {
    for (body, says) in [
        (json!({ "hello": 1 }), "no shape that is known"),
        (json!([]), "no shape that is known"),
        (json!("text"), "no shape that is known"),
        (json!({ "kind": "config" }), "target is missing"),
        (json!({ "kind": "config", "target": "a", "tittle": "x" }), "did you mean \"title\"?"),
        (json!({ "kind": "config", "target": "a", "time": "yesterday" }), "give RFC 3339"),
        (json!({ "kind": { "a": 1 }, "target": "a" }), "kind is not text"),
        (json!([{ "kind": "config", "target": "a" }, 7]), "[1] is no object"),
        (json!({ "specversion": "1.0", "type": "com.example.thing", "data": {} }), "begins with \"dev.cdevents.\""),
        (
            json!({ "specversion": "1.0", "type": "dev.cdevents.service.deployed.0.2.0", "data": {} }),
            "subject.id is missing",
        ),
    ] {
        assert!(told(&[], &body).unwrap_err().contains(says), "{body}");
    }
    assert!(read(&HeaderMap::new(), b"{").unwrap_err().contains("no JSON"));
}

#[test]
fn secrets_of_configuration_are_not_kept() {
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db", "resourceVersion": "7" },
        "data": { "password": "Y2FuYXJ5" } });
    let changes = told(&[], &secret).unwrap().outcome.unwrap();
    assert_eq!((changes[0].target.as_str(), changes[0].version.as_deref()), ("db", Some("7")));
    assert!(!format!("{changes:?}").contains("Y2FuYXJ5"));
}
