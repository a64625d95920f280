//! OTLP/JSON read into the protobuf types: what an SDK sent as JSON, for comparison with SQL.
//!
//! Strict where it matters to a comparison: a field it does not know fails the test, because it would
//! go uncompared.

use crate::sender::Request;
use base64::Engine;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, exemplar, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use serde_json::{Map, Value};

/// The request that was posted to `path`.
pub fn request(path: &str, value: &Value) -> Request {
    let mut top = Fields::of(value);
    let request = if path.contains("trace") {
        Request::Traces(ExportTraceServiceRequest { resource_spans: top.list("resourceSpans", resource_spans) })
    } else if path.contains("logs") {
        Request::Logs(ExportLogsServiceRequest { resource_logs: top.list("resourceLogs", resource_logs) })
    } else {
        Request::Metrics(ExportMetricsServiceRequest {
            resource_metrics: top.list("resourceMetrics", resource_metrics),
        })
    };
    top.done();
    request
}

/// The fields of an object, each taken once; what is left over is a failure.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(value: &Value) -> Self {
        Self(value.as_object().unwrap_or_else(|| panic!("an object is expected: {value}")).clone())
    }

    fn take(&mut self, name: &str) -> Value {
        self.0.remove(name).unwrap_or(Value::Null)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn list<T>(&mut self, name: &str, one: impl Fn(&Value) -> T) -> Vec<T> {
        self.take(name).as_array().map(|items| items.iter().map(one).collect()).unwrap_or_default()
    }

    fn text(&mut self, name: &str) -> String {
        self.take(name).as_str().unwrap_or_default().to_owned()
    }

    fn bytes(&mut self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).expect("ids are hex")
    }

    fn int(&mut self, name: &str) -> i64 {
        int(&self.take(name)).unwrap_or_default()
    }

    fn unsigned(&mut self, name: &str) -> u64 {
        unsigned(&self.take(name)).unwrap_or_default()
    }

    fn double(&mut self, name: &str) -> Option<f64> {
        double(&self.take(name))
    }

    fn done(self) {
        assert!(self.0.is_empty(), "fields that would go uncompared: {:?}", self.0);
    }
}

fn int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn unsigned(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.parse().ok(),
        _ => None,
    }
}

fn any(value: &Value) -> AnyValue {
    let mut fields = Fields::of(value);
    let name = fields.0.keys().next().cloned().unwrap_or_default();
    let inner = fields.take(&name);
    let value = match name.as_str() {
        "stringValue" => Some(any_value::Value::StringValue(inner.as_str().unwrap_or_default().into())),
        "boolValue" => inner.as_bool().map(any_value::Value::BoolValue),
        // The JavaScript SDK calls every double without a fraction an integer.
        "intValue" => {
            int(&inner).map(any_value::Value::IntValue).or_else(|| inner.as_f64().map(any_value::Value::DoubleValue))
        }
        "doubleValue" => double(&inner).map(any_value::Value::DoubleValue),
        "bytesValue" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(inner.as_str().unwrap_or_default());
            Some(any_value::Value::BytesValue(bytes.expect("bytes are base64")))
        }
        "arrayValue" => {
            let values = Fields::of(&inner).list("values", any);
            Some(any_value::Value::ArrayValue(ArrayValue { values }))
        }
        "kvlistValue" => {
            let values = Fields::of(&inner).list("values", key_value);
            Some(any_value::Value::KvlistValue(KeyValueList { values }))
        }
        "" => None,
        other => panic!("an unknown kind of value: {other}"),
    };
    fields.done();
    AnyValue { value }
}

fn key_value(value: &Value) -> KeyValue {
    let mut fields = Fields::of(value);
    let (key, value) = (fields.text("key"), fields.take("value"));
    fields.done();
    KeyValue { key, value: (!value.is_null()).then(|| any(&value)), ..KeyValue::default() }
}

fn resource(value: &Value) -> Option<Resource> {
    let mut fields = Fields::of(value);
    let entities = fields.take("entityRefs");
    assert!(entities.as_array().is_none_or(Vec::is_empty), "entity references would go uncompared: {entities}");
    let resource = Resource {
        attributes: fields.list("attributes", key_value),
        dropped_attributes_count: fields.int("droppedAttributesCount") as u32,
        ..Resource::default()
    };
    fields.done();
    Some(resource)
}

fn scope(value: &Value) -> Option<InstrumentationScope> {
    let mut fields = Fields::of(value);
    let scope = InstrumentationScope {
        name: fields.text("name"),
        version: fields.text("version"),
        attributes: fields.list("attributes", key_value),
        dropped_attributes_count: fields.int("droppedAttributesCount") as u32,
    };
    fields.done();
    Some(scope)
}

