//! Alive, ready, and the figures.

use crate::{Api, Asker, Problem, prometheus_text};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use engine::Metric;
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

/// The figures of the process, and those of the asker's workspace.
pub(crate) async fn metrics(State(api): State<Api>, Extension(asker): Extension<Asker>) -> Result<Response, Problem> {
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
    use engine::Kind;
    use model::Workspace;

    #[test]
    fn a_figure_that_names_a_workspace_is_shown_to_that_workspace_only() {
        let asker = Asker { workspace: Workspace::new("east").unwrap() };
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
