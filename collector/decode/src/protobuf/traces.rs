//! Spans.

use super::envelope::{Bounds, Items, Names, Output, Place};
use super::fault::{Fault, id};
use super::value::attribute;
use super::wire::{Broken, Field, Fields};
use crate::DecodeError;
use tables::build::{EventInput, LinkInput, ResourceRef, ScopeRef, SpanInput};
use tables::flags::RowFlags;

#[derive(Debug)]
pub(super) struct Spans<'b> {
    span: SpanInput<'b>,
    bounds: Bounds,
}

impl<'b> Spans<'b> {
    pub(super) fn new(out: &Output<'_>) -> Self {
        let span = SpanInput { attributes: out.builder.attributes(), ..SpanInput::default() };
        Self { span, bounds: out.bounds() }
    }
}

impl<'b> Items<'b> for Spans<'b> {
    const NAMES: &'static Names = &Names { resources: "resourceSpans", scopes: "scopeSpans", items: "spans" };

    #[inline]
    fn item(
        &mut self,
        out: &mut Output<'_>,
        (resource, scope): (ResourceRef, ScopeRef),
        place: Place,
        message: &'b [u8],
    ) -> Result<(), DecodeError> {
        if out.refuse_if_full(resource, || place.to_string()) {
            return Ok(());
        }
        self.span.clear();
        match read_span(message, &mut self.span, self.bounds) {
            Ok(()) => out.builder.span(resource, scope, &self.span),
            Err(fault) => out.refuse(resource, || format!("{place}: {fault}")),
        }
        Ok(())
    }
}

fn read_span<'b>(message: &'b [u8], span: &mut SpanInput<'b>, bounds: Bounds) -> Result<(), Fault> {
    let (mut events_beyond, mut links_beyond) = (0u32, 0u32);
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            9 => attribute(field.bytes()?, &mut span.attributes, &mut span.flags)?,
            1 => span.trace_id = id("trace id", field.bytes()?)?.unwrap_or_default(),
            2 => span.span_id = id("span id", field.bytes()?)?.unwrap_or_default(),
            3 => span.trace_state = field.bytes()?,
            4 => span.parent_span_id = id("parent span id", field.bytes()?)?.unwrap_or_default(),
            5 => span.name = field.bytes()?,
            6 => span.kind = field.int32()?,
            7 => span.start = field.fixed64()?,
            8 => span.end = field.fixed64()?,
            10 => span.dropped_attributes_count = field.uint32()?,
            11 if span.events.len() == bounds.nested_max => events_beyond += 1,
            11 => {
                let event = read_event(field.bytes()?, bounds.attributes_max, &mut span.flags)?;
                span.events.push(event);
            }
            12 => span.dropped_events_count = field.uint32()?,
            13 if span.links.len() == bounds.nested_max => links_beyond += 1,
            13 => {
                let link = read_link(field.bytes()?, bounds.attributes_max, &mut span.flags)?;
                span.links.push(link);
            }
            14 => span.dropped_links_count = field.uint32()?,
            15 => read_status(field, span).map_err(Fault::in_field("status"))?,
            16 => span.trace_flags = field.fixed32()?,
            _ => {}
        }
    }
    if events_beyond > 0 || links_beyond > 0 {
        span.dropped_events_count = span.dropped_events_count.saturating_add(events_beyond);
        span.dropped_links_count = span.dropped_links_count.saturating_add(links_beyond);
        span.flags.insert(RowFlags::NESTED_CUT);
    }
    Ok(())
}

fn read_status<'b>(field: Field<'b>, span: &mut SpanInput<'b>) -> Result<(), Broken> {
    let mut fields = Fields::of(field.bytes()?);
    while let Some((number, field)) = fields.next()? {
        match number {
            2 => span.status_message = field.bytes()?,
            3 => span.status = field.int32()?,
            _ => {}
        }
    }
    Ok(())
}

fn read_event<'b>(message: &'b [u8], attributes_max: usize, odd: &mut RowFlags) -> Result<EventInput<'b>, Fault> {
    let broken = Fault::in_field("events");
    let mut event = EventInput::new(attributes_max);
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next().map_err(broken)? {
        match number {
            1 => event.time = field.fixed64().map_err(broken)?,
            2 => event.name = field.bytes().map_err(broken)?,
            3 => attribute(field.bytes().map_err(broken)?, &mut event.attributes, odd)?,
            4 => event.dropped_attributes_count = field.uint32().map_err(broken)?,
            _ => {}
        }
    }
    Ok(event)
}

fn read_link<'b>(message: &'b [u8], attributes_max: usize, odd: &mut RowFlags) -> Result<LinkInput<'b>, Fault> {
    let broken = Fault::in_field("links");
    let mut link = LinkInput::new(attributes_max);
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next().map_err(broken)? {
        match number {
            1 => link.trace_id = id("trace id of a link", field.bytes().map_err(broken)?)?.unwrap_or_default(),
            2 => link.span_id = id("span id of a link", field.bytes().map_err(broken)?)?.unwrap_or_default(),
            3 => link.trace_state = field.bytes().map_err(broken)?,
            4 => attribute(field.bytes().map_err(broken)?, &mut link.attributes, odd)?,
            5 => link.dropped_attributes_count = field.uint32().map_err(broken)?,
            6 => link.trace_flags = field.fixed32().map_err(broken)?,
            _ => {}
        }
    }
    Ok(link)
}
