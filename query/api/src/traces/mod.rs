//! Traces: searched, read one by one, compared, and what sets a group of spans apart.
//!
//! Spans are found and counted by SQL, in the workers; what a trace looks like as a whole is worked out
//! by the pure crate `traces`.

pub(crate) mod answer;
pub(crate) mod filter;
pub(crate) mod load;
pub(crate) mod read;
pub(crate) mod search;
pub(crate) mod summary;

mod analysis;
mod compare;
mod detail;
mod differences;
mod gather;
mod related;
mod trace_logs;

use crate::Api;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(search::search))
        .routes(routes!(detail::detail))
        .routes(routes!(compare::compared))
        .routes(routes!(differences::differences))
}
