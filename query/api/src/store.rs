//! Orders to the store: write all to Parquet now, merge now.

use crate::describe::AnyProblem;
use crate::params::Params;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(flush)).routes(routes!(compact))
}

#[derive(Serialize, ToSchema)]
struct Flushed {
    rows: u64,
    /// Files written.
    parts: usize,
}

#[derive(Serialize, ToSchema)]
struct Compacted {
    merges: usize,
    parts_before: usize,
    parts_after: usize,
}

/// Writes all that is acknowledged to Parquet, and answers when that is done.
#[utoipa::path(post, path = "/api/v1/flush", tag = "store",
    responses((status = 200, description = "What was written.", body = Flushed), (status = "default", response = AnyProblem)))]
async fn flush(State(api): State<Api>, uri: Uri) -> Result<Json<Flushed>, Problem> {
    Params::read(&uri, &[])?;
    let report = api.engine.flush().await.map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(Json(Flushed { rows: report.rows, parts: report.parts.len() }))
}

/// Merges Parquet files now, however small, and says how much that was.
#[utoipa::path(post, path = "/api/v1/compact", tag = "store",
    responses((status = 200, description = "What was merged.", body = Compacted), (status = "default", response = AnyProblem)))]
async fn compact(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Compacted>, Problem> {
    Params::read(&uri, &[])?;
    let parts_before = api.engine.parts_of(&asker.workspace).len();
    let merges = api.engine.compact_now().await.map_err(|error| Problem::unavailable(error.to_string()))?;
    let parts_after = api.engine.parts_of(&asker.workspace).len();
    Ok(Json(Compacted { merges, parts_before, parts_after }))
}
