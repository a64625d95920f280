//! Log records: searched newest first, and read by other answers.

pub(crate) mod record;
pub(crate) mod search;
pub(crate) mod severity;

use crate::Api;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(search::search))
}
