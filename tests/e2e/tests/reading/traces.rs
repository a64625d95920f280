//! T1, T3-T7, Q5: traces searched, read in pages, compared and explained.

use crate::shop::{MS, hex, id, send, story, trace_id};
use e2e::content::{self, label};
use e2e::{Sender, Server, Wire, environment};
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, Sum, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use serde_json::{Value, json};

const ORDER: &str = "
    1 - gateway POST/order server 0 100 http.route=/order order.id=o-1
    2 1 gateway call client 10 60
    3 2 pay charge server 15 50 error
    4 3 pay sql client 20 30 db.system.name=mysql
    5 1 gateway notify producer 80 1 messaging.message.id=m-1
    6 5 mail deliver consumer 200 40 messaging.message.id=m-1";

/// The trace ids of a list, by the numbers they were made of.
fn listed(answer: &Value) -> Vec<u64> {
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("{answer}"));
    items.iter().map(|i| number(i["trace_id"].as_str().unwrap())).collect()
}

fn number(trace_id: &str) -> u64 {
    u64::from_str_radix(&trace_id[16..], 16).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_found_by_whatever_one_of_its_spans_has() {
    let server = Server::default().await;
    let base = environment::now() - 1_000 * MS;
    send(&server, story(1, base, ORDER)).await;
    send(&server, story(2, base + 5 * MS, "1 - gateway GET/cart server 0 7 http.route=/cart order.id=o'2")).await;
    for flushed in [false, true] {
        if flushed {
            server.flush().await;
        }
        for (query, found) in [
            ("", vec![1, 2]),
            ("service=pay", vec![1]),
            ("service=gateway", vec![1, 2]),
            ("operation=GET/cart", vec![2]),
            ("status=error", vec![1]),
            ("kind=consumer", vec![1]),
            ("min_duration_ns=50000000", vec![1]),
            ("max_duration_ns=7000000&kind=server", vec![2]),
            ("attr.order.id=o-1", vec![1]),
            ("attr.order.id=o%272", vec![2]),
            ("attr.db.system.name=mysql", vec![1]),
            ("attr.messaging.message.id=m-1", vec![1]),
            ("resource.service.instance.id=mail-0", vec![1]),
            // All filters must hold for one and the same span.
            ("service=gateway&status=error", vec![]),
            ("attr.order.id=none", vec![]),
            ("service=nobody", vec![]),
        ] {
            let answer = server.get_json(&format!("/api/v1/traces?{query}")).await;
            assert_eq!(listed(&answer), found, "{query} flushed {flushed}");
            assert_eq!((&answer["complete"], &answer["next_cursor"]), (&json!(true), &Value::Null), "{query}");
        }
    }
    let answer = server.get_json("/api/v1/traces?service=pay").await;
    let first = &answer["items"][0];
    assert_eq!((&first["root_service"], &first["root_operation"]), (&json!("gateway"), &json!("POST/order")));
    assert_eq!((&first["span_count"], &first["error_count"]), (&json!(6), &json!(1)));
    assert_eq!((&first["duration_ns"], &first["whole"]), (&json!(240 * MS), &json!(true)));
    assert_eq!(
        first["services"],
        json!([
            { "service": "gateway", "spans": 3, "errors": 0 },
            { "service": "mail", "spans": 1, "errors": 0 },
            { "service": "pay", "spans": 2, "errors": 1 },
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_still_while_new_spans_arrive() {
    let server = Server::default().await;
    let base = environment::now() - 60_000 * MS;
    // Traces that overlap: each has spans far apart, so that many match on both sides of any page's end.
    let text = "1 - shop a server 0 9\n2 1 shop b internal 40 3\n3 1 shop c internal 400 3\n4 1 shop d internal 41 1";
    for trace in 1..=60 {
        // Two traces of each time.
        send(&server, story(trace, base + trace / 2 * 100 * MS, text)).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for page in 0.. {
        let answer = server.get_json(&format!("/api/v1/traces?service=shop&limit=7{cursor}")).await;
        seen.extend(listed(&answer).into_iter().filter(|trace| *trace <= 60));
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        // Meanwhile: a newer trace, a new span of an old trace far above, and a flush.
        send(&server, story(1_000 + page, base + 30_000 * MS, text)).await;
        send(&server, story(2, base + 20_000 * MS, &format!("{} 1 shop late internal 0 1", 100 + page))).await;
        if page == 2 {
            server.flush().await;
        }
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=60).collect::<Vec<_>>(), "each trace once: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_trace_comes_in_pages_in_the_order_of_its_tree() {
    let server = Server::default().await;
    let base = environment::now() - 1_000 * MS;
    // A root, 3,000 calls below it, and three spans below each of these.
    let mut spans = vec![("-".to_owned(), 1, 0, 900_000)];
    for call in 0..3_000_u64 {
        let (own, start) = (10 + call * 4, call * 250);
        spans.push(("1".to_owned(), own, start, 200));
        spans.extend((1..4).map(|n| (own.to_string(), own + n, start + n * 10, 5)));
    }
    let spans: Vec<Span> = spans
        .into_iter()
        .map(|(parent, own, start_us, duration_us)| Span {
            trace_id: trace_id(9),
            span_id: id::<8>(own),
            parent_span_id: parent.parse().map(id::<8>).unwrap_or_default(),
            name: "work".into(),
            kind: 1,
            start_time_unix_nano: base + start_us * 1_000,
            end_time_unix_nano: base + (start_us + duration_us) * 1_000,
            ..Span::default()
        })
        .collect();
    let count = spans.len();
    Sender::to(&server).send(Wire::Grpc, &content::traces("batch", spans)).await.expect_accepted();
    let path = format!("/api/v1/traces/{}", hex(&trace_id(9)));
    let (mut offset, mut seen, mut own) = (0, Vec::new(), 0);
    loop {
        let page = server.get_json(&format!("{path}?limit=5000&offset={offset}")).await;
        assert_eq!((&page["span_count"], &page["complete"]), (&json!(count), &json!(true)));
        assert_eq!(page["analysis"].is_object(), offset == 0, "the analysis comes with the first page");
        for span in page["spans"].as_array().unwrap() {
            let id = span["span_id"].as_str().unwrap().to_owned();
            let parent = span["parent_span_id"].as_str().map(str::to_owned);
            assert!(parent.is_none_or(|parent| seen.contains(&parent)), "{id} stands before its parent");
            let depth = span["depth"].as_u64().unwrap();
            assert!(depth <= 2);
            own += span["self_ns"].as_i64().unwrap();
            seen.push(id);
        }
        match page["next_offset"].as_u64() {
            Some(next) => offset = next,
            None => break,
        }
    }
    assert_eq!(seen.len(), count);
    assert_eq!(own, 900_000 * 1_000, "self times of a nested trace add up to its root");
    let beyond = server.get_json(&format!("{path}?offset=999999")).await;
    assert_eq!((&beyond["spans"], &beyond["next_offset"]), (&json!([]), &Value::Null));
}

fn dropped(now: u64, so_far: i64) -> Metric {
    let point = NumberDataPoint {
        time_unix_nano: now,
        start_time_unix_nano: now - 60_000 * MS,
        attributes: vec![label("error.type", "queue_full")],
        value: Some(number_data_point::Value::AsInt(so_far)),
        ..NumberDataPoint::default()
    };
    let sum = Sum { data_points: vec![point], aggregation_temporality: 2, is_monotonic: true };
    Metric { name: "otel.sdk.processor.span.processed".into(), data: Some(metric::Data::Sum(sum)), ..Metric::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_parent_is_named_with_the_sender_that_lost_it() {
    let server = Server::default().await;
    let base = environment::now() - 1_000 * MS;
    send(&server, story(1, base, "1 - web GET server 0 100\n3 77 pay sql client 20 30\n4 77 pay more internal 60 5"))
        .await;
    for so_far in [5, 17] {
        let request = content::metrics("pay", vec![dropped(base, so_far)]);
        Sender::to(&server).send(Wire::Grpc, &request).await.expect_accepted();
    }
    let trace = server.get_json(&format!("/api/v1/traces/{}", hex(&trace_id(1)))).await;
    let analysis = &trace["analysis"];
    assert_eq!((&analysis["whole"], &analysis["missing_parent_count"]), (&json!(false), &json!(1)));
    let missing = &analysis["missing_parents"][0];
    assert_eq!((&missing["span_id"], &missing["child_count"]), (&json!(hex(&id::<8>(77))), &json!(2)));
    assert_eq!(
        missing["lost_by"][0],
        json!({
            "service": "pay",
            "why": "a child runs in the same process",
            "dropped_by_sender": 12,
            "said": "lost by sender pay, which reports 12 items dropped around that time (a child runs in the same process)",
        })
    );
    let orphans: Vec<_> = trace["spans"].as_array().unwrap().iter().map(|s| s["parent_missing"].clone()).collect();
    assert_eq!(orphans, [json!(false), json!(true), json!(true)]);
    let summary = server.get_json("/api/v1/traces?service=web").await;
    assert_eq!(summary["items"][0]["whole"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_joined_to_spans_and_an_exception_told_twice_is_marked() {
    let server = Server::default().await;
    let base = environment::now() - 1_000 * MS;
    let exception = |message: &str| vec![label("exception.type", "Timeout"), label("exception.message", message)];
    let mut services = story(1, base, ORDER);
    let charge = services.get_mut("pay").unwrap().iter_mut().find(|s| s.name == "charge").unwrap();
    charge.events = vec![Event {
        time_unix_nano: base + 60 * MS,
        name: "exception".into(),
        attributes: exception("no answer"),
        ..Event::default()
    }];
    send(&server, services).await;
    let record = |body: &str, span: u64, attributes| {
        let mut record = content::record(base + 60 * MS, body);
        (record.trace_id, record.span_id, record.attributes) = (trace_id(1), id::<8>(span), attributes);
        record
    };
    let records = vec![
        record("again", 3, exception("no answer")),
        record("another", 3, exception("other")),
        record("elsewhere", 4, exception("no answer")),
        record("plain", 3, vec![]),
    ];
    Sender::to(&server).send(Wire::Grpc, &content::logs("pay", records)).await.expect_accepted();
    let trace = server.get_json(&format!("/api/v1/traces/{}", hex(&trace_id(1)))).await;
    let logs = trace["logs"]["items"].as_array().unwrap();
    let told: Vec<_> =
        logs.iter().map(|l| (l["body"].as_str().unwrap(), l["same_as_event"].as_bool().unwrap())).collect();
    let mut told = told;
    told.sort_unstable();
    assert_eq!(told, [("again", true), ("another", false), ("elsewhere", false), ("plain", false)]);
    assert!(logs.iter().all(|l| l["trace_id"] == json!(hex(&trace_id(1)))));
    let charge = trace["spans"].as_array().unwrap().iter().find(|s| s["operation"] == "charge").unwrap();
    assert_eq!(charge["events"][0]["attributes"]["exception.message"], "no answer");
    // The way to the end: what the answer was waiting for, without a hole.
    let path = trace["analysis"]["critical_path"]["segments"].as_array().unwrap();
    let way: Vec<_> =
        path.iter().map(|s| (s["operation"].as_str().unwrap(), s["duration_ns"].as_u64().unwrap() / MS)).collect();
    assert_eq!(
        way,
        [
            ("POST/order", 10),
            ("call", 5),
            ("charge", 5),
            ("sql", 30),
            ("charge", 15),
            ("call", 5),
            ("POST/order", 10),
            ("notify", 1),
            ("POST/order", 19)
        ]
    );
    assert_eq!(trace["analysis"]["critical_path"]["after_root_ns"], json!(140 * MS));
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_of_one_story_are_found_by_links_messages_and_request_id() {
    let server = Server::default().await;
    let base = environment::now() - 1_000 * MS;
    let mut first =
        story(1, base, "1 - web POST server 0 50 request.id=r-1\n2 1 web send producer 10 1 messaging.message.id=m-7");
    first.get_mut("web").unwrap()[0].links =
        vec![Link { trace_id: trace_id(5), span_id: id::<8>(55), ..Link::default() }];
    send(&server, first).await;
    let mut linked = story(2, base, "1 - job run consumer 60 5");
    linked.get_mut("job").unwrap()[0].links =
        vec![Link { trace_id: trace_id(1), span_id: id::<8>(2), ..Link::default() }];
    send(&server, linked).await;
    send(&server, story(3, base, "1 - mail take consumer 70 5 messaging.message.id=m-7")).await;
    send(
        &server,
        story(4, base, "1 - audit note server 80 5 request.id=r-1\n2 1 audit more internal 81 1 request.id=r-1"),
    )
    .await;
    send(&server, story(6, base, "1 - other work server 80 5 request.id=r-2")).await;
    server.flush().await;
    let trace = server.get_json(&format!("/api/v1/traces/{}", hex(&trace_id(1)))).await;
    let related = trace["related"].as_array().unwrap_or_else(|| panic!("{trace}"));
    let mut why: Vec<_> = related
        .iter()
        .map(|r| (r["why"].as_str().unwrap(), number(r["trace_id"].as_str().unwrap()), r["value"].as_str()))
        .collect();
    why.sort_unstable();
    assert_eq!(
        why,
        [("link", 5, None), ("linked_by", 2, None), ("message", 3, Some("m-7")), ("request", 4, Some("r-1"))]
    );
    let by = related.iter().find(|r| r["why"] == "linked_by").unwrap();
    assert_eq!((&by["span_id"], &by["service"]), (&json!(hex(&id::<8>(2))), &json!("job")));
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_spans_are_shown_as_sent_and_said() {
    let server = Server::default().await;
    let base = environment::now() - 7_200_000 * MS;
    let services = story(
        1,
        base,
        "1 - web root server 0 100
         2 1 web call client 10 50
         3 2 pay early server -3600000 40
         5 7 web circle internal 5 1
         6 5 web circle internal 6 1
         7 6 web circle internal 7 1
         8 8 web self internal 8 1
         9 1 web backwards internal 50 -20
         10 1 web twice internal 60 2
         0 1 web nameless internal 70 1",
    );
    send(&server, services).await;
    let again = story(1, base, "10 1 web twice internal 60 2\n10 1 web twice internal 60 3");
    send(&server, again).await;
    let trace = server.get_json(&format!("/api/v1/traces/{}", hex(&trace_id(1)))).await;
    let odd = &trace["analysis"]["oddities"];
    for (name, count) in [
        ("duplicates", 2),
        ("differing_duplicates", 1),
        ("self_parents", 1),
        ("cycles", 1),
        ("zero_ids", 1),
        ("negative_durations", 1),
    ] {
        assert_eq!(odd[name], json!(count), "{name}: {odd}");
    }
    let skew = &trace["analysis"]["clock_skew"][0];
    assert_eq!((&skew["parent_service"], &skew["child_service"]), (&json!("web"), &json!("pay")));
    assert_eq!(skew["starts_before_ns"], json!(3_600_010 * MS));
    assert_eq!(trace["span_count"], json!(10));
    assert_eq!(trace["spans"].as_array().unwrap().len(), 10);
    let backwards = trace["spans"].as_array().unwrap().iter().find(|s| s["operation"] == "backwards").unwrap();
    assert_eq!((&backwards["duration_ns"], &backwards["self_ns"]), (&json!(-20 * MS as i64), &json!(0)));
    assert_eq!(backwards["flags"], json!("ends_before_start"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_traces_are_compared_span_by_span() {
    let server = Server::default().await;
    let base = environment::now() - 1_000 * MS;
    send(&server, story(1, base, ORDER)).await;
    let slower =
        ORDER.replace("4 3 pay sql client 20 30 db.system.name=mysql", "4 3 pay sql client 20 44 db.system.name=redis");
    let slower =
        slower.replace("5 1 gateway notify producer 80 1 messaging.message.id=m-1", "7 1 gateway log internal 81 1");
    send(&server, story(2, base, &slower.replace("order.id=o-1", "order.id=o-9"))).await;
    let (a, b) = (hex(&trace_id(1)), hex(&trace_id(2)));
    let compared = server.get_json(&format!("/api/v1/traces/compare?a={a}&b={b}")).await;
    let names = |list: &str| -> Vec<String> {
        compared[list].as_array().unwrap().iter().map(|s| s["operation"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (names("only_a"), names("only_b")),
        (vec!["notify".into(), "deliver".into()], vec!["log".into(), "deliver".into()])
    );
    assert_eq!(compared["matched_count"], json!(4));
    let changed = &compared["changed"];
    assert_eq!((&changed[0]["a"]["operation"], &changed[0]["self_difference_ns"]), (&json!("sql"), &json!(14 * MS)));
    assert_eq!(changed[0]["attributes"][0], json!({ "key": "db.system.name", "a": "mysql", "b": "redis" }));
    let same = server.get_json(&format!("/api/v1/traces/compare?a={a}&b={a}")).await;
    assert_eq!((&same["changed_count"], &same["matched_count"]), (&json!(0), &json!(6)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sets_failing_spans_apart_is_found_with_counts_and_a_test() {
    let server = Server::default().await;
    let base = environment::now() - 60_000 * MS;
    let mut spans = Vec::new();
    for n in 0..1_000_u64 {
        let canary = n % 10 == 0;
        let failed = canary && n % 20 == 0 || n % 97 == 0;
        let version = if canary { "v2" } else { "v1" };
        let end = if failed { "error" } else { "" };
        let line =
            format!("{} - pay charge server {} 5 app.version={version} zone=z{} order.id=o{n} {end}", n + 1, n, n % 3);
        spans.extend(story(n + 1, base, &line).remove("pay").unwrap());
    }
    Sender::to(&server).send(Wire::Grpc, &content::traces("pay", spans)).await.expect_accepted();
    let question =
        json!({ "from": base.to_string(), "within": { "service": "pay" }, "selection": { "status": "error" } });
    let ask = |question: Value| {
        let request = server.http().post(server.url("/api/v1/traces/differences")).json(&question);
        async move { request.send().await.unwrap() }
    };
    let answer: Value = ask(question).await.json().await.unwrap();
    let rows = server.sql("SELECT count(*) FILTER (WHERE status = 'error') AS n FROM spans").await;
    assert_eq!(answer["selection_count"].to_string(), rows.texts("n")[0]);
    assert_eq!(answer["baseline_count"].as_u64().unwrap() + answer["selection_count"].as_u64().unwrap(), 1_000);
    let first = &answer["items"][0];
    assert_eq!(
        (&first["key"], &first["value"], &first["significant"]),
        (&json!("attr.app.version"), &json!("v2"), &json!(true)),
        "{answer}"
    );
    let counted = server
        .sql("SELECT count(*) FILTER (WHERE status = 'error') AS s, count(*) FILTER (WHERE status <> 'error') AS b FROM spans WHERE attributes['app.version'] = 'v2'")
        .await;
    assert_eq!(
        (first["selection_count"].to_string(), first["baseline_count"].to_string()),
        (counted.texts("s")[0].clone(), counted.texts("b")[0].clone())
    );
    let zones = answer["items"].as_array().unwrap().iter().filter(|d| d["key"] == "attr.zone");
    assert!(zones.clone().count() == 3 && zones.clone().all(|d| d["significant"] == json!(false)), "{answer}");
    let skipped: Vec<_> = answer["skipped"].as_array().unwrap().iter().map(|s| s["key"].as_str().unwrap()).collect();
    assert!(skipped.contains(&"attr.order.id") && skipped.contains(&"status"), "{skipped:?}");
    let refused = ask(json!({ "selection": { "status": "eror" } })).await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("did you mean"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_gets_a_problem_that_says_what_would_be_right() {
    let server = Server::default().await;
    let base = environment::now() - 1_000 * MS;
    send(&server, story(1, base, ORDER)).await;
    send(&server, story(2, base, ORDER)).await;
    let known = hex(&trace_id(1));
    let page = server.get_json("/api/v1/traces?limit=1&service=pay").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    for (path, status, says) in [
        ("/api/v1/traces?servce=pay", 400, "did you mean \\\"service\\\"?"),
        ("/api/v1/traces?status=eror", 400, "did you mean \\\"error\\\"?"),
        ("/api/v1/traces?limit=0", 400, "from 1 to 500"),
        ("/api/v1/traces?from=now&to=now-1h", 400, "from must be before to"),
        ("/api/v1/traces?from=yesterday", 400, "RFC 3339"),
        ("/api/v1/traces?cursor=abc", 400, "begin again without it"),
        (&format!("/api/v1/traces?cursor={cursor}&service=web"), 400, "the same parameters"),
        (&format!("/api/v1/logs?cursor={cursor}"), 400, "begin again without it"),
        ("/api/v1/traces/xyz", 400, "32 hexadecimal"),
        ("/api/v1/traces/%FF", 400, "UTF-8"),
        ("/api/v1/traces/00000000000000000000000000000001", 404, "may not have arrived"),
        (&format!("/api/v1/traces/{known}?to=5"), 404, "without from and to"),
        (&format!("/api/v1/traces/{known}?offset=-1"), 400, "integer from 0"),
        (&format!("/api/v1/traces/compare?a={known}"), 400, "b is missing"),
        ("/api/v1/logs?severity=loud", 400, "one of trace"),
        ("/api/v1/logs?trace_id=12", 400, "32 hexadecimal"),
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let text = response.text().await.unwrap();
        assert!(text.contains(says), "{path}: {text}");
    }
    let half = server.get_json(&format!("/api/v1/traces/{}", known.to_uppercase())).await;
    assert_eq!(half["span_count"], json!(6));
}
