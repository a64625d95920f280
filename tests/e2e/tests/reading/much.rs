//! Much of one thing: names, spans of one trace. Correct, bounded, and said in the answer.

use crate::shop::{MS, hex, id, trace_id};
use e2e::content;
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
