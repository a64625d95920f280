//! Endpoints that hang, throttle, fail, or answer 200 with an error: nothing is lost, nothing doubled, and the
//! ledger tells what happened.

use crate::hook::{Hook, Mood};
use crate::{items, post, quick, until};
use e2e::server::Server;
use serde_json::{Value, json};

const ALERTS: &str = "/alertmanager/api/v2/alerts";

async fn told(server: &Server, receiver: &str, state: &str) -> Value {
    let path = format!("/api/v1/notifications?receiver={receiver}&state={state}");
    let page = until(server, &path, |page| !items(page).is_empty()).await;
    assert_eq!(items(&page).len(), 1, "{page:#}");
    items(&page)[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_endpoint_does_each_message_arrives_once_and_the_ledger_tells() {
    let server = Server::start(quick()).await;
    let (no, spare) = (json!({"errcode": 93_000, "errmsg": "invalid webhook url"}), Hook::open().await);
    let wecom = Hook::open().await.always(Mood::Answers(no));
    let feishu =
        Hook::open().await.in_turn([Mood::Answers(json!({"code": 11_232, "msg": "frequency limited"})), Mood::Hangs]);
    let slow = Hook::open().await.in_turn([Mood::Hangs, Mood::Says(429, 1), Mood::Says(503, 1)]);
    let config = json!({
        "network": {"allow": ["127.0.0.1"]},
        "receivers": [
            {"name": "wecom", "wecom": {"url": wecom.url()}, "fallback": "spare"},
            {"name": "feishu", "feishu": {"url": feishu.url()}},
            {"name": "slow", "webhook": {"url": slow.url()}},
            {"name": "spare", "webhook": {"url": spare.url()}},
        ],
        "route": {"receivers": ["wecom", "feishu", "slow"], "group_wait": "0s"},
    });
    let (status, answer) = post(&server, "/api/v1/routes", &config).await;
    assert_eq!(status, 200, "{answer}");
    let alert = json!([{"labels": {"alertname": "Down", "service": "order", "severity": "critical"}}]);
    assert_eq!(post(&server, ALERTS, &alert).await.0, 200);

    let dead = told(&server, "wecom", "dead").await;
    assert!(dead["error"].as_str().unwrap().contains("93000"), "{dead:#}");
    let stand_in = told(&server, "spare", "delivered").await;
    assert_eq!(stand_in["stands_for"], "wecom", "{stand_in:#}");
    let throttled = told(&server, "feishu", "delivered").await;
    let hung = told(&server, "slow", "delivered").await;
    assert_eq!((&throttled["attempts"], &hung["attempts"]), (&json!(3), &json!(4)), "{throttled:#}{hung:#}");
    for (hook, calls) in [(&spare, 1), (&feishu, 3), (&slow, 4)] {
        assert_eq!((hook.taken().len(), hook.calls()), (1, calls), "{:#?}", hook.taken());
    }
    let ledger = server.sql("SELECT count(*) FROM notifications WHERE state IN ('waiting', 'retrying')").await;
    assert_eq!(ledger.count(), 0, "nothing is on its way any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchman_outside_is_called_for_as_long_as_the_server_lives() {
    let mut server = Server::start(quick()).await;
    let watchman = Hook::open().await;
    let config = json!({
        "network": {"allow": ["127.0.0.1"]},
        "deadman": {"url": watchman.url(), "every": "5s"},
    });
    let (status, answer) = post(&server, "/api/v1/routes", &config).await;
    assert_eq!(status, 200, "{answer}");
    until(&server, "/api/v1/routes", |_| watchman.calls() >= 2).await;
    server.kill9();
    let called = watchman.calls();
    server.restart().await;
    until(&server, "/api/v1/routes", |_| watchman.calls() > called).await;
}
