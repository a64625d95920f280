//! Q4: the calls of Grafana's Jaeger data source and of Jaeger's own pages, as they send them, and what
//! these clients read out of the answers.

use crate::shop::{MS, hex, id, send, story, trace_id};
use e2e::content::{self, Any, attribute};
use e2e::{Sender, Server, Wire, environment, installed, skip};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use serde_json::{Value, json};

const ORDER: &str = "
    1 - gateway POST/order server 0 100 http.route=/order order.id=o-1
    2 1 gateway call client 10 60
    3 2 pay charge server 15 50 error
    4 99 pay orphan internal 20 30";

/// A server with two traces, and the time they began, in nanoseconds.
async fn shop() -> (Server, u64) {
    let server = Server::default().await;
    let base = environment::now() / 1_000_000 * 1_000_000 - 5_000 * MS;
    let mut services = story(1, base, ORDER);
    let charge = services.get_mut("pay").unwrap().iter_mut().find(|s| s.name == "charge").unwrap();
    charge.attributes.extend([
        attribute("n.int", Any::IntValue(7)),
        attribute("n.double", Any::DoubleValue(0.5)),
        attribute("n.bool", Any::BoolValue(true)),
        attribute("n.bytes", Any::BytesValue(vec![0, 1])),
    ]);
    charge.events = vec![Event {
        time_unix_nano: base + 20 * MS,
        name: "retry".into(),
        attributes: vec![attribute("n", Any::IntValue(2))],
        ..Event::default()
    }];
    charge.links = vec![Link { trace_id: trace_id(9), span_id: id::<8>(9), ..Link::default() }];
    send(&server, services).await;
    let mut short = content::span(&mut e2e::random::generator(3), "GET/cart", base + 1_000 * MS, 3 * MS);
    short.trace_id = id::<16>(0xabc);
    Sender::to(&server).send(Wire::Grpc, &content::traces("gateway", vec![short])).await.expect_accepted();
    (server, base)
}

