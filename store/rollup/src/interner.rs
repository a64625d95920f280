//! Names as small numbers, as many as are allowed, reused when nobody has them any more.

use hashbrown::{DefaultHashBuilder, Equivalent, HashTable};
use std::hash::{BuildHasher, Hash};

#[derive(Debug)]
pub(crate) struct Interner<K> {
    items: Vec<Option<K>>,
    table: HashTable<u32>,
    free: Vec<u32>,
    hasher: DefaultHashBuilder,
    max: usize,
}

impl<K: Hash + Eq> Interner<K> {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            items: Vec::new(),
            table: HashTable::new(),
            free: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            max,
        }
    }

    /// The number of a name, and whether it is that of `beyond`, which stands for all names that find no
    /// room. `named` hashes like what `make` gives, and is equal to it.
    pub(crate) fn number<Q: Hash + Equivalent<K> + ?Sized>(
        &mut self,
        named: &Q,
        make: impl FnOnce() -> K,
        beyond: impl FnOnce() -> K,
    ) -> (u32, bool) {
        let hash = self.hasher.hash_one(named);
        if let Some(known) = self.find(hash, named) {
            return (known, false);
        }
        if self.len() < self.max {
            return (self.put(hash, make()), false);
        }
        let key = beyond();
        let hash = self.hasher.hash_one(&key);
        let number = self.find(hash, &key).unwrap_or_else(|| self.put(hash, key));
        (number, true)
    }

    fn find<Q: Equivalent<K> + ?Sized>(&self, hash: u64, named: &Q) -> Option<u32> {
        let is = |at: &u32| self.items[*at as usize].as_ref().is_some_and(|item| named.equivalent(item));
        self.table.find(hash, is).copied()
    }

    fn put(&mut self, hash: u64, key: K) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.items.push(None);
            self.items.len() as u32 - 1
        });
        self.items[at as usize] = Some(key);
        let (items, hasher) = (&self.items, &self.hasher);
        self.table.insert_unique(hash, at, |at| items[*at as usize].as_ref().map_or(0, |key| hasher.hash_one(key)));
        at
    }

    pub(crate) fn get(&self, number: u32) -> Option<&K> {
        self.items.get(number as usize).and_then(Option::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    /// More than half of the room is taken.
    pub(crate) fn is_crowded(&self) -> bool {
        self.len() > self.max / 2
    }

    /// Lets go of all that are not in use, by number.
    pub(crate) fn keep(&mut self, used: impl IntoIterator<Item = u32>) {
        let mut wanted = vec![false; self.items.len()];
        used.into_iter().filter_map(|at| wanted.get_mut(at as usize).map(|w| *w = true)).for_each(drop);
        self.table.retain(|at| wanted[*at as usize]);
        for (at, item) in self.items.iter_mut().enumerate().filter(|(at, item)| !wanted[*at] && item.is_some()) {
            *item = None;
            self.free.push(at as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_bounded_and_used_again() {
        let mut names = Interner::new(3);
        let number = |names: &mut Interner<String>, text: &str| names.number(text, || text.into(), || "beyond".into());
        let first: Vec<_> = ["a", "b", "c", "a", "d", "e"].map(|t| number(&mut names, t)).into();
        assert_eq!(first, [(0, false), (1, false), (2, false), (0, false), (3, true), (3, true)]);
        assert!(names.is_crowded());
        names.keep([1, 900]);
        assert_eq!((names.len(), names.get(0), names.get(1)), (1, None, Some(&"b".to_owned())));
        let again: Vec<_> = ["b", "x", "b"].map(|t| number(&mut names, t).0).into();
        assert_eq!((again[0], again[2]), (1, 1));
        assert_ne!(again[1], 1);
        assert_eq!(names.get(again[1]), Some(&"x".to_owned()));
    }
}
