//! Export requests of every shape, odd ones included, as the generated protobuf types.

use crate::dice::Dice;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// Promoted, renamed, request-id, resource and plain keys, some of which will meet in one item.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "http.request.method", "http.method", "http.response.status_code", "http.status_code", "server.port", "http.route",
    "request.id", "http.request.header.x-request-id", "user_req_id", "order.id", "service.name", "service.instance.id",
    "k8s.pod.name", "host.name", "peer.service", "net.transport", "plain", "", "ключ", "a b\"\\\n\u{0}",
    "business.operation.name", "business.operation.id", "business.entities", "business.entity.type", "business.entity.id",
    "business.before", "business.after", "business.operation.deadline_ns", "type", "id", "after", "deployment.id",
    "deployment.status", "change.kind", "change.target", "heartbeat.name", "heartbeat.status", "heartbeat.exit_status",
];

/// Names of events from which further rows follow, and others.
#[rustfmt::skip]
const EVENTS: &[&str] = &[
    "", "business.operation", "stormglass.change", "deployment.failed", "feature_flag.changed", "stormglass.heartbeat", "exception",
];

#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "", "GET", "a", "checkout", "0", "-1", "true", "null", "NaN", "é€𝄞", "\u{0}\u{1f}\u{7f}", "line\nbreak\ttab", "\"quoted\" \\ /", "\u{fffd}",
    "[{\"type\":\"order\",\"id\":7,\"after\":{\"b\":[1,\"x\"]}},3]", "start", "17",
    "\u{202e}rtl\u{200b}", "a text that is longer than twelve bytes, so that a view does not hold it inline",
];

#[rustfmt::skip]
const INTEGERS: &[u64] = &[
    0, 1, 2, 10, 200, 1_000_000, 1_700_000_000_000_000_000, 1_700_000_000_000_000_001, i64::MAX as u64, i64::MAX as u64 + 1,
    u64::MAX, 9_007_199_254_740_993, 946_684_800_000_000_000,
];

#[rustfmt::skip]
const DOUBLES: &[f64] = &[
    0.0, 1.0, -0.0, 0.5, -1.5, 1e300, 5e-324, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e21,
    0.1, 123_456_789.125,
];

fn text(dice: &mut Dice<'_>) -> String {
    if dice.rarely(4) {
        char::from_u32(dice.bits() as u32 % 0x11_0000).into_iter().collect()
    } else {
        dice.pick(TEXTS).into()
    }
}

fn unsigned(dice: &mut Dice<'_>) -> u64 {
    if dice.rarely(4) { dice.bits() } else { dice.pick(INTEGERS) }
}

fn count(dice: &mut Dice<'_>) -> u32 {
    dice.pick(&[0, 1, 7, u32::MAX])
}

fn double(dice: &mut Dice<'_>) -> f64 {
    let free = f64::from_bits(dice.bits());
    if dice.rarely(4) && !free.is_nan() { free } else { dice.pick(DOUBLES) }
}

/// For fields without presence: protobuf encoders take -0.0 for the default and leave it out.
fn implicit_double(dice: &mut Dice<'_>) -> f64 {
    double(dice) + 0.0
}

fn enumerated(dice: &mut Dice<'_>) -> i32 {
    dice.pick(&[0, 1, 2, 3, 4, 5, 9, 17, 24, 99, -1])
}

/// An id of the right length, seldom absent or zero, now and then of a length that is refused.
fn id(dice: &mut Dice<'_>, length: usize) -> Vec<u8> {
    let length = match dice.below(24) {
        21 => 0,
        22 => dice.pick(&[1, length - 1, length + 1, 40]),
        23 => return vec![0; length],
        _ => length,
    };
    (0..length).map(|i| i as u8 ^ dice.below(256) as u8).collect()
}

fn any_value(dice: &mut Dice<'_>, depth: usize) -> AnyValue {
    let value = match dice.below(if depth == 0 { 7 } else { 9 }) {
        0 | 1 => Value::StringValue(text(dice)),
        2 => Value::IntValue(unsigned(dice) as i64),
        3 => Value::DoubleValue(double(dice)),
        4 => Value::BoolValue(dice.below(2) == 0),
        5 => Value::BytesValue(dice.list(5, |dice| dice.below(256) as u8)),
        6 => return AnyValue { value: None },
        7 => Value::ArrayValue(ArrayValue { values: dice.list(3, |dice| any_value(dice, depth - 1)) }),
        _ => Value::KvlistValue(KeyValueList { values: dice.list(3, |dice| key_value(dice, depth - 1)) }),
    };
    AnyValue { value: Some(value) }
}

