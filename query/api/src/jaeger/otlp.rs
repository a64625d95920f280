//! Traces in the JSON of OTLP: spans under their scopes under their resources.

use super::find::Found;
use crate::traces::read::{Attribute, Event, FullSpan, Link, Resource};
use model::AttrType;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use traces::{Kind, Names, Status};

/// Resource, scope and version, then the spans.
type Groups<'f> = BTreeMap<&'f str, BTreeMap<(Option<&'f str>, Option<&'f str>), Vec<Value>>>;

/// `{"resourceSpans": [...]}` of all traces; each trace has resources of its own, as Jaeger gives them.
pub(super) fn resource_spans(traces: &[Found]) -> Value {
    json!({ "resourceSpans": traces.iter().flat_map(of_trace).collect::<Vec<_>>() })
}

fn of_trace(found: &Found) -> Vec<Value> {
    let shape = &found.loaded.shape;
    let mut groups = Groups::new();
    for node in shape.tree.order() {
        let Some(full) = found.loaded.spans.get(node) else { continue };
        let scope = (full.scope.as_deref(), full.scope_version.as_deref());
        let spans = groups.entry(&full.resource_id).or_default().entry(scope).or_default();
        spans.push(span(full, &found.trace_id, &shape.names));
    }
    let nothing = Resource::new();
    let described = groups.into_iter().map(|(id, scopes)| {
        let resource = found.loaded.resources.get(id).unwrap_or(&nothing);
        let attributes = resource.iter().map(|(k, v)| json!({ "key": k, "value": { "stringValue": v } }));
        let scopes = scopes.into_iter().map(|((name, version), spans)| {
            let scope = set([("name", name.map(Value::from)), ("version", version.map(Value::from))]);
            json!({ "scope": scope, "spans": spans })
        });
        json!({
            "resource": { "attributes": attributes.collect::<Vec<_>>() },
            "scopeSpans": scopes.collect::<Vec<_>>(),
        })
    });
    described.collect()
}

/// An object of the fields that have a value.
fn set<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// As OTLP numbers them.
fn kind(kind: Kind) -> u8 {
    match kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
        Kind::Producer => 4,
        Kind::Consumer => 5,
    }
}

fn span(full: &FullSpan, trace_id: &str, names: &Names) -> Value {
    let span = &full.span;
    let code = match span.status {
        Status::Unset => None,
        Status::Ok => Some(json!(1)),
        Status::Error => Some(json!(2)),
    };
    let status = set([("code", code), ("message", full.status_message.as_deref().map(Value::from))]);
    let list = |items: Vec<Value>| (!items.is_empty()).then_some(Value::Array(items));
    set([
        ("traceId", Some(json!(trace_id))),
        ("spanId", Some(json!(span.id.to_string()))),
        ("parentSpanId", span.parent_id().map(|id| json!(id.to_string()))),
        ("traceState", full.trace_state.as_deref().map(Value::from)),
        ("flags", full.trace_flags.map(Value::from)),
        ("name", Some(json!(names.text(span.operation)))),
        ("kind", Some(json!(kind(span.kind)))),
        // 64-bit integers are text in this JSON.
        ("startTimeUnixNano", Some(json!(span.start.to_string()))),
        ("endTimeUnixNano", Some(json!(span.start.saturating_add(span.duration_ns).to_string()))),
        ("attributes", list(attributes(&full.attributes))),
        ("droppedAttributesCount", full.dropped_attributes_count.map(Value::from)),
        ("events", list(full.events.iter().map(event).collect())),
        ("droppedEventsCount", full.dropped_events_count.map(Value::from)),
        ("links", list(full.links.iter().map(link).collect())),
        ("droppedLinksCount", full.dropped_links_count.map(Value::from)),
        ("status", Some(status)),
    ])
}

