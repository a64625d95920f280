//! Heartbeats of jobs and devices: told by who has a token, or by who knows a secret path; and how each
//! stands.

mod list;
mod ping;
mod tell;

pub use ping::PingSecrets;

use crate::Api;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(tell::ok))
        .routes(routes!(tell::state))
        .routes(routes!(ping::get_secret, ping::post_secret))
        .routes(routes!(ping::get_one, ping::post_one))
        .routes(routes!(ping::get_two, ping::post_two))
}
