//! OTLP/JSON written from the protobuf types by the rules of its specification: lowerCamelCase names,
//! hex ids, 64-bit integers as text, enums as numbers, bytes in base64.
//!
//! Written by hand so that the product's JSON reader is judged by something that shares no code with it.

use base64::Engine;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, exemplar,
    metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

pub fn traces(request: &ExportTraceServiceRequest) -> Value {
    let resource_spans = request.resource_spans.iter().map(|r| {
        let scopes = r.scope_spans.iter().map(|s| {
            json!({ "scope": scope(&s.scope), "spans": list(&s.spans, span), "schemaUrl": s.schema_url })
        });
        json!({ "resource": resource(&r.resource), "scopeSpans": scopes.collect::<Vec<_>>(), "schemaUrl": r.schema_url })
    });
    json!({ "resourceSpans": resource_spans.collect::<Vec<_>>() })
}

pub fn logs(request: &ExportLogsServiceRequest) -> Value {
    let resource_logs = request.resource_logs.iter().map(|r| {
        let scopes = r.scope_logs.iter().map(|s| {
            json!({ "scope": scope(&s.scope), "logRecords": list(&s.log_records, log_record), "schemaUrl": s.schema_url })
        });
        json!({ "resource": resource(&r.resource), "scopeLogs": scopes.collect::<Vec<_>>(), "schemaUrl": r.schema_url })
    });
    json!({ "resourceLogs": resource_logs.collect::<Vec<_>>() })
}

pub fn metrics(request: &ExportMetricsServiceRequest) -> Value {
    let resource_metrics = request.resource_metrics.iter().map(|r| {
        let scopes = r.scope_metrics.iter().map(|s| {
            json!({ "scope": scope(&s.scope), "metrics": list(&s.metrics, metric), "schemaUrl": s.schema_url })
        });
        json!({ "resource": resource(&r.resource), "scopeMetrics": scopes.collect::<Vec<_>>(), "schemaUrl": r.schema_url })
    });
    json!({ "resourceMetrics": resource_metrics.collect::<Vec<_>>() })
}

fn list<T>(items: &[T], one: impl Fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(one).collect()
}

fn any(value: &Option<AnyValue>) -> Value {
    use any_value::Value as V;
    match value.as_ref().and_then(|v| v.value.as_ref()) {
        None | Some(V::StringValueStrindex(_)) => json!({}),
        Some(V::StringValue(s)) => json!({ "stringValue": s }),
        Some(V::BoolValue(b)) => json!({ "boolValue": b }),
        Some(V::IntValue(i)) => json!({ "intValue": i.to_string() }),
        Some(V::DoubleValue(d)) => json!({ "doubleValue": double(*d) }),
        Some(V::BytesValue(b)) => json!({ "bytesValue": base64::engine::general_purpose::STANDARD.encode(b) }),
        Some(V::ArrayValue(a)) => {
            json!({ "arrayValue": { "values": list(&a.values, |v| any(&Some(v.clone()))) } })
        }
        Some(V::KvlistValue(k)) => json!({ "kvlistValue": { "values": attributes(&k.values) } }),
    }
}

/// JSON has no numbers for these three.
fn double(value: f64) -> Value {
    match value {
        v if v.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        v => json!(v),
    }
}

fn attributes(attributes: &[KeyValue]) -> Vec<Value> {
    list(attributes, |kv| json!({ "key": kv.key, "value": any(&kv.value) }))
}

fn resource(resource: &Option<Resource>) -> Value {
    let resource = resource.clone().unwrap_or_default();
    json!({ "attributes": attributes(&resource.attributes), "droppedAttributesCount": resource.dropped_attributes_count })
}

fn scope(scope: &Option<InstrumentationScope>) -> Value {
    let scope = scope.clone().unwrap_or_default();
    json!({ "name": scope.name, "version": scope.version, "attributes": attributes(&scope.attributes) })
}

fn span(s: &Span) -> Value {
    let events = list(&s.events, |e| {
        json!({ "timeUnixNano": e.time_unix_nano.to_string(), "name": e.name, "attributes": attributes(&e.attributes),
                "droppedAttributesCount": e.dropped_attributes_count })
    });
    let links = list(&s.links, |l| {
        json!({ "traceId": hex::encode(&l.trace_id), "spanId": hex::encode(&l.span_id), "traceState": l.trace_state,
                "attributes": attributes(&l.attributes), "droppedAttributesCount": l.dropped_attributes_count, "flags": l.flags })
    });
    let status = s.status.clone().unwrap_or_default();
    json!({
        "traceId": hex::encode(&s.trace_id), "spanId": hex::encode(&s.span_id), "traceState": s.trace_state,
        "parentSpanId": hex::encode(&s.parent_span_id), "flags": s.flags, "name": s.name, "kind": s.kind,
        "startTimeUnixNano": s.start_time_unix_nano.to_string(), "endTimeUnixNano": s.end_time_unix_nano.to_string(),
        "attributes": attributes(&s.attributes), "droppedAttributesCount": s.dropped_attributes_count,
        "events": events, "droppedEventsCount": s.dropped_events_count,
        "links": links, "droppedLinksCount": s.dropped_links_count,
        "status": { "message": status.message, "code": status.code },
    })
}

