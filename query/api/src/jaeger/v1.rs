//! Jaeger's version 1: `/jaeger/api/...`, one envelope for everything.

use super::failed::{self, Envelope};
use super::query::{Refused, Search, Values};
use super::{find, known, v1_trace};
use crate::aside::aside;
use crate::describe::JaegerRefusal;
use crate::traces::load::Bounds;
use crate::window::Window;
use crate::{Api, Asker};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::{StatusCode, Uri};
use model::UnixNanos;
use serde_json::{Value, json};
use std::time::Duration;

/// Traces that one request may name.
const TRACE_IDS_MAX: usize = 100;
/// How far dependencies look back where nothing is said.
const LOOKBACK: Duration = Duration::from_secs(86_400);

/// Errors beside the data that there is none of.
pub(super) struct V1;

impl Envelope for V1 {
    fn of(status: StatusCode, message: &str) -> Value {
        let error = json!({ "code": status.as_u16(), "msg": message });
        json!({ "data": null, "total": 0, "limit": 0, "offset": 0, "errors": [error] })
    }
}

type Failed = failed::Failed<V1>;

/// All went well, or as well as `reasons` say.
fn answer(data: Vec<Value>, reasons: impl IntoIterator<Item = String>) -> Json<Value> {
    let errors: Vec<Value> = reasons.into_iter().map(|msg| json!({ "code": 206, "msg": msg })).collect();
    let errors = if errors.is_empty() { Value::Null } else { Value::Array(errors) };
    Json(json!({ "total": data.len(), "data": data, "limit": 0, "offset": 0, "errors": errors }))
}

/// Services that were seen in the last seven days.
#[utoipa::path(get, path = "/jaeger/api/services", operation_id = "jaeger_services", tag = "jaeger", responses(
    (status = 200, description = "Names.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn services(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
) -> Result<Json<Value>, Failed> {
    let list = known::services(&api, &asker).await?;
    Ok(answer(list.items.into_iter().map(Value::from).collect(), list.incomplete_reason))
}

/// Names of a service's operations.
#[utoipa::path(get, path = "/jaeger/api/services/{service}/operations", operation_id = "jaeger_operations_of_service",
    tag = "jaeger", params(("service" = String, Path, description = "A service.")), responses(
    (status = 200, description = "Names.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn operations_of_service(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    service: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Failed> {
    let Path(service) = service.map_err(|rejection| rejection.body_text())?;
    let list = known::operations(&api, &asker, Some(&service), None).await?;
    let mut names: Vec<String> = list.items.into_iter().map(|operation| operation.name).collect();
    names.dedup();
    Ok(answer(names.into_iter().map(Value::from).collect(), list.incomplete_reason))
}

/// Operations of a service with their kinds.
#[utoipa::path(get, path = "/jaeger/api/operations", operation_id = "jaeger_operations", tag = "jaeger", params(
    ("service" = Option<String>, Query, description = "Required."),
    ("spanKind" = Option<String>, Query, description = "server, client, producer, consumer, internal")),
    responses((status = 200, description = "Names and kinds.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn operations(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Value>, Failed> {
    let values = Values::read(&uri)?;
    let Some(service) = values.get("service") else {
        return Err(Refused::from("parameter 'service' is required").into());
    };
    let list = known::operations(&api, &asker, Some(service), values.get("spanKind")).await?;
    let items = list.items.into_iter().map(|o| json!({ "name": o.name, "spanKind": o.kind }));
    Ok(answer(items.collect(), list.incomplete_reason))
}

/// Traces by search, or by ids.
#[utoipa::path(get, path = "/jaeger/api/traces", operation_id = "jaeger_search", tag = "jaeger", params(
    ("service" = Option<String>, Query, description = "Required, unless traceID is given."),
    ("operation" = Option<String>, Query, description = "Span name."),
    ("tags" = Option<String>, Query, description = "A JSON object of texts: attributes of the span or its resource."),
    ("tag" = Option<String>, Query, description = "key:value, any number of times."),
    ("minDuration" = Option<String>, Query, description = "Such as 1.2s or 100ms."),
    ("maxDuration" = Option<String>, Query, description = "Likewise."),
    ("limit" = Option<String>, Query, description = "Traces, 1 to 1500; 100 without it."),
    ("start" = Option<String>, Query, description = "Unix microseconds; two days before the end without it."),
    ("end" = Option<String>, Query, description = "Unix microseconds; now without it."),
    ("traceID" = Option<String>, Query, description = "A trace id, any number of times: these traces.")),
    responses((status = 200, description = "Whole traces, newest first.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn search(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Value>, Failed> {
    let values = Values::read(&uri)?;
    let ids: Vec<&str> = values.all("traceID").collect();
    if !ids.is_empty() {
        return by_ids(&api, &asker, &ids).await;
    }
    let found = find::search(&api, &asker, &Search::v1(&values, api.now())?).await?;
    Ok(aside(move || Ok(answer(found.traces.iter().map(v1_trace::trace).collect(), found.incomplete_reason))).await?)
}

async fn by_ids(api: &Api, asker: &Asker, ids: &[&str]) -> Result<Json<Value>, Failed> {
    if ids.len() > TRACE_IDS_MAX {
        return Err(format!("at most {TRACE_IDS_MAX} trace ids in one request").into());
    }
    let (mut data, mut errors) = (Vec::new(), Vec::new());
    for id in ids {
        let id = read_id(id)?;
        match find::trace(api, asker, id.clone(), Bounds::default()).await {
            Ok(found) => data.push(aside(move || Ok(v1_trace::trace(&found))).await?),
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
                errors.push(json!({ "code": 404, "msg": "trace not found", "traceID": id }));
            }
            Err(problem) => return Err(problem.into()),
        }
    }
    let errors = if errors.is_empty() { Value::Null } else { Value::Array(errors) };
    Ok(Json(json!({ "total": data.len(), "data": data, "limit": 0, "offset": 0, "errors": errors })))
}

