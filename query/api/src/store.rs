//! Orders to the store: write all to Parquet now, merge now.

use crate::params::Params;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::Uri;
use serde_json::json;

/// All that is acknowledged so far is in Parquet when this is answered.
pub(crate) async fn flush(State(api): State<Api>, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[])?;
    let report = api.engine.flush().await.map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(Json(json!({ "rows": report.rows, "parts": report.parts.len() })).into_response())
}

/// Merges what can be merged, however small, and says how much that was.
pub(crate) async fn compact(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::read(&uri, &[])?;
    let parts_before = api.engine.parts_of(&asker.workspace).len();
    let merges = api.engine.compact_now().await.map_err(|error| Problem::unavailable(error.to_string()))?;
    let parts_after = api.engine.parts_of(&asker.workspace).len();
    Ok(Json(json!({ "merges": merges, "parts_before": parts_before, "parts_after": parts_after })).into_response())
}
