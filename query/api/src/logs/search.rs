//! `GET /api/v1/logs`: records newest first.
//!
//! Records have no id, so the order is made total by what they say: time, then service, trace, span and
//! body. A cursor names the last time and how many records of that very nanosecond were shown.

use super::record::{LOG_COLUMNS, LogItem};
use super::severity;
use crate::ask::literal;
use crate::describe::AnyProblem;
use crate::newest_first::NewestFirst;
use crate::page::{Page, read_limit};
use crate::params::Params;
use crate::traces::filter::{SpanFilter, trace_id};
use crate::window::{DEFAULT_WINDOW, Window};
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Longest text that is searched for.
const TEXT_BYTES_MAX: usize = 1 << 10;
/// Log records that fulfil all filters, newest first.
#[utoipa::path(get, path = "/api/v1/logs", operation_id = "logs", tag = "logs",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; an hour before `to` without it."),
        ("to" = Option<String>, Query, description = "Likewise; now without it."),
        ("service" = Option<String>, Query, description = "Who wrote it."),
        ("trace_id" = Option<String>, Query, description = "32 hexadecimal digits."),
        ("span_id" = Option<String>, Query, description = "16 hexadecimal digits."),
        ("request_id" = Option<String>, Query, description = "The request id, whatever key it was sent under."),
        ("q" = Option<String>, Query, description = "A part of the body, in any case."),
        ("severity" = Option<String>, Query, description = "At least this: trace, debug, info, warn, error, fatal, or 1 to 24."),
        ("attr.*" = Option<String>, Query, description = "attr.KEY=VALUE: an attribute, by the text of its value."),
        ("resource.*" = Option<String>, Query, description = "resource.KEY=VALUE: an attribute of the resource."),
        ("limit" = Option<usize>, Query, description = "1 to 1000; 100 without it."),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before, with the same parameters."),
    ),
    responses((status = 200, description = "Log records.", body = Page<LogItem>), (status = "default", response = AnyProblem)))]
pub(super) async fn search(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<LogItem>>, Problem> {
    let params = Params::read(
        &uri,
        &[
            "from",
            "to",
            "service",
            "trace_id",
            "span_id",
            "request_id",
            "q",
            "severity",
            "attr.*",
            "resource.*",
            "limit",
            "cursor",
        ],
    )?;
    let condition = condition(&params)?;
    let limit = read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let list = NewestFirst::read(&params, &format!("logs|{condition}"), api.now(), DEFAULT_WINDOW)?;
    let skip = list.skip();
    let rows = api.ask(&asker, matching(&list.rest(), &condition, skip + limit + 1)).await?;
    let mut shown = Vec::with_capacity(limit);
    let mut times = Vec::with_capacity(limit);
    for row in rows.iter().skip(skip).take(limit) {
        shown.push(LogItem::read(row)?);
        times.push(row.time("time")?.0);
    }
    let next_cursor = list.next(&times, rows.len() > skip + limit)?;
    let page = Page { next_cursor, ..Page::whole(shown) };
    Ok(Json(page.said(rows.complete, rows.incomplete_reason)))
}

/// The filters as one SQL condition.
fn condition(params: &Params) -> Result<String, Problem> {
    let family = |prefix: &str| params.family(prefix).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let text = |name: &str| params.get(name).map(str::to_owned);
    let common = SpanFilter {
        service: text("service"),
        request_id: text("request_id"),
        attributes: family("attr."),
        resource: family("resource."),
        trace_ids: params.get("trace_id").map(|id| trace_id("trace_id", id)).transpose()?.into_iter().collect(),
        ..SpanFilter::default()
    };
    let mut conditions = vec![common.checked("")?.sql()];
    if let Some(id) = params.get("span_id") {
        if id.len() != 16 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Problem::invalid(format!("span_id is {id:?}: 16 hexadecimal digits")));
        }
        conditions.push(format!("span_id = {}", literal(&id.to_ascii_lowercase())));
    }
    if let Some(severity) = params.get("severity") {
        conditions.push(format!("severity >= {}", severity::least(severity)?));
    }
    if let Some(text) = params.get("q").filter(|text| !text.is_empty()) {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Problem::invalid(format!("q is longer than {TEXT_BYTES_MAX} bytes: give a shorter part")));
        }
        conditions.push(format!("body ILIKE {}", literal(&pattern(text))));
    }
    Ok(conditions.join(" AND "))
}

/// A pattern that matches texts with `part` inside; its own wildcards mean themselves.
fn pattern(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn matching(window: &Window, condition: &str, rows: usize) -> String {
    format!(
        "SELECT {LOG_COLUMNS} FROM logs WHERE {} AND {condition} \
         ORDER BY time DESC, service, trace_id, span_id, body LIMIT {rows}",
        window.condition("time")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(query: &str) -> Result<String, String> {
        let uri = format!("/x?{query}").parse().unwrap();
        let known = ["service", "trace_id", "span_id", "request_id", "q", "severity", "attr.*"];
        let params = Params::read(&uri, &known).unwrap();
        condition(&params).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn filters_become_conditions() {
        let id = "AB".repeat(16);
        for (query, expected) in [
            ("", "TRUE".to_owned()),
            ("service=pay&severity=error", "service = 'pay' AND severity >= 17".to_owned()),
            ("q=50%25_o'clock%5C", r"TRUE AND body ILIKE '%50\%\_o''clock\\%'".to_owned()),
            (&format!("trace_id={id}"), format!("trace_id IN ('{}')", "ab".repeat(16))),
            ("span_id=00F067AA0BA902B7", "TRUE AND span_id = '00f067aa0ba902b7'".to_owned()),
            ("attr.order.id=7", "attributes['order.id'] = '7'".to_owned()),
        ] {
            assert_eq!(sql(query), Ok(expected), "{query}");
        }
        for (query, says) in
            [("trace_id=x", "32 hexadecimal"), ("span_id=x", "16 hexadecimal"), ("severity=loud", "one of trace")]
        {
            assert!(sql(query).unwrap_err().contains(says), "{query}");
        }
    }
}
