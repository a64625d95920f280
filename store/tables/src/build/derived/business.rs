//! Rows of `business_events` and `entity_changes` under construction.

use super::entities::{EntityText, read_entities};
use super::rules::{ExtractRule, RuleSource};
use super::{Origin, VIA, bounded, bounded_text, int_of};
use crate::build::column::{IdColumn, NumberColumn, Offsets, TextColumn, required_numbers};
use crate::build::context::{Context, TimeSpan};
use crate::build::input::Value;
use crate::build::map::MapColumn;
use crate::build::pool::{Closing, Text};
use crate::build::spans::{field_type, struct_list};
use crate::flags::RowFlags;
use crate::{TableBatch, TableId};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use arrow::error::ArrowError;

/// A business event before it is a row. Null stands for what was not said.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) operation: Text,
    pub(super) operation_id: Text,
    pub(super) phase: Text,
    pub(super) outcome: Text,
    pub(super) actor: Text,
    pub(super) actor_role: Text,
    pub(super) request_id: Text,
    pub(super) deadline_ns: Option<i64>,
    pub(super) source: Text,
    pub(super) entities: Vec<Entity>,
    pub(super) flags: RowFlags,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entity {
    pub(super) ty: Text,
    pub(super) id: Text,
    pub(super) role: Text,
    pub(super) before: Text,
    pub(super) after: Text,
}

impl Event {
    pub(super) fn new(source: Text) -> Self {
        Self {
            operation: Text::NULL,
            operation_id: Text::NULL,
            phase: Text::NULL,
            outcome: Text::NULL,
            actor: Text::NULL,
            actor_role: Text::NULL,
            request_id: Text::NULL,
            deadline_ns: None,
            source,
            entities: Vec::new(),
            flags: RowFlags::default(),
        }
    }

    /// As the conventions write it: `business.*` attributes of a record or span. Says of each
    /// attribute whether it went into a column.
    fn conventional(cx: &mut Context<'_>, origin: &Origin<'_>, source: &str) -> (Self, Vec<bool>) {
        let mut event = Self::new(Text::NULL);
        let mut single = Single::default();
        let mut taken = vec![false; origin.attributes.len()];
        for (at, attribute) in origin.attributes.iter().enumerate() {
            taken[at] = attribute.key == VIA || event.take(cx, &mut single, attribute.key, &attribute.value);
        }
        event.source = origin.via(cx, source);
        if let Some(entity) = single.entity(cx, &mut event.flags) {
            event.add(cx, entity);
        }
        (event, taken)
    }

    /// Takes one attribute; the first of a key counts.
    fn take(&mut self, cx: &mut Context<'_>, single: &mut Single, key: &[u8], value: &Value<'_>) -> bool {
        let Some(name) = key.strip_prefix(b"business.") else { return false };
        let place = match name {
            b"operation.id" => &mut self.operation_id,
            b"operation.name" => &mut self.operation,
            b"operation.phase" => &mut self.phase,
            b"operation.outcome" => &mut self.outcome,
            b"actor.id" => &mut self.actor,
            b"actor.role" => &mut self.actor_role,
            b"entity.type" => &mut single.ty,
            b"entity.id" => &mut single.id,
            b"entity.role" => &mut single.role,
            b"before" => &mut single.before,
            b"after" => &mut single.after,
            b"operation.deadline_ns" => {
                self.deadline_ns = int_of(value).filter(|ns| *ns >= 0);
                if self.deadline_ns.is_none() {
                    self.flags.insert(RowFlags::EVENT_MALFORMED);
                }
                return self.deadline_ns.is_some();
            }
            b"entities" => return self.take_list(cx, value),
            _ => return false,
        };
        if *place != Text::NULL {
            return false;
        }
        let mut flags = RowFlags::default();
        let text = match (name, value) {
            // An empty value is a value: what was not there before.
            (b"before" | b"after", Value::String(raw)) => bounded_text(cx, raw, &mut flags),
            _ => bounded(cx, value, &mut flags),
        };
        *place = text;
        self.flags.insert(flags);
        true
    }

