//! Request rates and edges say what the spans say, to the last span: over a kill -9, with parents that come
//! late or before a restart, and on the labelled incidents of others.

use e2e::content::{attribute, label, text};
use e2e::{Sender, Server, Setup, Wire, content, environment, random, skip};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use rand::seq::SliceRandom;
use rand::{Rng, RngCore};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const CONFIG: &str = "[query]\nmemory_bytes_max = \"3GiB\"\npool_bytes_max = \"2GiB\"\ntimeout_default = \"120s\"\n\
                      [rollups]\nreconcile_every = \"1s\"\nreconcile_after = \"3s\"\n";

/// A question of the rollup, the same of the spans, and how many of their columns are the key.
struct Pair {
    spans: &'static str,
    rollup: &'static str,
    keys: usize,
}

macro_rules! reference {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../sql/rollups/", $name))
    };
}

const EDGES: &str = "SELECT CAST(time AS BIGINT), environment, namespace, lane, caller_lane, caller, caller_type, callee, \
     callee_type, kind, sum(calls), sum(errors), sum(limited), sum(duration_sum_ns), sum(unresolved) FROM service_edges \
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 HAVING sum(calls) <> 0 OR sum(errors) <> 0 \
     OR sum(limited) <> 0 OR sum(duration_sum_ns) <> 0 OR sum(unresolved) <> 0";

const RED: Pair = Pair {
    spans: reference!("red.sql"),
    rollup: "SELECT CAST(time AS BIGINT), environment, namespace, lane, service, operation, kind, sum(calls), sum(errors), \
             sum(limited), sum(duration_sum_ns) FROM red GROUP BY 1, 2, 3, 4, 5, 6, 7",
    keys: 7,
};

type Sums = BTreeMap<Vec<String>, Vec<String>>;

async fn sums(server: &Server, sql: &str, keys: usize) -> Sums {
    let rows = server.sql(sql).await.rows;
    let text = |row: Vec<serde_json::Value>| -> Vec<String> { row.iter().map(e2e::rows::text).collect() };
    let split = |row: Vec<String>| (row[..keys].to_vec(), row[keys..].to_vec());
    rows.into_iter().map(|row| split(text(row))).collect()
}

/// Keys whose counts are not the same.
fn differences(spans: &Sums, rollup: &Sums) -> Vec<String> {
    let keys = spans.keys().chain(rollup.keys().filter(|key| !spans.contains_key(*key)));
    let differ = keys.filter(|key| spans.get(*key) != rollup.get(*key));
    differ.map(|key| format!("{key:?}: spans {:?}, rollup {:?}", spans.get(key), rollup.get(key))).collect()
}

async fn edges_of_spans(server: &Server) -> Sums {
    let mut all = sums(server, reference!("calls.sql"), 10).await;
    all.extend(sums(server, reference!("outward.sql"), 10).await);
    all.extend(sums(server, reference!("places.sql"), 10).await);
    all
}

/// Waits until every parent that is stored has been found, and compares.
async fn assert_equal(server: &Server) {
    let (spans, rollup) = (sums(server, RED.spans, RED.keys).await, sums(server, RED.rollup, RED.keys).await);
    assert!(!spans.is_empty());
    assert_eq!(differences(&spans, &rollup), Vec::<String>::new(), "request rates");
    let spans = edges_of_spans(server).await;
    let asked = Instant::now();
    loop {
        let wrong = differences(&spans, &sums(server, EDGES, 10).await);
        if wrong.is_empty() {
            return;
        }
        assert!(asked.elapsed() < Duration::from_secs(60), "edges: {wrong:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

const SERVICES: [&str; 6] = ["gateway", "order", "stock", "payment", "coupon", "mailer"];

/// Spans of one trace, each with the number of its service. Some parents are never sent.
fn trace(random: &mut impl RngCore, start: u64, producers: &mut Vec<Link>) -> Vec<(usize, Span)> {
    let trace_id = random::id::<16>(random);
    let mut spans: Vec<(usize, Span)> = Vec::new();
    for i in 0..random.random_range(3..25) {
        let operation = format!("operation {}", random.random_range(0..6));
        let duration = random.random_range(0..50_000_000);
        let mut span = content::span(random, &operation, start + i * 1_000_000, duration);
        span.trace_id.clone_from(&trace_id);
        span.kind = random.random_range(1..=5);
        span.parent_span_id = match spans.is_empty() || random.random_ratio(1, 30) {
            true if random.random_ratio(1, 2) => random::id::<8>(random),
            true => vec![],
            false => spans[random.random_range(0..spans.len())].1.span_id.clone(),
        };
        let code = if random.random_ratio(1, 8) { 2 } else { 0 };
        span.status = Some(Status { code, message: String::new() });
        span.attributes = attributes(random);
        let link = Link { trace_id: trace_id.clone(), span_id: span.span_id.clone(), ..Link::default() };
        if span.kind == 4 {
            producers.push(link);
        } else if span.kind == 5 && !producers.is_empty() {
            span.links = (0..3).map(|_| producers[random.random_range(0..producers.len())].clone()).collect();
        }
        spans.push((random.random_range(0..SERVICES.len()), span));
    }
    // A sender that repeats itself within a request.
    let again = spans[random.random_range(0..spans.len())].clone();
    spans.push(again);
    spans
}

fn attributes(random: &mut impl RngCore) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    let port = attribute("server.port", content::Any::IntValue(8443));
    let mut all = match random.random_range(0..7) {
        0 => vec![label("db.system.name", "mysql"), label("db.namespace", "orders")],
        1 => vec![label("db.system.name", "redis"), label("server.address", "10.0.0.9"), port],
        2 => vec![label("messaging.system", "kafka"), label("messaging.destination.name", "paid")],
        3 => vec![label("server.address", "10.0.0.7"), port],
        4 => vec![label("server.address", "api.bank.example"), port],
        5 => vec![label("service.peer.name", "a bank")],
        _ => vec![],
    };
    match random.random_range(0..8) {
        0 => all.push(label("lane", "canary")),
        1 => all.push(attribute("load_test", content::Any::BoolValue(true))),
        2 => all.push(attribute("resilience.outcome", text("fallback"))),
        _ => {}
    }
    all
}

/// One request with spans of all services among them.
fn request(spans: &[(usize, Span)]) -> e2e::sender::Request {
    let resource_spans = SERVICES.iter().enumerate().map(|(number, service)| {
        let of_service = spans.iter().filter(|(of, _)| *of == number).map(|(_, span)| span.clone()).collect();
        let attributes = vec![
            label("service.name", *service),
            label("service.namespace", if number % 2 == 0 { "shop" } else { "" }),
            label("deployment.environment.name", "production"),
            label("k8s.pod.name", format!("{service}-7d9f-1")),
        ];
        ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope: content::scope(), spans: of_service, schema_url: String::new() }],
            schema_url: String::new(),
        }
    });
    e2e::sender::Request::Traces(ExportTraceServiceRequest { resource_spans: resource_spans.collect() })
}

