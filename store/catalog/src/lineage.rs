//! Which of the files found on an object store make the catalog: the decision behind a rebuild.
//!
//! A crash leaves files that were written and never committed, and files that were replaced and not yet
//! removed. Counting either would double rows; dropping a committed one would lose them. What decides:
//!
//! - **Merges.** Outputs stand for their inputs. A later attempt has a higher generation. An input that
//!   is gone proves that its merge was committed, for inputs go only then. So, newest first: a merge that
//!   shares an input with an accepted newer one was never committed; one whose outputs are all there, or
//!   of whose inputs any is gone, is accepted; any other is unfinished, and its inputs are all there.
//! - **Checkpoints.** Their parts carry the same WAL range `[from, until)` and generation. The next
//!   attempt began where the catalog then stood: at or after `until` proves that the checkpoint was
//!   committed, before it that it was not. A merge of any of its parts proves it too. Only the last
//!   attempt has no successor: if all its parts are known, it counts as committed; if some are missing,
//!   it is dropped where the WAL still has all of its records (they are flushed again), and kept where it
//!   has not (then it was committed, and retention took the others).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tables::{Origin, PartFile, PartId, PartMeta, PromotedSet};

/// What a rebuild decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebuilt {
    pub live: Vec<PartMeta>,
    pub discarded: Vec<(PartMeta, Discarded)>,
    /// WAL records before this position are in `live`.
    pub checkpoint: u64,
    /// Highest generation seen in a footer.
    pub generation: u64,
    pub promoted: Vec<PromotedSet>,
}

/// Why a file is not part of the rebuilt catalog; its rows are elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Discarded {
    /// Another file stands for it.
    Replaced,
    /// Its checkpoint was never committed, and the WAL still has its records.
    Uncommitted,
    /// Its merge was never finished or committed, and the inputs are there.
    UnfinishedMerge,
}

/// Decides from the footers of all files and the oldest record that the WAL can replay (`None`: there
/// is no WAL).
pub fn decide(files: Vec<PartFile>, wal_oldest: Option<u64>) -> Rebuilt {
    let mut out: HashMap<PartId, Discarded> = HashMap::new();
    decide_merges(&files, &mut out);
    let checkpoint = decide_checkpoints(&files, &mut out, wal_oldest);
    let mut rebuilt = Rebuilt {
        checkpoint,
        generation: files.iter().map(|file| file.lineage.generation).max().unwrap_or_default(),
        promoted: promoted_sets(&files),
        ..Rebuilt::default()
    };
    for file in files {
        match out.get(&file.meta.id) {
            Some(why) => rebuilt.discarded.push((file.meta, *why)),
            None => rebuilt.live.push(file.meta),
        }
    }
    rebuilt
}

/// The outputs of one merge.
struct MergeGroup<'a> {
    generation: u64,
    /// Direct inputs first, then what they had replaced.
    replaces: &'a [PartId],
    inputs: usize,
    outputs: Vec<PartId>,
    /// Ordinals present, and the number of the last if it is.
    ordinals: BTreeSet<u32>,
    last: Option<u32>,
}

impl MergeGroup<'_> {
    fn direct(&self) -> &[PartId] {
        &self.replaces[..self.inputs.min(self.replaces.len())]
    }

    fn is_complete(&self) -> bool {
        self.last.is_some_and(|last| self.ordinals.len() as u64 == u64::from(last) + 1)
    }
}

