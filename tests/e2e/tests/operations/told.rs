//! What is told by HTTP: business events, changes, heartbeats, pings; on the disk when it is answered.

use e2e::content::{self, label};
use e2e::environment::now;
use e2e::random;
use e2e::sender::{Sender, Wire};
use e2e::server::{Server, Setup};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Value, json};

const PING_KEY: &str = "key-0123456789abcdef";
const CONFIG: &str = "[heartbeats]\nping_key = \"key-0123456789abcdef\"\npings = [\"nightly=f0a1b2c3d4e5f607\"]\n";

async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let response = server.http().post(server.url(path)).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn post_text(server: &Server, path: &str, body: &'static str) -> (u16, String) {
    let response = server.http().post(server.url(path)).body(body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_outlives_kill_9() {
    let mut server = Server::start(Setup::config(CONFIG)).await;
    let change = json!({ "kind": "config", "target": "order-service", "version": "42", "author": "anna" });
    assert_eq!(
        post(&server, "/api/v1/changes", &change).await,
        (200, json!({ "stored": 1, "shape": "stormglass", "ignored": null }))
    );
    let event = json!({ "operation": "refund", "operation_id": "op-9", "actor": "K1",
        "entities": [{ "type": "order", "id": "O1", "before": { "status": "paid" }, "after": { "status": "refunded" } }] });
    assert_eq!(post(&server, "/api/v1/business-events", &event).await, (200, json!({ "stored": 1 })));
    assert_eq!(post(&server, "/api/v1/heartbeats/backup/start?rid=r1", &json!("go")).await.0, 200);
    assert_eq!(post_text(&server, "/api/v1/heartbeats/backup/3?rid=r1", "disk full").await.0, 200);
    server.kill9();
    server.restart().await;

    let changes = server.get_json("/api/v1/changes?target=order-service").await;
    let told = &items(&changes)[0];
    assert_eq!(
        (told["kind"].as_str(), told["version"].as_str(), told["source"].as_str()),
        (Some("config"), Some("42"), Some("api"))
    );
    let events = server.get_json("/api/v1/business-events?operation=refund").await;
    let told = &items(&events)[0];
    assert_eq!((told["actor"].as_str(), told["source"].as_str()), (Some("K1"), Some("http")));
    assert_eq!(told["entities"][0]["before"], r#"{"status":"paid"}"#);
    let beats = server.get_json("/api/v1/heartbeats").await;
    let backup = &items(&beats)[0];
    assert_eq!((backup["status"].as_str(), backup["exit_status"].as_i64()), (Some("fail"), Some(3)));
    assert_eq!((backup["text"].as_str(), backup["run_id"].as_str()), (Some("disk full"), Some("r1")));
    assert!(backup["duration_ns"].as_i64().unwrap() >= 0 && backup["last_start"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_sent_again_is_one() {
    let server = Server::start(Setup::default()).await;
    let now = now().to_string();
    let event = json!({ "operation": "refund", "operation_id": "op-9", "time": now });
    for _ in 0..3 {
        assert_eq!(post(&server, "/api/v1/business-events", &event).await.0, 200);
    }
    assert_eq!(server.sql("SELECT count(*) FROM business_events").await.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_need_their_secret_and_nothing_else() {
    let server = Server::start(Setup::config(CONFIG)).await;
    let get = async |path: &str| {
        let response = server.http().get(server.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(get("/ping/f0a1b2c3d4e5f607/start").await, (200, "OK".into()));
    assert_eq!(get("/ping/f0a1b2c3d4e5f607").await, (200, "OK".into()));
    assert_eq!(
        post_text(&server, &format!("/ping/{PING_KEY}/printer-7/fail"), "out of paper").await,
        (200, "OK".into())
    );
    let head = server.http().head(server.url(&format!("/ping/{PING_KEY}/till-1?rid=a"))).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()["ping-body-limit"].to_str().unwrap()), (200, "10000"));
    for wrong in ["/ping/f0a1b2c3d4e5f608", "/ping/f0a1b2c3d4e5f607/stop", "/ping/x/y/z", &format!("/ping/{PING_KEY}")]
    {
        assert_eq!(get(wrong).await.0, 404, "{wrong}");
    }
    let beats = server.get_json("/api/v1/heartbeats").await;
    let standing: Vec<(&str, &str)> =
        items(&beats).iter().map(|b| (b["name"].as_str().unwrap(), b["status"].as_str().unwrap())).collect();
    assert_eq!(standing, [("nightly", "ok"), ("printer-7", "fail"), ("till-1", "ok")]);
    assert_eq!(server.sql("SELECT DISTINCT source FROM heartbeats").await.texts("source"), ["ping"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_found_by_the_first_sight_of_a_version() {
    let server = Server::start(Setup::default()).await;
    let sender = Sender::to(&server);
    let mut random = random::generator(random::seed("operations::releases"));
    let now = now();
    for (service, version, pod) in [
        ("pay", "1.0", "pay-0"),
        ("still", "7", "still-0"),
        ("pay", "1.1", "pay-0"),
        ("pay", "1.1", "pay-1"),
        ("still", "7", "still-1"),
    ] {
        let mut request = content::traces(service, vec![content::span(&mut random, "GET /", now, 1_000)]);
        if let e2e::sender::Request::Traces(traces) = &mut request {
            let attributes: Vec<KeyValue> = vec![
                label("service.name", service),
                label("service.version", version),
                label("service.instance.id", pod),
            ];
            traces.resource_spans[0].resource.as_mut().unwrap().attributes = attributes;
        }
        sender.send(Wire::Grpc, &request).await.expect_accepted();
    }
    let changes = server.get_json("/api/v1/changes").await;
    assert_eq!(items(&changes).len(), 1, "a version that stays makes no marker: {changes}");
    let release = &items(&changes)[0];
    assert_eq!(
        (
            release["kind"].as_str(),
            release["target"].as_str(),
            release["version"].as_str(),
            release["previous_version"].as_str()
        ),
        (Some("release"), Some("pay"), Some("1.1"), Some("1.0"))
    );
    assert_eq!(release["instances"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_gives_another_variant_is_a_change_and_is_told_in_the_stories_of_its_service() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let (mut random, start) = (random::generator(random::seed("operations::flags")), now() - 60_000_000_000);
    let evaluated = |variant: &str, at: u64| {
        let attributes =
            vec![label("feature_flag.key", "fast-checkout"), label("feature_flag.result.variant", variant)];
        let record = content::record(start + at, "evaluated");
        LogRecord { event_name: "feature_flag.evaluation".into(), attributes, ..record }
    };
    let records = vec![evaluated("off", 0), evaluated("off", 1_000), evaluated("on", 30_000_000_000)];
    sender.send(Wire::Grpc, &content::logs("cart", records)).await.expect_accepted();
    let mut span = content::span(&mut random, "POST /carts", start + 40_000_000_000, 1_000_000);
    span.attributes.push(label("order.id", "F-1"));
    sender.send(Wire::Grpc, &content::traces("cart", vec![span])).await.expect_accepted();
    let changes = server.get_json("/api/v1/changes?kind=feature_flag").await;
    assert_eq!(items(&changes).len(), 1, "{changes:#}");
    let change = &items(&changes)[0];
    assert_eq!(
        (&change["target"], &change["previous_version"], &change["version"]),
        (&json!("fast-checkout"), &json!("off"), &json!("on"))
    );
    let story = server.get_json("/api/v1/operations?key=order.id&value=F-1").await;
    let told = items(&story).iter().find(|item| item["kind"] == "change");
    assert_eq!(told.map(|item| &item["change"]["target"]), Some(&json!("fast-checkout")), "{story:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_tells_the_alerts_of_its_services_and_their_incident() {
    let config = "[alerting]\nstep = \"1s\"\nlateness = \"1s\"\nidle = \"2s\"\n";
    let server = Server::start(Setup::config(config)).await;
    let mut random = random::generator(random::seed("operations::alerts"));
    let mut span = content::span(&mut random, "POST /orders", now() - 5_000_000_000, 1_000_000);
    span.attributes.push(label("order.id", "A-1"));
    let request = content::traces("order-service", vec![span]);
    Sender::to(&server).send(Wire::Grpc, &request).await.expect_accepted();
    let alert =
        |name: &str, service: &str| json!({"labels": {"alertname": name, "service": service, "severity": "critical"}});
    let alerts = json!([alert("Errors", "order-service"), alert("Elsewhere", "another-service")]);
    let sent = server.http().post(server.url("/alertmanager/api/v2/alerts")).json(&alerts).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let path = "/api/v1/operations?key=order.id&value=A-1";
    let of = |story: &Value, source: &str| -> Vec<Value> {
        items(story).iter().filter(|item| item["kind"] == "alert" && item["source"] == source).cloned().collect()
    };
    let mut story = server.get_json(path).await;
    for _ in 0..300 {
        if !of(&story, "alerts").is_empty() && !of(&story, "incidents").is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        story = server.get_json(path).await;
    }
    let (alerts, incidents) = (of(&story, "alerts"), of(&story, "incidents"));
    assert_eq!((alerts.len(), incidents.len()), (1, 1), "{story:#}");
    assert_eq!((&alerts[0]["name"], &alerts[0]["service"]), (&json!("Errors"), &json!("order-service")));
    assert_eq!(alerts[0]["keys"]["incident.id"], incidents[0]["keys"]["incident.id"]);
    assert!(alerts[0]["why"].as_str().unwrap().contains("took part"), "{story:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_open_and_what_tells_of_nothing_is_listed() {
    let server = Server::start(Setup::config("[operations]\ndeadlines = [\"buy tea=1m\"]\n")).await;
    let now = now() as i64;
    let ago = |seconds: i64| (now - seconds * 1_000_000_000).to_string();
    let event = |id: &str, phase: &str, seconds: i64| json!({ "operation": "buy tea", "operation_id": id, "phase": phase, "time": ago(seconds) });
    let mut own = event("patient", "create", 120);
    own["deadline_ns"] = json!(3_600_000_000_000_i64);
    let events = json!([
        event("stuck", "create", 120),
        event("done", "create", 120),
        event("done", "complete", 100),
        event("young", "create", 10),
        own
    ]);
    assert_eq!(post(&server, "/api/v1/business-events", &events).await, (200, json!({ "stored": 5 })));
    let open = server.get_json("/api/v1/business-events?open=true").await;
    let stuck: Vec<&str> = items(&open).iter().map(|e| e["operation_id"].as_str().unwrap()).collect();
    assert_eq!(stuck, ["stuck"]);
    assert!((59_000_000_000..90_000_000_000).contains(&items(&open)[0]["overdue_ns"].as_i64().unwrap()));
    let sooner = server.get_json("/api/v1/business-events?open=true&deadline=5s").await;
    assert_eq!(items(&sooner).len(), 3);

    let mut random = random::generator(random::seed("operations::uncovered"));
    let mut told = content::span(&mut random, "POST /orders", now as u64, 1_000);
    told.attributes = vec![label("http.request.method", "POST"), label("http.route", "/orders")];
    let mut silent = content::span(&mut random, "DELETE /orders/{id}", now as u64, 1_000);
    silent.attributes = vec![label("http.request.method", "DELETE"), label("http.route", "/orders/{id}")];
    let mut read = content::span(&mut random, "GET /orders", now as u64, 1_000);
    read.attributes = vec![label("http.request.method", "GET"), label("http.route", "/orders")];
    let trace: String = told.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    Sender::to(&server).send(Wire::Grpc, &content::traces("shop", vec![told, silent, read])).await.expect_accepted();
    let covering = json!({ "operation": "buy tea", "operation_id": "x", "trace_id": trace, "service": "shop" });
    assert_eq!(post(&server, "/api/v1/business-events", &covering).await.0, 200);
    let uncovered = server.get_json("/api/v1/business-events/uncovered").await;
    assert_eq!(
        uncovered["items"],
        json!([{ "service": "shop", "method": "DELETE", "route": "/orders/{id}", "calls": 1 }])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_question_is_told_what_would_be_right() {
    let server = Server::start(Setup::default()).await;
    for (path, says) in [
        ("/api/v1/operations", "give one of"),
        ("/api/v1/operations?key=order.id", "key and value belong together"),
        ("/api/v1/operations?trace_id=1", "32 hexadecimal digits"),
        ("/api/v1/operations?request_id=a&limit=0", "from 1 to 10000"),
        ("/api/v1/entities/order/1?form=now", "did you mean \"from\"?"),
        ("/api/v1/business-events?open=maybe", "true or false"),
        ("/api/v1/business-events?deadline=1m", "open=true"),
        ("/api/v1/changes?from=now&to=now-1h", "from must be before to"),
        ("/api/v1/heartbeats?status=dead", "start, ok or fail"),
        ("/api/v1/changes?cursor=x", "none of this server"),
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status(), 400, "{path}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(says), "{path}: {problem}");
    }
    for (path, body, says) in [
        ("/api/v1/changes", json!({ "hello": 1 }), "no shape that is known"),
        ("/api/v1/business-events", json!({ "operation": "x" }), "neither operation_id nor entities"),
        ("/api/v1/heartbeats/a/stop", json!(""), "an exit status from 0 to 255"),
    ] {
        let (status, problem) = post(&server, path, &body).await;
        assert_eq!(status, 400, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{path}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_the_settings_makes_events_of_what_names_its_values_otherwise() {
    let rule = "[[operations.extract]]\nname = \"erp\"\nfrom = \"spans\"\nwhere = { service = \"erp\", \"http.route\" = \"/erp/*\" }\n\
         map = { operation = \"'save order'\", actor = \"erp.user\" }\nentities = [{ type = \"'order'\", id = \"erp.no\", after = \"erp.new\" }]\n";
    let mut server = Server::start(Setup::config(rule)).await;
    let mut random = random::generator(random::seed("operations::rule"));
    let mut saved = content::span(&mut random, "POST", now(), 1_000);
    saved.attributes = vec![
        label("http.route", "/erp/save"),
        label("erp.no", "4711"),
        label("erp.user", "anna"),
        label("erp.new", "open"),
    ];
    let mut other = content::span(&mut random, "GET", now(), 1_000);
    other.attributes = vec![label("http.route", "/shop"), label("erp.no", "4711")];
    Sender::to(&server).send(Wire::Grpc, &content::traces("erp", vec![saved, other])).await.expect_accepted();
    server.kill9();
    server.restart().await;
    let history = server.get_json("/api/v1/entities/order/4711").await;
    assert_eq!(items(&history).len(), 1, "the replay derives what the request did");
    let event = &items(&history)[0];
    assert_eq!(
        (event["operation"].as_str(), event["actor"].as_str(), event["after"].as_str(), event["source"].as_str()),
        (Some("save order"), Some("anna"), Some("open"), Some("rule:erp"))
    );
    let refused = Server::try_start(Setup::config(&rule.replace("erp.no", "'7'"))).await.unwrap_err();
    assert!(format!("{refused:?}").contains("reads no id from an attribute"), "{refused:?}");
}
