//! Changes as they took effect.

use super::content::Content;
use crate::Change;
use model::Entity;
use std::collections::{BTreeMap, BTreeSet};

/// A change as it took effect: a release with the commit it brought out, a flag, a lone commit.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) change: &'a Change,
    pub(super) commit: Option<&'a Change>,
    pub(super) target: Option<Entity>,
    pub(super) content: Content,
    /// A commit that no release has brought out, where releases tell what they bring.
    pub(super) unreleased: bool,
}

impl Subject<'_> {
    /// Brought out by the same version of the same target.
    pub(super) fn is_released_with(&self, other: &Self) -> bool {
        !self.change.version.is_empty()
            && self.change.version == other.change.version
            && self.target.is_some()
            && self.target == other.target
    }
}

/// Releases joined with the commits they brought out; later repetitions of the same are the same.
pub(super) fn subjects(changes: &[Change]) -> Vec<Subject<'_>> {
    let is_commit = |change: &&Change| change.kind == "commit";
    let commits: BTreeMap<&str, &Change> = changes
        .iter()
        .filter(is_commit)
        .filter(|change| !change.revision.is_empty())
        .map(|change| (change.revision.as_str(), change))
        .collect();
    let released: BTreeSet<&str> = changes
        .iter()
        .filter(|change| !is_commit(change) && !change.revision.is_empty())
        .map(|change| change.revision.as_str())
        .collect();
    let mut subjects: Vec<Subject<'_>> = Vec::new();
    for change in changes {
        let commit = commits.get(change.revision.as_str()).copied().filter(|_| change.kind != "commit");
        if change.kind == "commit" && released.contains(change.revision.as_str()) {
            continue;
        }
        let target = (!change.target.is_empty()).then(|| Entity::read(&change.target));
        let unreleased = change.kind == "commit" && !released.is_empty();
        subjects.push(Subject { change, commit, target, content: Content::of(commit.unwrap_or(change)), unreleased });
    }
    subjects.sort_by(|a, b| {
        (a.change.time, &a.change.id, &a.change.kind).cmp(&(b.change.time, &b.change.id, &b.change.kind))
    });
    subjects
}
