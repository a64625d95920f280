//! Jaeger's version 3: `/jaeger/api/v3/...`, traces as OTLP JSON.

use super::failed::{self, Envelope};
use super::find::{self, Found};
use super::known;
use super::otlp::resource_spans;
use super::query::{Refused, Search, Values};
use crate::aside::aside;
use crate::describe::JaegerRefusal;
use crate::traces::load::Bounds;
use crate::traces::summary::{Summary, summaries as summed};
use crate::window::Window;
use crate::{Api, Asker};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};

/// Traces that are summed up at once.
const SUMMARIES_MAX: usize = 500;
/// Version 3 has no place in its body for what is missing.
const INCOMPLETE: HeaderName = HeaderName::from_static("stormglass-incomplete-reason");

/// One error.
pub(super) struct V3;

impl Envelope for V3 {
    fn of(status: StatusCode, message: &str) -> Value {
        json!({ "error": { "httpCode": status.as_u16(), "message": message } })
    }
}

type Failed = failed::Failed<V3>;

fn answer(body: Value, incomplete_reason: Option<String>) -> Response {
    let mut response = Json(body).into_response();
    let ascii = incomplete_reason.map(|reason| reason.replace(|c: char| !(' '..='~').contains(&c), "?"));
    if let Some(Ok(reason)) = ascii.map(|reason| HeaderValue::from_str(&reason)) {
        response.headers_mut().insert(INCOMPLETE, reason);
    }
    response
}

async fn traces(traces: Vec<Found>, incomplete_reason: Option<String>) -> Result<Response, Failed> {
    if traces.is_empty() {
        return Err(Failed::new(StatusCode::NOT_FOUND, "No traces found"));
    }
    let warnings: Vec<String> = incomplete_reason.into_iter().chain(traces.iter().flat_map(Found::warnings)).collect();
    let reason = (!warnings.is_empty()).then(|| warnings.join("; "));
    Ok(aside(move || Ok(answer(json!({ "result": resource_spans(&traces) }), reason))).await?)
}

/// Services that were seen in the last seven days.
#[utoipa::path(get, path = "/jaeger/api/v3/services", operation_id = "jaeger_v3_services", tag = "jaeger", responses(
    (status = 200, description = "Names.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn services(State(api): State<Api>, Extension(asker): Extension<Asker>) -> Result<Response, Failed> {
    let list = known::services(&api, &asker).await?;
    Ok(answer(json!({ "services": list.items }), list.incomplete_reason))
}

