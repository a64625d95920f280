//! Alive, ready, and the figures.

use crate::describe::AnyProblem;
use crate::{Api, Asker, Problem, prometheus_text};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use engine::Metric;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(metrics))
}

#[derive(Serialize, ToSchema)]
struct Alive {
    /// Always `alive`.
    status: &'static str,
    version: &'static str,
    /// What an acknowledgement means here: `fsync`, or the unsafe `os`.
    durability: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    ready: bool,
    /// Why not.
    reasons: Vec<String>,
    /// What an operator should know all the same.
    warnings: Vec<String>,
}

/// Whether the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "server",
    responses((status = 200, description = "It is.", body = Alive), (status = "default", response = AnyProblem)))]
async fn alive(State(api): State<Api>) -> Json<Alive> {
    let health = &api.health;
    Json(Alive { status: "alive", version: health.version, durability: health.durability })
}

/// Whether data can be taken in and asked about; 503 with reasons when not.
#[utoipa::path(get, path = "/readyz", tag = "server", responses(
    (status = 200, description = "It can.", body = Readiness),
    (status = 503, description = "It cannot, for these reasons.", body = Readiness),
    (status = "default", response = AnyProblem),
))]
async fn ready(State(api): State<Api>) -> Response {
    let reasons = (api.health.not_ready)();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = Readiness { ready: reasons.is_empty(), reasons, warnings: (api.health.warnings)() };
    (status, Json(readiness)).into_response()
}

/// The server's own figures as Prometheus text: those of the process, and those of the asker's workspace.
#[utoipa::path(get, path = "/metrics", tag = "server", responses(
    (status = 200, description = "Prometheus text.", body = String, content_type = "text/plain"),
    (status = "default", response = AnyProblem),
))]
async fn metrics(State(api): State<Api>, Extension(asker): Extension<Asker>) -> Result<Response, Problem> {
    let mut metrics = (api.metrics)();
    metrics.retain(|metric| is_for(&asker, metric));
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], prometheus_text(&metrics)).into_response())
}

/// Workspaces do not see each other here either.
fn is_for(asker: &Asker, metric: &Metric) -> bool {
    let mut workspaces = metric.labels.iter().filter(|(name, _)| *name == "workspace");
    workspaces.all(|(_, workspace)| workspace == asker.workspace.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::AuditLog;
    use engine::Kind;
    use model::Workspace;

    #[test]
    fn a_figure_that_names_a_workspace_is_shown_to_that_workspace_only() {
        let asker = Asker { workspace: Workspace::new("east").unwrap(), token: None, audit: AuditLog::Hidden };
        let metric = |labels: &[(&'static str, &str)]| Metric {
            name: "stormglass_x",
            help: "",
            kind: Kind::Gauge,
            labels: labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            value: 1.0,
        };
        assert!(is_for(&asker, &metric(&[])));
        assert!(is_for(&asker, &metric(&[("signal", "logs"), ("workspace", "east")])));
        assert!(!is_for(&asker, &metric(&[("workspace", "west"), ("sender", "east")])));
    }
}