fn resource_spans(value: &Value) -> ResourceSpans {
    let mut fields = Fields::of(value);
    let group = ResourceSpans {
        resource: resource(&fields.take("resource")),
        scope_spans: fields.list("scopeSpans", |value| {
            let mut fields = Fields::of(value);
            let group = ScopeSpans {
                scope: scope(&fields.take("scope")),
                spans: fields.list("spans", span),
                schema_url: fields.text("schemaUrl"),
            };
            fields.done();
            group
        }),
        schema_url: fields.text("schemaUrl"),
    };
    fields.done();
    group
}

fn resource_logs(value: &Value) -> ResourceLogs {
    let mut fields = Fields::of(value);
    let group = ResourceLogs {
        resource: resource(&fields.take("resource")),
        scope_logs: fields.list("scopeLogs", |value| {
            let mut fields = Fields::of(value);
            let group = ScopeLogs {
                scope: scope(&fields.take("scope")),
                log_records: fields.list("logRecords", log_record),
                schema_url: fields.text("schemaUrl"),
            };
            fields.done();
            group
        }),
        schema_url: fields.text("schemaUrl"),
    };
    fields.done();
    group
}

fn resource_metrics(value: &Value) -> ResourceMetrics {
    let mut fields = Fields::of(value);
    let group = ResourceMetrics {
        resource: resource(&fields.take("resource")),
        scope_metrics: fields.list("scopeMetrics", |value| {
            let mut fields = Fields::of(value);
            let group = ScopeMetrics {
                scope: scope(&fields.take("scope")),
                metrics: fields.list("metrics", metric),
                schema_url: fields.text("schemaUrl"),
            };
            fields.done();
            group
        }),
        schema_url: fields.text("schemaUrl"),
    };
    fields.done();
    group
}

fn span(value: &Value) -> Span {
    let mut fields = Fields::of(value);
    let status = fields.take("status");
    let span = Span {
        trace_id: fields.bytes("traceId"),
        span_id: fields.bytes("spanId"),
        trace_state: fields.text("traceState"),
        parent_span_id: fields.bytes("parentSpanId"),
        flags: fields.int("flags") as u32,
        name: fields.text("name"),
        kind: fields.int("kind") as i32,
        start_time_unix_nano: fields.unsigned("startTimeUnixNano"),
        end_time_unix_nano: fields.unsigned("endTimeUnixNano"),
        attributes: fields.list("attributes", key_value),
        dropped_attributes_count: fields.int("droppedAttributesCount") as u32,
        events: fields.list("events", event),
        dropped_events_count: fields.int("droppedEventsCount") as u32,
        links: fields.list("links", link),
        dropped_links_count: fields.int("droppedLinksCount") as u32,
        status: (!status.is_null()).then(|| {
            let mut fields = Fields::of(&status);
            let status = Status { message: fields.text("message"), code: fields.int("code") as i32 };
            fields.done();
            status
        }),
    };
    fields.done();
    span
}

fn event(value: &Value) -> Event {
    let mut fields = Fields::of(value);
    let event = Event {
        time_unix_nano: fields.unsigned("timeUnixNano"),
        name: fields.text("name"),
        attributes: fields.list("attributes", key_value),
        dropped_attributes_count: fields.int("droppedAttributesCount") as u32,
    };
    fields.done();
    event
}

fn link(value: &Value) -> Link {
    let mut fields = Fields::of(value);
    let link = Link {
        trace_id: fields.bytes("traceId"),
        span_id: fields.bytes("spanId"),
        trace_state: fields.text("traceState"),
        attributes: fields.list("attributes", key_value),
        dropped_attributes_count: fields.int("droppedAttributesCount") as u32,
        flags: fields.int("flags") as u32,
    };
    fields.done();
    link
}

fn log_record(value: &Value) -> LogRecord {
    let mut fields = Fields::of(value);
    let body = fields.take("body");
    let record = LogRecord {
        time_unix_nano: fields.unsigned("timeUnixNano"),
        observed_time_unix_nano: fields.unsigned("observedTimeUnixNano"),
        severity_number: fields.int("severityNumber") as i32,
        severity_text: fields.text("severityText"),
        body: (!body.is_null()).then(|| any(&body)),
        attributes: fields.list("attributes", key_value),
        dropped_attributes_count: fields.int("droppedAttributesCount") as u32,
        flags: fields.int("flags") as u32,
        trace_id: fields.bytes("traceId"),
        span_id: fields.bytes("spanId"),
        event_name: fields.text("eventName"),
    };
    fields.done();
    record
}

