//! One broken service, many symptoms: one incident, one message that names the cause, one that says it is over.

use crate::robot::{Robot, SECRET};
use crate::{estate, items, post, quick, until};
use e2e::environment::now;
use e2e::random;
use e2e::sender::Sender;
use e2e::server::Server;
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

async fn with_robot(server: &Server) -> Robot {
    let (robot, dingtalk) = Robot::open().await;
    let config = json!({
        "network": {"allow": ["127.0.0.1"]},
        "receivers": [{"name": "ops", "dingtalk": dingtalk}],
        "route": {"receivers": ["ops"], "group_wait": "0s"},
    });
    let (status, answer) = post(server, "/api/v1/routes", &config).await;
    assert_eq!(status, 200, "{answer}");
    assert!(!answer.to_string().contains(SECRET), "secrets are shown to nobody");
    robot
}

/// Sends as time goes by until the answer of a path is as wanted.
async fn trade_until(server: &Server, broken: bool, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let (sender, mut random) = (Sender::to(server), random::generator(11));
    let mut last = Value::Null;
    let mut from = now();
    for _ in 0..400 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seconds = (now() - from) / SECOND;
        estate::trade(&sender, &mut random, from, seconds, broken).await;
        from += seconds * SECOND;
        last = server.get_json(path).await;
        if wanted(&last) {
            return last;
        }
    }
    panic!("{path} never became what it should: {last:#}\n{}", server.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_service_is_one_message_that_names_it_and_one_that_says_it_is_over() {
    let server = Server::start(quick()).await;
    let robot = with_robot(&server).await;
    let sender = Sender::to(&server);
    estate::trade(&sender, &mut random::generator(7), now() - 600 * SECOND, 599, false).await;

    let named = |page: &Value| items(page).first().is_some_and(|incident| incident["cause"].is_object());
    let page = trade_until(&server, true, "/api/v1/incidents", named).await;
    assert_eq!(items(&page).len(), 1, "{page:#}");
    let summary = &items(&page)[0];
    assert_eq!(summary["cause"]["entity"], "service:payment", "{summary:#}");
    let id = summary["id"].as_str().unwrap().to_owned();

    let told = |page: &Value| items(page).iter().any(|message| message["state"] == "delivered");
    trade_until(&server, true, "/api/v1/notifications", told).await;
    let texts = robot.texts();
    assert_eq!((texts.len(), robot.refused()), (1, vec![]), "{texts:#?}");
    assert!(texts[0].contains("payment") && texts[0].contains(&id), "{}", texts[0]);

    let detail = server.get_json(&format!("/api/v1/incidents/{id}")).await;
    let alerts = detail["alerts"].as_array().unwrap();
    assert!(alerts.iter().all(|alert| !alert["reason"]["text"]["zh"].as_str().unwrap().is_empty()), "{detail:#}");
    assert!(!detail["causes"][0]["evidence"].as_array().unwrap().is_empty(), "{detail:#}");
    assert!(detail["clocks"]["located_at"].is_string(), "{detail:#}");
    let hurt = server.get_json(&format!("/api/v1/incidents/{id}/impact")).await;
    let requests: Vec<&Value> = items(&hurt).iter().filter(|hurt| hurt["kind"] == "request").collect();
    assert!(!requests.is_empty() && requests.iter().all(|hurt| hurt["trace_id"].is_string()), "{hurt:#}");
    let months = server.get_json("/api/v1/incidents/by-month").await;
    let clocked = |clock: &str| months["items"][0][clock]["count"].as_u64();
    assert_eq!((clocked("told"), clocked("located"), clocked("stopped")), (Some(1), Some(1), Some(0)), "{months:#}");
    let rows = server.sql("SELECT id FROM incidents WHERE cause = 'service:payment'").await;
    assert_eq!(rows.texts("id"), std::slice::from_ref(&id));

    let (status, acknowledged) = post(&server, &format!("/api/v1/incidents/{id}/ack"), &json!({})).await;
    assert_eq!((status, acknowledged["state"].as_str()), (200, Some("acknowledged")), "{acknowledged}");
    let (status, resolved) =
        post(&server, &format!("/api/v1/incidents/{id}/resolve"), &json!({"text": "restarted"})).await;
    assert_eq!((status, resolved["state"].as_str()), (200, Some("resolved")), "{resolved}");
    until(&server, &format!("/api/v1/notifications?incident={id}&state=delivered"), |page| items(page).len() == 2)
        .await;
    let last = robot.texts().pop().unwrap();
    assert!(last.contains(&id) && last != texts[0], "{last}");
}
