//! The live Parquet files, and the ledger of who sent what.

use crate::params::Params;
use crate::render::{json_value, timestamp_text};
use crate::{Api, Asker, Problem, nearest};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use client::QueryRequest;
use http::Uri;
use serde_json::{Map, Value, json};
use tables::{PartMeta, TableId};

/// A list as every list of this API is given.
fn list(items: Vec<Value>, complete: bool, incomplete_reason: Option<&str>) -> Response {
    let page = json!({
        "items": items, "next_cursor": null, "complete": complete, "incomplete_reason": incomplete_reason,
    });
    Json(page).into_response()
}

pub(crate) async fn parts(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["table"])?;
    let wanted = params.get("table").map(table).transpose()?;
    let mut parts = api.engine.parts_of(&asker.workspace);
    parts.retain(|part| wanted.is_none_or(|table| part.table == table));
    Ok(list(parts.iter().map(|part| described(part)).collect(), true, None))
}

/// The ledger as it is stored, summed over time. What is still in memory counts like what is in files.
const LEDGER: &str = "SELECT sender, service, instance, token, signal, sum(received), sum(stored), sum(queryable), \
     sum(refused), sum(repeated), sum(dropped_by_sender) FROM ledger \
     GROUP BY sender, service, instance, token, signal ORDER BY sender, signal, token";

pub(crate) async fn ledger(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Response, Problem> {
    const NAMES: [&str; 11] = [
        "sender",
        "service",
        "instance",
        "token",
        "signal",
        "received",
        "stored",
        "queryable",
        "refused",
        "repeated",
        "dropped_by_sender",
    ];
    Params::read(&uri, &[])?;
    let (_, batches, end) = api.client.query(QueryRequest::new(asker.workspace, LEDGER)).await?.collect().await?;
    let mut items = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let mut item = Map::new();
            for (name, column) in NAMES.iter().zip(batch.columns()) {
                let value = json_value(column, row).map_err(|error| Problem::internal(error.to_string()))?;
                item.insert((*name).to_owned(), value);
            }
            items.push(Value::Object(item));
        }
    }
    Ok(list(items, end.complete, end.incomplete_reason.as_deref()))
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

fn described(part: &PartMeta) -> Value {
    json!({
        "id": part.id.to_string(),
        "table": part.table.as_str(),
        "path": part.path,
        "level": part.level,
        "rows": part.rows,
        "bytes": part.bytes,
        "time_min": timestamp_text(part.time_min.0),
        "time_max": timestamp_text(part.time_max.0),
        "received_max": timestamp_text(part.received_max.0),
        "services": part.services,
    })
}
