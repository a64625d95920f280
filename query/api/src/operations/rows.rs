//! Rows of the tables as facts for the linker and items for the page.

use super::answer::{BusinessItem, EntityItem, Item, kind_text};
use super::columns::Keys;
use crate::Problem;
use crate::ask::Row;
use crate::render::timestamp_text;
use crate::traces::read::links;
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use model::{SpanId, TraceId, UnixNanos};
use std::collections::BTreeMap;
use timeline::{Business, Entity, Fact, Kind, context};

/// What [`business`] needs of `business_events`, beside the business keys.
pub(crate) const BUSINESS_COLUMNS: &str = "time, operation_id, operation, phase, outcome, actor, actor_role, entities, \
     request_id, trace_id, span_id, service, source";

/// Records of these names are told as what follows from them.
pub(super) const TOLD_OTHERWISE: &str = "('business.operation', 'stormglass.change', 'stormglass.heartbeat')";

/// Longest text of an item.
const TEXT_BYTES_MAX: usize = 4_096;

/// A row as the linker sees it and as the page shows it, and what tells it from others.
pub(super) struct Read {
    pub(super) fact: Fact,
    pub(super) item: Item,
    pub(super) identity: String,
}

fn ids(row: Row<'_>, fact: &mut Fact, item: &mut Item) -> Result<(), Problem> {
    fact.trace_id = row.opt_text("trace_id")?.and_then(TraceId::from_hex).filter(|id| !id.is_zero());
    fact.span_id = row.opt_text("span_id")?.and_then(SpanId::from_hex).filter(|id| !id.is_zero());
    fact.request_id = row.opt_string("request_id")?.filter(|id| !id.is_empty());
    item.trace_id = fact.trace_id.map(|id| id.to_string());
    item.span_id = fact.span_id.map(|id| id.to_string());
    item.request_id.clone_from(&fact.request_id);
    Ok(())
}

fn business_keys(row: Row<'_>, keys: &Keys, fact: &mut Fact, item: &mut Item) -> Result<(), Problem> {
    for (at, key) in keys.business.iter().enumerate() {
        if let Some(value) = row.opt_text(&format!("key_{at}"))?.filter(|value| !value.is_empty()) {
            fact.keys.push((key.clone(), value.to_owned()));
        }
    }
    item.keys = fact.keys.iter().cloned().collect();
    Ok(())
}

fn contexts(row: Row<'_>, keys: &Keys, fact: &mut Fact, item: &mut Item) -> Result<(), Problem> {
    for (at, key) in keys.contexts.iter().enumerate() {
        if let Some(value) = row.opt_text(&format!("context_{at}"))? {
            fact.contexts.extend(context::trace_id_of(key, value).or_else(|| context::read_any(value)));
        }
    }
    let own = fact.trace_id.map(|id| id.to_string());
    fact.contexts.retain(|id| Some(id) != own.as_ref());
    fact.contexts.dedup();
    item.foreign_trace_ids.clone_from(&fact.contexts);
    Ok(())
}

