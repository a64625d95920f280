//! The facts of what SQL shows, from the rows of `SELECT *`.

use super::sent::bits;
use super::{Facts, put, typed};
use crate::ordered::Ordered;
use base64::Engine;

pub(super) fn span(row: &Ordered) -> Facts {
    let mut facts = columns(
        row,
        &[
            "time",
            "end_time",
            "duration_ns",
            "trace_id",
            "span_id",
            "parent_span_id",
            "service",
            "operation",
            "kind",
            "status",
            "status_message",
            "trace_state",
            "trace_flags",
            "dropped_attributes_count",
            "scope",
            "scope_version",
        ],
    );
    attributes(&mut facts, "attribute", row);
    resource(&mut facts, row);
    for (i, event) in row.get("events").list().iter().enumerate() {
        put(&mut facts, format!("event {i}"), event.get("name").text().unwrap_or_default());
        put(&mut facts, format!("event {i} time"), event.get("time").text().unwrap_or_default());
        attributes(&mut facts, &format!("event {i} attribute"), event);
    }
    for (i, link) in row.get("links").list().iter().enumerate() {
        let id = |name: &str| link.get(name).text().unwrap_or_default();
        put(&mut facts, format!("link {i}"), format!("{} {}", id("trace_id"), id("span_id")));
        put(&mut facts, format!("link {i} trace_state"), id("trace_state"));
        put(&mut facts, format!("link {i} trace_flags"), id("trace_flags"));
        attributes(&mut facts, &format!("link {i} attribute"), link);
    }
    facts
}

pub(super) fn log_record(row: &Ordered) -> Facts {
    let mut facts = columns(
        row,
        &[
            "time",
            "observed_time",
            "severity",
            "severity_text",
            "service",
            "event_name",
            "trace_id",
            "span_id",
            "trace_flags",
            "dropped_attributes_count",
            "scope",
            "scope_version",
        ],
    );
    if let Some(body) = row.get("body").text() {
        let tag = row.get("body_type").text().and_then(|t| t.chars().next()).unwrap_or('s');
        put(&mut facts, "body", typed(tag, &body));
    }
    attributes(&mut facts, "attribute", row);
    resource(&mut facts, row);
    facts
}

pub(super) fn point(row: &Ordered) -> Facts {
    let mut facts = columns(
        row,
        &[
            "time",
            "start_time",
            "name",
            "type",
            "unit",
            "description",
            "service",
            "count",
            "temporality",
            "scale",
            "zero_count",
            "positive_offset",
            "negative_offset",
            "point_flags",
            "scope",
            "scope_version",
        ],
    );
    if row.get("monotonic") == &Ordered::Bool(true) {
        put(&mut facts, "monotonic", "true");
    }
    for name in ["sum", "min", "max", "zero_threshold"] {
        put(&mut facts, name, row.get(name).double().map(bits).unwrap_or_default());
    }
    put(&mut facts, "value", number(row));
    for name in ["bucket_counts", "positive_counts", "negative_counts"] {
        put(&mut facts, name, joined(row.get(name), |v| v.text().unwrap_or_default()));
    }
    put(
        &mut facts,
        "explicit_bounds",
        joined(row.get("explicit_bounds"), |v| v.double().map(bits).unwrap_or_default()),
    );
    for (i, q) in row.get("quantiles").list().iter().enumerate() {
        let of = |name: &str| q.get(name).double().map(bits).unwrap_or_default();
        put(&mut facts, format!("quantile {i}"), format!("{} {}", of("quantile"), of("value")));
    }
    for (i, e) in row.get("exemplars").list().iter().enumerate() {
        let of = |name: &str| e.get(name).text().unwrap_or_default();
        put(
            &mut facts,
            format!("exemplar {i}"),
            format!("{} {} {} {}", of("time"), number(e), of("trace_id"), of("span_id")),
        );
        attributes(&mut facts, &format!("exemplar {i} attribute"), e);
    }
    attributes(&mut facts, "attribute", row);
    resource(&mut facts, row);
    facts
}

fn columns(row: &Ordered, names: &[&str]) -> Facts {
    let mut facts = Facts::new();
    for name in names {
        put(&mut facts, *name, row.get(name).text().unwrap_or_default());
    }
    facts
}

fn number(row: &Ordered) -> String {
    match (row.get("int_value").text(), row.get("value").double()) {
        (Some(int), _) => format!("int {int}"),
        (None, Some(double)) => format!("double {}", bits(double)),
        (None, None) => String::new(),
    }
}

fn joined(list: &Ordered, one: impl Fn(&Ordered) -> String) -> String {
    list.list().iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The map `attributes` and the types in `attribute_types`: a map by key beside a row's attributes, a tag
/// for each entry within lists. Where there are none, all are text.
fn attributes(facts: &mut Facts, prefix: &str, of: &Ordered) {
    let types = of.get("attribute_types");
    let tags = base64::engine::general_purpose::STANDARD.decode(types.text().unwrap_or_default()).unwrap_or_default();
    for (i, (key, value)) in of.get("attributes").entries().iter().enumerate() {
        let tag = match types.get(key).text() {
            Some(name) => tag_of(&name),
            None => tags.get(i).map_or('s', |t| char::from(*t)),
        };
        facts.insert(format!("{prefix} {key}"), typed(tag, &value.text().unwrap_or_default()));
    }
}

fn tag_of(name: &str) -> char {
    match name {
        "string" => 's',
        "bool" => 'b',
        "int" => 'i',
        "double" => 'd',
        "bytes" => 'x',
        "array" => 'a',
        "map" => 'm',
        _ => '0',
    }
}

fn resource(facts: &mut Facts, row: &Ordered) {
    for (key, value) in row.get("resource").entries() {
        put(facts, format!("resource {key}"), value.text().unwrap_or_default());
    }
}
