//! Requests of all shapes: every field set or not, odd times and ids, keys that mean something.

use crate::cell::RECEIVED;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
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
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Promoted keys of each type, old names and their new ones, request ids, and keys without a meaning.
const KEYS: &[&str] = &[
    "http.request.method",
    "http.method",
    "http.response.status_code",
    "http.status_code",
    "server.port",
    "url.path",
    "db.system",
    "db.system.name",
    "code.filepath",
    "code.file.path",
    "deployment.environment",
    "ratio",
    "cached",
    "order.id",
    "request.id",
    "user_req_id",
    "app.request.id",
    "event.name",
    "plain",
    "",
    "a key",
    "schlüssel",
];
const RESOURCE_KEYS: &[&str] = &[
    "service.name",
    "service.instance.id",
    "k8s.pod.name",
    "host.name",
    "deployment.environment",
    "deployment.environment.name",
    "container.runtime",
    "other",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["", "GET", "200", "a text longer than twelve bytes", "x\"\\\n\u{1}\u{0}y", "ünïcödé 漢字"]).prop_map(String::from),
        1 => any::<String>(),
        1 => "[a-c]{0,3}",
    ]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        select(vec![0.0, -0.0, 1.0, 0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN, f64::MAX, 1e21, 5e-324]),
    ]
}

fn int() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), select(vec![0, 1, -1, 127, 128, 16_383, 16_384, i64::MIN, i64::MAX])]
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::StringValue),
        2 => int().prop_map(Value::IntValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        1 => double().prop_map(Value::DoubleValue),
        1 => vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
    ];
    let leaf = prop_oneof![9 => leaf.prop_map(Some), 1 => Just(None)].prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3)
                .prop_map(|values| AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) }),
            vec((text(), option::of(inner)), 0..3).prop_map(|entries| {
                let values = entries.into_iter().map(|(key, value)| KeyValue { key, value, ..KeyValue::default() });
                AnyValue { value: Some(Value::KvlistValue(KeyValueList { values: values.collect() })) }
            }),
        ]
    })
}

fn attributes_of(keys: &'static [&'static str], max: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    let key = prop_oneof![9 => select(keys).prop_map(String::from), 1 => text()];
    let attribute = (key, option::weighted(0.95, value()));
    vec(attribute.prop_map(|(key, value)| KeyValue { key, value, ..KeyValue::default() }), 0..max)
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    attributes_of(KEYS, 8)
}

fn time() -> impl Strategy<Value = u64> {
    let now = RECEIVED.0 as u64;
    prop_oneof![
        6 => now - 1_000_000_000..now + 1_000_000_000,
        1 => Just(0),
        1 => any::<u64>(),
        1 => select(vec![1, 946_684_800_000_000_000, 946_684_799_999_999_999, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX]),
    ]
}

fn id<const N: usize>() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (1..4u8).prop_map(|byte| vec![byte; N]),
        2 => vec(any::<u8>(), N),
        1 => Just(Vec::new()),
        1 => Just(vec![0; N]),
    ]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 1 => any::<u32>()]
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    let resource = (attributes_of(RESOURCE_KEYS, 5), count()).prop_map(|(attributes, dropped_attributes_count)| {
        Resource { attributes, dropped_attributes_count, ..Resource::default() }
    });
    option::weighted(0.9, resource)
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    let scope = (text(), text(), attributes_of(KEYS, 3)).prop_map(|(name, version, attributes)| InstrumentationScope {
        name,
        version,
        attributes,
        dropped_attributes_count: 0,
    });
    option::weighted(0.9, scope)
}

fn span() -> impl Strategy<Value = Span> {
    let event = (time(), text(), attributes_of(KEYS, 3), count()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            // A time beyond the column's range adds an entry to the event: that is a table test.
            time_unix_nano: time_unix_nano.min(i64::MAX as u64),
            name,
            attributes,
            dropped_attributes_count,
        },
    );
    let link = (id::<16>(), id::<8>(), text(), attributes_of(KEYS, 3), count(), count()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    );
    let status = option::of((text(), -1..4i32).prop_map(|(message, code)| Status { message, code }));
    let ids = (id::<16>(), id::<8>(), id::<8>(), text(), count());
    let lists = (attributes(), vec(event, 0..3), vec(link, 0..3), status);
    (ids, text(), -1..8i32, time(), time(), lists, (count(), count(), count())).prop_map(
        |(
            (trace_id, span_id, parent_span_id, trace_state, flags),
            name,
            kind,
            start_time_unix_nano,
            end_time_unix_nano,
            (attributes, events, links, status),
            (dropped_attributes_count, dropped_events_count, dropped_links_count),
        )| Span {
            trace_id,
            span_id,
            trace_state,
            parent_span_id,
            flags,
            name,
            kind,
            start_time_unix_nano,
            end_time_unix_nano,
            attributes,
            dropped_attributes_count,
            events,
            dropped_events_count,
            links,
            dropped_links_count,
            status,
        },
    )
}