fn key_value(dice: &mut Dice<'_>, depth: usize) -> KeyValue {
    let key = if dice.rarely(8) { text(dice) } else { dice.pick(KEYS).into() };
    let value = (!dice.rarely(12)).then(|| any_value(dice, depth));
    KeyValue { key, value, ..KeyValue::default() }
}

fn attributes(dice: &mut Dice<'_>) -> Vec<KeyValue> {
    dice.list(6, |dice| key_value(dice, 3))
}

fn resource(dice: &mut Dice<'_>) -> Option<Resource> {
    dice.option(|dice| Resource {
        attributes: attributes(dice),
        dropped_attributes_count: count(dice),
        ..Resource::default()
    })
}

fn scope(dice: &mut Dice<'_>) -> Option<InstrumentationScope> {
    dice.option(|dice| InstrumentationScope {
        name: text(dice),
        version: text(dice),
        attributes: attributes(dice),
        dropped_attributes_count: count(dice),
    })
}

pub(crate) fn traces(dice: &mut Dice<'_>) -> ExportTraceServiceRequest {
    let scope_spans =
        |dice: &mut Dice<'_>| ScopeSpans { scope: scope(dice), spans: dice.list(4, span), schema_url: text(dice) };
    let resource_spans = dice.list(2, |dice| ResourceSpans {
        resource: resource(dice),
        scope_spans: dice.list(2, scope_spans),
        schema_url: text(dice),
    });
    ExportTraceServiceRequest { resource_spans }
}

fn span(dice: &mut Dice<'_>) -> Span {
    Span {
        trace_id: id(dice, 16),
        span_id: id(dice, 8),
        trace_state: text(dice),
        parent_span_id: id(dice, 8),
        flags: count(dice),
        name: text(dice),
        kind: enumerated(dice),
        start_time_unix_nano: unsigned(dice),
        end_time_unix_nano: unsigned(dice),
        attributes: attributes(dice),
        dropped_attributes_count: count(dice),
        events: dice.list(2, |dice| Event {
            time_unix_nano: unsigned(dice),
            name: text(dice),
            attributes: attributes(dice),
            dropped_attributes_count: count(dice),
        }),
        dropped_events_count: count(dice),
        links: dice.list(2, |dice| Link {
            trace_id: id(dice, 16),
            span_id: id(dice, 8),
            trace_state: text(dice),
            attributes: attributes(dice),
            dropped_attributes_count: count(dice),
            flags: count(dice),
        }),
        dropped_links_count: count(dice),
        status: dice.option(|dice| Status { message: text(dice), code: enumerated(dice) }),
    }
}

pub(crate) fn logs(dice: &mut Dice<'_>) -> ExportLogsServiceRequest {
    let scope_logs = |dice: &mut Dice<'_>| ScopeLogs {
        scope: scope(dice),
        log_records: dice.list(4, record),
        schema_url: text(dice),
    };
    let resource_logs = dice.list(2, |dice| ResourceLogs {
        resource: resource(dice),
        scope_logs: dice.list(2, scope_logs),
        schema_url: text(dice),
    });
    ExportLogsServiceRequest { resource_logs }
}

fn record(dice: &mut Dice<'_>) -> LogRecord {
    LogRecord {
        time_unix_nano: unsigned(dice),
        observed_time_unix_nano: unsigned(dice),
        severity_number: enumerated(dice),
        severity_text: text(dice),
        body: dice.option(|dice| any_value(dice, 4)),
        attributes: attributes(dice),
        dropped_attributes_count: count(dice),
        flags: count(dice),
        trace_id: id(dice, 16),
        span_id: id(dice, 8),
        event_name: if dice.rarely(4) { text(dice) } else { dice.pick(EVENTS).into() },
    }
}

