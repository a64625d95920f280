//! Rows of `spans` under construction.

use super::attributes::{AttributeColumns, put_all};
use super::column::{IdColumn, NumberColumn, Offsets, TextColumn, element_field, list, required_ids, required_numbers};
use super::context::{Context, TimeSpan, dropped, stored_time};
use super::derived::Stored;
use super::input::{EventInput, LinkInput, SpanInput};
use super::map::MapColumn;
use super::pool::{Closing, Text};
use super::resources::{Resource, Scope, ScopeColumns};
use crate::flags::RowFlags;
use crate::{TableBatch, TableId};
use arrow::array::{ArrayRef, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use arrow::error::ArrowError;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use model::UnixNanos;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const KINDS: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];
const STATUSES: [&str; 3] = ["unset", "ok", "error"];

/// A usual span on the wire: what is allocated at first follows from it.
const SPAN_BYTES: usize = 600;

#[derive(Debug)]
pub(super) struct SpanRows {
    rows: usize,
    kinds: [Text; KINDS.len()],
    statuses: [Text; STATUSES.len()],
    times: TimeSpan,
    /// Rows by trace id and span id.
    by_id: HashTable<u32>,
    time: Vec<i64>,
    duration: Vec<i64>,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    parent: IdColumn<8>,
    service: TextColumn,
    operation: TextColumn,
    last_operation: Text,
    kind: TextColumn,
    status: TextColumn,
    status_message: TextColumn,
    trace_state: TextColumn,
    trace_flags: NumberColumn<Int64Type>,
    resource_id: Vec<u8>,
    scope: ScopeColumns,
    attributes: AttributeColumns,
    events: EventRows,
    links: LinkRows,
    dropped_attributes: NumberColumn<Int64Type>,
    dropped_events: NumberColumn<Int64Type>,
    dropped_links: NumberColumn<Int64Type>,
    flags: TextColumn,
}

impl SpanRows {
    pub(super) fn new(cx: &mut Context<'_>) -> Self {
        let rows = cx.bytes_expected / SPAN_BYTES;
        Self {
            rows: 0,
            kinds: KINDS.map(|kind| cx.pool.intern(kind.as_bytes())),
            statuses: STATUSES.map(|status| cx.pool.intern(status.as_bytes())),
            times: TimeSpan::default(),
            by_id: HashTable::with_capacity(rows),
            time: Vec::with_capacity(rows),
            duration: Vec::with_capacity(rows),
            trace_id: Vec::with_capacity(16 * rows),
            span_id: Vec::with_capacity(8 * rows),
            parent: IdColumn::default(),
            service: TextColumn::default(),
            operation: TextColumn::default(),
            last_operation: Text::NULL,
            kind: TextColumn::default(),
            status: TextColumn::default(),
            status_message: TextColumn::default(),
            trace_state: TextColumn::default(),
            trace_flags: NumberColumn::default(),
            resource_id: Vec::with_capacity(16 * rows),
            scope: ScopeColumns::default(),
            attributes: AttributeColumns::new(cx),
            events: EventRows::default(),
            links: LinkRows::default(),
            dropped_attributes: NumberColumn::default(),
            dropped_events: NumberColumn::default(),
            dropped_links: NumberColumn::default(),
            flags: TextColumn::default(),
        }
    }

