//! Spans, with their events and links.

use super::field::{Unreadable, fields, let_fields};
use super::tape::Json;
use super::value::Values;
use tables::build::{EventInput, LinkInput, SpanInput};

const KINDS: &[(&str, i32)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

const STATUS_CODES: &[(&str, i32)] = &[("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)];

/// Reads a span into `span`, whatever was there before.
pub(super) fn span<'t>(values: &mut Values, message: Json<'t>, span: &mut SpanInput<'t>) -> Result<(), Unreadable> {
    let_fields! { message =>
        trace_id: "traceId", span_id: "spanId", trace_state: "traceState", parent_span_id: "parentSpanId",
        flags: "flags", name: "name", kind: "kind", start: "startTimeUnixNano", end: "endTimeUnixNano",
        attributes: "attributes", dropped_attributes_count: "droppedAttributesCount", events: "events",
        dropped_events_count: "droppedEventsCount", links: "links", dropped_links_count: "droppedLinksCount",
        status: "status",
    }
    span.clear();
    span.trace_id = trace_id.id("trace id")?.unwrap_or_default();
    span.span_id = span_id.id("span id")?.unwrap_or_default();
    span.trace_state = trace_state.text()?;
    span.parent_span_id = parent_span_id.id("parent span id")?.unwrap_or_default();
    span.trace_flags = flags.u32()?;
    span.name = name.text()?;
    span.kind = values.enumerated(kind, KINDS)?;
    span.start = start.u64()?;
    span.end = end.u64()?;
    values.attributes_into(attributes, &mut span.attributes)?;
    span.dropped_attributes_count = dropped_attributes_count.u32()?;
    let beyond = values.messages_into(events, &mut span.events, event)?;
    span.dropped_events_count = dropped_events_count.u32()?.saturating_add(beyond);
    let beyond = values.messages_into(links, &mut span.links, link)?;
    span.dropped_links_count = dropped_links_count.u32()?.saturating_add(beyond);
    if let Some(status) = status.value {
        let [message, code] = fields(status, ["message", "code"])?;
        span.status_message = message.text()?;
        span.status = values.enumerated(code, STATUS_CODES)?;
    }
    span.flags = values.take_flags();
    Ok(())
}

fn event<'t>(values: &mut Values, message: Json<'t>) -> Result<EventInput<'t>, Unreadable> {
    let [time, name, attributes, dropped_attributes_count] =
        fields(message, ["timeUnixNano", "name", "attributes", "droppedAttributesCount"])?;
    Ok(EventInput {
        time: time.u64()?,
        name: name.text()?,
        attributes: values.attributes(attributes)?,
        dropped_attributes_count: dropped_attributes_count.u32()?,
    })
}

fn link<'t>(values: &mut Values, message: Json<'t>) -> Result<LinkInput<'t>, Unreadable> {
    let_fields! { message =>
        trace_id: "traceId", span_id: "spanId", trace_state: "traceState", attributes: "attributes",
        dropped_attributes_count: "droppedAttributesCount", flags: "flags",
    }
    Ok(LinkInput {
        trace_id: trace_id.id("trace id of a link")?.unwrap_or_default(),
        span_id: span_id.id("span id of a link")?.unwrap_or_default(),
        trace_state: trace_state.text()?,
        trace_flags: flags.u32()?,
        attributes: values.attributes(attributes)?,
        dropped_attributes_count: dropped_attributes_count.u32()?,
    })
}
