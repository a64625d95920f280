//! Rules by the API: checked with line and column, judged, and gone without a trace.

use crate::{items, post, quick, until};
use e2e::server::Server;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_checked_kept_over_kill_9_and_hurts_only_itself_when_it_is_broken() {
    let mut server = Server::start(quick()).await;
    let pack = server.get_json("/api/v1/rules").await;
    assert!(items(&pack).len() >= 10 && items(&pack).iter().all(|rule| rule["origin"] == "default"), "{pack:#}");

    let wrong = "rules:\n  - name: a\n    kind: sql\n    conditon: {query: SELECT 1}\n";
    let checked = server.http().post(server.url("/api/v1/rules/check")).body(wrong).send().await.unwrap();
    let checked: serde_json::Value = checked.json().await.unwrap();
    let lines: Vec<_> = checked["problems"].as_array().unwrap().iter().map(|problem| &problem["line"]).collect();
    assert!(lines.contains(&&json!(4)), "{checked:#}");

    let broken =
        json!({"name": "broken", "kind": "sql", "every": "5s", "condition": {"query": "SELECT nonsense FROM spans"}});
    let (status, answer) = post(&server, "/api/v1/rules", &broken).await;
    assert_eq!(status, 201, "{answer}");
    let late = json!([{"labels": {"alertname": "Beat", "service": "a"}}]);
    assert_eq!(post(&server, "/api/v1/alerts", &late).await.0, 200);
    until(&server, "/api/v1/rules/broken", |rule| rule["problem"].is_string()).await;
    server.kill9();
    server.restart().await;
    let kept = server.get_json("/api/v1/rules/broken").await;
    assert_eq!(kept["origin"], "api");
    let gone = server.http().delete(server.url("/api/v1/rules/broken")).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(server.get("/api/v1/rules/broken").await.status(), 404);
    assert_eq!(server.http().delete(server.url("/api/v1/rules/broken")).send().await.unwrap().status(), 404);
}
