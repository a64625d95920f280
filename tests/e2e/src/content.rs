//! Telemetry to send: short constructors, and one request per signal that has everything in it.

use crate::random;
use crate::sender::Request;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use rand::RngCore;

pub use any_value::Value as Any;

pub fn value(value: Any) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

pub fn text(text: impl Into<String>) -> Any {
    Any::StringValue(text.into())
}

pub fn attribute(key: &str, any: Any) -> KeyValue {
    KeyValue { key: key.into(), value: value(any), ..KeyValue::default() }
}

/// A string attribute.
pub fn label(key: &str, of: impl Into<String>) -> KeyValue {
    attribute(key, text(of))
}

pub fn resource(service: &str) -> Option<Resource> {
    let attributes = vec![label("service.name", service), label("service.instance.id", format!("{service}-0"))];
    Some(Resource { attributes, ..Resource::default() })
}

pub fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "e2e".into(), version: "1.0".into(), ..InstrumentationScope::default() })
}

pub fn span(random: &mut impl RngCore, name: &str, start: u64, duration: u64) -> Span {
    Span {
        trace_id: random::id::<16>(random),
        span_id: random::id::<8>(random),
        name: name.into(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start.saturating_add(duration),
        ..Span::default()
    }
}

pub fn record(time: u64, body: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: value(text(body)),
        ..LogRecord::default()
    }
}

pub fn gauge(name: &str, time: u64, number: f64) -> Metric {
    let point = NumberDataPoint {
        time_unix_nano: time,
        value: Some(number_data_point::Value::AsDouble(number)),
        ..NumberDataPoint::default()
    };
    Metric {
        name: name.into(),
        data: Some(metric::Data::Gauge(Gauge { data_points: vec![point] })),
        ..Metric::default()
    }
}

pub fn traces(service: &str, spans: Vec<Span>) -> Request {
    let scope_spans = vec![ScopeSpans { scope: scope(), spans, schema_url: String::new() }];
    let resource_spans = vec![ResourceSpans { resource: resource(service), scope_spans, schema_url: String::new() }];
    Request::Traces(ExportTraceServiceRequest { resource_spans })
}

pub fn logs(service: &str, log_records: Vec<LogRecord>) -> Request {
    let scope_logs = vec![ScopeLogs { scope: scope(), log_records, schema_url: String::new() }];
    let resource_logs = vec![ResourceLogs { resource: resource(service), scope_logs, schema_url: String::new() }];
    Request::Logs(ExportLogsServiceRequest { resource_logs })
}

pub fn metrics(service: &str, metrics: Vec<Metric>) -> Request {
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics, schema_url: String::new() }];
    let resource_metrics =
        vec![ResourceMetrics { resource: resource(service), scope_metrics, schema_url: String::new() }];
    Request::Metrics(ExportMetricsServiceRequest { resource_metrics })
}

