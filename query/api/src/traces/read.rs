//! Rows of spans and logs as values: maps, lists of events and links, attributes with their types.
//!
//! Text columns stay text (as the tables have it); only who speaks another protocol needs the types.

use crate::Problem;
use crate::ask::Row;
use arrow::array::{Array, AsArray, StringViewArray, StructArray};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use model::{AttrType, SpanId};
use std::collections::BTreeMap;
use traces::{Kind, Names, Span, Status};

/// What the shape of a trace needs of each span.
pub(crate) const SHAPE_COLUMNS: &str = "time, duration_ns, span_id, parent_span_id, service, operation, kind, status, \
     request_id, links, attributes['service.peer.name'] AS peer, attributes['messaging.message.id'] AS message_id";

/// What else there is of a span.
pub(crate) const REST_COLUMNS: &str = "status_message, resource_id, resource, attributes, attribute_types, events, \
     trace_state, trace_flags, scope, scope_version, dropped_attributes_count, dropped_events_count, \
     dropped_links_count, flags";

/// One attribute as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attribute {
    pub(crate) key: String,
    /// Canonical text; none for an empty value.
    pub(crate) value: Option<String>,
    pub(crate) ty: AttrType,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    /// Unix nanoseconds.
    pub(crate) time: i64,
    pub(crate) name: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) dropped_attributes_count: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    /// Lower-case hex.
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) trace_state: Option<String>,
    pub(crate) trace_flags: Option<i64>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) dropped_attributes_count: Option<i64>,
}

/// A whole span.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FullSpan {
    pub(crate) span: Span,
    pub(crate) status_message: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) resource_id: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<Link>,
    pub(crate) trace_state: Option<String>,
    pub(crate) trace_flags: Option<i64>,
    pub(crate) scope: Option<String>,
    pub(crate) scope_version: Option<String>,
    pub(crate) dropped_attributes_count: Option<i64>,
    pub(crate) dropped_events_count: Option<i64>,
    pub(crate) dropped_links_count: Option<i64>,
    pub(crate) flags: Option<String>,
}

/// Attributes of a resource, as text.
pub(crate) type Resource = BTreeMap<String, String>;

/// The first value of a key.
pub(crate) fn value_of<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.key == key).and_then(|a| a.value.as_deref())
}

/// A span as the shape of its trace needs it, from [`SHAPE_COLUMNS`] (or the first eight of them, when
/// `peer` is not asked for).
pub(crate) fn span(row: Row<'_>, names: &mut Names) -> Result<Span, Problem> {
    let id = |name: &str| -> Result<Option<SpanId>, Problem> { Ok(row.opt_text(name)?.and_then(SpanId::from_hex)) };
    let peer = if row.batch.column_by_name("peer").is_some() { row.opt_text("peer")? } else { None };
    Ok(Span {
        id: id("span_id")?.unwrap_or_default(),
        parent: id("parent_span_id")?,
        start: row.time("time")?.0,
        duration_ns: row.int("duration_ns")?,
        service: names.name(row.text("service")?),
        operation: names.name(row.text("operation")?),
        kind: Kind::from_text(row.text("kind")?),
        status: Status::from_text(row.text("status")?),
        peer: peer.map(|peer| names.name(peer)),
    })
}

/// A whole span, from [`SHAPE_COLUMNS`] and [`REST_COLUMNS`].
pub(crate) fn full_span(row: Row<'_>, names: &mut Names) -> Result<FullSpan, Problem> {
    Ok(FullSpan {
        span: span(row, names)?,
        status_message: row.opt_string("status_message")?,
        request_id: row.opt_string("request_id")?,
        resource_id: row.text("resource_id")?.to_owned(),
        attributes: attributes(row)?,
        events: events(row)?,
        links: links(row)?,
        trace_state: row.opt_string("trace_state")?,
        trace_flags: row.opt_int("trace_flags")?,
        scope: row.opt_string("scope")?,
        scope_version: row.opt_string("scope_version")?,
        dropped_attributes_count: row.opt_int("dropped_attributes_count")?,
        dropped_events_count: row.opt_int("dropped_events_count")?,
        dropped_links_count: row.opt_int("dropped_links_count")?,
        flags: row.opt_string("flags")?,
    })
}

/// All attributes with their types, from the columns `attributes` and `attribute_types`.
pub(crate) fn attributes(row: Row<'_>) -> Result<Vec<Attribute>, Problem> {
    let values = map(row, "attributes")?;
    let types = map(row, "attribute_types")?;
    let type_of = |at: usize, key: &str| {
        let same_place = types.get(at).filter(|(other, _)| other == key);
        let found = same_place.or_else(|| types.iter().find(|(other, _)| other == key));
        found.and_then(|(_, name)| name.as_deref()).map_or(AttrType::String, named_type)
    };
    let typed = values.into_iter().enumerate();
    Ok(typed.map(|(at, (key, value))| Attribute { ty: type_of(at, &key), key, value }).collect())
}

/// A resource's attributes, from the column `resource`; of a key sent twice the first value.
pub(crate) fn resource(row: Row<'_>) -> Result<Resource, Problem> {
    first_values(row, "resource")
}

/// A map column; of a key sent twice the first value.
pub(crate) fn first_values(row: Row<'_>, name: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut values = BTreeMap::new();
    for (key, value) in map(row, name)? {
        values.entry(key).or_insert_with(|| value.unwrap_or_default());
    }
    Ok(values)
}