    pub(super) fn put(
        &mut self,
        cx: &mut Context<'_>,
        resource: &Resource,
        scope: &Scope,
        span: &SpanInput<'_>,
    ) -> Stored {
        let row = self.rows;
        self.rows += 1;
        let mut flags = span.flags;
        flags.insert(resource.flags);
        flags.insert(scope.flags);
        flags.insert(self.put_ids(cx, row, span));
        let when = When::of(span, cx.received);
        flags.insert(when.flags);
        self.times.add(when.time);
        self.time.push(when.time);
        self.duration.push(when.duration);
        self.service.set(row, resource.service);
        self.resource_id.extend_from_slice(&resource.id.0);
        self.scope.put(row, scope);
        self.put_words(cx, row, span);
        let placed = self.attributes.put(cx, row, span.attributes.items(), &when.exact(span));
        flags.insert(placed.flags);
        if span.attributes.beyond() > 0 {
            flags.insert(RowFlags::ATTRIBUTES_CUT);
        }
        if !span.events.is_empty() {
            flags.insert(self.events.put(cx, row, &span.events));
        }
        if !span.links.is_empty() {
            flags.insert(self.links.put(cx, row, &span.links));
        }
        self.dropped_attributes.set_some(row, dropped(span.dropped_attributes_count, span.attributes.beyond()));
        self.dropped_events.set_some(row, dropped(span.dropped_events_count, 0));
        self.dropped_links.set_some(row, dropped(span.dropped_links_count, 0));
        flags.insert(cx.repair_flag());
        let text = cx.flags_text(flags);
        self.flags.set_unless_null(row, text);
        Stored { flags, marks: placed.marks, time: when.time, request_id: placed.request_id }
    }

    fn put_ids(&mut self, cx: &Context<'_>, row: usize, span: &SpanInput<'_>) -> RowFlags {
        let mut flags = RowFlags::default();
        let absent_parent = span.parent_span_id == [0; 8];
        if span.trace_id == [0; 16] || span.span_id == [0; 8] {
            flags.insert(RowFlags::ZERO_ID);
        } else {
            if self.came_before(cx, row, span) {
                flags.insert(RowFlags::DUPLICATE);
            }
            if span.parent_span_id == span.span_id {
                flags.insert(RowFlags::SELF_PARENT);
            }
        }
        self.trace_id.extend_from_slice(&span.trace_id);
        self.span_id.extend_from_slice(&span.span_id);
        if !absent_parent {
            self.parent.set(row, span.parent_span_id);
        }
        flags
    }

    fn came_before(&mut self, cx: &Context<'_>, row: usize, span: &SpanInput<'_>) -> bool {
        let seed = cx.layout.seed();
        let hash = |trace_id: &[u8], span_id: &[u8]| {
            let mut id = [0; 24];
            id[..16].copy_from_slice(trace_id);
            id[16..].copy_from_slice(span_id);
            xxh3_64_with_seed(&id, seed)
        };
        let (trace_ids, span_ids) = (&self.trace_id, &self.span_id);
        let ids = |row: u32| (&trace_ids[row as usize * 16..][..16], &span_ids[row as usize * 8..][..8]);
        let same = |other: &u32| ids(*other) == (&span.trace_id[..], &span.span_id[..]);
        let rehash = |other: &u32| {
            let (trace_id, span_id) = ids(*other);
            hash(trace_id, span_id)
        };
        match self.by_id.entry(hash(&span.trace_id, &span.span_id), same, rehash) {
            Entry::Occupied(_) => true,
            Entry::Vacant(place) => {
                place.insert(row as u32);
                false
            }
        }
    }

