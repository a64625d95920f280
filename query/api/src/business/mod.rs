//! Business events: told by HTTP, listed, those left open, and the endpoints that tell of none.

mod list;
mod post;
mod uncovered;

use crate::Api;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(post::tell, list::list)).routes(routes!(uncovered::uncovered))
}
