//! What is known of one Parquet file without opening it.

use crate::{PromotedSet, TableId};
use model::{ContentHash, UnixNanos, Workspace};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Name of a part: 128 random bits, lower-case hex. Also the file's stem.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId(pub ContentHash);

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One live Parquet file. The catalog holds it, and the file's footer repeats it, so that `fsck`
/// can rebuild the catalog without counting a row twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartMeta {
    pub id: PartId,
    pub workspace: Workspace,
    pub table: TableId,
    /// Path below the object store's root: `WORKSPACE/TABLE/date=YYYY-MM-DD/ID.parquet`.
    pub path: String,
    /// 0 as flushed, 1 compacted.
    pub level: u8,
    pub rows: u64,
    pub bytes: u64,
    pub time_min: UnixNanos,
    pub time_max: UnixNanos,
    /// Latest receipt of a row in it: age for retention counts from the later of this and `time_max`.
    pub received_max: UnixNanos,
    /// WAL positions `[from, until)` whose rows it holds (flush), or the hull of its sources (compaction).
    pub wal_from: u64,
    pub wal_until: u64,
    /// Parts that this one stands for (compaction); empty as flushed.
    pub replaces: Vec<PartId>,
    /// Version of the promoted set it was written under.
    pub promoted: u32,
    /// Promoted keys whose column does not tell all in this file.
    pub overflow: Vec<String>,
    /// The services in it, sorted, or none listed when they are more than [`SERVICES_MAX`].
    pub services: Option<Vec<String>>,
    /// CRC-32 of the whole file, checked by `fsck --deep` and when a read fails.
    pub crc32: u32,
}

/// How many distinct services a part lists for pruning.
pub const SERVICES_MAX: usize = 256;

/// Footer key-value key under which [`PartMeta`] is repeated as JSON.
pub const FOOTER_KEY: &str = "stormglass.part";
/// Version of everything in the footer and the column layout; higher versions are refused with a sentence.
pub const FORMAT_VERSION: u32 = 1;

/// In which attempt a part was made: what a rebuild of the catalog needs to tell committed parts
/// from those that a crash left behind. The rules are in `catalog::lineage`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lineage {
    /// Generation of the catalog when the checkpoint or compaction began; it grows with every commit
    /// and every start, so a later attempt always has a higher one.
    pub generation: u64,
    pub origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Flushed by a checkpoint of so many parts in all tables and workspaces.
    Flush { parts: u32 },
    /// The `output`-th file (from 0) of a compaction of `inputs` files, the first so many of
    /// `PartMeta::replaces`; the others are those that they had replaced in their turn.
    Merge { inputs: u32, output: u32, last: bool },
}

/// Everything a file tells about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartFile {
    pub meta: PartMeta,
    pub lineage: Lineage,
    /// The promoted set that the file was written under, of tables that have promoted columns.
    pub promoted: Option<PromotedSet>,
}

/// The footer's JSON form of a part. `bytes` and `crc32` are known only once the file is closed and
/// are taken from the file itself.
#[derive(Serialize, Deserialize, Debug)]
pub struct Footer {
    pub format: u32,
    pub id: String,
    pub workspace: String,
    pub table: TableId,
    pub level: u8,
    pub rows: u64,
    pub time_min: i64,
    pub time_max: i64,
    pub received_max: i64,
    pub wal_from: u64,
    pub wal_until: u64,
    pub replaces: Vec<String>,
    pub promoted: u32,
    pub overflow: Vec<String>,
    pub services: Option<Vec<String>>,
    pub lineage: Lineage,
    /// Keys of the promoted set that have bloom filters; names and types of all are in the schema.
    #[serde(default)]
    pub bloom: Vec<String>,
}
