//! Which of the files found on an object store make the catalog: the decision behind a rebuild.

use tables::{PartFile, PartMeta, PromotedSet};

/// What a rebuild decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebuilt {
    pub live: Vec<PartMeta>,
    pub discarded: Vec<(PartMeta, Discarded)>,
    pub checkpoint: u64,
    /// Highest generation seen in a footer.
    pub generation: u64,
    pub promoted: Vec<PromotedSet>,
}

/// Why a file is not part of the rebuilt catalog; its rows are elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// Another file stands for it.
    Replaced,
    /// Its checkpoint was never committed, and the WAL still has its records.
    Uncommitted,
    /// Its compaction was never finished or committed, and the inputs are there.
    UnfinishedMerge,
}

/// Decides from the footers of all files and the oldest record that the WAL can replay (`None`: there
/// is no WAL).
pub fn decide(_files: Vec<PartFile>, _wal_oldest: Option<u64>) -> Rebuilt {
    todo!()
}
