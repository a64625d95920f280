//! `GET /api/v1/business-events`: newest first; with `open=true` those created and not completed in time.

use crate::ask::{Row, literal};
use crate::describe::AnyProblem;
use crate::newest_first::NewestFirst;
use crate::operations::{BUSINESS_COLUMNS, EntityItem, entities};
use crate::page::{Page, read_limit};
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::parse_duration;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;
const WINDOW_DEFAULT: Duration = Duration::from_secs(3_600);
/// Operations left open are looked for longer: they are the old ones.
const OPEN_WINDOW_DEFAULT: Duration = Duration::from_secs(7 * 86_400);

/// Filters that are columns.
const COLUMN_FILTERS: [&str; 9] =
    ["operation", "operation_id", "phase", "outcome", "actor", "actor_role", "service", "request_id", "trace_id"];

/// One business event.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct BusinessEventItem {
    /// RFC 3339.
    time: String,
    operation_id: Option<String>,
    operation: String,
    phase: String,
    outcome: String,
    actor: Option<String>,
    actor_role: Option<String>,
    entities: Vec<EntityItem>,
    request_id: Option<String>,
    trace_id: Option<String>,
    span_id: Option<String>,
    service: String,
    /// log, span, http, or rule:NAME.
    source: String,
    attributes: BTreeMap<String, String>,
    /// Oddities, comma separated.
    flags: Option<String>,
    /// Of an operation that is not completed: how long it was allowed to take, and how long it is over.
    deadline_ns: Option<i64>,
    overdue_ns: Option<i64>,
}

/// Business events, newest first. `open=true` gives operations that were created and not completed by
/// their deadline: what the event itself says, else `deadline`, else `[operations] deadlines`, else one hour.
#[utoipa::path(get, path = "/api/v1/business-events", operation_id = "business_events", tag = "operations",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; an hour before `to` without it, a week with `open`."),
        ("to" = Option<String>, Query, description = "Likewise; now without it."),
        ("operation" = Option<String>, Query, description = "What was done."),
        ("operation_id" = Option<String>, Query, description = "Which operation."),
        ("phase" = Option<String>, Query, description = "create, complete, whole."),
        ("outcome" = Option<String>, Query, description = "success, failure, unknown."),
        ("actor" = Option<String>, Query, description = "Who did it."),
        ("actor_role" = Option<String>, Query, description = "As what."),
        ("service" = Option<String>, Query, description = "Which service told of it."),
        ("request_id" = Option<String>, Query, description = "Its request id."),
        ("trace_id" = Option<String>, Query, description = "32 hexadecimal digits."),
        ("attr.*" = Option<String>, Query, description = "attr.KEY=VALUE: an attribute, by the text of its value."),
        ("open" = Option<bool>, Query, description = "true: created and not completed by the deadline."),
        ("deadline" = Option<String>, Query, description = "With open: 15m, 2h, instead of the settings."),
        ("limit" = Option<usize>, Query, description = "1 to 1000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before, with the same parameters."),
    ),
    responses((status = 200, description = "Business events.", body = Page<BusinessEventItem>), (status = "default", response = AnyProblem)))]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<BusinessEventItem>>, Problem> {
    let mut known = COLUMN_FILTERS.to_vec();
    known.extend(["from", "to", "attr.*", "open", "deadline", "limit", "cursor"]);
    let params = Params::read(&uri, &known)?;
    let limit = read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let open = open(&params)?;
    let condition = condition(&params)?;
    let deadline = deadline(&params, open)?;
    let question = format!("business|{condition}|{open}|{deadline:?}");
    let list =
        NewestFirst::read(&params, &question, api.now(), if open { OPEN_WINDOW_DEFAULT } else { WINDOW_DEFAULT })?;
    let allowed = allowed(deadline, &api.operations.deadlines, api.operations.deadline);
    let skip = list.skip();
    let overdue = format!("({} - CAST(time AS BIGINT) - {allowed})", list.now.0);
    let left_open = format!(
        " AND phase = 'create' AND operation_id IS NOT NULL AND {overdue} > 0 AND operation_id NOT IN \
         (SELECT operation_id FROM business_events WHERE phase IN ('complete', 'whole') AND operation_id IS NOT NULL AND time >= {})",
        crate::ask::instant(list.window.from)
    );
    let sql = format!(
        "SELECT {BUSINESS_COLUMNS}, attributes, flags, {allowed} AS allowed_ns, {overdue} AS overdue_ns FROM business_events \
         WHERE {}{condition}{} ORDER BY time DESC, operation, operation_id, phase, service LIMIT {}",
        list.rest().condition("time"),
        if open { left_open.as_str() } else { "" },
        skip + limit + 1
    );
    let rows = api.ask(&asker, sql).await?;
    let mut items = Vec::with_capacity(limit);
    let mut times = Vec::with_capacity(limit);
    for row in rows.iter().skip(skip).take(limit) {
        times.push(row.time("time")?.0);
        items.push(item(row, open)?);
    }
    let next_cursor = list.next(&times, rows.len() > skip + limit)?;
    let page = Page { next_cursor, ..Page::whole(items) };
    Ok(Json(page.said(rows.complete, rows.incomplete_reason)))
}

