//! Alive, ready, and the figures.

use crate::{Api, Problem, prometheus_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

pub(crate) async fn alive(State(api): State<Api>) -> Response {
    let health = &api.health;
    Json(json!({ "status": "alive", "version": health.version, "durability": health.durability })).into_response()
}

/// 200 when data can be taken in and asked about; else 503 with the reasons.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    let reasons = (api.health.not_ready)();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons, "warnings": (api.health.warnings)() })))
        .into_response()
}

pub(crate) async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    let text = prometheus_text(&(api.metrics)());
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
