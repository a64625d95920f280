//! Rows that follow from an item beside its own: business events, entity changes, changes of the
//! estate, heartbeats.
//!
//! It sees an item only after the item is stored as what it is, and only where a key or an event's
//! name marks it: for all others nothing is done. Invariant: what is derived depends on the item and
//! on the layout's settings alone, so that a replay derives the same.

mod business;
mod changes;
mod entities;
mod heartbeats;
mod marks;
mod rules;

pub use rules::{Condition, EntityMap, ExtractRule, Operand, Pattern, RuleMap, RuleSource};

pub(super) use business::BusinessRows;
pub(super) use marks::{Marks, event_marks, key_marks};

use super::context::Context;
use super::input::{Attribute, LogInput, SpanInput, Value};
use super::pool::{Closing, Text};
use super::resources::Resource;
use super::text::push_scalar;
use crate::TableBatch;
use crate::flags::RowFlags;
use arrow::error::ArrowError;
use changes::ChangeRows;
use heartbeats::HeartbeatRows;

/// What a derived row takes over from the item it follows from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// As stored, Unix nanoseconds.
    pub(super) time: i64,
    pub(super) service: Text,
    /// Of the resource; null where it does not say.
    pub(super) environment: Text,
    pub(super) request_id: Text,
    pub(super) trace_id: Option<[u8; 16]>,
    pub(super) span_id: Option<[u8; 8]>,
    /// Name of the span, or of the event.
    pub(super) name: &'a [u8],
    pub(super) body: Option<&'a Value<'a>>,
    pub(super) failed: bool,
    pub(super) attributes: &'a [Attribute<'a>],
}

/// Attribute by which our own HTTP doors say where a record came in.
const VIA: &[u8] = b"stormglass.via";

impl<'a> Origin<'a> {
    pub(super) fn of_span(stored: Stored, resource: &Resource, span: &'a SpanInput<'a>) -> Self {
        Self {
            time: stored.time,
            service: resource.service,
            environment: resource.environment,
            request_id: stored.request_id,
            trace_id: Some(span.trace_id).filter(|id| *id != [0; 16]),
            span_id: Some(span.span_id).filter(|id| *id != [0; 8]),
            name: span.name,
            body: None,
            failed: span.status == 2,
            attributes: span.attributes.items(),
        }
    }

    pub(super) fn of_log(stored: Stored, resource: &Resource, record: &'a LogInput<'a>) -> Self {
        Self {
            time: stored.time,
            service: resource.service,
            environment: resource.environment,
            request_id: stored.request_id,
            trace_id: record.trace_id.filter(|id| *id != [0; 16]),
            span_id: record.span_id.filter(|id| *id != [0; 8]),
            name: super::logs::event_name(record).unwrap_or_default(),
            body: Some(&record.body),
            failed: false,
            attributes: record.attributes.items(),
        }
    }

    /// The first value of a key that says anything.
    fn value(&self, key: &[u8]) -> Option<&'a Value<'a>> {
        self.attributes.iter().find(|a| a.key == key && !a.value.is_blank()).map(|a| &a.value)
    }

    fn text(&self, cx: &mut Context<'_>, key: &[u8]) -> Text {
        self.value(key).map_or(Text::NULL, |value| bounded(cx, value, &mut RowFlags::default()))
    }

    /// The first of several keys that says anything.
    fn first_text(&self, cx: &mut Context<'_>, keys: &[&str]) -> Text {
        keys.iter().map(|key| self.text(cx, key.as_bytes())).find(|text| *text != Text::NULL).unwrap_or(Text::NULL)
    }

    fn via(&self, cx: &mut Context<'_>, otherwise: &str) -> Text {
        match self.value(VIA) {
            Some(Value::String(via)) => cx.pool.intern(via),
            _ => cx.pool.intern(otherwise.as_bytes()),
        }
    }
}

/// What the item's own row holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) flags: RowFlags,
    pub(super) marks: Marks,
    pub(super) time: i64,
    pub(super) request_id: Text,
}