fn decide_merges(files: &[PartFile], out: &mut HashMap<PartId, Discarded>) {
    let present: HashSet<PartId> = files.iter().map(|file| file.meta.id).collect();
    let mut groups: BTreeMap<(u64, &[PartId]), MergeGroup<'_>> = BTreeMap::new();
    for file in files {
        let Origin::Merge { inputs, output, last } = file.lineage.origin else { continue };
        let generation = file.lineage.generation;
        let replaces = file.meta.replaces.as_slice();
        let group = groups.entry((generation, replaces)).or_insert_with(|| MergeGroup {
            generation,
            replaces,
            inputs: inputs as usize,
            outputs: Vec::new(),
            ordinals: BTreeSet::new(),
            last: None,
        });
        group.outputs.push(file.meta.id);
        group.ordinals.insert(output);
        group.last = if last { Some(output) } else { group.last };
    }
    let mut groups: Vec<MergeGroup<'_>> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.generation));
    // Inputs of accepted merges: nobody else can have merged them.
    let mut taken: HashSet<PartId> = HashSet::new();
    for group in &groups {
        let accepted = match group.outputs.iter().any(|id| out.get(id) == Some(&Discarded::Replaced)) {
            // A newer merge took an output of this one, so it was committed.
            true => true,
            false => {
                let shared = group.direct().iter().any(|id| taken.contains(id));
                let input_gone = group.direct().iter().any(|id| !present.contains(id));
                !shared && (group.is_complete() || input_gone)
            }
        };
        if accepted {
            taken.extend(group.direct());
            out.extend(group.replaces.iter().map(|id| (*id, Discarded::Replaced)));
        } else {
            out.extend(group.outputs.iter().map(|id| (*id, Discarded::UnfinishedMerge)));
        }
    }
}

/// One attempt at a checkpoint.
#[derive(Default)]
struct Attempt {
    generation: u64,
    from: u64,
    until: u64,
    parts: u32,
    ids: Vec<PartId>,
}

/// Marks the parts of checkpoints that were not committed; gives the position up to which all is held.
fn decide_checkpoints(files: &[PartFile], out: &mut HashMap<PartId, Discarded>, wal_oldest: Option<u64>) -> u64 {
    let merged: HashSet<PartId> = files
        .iter()
        .filter(|file| out.get(&file.meta.id) != Some(&Discarded::UnfinishedMerge))
        .flat_map(|file| file.meta.replaces.iter().copied())
        .collect();
    let attempts = attempts(files);
    let hull = files.iter().filter(|file| !file.meta.replaces.is_empty() && !out.contains_key(&file.meta.id));
    let mut checkpoint = hull.map(|file| file.meta.wal_until).max().unwrap_or_default();
    for (i, attempt) in attempts.iter().enumerate() {
        let is_merged = attempt.ids.iter().any(|id| merged.contains(id));
        let committed = match attempts.get(i + 1) {
            _ if is_merged => true,
            Some(next) => next.from >= attempt.until,
            None => is_last_committed(attempt, wal_oldest),
        };
        if committed {
            checkpoint = checkpoint.max(attempt.until);
        } else {
            // Where the catalog stood when the attempt began, others had brought it.
            checkpoint = checkpoint.max(attempt.from);
            out.extend(attempt.ids.iter().map(|id| (*id, Discarded::Uncommitted)));
        }
    }
    checkpoint
}

/// The attempt that nothing came after.
fn is_last_committed(attempt: &Attempt, wal_oldest: Option<u64>) -> bool {
    let complete = attempt.ids.len() as u64 >= u64::from(attempt.parts);
    let replayable = wal_oldest.is_some_and(|oldest| oldest <= attempt.from);
    complete || !replayable
}

/// All attempts at checkpoints, in the order in which they were made.
fn attempts(files: &[PartFile]) -> Vec<Attempt> {
    let mut attempts: BTreeMap<(u64, u64, u64), Attempt> = BTreeMap::new();
    for file in files {
        let Origin::Flush { parts } = file.lineage.origin else { continue };
        let (generation, from, until) = (file.lineage.generation, file.meta.wal_from, file.meta.wal_until);
        let attempt = attempts.entry((generation, from, until)).or_default();
        (attempt.generation, attempt.from, attempt.until, attempt.parts) = (generation, from, until, parts);
        attempt.ids.push(file.meta.id);
    }
    attempts.into_values().collect()
}

/// Each version of the promoted set, as far as files tell.
fn promoted_sets(files: &[PartFile]) -> Vec<PromotedSet> {
    let sets = files.iter().filter_map(|file| file.promoted.as_ref());
    sets.map(|set| (set.version, set.clone())).collect::<BTreeMap<_, _>>().into_values().collect()
}

#[cfg(test)]
mod tests;
