//! `GET /api/v1/entities/{type}/{id}`: what became of one thing, or what one person did.

use super::rows::{BUSINESS_COLUMNS, entities};
use crate::ask::{Row, literal};
use crate::describe::AnyProblem;
use crate::newest_first::NewestFirst;
use crate::page::{Page, read_limit};
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// As long as business events are kept by default.
const WINDOW_DEFAULT: Duration = Duration::from_secs(365 * 86_400);
/// The type under which people are asked for: as those who acted.
const ACTOR: &str = "actor";

/// One business event that touched the entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct HistoryItem {
    /// RFC 3339.
    time: String,
    entity_type: String,
    entity_id: String,
    /// The part it had in the operation.
    role: Option<String>,
    before: Option<String>,
    after: Option<String>,
    operation_id: Option<String>,
    operation: String,
    phase: String,
    outcome: String,
    /// Who did it.
    actor: Option<String>,
    actor_role: Option<String>,
    /// Where to read how.
    request_id: Option<String>,
    trace_id: Option<String>,
    span_id: Option<String>,
    service: String,
    /// log, span, http, or rule:NAME.
    source: String,
}

/// The history of one entity, newest first: every business event that touched it, with values before and
/// after, who did it and where it can be read how. Type `actor` gives all that one person did.
#[utoipa::path(get, path = "/api/v1/entities/{type}/{id}", operation_id = "entity_history", tag = "operations",
    params(
        ("type" = String, Path, description = "order, sku, payment ..., as business events name it; actor for who acted."),
        ("id" = String, Path, description = "Its id."),
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; a year before `to` without it."),
        ("to" = Option<String>, Query, description = "Likewise; now without it."),
        ("limit" = Option<usize>, Query, description = "1 to 1000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before, with the same parameters."),
    ),
    responses((status = 200, description = "Business events.", body = Page<HistoryItem>), (status = "default", response = AnyProblem)))]
pub(super) async fn history(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    Path((ty, id)): Path<(String, String)>,
    uri: Uri,
) -> Result<Json<Page<HistoryItem>>, Problem> {
    let params = Params::read(&uri, &["from", "to", "limit", "cursor"])?;
    let limit = read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let list = NewestFirst::read(&params, &format!("entity|{ty}|{id}"), api.now(), WINDOW_DEFAULT)?;
    let skip = list.skip();
    let rows = api.ask(&asker, statement(&ty, &id, &list.rest(), skip + limit + 1)).await?;
    let mut items = Vec::with_capacity(limit);
    let mut times = Vec::with_capacity(limit);
    let mut more = false;
    for row in rows.iter().skip(skip) {
        // One event of an actor is several lines, which stay on one page.
        if times.len() == limit {
            more = true;
            break;
        }
        times.push(row.time("time")?.0);
        items.extend(if ty == ACTOR { acts(row)? } else { vec![touch(row)?] });
    }
    let page = Page { next_cursor: list.next(&times, more)?, ..Page::whole(items) };
    Ok(Json(page.said(rows.complete, rows.incomplete_reason)))
}

fn statement(ty: &str, id: &str, window: &Window, limit: usize) -> String {
    let time = window.condition("time");
    if ty == ACTOR {
        return format!(
            "SELECT {BUSINESS_COLUMNS} FROM business_events WHERE actor = {} AND {time} \
             ORDER BY time DESC, operation, operation_id, phase, service LIMIT {limit}",
            literal(id)
        );
    }
    format!(
        "SELECT * FROM entity_changes WHERE entity_type = {} AND entity_id = {} AND {time} \
         ORDER BY time DESC, operation, operation_id, phase, service LIMIT {limit}",
        literal(ty),
        literal(id)
    )
}

/// What all rows of both tables have.
fn common(row: Row<'_>) -> Result<HistoryItem, Problem> {
    Ok(HistoryItem {
        time: timestamp_text(row.time("time")?.0),
        entity_type: String::new(),
        entity_id: String::new(),
        role: None,
        before: None,
        after: None,
        operation_id: row.opt_string("operation_id")?,
        operation: row.text("operation")?.to_owned(),
        phase: row.text("phase")?.to_owned(),
        outcome: row.text("outcome")?.to_owned(),
        actor: row.opt_string("actor")?,
        actor_role: row.opt_string("actor_role")?,
        request_id: row.opt_string("request_id")?,
        trace_id: row.opt_string("trace_id")?,
        span_id: row.opt_string("span_id")?,
        service: row.text("service")?.to_owned(),
        source: row.text("source")?.to_owned(),
    })
}

fn touch(row: Row<'_>) -> Result<HistoryItem, Problem> {
    Ok(HistoryItem {
        entity_type: row.text("entity_type")?.to_owned(),
        entity_id: row.text("entity_id")?.to_owned(),
        role: row.opt_string("role")?,
        before: row.opt_string("before")?,
        after: row.opt_string("after")?,
        ..common(row)?
    })
}

/// One event as a line for each entity, or one line where it names none.
fn acts(row: Row<'_>) -> Result<Vec<HistoryItem>, Problem> {
    let common = common(row)?;
    let entities = entities(row)?;
    if entities.is_empty() {
        return Ok(vec![common]);
    }
    let line = |entity: super::EntityItem| HistoryItem {
        entity_type: entity.r#type,
        entity_id: entity.id,
        role: entity.role,
        before: entity.before,
        after: entity.after,
        ..common.clone()
    };
    Ok(entities.into_iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UnixNanos;

    #[test]
    fn a_name_cannot_leave_its_literal() {
        let window = Window { from: UnixNanos(0), to: UnixNanos(1) };
        let sql = statement("or'der", "1' OR '1'='1", &window, 5);
        assert!(sql.contains("entity_type = 'or''der' AND entity_id = '1'' OR ''1''=''1'"), "{sql}");
        assert!(statement("actor", "U1", &window, 5).contains("FROM business_events WHERE actor = 'U1'"));
    }
}
