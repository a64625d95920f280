//! `GET /api/v1/business-events/uncovered`: endpoints that write and tell of no business event.

use crate::describe::AnyProblem;
use crate::page::{Page, read_limit};
use crate::params::Params;
use crate::window::Window;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// An endpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Endpoint {
    service: String,
    method: String,
    route: String,
    /// Calls within the time, none of which had a business event.
    calls: i64,
}

/// Endpoints called with POST, PUT, PATCH or DELETE, of whose calls not one had a business event: where a
/// request enters, an event anywhere in its trace counts; further in, one of the same service.
#[utoipa::path(get, path = "/api/v1/business-events/uncovered", operation_id = "uncovered_endpoints", tag = "operations",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339, Unix nanoseconds or now-15m; an hour before `to` without it."),
        ("to" = Option<String>, Query, description = "Likewise; now without it."),
        ("service" = Option<String>, Query, description = "Of this service only."),
        ("limit" = Option<usize>, Query, description = "1 to 1000; 100 without it."),
    ),
    responses((status = 200, description = "Endpoints, those called most first.", body = Page<Endpoint>), (status = "default", response = AnyProblem)))]
pub(super) async fn uncovered(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<Endpoint>>, Problem> {
    let params = Params::read(&uri, &["from", "to", "service", "limit"])?;
    let limit = read_limit(&params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let window = Window::read(&params, api.now())?;
    let of = params.get("service").map(|service| format!(" AND service = {}", crate::ask::literal(service)));
    let rows = api.ask(&asker, statement(&window, &of.unwrap_or_default(), limit + 1)).await?;
    let mut items = Vec::with_capacity(limit);
    for row in rows.iter().take(limit) {
        items.push(Endpoint {
            service: row.text("service")?.to_owned(),
            method: row.text("method")?.to_owned(),
            route: row.text("route")?.to_owned(),
            calls: row.int("calls")?,
        });
    }
    let all = rows.len() <= limit;
    let page = Page::whole(items).said(rows.complete, rows.incomplete_reason);
    Ok(Json(page.said(all, Some(format!("more than {limit} endpoints")))))
}

fn statement(window: &Window, of: &str, limit: usize) -> String {
    // An event may be told a little after the request that caused it.
    let told = window.widened(std::time::Duration::from_secs(60)).condition("time");
    format!(
        "WITH calls AS (SELECT service, attributes['http.request.method'] AS method, \
           coalesce(attributes['http.route'], operation) AS route, trace_id, span_id, parent_span_id FROM spans \
           WHERE kind = 'server' AND attributes['http.request.method'] IN ('POST', 'PUT', 'PATCH', 'DELETE') AND {}{of}), \
         told AS (SELECT DISTINCT trace_id, service FROM business_events WHERE trace_id IS NOT NULL AND {told}) \
         SELECT calls.service AS service, method, route, count(DISTINCT span_id) AS calls FROM calls \
         LEFT JOIN told ON calls.trace_id = told.trace_id GROUP BY 1, 2, 3 \
         HAVING count(CASE WHEN told.service = calls.service OR (calls.parent_span_id IS NULL AND told.service IS NOT NULL) \
           THEN 1 END) = 0 ORDER BY calls DESC, service, method, route LIMIT {limit}",
        window.condition("time")
    )
}
