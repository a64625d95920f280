//! `GET /api/v1/heartbeats`: how each job and device stands.

use crate::ask::{Row, literal};
use crate::describe::AnyProblem;
use crate::page::{Page, read_limit};
use crate::params::Params;
use crate::render::timestamp_text;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;
const WINDOW_DEFAULT: Duration = Duration::from_secs(7 * 86_400);

/// How one job or device stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Standing {
    name: String,
    /// start (it runs), ok, fail.
    status: String,
    /// RFC 3339: when it last said how it stands.
    time: String,
    last_start: Option<String>,
    last_ok: Option<String>,
    last_fail: Option<String>,
    exit_status: Option<i64>,
    run_id: Option<String>,
    /// From the last start to the end after it; null while it runs.
    duration_ns: Option<i64>,
    /// What it said.
    text: Option<String>,
    service: String,
    /// Heartbeats within the time.
    heartbeats: i64,
}

/// The latest state of each job and device that was heard within the time, by name.
#[utoipa::path(get, path = "/api/v1/heartbeats", operation_id = "heartbeats", tag = "operations",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; a week before `to` without it."),
        ("to" = Option<String>, Query, description = "Likewise; now without it."),
        ("name" = Option<String>, Query, description = "Of this one only."),
        ("status" = Option<String>, Query, description = "start, ok or fail: those that stand so."),
        ("limit" = Option<usize>, Query, description = "1 to 10000; 1000 without it."),
    ),
    responses((status = 200, description = "Jobs and devices.", body = Page<Standing>), (status = "default", response = AnyProblem)))]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<Standing>>, Problem> {
    let params = Params::read(&uri, &["from", "to", "name", "status", "limit"])?;
    let limit = read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let window = Window::named(&params, api.now(), "from", "to", WINDOW_DEFAULT)?;
    let status = match params.get("status") {
        None => String::new(),
        Some(word) if ["start", "ok", "fail"].contains(&word) => format!(" WHERE status = {}", literal(word)),
        Some(other) => return Err(Problem::invalid(format!("status is {other:?}: start, ok or fail"))),
    };
    let name = params.get("name").map(|name| format!(" AND name = {}", literal(name))).unwrap_or_default();
    let last = |status: &str| format!("max(time) FILTER (WHERE status = '{status}')");
    // A line of a log says nothing of how it stands.
    let said = |column: &str| format!("last_value({column} ORDER BY time) FILTER (WHERE status <> 'log') AS {column}");
    let columns = ["status", "exit_status", "run_id", "text", "service"].map(said).join(", ");
    let sql = format!(
        "SELECT * FROM (SELECT name, max(time) FILTER (WHERE status <> 'log') AS time, {columns}, {} AS last_start, \
         {} AS last_ok, {} AS last_fail, count(*) AS heartbeats, \
         last_value(duration_ns ORDER BY time) FILTER (WHERE status IN ('ok', 'fail')) AS told_ns \
         FROM heartbeats WHERE {}{name} GROUP BY name){status} ORDER BY name LIMIT {}",
        last("start"),
        last("ok"),
        last("fail"),
        window.condition("time"),
        limit + 1
    );
    let rows = api.ask(&asker, sql).await?;
    let standing = rows.iter().take(limit).map(standing).collect::<Result<Vec<_>, _>>()?;
    let all = rows.len() <= limit;
    let page = Page::whole(standing.into_iter().flatten().collect()).said(rows.complete, rows.incomplete_reason);
    Ok(Json(page.said(all, Some(format!("more than {limit} names")))))
}

/// `None` for what only ever wrote lines.
fn standing(row: Row<'_>) -> Result<Option<Standing>, Problem> {
    let (Some(time), Some(status)) = (row.opt_time("time")?, row.opt_string("status")?) else { return Ok(None) };
    let (start, ok, fail) = (row.opt_time("last_start")?, row.opt_time("last_ok")?, row.opt_time("last_fail")?);
    let ended = ok.max(fail);
    let between = start.zip(ended).filter(|(start, ended)| ended >= start).map(|(start, ended)| ended.0 - start.0);
    let text = |time: Option<model::UnixNanos>| time.map(|time| timestamp_text(time.0));
    Ok(Some(Standing {
        name: row.text("name")?.to_owned(),
        status,
        time: timestamp_text(time.0),
        last_start: text(start),
        last_ok: text(ok),
        last_fail: text(fail),
        exit_status: row.opt_int("exit_status")?,
        run_id: row.opt_string("run_id")?,
        duration_ns: row.opt_int("told_ns")?.or(between),
        text: row.opt_string("text")?,
        service: row.text("service")?.to_owned(),
        heartbeats: row.int("heartbeats")?,
    }))
}
