//! Part files that the catalog does not know: what a crash left, or a sign that the catalog is too old.
//!
//! Only a file whose rows are provably elsewhere is ever deleted: rows of a checkpoint that was never
//! committed are in the WAL, rows of a merge that was never committed are in its inputs. All else stays
//! where it is and is reported.

use crate::engine::Engine;
use crate::error::EngineError;
use hashbrown::HashSet;
use model::UnixNanos;
use std::time::Duration;
use tables::{PartFile, PartId};

/// What the catalog and the WAL held when the engine was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stock {
    pub(crate) checkpoint: u64,
    /// One more than the last record of the WAL.
    pub(crate) wal_end: u64,
    pub(crate) catalog_generation: u64,
    pub(crate) live: HashSet<PartId>,
}

/// What a file is that the catalog does not list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Orphan {
    /// Left by a crash; its rows are in the WAL or in live parts.
    Leftover,
    /// Made under a later catalog than the one that was opened.
    OfLaterCatalog,
    /// Where its rows belong is not known: it stays, and is not read.
    Unknown,
}

/// Judges a file that is neither live nor retired. `missing` are live parts without a file: where a merge's
/// input is one of them, the catalog is a copy from before that merge, and the merge alone has the rows.
pub(crate) fn judge(file: &PartFile, stock: &Stock, missing: &HashSet<PartId>) -> Orphan {
    let meta = &file.meta;
    if file.lineage.generation > stock.catalog_generation {
        return Orphan::OfLaterCatalog;
    }
    let replayed = meta.level == 0 && meta.wal_from >= stock.checkpoint && meta.wal_until <= stock.wal_end;
    let unmerged = meta.level > 0
        && meta.replaces.iter().any(|id| stock.live.contains(id))
        && !meta.replaces.iter().any(|id| missing.contains(id));
    if replayed || unmerged { Orphan::Leftover } else { Orphan::Unknown }
}

/// On an object store a leftover is deleted only after a day: listings and clocks may be off there.
const BUCKET_AGE: Duration = Duration::from_secs(86_400);

impl Engine {
    /// Looks at every unknown file once. Gives the leftovers, with the times of their last change.
    pub(crate) async fn find_leftovers(&self) -> Result<Vec<(String, UnixNanos)>, EngineError> {
        let (listed, retired, live) =
            (self.parts.list(None).await?, self.catalog.retired().await?, self.picture.parts());
        let known: HashSet<&str> =
            live.iter().map(|p| p.path.as_str()).chain(retired.iter().map(|r| r.path.as_str())).collect();
        let files: HashSet<&str> = listed.iter().map(|file| file.path.as_str()).collect();
        let missing: HashSet<PartId> = live.iter().filter(|p| !files.contains(p.path.as_str())).map(|p| p.id).collect();
        drop(files);
        let (mut leftovers, mut unknown) = (Vec::new(), 0_u64);
        for file in listed.into_iter().filter(|f| !known.contains(f.path.as_str())) {
            match self.parts.read_footer(&file.path).await.map(|footer| judge(&footer, &self.stock, &missing)) {
                Ok(Orphan::Leftover) => leftovers.push((file.path, file.modified)),
                Ok(Orphan::OfLaterCatalog) => return Err(EngineError::CatalogBehindParts { path: file.path }),
                Ok(Orphan::Unknown) => {
                    unknown += 1;
                    tracing::warn!(
                        path = file.path,
                        "the catalog does not know this part file; it is left alone and not read"
                    );
                }
                Err(error) => {
                    unknown += 1;
                    tracing::warn!(%error, path = file.path, "the catalog does not know this file, and it does not read");
                }
            }
        }
        self.status.lock().unknown_files = unknown;
        Ok(leftovers)
    }

    /// Deletes leftovers that are old enough; gives those that are not.
    pub(crate) async fn remove_leftovers(
        &self,
        leftovers: Vec<(String, UnixNanos)>,
    ) -> Result<Vec<(String, UnixNanos)>, EngineError> {
        let live: HashSet<String> = self.picture.parts().iter().map(|p| p.path.clone()).collect();
        let age_min = if self.parts.local_root().is_some() { Duration::ZERO } else { BUCKET_AGE };
        let oldest = self.clock.now().saturating_sub(age_min);
        let (due, young) = leftovers.into_iter().partition(|(_, modified)| age_min.is_zero() || *modified <= oldest);
        let due: Vec<(String, UnixNanos)> = due;
        // A part that was on its way when it was looked at may have been committed since.
        for (path, _) in due.into_iter().filter(|(path, _)| !live.contains(path)) {
            tracing::info!(path, "a part file of unfinished work is removed");
            self.parts.remove(&path).await?;
            self.counters.orphans_removed.add(1);
        }
        Ok(young)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::part;
    use tables::{Lineage, Origin};

    #[test]
    fn only_what_is_provably_elsewhere_is_a_leftover() {
        let live = part("live", 1);
        let stock = Stock { checkpoint: 100, wal_end: 200, catalog_generation: 7, live: HashSet::from([live.id]) };
        let flushed = |from, until| PartFile {
            meta: tables::PartMeta { wal_from: from, wal_until: until, ..part("new", 2) },
            lineage: Lineage { generation: 7, origin: Origin::Flush { parts: 1 } },
            promoted: None,
        };
        let merged = |replaces| PartFile {
            meta: tables::PartMeta { level: 1, replaces, ..part("new", 2) },
            lineage: Lineage { generation: 7, origin: Origin::Merge { inputs: 1, output: 0, last: true } },
            promoted: None,
        };
        let later = |mut file: PartFile| {
            file.lineage.generation = 8;
            file
        };
        for (name, file, expected) in [
            ("an uncommitted checkpoint, still in the WAL", flushed(100, 150), Orphan::Leftover),
            ("one whose records the WAL does not have", flushed(100, 201), Orphan::Unknown),
            ("one that the catalog should know", flushed(50, 100), Orphan::Unknown),
            ("an uncommitted merge, inputs live", merged(vec![live.id, part("x", 3).id]), Orphan::Leftover),
            ("a merge whose inputs are gone", merged(vec![part("x", 3).id]), Orphan::Unknown),
            ("a merge of nothing", merged(vec![]), Orphan::Unknown),
            ("made under a later catalog", later(flushed(100, 150)), Orphan::OfLaterCatalog),
        ] {
            assert_eq!(judge(&file, &stock, &HashSet::new()), expected, "{name}");
        }
        let alone = merged(vec![live.id, part("x", 3).id]);
        assert_eq!(judge(&alone, &stock, &HashSet::from([live.id])), Orphan::Unknown, "its live input has no file");
    }
}
