//! The attribute keys of one request: each is looked up by hash once, then predicted from the key
//! that came before it, because items of one kind carry the same keys in the same order.

use super::layout::{Layout, Route};
use super::pool::{Text, TextPool};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What is known of a key in this request.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) text: Text,
    /// The value it had last: values repeat.
    pub(super) last: Text,
    pub(super) route: Route,
    /// The keys that came after it lately, latest first.
    next: [u32; 2],
    /// The list it was last seen in.
    seen: u64,
}

/// A key's place in this request, and whether it came before in the same list.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyUse {
    pub(super) key: u32,
    pub(super) again: bool,
}

#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<Key>,
    by_text: HashTable<u32>,
    list: u64,
    previous: u32,
}

/// Distinct keys remembered before everything is forgotten and learned anew: bounds what a request
/// with a new key in each item can hold.
const KEYS_MAX: usize = 4_096;
/// The place before the first key of a list.
const START: u32 = 0;

impl Keys {
    pub(super) fn new() -> Self {
        let mut keys = Self { keys: Vec::with_capacity(64), by_text: HashTable::new(), list: 0, previous: START };
        keys.forget();
        keys
    }

    /// Begins the attribute list of another item.
    pub(super) fn begin_list(&mut self) {
        if self.keys.len() > KEYS_MAX {
            self.forget();
        }
        self.list += 1;
        self.previous = START;
    }

    #[inline]
    pub(super) fn get(&mut self, key: u32) -> &mut Key {
        &mut self.keys[key as usize]
    }

    /// The place of a key that comes next in the current list.
    #[inline]
    pub(super) fn place(&mut self, raw: &[u8], pool: &mut TextPool, layout: &Layout) -> KeyUse {
        let [first, second] = self.keys[self.previous as usize].next;
        let key = if pool.is(self.keys[first as usize].text, raw) && first != START {
            first
        } else if second != START && pool.is(self.keys[second as usize].text, raw) {
            self.keys[self.previous as usize].next = [second, first];
            second
        } else {
            let found = self.find_or_add(raw, pool, layout);
            self.keys[self.previous as usize].next = [found, first];
            found
        };
        self.previous = key;
        let seen = &mut self.keys[key as usize].seen;
        let again = *seen == self.list;
        *seen = self.list;
        KeyUse { key, again }
    }

    /// Whether the current list has a key.
    pub(super) fn has(&self, name: &str, pool: &TextPool, layout: &Layout) -> bool {
        let hash = xxh3_64_with_seed(name.as_bytes(), layout.seed());
        let found = self.by_text.find(hash, |at| pool.is(self.keys[*at as usize].text, name.as_bytes()));
        found.is_some_and(|at| self.keys[*at as usize].seen == self.list)
    }

    fn find_or_add(&mut self, raw: &[u8], pool: &mut TextPool, layout: &Layout) -> u32 {
        let (name, was_repaired) = super::text::repaired(raw);
        if was_repaired {
            pool.note_repair();
        }
        let name = name.as_bytes();
        let hash = xxh3_64_with_seed(name, layout.seed());
        if let Some(at) = self.by_text.find(hash, |at| pool.is(self.keys[*at as usize].text, name)) {
            return *at;
        }
        let at = self.keys.len() as u32;
        let text = pool.intern(name);
        self.keys.push(Key { text, last: Text::NULL, route: layout.route(name), next: [START; 2], seen: 0 });
        let rehash = |at: &u32| xxh3_64_with_seed(pool.get(self.keys[*at as usize].text), layout.seed());
        self.by_text.insert_unique(hash, at, rehash);
        at
    }

    fn forget(&mut self) {
        self.keys.clear();
        self.by_text.clear();
        self.keys.push(Key { text: Text::NULL, last: Text::NULL, route: Route::default(), next: [START; 2], seen: 0 });
    }
}