/// Derived rows of one request.
#[derive(Debug, Default)]
pub(super) struct Derived {
    business: BusinessRows,
    changes: ChangeRows,
    heartbeats: HeartbeatRows,
    /// Rows whose item could be read in part only, or was cut.
    pub(super) malformed: u64,
    pub(super) cut: u64,
}

impl Derived {
    /// Derives what follows from a span; gives the number of rows.
    #[cold]
    pub(super) fn span(&mut self, cx: &mut Context<'_>, marks: Marks, origin: &Origin<'_>) -> usize {
        let before = self.rows();
        let mut flags = RowFlags::default();
        if marks.has(Marks::OPERATION_KEY) {
            flags.insert(self.business.put_conventional(cx, origin, "span"));
        } else if marks.has(Marks::RULE_KEY) {
            flags.insert(self.business.put_extracted(cx, origin, RuleSource::Spans));
        }
        if marks.has(Marks::CHANGE_KEY) {
            flags.insert(self.changes.put_span(cx, origin));
        }
        self.count(flags);
        self.rows() - before
    }

    /// As [`Derived::span`], of a record.
    #[cold]
    pub(super) fn log(&mut self, cx: &mut Context<'_>, marks: Marks, origin: &Origin<'_>) -> usize {
        let before = self.rows();
        let mut flags = RowFlags::default();
        if marks.has(Marks::OPERATION_EVENT) {
            flags.insert(self.business.put_conventional(cx, origin, "log"));
        } else if marks.has(Marks::RULE_KEY) {
            flags.insert(self.business.put_extracted(cx, origin, RuleSource::Logs));
        }
        if marks.has(Marks::CHANGE_EVENT) {
            flags.insert(self.changes.put_event(cx, origin));
        }
        if marks.has(Marks::HEARTBEAT_EVENT) {
            flags.insert(self.heartbeats.put(cx, origin));
        }
        self.count(flags);
        self.rows() - before
    }

    fn rows(&self) -> usize {
        self.business.rows() + self.changes.rows() + self.heartbeats.rows()
    }

    fn count(&mut self, flags: RowFlags) {
        self.malformed += u64::from(flags.contains(RowFlags::EVENT_MALFORMED));
        self.cut += u64::from(flags.contains(RowFlags::ENTITIES_CUT) || flags.contains(RowFlags::VALUE_CUT));
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Vec<TableBatch>, ArrowError> {
        let mut tables = self.business.finish(cx, closing)?;
        tables.extend(self.changes.finish(cx, closing)?);
        tables.extend(self.heartbeats.finish(cx, closing)?);
        Ok(tables)
    }
}

/// Canonical text of a value, cut at the bound for values of derived rows; null where it says nothing.
fn bounded(cx: &mut Context<'_>, value: &Value<'_>, flags: &mut RowFlags) -> Text {
    match value {
        _ if value.is_blank() => Text::NULL,
        Value::String(raw) => bounded_text(cx, raw, flags),
        Value::Text(_, text) => bounded_text(cx, text.as_bytes(), flags),
        Value::Empty => Text::NULL,
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => {
            let mut text = String::new();
            push_scalar(&mut text, value);
            cx.pool.intern(text.as_bytes())
        }
    }
}

fn bounded_text(cx: &mut Context<'_>, raw: &[u8], flags: &mut RowFlags) -> Text {
    let max = cx.layout.settings().event_value_bytes_max;
    if raw.len() <= max {
        return cx.pool.intern(raw);
    }
    flags.insert(RowFlags::VALUE_CUT);
    // Not within a character: the first byte that is cut must begin one.
    let begins = |at: &usize| raw[*at] & 0b1100_0000 != 0b1000_0000;
    let end = (max.saturating_sub(3)..=max).rev().find(begins).unwrap_or(max);
    cx.pool.intern(&raw[..end])
}

fn int_of(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::String(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    }
}