    fn take_list(&mut self, cx: &mut Context<'_>, value: &Value<'_>) -> bool {
        let json = match value {
            Value::Text(_, json) => json.as_bytes(),
            // SDKs whose attributes cannot nest send the list as text.
            Value::String(json) => json,
            _ => b"",
        };
        let list = read_entities(json, cx.layout.settings().entities_max);
        if list.malformed {
            self.flags.insert(RowFlags::EVENT_MALFORMED);
        }
        if list.beyond > 0 {
            self.flags.insert(RowFlags::ENTITIES_CUT);
        }
        for text in &list.entities {
            if text.too_deep {
                self.flags.insert(RowFlags::TOO_DEEP);
            }
            let entity = Entity::from_text(cx, text, &mut self.flags);
            self.add(cx, entity);
        }
        // What could not be read stays readable as an attribute.
        !list.malformed
    }

    pub(super) fn add(&mut self, cx: &Context<'_>, entity: Entity) {
        if self.entities.len() < cx.layout.settings().entities_max {
            self.entities.push(entity);
        } else {
            self.flags.insert(RowFlags::ENTITIES_CUT);
        }
    }

    /// Fills in what the item itself says, and flags what nobody said.
    fn complete(&mut self, cx: &mut Context<'_>, origin: &Origin<'_>) {
        if self.operation == Text::NULL {
            self.flags.insert(RowFlags::EVENT_MALFORMED);
            let name: &[u8] = if origin.body.is_some() || origin.name.is_empty() { b"unnamed" } else { origin.name };
            self.operation = bounded_text(cx, name, &mut self.flags);
        }
        if self.operation_id == Text::NULL && self.entities.is_empty() {
            self.flags.insert(RowFlags::EVENT_MALFORMED);
        }
        if self.phase == Text::NULL {
            self.phase = cx.pool.intern(b"whole");
        }
        if self.outcome == Text::NULL {
            self.outcome = cx.pool.intern(if origin.failed { b"failure" } else { b"unknown" });
        }
        if self.request_id == Text::NULL {
            self.request_id = origin.request_id;
        }
        self.flags.insert(cx.repair_flag());
    }
}

impl Entity {
    fn from_text(cx: &mut Context<'_>, text: &EntityText, flags: &mut RowFlags) -> Self {
        let mut put =
            |text: &Option<String>| text.as_ref().map_or(Text::NULL, |text| bounded_text(cx, text.as_bytes(), flags));
        let (id, role, before, after) = (put(&text.id), put(&text.role), put(&text.before), put(&text.after));
        let ty = put(&text.ty.clone().filter(|ty| !ty.is_empty()));
        let ty = if ty == Text::NULL { cx.pool.intern(UNKNOWN_TYPE) } else { ty };
        Self { ty, id, role: if role == Text::EMPTY { Text::NULL } else { role }, before, after }
    }
}

const UNKNOWN_TYPE: &[u8] = b"unknown";

/// The short form: one entity in attributes of its own.
#[derive(Debug)]
struct Single {
    ty: Text,
    id: Text,
    role: Text,
    before: Text,
    after: Text,
}

impl Default for Single {
    fn default() -> Self {
        Self { ty: Text::NULL, id: Text::NULL, role: Text::NULL, before: Text::NULL, after: Text::NULL }
    }
}

impl Single {
    fn entity(self, cx: &mut Context<'_>, flags: &mut RowFlags) -> Option<Entity> {
        let said = [self.ty, self.id, self.role, self.before, self.after].iter().any(|text| *text != Text::NULL);
        if said && (self.id == Text::NULL || self.ty == Text::NULL) {
            flags.insert(RowFlags::EVENT_MALFORMED);
        }
        let ty = if self.ty == Text::NULL { cx.pool.intern(UNKNOWN_TYPE) } else { self.ty };
        let entity = Entity { ty, id: self.id, role: self.role, before: self.before, after: self.after };
        (self.id != Text::NULL).then_some(entity)
    }
}

/// Both tables: an event is one row here and one row there for each of its entities.
#[derive(Debug, Default)]
pub(in crate::build) struct BusinessRows {
    rows: usize,
    times: TimeSpan,
    time: Vec<i64>,
    shared: Shared,
    entity_offsets: Offsets,
    entities: EntityColumns,
    deadline: NumberColumn<Int64Type>,
    map: MapColumn,
    flags: TextColumn,
    changes: EntityChangeRows,
}

