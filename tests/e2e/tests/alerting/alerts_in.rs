//! Alerts of other tools: none is lost, each knows its incident and why; what was acknowledged outlives kill -9.

use crate::{items, post, quick, until};
use e2e::server::Server;
use serde_json::{Value, json};

const PATH: &str = "/alertmanager/api/v2/alerts";

fn alert(name: &str, service: &str) -> Value {
    json!({"labels": {"alertname": name, "service": service, "severity": "critical"}, "annotations": {"summary": "s"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_taken_grouped_silenced_and_outlive_kill_9() {
    let mut server = Server::start(quick()).await;
    let topology = json!({"relations": [{"from": "service:web", "relation": "calls", "to": "service:db-proxy"}]});
    let put = server.http().put(server.url("/api/v1/catalog/topology")).json(&topology).send().await.unwrap();
    assert_eq!(put.status(), 200, "{}", put.text().await.unwrap());
    let alerts = json!([alert("Down", "db-proxy"), alert("Slow", "web"), alert("Errors", "web")]);
    assert_eq!(post(&server, PATH, &alerts).await.0, 200);
    server.kill9();
    server.restart().await;

    let page = until(&server, "/api/v1/alerts", |page| items(page).len() == 3).await;
    assert!(items(&page).iter().all(|alert| alert["incident"].as_str().unwrap().starts_with("I-")), "{page:#}");
    let incidents = until(&server, "/api/v1/incidents", |page| !items(page).is_empty()).await;
    assert_eq!(items(&incidents).len(), 1, "{incidents:#}");
    assert_eq!(server.sql("SELECT count(*) FROM alerts WHERE attributes['service'] = 'web'").await.count(), 2);

    let silence = json!({"matchers": "{service=\"web\"}", "duration": "2h", "comment": "known", "created_by": "anna"});
    let (status, made) = post(&server, "/api/v1/silences", &silence).await;
    assert_eq!((status, made["state"].as_str(), made["alerts"].as_u64()), (201, Some("active"), Some(2)), "{made}");
    server.kill9();
    server.restart().await;
    let silences = server.get_json("/alertmanager/api/v2/silences").await;
    assert_eq!(silences[0]["createdBy"], "anna", "{silences:#}");
    let suppressed = server.get_json(&format!("{PATH}?active=false")).await;
    assert_eq!(suppressed.as_array().unwrap().len(), 2, "{suppressed:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_alerts_are_kept_and_what_is_none_is_refused_with_what_would_be_right() {
    let server = Server::start(quick()).await;
    let odd = json!([
        {"labels": {}},
        {"labels": {"alertname": "Big", "text": "x".repeat(1 << 20)}},
        {"labels": {"alertname": "Ahead"}, "startsAt": "2099-01-01T00:00:00Z"},
        {"labels": {"alertname": "Over"}, "startsAt": "now-1m", "endsAt": "now-2m"},
    ]);
    let (status, answer) = post(&server, PATH, &odd).await;
    assert_eq!(status, 200, "{answer}");
    until(&server, "/api/v1/alerts", |page| items(page).len() == 4).await;
    for (path, body, right) in [
        (PATH, json!({"labels": {}}), "a list"),
        (PATH, json!([{"labels": []}]), "alert 0: labels is no object"),
        ("/api/v1/alerts?list=events", json!({"a": 1}), "nothing stands there"),
        ("/api/v1/alerts?map.name=rule", json!({"title": "x"}), "where the mapping looks"),
        ("/api/v1/silences", json!({"matchers": "{}", "duration": "2h", "comment": "c"}), "silence everything"),
        ("/api/v1/silences", json!({"matchers": "{a=\"b\"}", "comment": "c"}), "must end"),
    ] {
        let (status, answer) = post(&server, path, &body).await;
        assert_eq!(status, 400, "{path} {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(right), "{path} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_ten_thousand_alerts_is_a_few_incidents_and_none_is_lost() {
    let server = Server::start(quick()).await;
    let relations: Vec<Value> = (1..100)
        .map(|n| json!({"from": format!("service:s{n}"), "relation": "calls", "to": format!("service:s{}", n / 4)}))
        .collect();
    let put = server.http().put(server.url("/api/v1/catalog/topology")).json(&json!({"relations": relations}));
    assert_eq!(put.send().await.unwrap().status(), 200);
    for batch in 0..20 {
        let alerts: Vec<Value> =
            (0..500).map(|n| alert(&format!("A{batch}-{}", n / 100), &format!("s{}", n % 100))).collect();
        assert_eq!(post(&server, PATH, &json!(alerts)).await.0, 200);
    }
    let heard = "SELECT count(*) FROM alerts";
    for _ in 0..300 {
        if server.sql(heard).await.count() == 10_000 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(server.sql(heard).await.count(), 10_000);
    assert_eq!(server.sql("SELECT count(*) FROM alerts WHERE incident_id IS NULL").await.count(), 0);
    let incidents = server.sql("SELECT count(*) FROM incidents").await.count();
    assert!((1..=20).contains(&incidents), "{incidents} incidents of one estate in one storm");
}
