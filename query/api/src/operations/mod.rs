//! The story of one business operation, and the history of one entity.
//!
//! The linker (`timeline`) says what it wants to know; here it is asked of the tables, and told as one
//! list in order of time.

mod alerts;
mod answer;
mod as_rows;
mod columns;
mod entity;
mod gather;
mod rows;
mod story;
mod surroundings;

use crate::Api;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use answer::EntityItem;
pub(crate) use rows::{BUSINESS_COLUMNS, entities};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(story::operations)).routes(routes!(entity::history))
}