#[tokio::test(flavor = "multi_thread")]
async fn rollups_equal_the_self_join_over_all_spans_across_a_kill_minus_9() {
    // Little memory, so that parents are forgotten before their children come.
    let config = format!("{CONFIG}spans_max = 4000\nwaiting_max = 300\n[store]\nflush_rows = 3000\n");
    let mut server = Server::start(Setup::config(&config)).await;
    let mut random = random::generator(31);
    let mut producers = Vec::new();
    let now = environment::now();
    let traces: Vec<_> = (0..900).map(|i| trace(&mut random, now - i * 400_000_000, &mut producers)).collect();
    // Copies lie in the request of their originals; everything else comes in any order, some of it much later.
    let mut pieces: Vec<Vec<(usize, Span)>> = Vec::new();
    for spans in traces {
        let copied = spans.last().unwrap().1.span_id.clone();
        let (twice, once): (Vec<_>, Vec<_>) = spans.into_iter().partition(|(_, span)| span.span_id == copied);
        pieces.push(twice);
        pieces.extend(once.into_iter().map(|one| vec![one]));
    }
    for window in pieces.chunks_mut(2_000) {
        window.shuffle(&mut random);
    }
    let late: Vec<_> = pieces.iter().filter(|_| random.random_ratio(1, 40)).cloned().collect();
    pieces.retain(|piece| !late.contains(piece));
    pieces.extend(late);
    let requests: Vec<_> = pieces.chunks(60).map(|pieces| request(&pieces.concat())).collect();
    for (i, request) in requests.iter().enumerate() {
        if i == requests.len() / 3 || i == requests.len() * 4 / 5 {
            server.kill9();
            server.restart().await;
        }
        Sender::to(&server).send(Wire::HttpProtobuf, request).await.expect_accepted();
    }
    assert_equal(&server).await;
    assert!(server.metric("stormglass_rollup_reconciled_total").await.unwrap() > 0.0, "nothing had to be looked for");
    let flushed = server.command(&["flush", "--compact"]).await;
    assert!(flushed.status.success(), "{flushed:?}");
    assert_equal(&server).await;
    let sketch = "SELECT sketch_quantile(sketch_merge(duration_sketch), 0.95) FROM red WHERE service = 'order'";
    let exact = "SELECT p95(duration_ns) FROM (SELECT DISTINCT trace_id, span_id, kind, duration_ns FROM spans \
                 WHERE service = 'order') AS firsts";
    let (sketch, exact) = (server.sql(sketch).await.count() as f64, server.sql(exact).await.count() as f64);
    assert!((sketch - exact).abs() <= exact * 0.01, "sketch {sketch}, exact {exact}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rollups_of_the_labelled_incidents_equal_the_self_join() {
    let dir = environment::variable("STORMGLASS_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let cases = dir.join("nezha").join("cases");
    if !cases.is_dir() {
        skip!("rollups_of_the_labelled_incidents_equal_the_self_join", "{} is not here", cases.display());
    }
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(cases).unwrap().flatten().map(|entry| entry.path()).collect();
    dirs.sort();
    let server = Server::start(Setup::config(CONFIG)).await;
    // Every fifth: of both systems, and the one that has spans twice among them or not.
    for dir in dirs.iter().step_by(5) {
        let output = server.command(&["import", dir.to_str().unwrap()]).await;
        assert!(output.status.success(), "{output:?}");
    }
    server.flush().await;
    assert_equal(&server).await;
}
