//! Rows of `logs` under construction.

use super::attributes::AttributeColumns;
use super::column::{IdColumn, NumberColumn, TextColumn, required_ids, required_numbers};
use super::context::{Context, TimeSpan, dropped, stored_time};
use super::derived::{Marks, Stored, event_marks};
use super::input::{Attribute, LogInput, Value};
use super::pool::{Closing, Text};
use super::resources::{Resource, Scope, ScopeColumns};
use super::spans::field_type;
use crate::flags::RowFlags;
use crate::{TableBatch, TableId};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use arrow::error::ArrowError;
use model::UnixNanos;

#[derive(Debug)]
pub(super) struct LogRows {
    rows: usize,
    times: TimeSpan,
    time: Vec<i64>,
    observed_time: NumberColumn<TimestampNanosecondType>,
    severity: NumberColumn<Int64Type>,
    severity_text: TextColumn,
    last_severity_text: Text,
    service: TextColumn,
    body: TextColumn,
    body_type: TextColumn,
    event_name: TextColumn,
    last_event_name: Text,
    last_event_marks: Marks,
    trace_id: IdColumn<16>,
    span_id: IdColumn<8>,
    trace_flags: NumberColumn<Int64Type>,
    resource_id: Vec<u8>,
    scope: ScopeColumns,
    attributes: AttributeColumns,
    dropped_attributes: NumberColumn<Int64Type>,
    flags: TextColumn,
}

impl LogRows {
    pub(super) fn new(cx: &Context<'_>) -> Self {
        Self {
            rows: 0,
            times: TimeSpan::default(),
            time: Vec::new(),
            observed_time: NumberColumn::default(),
            severity: NumberColumn::default(),
            severity_text: TextColumn::default(),
            last_severity_text: Text::NULL,
            service: TextColumn::default(),
            body: TextColumn::default(),
            body_type: TextColumn::default(),
            event_name: TextColumn::default(),
            last_event_name: Text::NULL,
            last_event_marks: Marks::default(),
            trace_id: IdColumn::default(),
            span_id: IdColumn::default(),
            trace_flags: NumberColumn::default(),
            resource_id: Vec::new(),
            scope: ScopeColumns::default(),
            attributes: AttributeColumns::new(cx),
            dropped_attributes: NumberColumn::default(),
            flags: TextColumn::default(),
        }
    }

    pub(super) fn put(
        &mut self,
        cx: &mut Context<'_>,
        resource: &Resource,
        scope: &Scope,
        record: &LogInput<'_>,
    ) -> Stored {
        let row = self.rows;
        self.rows += 1;
        let mut flags = record.flags;
        flags.insert(resource.flags);
        flags.insert(scope.flags);
        let (time_flags, exact) = self.put_times(row, record, cx.received);
        flags.insert(time_flags);
        self.service.set(row, resource.service);
        self.resource_id.extend_from_slice(&resource.id.0);
        self.scope.put(row, scope);
        flags.insert(self.put_trace(row, record));
        let mut marks = self.put_words(cx, row, record);
        let placed = self.attributes.put(cx, row, record.attributes.items(), &exact);
        flags.insert(placed.flags);
        marks.insert(placed.marks);
        if record.attributes.beyond() > 0 {
            flags.insert(RowFlags::ATTRIBUTES_CUT);
        }
        self.dropped_attributes.set_some(row, dropped(record.dropped_attributes_count, record.attributes.beyond()));
        flags.insert(cx.repair_flag());
        let text = cx.flags_text(flags);
        self.flags.set_unless_null(row, text);
        Stored { flags, marks, time: self.time[row], request_id: placed.request_id }
    }

