//! Names of shared things by their content: `resource_id` and `series_id`.
//!
//! An identity is BLAKE3 over a canonical encoding of what is stored. Computing it is dear beside
//! everything else, so a memo maps a fast seeded hash of the content as sent to the identity.

use super::input::{Attribute, Value};
use hashbrown::HashMap;
use model::ContentHash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Writes the parts of an identity so that no two lists of parts read the same.
#[derive(Debug, Default)]
pub(super) struct Canonical {
    bytes: Vec<u8>,
}

impl Canonical {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn part(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(part);
    }

    /// Attributes as sent, in the order sent.
    pub(super) fn attributes(&mut self, attributes: &[Attribute<'_>]) {
        self.number(attributes.len() as u64);
        for attribute in attributes {
            self.part(attribute.key);
            self.bytes.push(attribute.value.attr_type() as u8);
            match &attribute.value {
                Value::String(text) => self.part(text),
                Value::Text(_, text) => self.part(text.as_bytes()),
                Value::Bool(value) => self.bytes.push(u8::from(*value)),
                Value::Int(value) => self.bytes.extend_from_slice(&value.to_le_bytes()),
                Value::Double(value) => self.bytes.extend_from_slice(&value.to_bits().to_le_bytes()),
                Value::Empty => {}
            }
        }
    }

    pub(super) fn identity(&self) -> ContentHash {
        ContentHash::of_identity(&self.bytes)
    }

    /// A key for [`IdentityMemo`].
    pub(super) fn fast_hash(&self, seed: u64) -> u128 {
        xxh3_128_with_seed(&self.bytes, seed)
    }
}

/// Identities seen lately. Bounded: two generations, of which the older is dropped when the younger is full.
#[derive(Debug)]
pub(super) struct IdentityMemo {
    shards: Vec<Mutex<Generations>>,
    generation_max: usize,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u128, ContentHash>,
    old: HashMap<u128, ContentHash>,
}

const SHARDS: usize = 16;

impl IdentityMemo {
    pub(super) fn new(identities_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            generation_max: (identities_max / (2 * SHARDS)).max(1),
        }
    }

    /// The identity remembered under `key`.
    pub(super) fn get(&self, key: u128) -> Option<ContentHash> {
        let mut shard = self.shard(key);
        if let Some(identity) = shard.young.get(&key) {
            return Some(*identity);
        }
        let identity = shard.old.get(&key).copied()?;
        shard.keep(key, identity, self.generation_max);
        Some(identity)
    }

    /// Remembers an identity unless it was just read from here.
    pub(super) fn keep_new(&self, key: u128, identity: ContentHash, remembered: Option<ContentHash>) {
        if remembered.is_none() {
            self.shard(key).keep(key, identity, self.generation_max);
        }
    }

    /// A panic under the lock cannot leave a wrong entry behind, so a poisoned lock is as good as any.
    fn shard(&self, key: u128) -> MutexGuard<'_, Generations> {
        self.shards[key as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn keep(&mut self, key: u128, identity: ContentHash, generation_max: usize) {
        if self.young.len() >= generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, identity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_is_bounded_and_keeps_what_is_in_use() {
        let memo = IdentityMemo::new(64);
        let used = ContentHash([7; 16]);
        memo.keep_new(0, used, None);
        for key in 1..10_000u128 {
            memo.keep_new(key, ContentHash::default(), None);
            assert_eq!(memo.get(0), Some(used), "after {key}");
        }
        let held: usize = memo.shards.iter().map(|s| s.lock().unwrap()).map(|s| s.young.len() + s.old.len()).sum();
        assert!(held <= 64, "{held}");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let hash = |parts: &[&str]| {
            let mut canonical = Canonical::default();
            parts.iter().for_each(|part| canonical.part(part.as_bytes()));
            canonical.identity()
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["", "a"]), hash(&["a", ""]));
    }
}