fn item(kind: Kind, fact: &Fact, source: &'static str, name: impl Into<String>) -> Item {
    Item {
        time: timestamp_text(fact.time.0),
        kind: kind_text(kind).into(),
        source,
        service: fact.service.clone(),
        name: name.into(),
        ..Item::default()
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

pub(super) fn span(row: Row<'_>, keys: &Keys) -> Result<Read, Problem> {
    let job = row.opt_text("job_name")?;
    let kind = match row.text("kind")? {
        _ if job.is_some() => Kind::Job,
        "server" => Kind::Request,
        "producer" | "consumer" => Kind::Message,
        _ => Kind::Span,
    };
    let mut fact = Fact::at(kind, row.text("service")?, row.time("time")?);
    let duration = row.int("duration_ns")?;
    fact.end = UnixNanos(fact.time.0.saturating_add(duration.max(0)));
    let mut item = item(kind, &fact, "spans", row.text("operation")?);
    ids(row, &mut fact, &mut item)?;
    fact.parent_span_id = row.opt_text("parent_span_id")?.and_then(SpanId::from_hex);
    item.parent_span_id = fact.parent_span_id.map(|id| id.to_string());
    let linked = links(row)?;
    let linked = linked.iter().filter_map(|l| Some((TraceId::from_hex(&l.trace_id)?, SpanId::from_hex(&l.span_id)?)));
    // A link within the trace says nothing that the trace does not.
    fact.links = linked.filter(|(trace, _)| Some(*trace) != fact.trace_id).collect();
    fact.message_ids.extend(row.opt_string("message_id")?);
    business_keys(row, keys, &mut fact, &mut item)?;
    contexts(row, keys, &mut fact, &mut item)?;
    item.duration_ns = Some(duration);
    item.status = Some(row.text("status")?.to_owned()).filter(|status| status != "unset");
    let said = [row.opt_text("status_message")?, row.opt_text("statement")?, row.opt_text("destination")?];
    item.text = said.into_iter().chain([job]).flatten().find(|text| !text.is_empty()).map(cut);
    let identity = format!("s {:?} {:?} {} {}", fact.trace_id, fact.span_id, fact.time.0, row.text("kind")?);
    Ok(Read { fact, item, identity })
}

pub(super) fn log(row: Row<'_>, keys: &Keys) -> Result<Read, Problem> {
    let mut fact = Fact::at(Kind::Log, row.text("service")?, row.time("time")?);
    let event = row.opt_text("event_name")?;
    let mut item = item(Kind::Log, &fact, "logs", event.unwrap_or_default());
    ids(row, &mut fact, &mut item)?;
    fact.message_ids.extend(row.opt_string("message_id")?);
    business_keys(row, keys, &mut fact, &mut item)?;
    contexts(row, keys, &mut fact, &mut item)?;
    let body = row.text("body")?;
    for id in context::trace_ids_in(body) {
        if Some(&id) != item.trace_id.as_ref() && !fact.contexts.contains(&id) {
            fact.contexts.push(id);
        }
    }
    item.foreign_trace_ids.clone_from(&fact.contexts);
    item.status = row.opt_string("severity_text")?;
    let exception = row.opt_text("exception_message")?;
    item.text = Some(cut(if body.is_empty() { exception.unwrap_or_default() } else { body }));
    let identity = format!("l {:?} {:?} {} {} {body}", fact.trace_id, fact.span_id, fact.time.0, fact.service);
    Ok(Read { fact, item, identity })
}

pub(super) fn business(row: Row<'_>, keys: &Keys) -> Result<Read, Problem> {
    let mut fact = Fact::at(Kind::Business, row.text("service")?, row.time("time")?);
    let operation = row.text("operation")?.to_owned();
    let mut item = item(Kind::Business, &fact, "business_events", operation.clone());
    ids(row, &mut fact, &mut item)?;
    business_keys(row, keys, &mut fact, &mut item)?;
    let shown = BusinessItem {
        operation_id: row.opt_string("operation_id")?,
        operation,
        phase: row.text("phase")?.to_owned(),
        outcome: row.text("outcome")?.to_owned(),
        actor: row.opt_string("actor")?,
        actor_role: row.opt_string("actor_role")?,
        entities: entities(row)?,
        reported_by: row.text("source")?.to_owned(),
    };
    let entity = |entity: &EntityItem| Entity {
        ty: entity.r#type.clone(),
        id: entity.id.clone(),
        role: entity.role.clone(),
        before: entity.before.clone(),
        after: entity.after.clone(),
    };
    fact.business = Some(Business {
        operation: shown.operation.clone(),
        operation_id: shown.operation_id.clone(),
        phase: shown.phase.clone(),
        outcome: shown.outcome.clone(),
        actor: shown.actor.clone(),
        entities: shown.entities.iter().map(entity).collect(),
    });
    item.status = Some(shown.outcome.clone());
    let identity = format!("b {:?} {:?} {} {} {:?}", fact.trace_id, fact.span_id, fact.time.0, fact.service, shown);
    item.business = Some(shown);
    Ok(Read { fact, item, identity })
}

/// The column `entities` of a business event.
pub(crate) fn entities(row: Row<'_>) -> Result<Vec<EntityItem>, Problem> {
    let column = row.column("entities")?;
    if column.is_null(row.at) {
        return Ok(Vec::new());
    }
    let DataType::List(_) = column.data_type() else {
        return Err(Problem::internal("column \"entities\" is no list"));
    };
    let list = column.as_list::<i32>().value(row.at);
    let Some(entities) = list.as_struct_opt() else { return Err(Problem::internal("entities are no structs")) };
    let mut columns = BTreeMap::new();
    for name in ["type", "id", "role", "before", "after"] {
        let column = entities.column_by_name(name).cloned();
        columns.insert(name, column.ok_or_else(|| Problem::internal(format!("entities have no {name}")))?);
    }
    let text = |name: &str, at: usize| -> Option<String> {
        let column = columns.get(name)?;
        match column.data_type() {
            _ if column.is_null(at) => None,
            DataType::Utf8View => Some(column.as_string_view().value(at).to_owned()),
            DataType::Utf8 => Some(column.as_string::<i32>().value(at).to_owned()),
            _ => None,
        }
    };
    let entity = |at| EntityItem {
        r#type: text("type", at).unwrap_or_default(),
        id: text("id", at).unwrap_or_default(),
        role: text("role", at),
        before: text("before", at),
        after: text("after", at),
    };
    Ok((0..entities.len()).map(entity).collect())
}
