//! What the catalog holds, and what changes it.

use model::{ContentHash, UnixNanos};
use std::collections::BTreeMap;
use tables::{PartId, PartMeta, PromotedSet};

/// Everything that is live.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CatalogState {
    /// WAL records before this position are in `parts`.
    pub checkpoint: u64,
    /// Grows by one with every commit and every opening.
    pub generation: u64,
    pub parts: Vec<PartMeta>,
    /// The newest promoted set (version 0 and empty before the first).
    pub promoted: PromotedSet,
    pub promoted_versions: BTreeMap<u32, PromotedSet>,
    /// Hashes of request bodies whose rows are in `parts`, with their times of receipt.
    pub body_hashes: Vec<(ContentHash, UnixNanos)>,
    pub retired: Vec<Retired>,
}

/// A part that is not live any more and whose file may still be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    pub id: PartId,
    pub path: String,
    pub since: UnixNanos,
}

/// One transaction: a checkpoint, a compaction, or a retention run.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// New checkpoint position (never back); `None` for what does not come from the WAL.
    pub wal_until: Option<u64>,
    pub added: Vec<PartMeta>,
    /// Live parts that end here; they become retired at `now`.
    pub removed: Vec<PartId>,
    pub now: UnixNanos,
    /// Hashes of the bodies whose rows are in `added`, with their times of receipt.
    pub body_hashes: Vec<(ContentHash, UnixNanos)>,
    /// Body hashes received before this are forgotten.
    pub body_hashes_expired_before: UnixNanos,
    /// A new version of the promoted set.
    pub promoted: Option<PromotedSet>,
}
