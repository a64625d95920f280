//! kill -9 in the middle of a storm, and with a full outbox: every alert and every message is there afterwards,
//! none of them twice.

use crate::hook::{Hook, closed_port};
use crate::{items, post, quick, until};
use e2e::environment::now;
use e2e::server::Server;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

const ALERTS: &str = "/alertmanager/api/v2/alerts";
const SILENCES: &str = "/alertmanager/api/v2/silences";
const BATCHES: usize = 12;
const BATCH: usize = 50;

fn alert(name: &str, service: &str) -> Value {
    json!({"labels": {"alertname": name, "service": service, "severity": "high"}})
}

/// Everybody is told by a webhook at this address; the graph knows somebody, so that mere time joins nothing.
async fn configure(server: &Server, url: &str, relations: &Value) {
    let config = json!({
        "network": {"allow": ["127.0.0.1"]},
        "receivers": [{"name": "ops", "webhook": {"url": url}}],
        "route": {"receivers": ["ops"], "group_wait": "0s"},
    });
    let (status, answer) = post(server, "/api/v1/routes", &config).await;
    assert_eq!(status, 200, "{answer}");
    let put = server.http().put(server.url("/api/v1/catalog/topology")).json(&json!({"relations": relations}));
    let put = put.send().await.unwrap();
    assert_eq!(put.status(), 200, "{}", put.text().await.unwrap());
}

async fn count(server: &Server, of: &str) -> i64 {
    server.sql(&format!("SELECT count(*) FROM {of}")).await.count() as i64
}

/// Returns when as many rows are there as should be. The limit only ends a test that has failed.
async fn until_count(server: &Server, of: &str, wanted: i64) {
    for _ in 0..600 {
        if count(server, of).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{of} has {} rows and not {wanted}\n{}", count(server, of).await, server.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_survives_kill_9_with_every_alert_and_every_message_once() {
    let mut server = Server::start(quick()).await;
    let hook = Hook::open().await;
    let relations: Vec<Value> =
        (1..BATCH).map(|n| json!({"from": format!("service:s{n}"), "relation": "calls", "to": "service:s0"})).collect();
    configure(&server, &hook.url(), &json!(relations)).await;
    for batch in 0..BATCHES {
        let alerts: Vec<Value> = (0..BATCH).map(|n| alert(&format!("A{batch}"), &format!("s{n}"))).collect();
        if batch % 4 == 2 {
            // It dies while a batch is on its way: the sender hears nothing, and sends it again.
            let sending = server.http().post(server.url(ALERTS)).json(&alerts).send();
            let sending = tokio::spawn(sending);
            tokio::task::yield_now().await;
            server.kill9();
            let _ = sending.await;
            server.restart().await;
        }
        assert_eq!(post(&server, ALERTS, &json!(alerts)).await.0, 200);
    }
    server.kill9();
    server.restart().await;

    let all = (BATCHES * BATCH) as i64;
    until_count(&server, "alerts", all).await;
    assert_eq!(count(&server, "(SELECT DISTINCT fingerprint FROM alerts)").await, all, "none is there twice");
    assert_eq!(count(&server, "alerts WHERE incident_id IS NULL").await, 0);
    let incidents = count(&server, "incidents").await;
    until_count(&server, "notifications WHERE occasion = 'opened' AND state = 'delivered'", incidents).await;
    until_count(&server, "notifications WHERE state IN ('waiting', 'retrying')", 0).await;
    let openings = hook.openings();
    assert_eq!(openings.len() as i64, incidents, "{openings:?}");
    assert!(openings.values().all(|times| *times == 1), "{openings:?}");
    assert_eq!(count(&server, "notifications WHERE state IN ('dead', 'in_doubt', 'refused')").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_outbox_survives_kill_9_and_is_emptied_when_the_receiver_is_back() {
    const STRANGERS: usize = 30;
    let mut server = Server::start(quick()).await;
    let port = closed_port().await;
    let url = format!("http://{port}/hook");
    configure(&server, &url, &json!([{"from": "service:web", "relation": "calls", "to": "service:order"}])).await;
    let alerts: Vec<Value> = (0..STRANGERS).map(|n| alert("Down", &format!("alone-{n}"))).collect();
    assert_eq!(post(&server, ALERTS, &json!(alerts)).await.0, 200);
    let waits = "notifications WHERE state IN ('waiting', 'retrying')";
    until_count(&server, waits, STRANGERS as i64).await;
    for _ in 0..2 {
        server.kill9();
        server.restart().await;
        until_count(&server, waits, STRANGERS as i64).await;
    }
    let hook = Hook::open_at(port).await;
    let page = until(&server, "/api/v1/notifications?state=delivered", |page| items(page).len() == STRANGERS).await;
    let openings = hook.openings();
    assert_eq!(openings.len(), STRANGERS, "{page:#}");
    assert!(openings.values().all(|times| *times == 1), "{openings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_ends_while_the_server_is_down_holds_nothing_afterwards() {
    let mut server = Server::start(quick()).await;
    let hook = Hook::open().await;
    configure(&server, &hook.url(), &json!([])).await;
    let matcher = json!({"name": "service", "value": "order", "isRegex": false, "isEqual": true});
    let silence = |id: &str, ends: u64| {
        json!({"id": id, "matchers": [matcher], "startsAt": "now-1m", "endsAt": ends.to_string(), "createdBy": "anna",
            "comment": "known"})
    };
    let (hour, second) = (3_600_000_000_000, 1_000_000_000);
    let (status, made) = post(&server, SILENCES, &silence("", now() + hour)).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(post(&server, ALERTS, &json!([alert("Down", "order")])).await.0, 200);
    until_count(&server, "notifications WHERE state = 'held'", 1).await;
    assert_eq!(hook.calls(), 0);
    let (status, changed) =
        post(&server, SILENCES, &silence(made["silenceID"].as_str().unwrap(), now() + second)).await;
    assert_eq!(status, 200, "{changed}");
    server.kill9();
    server.restart().await;
    until_count(&server, "notifications WHERE state = 'delivered'", 1).await;
    assert_eq!(hook.openings().into_values().collect::<Vec<_>>(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_of_two_servers_on_one_directory_one_alone_tells_even_after_it_stood_still() {
    let first = Server::start(quick()).await;
    let hook = Hook::open().await;
    configure(&first, &hook.url(), &json!([])).await;
    assert_eq!(post(&first, ALERTS, &json!([alert("Down", "order")])).await.0, 200);
    until_count(&first, "notifications WHERE state = 'delivered'", 1).await;
    first.signal(Signal::STOP);
    let refused = Server::try_start(quick().in_dir(first.data_dir())).await.expect_err("the directory is taken");
    first.signal(Signal::CONT);
    assert!(refused.output.contains(&format!("in use by process {}", first.pid())), "{}", refused.output);
    // A second alert is told by the one that woke up, and nothing is told twice.
    assert_eq!(post(&first, ALERTS, &json!([alert("Down", "order"), alert("Down", "stock")])).await.0, 200);
    until_count(&first, "alerts", 2).await;
    let incidents = count(&first, "incidents").await;
    until_count(&first, "notifications WHERE occasion = 'opened' AND state = 'delivered'", incidents).await;
    assert!(hook.openings().values().all(|times| *times == 1), "{:?}", hook.openings());
}
