//! Much of one thing: names, tenants, spans of one trace. Correct, bounded, and said in the answer.

use crate::shop::{MS, hex, id, trace_id};
use e2e::content::{self, label};
use e2e::{Sender, Server, Wire, environment};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

/// Spans of one request: as many as an SDK would hardly send.
const A_REQUEST: usize = 20_000;

async fn send(server: &Server, service: &str, spans: Vec<Span>) {
    let sender = Sender::to(server);
    for some in spans.chunks(A_REQUEST) {
        sender.send(Wire::HttpProtobuf, &content::traces(service, some.to_vec())).await.expect_accepted();
    }
}

/// A call of its own trace.
fn call(number: u64, name: String, start: u64) -> Span {
    Span {
        trace_id: trace_id(number),
        span_id: id::<8>(number),
        name,
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 3 * MS,
        ..Span::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_operation_names_and_one_of_a_megabyte_are_counted_and_bounded() {
    const NAMES: u64 = 100_000;
    let server = Server::default().await;
    let base = environment::now() - 60_000 * MS;
    let long = "n".repeat(1 << 20);
    let mut spans: Vec<Span> = (1..=NAMES).map(|n| call(n, format!("op-{n}"), base + n)).collect();
    spans.push(call(NAMES + 1, long.clone(), base));
    send(&server, "loud", spans).await;
    let counted = "SELECT count(*), count(DISTINCT operation), max(octet_length(operation)) FROM spans";
    assert_eq!(server.sql(counted).await.rows, [[json!(NAMES + 1), json!(NAMES + 1), json!(1 << 20)]]);

    // Every call is counted; names beyond the bound share one.
    let rates = "SELECT sum(calls), count(DISTINCT operation) FROM red WHERE service = 'loud'";
    let rates = server.sql(rates).await.rows[0].clone();
    assert_eq!(rates[0], json!(NAMES + 1));
    assert!(rates[1].as_u64().unwrap() <= 100_000, "{rates:?}");
    let overflow = "SELECT sum(calls) > 0 FROM red WHERE operation = '__overflow__'";
    assert_eq!(server.sql(overflow).await.rows, [[json!(true)]]);

    let graph = server.get_json("/api/v1/graph?level=operation&from=now-10m").await;
    let nodes = graph["nodes"].as_array().unwrap().len();
    assert!((1..=2_000).contains(&nodes), "{nodes}");
    assert_eq!(graph["complete"], json!(false));
    assert!(graph["incomplete_reason"].as_str().unwrap().contains("nodes_max"), "{}", graph["incomplete_reason"]);
    let services = server.get_json("/api/v1/graph?from=now-10m").await;
    assert_eq!((&services["nodes"][0]["calls"], &services["complete"]), (&json!(NAMES + 1), &json!(true)));

    let found = server.get_json("/api/v1/traces?service=loud&operation=op-77777&from=now-10m").await;
    assert_eq!(found["items"][0]["trace_id"], json!(hex(&trace_id(77_777))));
    let trace = server.get_json(&format!("/api/v1/traces/{}", hex(&trace_id(NAMES + 1)))).await;
    assert_eq!(trace["spans"][0]["operation"], json!(long), "what was sent is shown as sent");
    let known = server.get_json("/jaeger/api/services/loud/operations").await;
    assert!(known["errors"].is_null() && known["data"].as_array().unwrap().len() > 100, "{}", known["errors"]);
}

/// The scores of every group, page by page.
async fn scores(server: &Server, by: &str, pages_max: usize) -> (Value, Vec<f64>) {
    let path = format!("/api/v1/experience?by={by}&from=now-10m&limit=1000");
    let (mut cursor, mut scores, mut first) = (String::new(), Vec::new(), Value::Null);
    for _ in 0..pages_max {
        let page = server.get_json(&format!("{path}{cursor}")).await;
        scores.extend(page["items"].as_array().unwrap().iter().map(|item| item["score"].as_f64().unwrap()));
        cursor = page["next_cursor"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
        if first.is_null() {
            first = page;
        }
        if cursor.is_empty() {
            break;
        }
    }
    (first, scores)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_tenants_and_seven_thousand_stores_each_have_their_score() {
    const TENANTS: u64 = 200_000;
    const STORES: u64 = 7_000;
    let server = Server::default().await;
    let base = environment::now() - 60_000 * MS;
    // Of every tenant one call; all calls of the first hundred stores are slow.
    let served = |n: u64| {
        let slow = n % STORES < 100;
        let mut span = call(n + 1, "GET /menu".into(), base + n);
        span.end_time_unix_nano = span.start_time_unix_nano + if slow { 900 * MS } else { 5 * MS };
        span.attributes = vec![label("tenant.id", format!("T{n}")), label("store.id", format!("S{}", n % STORES))];
        span
    };
    send(&server, "menu", (0..TENANTS).map(served).collect()).await;

    let (tenants, worst) = scores(&server, "tenant.id", 5).await;
    assert_eq!((&tenants["groups"], &tenants["total"]["calls"]), (&json!(TENANTS), &json!(TENANTS)));
    assert!(worst.len() == 5_000 && worst.is_sorted(), "the worst come first, and no page loses its place");
    assert_eq!(worst.iter().filter(|score| **score < 100.0).count(), 2_900.min(worst.len()));
    let (stores, all) = scores(&server, "store.id", 10).await;
    assert_eq!((&stores["groups"], &stores["complete"]), (&json!(STORES), &json!(true)));
    assert_eq!((all.len(), all.iter().filter(|score| **score == 50.0).count()), (7_000, 100));

    // SQL says the same.
    for (by, groups, frustrated) in [("tenant.id", TENANTS, 0), ("store.id", STORES, 0)] {
        let sql = format!(
            "SELECT count(*), sum(calls), sum(frustrated), 100.0 * sum(2 * satisfied + tolerating) / (2 * sum(calls)) \
             FROM experience('{by}', now() - INTERVAL '10 minutes', now())"
        );
        let row = server.sql(&sql).await.rows[0].clone();
        assert_eq!(row[..3], [json!(groups), json!(TENANTS), json!(frustrated)], "{by}");
        let (said, sql) = (tenants["total"]["score"].as_f64().unwrap(), row[3].as_f64().unwrap());
        assert!((said - sql).abs() < 1e-6, "{said} {sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_very_many_spans_is_served_in_windows_to_its_end() {
    // A million by STORMGLASS_TEST_CHAIN=1000000; so many that it is not read as a whole in any case.
    let count = environment::number("STORMGLASS_TEST_CHAIN", 220_000);
    let server = Server::default().await;
    let base = environment::now() - 60_000 * MS;
    let link = |n: u64| Span {
        trace_id: trace_id(1),
        span_id: id::<8>(n),
        parent_span_id: if n > 1 { id::<8>(n - 1) } else { Vec::new() },
        name: "deeper".into(),
        kind: 1,
        start_time_unix_nano: base + n,
        end_time_unix_nano: base + 4 * count - n,
        ..Span::default()
    };
    send(&server, "deep", (1..=count).map(link).collect()).await;
    let path = format!("/api/v1/traces/{}", hex(&trace_id(1)));
    let first = server.get_json(&format!("{path}?limit=100")).await;
    assert_eq!(
        (&first["span_count"], &first["complete"]),
        (&json!(count), &json!(true)),
        "{}",
        first["incomplete_reason"]
    );
    assert!(first["analysis"].is_object());
    let last = server.get_json(&format!("{path}?limit=100&offset={}", count - 50)).await;
    let spans = last["spans"].as_array().unwrap();
    assert_eq!((spans.len(), &spans[49]["depth"], &last["next_offset"]), (50, &json!(count - 1), &Value::Null));
    let tree = format!("SELECT count(*), max(depth) FROM trace_tree('{}')", hex(&trace_id(1)));
    let tree = server.sql(&tree).await;
    assert_eq!(tree.rows, [[json!(count), json!(count - 1)]]);
    let listed = server.get_json("/api/v1/traces?service=deep&from=now-10m").await;
    assert_eq!(listed["items"][0]["span_count"], json!(count), "{listed}");
}