    /// Stores the times; gives what is odd and, as attributes of ours, what a timestamp cannot hold.
    fn put_times(
        &mut self,
        row: usize,
        record: &LogInput<'_>,
        received: UnixNanos,
    ) -> (RowFlags, Vec<(&'static str, String)>) {
        let ((sent, cut), (observed, observed_cut)) = (stored_time(record.time), stored_time(record.observed_time));
        let mut flags = RowFlags::default();
        let time = match (sent, observed) {
            (0, 0) => received.0,
            (0, observed) => observed,
            (sent, _) => sent,
        };
        if sent == 0 {
            flags.insert(RowFlags::TIME_MISSING);
        }
        if cut || observed_cut || !UnixNanos(time).is_plausible(received) {
            flags.insert(RowFlags::TIME_IMPLAUSIBLE);
        }
        self.times.add(time);
        self.time.push(time);
        if observed != 0 {
            self.observed_time.set(row, observed);
        }
        let exact = cut.then(|| ("stormglass.time_unix_nano", record.time.to_string()));
        let exact_observed =
            observed_cut.then(|| ("stormglass.observed_time_unix_nano", record.observed_time.to_string()));
        (flags, exact.into_iter().chain(exact_observed).collect())
    }

    fn put_trace(&mut self, row: usize, record: &LogInput<'_>) -> RowFlags {
        let mut flags = RowFlags::default();
        if let Some(id) = record.trace_id {
            self.trace_id.set(row, id);
            if id == [0; 16] {
                flags.insert(RowFlags::ZERO_ID);
            }
        }
        if let Some(id) = record.span_id {
            self.span_id.set(row, id);
            if id == [0; 8] {
                flags.insert(RowFlags::ZERO_ID);
            }
        }
        if record.trace_flags != 0 {
            self.trace_flags.set(row, i64::from(record.trace_flags));
        }
        flags
    }

    /// Stores the words; says what the event's name marks the record as.
    fn put_words(&mut self, cx: &mut Context<'_>, row: usize, record: &LogInput<'_>) -> Marks {
        if record.severity != 0 {
            self.severity.set(row, i64::from(record.severity));
        }
        if !record.severity_text.is_empty() {
            self.last_severity_text = cx.pool.intern_after(self.last_severity_text, record.severity_text);
            self.severity_text.set(row, self.last_severity_text);
        }
        let body = cx.value_text(Text::NULL, &record.body);
        self.body.set_unless_null(row, body);
        if !matches!(record.body, Value::String(_) | Value::Empty) {
            let tag = cx.pool.intern(&[record.body.attr_type() as u8]);
            self.body_type.set(row, tag);
        }
        let Some(name) = event_name(record) else { return Marks::default() };
        let text = cx.pool.intern_after(self.last_event_name, name);
        if text != self.last_event_name {
            self.last_event_name = text;
            self.last_event_marks = event_marks(name);
        }
        self.event_name.set(row, text);
        self.last_event_marks
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Option<TableBatch>, ArrowError> {
        let rows = self.rows;
        if rows == 0 {
            return Ok(None);
        }
        let schema = cx.layout.spec(TableId::Logs).schema.clone();
        let timestamp = schema.field(0).data_type();
        let attributes = self.attributes.finish(cx, closing, rows)?;
        let mut columns = vec![
            required_numbers::<TimestampNanosecondType>(self.time, timestamp),
            self.observed_time.finish(field_type(&schema, "observed_time")?, closing, rows),
            self.severity.finish(&DataType::Int64, closing, rows),
            self.severity_text.finish(closing, rows)?,
            self.service.finish_required(closing)?,
            self.body.finish(closing, rows)?,
            self.body_type.finish(closing, rows)?,
            self.event_name.finish(closing, rows)?,
            self.trace_id.finish(closing, rows)?,
            self.span_id.finish(closing, rows)?,
            self.trace_flags.finish(&DataType::Int64, closing, rows),
            attributes.request_id,
            attributes.request_id_key,
            required_ids::<16>(self.resource_id)?,
        ];
        columns.extend(self.scope.finish(closing, rows)?);
        columns.extend(attributes.map);
        columns.push(attributes.legacy_keys);
        columns.push(self.dropped_attributes.finish(&DataType::Int64, closing, rows));
        columns.push(self.flags.finish(closing, rows)?);
        columns.extend(attributes.promoted);
        Ok(Some(TableBatch {
            table: TableId::Logs,
            rows: RecordBatch::try_new(schema, columns)?,
            time_min: self.times.min,
            time_max: self.times.max,
            overflow: attributes.overflow,
        }))
    }
}

/// The field, else the attribute that older SDKs send.
pub(super) fn event_name<'r>(record: &'r LogInput<'_>) -> Option<&'r [u8]> {
    if !record.event_name.is_empty() {
        return Some(record.event_name);
    }
    let named = |attribute: &&Attribute<'_>| attribute.key == b"event.name";
    match &record.attributes.items().iter().find(named)?.value {
        Value::String(name) if !name.is_empty() => Some(name),
        _ => None,
    }
}
