//! A trace in the JSON of Jaeger's version 1: microseconds, typed tags, processes by number.

use super::find::Found;
use crate::traces::read::{Attribute, Event, FullSpan, Resource};
use model::AttrType;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use traces::{Kind, Names, Status};

/// The whole trace, spans in tree order.
pub(super) fn trace(found: &Found) -> Value {
    let shape = &found.loaded.shape;
    let mut processes = Processes::default();
    let id = short(&found.trace_id);
    let nodes = shape.tree.order().iter();
    let spans: Vec<Value> = nodes
        .filter_map(|node| {
            let full = found.loaded.spans.get(node)?;
            let service = shape.names.text(full.span.service);
            let process = processes.of(service, &full.resource_id, &found.loaded.resources);
            Some(span(full, &id, &process, &shape.names, shape.tree.is_orphan(*node)))
        })
        .collect();
    let warnings = found.warnings();
    json!({
        "traceID": id,
        "spans": spans,
        "processes": processes.described,
        "warnings": if warnings.is_empty() { Value::Null } else { json!(warnings) },
    })
}

/// Processes by their numbers: one for each service of each resource.
#[derive(Default)]
struct Processes {
    numbers: BTreeMap<(String, String), String>,
    described: Map<String, Value>,
}

impl Processes {
    fn of(&mut self, service: &str, resource_id: &str, resources: &BTreeMap<String, Resource>) -> String {
        let key = (service.to_owned(), resource_id.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return number.clone();
        }
        let number = format!("p{}", self.numbers.len() + 1);
        let attributes = resources.get(resource_id).into_iter().flatten().filter(|(k, _)| *k != "service.name");
        let tags: Vec<Value> = attributes.map(|(k, v)| json!({ "key": k, "type": "string", "value": v })).collect();
        self.described.insert(number.clone(), json!({ "serviceName": service, "tags": tags }));
        self.numbers.insert(key, number.clone());
        number
    }
}

/// Jaeger leaves an upper half of zeros out.
fn short(trace_id: &str) -> String {
    trace_id.strip_prefix("0000000000000000").unwrap_or(trace_id).to_owned()
}

fn span(full: &FullSpan, trace_id: &str, process: &str, names: &Names, parent_missing: bool) -> Value {
    let span = &full.span;
    let parent =
        span.parent_id().map(|id| json!({ "refType": "CHILD_OF", "traceID": trace_id, "spanID": id.to_string() }));
    let links = full.links.iter();
    let links = links
        .map(|link| json!({ "refType": "FOLLOWS_FROM", "traceID": short(&link.trace_id), "spanID": link.span_id }));
    let mut warnings: Vec<String> = full.flags.iter().flat_map(|flags| flags.split(',').map(str::to_owned)).collect();
    if let Some(id) = span.parent_id().filter(|_| parent_missing) {
        warnings.push(format!("the parent span {id} is missing"));
    }
    json!({
        "traceID": trace_id,
        "spanID": span.id.to_string(),
        "flags": full.trace_flags.unwrap_or(1) & 0xff,
        "operationName": names.text(span.operation),
        "references": parent.into_iter().chain(links).collect::<Vec<_>>(),
        "startTime": span.start.div_euclid(1_000),
        "duration": span.duration_ns.max(0) / 1_000,
        "tags": tags(full),
        "logs": full.events.iter().map(log).collect::<Vec<_>>(),
        "processID": process,
        "warnings": if warnings.is_empty() { Value::Null } else { json!(warnings) },
    })
}

/// Attributes, and what version 1 has no other place for.
fn tags(full: &FullSpan) -> Vec<Value> {
    let text = |key: &str, value: &str| json!({ "key": key, "type": "string", "value": value });
    let mut tags: Vec<Value> = full.attributes.iter().map(tag).collect();
    let sent = |key: &str| full.attributes.iter().any(|a| a.key == key);
    if full.span.kind != Kind::Internal && !sent("span.kind") {
        tags.push(text("span.kind", full.span.kind.as_str()));
    }
    match full.span.status {
        Status::Unset => {}
        Status::Ok => tags.push(text("otel.status_code", "OK")),
        Status::Error => {
            tags.push(text("otel.status_code", "ERROR"));
            if !sent("error") {
                tags.push(json!({ "key": "error", "type": "bool", "value": true }));
            }
        }
    }
    let more = [
        ("otel.status_description", &full.status_message),
        ("otel.scope.name", &full.scope),
        ("otel.scope.version", &full.scope_version),
        ("w3c.tracestate", &full.trace_state),
    ];
    tags.extend(more.into_iter().filter_map(|(key, value)| Some(text(key, value.as_deref()?))));
    tags
}

fn tag(attribute: &Attribute) -> Value {
    let text = attribute.value.as_deref().unwrap_or_default();
    let (ty, value) = match attribute.ty {
        AttrType::Bool => ("bool", text.parse::<bool>().ok().map(Value::from)),
        AttrType::Int => ("int64", text.parse::<i64>().ok().map(Value::from)),
        // NaN and the infinities are no JSON numbers.
        AttrType::Double => ("float64", text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from)),
        AttrType::Bytes => ("binary", Some(Value::from(text))),
        AttrType::String | AttrType::Array | AttrType::Map | AttrType::Empty => ("string", Some(Value::from(text))),
    };
    match value {
        Some(value) => json!({ "key": attribute.key, "type": ty, "value": value }),
        None => json!({ "key": attribute.key, "type": "string", "value": text }),
    }
}

fn log(event: &Event) -> Value {
    let name = json!({ "key": "event", "type": "string", "value": event.name });
    let fields: Vec<Value> = std::iter::once(name).chain(event.attributes.iter().map(tag)).collect();
    json!({ "timestamp": event.time.div_euclid(1_000), "fields": fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_the_types_they_were_sent_with() {
        for (ty, text, expected) in [
            (AttrType::String, "x", json!({ "key": "k", "type": "string", "value": "x" })),
            (AttrType::Bool, "true", json!({ "key": "k", "type": "bool", "value": true })),
            (AttrType::Int, "-7", json!({ "key": "k", "type": "int64", "value": -7 })),
            (AttrType::Double, "0.5", json!({ "key": "k", "type": "float64", "value": 0.5 })),
            (AttrType::Double, "NaN", json!({ "key": "k", "type": "string", "value": "NaN" })),
            (AttrType::Bytes, "AAE=", json!({ "key": "k", "type": "binary", "value": "AAE=" })),
            (AttrType::Array, "[1]", json!({ "key": "k", "type": "string", "value": "[1]" })),
        ] {
            assert_eq!(tag(&Attribute { key: "k".into(), value: Some(text.into()), ty }), expected);
        }
        assert_eq!(short(&format!("{}0000000000000abc", "0".repeat(16))), "0000000000000abc");
        assert_eq!(short(&"a".repeat(32)), "a".repeat(32));
    }
}
