//! The live Parquet files, and the ledger of who sent what.

use crate::describe::AnyProblem;
use crate::page::Page;
use crate::params::Params;
use crate::render::timestamp_text;
use crate::{Api, Asker, Problem, nearest};
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use tables::{PartMeta, TableId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(ledger)).routes(routes!(parts))
}

/// One sender's items of one signal, since the ledger's retention.
#[derive(Serialize, ToSchema)]
struct Account {
    /// Service, or service/instance.
    sender: String,
    service: String,
    instance: Option<String>,
    /// Name of the ingest token; null on an open loopback.
    token: Option<String>,
    /// traces, metrics or logs.
    signal: String,
    received: i64,
    stored: i64,
    queryable: i64,
    refused: i64,
    /// Repeats of bytes that were stored already: counted here and nowhere else.
    repeated: i64,
    /// What the sender says it has lost itself.
    dropped_by_sender: i64,
}

/// One Parquet file.
#[derive(Serialize, ToSchema)]
struct Part {
    id: String,
    table: &'static str,
    /// Below `DATA_DIR/parquet/`, or in the bucket.
    path: String,
    /// 0 as flushed, more as merged.
    level: u8,
    rows: u64,
    bytes: u64,
    /// Event times, RFC 3339.
    time_min: String,
    time_max: String,
    received_max: String,
    /// Null when they are too many to list.
    services: Option<Vec<String>>,
}

/// The live Parquet files.
#[utoipa::path(get, path = "/api/v1/parts", tag = "store",
    params(("table" = Option<String>, Query, description = "The name of a table; all without it.")),
    responses((status = 200, description = "All live files.", body = Page<Part>), (status = "default", response = AnyProblem)))]
async fn parts(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<Part>>, Problem> {
    let params = Params::read(&uri, &["table"])?;
    let wanted = params.get("table").map(table).transpose()?;
    let mut parts = api.engine.parts_of(&asker.workspace);
    parts.retain(|part| wanted.is_none_or(|table| part.table == table));
    Ok(Json(Page::whole(parts.iter().map(|part| described(part)).collect())))
}

/// The ledger as it is stored, summed over time. What is still in memory counts like what is in files.
const LEDGER: &str = "SELECT sender, service, instance, token, signal, sum(received) AS received, \
     sum(stored) AS stored, sum(queryable) AS queryable, sum(refused) AS refused, sum(repeated) AS repeated, \
     sum(dropped_by_sender) AS dropped_by_sender FROM ledger \
     GROUP BY sender, service, instance, token, signal ORDER BY sender, signal, token";

/// What was received, stored, queryable, refused and repeated, per sender and signal.
#[utoipa::path(get, path = "/api/v1/ledger", tag = "store",
    responses((status = 200, description = "One account per sender and signal.", body = Page<Account>),
        (status = "default", response = AnyProblem)))]
async fn ledger(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<Account>>, Problem> {
    Params::read(&uri, &[])?;
    let rows = api.ask(&asker, LEDGER).await?;
    let account = |row: crate::ask::Row<'_>| -> Result<Account, Problem> {
        Ok(Account {
            sender: row.text("sender")?.to_owned(),
            service: row.text("service")?.to_owned(),
            instance: row.opt_string("instance")?,
            token: row.opt_string("token")?,
            signal: row.text("signal")?.to_owned(),
            received: row.int("received")?,
            stored: row.int("stored")?,
            queryable: row.int("queryable")?,
            refused: row.int("refused")?,
            repeated: row.int("repeated")?,
            dropped_by_sender: row.int("dropped_by_sender")?,
        })
    };
    let items = rows.iter().map(account).collect::<Result<_, _>>()?;
    Ok(Json(Page::whole(items).said(rows.complete, rows.incomplete_reason)))
}

fn table(name: &str) -> Result<TableId, Problem> {
    TableId::from_name(name).ok_or_else(|| {
        let names = TableId::ALL.map(TableId::as_str);
        Problem::invalid(match nearest(name, names) {
            Some(near) => format!("table is {name:?}: did you mean {near:?}?"),
            None => format!("table is {name:?}: one of {}", names.join(", ")),
        })
    })
}

fn described(part: &PartMeta) -> Part {
    Part {
        id: part.id.to_string(),
        table: part.table.as_str(),
        path: part.path.clone(),
        level: part.level,
        rows: part.rows,
        bytes: part.bytes,
        time_min: timestamp_text(part.time_min.0),
        time_max: timestamp_text(part.time_max.0),
        received_max: timestamp_text(part.received_max.0),
        services: part.services.clone(),
    }
}