fn metric(value: &Value) -> Metric {
    let mut fields = Fields::of(value);
    let kinds = ["gauge", "sum", "histogram", "exponentialHistogram"];
    let kind =
        kinds.into_iter().find(|k| fields.has(k)).unwrap_or_else(|| panic!("an unknown kind of metric: {value}"));
    let mut data = Fields::of(&fields.take(kind));
    let temporality = data.int("aggregationTemporality") as i32;
    let read = match kind {
        "gauge" => metric::Data::Gauge(Gauge { data_points: data.list("dataPoints", number) }),
        "sum" => metric::Data::Sum(Sum {
            data_points: data.list("dataPoints", number),
            aggregation_temporality: temporality,
            is_monotonic: data.take("isMonotonic").as_bool().unwrap_or_default(),
        }),
        "histogram" => metric::Data::Histogram(Histogram {
            data_points: data.list("dataPoints", histogram),
            aggregation_temporality: temporality,
        }),
        _ => metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: data.list("dataPoints", exponential),
            aggregation_temporality: temporality,
        }),
    };
    data.done();
    let metric = Metric {
        name: fields.text("name"),
        description: fields.text("description"),
        unit: fields.text("unit"),
        metadata: fields.list("metadata", key_value),
        data: Some(read),
    };
    fields.done();
    metric
}

fn number(value: &Value) -> NumberDataPoint {
    let mut fields = Fields::of(value);
    let point = NumberDataPoint {
        attributes: fields.list("attributes", key_value),
        start_time_unix_nano: fields.unsigned("startTimeUnixNano"),
        time_unix_nano: fields.unsigned("timeUnixNano"),
        exemplars: fields.list("exemplars", exemplar),
        flags: fields.int("flags") as u32,
        value: match (int(&fields.take("asInt")), fields.double("asDouble")) {
            (Some(value), _) => Some(number_data_point::Value::AsInt(value)),
            (None, Some(value)) => Some(number_data_point::Value::AsDouble(value)),
            (None, None) => None,
        },
    };
    fields.done();
    point
}

fn histogram(value: &Value) -> HistogramDataPoint {
    let mut fields = Fields::of(value);
    let point = HistogramDataPoint {
        attributes: fields.list("attributes", key_value),
        start_time_unix_nano: fields.unsigned("startTimeUnixNano"),
        time_unix_nano: fields.unsigned("timeUnixNano"),
        count: fields.unsigned("count"),
        sum: fields.double("sum"),
        bucket_counts: fields.list("bucketCounts", |v| unsigned(v).expect("a count")),
        explicit_bounds: fields.list("explicitBounds", |v| double(v).expect("a bound")),
        exemplars: fields.list("exemplars", exemplar),
        flags: fields.int("flags") as u32,
        min: fields.double("min"),
        max: fields.double("max"),
    };
    fields.done();
    point
}

fn exponential(value: &Value) -> ExponentialHistogramDataPoint {
    let mut fields = Fields::of(value);
    let buckets = |value: Value| {
        (!value.is_null()).then(|| {
            let mut fields = Fields::of(&value);
            let buckets = Buckets {
                offset: fields.int("offset") as i32,
                bucket_counts: fields.list("bucketCounts", |v| unsigned(v).expect("a count")),
            };
            fields.done();
            buckets
        })
    };
    let point = ExponentialHistogramDataPoint {
        attributes: fields.list("attributes", key_value),
        start_time_unix_nano: fields.unsigned("startTimeUnixNano"),
        time_unix_nano: fields.unsigned("timeUnixNano"),
        count: fields.unsigned("count"),
        sum: fields.double("sum"),
        scale: fields.int("scale") as i32,
        zero_count: fields.unsigned("zeroCount"),
        positive: buckets(fields.take("positive")),
        negative: buckets(fields.take("negative")),
        flags: fields.int("flags") as u32,
        exemplars: fields.list("exemplars", exemplar),
        min: fields.double("min"),
        max: fields.double("max"),
        zero_threshold: fields.double("zeroThreshold").unwrap_or_default(),
    };
    fields.done();
    point
}

fn exemplar(value: &Value) -> Exemplar {
    let mut fields = Fields::of(value);
    let exemplar = Exemplar {
        filtered_attributes: fields.list("filteredAttributes", key_value),
        time_unix_nano: fields.unsigned("timeUnixNano"),
        span_id: fields.bytes("spanId"),
        trace_id: fields.bytes("traceId"),
        value: match (int(&fields.take("asInt")), fields.double("asDouble")) {
            (Some(value), _) => Some(exemplar::Value::AsInt(value)),
            (None, value) => value.map(exemplar::Value::AsDouble),
        },
    };
    fields.done();
    exemplar
}

#[cfg(test)]
mod tests {
    use crate::{content, random};

    #[test]
    fn what_is_written_as_json_is_read_back_the_same() {
        let mut random = random::generator(1);
        let span = content::full_span(&mut random, 1_700_000_000_000_000_001);
        let mut metrics = content::every_metric(&span, 1_700_000_000_000_000_002);
        metrics.pop(); // no SDK sends summaries
        for request in [
            content::logs("s", vec![content::full_record(&span, 3)]),
            content::metrics("s", metrics),
            content::traces("s", vec![span]),
        ] {
            let read = super::request(request.path(), &request.json());
            assert_eq!(read.protobuf(), request.protobuf(), "{}", request.path());
        }
    }
}