/// A map column as pairs in the order sent; a null map has none.
fn map(row: Row<'_>, name: &str) -> Result<Vec<(String, Option<String>)>, Problem> {
    let column = row.column(name)?;
    let Some(map) = column.as_map_opt() else { return Err(misfit(name)) };
    if map.is_null(row.at) { Ok(Vec::new()) } else { pairs(&map.value(row.at), name) }
}

fn pairs(entries: &StructArray, name: &str) -> Result<Vec<(String, Option<String>)>, Problem> {
    let texts = |at: usize| entries.column(at).as_string_view_opt().ok_or_else(|| misfit(name));
    let (keys, values): (&StringViewArray, &StringViewArray) = (texts(0)?, texts(1)?);
    Ok(keys.iter().zip(values).map(|(k, v)| (k.unwrap_or_default().to_owned(), v.map(str::to_owned))).collect())
}

/// Links of a span, from the column `links`.
pub(crate) fn links(row: Row<'_>) -> Result<Vec<Link>, Problem> {
    let Some(items) = list(row, "links")? else { return Ok(Vec::new()) };
    let item = Items { name: "links", items: &items };
    (0..items.len())
        .map(|at| {
            Ok(Link {
                trace_id: item.text("trace_id", at)?.unwrap_or_default(),
                span_id: item.text("span_id", at)?.unwrap_or_default(),
                trace_state: item.text("trace_state", at)?,
                trace_flags: item.int("trace_flags", at)?,
                attributes: item.attributes(at)?,
                dropped_attributes_count: item.int("dropped_attributes_count", at)?,
            })
        })
        .collect()
}

fn events(row: Row<'_>) -> Result<Vec<Event>, Problem> {
    let Some(items) = list(row, "events")? else { return Ok(Vec::new()) };
    let item = Items { name: "events", items: &items };
    (0..items.len())
        .map(|at| {
            let times = item.column("time")?.as_primitive_opt::<TimestampNanosecondType>();
            Ok(Event {
                time: times.ok_or_else(|| misfit("events"))?.value(at),
                name: item.text("name", at)?.unwrap_or_default(),
                attributes: item.attributes(at)?,
                dropped_attributes_count: item.int("dropped_attributes_count", at)?,
            })
        })
        .collect()
}

/// The structs of a list column at a row.
fn list(row: Row<'_>, name: &str) -> Result<Option<StructArray>, Problem> {
    let column = row.column(name)?;
    let Some(list) = column.as_list_opt::<i32>() else { return Err(misfit(name)) };
    if list.is_null(row.at) {
        return Ok(None);
    }
    let items = list.value(row.at);
    items.as_struct_opt().cloned().map(Some).ok_or_else(|| misfit(name))
}

/// Elements of a list, by field name.
struct Items<'a> {
    name: &'static str,
    items: &'a StructArray,
}

impl Items<'_> {
    fn column(&self, field: &str) -> Result<&dyn Array, Problem> {
        self.items.column_by_name(field).map(|c| &**c).ok_or_else(|| misfit(self.name))
    }

    fn text(&self, field: &str, at: usize) -> Result<Option<String>, Problem> {
        let column = self.column(field)?.as_string_view_opt().ok_or_else(|| misfit(self.name))?;
        Ok((!column.is_null(at)).then(|| column.value(at).to_owned()))
    }

    fn int(&self, field: &str, at: usize) -> Result<Option<i64>, Problem> {
        let column = self.column(field)?.as_primitive_opt::<Int64Type>().ok_or_else(|| misfit(self.name))?;
        Ok((!column.is_null(at)).then(|| column.value(at)))
    }

    /// Here types are one tag byte an entry, or null when all are strings.
    fn attributes(&self, at: usize) -> Result<Vec<Attribute>, Problem> {
        let map = self.column("attributes")?.as_map_opt().ok_or_else(|| misfit(self.name))?;
        if map.is_null(at) {
            return Ok(Vec::new());
        }
        let tags = self.column("attribute_types")?.as_binary_opt::<i32>().ok_or_else(|| misfit(self.name))?;
        let tags = if tags.is_null(at) { &[][..] } else { tags.value(at) };
        let typed = pairs(&map.value(at), self.name)?.into_iter().enumerate();
        Ok(typed
            .map(|(at, (key, value))| {
                let ty = tags.get(at).copied().and_then(AttrType::from_tag).unwrap_or(AttrType::String);
                Attribute { key, value, ty }
            })
            .collect())
    }
}

fn misfit(name: &str) -> Problem {
    Problem::internal(format!("column {name:?} has another shape than this answer needs"))
}

/// A type by the name that SQL shows.
fn named_type(name: &str) -> AttrType {
    [
        AttrType::String,
        AttrType::Bool,
        AttrType::Int,
        AttrType::Double,
        AttrType::Bytes,
        AttrType::Array,
        AttrType::Map,
        AttrType::Empty,
    ]
    .into_iter()
    .find(|ty| type_name(*ty) == name)
    .unwrap_or(AttrType::String)
}

/// The name of a type, as SQL shows it.
pub(crate) fn type_name(ty: AttrType) -> &'static str {
    match ty {
        AttrType::String => "string",
        AttrType::Bool => "bool",
        AttrType::Int => "int",
        AttrType::Double => "double",
        AttrType::Bytes => "bytes",
        AttrType::Array => "array",
        AttrType::Map => "map",
        AttrType::Empty => "empty",
    }
}