    #[inline]
    fn put_words(&mut self, cx: &mut Context<'_>, row: usize, span: &SpanInput<'_>) {
        self.last_operation = cx.pool.intern_after(self.last_operation, span.name);
        self.operation.set(row, self.last_operation);
        let kind = usize::try_from(span.kind - 1).ok().and_then(|at| self.kinds.get(at)).unwrap_or(&self.kinds[0]);
        self.kind.set(row, *kind);
        let status =
            usize::try_from(span.status).ok().and_then(|at| self.statuses.get(at)).unwrap_or(&self.statuses[0]);
        self.status.set(row, *status);
        if !span.status_message.is_empty() {
            self.status_message.set(row, cx.pool.intern(span.status_message));
        }
        if !span.trace_state.is_empty() {
            self.trace_state.set(row, cx.pool.intern(span.trace_state));
        }
        if span.trace_flags != 0 {
            self.trace_flags.set(row, i64::from(span.trace_flags));
        }
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Option<TableBatch>, ArrowError> {
        let rows = self.rows;
        if rows == 0 {
            return Ok(None);
        }
        let schema = cx.layout.spec(TableId::Spans).schema.clone();
        let timestamp = schema.field(0).data_type();
        let attributes = self.attributes.finish(cx, closing, rows)?;
        let mut columns = vec![
            required_numbers::<TimestampNanosecondType>(self.time, timestamp),
            required_numbers::<Int64Type>(self.duration, &DataType::Int64),
            required_ids::<16>(self.trace_id)?,
            required_ids::<8>(self.span_id)?,
            self.parent.finish(closing, rows)?,
            self.service.finish_required(closing)?,
            self.operation.finish_required(closing)?,
            self.kind.finish_required(closing)?,
            self.status.finish_required(closing)?,
            self.status_message.finish(closing, rows)?,
            self.trace_state.finish(closing, rows)?,
            self.trace_flags.finish(&DataType::Int64, closing, rows),
            attributes.request_id,
            attributes.request_id_key,
            required_ids::<16>(self.resource_id)?,
        ];
        columns.extend(self.scope.finish(closing, rows)?);
        columns.extend(attributes.map);
        columns.push(attributes.legacy_keys);
        columns.push(self.events.finish(field_type(&schema, "events")?, closing, rows)?);
        columns.push(self.links.finish(field_type(&schema, "links")?, closing, rows)?);
        columns.push(self.dropped_attributes.finish(&DataType::Int64, closing, rows));
        columns.push(self.dropped_events.finish(&DataType::Int64, closing, rows));
        columns.push(self.dropped_links.finish(&DataType::Int64, closing, rows));
        columns.push(self.flags.finish(closing, rows)?);
        columns.extend(attributes.promoted);
        Ok(Some(TableBatch {
            table: TableId::Spans,
            rows: RecordBatch::try_new(schema, columns)?,
            time_min: self.times.min,
            time_max: self.times.max,
            overflow: attributes.overflow,
        }))
    }
}

/// When a span was, as stored.
struct When {
    time: i64,
    duration: i64,
    start_cut: bool,
    end_cut: bool,
    flags: RowFlags,
}

impl When {
    #[inline]
    fn of(span: &SpanInput<'_>, received: UnixNanos) -> Self {
        let ((start, start_cut), (end, end_cut)) = (stored_time(span.start), stored_time(span.end));
        let mut flags = RowFlags::default();
        let (time, duration) = match (start, end) {
            (0, 0) => (received.0, 0),
            (0, end) => (end, 0),
            (start, 0) => (start, 0),
            (start, end) => (start, end - start),
        };
        if start == 0 || end == 0 {
            flags.insert(RowFlags::TIME_MISSING);
        } else if span.end < span.start {
            flags.insert(RowFlags::ENDS_BEFORE_START);
        }
        let end_implausible = end != 0 && !UnixNanos(end).is_plausible(received);
        if start_cut || end_cut || end_implausible || !UnixNanos(time).is_plausible(received) {
            flags.insert(RowFlags::TIME_IMPLAUSIBLE);
        }
        Self { time, duration, start_cut, end_cut, flags }
    }

    /// Attributes that keep the exact times which a timestamp cannot hold.
    fn exact(&self, span: &SpanInput<'_>) -> Vec<(&'static str, String)> {
        let start = self.start_cut.then(|| ("stormglass.start_time_unix_nano", span.start.to_string()));
        let end = self.end_cut.then(|| ("stormglass.end_time_unix_nano", span.end.to_string()));
        start.into_iter().chain(end).collect()
    }
}

/// Type of a named column.
pub(super) fn field_type<'s>(schema: &'s arrow::datatypes::Schema, name: &str) -> Result<&'s DataType, ArrowError> {
    Ok(schema.field_with_name(name)?.data_type())
}

/// A list column of structs from the columns of its elements.
pub(super) fn struct_list(
    data_type: &DataType,
    offsets: Offsets,
    elements: Vec<ArrayRef>,
    place: (&Closing, usize),
) -> Result<ArrayRef, ArrowError> {
    let field = element_field(data_type)?;
    let DataType::Struct(fields) = field.data_type() else {
        return Err(ArrowError::SchemaError(format!("{data_type} is no list of structs")));
    };
    list(data_type, offsets, Arc::new(StructArray::try_new(fields.clone(), elements, None)?), place)
}