fn log_record(l: &LogRecord) -> Value {
    json!({
        "timeUnixNano": l.time_unix_nano.to_string(), "observedTimeUnixNano": l.observed_time_unix_nano.to_string(),
        "severityNumber": l.severity_number, "severityText": l.severity_text, "body": any(&l.body),
        "attributes": attributes(&l.attributes), "droppedAttributesCount": l.dropped_attributes_count, "flags": l.flags,
        "traceId": hex::encode(&l.trace_id), "spanId": hex::encode(&l.span_id), "eventName": l.event_name,
    })
}

fn metric(m: &Metric) -> Value {
    let mut out =
        json!({ "name": m.name, "description": m.description, "unit": m.unit, "metadata": attributes(&m.metadata) });
    let (kind, data) = match &m.data {
        None => return out,
        Some(metric::Data::Gauge(g)) => ("gauge", json!({ "dataPoints": list(&g.data_points, number) })),
        Some(metric::Data::Sum(s)) => (
            "sum",
            json!({ "dataPoints": list(&s.data_points, number), "aggregationTemporality": s.aggregation_temporality,
                    "isMonotonic": s.is_monotonic }),
        ),
        Some(metric::Data::Histogram(h)) => (
            "histogram",
            json!({ "dataPoints": list(&h.data_points, histogram), "aggregationTemporality": h.aggregation_temporality }),
        ),
        Some(metric::Data::ExponentialHistogram(h)) => (
            "exponentialHistogram",
            json!({ "dataPoints": list(&h.data_points, exponential), "aggregationTemporality": h.aggregation_temporality }),
        ),
        Some(metric::Data::Summary(s)) => ("summary", json!({ "dataPoints": list(&s.data_points, summary) })),
    };
    out[kind] = data;
    out
}

fn number(p: &NumberDataPoint) -> Value {
    let mut out = json!({
        "attributes": attributes(&p.attributes), "startTimeUnixNano": p.start_time_unix_nano.to_string(),
        "timeUnixNano": p.time_unix_nano.to_string(), "exemplars": list(&p.exemplars, exemplar), "flags": p.flags,
    });
    match p.value {
        Some(number_data_point::Value::AsDouble(v)) => out["asDouble"] = double(v),
        Some(number_data_point::Value::AsInt(v)) => out["asInt"] = json!(v.to_string()),
        None => {}
    }
    out
}

fn histogram(p: &HistogramDataPoint) -> Value {
    let mut out = json!({
        "attributes": attributes(&p.attributes), "startTimeUnixNano": p.start_time_unix_nano.to_string(),
        "timeUnixNano": p.time_unix_nano.to_string(), "count": p.count.to_string(),
        "bucketCounts": list(&p.bucket_counts, |c| json!(c.to_string())),
        "explicitBounds": list(&p.explicit_bounds, |b| double(*b)),
        "exemplars": list(&p.exemplars, exemplar), "flags": p.flags,
    });
    extremes(&mut out, p.sum, p.min, p.max);
    out
}

fn exponential(p: &ExponentialHistogramDataPoint) -> Value {
    let buckets = |b: &Option<opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets>| {
        let b = b.clone().unwrap_or_default();
        json!({ "offset": b.offset, "bucketCounts": list(&b.bucket_counts, |c| json!(c.to_string())) })
    };
    let mut out = json!({
        "attributes": attributes(&p.attributes), "startTimeUnixNano": p.start_time_unix_nano.to_string(),
        "timeUnixNano": p.time_unix_nano.to_string(), "count": p.count.to_string(), "scale": p.scale,
        "zeroCount": p.zero_count.to_string(), "zeroThreshold": double(p.zero_threshold),
        "positive": buckets(&p.positive), "negative": buckets(&p.negative),
        "exemplars": list(&p.exemplars, exemplar), "flags": p.flags,
    });
    extremes(&mut out, p.sum, p.min, p.max);
    out
}

fn extremes(out: &mut Value, sum: Option<f64>, min: Option<f64>, max: Option<f64>) {
    for (name, value) in [("sum", sum), ("min", min), ("max", max)] {
        if let Some(value) = value {
            out[name] = double(value);
        }
    }
}

fn summary(p: &SummaryDataPoint) -> Value {
    let quantiles = list(&p.quantile_values, |q| json!({ "quantile": double(q.quantile), "value": double(q.value) }));
    json!({
        "attributes": attributes(&p.attributes), "startTimeUnixNano": p.start_time_unix_nano.to_string(),
        "timeUnixNano": p.time_unix_nano.to_string(), "count": p.count.to_string(), "sum": double(p.sum),
        "quantileValues": quantiles, "flags": p.flags,
    })
}

fn exemplar(e: &Exemplar) -> Value {
    let mut out = json!({
        "filteredAttributes": attributes(&e.filtered_attributes), "timeUnixNano": e.time_unix_nano.to_string(),
        "traceId": hex::encode(&e.trace_id), "spanId": hex::encode(&e.span_id),
    });
    match e.value {
        Some(exemplar::Value::AsDouble(v)) => out["asDouble"] = double(v),
        Some(exemplar::Value::AsInt(v)) => out["asInt"] = json!(v.to_string()),
        None => {}
    }
    out
}