/// Operations of a service.
#[utoipa::path(get, path = "/jaeger/api/v3/operations", operation_id = "jaeger_v3_operations", tag = "jaeger", params(
    ("service" = Option<String>, Query, description = "Of all services without it."),
    ("spanKind" = Option<String>, Query, description = "server, client, producer, consumer, internal; also span_kind.")),
    responses((status = 200, description = "Names and kinds.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn operations(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Response, Failed> {
    let values = Values::read(&uri)?;
    let kind = values.any(&["spanKind", "span_kind"]).map(|(_, kind)| kind.to_ascii_lowercase());
    let list = known::operations(&api, &asker, values.get("service"), kind.as_deref()).await?;
    let items: Vec<Value> = list.items.into_iter().map(|o| json!({ "name": o.name, "spanKind": o.kind })).collect();
    Ok(answer(json!({ "operations": items }), list.incomplete_reason))
}

/// Whole traces, newest first.
#[utoipa::path(get, path = "/jaeger/api/v3/traces", operation_id = "jaeger_v3_search", tag = "jaeger", params(
    ("query.serviceName" = Option<String>, Query, description = "All names also in snake case."),
    ("query.operationName" = Option<String>, Query, description = "Span name."),
    ("query.attributes" = Option<String>, Query, description = "A JSON object of texts."),
    ("query.startTimeMin" = Option<String>, Query, description = "RFC 3339. Required."),
    ("query.startTimeMax" = Option<String>, Query, description = "RFC 3339. Required."),
    ("query.durationMin" = Option<String>, Query, description = "Such as 1.2s."),
    ("query.durationMax" = Option<String>, Query, description = "Likewise."),
    ("query.searchDepth" = Option<String>, Query, description = "Traces, 1 to 1500; 100 without it.")),
    responses((status = 200, description = "OTLP JSON.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn search(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Response, Failed> {
    let search = Search::v3(&Values::read(&uri)?)?;
    let found = find::search(&api, &asker, &search).await?;
    traces(found.traces, found.incomplete_reason).await
}

/// One trace.
#[utoipa::path(get, path = "/jaeger/api/v3/traces/{trace_id}", operation_id = "jaeger_v3_trace", tag = "jaeger", params(
    ("trace_id" = String, Path, description = "1 to 32 hexadecimal digits."),
    ("startTime" = Option<String>, Query, description = "Look from here on: RFC 3339."),
    ("endTime" = Option<String>, Query, description = "Look up to here: RFC 3339.")),
    responses((status = 200, description = "OTLP JSON.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn trace(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Failed> {
    let values = Values::read(&uri)?;
    let bounds =
        Bounds { from: values.instant(&["startTime", "start_time"])?, to: values.instant(&["endTime", "end_time"])? };
    let Path(id) = id.map_err(|rejection| rejection.body_text())?;
    let id = find::trace_id(&id)
        .ok_or_else(|| format!("malformed parameter trace_id: {id:?} is not 1 to 32 hexadecimal digits"))?;
    let found = find::trace(&api, &asker, id, bounds).await.map_err(|problem| match problem.status() {
        StatusCode::NOT_FOUND => Failed::new(StatusCode::NOT_FOUND, "No traces found"),
        _ => problem.into(),
    })?;
    traces(vec![found], None).await
}

/// What a list of traces shows, newest first. Takes the parameters of a search.
#[utoipa::path(get, path = "/jaeger/api/v3/trace-summaries", operation_id = "jaeger_v3_summaries", tag = "jaeger", params(
    ("query.serviceName" = Option<String>, Query, description = "All names also in snake case."),
    ("query.operationName" = Option<String>, Query, description = "Span name."),
    ("query.attributes" = Option<String>, Query, description = "A JSON object of texts."),
    ("query.startTimeMin" = Option<String>, Query, description = "RFC 3339. Required."),
    ("query.startTimeMax" = Option<String>, Query, description = "RFC 3339. Required."),
    ("query.durationMin" = Option<String>, Query, description = "Such as 1.2s."),
    ("query.durationMax" = Option<String>, Query, description = "Likewise."),
    ("query.searchDepth" = Option<String>, Query, description = "Traces, 1 to 1500; 100 without it.")),
    responses((status = 200, description = "Summaries.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn summaries(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Response, Failed> {
    let search = Search::v3(&Values::read(&uri)?)?;
    let limit = search.limit.min(SUMMARIES_MAX);
    let found = api.find_traces(&asker, &search.window, &search.condition, limit, None, &[]).await?;
    let summed = summed(&api, &asker, &search.window, &search.condition, &found.traces).await?;
    let cut = (limit < search.limit && found.next.is_some()).then(|| format!("the first {SUMMARIES_MAX} traces"));
    let reason = found.incomplete_reason.or(summed.incomplete_reason).or(cut);
    Ok(answer(json!({ "summaries": summed.items.iter().map(summary).collect::<Vec<_>>() }), reason))
}

fn summary(of: &Summary) -> Value {
    let services = of.services.iter();
    let services = services.map(|s| json!({ "name": s.service, "spanCount": s.spans, "errorSpanCount": s.errors }));
    json!({
        "traceId": of.trace_id,
        "rootServiceName": of.root_service.as_deref().unwrap_or_default(),
        "rootOperationName": of.root_operation.as_deref().unwrap_or_default(),
        "minStartTimeUnixNano": of.start_ns.to_string(),
        "maxEndTimeUnixNano": of.start_ns.saturating_add(of.duration_ns).to_string(),
        "spanCount": of.span_count,
        "errorSpanCount": of.error_count,
        "services": services.collect::<Vec<_>>(),
    })
}

/// Calls between services, exactly as counted.
#[utoipa::path(get, path = "/jaeger/api/v3/dependencies", operation_id = "jaeger_v3_dependencies", tag = "jaeger", params(
    ("startTime" = Option<String>, Query, description = "RFC 3339. Required."),
    ("endTime" = Option<String>, Query, description = "RFC 3339. Required.")),
    responses((status = 200, description = "parent, child, callCount.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn dependencies(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Response, Failed> {
    let values = Values::read(&uri)?;
    let from = values.instant(&["startTime", "start_time"])?;
    let to = values.instant(&["endTime", "end_time"])?;
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Refused::from("startTime and endTime are required").into());
    };
    if from >= to {
        return Err(Refused::from("endTime must be after startTime").into());
    }
    let list = known::dependencies(&api, &asker, Window { from, to }).await?;
    let items = list.items.into_iter();
    // 64-bit integers are text in this JSON.
    let items = items.map(|d| json!({ "parent": d.parent, "child": d.child, "callCount": d.calls.to_string() }));
    Ok(answer(json!({ "dependencies": items.collect::<Vec<_>>() }), list.incomplete_reason))
}

/// What this server can do beyond the basics of version 3: nothing that is optional.
#[utoipa::path(get, path = "/jaeger/api/v3/capabilities", operation_id = "jaeger_v3_capabilities", tag = "jaeger", responses(
    (status = 200, description = "Capabilities.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn capabilities() -> Json<Value> {
    Json(json!({ "search": {} }))
}
