//! The story of the demo: something is broken in the company, one message says what, and when it is mended, one
//! says that it is over. Everything is as after install.

use crate::robot::Robot;
use crate::{items, post};
use e2e::server::{Server, Setup};
use serde_json::{Value, json};
use std::time::Duration;

const FAULT: &str = "/api/v1/demo/faults/connection_pool";
/// Looks before something counts as never coming: symptoms fade for minutes after a fault, and on a busy machine
/// everything takes its time. It ends a test that has failed, nothing else.
const LOOKS_MAX: usize = 1_500;
const LOOK_EVERY: Duration = Duration::from_millis(400);

async fn until(server: &Server, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..LOOKS_MAX {
        last = server.get_json(path).await;
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("{path} never became what it should: {last:#}\n{}", server.output());
}

async fn company() -> (Server, Robot) {
    let arguments = ["--history", "4m", "--seed", "7"].map(str::to_owned).to_vec();
    let server = Server::start(Setup { demo: true, arguments, ..Setup::default() }).await;
    let (robot, dingtalk) = Robot::open().await;
    let config = json!({
        "language": "en",
        "network": {"allow": ["127.0.0.1"]},
        "receivers": [{"name": "ops", "dingtalk": dingtalk}],
        "route": {"receivers": ["ops"]},
    });
    let (status, answer) = post(&server, "/api/v1/routes", &config).await;
    assert_eq!(status, 200, "{answer}");
    (server, robot)
}

/// What is usual has to be known before anything can be unusual: all that is in has been judged.
async fn settled(server: &Server) {
    let calls = "SELECT count(*) FROM red WHERE service = 'payment-service' AND time > now() - INTERVAL '1 minute'";
    let is_behind = |seconds: Option<f64>| seconds.is_none_or(|seconds| seconds > 30.0);
    while server.sql(calls).await.count() < 3 || is_behind(server.metric("stormglass_watch_behind_seconds").await) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn is_the_leak(incident: &&Value) -> bool {
    incident["cause"]["entity"] == "service:payment-service" && incident["cause"]["kind"] == "connection_pool"
}

/// The incident that names the leaking service, once people were told of it.
async fn told(server: &Server) -> String {
    let page = until(server, "/api/v1/incidents", |page| items(page).iter().any(|one| is_the_leak(&one))).await;
    let id = items(&page).iter().find(is_the_leak).unwrap()["id"].as_str().unwrap().to_owned();
    let opened = |page: &Value| items(page).iter().any(|message| message["occasion"] == "opened");
    until(server, &format!("/api/v1/notifications?incident={id}&state=delivered"), opened).await;
    id
}

/// The suspect release, the hurt operations, and every symptom with its reason. The message does not wait for the
/// symptoms: they join what has been told.
async fn explained(server: &Server, id: &str) {
    let listed = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let suspects = |incident: &Value| {
        listed(&incident["changes"]).iter().any(|change| {
            change["suspect"] == true && change["target"].as_str().is_some_and(|of| of.contains("payment-service"))
        })
    };
    let hurts = |incident: &Value| {
        listed(&incident["impact"]["operations"]).iter().any(|hurt| hurt["failed"].as_u64() > Some(0))
    };
    let has_symptoms = |incident: &Value| listed(&incident["alerts"]).iter().any(|alert| alert["role"] == "symptom");
    let whole = |incident: &Value| suspects(incident) && hurts(incident) && has_symptoms(incident);
    let detail = until(server, &format!("/api/v1/incidents/{id}"), whole).await;
    let alerts = detail["alerts"].as_array().unwrap();
    for alert in alerts {
        let reason = &alert["reason"]["text"];
        assert!(
            [&reason["en"], &reason["zh"]].iter().all(|text| text.as_str().is_some_and(|t| !t.is_empty())),
            "{alert:#}"
        );
    }
    assert_eq!(detail["team"], "payment", "whose it is comes from the company's catalog: {detail:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_company_is_one_message_with_its_cause_and_one_when_it_is_over() {
    let (server, robot) = company().await;
    settled(&server).await;
    let (status, started) = post(&server, FAULT, &json!({})).await;
    assert_eq!((status, started["state"].as_str()), (200, Some("on")), "{started}");

    let id = told(&server).await;
    let ours = || -> Vec<String> { robot.texts().into_iter().filter(|text| text.contains(&id)).collect() };
    explained(&server, &id).await;
    // The cause, the release that is suspected, an operation that is hurt.
    let names_all = |text: &String| ["payment-service", "5.1.0", "POST /"].iter().all(|named| text.contains(named));
    until(&server, "/api/v1/demo/scorecard", |card| items(card).iter().any(|item| item["verdict"] == "right")).await;

    let ended = server.authorized(server.http().delete(server.url(FAULT))).send().await.unwrap();
    assert_eq!(ended.status().as_u16(), 200);
    let over = |page: &Value| items(page).iter().any(|message| message["occasion"] == "resolved");
    until(&server, &format!("/api/v1/notifications?incident={id}&state=delivered"), over).await;

    let page = server.get_json(&format!("/api/v1/notifications?incident={id}&state=delivered")).await;
    let opened = items(&page).iter().filter(|message| message["occasion"] == "opened").count();
    assert_eq!(opened, 1, "{page:#}");
    let texts = ours();
    assert!(texts.iter().any(names_all), "{texts:#?}");
    let last = texts.last().unwrap();
    assert!(last.contains("Resolved") && last.contains("payment-service") && last.contains("lasted"), "{last}");
    assert!(last.contains("detected after") && last.contains("cause found after"), "{last}");
    let detail = server.get_json(&format!("/api/v1/incidents/{id}")).await;
    for clock in ["fault_at", "detected_at", "notified_at", "located_at", "mitigated_at", "resolved_at"] {
        assert!(detail["clocks"][clock].is_string(), "{clock}: {detail:#}");
    }
    assert_eq!(robot.refused(), Vec::<String>::new());
}
