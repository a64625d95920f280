//! The router: the table of operations, each with its handler.

use crate::operations::{OPERATIONS, openapi};
use crate::{Problem, health, parts, sql, store};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use client::QueryClient;
use engine::{Engine, Metric};
use http::StatusCode;
use std::fmt;
use std::sync::Arc;

/// Largest request body: SQL text is bounded far below.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What health answers are made of.
#[derive(Clone)]
pub struct Health {
    pub version: &'static str,
    /// What an acknowledgement means here: `fsync`, or the unsafe `os`.
    pub durability: &'static str,
    /// Why the server is not ready; none when it is.
    pub not_ready: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    /// What an operator should know all the same.
    pub warnings: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub client: Arc<QueryClient>,
    pub engine: Arc<Engine>,
    pub health: Health,
    /// All figures of the process.
    pub metrics: Arc<dyn Fn() -> Vec<Metric> + Send + Sync>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("version", &self.health.version).finish_non_exhaustive()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Mounts every operation of the table.
pub fn router(api: Api) -> Router {
    OPERATIONS
        .iter()
        .filter_map(|operation| Some((operation.path, handler(operation.id)?)))
        .fold(Router::new(), |router, (path, handler)| router.route(path, handler))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(api)
}

fn handler(id: &str) -> Option<MethodRouter<Api>> {
    Some(match id {
        "sql" => post(sql::query),
        "ledger" => get(parts::ledger),
        "parts" => get(parts::parts),
        "flush" => post(store::flush),
        "compact" => post(store::compact),
        "openapi" => get(description),
        "alive" => get(health::alive),
        "ready" => get(health::ready),
        "metrics" => get(health::metrics),
        _ => return None,
    })
}

async fn description(State(api): State<Api>) -> Result<Response, Problem> {
    Ok((StatusCode::OK, Json(openapi(api.health.version))).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_table_has_a_handler() {
        for operation in OPERATIONS {
            assert!(handler(operation.id).is_some(), "{}", operation.id);
        }
    }
}
