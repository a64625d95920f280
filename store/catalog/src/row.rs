//! The forms of parts, promoted sets and body hashes in the database.

use crate::CatalogError;
use crate::fault::{corrupt, fault};
use model::{ContentHash, UnixNanos, Workspace};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::path::Path;
use tables::{PartId, PartMeta, TableId};

/// Bytes of one hash with its time of receipt.
const HASH_BYTES: usize = 24;

pub(crate) fn part(row: &SqliteRow, path: &Path) -> Result<PartMeta, CatalogError> {
    let text = |name: &str| row.try_get::<String, _>(name).map_err(|e| fault(e, path));
    let number = |name: &str| row.try_get::<i64, _>(name).map_err(|e| fault(e, path));
    let count = |name: &str| number(name).and_then(|n| u64::try_from(n).map_err(|e| corrupt(path, e)));
    let services: Option<String> = row.try_get("services").map_err(|e| fault(e, path))?;
    Ok(PartMeta {
        id: part_id(&text("id")?, path)?,
        workspace: Workspace::new(&text("workspace")?).map_err(|e| corrupt(path, e))?,
        table: TableId::from_name(&text("table_name")?).ok_or_else(|| corrupt(path, "a part of an unknown table"))?,
        path: text("path")?,
        level: u8::try_from(number("level")?).map_err(|e| corrupt(path, e))?,
        rows: count("row_count")?,
        bytes: count("bytes")?,
        time_min: UnixNanos(number("time_min")?),
        time_max: UnixNanos(number("time_max")?),
        received_max: UnixNanos(number("received_max")?),
        wal_from: count("wal_from")?,
        wal_until: count("wal_until")?,
        replaces: part_ids(&text("replaces")?, path)?,
        promoted: u32::try_from(number("promoted")?).map_err(|e| corrupt(path, e))?,
        overflow: from_json(&text("overflow")?, path)?,
        services: services.map(|text| from_json(&text, path)).transpose()?,
        crc32: u32::try_from(number("crc32")?).map_err(|e| corrupt(path, e))?,
    })
}

pub(crate) fn part_id(text: &str, path: &Path) -> Result<PartId, CatalogError> {
    ContentHash::from_hex(text).map(PartId).ok_or_else(|| corrupt(path, format!("{text:?} is no part id")))
}

/// Part ids as one text, comma-separated.
pub(crate) fn ids_text(ids: &[PartId]) -> String {
    ids.iter().map(PartId::to_string).collect::<Vec<_>>().join(",")
}

fn part_ids(text: &str, path: &Path) -> Result<Vec<PartId>, CatalogError> {
    text.split(',').filter(|id| !id.is_empty()).map(|id| part_id(id, path)).collect()
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, CatalogError> {
    serde_json::from_str(text).map_err(|e| corrupt(path, e))
}

pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, CatalogError> {
    serde_json::to_string(value).map_err(|e| CatalogError::Invalid(e.to_string()))
}

/// Positions and counts are BIGINT: half the range of `u64`.
pub(crate) fn big(value: u64) -> Result<i64, CatalogError> {
    i64::try_from(value).map_err(|_| CatalogError::Invalid(format!("{value} does not fit the catalog")))
}

pub(crate) fn pack(hashes: &[(ContentHash, UnixNanos)]) -> Vec<u8> {
    hashes.iter().flat_map(|(hash, received)| hash.0.into_iter().chain(received.0.to_le_bytes())).collect()
}

pub(crate) fn unpack(packed: &[u8], path: &Path) -> Result<Vec<(ContentHash, UnixNanos)>, CatalogError> {
    let (entries, rest) = packed.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() {
        return Err(corrupt(path, "body hashes are cut short"));
    }
    let entry = |entry: &[u8; HASH_BYTES]| {
        let (mut hash, mut received) = ([0; 16], [0; 8]);
        hash.copy_from_slice(&entry[..16]);
        received.copy_from_slice(&entry[16..]);
        (ContentHash(hash), UnixNanos(i64::from_le_bytes(received)))
    };
    Ok(entries.iter().map(entry).collect())
}