impl BusinessRows {
    /// Rows in both tables.
    pub(super) fn rows(&self) -> usize {
        self.rows + self.changes.entities.len
    }

    /// An event as the conventions write it.
    pub(super) fn put_conventional(&mut self, cx: &mut Context<'_>, origin: &Origin<'_>, source: &str) -> RowFlags {
        let (event, taken) = Event::conventional(cx, origin, source);
        self.put(cx, origin, event, &taken)
    }

    /// Events that extraction rules find in an item.
    pub(super) fn put_extracted(&mut self, cx: &mut Context<'_>, origin: &Origin<'_>, from: RuleSource) -> RowFlags {
        let layout = cx.layout;
        let mut flags = RowFlags::default();
        for rule in layout.settings().extract.iter().filter(|rule| rule.from == from) {
            if let Some(event) = ExtractRule::event(rule, cx, origin) {
                flags.insert(self.put(cx, origin, event, &[]));
            }
        }
        flags
    }

    fn put(&mut self, cx: &mut Context<'_>, origin: &Origin<'_>, mut event: Event, taken: &[bool]) -> RowFlags {
        event.complete(cx, origin);
        let row = self.rows;
        self.rows += 1;
        self.times.add(origin.time);
        self.time.push(origin.time);
        self.shared.put(row, &event, origin);
        if !event.entities.is_empty() {
            for entity in &event.entities {
                self.entities.put(entity);
            }
            self.entity_offsets.set(row, self.entities.len);
        }
        if let Some(deadline) = event.deadline_ns {
            self.deadline.set(row, deadline);
        }
        for (at, attribute) in origin.attributes.iter().enumerate() {
            if !taken.get(at).copied().unwrap_or(false) {
                let key = cx.pool.intern(attribute.key);
                let text = cx.value_text(Text::NULL, &attribute.value);
                self.map.push(key, text, attribute.value.attr_type());
            }
        }
        self.map.end_row(row);
        let mut flags = event.flags;
        flags.insert(cx.repair_flag());
        let text = cx.flags_text(flags);
        self.flags.set_unless_null(row, text);
        self.changes.put(&event, origin);
        flags
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Vec<TableBatch>, ArrowError> {
        let rows = self.rows;
        if rows == 0 {
            return Ok(Vec::new());
        }
        let schema = cx.layout.spec(TableId::BusinessEvents).schema.clone();
        let entities_type = field_type(&schema, "entities")?;
        let entities =
            struct_list(entities_type, self.entity_offsets, self.entities.finish(closing)?, (closing, rows))?;
        let [map, types] = self.map.finish(closing, rows)?;
        let shared = self.shared.finish(closing, rows)?;
        let columns = vec![
            required_numbers::<TimestampNanosecondType>(self.time, schema.field(0).data_type()),
            shared.operation_id,
            shared.operation,
            shared.phase,
            shared.outcome,
            shared.actor,
            shared.actor_role,
            entities,
            shared.request_id,
            shared.trace_id,
            shared.span_id,
            shared.service,
            shared.source,
            self.deadline.finish(&DataType::Int64, closing, rows),
            map,
            types,
            self.flags.finish(closing, rows)?,
        ];
        let mut tables = vec![TableBatch {
            table: TableId::BusinessEvents,
            rows: RecordBatch::try_new(schema, columns)?,
            time_min: self.times.min,
            time_max: self.times.max,
            overflow: Vec::new(),
        }];
        tables.extend(self.changes.finish(cx, closing)?);
        Ok(tables)
    }
}

/// Columns that both tables have.
#[derive(Debug, Default)]
struct Shared {
    operation_id: TextColumn,
    operation: TextColumn,
    phase: TextColumn,
    outcome: TextColumn,
    actor: TextColumn,
    actor_role: TextColumn,
    request_id: TextColumn,
    trace_id: IdColumn<16>,
    span_id: IdColumn<8>,
    service: TextColumn,
    source: TextColumn,
}

struct SharedArrays {
    operation_id: arrow::array::ArrayRef,
    operation: arrow::array::ArrayRef,
    phase: arrow::array::ArrayRef,
    outcome: arrow::array::ArrayRef,
    actor: arrow::array::ArrayRef,
    actor_role: arrow::array::ArrayRef,
    request_id: arrow::array::ArrayRef,
    trace_id: arrow::array::ArrayRef,
    span_id: arrow::array::ArrayRef,
    service: arrow::array::ArrayRef,
    source: arrow::array::ArrayRef,
}

impl Shared {
    fn put(&mut self, row: usize, event: &Event, origin: &Origin<'_>) {
        self.operation_id.set_unless_null(row, event.operation_id);
        self.operation.set(row, event.operation);
        self.phase.set(row, event.phase);
        self.outcome.set(row, event.outcome);
        self.actor.set_unless_null(row, event.actor);
        self.actor_role.set_unless_null(row, event.actor_role);
        self.request_id.set_unless_null(row, event.request_id);
        if let Some(id) = origin.trace_id {
            self.trace_id.set(row, id);
        }
        if let Some(id) = origin.span_id {
            self.span_id.set(row, id);
        }
        self.service.set(row, origin.service);
        self.source.set(row, event.source);
    }

