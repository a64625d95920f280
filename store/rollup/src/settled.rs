//! Which orphans have found their parent lately, so that nobody resolves one twice: not the memory and a
//! search among stored spans, and not two searches of which one saw an older view.

use crate::facts::Target;
use crate::waiting::Orphan;
use hashbrown::{DefaultHashBuilder, HashSet};
use std::hash::BuildHasher;
use std::time::Duration;

/// Remembers each for at least `keep`. When there is no room, it says for so long that it is not sure,
/// and searches come again.
#[derive(Debug)]
pub(crate) struct Settled {
    young: HashSet<u64>,
    old: HashSet<u64>,
    now: Duration,
    turned: Duration,
    unsure_until: Duration,
    max: usize,
    keep: Duration,
    hasher: DefaultHashBuilder,
}

impl Settled {
    pub(crate) fn new(max: usize, keep: Duration) -> Self {
        Self {
            young: HashSet::new(),
            old: HashSet::new(),
            now: Duration::ZERO,
            turned: Duration::ZERO,
            unsure_until: Duration::ZERO,
            max: max / 2,
            keep,
            hasher: DefaultHashBuilder::default(),
        }
    }

    pub(crate) fn key(&self, workspace: u32, orphan: &Orphan) -> u64 {
        self.hasher.hash_one((workspace, orphan.target, orphan.span, orphan.kind))
    }

    /// A span that was taken for the caller of a third party, and was found not to be.
    pub(crate) fn key_of_guess(&self, workspace: u32, span: &Target) -> u64 {
        self.hasher.hash_one((workspace, span))
    }

    /// Notes one; false if it was noted already.
    pub(crate) fn insert(&mut self, key: u64) -> bool {
        if self.contains(key) {
            return false;
        }
        if self.young.len() < self.max {
            self.young.insert(key);
        } else {
            self.unsure_until = self.now + self.keep;
        }
        true
    }

    pub(crate) fn contains(&self, key: u64) -> bool {
        self.young.contains(&key) || self.old.contains(&key)
    }

    /// Forgets what is old enough; `now` is monotonic.
    pub(crate) fn turn(&mut self, now: Duration) {
        self.now = now;
        if now.saturating_sub(self.turned) >= self.keep {
            self.turned = now;
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// Whether all that was settled within `keep` is known.
    pub(crate) fn is_sure(&self) -> bool {
        self.now >= self.unsure_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_settled_is_known_for_long_enough_and_doubt_is_said() {
        let keep = Duration::from_secs(10);
        let at = |seconds| Duration::from_secs(seconds);
        let mut settled = Settled::new(4, keep);
        assert!(settled.insert(1) && !settled.insert(1));
        settled.turn(at(10));
        assert!(!settled.insert(1) && settled.insert(2));
        settled.turn(at(19));
        assert!(!settled.insert(1), "remembered for the whole time");
        settled.turn(at(20));
        assert!(settled.insert(1) && !settled.insert(2) && settled.is_sure());
        assert!(settled.insert(3) && settled.insert(4) && !settled.is_sure(), "there was no room");
        settled.turn(at(30));
        assert!(settled.is_sure());
    }
}
