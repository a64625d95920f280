//! The facts of what was sent, from the protobuf types.

use super::{Facts, put, time_text, typed};
use crate::sender::Request;
use base64::Engine;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, exemplar, metric, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) services: BTreeSet<String>,
    pub(super) spans: Vec<Facts>,
    pub(super) logs: Vec<Facts>,
    pub(super) points: Vec<Facts>,
}

/// Names that the senders here use and that have a current name: both are shown.
const RENAMED: &[(&str, &str)] = &[
    ("http.method", "http.request.method"),
    ("peer.service", "service.peer.name"),
    ("net.sock.peer.addr", "network.peer.address"),
];

pub(super) fn facts(requests: &[Request]) -> Sent {
    let mut sent = Sent::default();
    for request in requests {
        match request {
            Request::Traces(r) => {
                for group in &r.resource_spans {
                    let resource = sent.resource(&group.resource);
                    for scope in &group.scope_spans {
                        sent.spans.extend(scope.spans.iter().map(|s| with(span(s), &resource, &scope.scope)));
                    }
                }
            }
            Request::Logs(r) => {
                for group in &r.resource_logs {
                    let resource = sent.resource(&group.resource);
                    for scope in &group.scope_logs {
                        sent.logs
                            .extend(scope.log_records.iter().map(|l| with(log_record(l), &resource, &scope.scope)));
                    }
                }
            }
            Request::Metrics(r) => {
                for group in &r.resource_metrics {
                    let resource = sent.resource(&group.resource);
                    for scope in &group.scope_metrics {
                        let points = scope.metrics.iter().flat_map(points);
                        sent.points.extend(points.map(|p| with(p, &resource, &scope.scope)));
                    }
                }
            }
        }
    }
    sent
}

impl Sent {
    fn resource(&mut self, resource: &Option<Resource>) -> Facts {
        let mut facts = Facts::new();
        for kv in resource.iter().flat_map(|r| &r.attributes) {
            let (_, text) = value(kv.value.as_ref());
            if kv.key == "service.name" {
                self.services.insert(text.clone());
                put(&mut facts, "service", text.clone());
            }
            put(&mut facts, format!("resource {}", kv.key), text);
        }
        facts
    }
}

fn with(mut facts: Facts, resource: &Facts, scope: &Option<InstrumentationScope>) -> Facts {
    facts.extend(resource.clone());
    let scope = scope.clone().unwrap_or_default();
    put(&mut facts, "scope", scope.name);
    put(&mut facts, "scope_version", scope.version);
    facts
}

/// The type tag and canonical text of a value.
fn value(value: Option<&AnyValue>) -> (char, String) {
    match value.and_then(|v| v.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => ('0', String::new()),
        Some(Value::StringValue(text)) => ('s', text.clone()),
        Some(Value::BoolValue(yes)) => ('b', yes.to_string()),
        Some(Value::IntValue(int)) => ('i', int.to_string()),
        Some(Value::DoubleValue(double)) => ('d', format!("{double:?}")),
        Some(Value::BytesValue(bytes)) => ('x', base64::engine::general_purpose::STANDARD.encode(bytes)),
        Some(Value::ArrayValue(_)) => ('a', json_of(value).to_string()),
        Some(Value::KvlistValue(_)) => ('m', json_of(value).to_string()),
    }
}