fn read_id(text: &str) -> Result<String, Failed> {
    find::trace_id(text).ok_or_else(|| format!("{text:?} is no trace id: 1 to 32 hexadecimal digits").into())
}

/// One trace.
#[utoipa::path(get, path = "/jaeger/api/traces/{trace_id}", operation_id = "jaeger_trace", tag = "jaeger", params(
    ("trace_id" = String, Path, description = "1 to 32 hexadecimal digits."),
    ("start" = Option<String>, Query, description = "Look from here on: Unix microseconds."),
    ("end" = Option<String>, Query, description = "Look up to here: Unix microseconds.")),
    responses((status = 200, description = "The trace.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn trace(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Value>, Failed> {
    let values = Values::read(&uri)?;
    let Path(id) = id.map_err(|rejection| rejection.body_text())?;
    let bounds = Bounds { from: values.unix("start", 1_000)?, to: values.unix("end", 1_000)? };
    let found = find::trace(&api, &asker, read_id(&id)?, bounds).await.map_err(|problem| match problem.status() {
        StatusCode::NOT_FOUND => Failed::new(StatusCode::NOT_FOUND, "trace not found"),
        _ => problem.into(),
    })?;
    Ok(aside(move || Ok(answer(vec![v1_trace::trace(&found)], None))).await?)
}

/// Calls between services, exactly as counted.
#[utoipa::path(get, path = "/jaeger/api/dependencies", operation_id = "jaeger_dependencies", tag = "jaeger", params(
    ("endTs" = Option<String>, Query, description = "Unix milliseconds; now without it."),
    ("lookback" = Option<String>, Query, description = "Milliseconds before the end; a day without it.")),
    responses((status = 200, description = "parent, child, callCount.", body = Object), (status = "default", response = JaegerRefusal)))]
pub(super) async fn dependencies(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Value>, Failed> {
    let values = Values::read(&uri)?;
    let to = values.unix("endTs", 1_000_000)?.unwrap_or(UnixNanos(api.now().0.saturating_add(1)));
    let lookback =
        values.unix("lookback", 1_000_000)?.map_or(LOOKBACK, |by| Duration::from_nanos(by.0.max(0).unsigned_abs()));
    let window = Window { from: to.saturating_sub(lookback), to };
    let list = known::dependencies(&api, &asker, window).await?;
    let items = list.items.into_iter();
    let items = items.map(|d| json!({ "parent": d.parent, "child": d.child, "callCount": d.calls }));
    Ok(answer(items.collect(), list.incomplete_reason))
}
