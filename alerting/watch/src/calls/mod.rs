//! HTTP by which alerting is read and steered. Whoever asks has been checked by a layer in front.
//!
//! Invariant: what a call changes is stored before it is answered.

mod alert_forms;
mod alertmanager;
mod alerts;
mod config;
mod follow_ups;
mod incident_act;
mod incident_message;
mod incident_record;
mod incident_shape;
mod incidents;
mod intake;
mod notifications;
mod rules;
mod silences;

pub(crate) use incident_shape::word;

use crate::Watch;
use crate::desk::Desk;
use api::{Asker, Problem};
use axum::extract::DefaultBodyLimit;
use http::StatusCode;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Largest body with alerts: a storm comes in batches.
const ALERTS_BYTES_MAX: usize = 16 << 20;

fn calls() -> OpenApiRouter<Watch> {
    let large = OpenApiRouter::new()
        .merge(intake::routes())
        .merge(alertmanager::intake_routes())
        .layer(DefaultBodyLimit::max(ALERTS_BYTES_MAX));
    OpenApiRouter::new()
        .merge(large)
        .merge(alerts::routes())
        .merge(incidents::routes())
        .merge(incident_act::routes())
        .merge(incident_message::routes())
        .merge(incident_record::routes())
        .merge(follow_ups::routes())
        .merge(silences::routes())
        .merge(config::routes())
        .merge(notifications::routes())
        .merge(rules::routes())
        .merge(alertmanager::routes())
}

/// Every call, ready to be mounted.
pub fn routes(watch: Watch) -> OpenApiRouter {
    calls().with_state(watch)
}

/// The description of these calls.
pub fn described() -> OpenApi {
    calls().into_openapi()
}

impl Watch {
    /// The desk of who asks.
    async fn of(&self, asker: &Asker) -> Result<Arc<Desk>, Problem> {
        self.desk(&asker.workspace).await
    }
}

/// Who acts, for timelines.
fn actor(asker: &Asker) -> &str {
    asker.token.as_deref().unwrap_or("operator")
}

fn not_found(what: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", what)
}

fn conflict(what: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, "conflict", "That is not possible as things stand", what)
}

/// A JSON body, or a sentence that says what is wrong with it.
fn read_body<T: serde::de::DeserializeOwned>(body: &[u8], right: &str) -> Result<T, Problem> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid(format!("the body is not right ({error}): send {right}")))
}