fn json_of(value: Option<&AnyValue>) -> serde_json::Value {
    match value.and_then(|v| v.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => json!(null),
        Some(Value::StringValue(text)) => json!(text),
        Some(Value::BoolValue(yes)) => json!(yes),
        Some(Value::IntValue(int)) => json!(int),
        Some(Value::DoubleValue(double)) => json!(double),
        Some(Value::BytesValue(bytes)) => json!(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Some(Value::ArrayValue(array)) => array.values.iter().map(|v| json_of(Some(v))).collect(),
        Some(Value::KvlistValue(map)) => map
            .values
            .iter()
            .map(|kv| (kv.key.clone(), json_of(kv.value.as_ref())))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn attributes(facts: &mut Facts, prefix: &str, attributes: &[KeyValue]) {
    for kv in attributes {
        let (tag, text) = value(kv.value.as_ref());
        let fact = typed(tag, &text);
        let renamed = RENAMED
            .iter()
            .find(|(old, new)| prefix == "attribute" && kv.key == *old && !attributes.iter().any(|kv| kv.key == *new));
        if let Some((_, new)) = renamed {
            facts.insert(format!("{prefix} {new}"), fact.clone());
        }
        // Of a key sent twice, the first value is the one that is read.
        facts.entry(format!("{prefix} {}", kv.key)).or_insert(fact);
    }
}

fn span(s: &Span) -> Facts {
    let mut facts = Facts::new();
    put(&mut facts, "time", time_text(s.start_time_unix_nano));
    put(&mut facts, "end_time", time_text(s.end_time_unix_nano));
    put(&mut facts, "duration_ns", (s.end_time_unix_nano as i64 - s.start_time_unix_nano as i64).to_string());
    put(&mut facts, "trace_id", hex::encode(&s.trace_id));
    put(&mut facts, "span_id", hex::encode(&s.span_id));
    put(&mut facts, "parent_span_id", hex::encode(&s.parent_span_id));
    put(&mut facts, "operation", s.name.clone());
    put(&mut facts, "kind", ["internal", "internal", "server", "client", "producer", "consumer"][s.kind as usize]);
    let status = s.status.clone().unwrap_or_default();
    put(&mut facts, "status", ["unset", "ok", "error"][status.code as usize]);
    put(&mut facts, "status_message", status.message);
    put(&mut facts, "trace_state", s.trace_state.clone());
    put(&mut facts, "trace_flags", s.flags.to_string());
    put(&mut facts, "dropped_attributes_count", s.dropped_attributes_count.to_string());
    attributes(&mut facts, "attribute", &s.attributes);
    for (i, event) in s.events.iter().enumerate() {
        put(&mut facts, format!("event {i}"), event.name.clone());
        put(&mut facts, format!("event {i} time"), time_text(event.time_unix_nano));
        attributes(&mut facts, &format!("event {i} attribute"), &event.attributes);
    }
    for (i, link) in s.links.iter().enumerate() {
        put(&mut facts, format!("link {i}"), format!("{} {}", hex::encode(&link.trace_id), hex::encode(&link.span_id)));
        put(&mut facts, format!("link {i} trace_state"), link.trace_state.clone());
        put(&mut facts, format!("link {i} trace_flags"), link.flags.to_string());
        attributes(&mut facts, &format!("link {i} attribute"), &link.attributes);
    }
    facts
}

fn log_record(l: &LogRecord) -> Facts {
    let mut facts = Facts::new();
    // A record without a time has that of its observation.
    let time = if l.time_unix_nano == 0 { l.observed_time_unix_nano } else { l.time_unix_nano };
    put(&mut facts, "time", time_text(time));
    put(
        &mut facts,
        "observed_time",
        if l.observed_time_unix_nano == 0 { String::new() } else { time_text(l.observed_time_unix_nano) },
    );
    put(&mut facts, "severity", l.severity_number.to_string());
    put(&mut facts, "severity_text", l.severity_text.clone());
    let (tag, text) = value(l.body.as_ref());
    put(&mut facts, "body", if tag == '0' { String::new() } else { typed(tag, &text) });
    put(&mut facts, "event_name", l.event_name.clone());
    put(&mut facts, "trace_id", hex::encode(&l.trace_id));
    put(&mut facts, "span_id", hex::encode(&l.span_id));
    put(&mut facts, "trace_flags", l.flags.to_string());
    put(&mut facts, "dropped_attributes_count", l.dropped_attributes_count.to_string());
    attributes(&mut facts, "attribute", &l.attributes);
    facts
}

fn points(m: &Metric) -> Vec<Facts> {
    let named = |kind: &str, temporality: i32, monotonic: bool| {
        let mut facts = Facts::new();
        put(&mut facts, "name", m.name.clone());
        put(&mut facts, "type", kind);
        put(&mut facts, "unit", m.unit.clone());
        put(&mut facts, "description", m.description.clone());
        put(&mut facts, "temporality", ["", "delta", "cumulative"][temporality as usize]);
        put(&mut facts, "monotonic", if monotonic { "true" } else { "" });
        facts
    };
    match &m.data {
        Some(metric::Data::Gauge(g)) => g.data_points.iter().map(|p| number(named("gauge", 0, false), p)).collect(),
        Some(metric::Data::Sum(s)) => {
            s.data_points.iter().map(|p| number(named("sum", s.aggregation_temporality, s.is_monotonic), p)).collect()
        }
        Some(metric::Data::Histogram(h)) => h
            .data_points
            .iter()
            .map(|p| {
                let mut facts = named("histogram", h.aggregation_temporality, false);
                times(&mut facts, p.start_time_unix_nano, p.time_unix_nano, p.flags);
                attributes(&mut facts, "attribute", &p.attributes);
                counted(&mut facts, p.count, p.sum, p.min, p.max);
                put(&mut facts, "bucket_counts", list(&p.bucket_counts));
                put(&mut facts, "explicit_bounds", doubles(&p.explicit_bounds));
                exemplars(&mut facts, &p.exemplars);
                facts
            })
            .collect(),
        Some(metric::Data::ExponentialHistogram(h)) => h
            .data_points
            .iter()
            .map(|p| {
                let mut facts = named("exponential_histogram", h.aggregation_temporality, false);
                times(&mut facts, p.start_time_unix_nano, p.time_unix_nano, p.flags);
                attributes(&mut facts, "attribute", &p.attributes);
                counted(&mut facts, p.count, p.sum, p.min, p.max);
                put(&mut facts, "scale", p.scale.to_string());
                put(&mut facts, "zero_count", p.zero_count.to_string());
                put(&mut facts, "zero_threshold", bits(p.zero_threshold));
                for (side, buckets) in [("positive", &p.positive), ("negative", &p.negative)] {
                    let buckets = buckets.clone().unwrap_or_default();
                    put(&mut facts, format!("{side}_offset"), buckets.offset.to_string());
                    put(&mut facts, format!("{side}_counts"), list(&buckets.bucket_counts));
                }
                exemplars(&mut facts, &p.exemplars);
                facts
            })
            .collect(),
        Some(metric::Data::Summary(s)) => s
            .data_points
            .iter()
            .map(|p| {
                let mut facts = named("summary", 0, false);
                times(&mut facts, p.start_time_unix_nano, p.time_unix_nano, p.flags);
                attributes(&mut facts, "attribute", &p.attributes);
                counted(&mut facts, p.count, Some(p.sum), None, None);
                for (i, q) in p.quantile_values.iter().enumerate() {
                    put(&mut facts, format!("quantile {i}"), format!("{} {}", bits(q.quantile), bits(q.value)));
                }
                facts
            })
            .collect(),
        None => Vec::new(),
    }
}

fn number(mut facts: Facts, p: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint) -> Facts {
    times(&mut facts, p.start_time_unix_nano, p.time_unix_nano, p.flags);
    attributes(&mut facts, "attribute", &p.attributes);
    let value = match p.value {
        Some(number_data_point::Value::AsInt(int)) => format!("int {int}"),
        Some(number_data_point::Value::AsDouble(double)) => format!("double {}", bits(double)),
        None => String::new(),
    };
    put(&mut facts, "value", value);
    exemplars(&mut facts, &p.exemplars);
    facts
}

fn times(facts: &mut Facts, start: u64, time: u64, flags: u32) {
    put(facts, "time", time_text(time));
    put(facts, "start_time", if start == 0 { String::new() } else { time_text(start) });
    put(facts, "point_flags", flags.to_string());
}

fn counted(facts: &mut Facts, count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) {
    put(facts, "count", count.to_string());
    for (name, value) in [("sum", sum), ("min", min), ("max", max)] {
        put(facts, name, value.map(bits).unwrap_or_default());
    }
}

fn exemplars(facts: &mut Facts, exemplars: &[Exemplar]) {
    for (i, e) in exemplars.iter().enumerate() {
        let value = match e.value {
            Some(exemplar::Value::AsInt(int)) => format!("int {int}"),
            Some(exemplar::Value::AsDouble(double)) => format!("double {}", bits(double)),
            None => String::new(),
        };
        let ids = format!("{} {}", hex::encode(&e.trace_id), hex::encode(&e.span_id));
        put(facts, format!("exemplar {i}"), format!("{} {value} {ids}", time_text(e.time_unix_nano)));
        attributes(facts, &format!("exemplar {i} attribute"), &e.filtered_attributes);
    }
}

/// A double by its bits; zero of either sign, sent or not, is one thing only where it says nothing.
pub(super) fn bits(double: f64) -> String {
    if double == 0.0 { "0".to_owned() } else { format!("{:016x}", double.to_bits()) }
}

fn list(counts: &[u64]) -> String {
    counts.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

fn doubles(values: &[f64]) -> String {
    values.iter().map(|v| bits(*v)).collect::<Vec<_>>().join(" ")
}