/// Type of a named field of the elements of a list column.
pub(super) fn element_type(data_type: &DataType, at: usize) -> Result<DataType, ArrowError> {
    match element_field(data_type)?.data_type() {
        DataType::Struct(fields) => Ok(fields[at].data_type().clone()),
        other => Err(ArrowError::SchemaError(format!("{other} is no struct"))),
    }
}

#[derive(Debug, Default)]
struct EventRows {
    offsets: Offsets,
    time: Vec<i64>,
    name: TextColumn,
    last_name: Option<Text>,
    map: MapColumn,
    dropped: NumberColumn<Int64Type>,
}

impl EventRows {
    fn put(&mut self, cx: &mut Context<'_>, row: usize, events: &[EventInput<'_>]) -> RowFlags {
        let mut flags = RowFlags::default();
        for event in events {
            let at = self.time.len();
            let (time, cut) = stored_time(event.time);
            self.time.push(time);
            let name = cx.pool.intern_after(self.last_name.unwrap_or(Text::NULL), event.name);
            self.last_name = Some(name);
            self.name.set(at, name);
            flags.insert(put_all(cx, &mut self.map, event.attributes.items()));
            if cut {
                flags.insert(RowFlags::TIME_IMPLAUSIBLE);
                let key = cx.pool.intern(b"stormglass.time_unix_nano");
                let exact = cx.pool.intern(event.time.to_string().as_bytes());
                self.map.push(key, exact, model::AttrType::String);
            }
            self.map.end_row(at);
            self.dropped.set_some(at, dropped(event.dropped_attributes_count, event.attributes.beyond()));
            if event.attributes.beyond() > 0 {
                flags.insert(RowFlags::ATTRIBUTES_CUT);
            }
        }
        self.offsets.set(row, self.time.len());
        flags
    }

    fn finish(self, data_type: &DataType, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        let count = self.time.len();
        let [map, types] = self.map.finish(closing, count)?;
        let elements = vec![
            required_numbers::<TimestampNanosecondType>(self.time, &element_type(data_type, 0)?),
            self.name.finish_required(closing)?,
            map,
            types,
            self.dropped.finish(&DataType::Int64, closing, count),
        ];
        struct_list(data_type, self.offsets, elements, (closing, rows))
    }
}

#[derive(Debug, Default)]
struct LinkRows {
    offsets: Offsets,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    trace_state: TextColumn,
    trace_flags: NumberColumn<Int64Type>,
    map: MapColumn,
    dropped: NumberColumn<Int64Type>,
}

impl LinkRows {
    fn put(&mut self, cx: &mut Context<'_>, row: usize, links: &[LinkInput<'_>]) -> RowFlags {
        let mut flags = RowFlags::default();
        for link in links {
            let at = self.span_id.len() / 8;
            self.trace_id.extend_from_slice(&link.trace_id);
            self.span_id.extend_from_slice(&link.span_id);
            let trace_state = cx.pool.intern_or_null(link.trace_state);
            self.trace_state.set_unless_null(at, trace_state);
            if link.trace_flags != 0 {
                self.trace_flags.set(at, i64::from(link.trace_flags));
            }
            flags.insert(put_all(cx, &mut self.map, link.attributes.items()));
            self.map.end_row(at);
            self.dropped.set_some(at, dropped(link.dropped_attributes_count, link.attributes.beyond()));
            if link.attributes.beyond() > 0 {
                flags.insert(RowFlags::ATTRIBUTES_CUT);
            }
        }
        self.offsets.set(row, self.span_id.len() / 8);
        flags
    }

    fn finish(self, data_type: &DataType, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        let count = self.span_id.len() / 8;
        let [map, types] = self.map.finish(closing, count)?;
        let elements = vec![
            required_ids::<16>(self.trace_id)?,
            required_ids::<8>(self.span_id)?,
            self.trace_state.finish(closing, count)?,
            self.trace_flags.finish(&DataType::Int64, closing, count),
            map,
            types,
            self.dropped.finish(&DataType::Int64, closing, count),
        ];
        struct_list(data_type, self.offsets, elements, (closing, rows))
    }
}
