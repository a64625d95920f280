//! What client and worker say to each other, as JSON inside frames; rows travel as Arrow IPC.

use crate::{QueryError, StoreLocation, Story, StoryAsked};
use model::{TimeRange, UnixNanos};
use serde::{Deserialize, Serialize};
use tables::{PartMeta, PromotedSet, TableId};

/// Both sides must speak the same version; they are the same program, so a difference means an
/// upgrade under a running process.
pub const PROTOCOL_VERSION: u32 = 1;

/// Client to worker, first frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub store: StoreLocation,
    pub pool_bytes_max: u64,
    pub spill_bytes_max: u64,
    /// Folder that the worker may spill into, its own.
    pub spill_dir: std::path::PathBuf,
    pub threads: usize,
    pub request_id_keys: Vec<String>,
}

/// Worker to client, the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    pub protocol: u32,
    pub pid: u32,
}

/// Client to worker: run this.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Names the caches that may be used; never a filter.
    pub workspace: String,
    pub sql: String,
    pub rows_max: u64,
    pub bytes_max: u64,
    pub timeout_ms: u64,
    pub promoted: PromotedSet,
    /// Stories that an earlier attempt named.
    #[serde(default)]
    pub stories: Vec<Story>,
}

/// Worker to client, once per query after logical planning: what the plan needs to see.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ViewRequest {
    pub tables: Vec<TableWant>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableWant {
    pub table: TableId,
    /// Columns of rows not yet in files, by name.
    pub columns: Vec<String>,
    /// Event times `from <= t < until`, Unix nanoseconds.
    pub from: i64,
    pub until: i64,
    /// Chunk columns that the worker still holds.
    pub have: Vec<Held>,
}

impl TableWant {
    pub fn time(&self) -> TimeRange {
        TimeRange { from: UnixNanos(self.from), until: UnixNanos(self.until) }
    }
}

/// Chunks of which the worker holds exactly these columns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    pub columns: Vec<String>,
    pub chunks: Vec<u64>,
}

/// Client to worker: the view, taken under one lock. Missing chunk columns follow in chunk frames,
/// then the end of the view.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ViewHead {
    /// In the order of the request.
    pub tables: Vec<TableView>,
    pub complete: bool,
    pub incomplete_reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableView {
    pub table: TableId,
    /// Live parts that overlap the time asked for.
    pub parts: Vec<Part>,
    /// Live parts that do not.
    pub parts_elsewhere: u64,
    /// Chunks that overlap the time asked for.
    pub hot: Vec<u64>,
    /// All live chunks of the table: the worker forgets others.
    pub hot_live: Vec<u64>,
}

/// What a worker needs to know of a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub time_min: i64,
    pub time_max: i64,
    pub promoted: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overflow: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<String>>,
}

impl From<&PartMeta> for Part {
    fn from(meta: &PartMeta) -> Self {
        Self {
            path: meta.path.clone(),
            rows: meta.rows,
            bytes: meta.bytes,
            time_min: meta.time_min.0,
            time_max: meta.time_max.0,
            promoted: meta.promoted,
            overflow: meta.overflow.clone(),
            services: meta.services.clone(),
        }
    }
}

/// Header of a chunk frame; the rest of the frame is an Arrow IPC stream of one batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChunkHead {
    pub table: TableId,
    pub chunk: u64,
    pub time_min: i64,
    pub time_max: i64,
    pub overflow: Vec<String>,
}

/// Worker to client: a query ended without a (further) result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    pub error: QueryError,
    /// Where not empty, this is no failure: the statement wants these, and to be asked again with them.
    #[serde(default)]
    pub stories: Vec<StoryAsked>,
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self { error, stories: Vec::new() }
    }
}
