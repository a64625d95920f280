//! One table of odd data for each promise of the contract: kept, said, never dropped.

use crate::cell::{Cell, RECEIVED, Row, decode_message, layout, rows};
use decode::{Encoding, decode};
use model::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tables::{SenderCount, TableId};

const NOW: u64 = RECEIVED.0 as u64;

fn kv(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn string(text: &str) -> Value {
    Value::StringValue(text.into())
}

fn plain_span(id: u8) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![id; 8],
        start_time_unix_nano: NOW,
        end_time_unix_nano: NOW + 5,
        ..Span::default()
    }
}

fn traces(resource: Vec<KeyValue>, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Some(Resource { attributes: resource, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn spans(spans: Vec<Span>) -> Vec<Row> {
    rows(&decode_message(Signal::Traces, &traces(vec![], spans)), TableId::Spans)
}

fn with_attributes(attributes: Vec<KeyValue>) -> Row {
    spans(vec![Span { attributes, ..plain_span(2) }]).remove(0)
}

fn flags(row: &Row) -> &str {
    match row.get("flags") {
        Some(Cell::Text(flags)) => flags,
        None => "",
        other => panic!("flags are text, not {other:?}"),
    }
}

#[test]
fn odd_times_and_ids_are_kept_and_said() {
    type Change = Box<dyn Fn(&mut Span)>;
    let cases: [(&str, &str, Change); 10] = [
        ("", "an ordinary span", Box::new(|_| {})),
        ("zero_id", "no trace id", Box::new(|span| span.trace_id.clear())),
        ("zero_id", "a span id of zeros", Box::new(|span| span.span_id = vec![0; 8])),
        ("self_parent", "its own parent", Box::new(|span| span.parent_span_id = span.span_id.clone())),
        ("ends_before_start", "time runs backwards", Box::new(|span| span.end_time_unix_nano = NOW - 1)),
        ("time_missing", "no end", Box::new(|span| span.end_time_unix_nano = 0)),
        ("time_missing", "no start", Box::new(|span| span.start_time_unix_nano = 0)),
        (
            "time_implausible",
            "two days ahead",
            Box::new(|span| {
                span.start_time_unix_nano += 2 * 86_400_000_000_000;
                span.end_time_unix_nano = span.start_time_unix_nano;
            }),
        ),
        (
            "time_implausible,ends_before_start",
            "started in 2554",
            Box::new(|span| span.start_time_unix_nano = u64::MAX),
        ),
        ("", "a year late is as good as new", Box::new(|span| span.start_time_unix_nano -= 365 * 86_400_000_000_000)),
    ];
    for (expected, what, change) in cases {
        let mut span = plain_span(2);
        change(&mut span);
        assert_eq!(flags(&spans(vec![span])[0]), expected, "{what}");
    }
}

#[test]
fn exact_times_that_a_timestamp_cannot_hold_become_attributes() {
    let span = Span { start_time_unix_nano: u64::MAX, end_time_unix_nano: u64::MAX - 1, ..plain_span(2) };
    let row = &spans(vec![span])[0];
    assert_eq!((&row["time"], &row["duration_ns"]), (&Cell::Int(i64::MAX), &Cell::Int(0)));
    let entries = [
        ("stormglass.start_time_unix_nano".to_owned(), "18446744073709551615".into()),
        ("stormglass.end_time_unix_nano".to_owned(), "18446744073709551614".into()),
    ];
    assert_eq!(row["attributes"], Cell::Map(entries.to_vec()));

    let event = Event { time_unix_nano: 1 << 63, name: "e".into(), ..Event::default() };
    let row = &spans(vec![Span { events: vec![event], ..plain_span(2) }])[0];
    let Cell::List(events) = &row["events"] else { panic!("no events") };
    let Cell::Struct(event) = &events[0] else { panic!("no event") };
    let entry = ("stormglass.time_unix_nano".to_owned(), "9223372036854775808".into());
    assert_eq!((&event["attributes"], flags(row)), (&Cell::Map(vec![entry]), "time_implausible"));
}

#[test]
fn spans_with_one_id_are_both_kept_and_the_later_said() {
    let named = |name: &str, id| Span { name: name.into(), ..plain_span(id) };
    let rows = spans(vec![named("a", 2), named("b", 3), named("c", 2), named("d", 2)]);
    assert_eq!(rows.iter().map(flags).collect::<Vec<_>>(), ["", "", "duplicate", "duplicate"]);
    // Spans without an id are no duplicates of each other.
    let nameless = Span { span_id: vec![], ..plain_span(2) };
    assert!(spans(vec![nameless.clone(), nameless]).iter().all(|row| flags(row) == "zero_id"));
}

#[test]
fn the_request_id_is_taken_from_the_first_key_in_order_and_stored_once() {
    let row = with_attributes(vec![
        kv("app.request.id", string("configured")),
        kv("user_req_id", string("third")),
        kv("http.request.header.x-request-id", string("second")),
    ]);
    assert_eq!(
        (&row["request_id"], &row["request_id_key"]),
        (&"second".into(), &"http.request.header.x-request-id".into())
    );
    let rest = [("app.request.id".to_owned(), "configured".into()), ("user_req_id".to_owned(), "third".into())];
    assert_eq!(row["attributes"], Cell::Map(rest.to_vec()));

    // An empty one is passed over; one that is no text stays an attribute, so that its type is not lost.
    let row = with_attributes(vec![kv("request.id", string("")), kv("user_req_id", Value::IntValue(7))]);
    assert_eq!((&row["request_id"], row.get("request_id_key")), (&"7".into(), None));
    let rest = [("request.id".to_owned(), "".into()), ("user_req_id".to_owned(), "7".into())];
    assert_eq!(
        (&row["attributes"], &row["attribute_types"]),
        (&Cell::Map(rest.to_vec()), &Cell::Bytes(b"si".to_vec()))
    );
}

#[test]
fn old_names_fill_the_new_column_and_are_remembered() {
    let row = with_attributes(vec![
        kv("http.method", string("GET")),
        kv("http.status_code", Value::IntValue(200)),
        kv("code.filepath", string("a.rs")),
    ]);
    assert_eq!(row["attributes.http.request.method"], "GET".into());
    assert_eq!(row["attributes.http.response.status_code"], Cell::Int(200));
    assert_eq!(row["legacy_keys"], "http.method,http.status_code".into());
    let both = [("code.filepath".to_owned(), "a.rs".into()), ("code.file.path".to_owned(), "a.rs".into())];
    assert_eq!(row["attributes"], Cell::Map(both.to_vec()));

    // Where the sender uses both names, each keeps its own value, in whatever order they come.
    for swap in [false, true] {
        let mut sent = vec![kv("http.method", string("old")), kv("http.request.method", string("new"))];
        if swap {
            sent.reverse();
        }
        let row = with_attributes(sent);
        assert_eq!((&row["attributes.http.request.method"], row.get("legacy_keys")), (&"new".into(), None));
        assert_eq!(row["attributes"], Cell::Map(vec![("http.method".into(), "old".into())]));
    }
}

#[test]
fn a_value_of_another_type_than_its_column_overflows_into_the_map() {
    let span = Span {
        attributes: vec![
            kv("server.port", string("8080")),
            kv("http.status_code", string("200")),
            kv("url.path", Value::IntValue(1)),
            kv("ratio", Value::IntValue(1)),
        ],
        ..plain_span(2)
    };
    let decoded = decode_message(Signal::Traces, &traces(vec![], vec![span]));
    let batch = decoded.batches.tables.iter().find(|batch| batch.table == TableId::Spans).unwrap();
    assert_eq!(batch.overflow, ["url.path", "http.response.status_code", "server.port", "ratio"]);
    let Cell::Map(entries) = &rows(&decoded, TableId::Spans)[0]["attributes"] else { panic!("no map") };
    let keys: Vec<_> = entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["server.port", "http.status_code", "http.response.status_code", "url.path", "ratio"]);
}

#[test]
fn of_a_key_sent_twice_the_first_is_read_and_both_are_kept() {
    let row = with_attributes(vec![kv("url.path", string("/a")), kv("x", string("1")), kv("url.path", string("/b"))]);
    assert_eq!((&row["attributes.url.path"], flags(&row)), (&"/a".into(), "duplicate_key"));
    assert_eq!(row["attributes"], Cell::Map(vec![("x".into(), "1".into()), ("url.path".into(), "/b".into())]));
}

#[test]
fn values_of_every_type_have_their_canonical_text() {
    let list = |values: Vec<Value>| {
        let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
        Value::ArrayValue(ArrayValue { values })
    };
    for (value, tag, text) in [
        (string("as it is"), b's', "as it is"),
        (Value::IntValue(i64::MIN), b'i', "-9223372036854775808"),
        (Value::IntValue(i64::MAX), b'i', "9223372036854775807"),
        (Value::IntValue(0), b'i', "0"),
        (Value::BoolValue(true), b'b', "true"),
        (Value::BoolValue(false), b'b', "false"),
        (Value::DoubleValue(0.1), b'd', "0.1"),
        (Value::DoubleValue(1.0), b'd', "1.0"),
        (Value::DoubleValue(-0.0), b'd', "-0.0"),
        (Value::DoubleValue(1e300), b'd', "1e300"),
        (Value::DoubleValue(f64::NAN), b'd', "NaN"),
        (Value::DoubleValue(f64::NEG_INFINITY), b'd', "-Infinity"),
        (Value::BytesValue(b"\x00\xff".to_vec()), b'x', "AP8="),
        (Value::BytesValue(vec![]), b'x', ""),
        (list(vec![]), b'a', "[]"),
        (
            list(vec![string("a\"b"), Value::IntValue(-1), Value::DoubleValue(2.5), Value::DoubleValue(f64::INFINITY)]),
            b'a',
            r#"["a\"b",-1,2.5,"Infinity"]"#,
        ),
        (
            Value::KvlistValue(KeyValueList {
                values: vec![
                    kv("z", Value::BytesValue(vec![1])),
                    kv("a", list(vec![Value::BoolValue(true)])),
                    kv("z", string("\u{1}")),
                ],
            }),
            b'm',
            r#"{"z":"AQ==","a":[true],"z":"\u0001"}"#,
        ),
    ] {
        let row = with_attributes(vec![kv("k", value.clone())]);
        assert_eq!(row["attributes"], Cell::Map(vec![("k".into(), text.into())]), "{value:?}");
        let types = if tag == b's' { None } else { Some(Cell::Bytes(vec![tag])) };
        assert_eq!(row.get("attribute_types"), types.as_ref(), "{value:?}");
        // A record's body of the same value has the same text.
        let record =
            LogRecord { time_unix_nano: NOW, body: Some(AnyValue { value: Some(value) }), ..LogRecord::default() };
        let row = &logs(vec![record])[0];
        let body_type = if tag == b's' { None } else { Some(Cell::Text(char::from(tag).into())) };
        assert_eq!((&row["body"], row.get("body_type")), (&text.into(), body_type.as_ref()));
    }
}

fn logs(log_records: Vec<LogRecord>) -> Vec<Row> {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let request =
        ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
    rows(&decode_message(Signal::Logs, &request), TableId::Logs)
}

#[test]
fn a_record_without_time_takes_the_observed_or_the_receive_time() {
    for (time, observed, stored, said) in [
        (NOW - 1, 0, NOW - 1, ""),
        (NOW - 1, NOW, NOW - 1, ""),
        (0, NOW - 2, NOW - 2, "time_missing"),
        (0, 0, NOW, "time_missing"),
    ] {
        let row =
            &logs(vec![LogRecord { time_unix_nano: time, observed_time_unix_nano: observed, ..LogRecord::default() }])
                [0];
        assert_eq!((&row["time"], flags(row)), (&Cell::Int(stored as i64), said));
        assert_eq!(row.get("observed_time"), (observed != 0).then_some(&Cell::Int(observed as i64)));
    }
}

#[test]
fn an_event_is_named_by_the_field_else_by_the_attribute_which_stays() {
    let attribute = kv("event.name", string("from attribute"));
    let named = LogRecord { attributes: vec![attribute], time_unix_nano: NOW, ..LogRecord::default() };
    let row = &logs(vec![named.clone()])[0];
    assert_eq!(row["event_name"], "from attribute".into());
    assert_eq!(row["attributes"], Cell::Map(vec![("event.name".into(), "from attribute".into())]));
    let row = &logs(vec![LogRecord { event_name: "from field".into(), ..named }])[0];
    assert_eq!(row["event_name"], "from field".into());
}

#[test]
fn senders_are_named_and_resources_shared() {
    let sent = |service: &str, id: u8| {
        traces(vec![kv("service.name", string(service)), kv("k8s.pod.name", string("pod"))], vec![plain_span(id)])
    };
    let mut request = sent("a", 2);
    request.resource_spans.extend(sent("a", 3).resource_spans);
    request.resource_spans.extend(sent("b", 4).resource_spans);
    request.resource_spans.extend(traces(vec![], vec![plain_span(5)]).resource_spans);
    let decoded = decode_message(Signal::Traces, &request);
    let sender = |service: &str, instance: Option<&str>, accepted| SenderCount {
        service: service.into(),
        instance: instance.map(String::from),
        accepted,
        ..SenderCount::default()
    };
    let expected = [sender("a", Some("pod"), 2), sender("b", Some("pod"), 1), sender("unknown_service", None, 1)];
    assert_eq!(decoded.batches.senders, expected);
    assert_eq!(rows(&decoded, TableId::Resources).len(), 3);
}

#[test]
fn the_order_of_attributes_does_not_make_another_resource() {
    let (a, b) = (kv("service.name", string("s")), kv("host.name", string("h")));
    let layout = layout();
    let id = |attributes: Vec<KeyValue>| {
        let body = traces(attributes, vec![plain_span(2)]).encode_to_vec().into();
        let decoded = decode(&layout, Signal::Traces, Encoding::Protobuf, &body, RECEIVED).unwrap();
        rows(&decoded, TableId::Resources).remove(0)["resource_id"].clone()
    };
    let first = id(vec![a.clone(), b.clone()]);
    assert_eq!(first, id(vec![b.clone(), a.clone()]));
    assert_eq!(first, id(vec![a.clone(), b.clone()]));
    assert_ne!(first, id(vec![a.clone()]));
    assert_ne!(first, id(vec![a, kv("host.name", Value::BytesValue(b"\x84".to_vec()))]));
}

fn sum(name: &str, temporality: i32, points: Vec<(i64, Vec<KeyValue>)>) -> ExportMetricsServiceRequest {
    let data_points = points.into_iter().map(|(value, attributes)| NumberDataPoint {
        attributes,
        time_unix_nano: NOW,
        value: Some(number_data_point::Value::AsInt(value)),
        ..NumberDataPoint::default()
    });
    let data = Sum { data_points: data_points.collect(), aggregation_temporality: temporality, is_monotonic: true };
    let metric = Metric { name: name.into(), data: Some(metric::Data::Sum(data)), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

#[test]
fn a_scope_whose_attributes_its_sender_dropped_says_so_on_its_rows() {
    let mut request = traces(vec![], vec![plain_span(1)]);
    let scope = InstrumentationScope { dropped_attributes_count: 3, ..InstrumentationScope::default() };
    request.resource_spans[0].scope_spans[0].scope = Some(scope);
    let rows = rows(&decode_message(Signal::Traces, &request), TableId::Spans);
    assert_eq!(flags(&rows[0]), "scope_cut");
}

#[test]
fn drop_counters_of_senders_reach_the_ledger() {
    let by = |exporter: &str| vec![kv("exporter", string(exporter))];
    let cumulative = sum("otelcol_exporter_send_failed_spans", 2, vec![(5, by("a")), (7, by("b")), (-1, by("c"))]);
    let decoded = decode_message(Signal::Metrics, &cumulative);
    let sender = &decoded.batches.senders[0];
    let readings: Vec<u64> = sender.drop_counters.iter().map(|counter| counter.cumulative).collect();
    assert_eq!((readings, sender.dropped_by_sender), (vec![5, 7], 0));
    let ids: Vec<Cell> = sender.drop_counters.iter().map(|counter| Cell::Bytes(counter.series.0.to_vec())).collect();
    assert_eq!(
        ids,
        rows(&decoded, TableId::Metrics)[..2].iter().map(|row| row["series_id"].clone()).collect::<Vec<_>>()
    );

    for (name, attributes, lost) in [
        ("otelcol_receiver_refused_log_records", vec![], 3),
        ("otelcol_processor_dropped_spans_total", vec![], 3),
        ("otel.sdk.exporter.span.exported", vec![kv("error.type", string("timeout"))], 3),
        ("otel.sdk.exporter.span.exported.count", vec![kv("error.type", string("timeout"))], 3),
        ("otel.sdk.exporter.span.exported", vec![], 0),
        ("processedSpans", vec![kv("dropped", Value::BoolValue(true))], 3),
        ("processedSpans", vec![kv("dropped", Value::BoolValue(false))], 0),
        ("otelcol_exporter_sent_spans", vec![], 0),
    ] {
        let decoded = decode_message(Signal::Metrics, &sum(name, 1, vec![(3, attributes)]));
        assert_eq!(decoded.batches.senders[0].dropped_by_sender, lost, "{name}");
        assert!(decoded.batches.senders[0].drop_counters.is_empty());
    }
}

#[test]
fn a_series_has_one_row_and_points_of_it_share_its_id() {
    let labels = |value: &str| vec![kv("host", string(value)), kv("cpu", Value::IntValue(1))];
    let swapped = vec![kv("cpu", Value::IntValue(1)), kv("host", string("a"))];
    let decoded = decode_message(
        Signal::Metrics,
        &sum("m", 2, vec![(1, labels("a")), (2, labels("b")), (3, labels("a")), (4, swapped)]),
    );
    let ids: Vec<_> = rows(&decoded, TableId::Metrics).into_iter().map(|row| row["series_id"].clone()).collect();
    assert_eq!((ids.len(), rows(&decoded, TableId::Series).len()), (4, 2));
    assert!(ids[0] == ids[2] && ids[0] == ids[3] && ids[0] != ids[1]);
}
