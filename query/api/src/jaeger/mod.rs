//! Jaeger's query API, for its clients: version 1 as Grafana's data source calls it, version 3 as
//! Jaeger's own pages do.
//!
//! Parameters that Jaeger does not know are ignored, as Jaeger does; errors come in Jaeger's own
//! envelopes. Dependencies are the exact edges that are counted at ingest.

mod failed;
mod find;
mod go;
mod known;
mod otlp;
mod query;
mod v1;
mod v1_trace;
mod v3;

use crate::Api;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(v1::services))
        .routes(routes!(v1::operations_of_service))
        .routes(routes!(v1::operations))
        .routes(routes!(v1::search))
        .routes(routes!(v1::trace))
        .routes(routes!(v1::dependencies))
        .routes(routes!(v3::services))
        .routes(routes!(v3::operations))
        .routes(routes!(v3::search))
        .routes(routes!(v3::trace))
        .routes(routes!(v3::summaries))
        .routes(routes!(v3::dependencies))
        .routes(routes!(v3::capabilities))
}
