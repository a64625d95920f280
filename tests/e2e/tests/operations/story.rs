//! One order: placed over REST, two messages on their way, one of them lost to its trace, a job, and
//! values before and after. Its number tells all of it.

use e2e::content::{self, Any, attribute, label};
use e2e::environment::now;
use e2e::random::{self, id};
use e2e::sender::{Sender, Wire};
use e2e::server::{Server, Setup};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use rand::rngs::SmallRng;
use serde_json::Value;

const ORDER: &str = "O-4711";
const SECOND: u64 = 1_000_000_000;

fn keys() -> Vec<KeyValue> {
    vec![label("order.id", ORDER), label("store.id", "S1"), label("tenant.id", "T1")]
}

fn entities(before: &str, after: &str) -> KeyValue {
    let fields = vec![label("type", "order"), label("id", ORDER), label("before", before), label("after", after)];
    let entity = AnyValue { value: Some(Any::KvlistValue(KeyValueList { values: fields })) };
    attribute("business.entities", Any::ArrayValue(ArrayValue { values: vec![entity] }))
}

fn event(of: &Span, phase: &str, (before, after): (&str, &str)) -> LogRecord {
    let mut attributes = vec![
        label("business.operation.id", "op-1"),
        label("business.operation.name", "buy tea"),
        label("business.operation.phase", phase),
        label("business.actor.id", "U1"),
        label("request.id", "req-1"),
        entities(before, after),
    ];
    attributes.extend(keys());
    LogRecord {
        event_name: "business.operation".into(),
        trace_id: of.trace_id.clone(),
        span_id: of.span_id.clone(),
        attributes,
        ..content::record(of.start_time_unix_nano + 1_000, "order")
    }
}

/// The parts of the story that a test looks at.
struct Sent {
    placed: Span,
    points: Span,
    lost: Span,
    job: Span,
    settled: Span,
}

fn child(random: &mut SmallRng, of: &Span, name: &str, kind: i32, after: u64) -> Span {
    let mut span = content::span(random, name, of.start_time_unix_nano + after, 1_000_000);
    span.trace_id.clone_from(&of.trace_id);
    span.parent_span_id.clone_from(&of.span_id);
    span.kind = kind;
    span
}