fn event(event: &Event) -> Value {
    set([
        ("timeUnixNano", Some(json!(event.time.to_string()))),
        ("name", Some(json!(event.name))),
        ("attributes", Some(Value::Array(attributes(&event.attributes)))),
        ("droppedAttributesCount", event.dropped_attributes_count.map(Value::from)),
    ])
}

fn link(link: &Link) -> Value {
    set([
        ("traceId", Some(json!(link.trace_id))),
        ("spanId", Some(json!(link.span_id))),
        ("traceState", link.trace_state.as_deref().map(Value::from)),
        ("flags", link.trace_flags.map(Value::from)),
        ("attributes", Some(Value::Array(attributes(&link.attributes)))),
        ("droppedAttributesCount", link.dropped_attributes_count.map(Value::from)),
    ])
}

fn attributes(attributes: &[Attribute]) -> Vec<Value> {
    attributes.iter().map(|a| json!({ "key": a.key, "value": any_value(a) })).collect()
}

/// An `AnyValue`; a value that is not what its type says is text.
fn any_value(attribute: &Attribute) -> Value {
    let text = attribute.value.as_deref().unwrap_or_default();
    let parsed = || serde_json::from_str::<Value>(text).ok();
    let typed = match attribute.ty {
        AttrType::Empty => Some(json!({})),
        AttrType::Bool => text.parse::<bool>().ok().map(|flag| json!({ "boolValue": flag })),
        AttrType::Int => Some(json!({ "intValue": text })),
        AttrType::Double => Some(match text.parse::<f64>() {
            Ok(number) if number.is_finite() => json!({ "doubleValue": number }),
            _ => json!({ "doubleValue": text }),
        }),
        AttrType::Bytes => Some(json!({ "bytesValue": text })),
        AttrType::Array | AttrType::Map => parsed().map(|value| nested(value, 0)),
        AttrType::String => None,
    };
    typed.unwrap_or_else(|| json!({ "stringValue": text }))
}

/// Values inside arrays and maps are stored as JSON, at most this deep.
const DEPTH_MAX: usize = 64;

fn nested(value: Value, depth: usize) -> Value {
    match value {
        _ if depth > DEPTH_MAX => json!({}),
        Value::Null => json!({}),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) if number.is_i64() => json!({ "intValue": number.to_string() }),
        Value::Number(number) => json!({ "doubleValue": number }),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(items) => {
            let values: Vec<Value> = items.into_iter().map(|item| nested(item, depth + 1)).collect();
            json!({ "arrayValue": { "values": values } })
        }
        Value::Object(fields) => {
            let values = fields.into_iter().map(|(k, v)| json!({ "key": k, "value": nested(v, depth + 1) }));
            json!({ "kvlistValue": { "values": values.collect::<Vec<_>>() } })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_types_they_were_sent_with() {
        for (ty, text, expected) in [
            (AttrType::String, "7", json!({ "stringValue": "7" })),
            (AttrType::Int, "7", json!({ "intValue": "7" })),
            (AttrType::Double, "0.5", json!({ "doubleValue": 0.5 })),
            (AttrType::Double, "Infinity", json!({ "doubleValue": "Infinity" })),
            (AttrType::Bool, "false", json!({ "boolValue": false })),
            (AttrType::Bytes, "AAE=", json!({ "bytesValue": "AAE=" })),
            (AttrType::Empty, "", json!({})),
            (
                AttrType::Array,
                r#"[1,"x",{"a":true}]"#,
                json!({ "arrayValue": { "values": [
                    { "intValue": "1" }, { "stringValue": "x" },
                    { "kvlistValue": { "values": [{ "key": "a", "value": { "boolValue": true } }] } },
                ] } }),
            ),
            (AttrType::Map, "no json", json!({ "stringValue": "no json" })),
        ] {
            let attribute = Attribute { key: "k".into(), value: Some(text.into()), ty };
            assert_eq!(any_value(&attribute), expected, "{ty:?} {text}");
        }
    }
}