pub(crate) fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans = (scope(), vec(span(), 0..5), text()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    });
    let resource_spans = (resource(), vec(scope_spans, 0..3), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(resource_spans, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn record() -> impl Strategy<Value = LogRecord> {
    let ids = (id::<16>(), id::<8>(), count());
    (time(), time(), -1..30i32, (text(), text()), option::of(value()), attributes(), count(), ids).prop_map(
        |(time, observed, severity_number, (severity_text, event_name), body, attributes, dropped, ids)| LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: observed,
            severity_number,
            severity_text,
            body,
            attributes,
            dropped_attributes_count: dropped,
            flags: ids.2,
            trace_id: ids.0,
            span_id: ids.1,
            event_name,
        },
    )
}

pub(crate) fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs = (scope(), vec(record(), 0..5), text()).prop_map(|(scope, log_records, schema_url)| ScopeLogs {
        scope,
        log_records,
        schema_url,
    });
    let resource_logs = (resource(), vec(scope_logs, 0..3), text())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(resource_logs, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

/// Attributes of points: short lists of few keys and values, so that series repeat.
fn point_attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    attributes_of(&["host", "cpu", "http.method"], 3)
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    let number = prop_oneof![
        double().prop_map(|value| Some(exemplar::Value::AsDouble(value))),
        int().prop_map(|value| Some(exemplar::Value::AsInt(value))),
        Just(None),
    ];
    let exemplar = (attributes_of(KEYS, 3), time(), id::<16>(), id::<8>(), number).prop_map(
        |(filtered_attributes, time_unix_nano, trace_id, span_id, value)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    );
    prop_oneof![2 => Just(Vec::new()), 1 => vec(exemplar, 1..3)]
}

fn number_points() -> impl Strategy<Value = Vec<NumberDataPoint>> {
    let number = prop_oneof![
        double().prop_map(|value| Some(number_data_point::Value::AsDouble(value))),
        int().prop_map(|value| Some(number_data_point::Value::AsInt(value))),
        Just(None),
    ];
    let point = (point_attributes(), time(), time(), exemplars(), count(), number).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, exemplars, flags, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value,
        },
    );
    vec(point, 0..4)
}

fn histogram_points() -> impl Strategy<Value = Vec<HistogramDataPoint>> {
    let statistics = (any::<u64>(), option::of(double()), option::of(double()), option::of(double()));
    let buckets = (vec(any::<u64>(), 0..5), vec(double(), 0..5));
    let point = (point_attributes(), time(), time(), statistics, buckets, exemplars(), count()).prop_map(
        |(attributes, start, time, (count, sum, min, max), (bucket_counts, explicit_bounds), exemplars, flags)| {
            HistogramDataPoint {
                attributes,
                start_time_unix_nano: start,
                time_unix_nano: time,
                count,
                sum,
                bucket_counts,
                explicit_bounds,
                exemplars,
                flags,
                min,
                max,
            }
        },
    );
    vec(point, 0..4)
}

fn exponential_points() -> impl Strategy<Value = Vec<ExponentialHistogramDataPoint>> {
    let buckets = || {
        option::of(
            (any::<i32>(), vec(any::<u64>(), 0..5))
                .prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }),
        )
    };
    let statistics = (any::<u64>(), option::of(double()), option::of(double()), option::of(double()));
    let zero = (any::<i32>(), any::<u64>(), double());
    let point = (point_attributes(), time(), time(), statistics, (buckets(), buckets()), zero, exemplars(), count())
        .prop_map(|(attributes, start, time, (count, sum, min, max), (positive, negative), zero, exemplars, flags)| {
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano: start,
                time_unix_nano: time,
                count,
                sum,
                scale: zero.0,
                zero_count: zero.1,
                positive,
                negative,
                flags,
                exemplars,
                min,
                max,
                zero_threshold: zero.2,
            }
        });
    vec(point, 0..4)
}

fn summary_points() -> impl Strategy<Value = Vec<SummaryDataPoint>> {
    let quantiles = vec((double(), double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value }), 0..4);
    let point = (point_attributes(), time(), time(), any::<u64>(), double(), quantiles, count()).prop_map(
        |(attributes, start, time, count, sum, quantile_values, flags)| SummaryDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            count,
            sum,
            quantile_values,
            flags,
        },
    );
    vec(point, 0..4)
}

pub(crate) fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let data = prop_oneof![
        number_points().prop_map(|data_points| metric::Data::Gauge(Gauge { data_points })),
        (number_points(), 0..4i32, any::<bool>()).prop_map(|(data_points, aggregation_temporality, is_monotonic)| {
            metric::Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
        }),
        (histogram_points(), 0..4i32).prop_map(|(data_points, aggregation_temporality)| {
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (exponential_points(), 0..4i32).prop_map(|(data_points, aggregation_temporality)| {
            metric::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        summary_points().prop_map(|data_points| metric::Data::Summary(Summary { data_points })),
    ];
    let metric = (text(), text(), data).prop_map(|(name, unit, data)| Metric {
        // Description and metadata are not part of what a series is, and the first that is seen
        // stands: here they follow from the name.
        description: format!("of {name}"),
        metadata: vec![KeyValue {
            key: "from".into(),
            value: Some(AnyValue { value: Some(Value::StringValue(name.clone())) }),
            ..KeyValue::default()
        }],
        name,
        unit,
        data: Some(data),
    });
    let scope_metrics = (scope(), vec(metric, 0..4), text()).prop_map(|(scope, metrics, schema_url)| ScopeMetrics {
        scope,
        metrics,
        schema_url,
    });
    let resource_metrics = (resource(), vec(scope_metrics, 0..3), text())
        .prop_map(|(resource, scope_metrics, schema_url)| ResourceMetrics { resource, scope_metrics, schema_url });
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}