async fn send(server: &Server) -> Sent {
    let mut random = random::generator(random::seed("operations::story"));
    let start = now() - 60 * SECOND;
    let mut placed = content::span(&mut random, "POST /orders", start, 20_000_000);
    placed.attributes = keys();
    placed.attributes.push(label("request.id", "req-1"));
    let mut statement = child(&mut random, &placed, "INSERT t_order", 3, 1_000_000);
    statement.attributes = vec![label("db.query.text", "INSERT INTO t_order VALUES (?)")];
    let mut sent = child(&mut random, &placed, "send ORDER_CREATED", 4, 2_000_000);
    sent.attributes = vec![label("messaging.message.id", "m-1")];
    // The first consumer is linked; the second lost its context and knows the message's id alone.
    let mut points = content::span(&mut random, "process ORDER_CREATED", start + SECOND, 5_000_000);
    points.kind = 5;
    points.links = vec![Link { trace_id: sent.trace_id.clone(), span_id: sent.span_id.clone(), ..Link::default() }];
    let mut lost = content::span(&mut random, "process ORDER_CREATED", start + 2 * SECOND, 5_000_000);
    lost.kind = 5;
    lost.attributes = vec![label("messaging.message.id", "m-1")];
    // The job settles two orders in one trace.
    let mut job = content::span(&mut random, "job settlement", start + 30 * SECOND, 3 * SECOND);
    job.kind = 1;
    job.attributes = vec![label("job.name", "settlement")];
    let mut settled = child(&mut random, &job, "settle order", 1, SECOND);
    settled.attributes = keys();
    let mut other = child(&mut random, &job, "settle order", 1, 2 * SECOND);
    other.attributes = vec![label("order.id", "O-9999"), label("store.id", "S1")];
    let mut elsewhere = content::span(&mut random, "POST /orders", start, 1_000_000);
    elsewhere.attributes = vec![label("order.id", ORDER), label("store.id", "S2")];
    let mut plain = LogRecord {
        trace_id: id::<16>(&mut random),
        ..content::record(start + 3 * SECOND, "till: uber-trace-id missing")
    };
    plain.trace_id.clear();
    let traced = placed.trace_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    plain.body = content::value(content::text(format!("till printed, uber-trace-id={traced}:1:0:1")));
    let sender = Sender::to(server);
    for (service, spans) in [
        ("order-service", vec![placed.clone(), statement, sent]),
        ("points", vec![points.clone()]),
        ("kitchen", vec![lost.clone()]),
        ("settlement", vec![job.clone(), settled.clone(), other]),
        ("order-service", vec![elsewhere]),
    ] {
        sender.send(Wire::Grpc, &content::traces(service, spans)).await.expect_accepted();
    }
    let events = vec![event(&placed, "create", ("", "placed")), event(&settled, "complete", ("placed", "settled"))];
    sender.send(Wire::HttpProtobuf, &content::logs("order-service", events)).await.expect_accepted();
    sender.send(Wire::HttpJson, &content::logs("till", vec![plain])).await.expect_accepted();
    Sent { placed, points, lost, job, settled }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `kind name` of every item, in the order told.
fn told(story: &Value) -> Vec<String> {
    let item = |item: &Value| format!("{} {}", item["kind"].as_str().unwrap(), item["name"].as_str().unwrap());
    story["items"].as_array().unwrap().iter().map(item).collect()
}

fn check(story: &Value, sent: &Sent) {
    let told = told(story);
    for part in [
        "request POST /orders",
        "span INSERT t_order",
        "message send ORDER_CREATED",
        "business buy tea",
        "message process ORDER_CREATED",
        "job job settlement",
        "span settle order",
    ] {
        assert!(told.iter().any(|item| item == part), "{part} is missing in {told:#?}");
    }
    assert_eq!(told.iter().filter(|item| *item == "message process ORDER_CREATED").count(), 2, "two consumers");
    assert_eq!(
        told.iter().filter(|item| *item == "span settle order").count(),
        1,
        "the other order's part is not told"
    );
    assert!(told.iter().any(|item| item.starts_with("log")), "the till's record is told: {told:#?}");
    let times: Vec<&str> = story["items"].as_array().unwrap().iter().map(|i| i["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "one axis");
    for span in [&sent.placed, &sent.points, &sent.lost, &sent.job] {
        let trace = hex(&span.trace_id);
        assert!(story["trace_ids"].as_array().unwrap().iter().any(|id| id == trace.as_str()), "{}", span.name);
    }
    assert_eq!(story["request_ids"], serde_json::json!(["req-1"]));
    let operation = &story["operations"][0];
    assert_eq!((operation["operation_id"].as_str(), operation["outcome"].as_str()), (Some("op-1"), Some("unknown")));
    assert!(operation["completed"].is_string() && operation["took_ns"].as_i64().unwrap() > 30_000_000_000);
    let entity = &operation["entities"][0];
    assert_eq!((entity["before"].as_str(), entity["after"].as_str()), (Some(""), Some("settled")));
    assert_eq!(story["others"][0]["marks"][0], serde_json::json!({ "key": "store.id", "value": "S2" }));
    assert_eq!(story["complete"], true, "{}", story["incomplete_reason"]);
}

/// Time, kind, service, name, ids and reason of every item, as the API tells it.
async fn from_api(server: &Server) -> Vec<Vec<Value>> {
    let story = server.get_json(&format!("/api/v1/operations?key=order.id&value={ORDER}")).await;
    let keys = ["time", "kind", "service", "name", "trace_id", "span_id", "why", "source"];
    let item = |item: &Value| keys.iter().map(|key| item[*key].clone()).collect();
    let items: Vec<Vec<Value>> = story["items"].as_array().unwrap().iter().map(item).collect();
    assert!(items.len() > 5, "{story}");
    items
}

/// The same, as `operation_timeline` has it.
async fn in_sql(server: &Server) -> Vec<Vec<Value>> {
    let columns = "time, kind, service, what, trace_id, span_id, why, source";
    let sql = format!("SELECT DISTINCT item, {columns} FROM operation_timeline('order.id', '{ORDER}') ORDER BY item");
    let answer = server.sql(&sql).await;
    answer.rows.iter().map(|row| row[1..].to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_number_tells_the_whole_story_before_and_after_kill_9() {
    let mut server = Server::start(Setup::default()).await;
    let sent = send(&server).await;
    let by_number = format!("/api/v1/operations?key=order.id&value={ORDER}&attr.store.id=S1");
    check(&server.get_json(&by_number).await, &sent);

    let by_request = server.get_json("/api/v1/operations?request_id=req-1").await;
    let by_trace = server.get_json(&format!("/api/v1/operations?trace_id={}", hex(&sent.placed.trace_id))).await;
    check(&by_request, &sent);
    check(&by_trace, &sent);

    let lost = hex(&sent.lost.trace_id);
    let why = by_trace["items"].as_array().unwrap().iter().find(|item| item["trace_id"] == lost.as_str()).unwrap();
    assert!(why["why"].as_str().unwrap().contains("the same message m-1"), "{why}");
    assert!(why["confidence"].as_f64().unwrap() > 0.99);

    assert_eq!(in_sql(&server).await, from_api(&server).await, "SQL tells the same story");

    let history = server.get_json(&format!("/api/v1/entities/order/{ORDER}")).await;
    let values: Vec<(&str, &str)> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["before"].as_str().unwrap(), item["after"].as_str().unwrap()))
        .collect();
    assert_eq!(values, [("placed", "settled"), ("", "placed")], "newest first");
    let person = server.get_json("/api/v1/entities/actor/U1").await;
    assert_eq!(person["items"].as_array().unwrap().len(), 2);
    assert_eq!(person["items"][0]["span_id"], hex(&sent.settled.span_id).as_str());

    server.kill9();
    server.restart().await;
    check(&server.get_json(&by_number).await, &sent);
    server.flush().await;
    check(&server.get_json(&by_number).await, &sent);
    assert_eq!(server.sql("SELECT count(*) FROM entity_changes").await.count(), 2, "no row stands twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_given_in_pages_that_make_it_whole() {
    let server = Server::start(Setup::default()).await;
    send(&server).await;
    let path = format!("/api/v1/operations?key=order.id&value={ORDER}&attr.store.id=S1");
    let whole = told(&server.get_json(&path).await);
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get_json(&format!("{path}&limit=3{cursor}")).await;
        pages.extend(told(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(pages, whole);
    let wrong = server.get(&format!("/api/v1/operations?key=order.id&value={ORDER}{cursor}")).await;
    assert_eq!(wrong.status(), 400, "a cursor of another question");
}
