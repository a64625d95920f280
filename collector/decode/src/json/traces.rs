//! Spans, with their events and links.

use super::field::{Unreadable, fields, let_fields};
use super::tape::Json;
use super::value::{Values, reused};
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
    let mut list = reused(&mut span.attributes);
    let trace_id = trace_id.id("trace id")?.unwrap_or_default();
    let span_id = span_id.id("span id")?.unwrap_or_default();
    let parent_span_id = parent_span_id.id("parent span id")?.unwrap_or_default();
    values.attributes_into(attributes, &mut list)?;
    let (status, status_message) = match status.value {
        Some(status) => {
            let [message, code] = fields(status, ["message", "code"])?;
            (values.enumerated(code, STATUS_CODES)?, message.text()?)
        }
        None => (0, &b""[..]),
    };
    *span = SpanInput {
        trace_id,
        span_id,
        parent_span_id,
        trace_state: trace_state.text()?,
        trace_flags: flags.u32()?,
        name: name.text()?,
        kind: values.enumerated(kind, KINDS)?,
        start: start.u64()?,
        end: end.u64()?,
        attributes: list,
        dropped_attributes_count: dropped_attributes_count.u32()?,
        events: values.messages(events, "events", event)?,
        dropped_events_count: dropped_events_count.u32()?,
        links: values.messages(links, "links", link)?,
        dropped_links_count: dropped_links_count.u32()?,
        status,
        status_message,
        flags: values.take_flags(),
    };
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
        trace_id: trace_id.id("trace id")?.unwrap_or_default(),
        span_id: span_id.id("span id")?.unwrap_or_default(),
        trace_state: trace_state.text()?,
        trace_flags: flags.u32()?,
        attributes: values.attributes(attributes)?,
        dropped_attributes_count: dropped_attributes_count.u32()?,
    })
}