/// One attribute of every type, and the text that SQL shows for it (`contract.md`, attribute values as text).
pub fn every_type() -> Vec<(KeyValue, &'static str)> {
    let array = |values: Vec<Any>| {
        Any::ArrayValue(ArrayValue { values: values.into_iter().map(|v| AnyValue { value: Some(v) }).collect() })
    };
    let map =
        Any::KvlistValue(KeyValueList { values: vec![label("size", "large"), attribute("sugar", Any::IntValue(30))] });
    vec![
        (label("t.text", "珍珠奶茶 \"大杯\"\n"), "珍珠奶茶 \"大杯\"\n"),
        (label("t.empty", ""), ""),
        (attribute("t.yes", Any::BoolValue(true)), "true"),
        (attribute("t.no", Any::BoolValue(false)), "false"),
        (attribute("t.int", Any::IntValue(i64::MIN)), "-9223372036854775808"),
        (attribute("t.double", Any::DoubleValue(0.1)), "0.1"),
        (attribute("t.bytes", Any::BytesValue(vec![0, 255, 16])), "AP8Q"),
        (attribute("t.array", array(vec![text("a"), Any::IntValue(2), Any::BoolValue(true)])), r#"["a",2,true]"#),
        (attribute("t.map", map), r#"{"size":"large","sugar":30}"#),
        // Promoted keys, of the column's type and of another one.
        (label("http.route", "/api/order/{id}"), "/api/order/{id}"),
        (attribute("http.response.status_code", Any::IntValue(503)), "503"),
        (label("server.port", "a text where a number is usual"), "a text where a number is usual"),
    ]
}

fn attributes() -> Vec<KeyValue> {
    every_type().into_iter().map(|(kv, _)| kv).collect()
}

/// A span with every field set: attributes of every type, two events, a link, status, state, flags.
pub fn full_span(random: &mut impl RngCore, start: u64) -> Span {
    let mut s = span(random, "POST /api/order/{id}", start, 1_234_567);
    s.parent_span_id = random::id::<8>(random);
    s.trace_state = "vendor=1".into();
    s.flags = 0x101;
    s.kind = 3;
    s.attributes = attributes();
    s.dropped_attributes_count = 1;
    s.events = (0..2)
        .map(|i| Event {
            time_unix_nano: start + 1 + i,
            name: format!("event-{i}"),
            attributes: vec![attribute("n", Any::IntValue(i as i64)), label("exception.type", "OutOfPearls")],
            dropped_attributes_count: 0,
        })
        .collect();
    s.links = vec![Link {
        trace_id: random::id::<16>(random),
        span_id: random::id::<8>(random),
        attributes: vec![label("why", "message")],
        ..Link::default()
    }];
    s.status = Some(Status { message: "no pearls left".into(), code: 2 });
    s
}

/// A log record with every field set, tied to `span`.
pub fn full_record(span: &Span, time: u64) -> LogRecord {
    LogRecord {
        observed_time_unix_nano: time + 7,
        severity_number: 17,
        severity_text: "ERROR".into(),
        attributes: attributes(),
        dropped_attributes_count: 2,
        flags: 1,
        trace_id: span.trace_id.clone(),
        span_id: span.span_id.clone(),
        event_name: "order.failed".into(),
        ..record(time, "out of pearls")
    }
}

/// One metric of each kind, each with one point at `time`, with exemplars where there can be some.
pub fn every_metric(span: &Span, time: u64) -> Vec<Metric> {
    let start = time - 60_000_000_000;
    let exemplars = vec![Exemplar {
        filtered_attributes: vec![label("user.id", "u1")],
        time_unix_nano: time - 5,
        span_id: span.span_id.clone(),
        trace_id: span.trace_id.clone(),
        value: Some(exemplar::Value::AsDouble(12.5)),
    }];
    let number = |value| NumberDataPoint {
        attributes: attributes(),
        start_time_unix_nano: start,
        time_unix_nano: time,
        exemplars: exemplars.clone(),
        value: Some(value),
        ..NumberDataPoint::default()
    };
    let histogram = HistogramDataPoint {
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: 6,
        sum: Some(61.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![5.0, 10.0],
        exemplars: exemplars.clone(),
        min: Some(0.5),
        max: Some(40.0),
        ..HistogramDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: 9,
        sum: Some(-3.25),
        scale: 2,
        zero_count: 1,
        zero_threshold: 0.001,
        positive: Some(Buckets { offset: -3, bucket_counts: vec![4, 0, 1] }),
        negative: Some(Buckets { offset: 2, bucket_counts: vec![3] }),
        min: Some(-9.0),
        max: Some(4.0),
        ..ExponentialHistogramDataPoint::default()
    };
    let summary = SummaryDataPoint {
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: 100,
        sum: 250.5,
        quantile_values: vec![
            ValueAtQuantile { quantile: 0.5, value: 2.0 },
            ValueAtQuantile { quantile: 0.99, value: 9.75 },
        ],
        ..SummaryDataPoint::default()
    };
    let of = |name: &str, data| Metric {
        name: format!("e2e.{name}"),
        description: format!("a {name}"),
        unit: "ms".into(),
        data: Some(data),
        ..Metric::default()
    };
    vec![
        of(
            "gauge",
            metric::Data::Gauge(Gauge { data_points: vec![number(number_data_point::Value::AsDouble(21.75))] }),
        ),
        of(
            "sum",
            metric::Data::Sum(Sum {
                data_points: vec![number(number_data_point::Value::AsInt(i64::MAX))],
                aggregation_temporality: 2,
                is_monotonic: true,
            }),
        ),
        of(
            "histogram",
            metric::Data::Histogram(Histogram { data_points: vec![histogram], aggregation_temporality: 1 }),
        ),
        of(
            "exponential_histogram",
            metric::Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential],
                aggregation_temporality: 2,
            }),
        ),
        of("summary", metric::Data::Summary(Summary { data_points: vec![summary] })),
    ]
}
