//! How long each table is kept, and what it holds now. It shows what the settings say; they are changed there.

use crate::describe::AnyProblem;
use crate::page::Page;
use crate::params::Params;
use crate::render::timestamp_text;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tables::{PartMeta, TableId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(retention))
}

/// One table in files. What is still in memory is not counted here.
#[derive(Serialize, ToSchema)]
struct Kept {
    table: &'static str,
    /// A row goes at this age, counted from the later of event and receipt; null: it is kept for ever.
    age_ns: Option<u64>,
    files: usize,
    rows: u64,
    bytes: u64,
    /// Earliest and latest event in the files, RFC 3339; null where there is none.
    oldest: Option<String>,
    newest: Option<String>,
}

/// How long each table is kept, and what its files hold.
#[utoipa::path(get, path = "/api/v1/retention", tag = "store",
    responses((status = 200, description = "One entry per table that is kept in files.", body = Page<Kept>),
        (status = "default", response = AnyProblem)))]
async fn retention(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<Kept>>, Problem> {
    Params::read(&uri, &[])?;
    let parts = api.engine.parts_of(&asker.workspace);
    let tables = TableId::ALL.into_iter().filter(|table| is_in_files(*table));
    Ok(Json(Page::whole(tables.map(|table| kept(table, api.engine.age_of(table), &parts)).collect())))
}

/// The others stand beside the catalog, as they are now.
fn is_in_files(table: TableId) -> bool {
    !matches!(table, TableId::Alerts | TableId::Incidents | TableId::Notifications | TableId::Audit)
}

fn kept(table: TableId, age: Option<Duration>, parts: &[Arc<PartMeta>]) -> Kept {
    let of_table = || parts.iter().filter(|part| part.table == table);
    Kept {
        table: table.as_str(),
        age_ns: age.map(|age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
        files: of_table().count(),
        rows: of_table().map(|part| part.rows).sum(),
        bytes: of_table().map(|part| part.bytes).sum(),
        oldest: of_table().map(|part| part.time_min.0).min().map(timestamp_text),
        newest: of_table().map(|part| part.time_max.0).max().map(timestamp_text),
    }
}