fn tag<'v>(span: &'v Value, key: &str) -> &'v Value {
    let tags = span["tags"].as_array().unwrap();
    tags.iter().find(|t| t["key"] == key).unwrap_or_else(|| panic!("no tag {key}: {span}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn grafana_finds_services_operations_traces_and_dependencies() {
    let (server, base) = shop().await;
    let services = server.get_json("/jaeger/api/services").await;
    assert_eq!((&services["data"], &services["total"]), (&json!(["gateway", "pay"]), &json!(2)));
    assert_eq!(services["errors"], Value::Null);
    let operations = server.get_json("/jaeger/api/services/gateway/operations").await;
    assert_eq!(operations["data"], json!(["GET/cart", "POST/order", "call"]));
    let kinds = server.get_json("/jaeger/api/operations?service=gateway&spanKind=client").await;
    assert_eq!(kinds["data"], json!([{ "name": "call", "spanKind": "client" }]));

    let (start, end) = (base / 1_000, base / 1_000 + 3_600_000_000);
    let (long, short) = (hex(&trace_id(1)), "0000000000000abc".to_owned());
    for (query, found) in [
        ("service=gateway".to_owned(), vec![&short, &long]),
        (format!("service=gateway&limit=1&start={start}&end={end}"), vec![&short]),
        (format!("service=gateway&operation=call&start={start}&end={end}&lookback=1h"), vec![&long]),
        ("service=gateway&minDuration=50ms&maxDuration=1.2s".to_owned(), vec![&long]),
        ("service=gateway&maxDuration=5ms".to_owned(), vec![&short]),
        ("service=gateway&tags=%7B%22order.id%22%3A%22o-1%22%7D".to_owned(), vec![&long]),
        ("service=pay&tags=%7B%22error%22%3A%22true%22%7D".to_owned(), vec![&long]),
        ("service=pay&tags=%7B%22service.instance.id%22%3A%22pay-0%22%7D".to_owned(), vec![&long]),
        ("service=pay&tag=n.int%3A7".to_owned(), vec![&long]),
        (format!("service=gateway&start={end}&end={}", end + 5), vec![]),
        (format!("traceID={long}&traceID=abc"), vec![&long, &short]),
    ] {
        let answer = server.get_json(&format!("/jaeger/api/traces?{query}")).await;
        let ids: Vec<_> = answer["data"].as_array().unwrap().iter().map(|t| t["traceID"].as_str().unwrap()).collect();
        assert_eq!(ids, found, "{query}");
        assert_eq!((&answer["errors"], &answer["total"]), (&Value::Null, &json!(found.len())), "{query}");
    }
    let dependencies = format!("/jaeger/api/dependencies?endTs={}&lookback=3600000", base / MS + 600_000);
    let answer = server.get_json(&dependencies).await;
    assert_eq!(answer["data"], json!([{ "parent": "gateway", "child": "pay", "callCount": 1 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_has_the_shape_that_grafana_draws() {
    let (server, base) = shop().await;
    let long = hex(&trace_id(1));
    let (start, end) = (base / 1_000, base / 1_000 + 1_000_000);
    for path in [format!("/jaeger/api/traces/{long}"), format!("/jaeger/api/traces/{long}?start={start}&end={end}")] {
        let answer = server.get_json(&path).await;
        let trace = &answer["data"][0];
        assert_eq!(trace["traceID"], json!(long));
        let spans = trace["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 4);
        let charge = spans.iter().find(|s| s["operationName"] == "charge").unwrap();
        assert_eq!((&charge["startTime"], &charge["duration"]), (&json!((base + 15 * MS) / 1_000), &json!(50_000)));
        assert_eq!(
            charge["references"],
            json!([
                { "refType": "CHILD_OF", "traceID": long, "spanID": hex(&id::<8>(2)) },
                { "refType": "FOLLOWS_FROM", "traceID": hex(&trace_id(9)), "spanID": hex(&id::<8>(9)) },
            ])
        );
        for (key, ty, value) in [
            ("n.int", "int64", json!(7)),
            ("n.double", "float64", json!(0.5)),
            ("n.bool", "bool", json!(true)),
            ("n.bytes", "binary", json!("AAE=")),
            ("span.kind", "string", json!("server")),
            ("error", "bool", json!(true)),
            ("otel.status_code", "string", json!("ERROR")),
            ("otel.status_description", "string", json!("it broke")),
        ] {
            assert_eq!(*tag(charge, key), json!({ "key": key, "type": ty, "value": value }));
        }
        assert_eq!(
            charge["logs"],
            json!([{ "timestamp": (base + 20 * MS) / 1_000, "fields": [
                { "key": "event", "type": "string", "value": "retry" }, { "key": "n", "type": "int64", "value": 2 },
            ] }])
        );
        let process = &trace["processes"][charge["processID"].as_str().unwrap()];
        assert_eq!(process["serviceName"], json!("pay"));
        assert_eq!(process["tags"], json!([{ "key": "service.instance.id", "type": "string", "value": "pay-0" }]));
        let orphan = spans.iter().find(|s| s["operationName"] == "orphan").unwrap();
        assert_eq!(orphan["warnings"], json!([format!("the parent span {} is missing", hex(&id::<8>(99)))]));
        assert_eq!(trace["warnings"], json!(["1 parent spans are missing"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jaegers_own_pages_find_the_same_in_version_3() {
    let (server, base) = shop().await;
    assert_eq!(server.get_json("/jaeger/api/v3/services").await, json!({ "services": ["gateway", "pay"] }));
    let kinds = json!({ "operations": [{ "name": "charge", "spanKind": "server" }] });
    for spelled in ["spanKind=server", "span_kind=server", "spanKind=SERVER"] {
        assert_eq!(server.get_json(&format!("/jaeger/api/v3/operations?service=pay&{spelled}")).await, kinds);
    }
    let camel = "query.startTimeMin=2020-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z&query.serviceName=pay&query.searchDepth=5";
    let snake = "query.start_time_min=2020-01-01T00:00:00Z&query.start_time_max=2100-01-01T00:00:00Z&query.service_name=pay&query.num_traces=5";
    let long = hex(&trace_id(1));
    let by_id = server.get_json(&format!("/jaeger/api/v3/traces/{long}")).await;
    for query in [camel, snake] {
        assert_eq!(server.get_json(&format!("/jaeger/api/v3/traces?{query}")).await, by_id, "{query}");
        let summaries = server.get_json(&format!("/jaeger/api/v3/trace-summaries?{query}")).await;
        assert_eq!(
            summaries,
            json!({ "summaries": [{
                "traceId": long, "rootServiceName": "gateway", "rootOperationName": "POST/order",
                "minStartTimeUnixNano": base.to_string(), "maxEndTimeUnixNano": (base + 100 * MS).to_string(),
                "spanCount": 4, "errorSpanCount": 1,
                "services": [
                    { "name": "gateway", "spanCount": 2, "errorSpanCount": 0 },
                    { "name": "pay", "spanCount": 2, "errorSpanCount": 1 },
                ],
            }] })
        );
    }
    let spans: Vec<&Value> = by_id["result"]["resourceSpans"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|r| r["scopeSpans"].as_array().unwrap())
        .flat_map(|s| s["spans"].as_array().unwrap())
        .collect();
    let charge = spans.iter().find(|s| s["name"] == "charge").unwrap();
    assert_eq!(
        (&charge["traceId"], &charge["spanId"], &charge["kind"]),
        (&json!(long), &json!(hex(&id::<8>(3))), &json!(2))
    );
    assert_eq!(charge["startTimeUnixNano"], json!((base + 15 * MS).to_string()));
    assert_eq!(charge["status"], json!({ "code": 2, "message": "it broke" }));
    assert_eq!(charge["links"][0]["traceId"], json!(hex(&trace_id(9))));
    // What comes out can be sent in again.
    let again = Server::default().await;
    let request = again.http().post(format!("http://{}/v1/traces", again.address("otlp_http"))).json(&by_id["result"]);
    assert!(request.send().await.unwrap().status().is_success());
    let sql = "SELECT trace_id, span_id, operation, kind, status, time, duration_ns, attributes, attribute_types, events, links, parent_span_id FROM spans WHERE trace_id <> '00000000000000000000000000000abc' ORDER BY span_id";
    assert_eq!(again.sql(sql).await.rows, server.sql(sql).await.rows);
    let times = "startTime=2020-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z";
    let edges = server.get_json(&format!("/jaeger/api/v3/dependencies?{times}")).await;
    assert_eq!(edges, json!({ "dependencies": [{ "parent": "gateway", "child": "pay", "callCount": "1" }] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_in_jaegers_own_envelope() {
    let (server, _) = shop().await;
    let times = "query.startTimeMin=2020-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";
    for (path, status, says) in [
        ("/traces".to_owned(), 400, "parameter 'service' is required"),
        ("/traces?service=a&limit=x".into(), 400, "limit"),
        ("/traces?service=a&tags=%7B".into(), 400, "tags"),
        ("/traces?service=a&minDuration=5".into(), 400, "1.2s or 100ms"),
        ("/traces?service=a&start=9&end=1".into(), 400, "before"),
        ("/traces/xyz".into(), 400, "hexadecimal"),
        ("/traces/%FF".into(), 400, "UTF-8"),
        ("/services/%FF/operations".into(), 400, "UTF-8"),
        ("/traces/123".into(), 404, "trace not found"),
        ("/operations".into(), 400, "service"),
        ("/dependencies?endTs=x".into(), 400, "endTs"),
    ] {
        let response = server.get(&format!("/jaeger/api{path}")).await;
        assert_eq!(response.status(), status, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!((&body["data"], &body["errors"][0]["code"]), (&Value::Null, &json!(status)), "{path}");
        assert!(body["errors"][0]["msg"].as_str().unwrap().contains(says), "{path}: {body}");
    }
    for (path, status, says) in [
        ("/traces".to_owned(), 400, "required"),
        (format!("/traces?{times}&query.searchDepth=0"), 400, "query.searchDepth"),
        (format!("/traces?{times}&query.serviceName=nobody"), 404, "No traces found"),
        ("/traces/xyz".into(), 400, "trace_id"),
        ("/traces/%FF".into(), 400, "UTF-8"),
        ("/traces/123".into(), 404, "No traces found"),
        ("/traces/123?start_time=5".into(), 400, "start_time"),
        ("/dependencies".into(), 400, "startTime"),
        ("/dependencies?startTime=2021-01-01T00:00:00Z&endTime=2020-01-01T00:00:00Z".into(), 400, "endTime"),
    ] {
        let response = server.get(&format!("/jaeger/api/v3{path}")).await;
        assert_eq!(response.status(), status, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["httpCode"], json!(status), "{path}");
        assert!(body["error"]["message"].as_str().unwrap().contains(says), "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jaegers_own_types_read_every_answer_without_an_unknown_field() {
    let home = match installed::find("jaeger") {
        Ok(home) => home,
        Err(why) => skip!("jaegers_own_types_read_every_answer_without_an_unknown_field", "{why}"),
    };
    let (server, _) = shop().await;
    let output = installed::run(&home.join("bin/jaeger-reader"), &[&server.url("/jaeger")], &[]).await;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Five spans for the gateway's two traces, and the four of the one that goes through pay once more.
    assert_eq!((&said["services"], &said["operations"]), (&json!(["gateway", "pay"]), &json!(5)));
    assert_eq!((&said["spans"], &said["spans_of_version_3"], &said["calls"]), (&json!(9), &json!(9), &json!(1)));
}