pub(crate) fn metrics(dice: &mut Dice<'_>) -> ExportMetricsServiceRequest {
    let scope_metrics = |dice: &mut Dice<'_>| ScopeMetrics {
        scope: scope(dice),
        metrics: dice.list(4, metric),
        schema_url: text(dice),
    };
    let resource_metrics = dice.list(2, |dice| ResourceMetrics {
        resource: resource(dice),
        scope_metrics: dice.list(2, scope_metrics),
        schema_url: text(dice),
    });
    ExportMetricsServiceRequest { resource_metrics }
}

fn metric(dice: &mut Dice<'_>) -> Metric {
    let data = match dice.below(6) {
        0 => Some(Data::Gauge(Gauge { data_points: dice.list(3, number_point) })),
        1 => Some(Data::Sum(Sum {
            data_points: dice.list(3, number_point),
            aggregation_temporality: enumerated(dice),
            is_monotonic: dice.below(2) == 1,
        })),
        2 => Some(Data::Histogram(Histogram {
            data_points: dice.list(3, histogram_point),
            aggregation_temporality: enumerated(dice),
        })),
        3 => Some(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: dice.list(3, exponential_point),
            aggregation_temporality: enumerated(dice),
        })),
        4 => Some(Data::Summary(Summary { data_points: dice.list(3, summary_point) })),
        _ => None,
    };
    Metric { name: text(dice), description: text(dice), unit: text(dice), metadata: attributes(dice), data }
}

fn number_point(dice: &mut Dice<'_>) -> NumberDataPoint {
    let value = match dice.below(3) {
        0 => Some(number_data_point::Value::AsDouble(double(dice))),
        1 => Some(number_data_point::Value::AsInt(unsigned(dice) as i64)),
        _ => None,
    };
    NumberDataPoint {
        attributes: attributes(dice),
        start_time_unix_nano: unsigned(dice),
        time_unix_nano: unsigned(dice),
        exemplars: dice.list(2, exemplar),
        flags: count(dice),
        value,
    }
}

fn histogram_point(dice: &mut Dice<'_>) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(dice),
        start_time_unix_nano: unsigned(dice),
        time_unix_nano: unsigned(dice),
        count: unsigned(dice),
        sum: dice.option(double),
        bucket_counts: dice.list(4, unsigned),
        explicit_bounds: dice.list(3, double),
        exemplars: dice.list(2, exemplar),
        flags: count(dice),
        min: dice.option(double),
        max: dice.option(double),
    }
}

fn exponential_point(dice: &mut Dice<'_>) -> ExponentialHistogramDataPoint {
    let buckets = |dice: &mut Dice<'_>| Buckets { offset: enumerated(dice), bucket_counts: dice.list(4, unsigned) };
    ExponentialHistogramDataPoint {
        attributes: attributes(dice),
        start_time_unix_nano: unsigned(dice),
        time_unix_nano: unsigned(dice),
        count: unsigned(dice),
        sum: dice.option(double),
        scale: dice.pick(&[0, 3, -10, i32::MIN, i32::MAX]),
        zero_count: unsigned(dice),
        positive: dice.option(buckets),
        negative: dice.option(buckets),
        flags: count(dice),
        exemplars: dice.list(2, exemplar),
        min: dice.option(double),
        max: dice.option(double),
        zero_threshold: implicit_double(dice),
    }
}

fn summary_point(dice: &mut Dice<'_>) -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(dice),
        start_time_unix_nano: unsigned(dice),
        time_unix_nano: unsigned(dice),
        count: unsigned(dice),
        sum: implicit_double(dice),
        quantile_values: dice
            .list(3, |dice| ValueAtQuantile { quantile: implicit_double(dice), value: implicit_double(dice) }),
        flags: count(dice),
    }
}

fn exemplar(dice: &mut Dice<'_>) -> Exemplar {
    let value = match dice.below(3) {
        0 => Some(exemplar::Value::AsDouble(double(dice))),
        1 => Some(exemplar::Value::AsInt(unsigned(dice) as i64)),
        _ => None,
    };
    Exemplar {
        filtered_attributes: attributes(dice),
        time_unix_nano: unsigned(dice),
        span_id: id(dice, 8),
        trace_id: id(dice, 16),
        value,
    }
}