fn open(params: &Params) -> Result<bool, Problem> {
    match params.get("open") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Problem::invalid(format!("open is {other:?}: true or false"))),
    }
}

fn deadline(params: &Params, open: bool) -> Result<Option<Duration>, Problem> {
    let Some(text) = params.get("deadline") else { return Ok(None) };
    if !open {
        return Err(Problem::invalid("deadline belongs to open=true: give both, or neither"));
    }
    let right = || Problem::invalid(format!("deadline is {text:?}: write 90s, 15m, 2h or 3d"));
    parse_duration(text).map(Some).ok_or_else(right)
}

fn condition(params: &Params) -> Result<String, Problem> {
    if let Some(id) = params.get("trace_id")
        && model::TraceId::from_hex(id).is_none()
    {
        return Err(Problem::invalid(format!("trace_id is {id:?}: 32 hexadecimal digits")));
    }
    let column = |name: &&str| params.get(name).map(|value| format!(" AND {name} = {}", literal(value)));
    let attribute = |(key, value): (&str, &str)| format!(" AND attributes[{}] = {}", literal(key), literal(value));
    Ok(COLUMN_FILTERS.iter().filter_map(column).chain(params.family("attr.").map(attribute)).collect())
}

/// Nanoseconds an operation may take, as SQL: what was asked, else what the event says, else the settings.
fn allowed(asked: Option<Duration>, by_operation: &[(String, Duration)], otherwise: Duration) -> String {
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    if let Some(asked) = asked {
        return nanos(asked).to_string();
    }
    let each = by_operation.iter();
    let each = each.map(|(name, time)| format!("WHEN operation = {} THEN {} ", literal(name), nanos(*time)));
    format!(
        "CASE WHEN deadline_ns IS NOT NULL THEN deadline_ns {}ELSE {} END",
        each.collect::<String>(),
        nanos(otherwise)
    )
}

fn item(row: Row<'_>, open: bool) -> Result<BusinessEventItem, Problem> {
    let of_open = |name: &str| if open { row.opt_int(name) } else { Ok(None) };
    Ok(BusinessEventItem {
        time: timestamp_text(row.time("time")?.0),
        operation_id: row.opt_string("operation_id")?,
        operation: row.text("operation")?.to_owned(),
        phase: row.text("phase")?.to_owned(),
        outcome: row.text("outcome")?.to_owned(),
        actor: row.opt_string("actor")?,
        actor_role: row.opt_string("actor_role")?,
        entities: entities(row)?,
        request_id: row.opt_string("request_id")?,
        trace_id: row.opt_string("trace_id")?,
        span_id: row.opt_string("span_id")?,
        service: row.text("service")?.to_owned(),
        source: row.text("source")?.to_owned(),
        attributes: crate::traces::read::first_values(row, "attributes")?,
        flags: row.opt_string("flags")?,
        deadline_ns: of_open("allowed_ns")?,
        overdue_ns: of_open("overdue_ns")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        let mut known = COLUMN_FILTERS.to_vec();
        known.extend(["attr.*", "open", "deadline"]);
        Params::read(&format!("/x?{query}").parse().unwrap(), &known).unwrap()
    }

    #[test]
    fn what_may_be_asked_is_said_where_it_is_wrong() {
        assert!(open(&params("open=yes")).unwrap_err().detail().contains("true or false"));
        assert!(deadline(&params("deadline=5m"), false).unwrap_err().detail().contains("open=true"));
        assert!(deadline(&params("deadline=soon"), true).unwrap_err().detail().contains("15m"));
        assert!(condition(&params("trace_id=zz")).unwrap_err().detail().contains("32 hexadecimal"));
    }

    #[test]
    fn a_deadline_is_the_askers_else_the_events_else_that_of_the_operation() {
        let minute = Duration::from_secs(60);
        let own = [("buy 'tea'".to_owned(), minute)];
        assert_eq!(allowed(Some(minute), &own, minute), "60000000000");
        let sql = allowed(None, &own, Duration::from_secs(3_600));
        assert_eq!(
            sql,
            "CASE WHEN deadline_ns IS NOT NULL THEN deadline_ns WHEN operation = 'buy ''tea''' THEN 60000000000 ELSE 3600000000000 END"
        );
    }
}