    fn finish(self, closing: &Closing, rows: usize) -> Result<SharedArrays, ArrowError> {
        Ok(SharedArrays {
            operation_id: self.operation_id.finish(closing, rows)?,
            operation: self.operation.finish_required(closing)?,
            phase: self.phase.finish_required(closing)?,
            outcome: self.outcome.finish_required(closing)?,
            actor: self.actor.finish(closing, rows)?,
            actor_role: self.actor_role.finish(closing, rows)?,
            request_id: self.request_id.finish(closing, rows)?,
            trace_id: self.trace_id.finish(closing, rows)?,
            span_id: self.span_id.finish(closing, rows)?,
            service: self.service.finish_required(closing)?,
            source: self.source.finish_required(closing)?,
        })
    }
}

/// Type, id, role and values of entities, one row each.
#[derive(Debug, Default)]
struct EntityColumns {
    len: usize,
    ty: TextColumn,
    id: TextColumn,
    role: TextColumn,
    before: TextColumn,
    after: TextColumn,
}

impl EntityColumns {
    fn put(&mut self, entity: &Entity) {
        let row = self.len;
        self.len += 1;
        self.ty.set(row, entity.ty);
        self.id.set(row, entity.id);
        self.role.set_unless_null(row, entity.role);
        self.before.set_unless_null(row, entity.before);
        self.after.set_unless_null(row, entity.after);
    }

    fn finish(self, closing: &Closing) -> Result<Vec<arrow::array::ArrayRef>, ArrowError> {
        let rows = self.len;
        Ok(vec![
            self.ty.finish_required(closing)?,
            self.id.finish_required(closing)?,
            self.role.finish(closing, rows)?,
            self.before.finish(closing, rows)?,
            self.after.finish(closing, rows)?,
        ])
    }
}

/// Rows of `entity_changes`.
#[derive(Debug, Default)]
struct EntityChangeRows {
    times: TimeSpan,
    time: Vec<i64>,
    entities: EntityColumns,
    shared: Shared,
}

impl EntityChangeRows {
    fn put(&mut self, event: &Event, origin: &Origin<'_>) {
        for entity in &event.entities {
            self.shared.put(self.entities.len, event, origin);
            self.times.add(origin.time);
            self.time.push(origin.time);
            self.entities.put(entity);
        }
    }

    fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Option<TableBatch>, ArrowError> {
        let rows = self.entities.len;
        if rows == 0 {
            return Ok(None);
        }
        let schema = cx.layout.spec(TableId::EntityChanges).schema.clone();
        let mut entities = self.entities.finish(closing)?.into_iter();
        let mut columns: Vec<_> = entities.by_ref().take(2).collect();
        let time = field_type(&schema, "time")?;
        columns.push(required_numbers::<TimestampNanosecondType>(self.time, time));
        columns.extend(entities);
        let shared = self.shared.finish(closing, rows)?;
        columns.extend([
            shared.operation_id,
            shared.operation,
            shared.phase,
            shared.outcome,
            shared.actor,
            shared.actor_role,
            shared.request_id,
            shared.trace_id,
            shared.span_id,
            shared.service,
            shared.source,
        ]);
        Ok(Some(TableBatch {
            table: TableId::EntityChanges,
            rows: RecordBatch::try_new(schema, columns)?,
            time_min: self.times.min,
            time_max: self.times.max,
            overflow: Vec::new(),
        }))
    }
}
