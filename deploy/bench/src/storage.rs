//! What an item weighs on disk: in all, by column, and how often it was written.

use crate::Settings;
use crate::child::Server;
use crate::progress::Stage;
use crate::replay::replay;
use crate::report::{Goal, Row};
use crate::workload::Workload;
use anyhow::{Context, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// Columns that weigh less than this per item are summed into one row.
const NAMED_FROM: f64 = 0.1;

pub(crate) async fn measure(settings: &Settings, spans: &Arc<Workload>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let server = Server::start(&settings.exe)?;
    let stage = Stage::new(settings.progress, "spans", spans.items);
    let before = server.tree().written_bytes()?;
    let sent = replay(&server, spans, 0..spans.len(), stage.bar()).await?;
    server.flush(false).await?;
    let items = sent.items as f64;
    rows.push(Row::new("span under parquet/ after flush", "B", Goal::None, server.parquet_bytes(None)? as f64 / items));
    server.flush(true).await?;
    let bytes = server.parquet_bytes(None)? as f64;
    rows.push(Row::new("span under parquet/ after compaction, all tables", "B", Goal::AtMost(45.0), bytes / items));
    let files = server.parquet_files(Some("spans"))?;
    rows.push(Row::new("files of spans", "files", Goal::None, files.len() as f64));
    let written = (server.tree().written_bytes()? - before) as f64;
    rows.push(Row::new("written to disk for each byte received", "", Goal::None, written / sent.bytes as f64));
    rows.push(Row::new("written to disk for each byte kept in Parquet", "", Goal::None, written / bytes));
    rows.push(Row::new("received as OTLP", "B", Goal::None, spans.bytes_per_item()));
    rows.extend(columns(&files, items)?);
    Ok(rows)
}

/// The budget: bytes per item of each column, of the blooms, and of what is left (footers, indexes).
pub(crate) fn columns(files: &[(PathBuf, u64)], items: f64) -> Result<Vec<Row>> {
    let (mut by_column, mut blooms, mut all) = (BTreeMap::<String, i64>::new(), 0, 0);
    for (path, bytes) in files {
        all += bytes;
        let about = footer(path)?;
        for column in about.row_groups().iter().flat_map(|g| g.columns()) {
            // A leaf of a nested column is counted under the column it belongs to.
            let name = column.column_path().parts().first().cloned().unwrap_or_default();
            *by_column.entry(name).or_default() += column.compressed_size();
            blooms += i64::from(column.bloom_filter_length().unwrap_or(0));
        }
    }
    let mut weighed: Vec<(String, f64)> =
        by_column.into_iter().map(|(name, bytes)| (name, bytes as f64 / items)).collect();
    weighed.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (named, small): (Vec<_>, Vec<_>) = weighed.into_iter().partition(|(_, bytes)| *bytes >= NAMED_FROM);
    let columns: f64 = named.iter().chain(&small).map(|(_, bytes)| bytes).sum();
    let mut rows: Vec<Row> =
        named.into_iter().map(|(name, bytes)| Row::new(format!("  column {name}"), "B", Goal::None, bytes)).collect();
    let small: (usize, f64) = (small.len(), small.iter().map(|(_, bytes)| bytes).sum());
    rows.push(Row::new(format!("  {} smaller columns", small.0), "B", Goal::None, small.1));
    rows.push(Row::new("  bloom filters", "B", Goal::None, blooms as f64 / items));
    let rest = all as f64 / items - columns - blooms as f64 / items;
    rows.push(Row::new("  footers and page indexes", "B", Goal::None, rest));
    Ok(rows)
}

fn footer(path: &PathBuf) -> Result<ParquetMetaData> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    ParquetMetaDataReader::new()
        .parse_and_finish(&file)
        .with_context(|| format!("reading the footer of {}", path.display()))
}
