//! Parts as tables of tests want them.

use model::{ContentHash, UnixNanos, Workspace};
use tables::{PartId, PartMeta, TableId};

/// A flushed part of spans of workspace `default` in the folder of 2023-11-14, with an id made of a number.
pub(crate) fn part(name: &str, number: u8) -> PartMeta {
    let time = UnixNanos(1_700_000_000 * UnixNanos::SECOND);
    PartMeta {
        id: PartId(ContentHash([number; 16])),
        workspace: Workspace::default(),
        table: TableId::Spans,
        path: format!("default/spans/date=2023-11-14/{name}.parquet"),
        level: 0,
        rows: 10,
        bytes: 1_000,
        time_min: time,
        time_max: time,
        received_max: time,
        wal_from: 0,
        wal_until: 1,
        replaces: vec![],
        promoted: 1,
        overflow: vec![],
        services: None,
        crc32: 0,
    }
}
