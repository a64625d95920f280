//! What is left to do after an incident is kept, found by state and owner, closed once, and outlives kill -9.

use crate::{items, post, quick, until};
use e2e::server::Server;
use serde_json::{Value, json};

async fn put(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let response = server.http().put(server.url(path)).json(body).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

async fn texts(server: &Server, query: &str) -> Vec<String> {
    let page = server.get_json(&format!("/api/v1/follow-ups{query}")).await;
    items(&page).iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_to_do_outlives_the_incident_and_kill_9() {
    let mut server = Server::start(quick()).await;
    let alert = json!([{"labels": {"alertname": "Slow", "service": "order", "severity": "critical"}}]);
    assert_eq!(post(&server, "/alertmanager/api/v2/alerts", &alert).await.0, 200);
    let page = until(&server, "/api/v1/incidents", |page| !items(page).is_empty()).await;
    let id = items(&page)[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/incidents/{id}/follow-ups");

    let index = json!({"text": "add an index", "owner": "ann", "due": "now+7d", "ticket": "https://t.example.com/7"});
    let (status, made) = post(&server, &path, &index).await;
    assert_eq!((status, made["number"].as_u64(), made["state"].as_str()), (201, Some(1), Some("open")), "{made}");
    let (status, made) = post(&server, &path, &json!({"text": "tell support", "due": "now-1d"})).await;
    assert_eq!((status, made["state"].as_str()), (201, Some("overdue")), "{made}");
    for (path, body, status, right) in [
        (path.as_str(), json!({"owner": "ann"}), 400, "say what is to be done"),
        (path.as_str(), json!({"text": "x", "ticket": "javascript:alert(1)"}), 400, "https://"),
        (path.as_str(), json!({"text": "x", "due": "soon"}), 400, "RFC 3339"),
        (path.as_str(), json!({"text": "x", "colour": 1}), 400, "colour"),
        ("/api/v1/incidents/I-20010101-0001/follow-ups", json!({"text": "x"}), 404, "no incident"),
    ] {
        let (answered, problem) = post(&server, path, &body).await;
        assert_eq!(answered, status, "{body} {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(right), "{body} {problem}");
    }
    assert_eq!(post(&server, &format!("/api/v1/incidents/{id}/resolve"), &json!({})).await.0, 200);
    server.kill9();
    server.restart().await;

    assert_eq!(texts(&server, "?state=open").await, ["add an index", "tell support"]);
    assert_eq!(texts(&server, "?state=overdue").await, ["tell support"]);
    assert_eq!(texts(&server, "?owner=ann").await, ["add an index"]);
    let first = server.get_json("/api/v1/follow-ups?limit=1").await;
    let next = first["next_cursor"].as_str().unwrap();
    let rest = server.get_json(&format!("/api/v1/follow-ups?limit=1&cursor={next}")).await;
    assert_eq!((items(&rest)[0]["number"].as_u64(), rest["next_cursor"].is_null()), (Some(2), true), "{rest}");

    let (status, done) = put(&server, &format!("{path}/1"), &json!({"done": true, "owner": null})).await;
    assert_eq!((status, done["state"].as_str(), done["owner"].is_null()), (200, Some("done"), true), "{done}");
    assert_eq!(texts(&server, "?state=done").await, ["add an index"]);
    assert_eq!(put(&server, &format!("{path}/9"), &json!({"done": true})).await.0, 404);
    let detail = server.get_json(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(detail["follow_ups"].as_array().unwrap().len(), 2, "{detail:#}");
}
