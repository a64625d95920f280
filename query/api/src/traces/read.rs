//! Rows of spans and logs as values: maps, lists of events and links, attributes with their types.
//!
//! Text columns stay text (as the tables have it); only who speaks another protocol needs the types.

use crate::Problem;
use crate::ask::Row;
use arrow::array::{Array, AsArray, RecordBatch, StructArray};
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
    let map = row.column(name)?.as_map_opt().ok_or_else(|| misfit(name))?;
    if map.is_null(row.at) {
        return Ok(Vec::new());
    }
    let entries = table(map.value(row.at));
    rows(&entries).map(|entry| Ok((entry.text("key")?.to_owned(), entry.opt_string("value")?))).collect()
}

/// Elements of a list or map as rows of their own.
fn table(items: StructArray) -> RecordBatch {
    RecordBatch::from(items)
}

fn rows(table: &RecordBatch) -> impl Iterator<Item = Row<'_>> {
    (0..table.num_rows()).map(move |at| Row { batch: table, at })
}

/// The structs of a list column at a row; none for a null.
fn list(row: Row<'_>, name: &str) -> Result<Option<RecordBatch>, Problem> {
    let list = row.column(name)?.as_list_opt::<i32>().ok_or_else(|| misfit(name))?;
    if list.is_null(row.at) {
        return Ok(None);
    }
    let items = list.value(row.at);
    items.as_struct_opt().cloned().map(table).map(Some).ok_or_else(|| misfit(name))
}

/// Links of a span, from the column `links`.
pub(crate) fn links(row: Row<'_>) -> Result<Vec<Link>, Problem> {
    let Some(items) = list(row, "links")? else { return Ok(Vec::new()) };
    rows(&items)
        .map(|item| {
            Ok(Link {
                trace_id: item.text("trace_id")?.to_owned(),
                span_id: item.text("span_id")?.to_owned(),
                trace_state: item.opt_string("trace_state")?,
                trace_flags: item.opt_int("trace_flags")?,
                attributes: inner_attributes(item)?,
                dropped_attributes_count: item.opt_int("dropped_attributes_count")?,
            })
        })
        .collect()
}

fn events(row: Row<'_>) -> Result<Vec<Event>, Problem> {
    let Some(items) = list(row, "events")? else { return Ok(Vec::new()) };
    rows(&items)
        .map(|item| {
            Ok(Event {
                time: item.time("time")?.0,
                name: item.text("name")?.to_owned(),
                attributes: inner_attributes(item)?,
                dropped_attributes_count: item.opt_int("dropped_attributes_count")?,
            })
        })
        .collect()
}

/// Attributes of an event or link. Their types are one tag byte each, or null when all are strings.
fn inner_attributes(item: Row<'_>) -> Result<Vec<Attribute>, Problem> {
    let tags = item.opt_bytes("attribute_types")?.unwrap_or_default();
    let typed = map(item, "attributes")?.into_iter().enumerate();
    Ok(typed
        .map(|(at, (key, value))| {
            let ty = tags.get(at).copied().and_then(AttrType::from_tag).unwrap_or(AttrType::String);
            Attribute { key, value, ty }
        })
        .collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, BinaryArray, Int64Array, ListArray, MapBuilder, MapFieldNames, StringBuilder,
        TimestampNanosecondArray,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;
    use std::sync::Arc;

    fn attribute_map(pairs: &[&[(&str, Option<&str>)]]) -> ArrayRef {
        let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
        let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
        for row in pairs {
            for (key, value) in *row {
                builder.keys().append_value(key);
                builder.values().append_option(*value);
            }
            builder.append(true).unwrap();
        }
        Arc::new(builder.finish())
    }

    #[test]
    fn attributes_get_their_types_by_place_and_else_by_key() {
        let values = attribute_map(&[&[("a", Some("1")), ("b", None), ("a", Some("2")), ("c", Some("x"))]]);
        let types = attribute_map(&[&[("a", Some("int")), ("b", Some("empty")), ("c", Some("string"))]]);
        let batch = RecordBatch::try_from_iter([("attributes", values), ("attribute_types", types)]).unwrap();
        let read = attributes(Row { batch: &batch, at: 0 }).unwrap();
        let drawn: Vec<_> = read.iter().map(|a| (a.key.as_str(), a.value.as_deref(), type_name(a.ty))).collect();
        assert_eq!(
            drawn,
            [("a", Some("1"), "int"), ("b", None, "empty"), ("a", Some("2"), "int"), ("c", Some("x"), "string")]
        );
        assert_eq!(value_of(&read, "a"), Some("1"));
    }

    #[test]
    fn events_are_read_with_the_tags_of_their_values() {
        let fields: Vec<(&str, ArrayRef)> = vec![
            ("time", Arc::new(TimestampNanosecondArray::from(vec![5]).with_timezone("UTC"))),
            ("name", Arc::new(arrow::array::StringArray::from(vec!["exception"]))),
            ("attributes", attribute_map(&[&[("n", Some("7")), ("s", Some("7"))]])),
            ("attribute_types", Arc::new(BinaryArray::from(vec![Some(&b"is"[..])]))),
            ("dropped_attributes_count", Arc::new(Int64Array::from(vec![None]))),
        ];
        let items = StructArray::from(RecordBatch::try_from_iter(fields).unwrap());
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        let list = ListArray::new(field, OffsetBuffer::from_lengths([1, 0]), Arc::new(items), None);
        let batch = RecordBatch::try_from_iter([("events", Arc::new(list) as ArrayRef)]).unwrap();
        let read = events(Row { batch: &batch, at: 0 }).unwrap();
        assert_eq!((read[0].time, read[0].name.as_str()), (5, "exception"));
        let types: Vec<_> = read[0].attributes.iter().map(|a| a.ty).collect();
        assert_eq!(types, [AttrType::Int, AttrType::String]);
        assert!(events(Row { batch: &batch, at: 1 }).unwrap().is_empty());
        let wrong = RecordBatch::try_from_iter([("events", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
        assert!(events(Row { batch: &wrong, at: 0 }).unwrap_err().detail().contains("another shape"));
    }
}
