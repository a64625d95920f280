//! Log records.

use super::envelope::{Items, Names, Output, Place};
use super::fault::{Fault, id};
use super::value::{any_value, attribute};
use super::wire::Fields;
use crate::DecodeError;
use tables::build::{LogInput, ResourceRef, ScopeRef};

#[derive(Debug)]
pub(super) struct LogRecords<'b> {
    record: LogInput<'b>,
}

impl<'b> LogRecords<'b> {
    pub(super) fn new(out: &Output<'_>) -> Self {
        Self { record: LogInput { attributes: out.builder.attributes(), ..LogInput::default() } }
    }
}

impl<'b> Items<'b> for LogRecords<'b> {
    const NAMES: &'static Names = &Names { resources: "resourceLogs", scopes: "scopeLogs", items: "logRecords" };

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
        self.record.clear();
        match read_record(message, &mut self.record) {
            Ok(()) => out.builder.log(resource, scope, &self.record),
            Err(fault) => out.refuse(resource, || format!("{place}: {fault}")),
        }
        Ok(())
    }
}

fn read_record<'b>(message: &'b [u8], record: &mut LogInput<'b>) -> Result<(), Fault> {
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            6 => attribute(field.bytes()?, &mut record.attributes, &mut record.flags)?,
            1 => record.time = field.fixed64()?,
            2 => record.severity = field.int32()?,
            3 => record.severity_text = field.bytes()?,
            5 => record.body = any_value(field.bytes()?, &mut record.flags).map_err(Fault::in_field("body"))?,
            7 => record.dropped_attributes_count = field.uint32()?,
            8 => record.trace_flags = field.fixed32()?,
            9 => record.trace_id = id("trace id", field.bytes()?)?,
            10 => record.span_id = id("span id", field.bytes()?)?,
            11 => record.observed_time = field.fixed64()?,
            12 => record.event_name = field.bytes()?,
            _ => {}
        }
    }
    Ok(())
}
