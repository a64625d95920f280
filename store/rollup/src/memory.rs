//! The spans that came last: whose they are, so that their children and their copies are known.
//!
//! A ring of slots in the order of arrival, and two indexes over it. The younger index fills; when it
//! holds half of the ring, it becomes the older one and what that knew is forgotten. So at least half of
//! the ring's spans are always known, an index never deletes, and a look-up costs a cache line or two.

use crate::facts::{NONE, Target};
use crate::keys::Keys;
use crate::names::SpanKind;

/// More are not remembered, whatever the settings say: an index needs bits for the key, too.
const SPANS_MAX: usize = 1 << 24;

/// One span, or the place kept for a parent that has not come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) key: u64,
    pub(crate) duration: i64,
    pub(crate) minute: i32,
    pub(crate) owner: u32,
    /// Node of the third party that was counted in place of a service.
    pub(crate) guess: u32,
    /// First of those that wait for this one.
    pub(crate) chain: u32,
    pub(crate) kind: SpanKind,
    /// Kinds that have come under this id.
    pub(crate) kinds: u8,
    pub(crate) error: bool,
    pub(crate) limited: bool,
    /// Nothing has come yet but children.
    pub(crate) awaited: bool,
}

impl Slot {
    pub(crate) fn awaited(chain: u32) -> Self {
        Self {
            key: 0,
            duration: 0,
            minute: 0,
            owner: NONE,
            guess: NONE,
            chain,
            kind: SpanKind::Internal,
            kinds: 0,
            error: false,
            limited: false,
            awaited: true,
        }
    }

    /// What was waited for has come.
    pub(crate) fn become_span(&mut self, span: Slot) {
        *self = Slot { key: self.key, ..span };
    }
}

/// Entries of an index: the number of a slot plus one in the lower bits, above it some bits of the key.
/// Zero is empty.
#[derive(Debug, Default)]
struct Index {
    entries: Vec<u32>,
    len: usize,
    slot_bits: u32,
}

impl Index {
    fn of_half(keys: usize) -> Self {
        let slot_bits = (2 * keys + 1).next_power_of_two().trailing_zeros();
        Self { entries: vec![0; (keys * 2).next_power_of_two()], len: 0, slot_bits }
    }

    fn places(&self, key: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.entries.len() - 1;
        (0..=mask).map(move |step| (key as usize).wrapping_add(step) & mask)
    }

    /// The upper bits of an entry: of the key those that do not choose the place.
    fn tag(&self, key: u64) -> u32 {
        (key >> 32) as u32 >> self.slot_bits << self.slot_bits
    }

    #[inline]
    fn find(&self, key: u64, slots: &[Slot]) -> Option<u32> {
        let (tag, numbers) = (self.tag(key), (1 << self.slot_bits) - 1);
        for place in self.places(key) {
            let entry = self.entries[place];
            if entry == 0 {
                return None;
            }
            let at = (entry & numbers) - 1;
            if entry & !numbers == tag && slots[at as usize].key == key {
                return Some(at);
            }
        }
        None
    }

    fn put(&mut self, key: u64, at: u32) {
        if let Some(place) = self.places(key).find(|place| self.entries[*place] == 0) {
            self.entries[place] = self.tag(key) | (at + 1);
            self.len += 1;
        }
    }

    /// Brings the place of a key near; the sum of what lies there keeps the read from being left out.
    fn touch(&self, key: u64) -> u32 {
        self.entries[key as usize & (self.entries.len() - 1)]
    }

    fn clear(&mut self) {
        self.entries.fill(0);
        self.len = 0;
    }
}

#[derive(Debug)]
pub(crate) struct Memory {
    slots: Vec<Slot>,
    /// Where the next slot goes.
    next: usize,
    /// Slots filled since the start.
    filled: u64,
    half: usize,
    young: Index,
    old: Index,
    keys: Keys,
}

impl Memory {
    /// Knows at least the last `spans_max / 2` spans, at most `spans_max`.
    pub(crate) fn new(spans_max: usize, seed: u64) -> Self {
        let half = (spans_max / 2).clamp(16, SPANS_MAX / 2);
        Self {
            slots: Vec::new(),
            next: 0,
            filled: 0,
            half,
            young: Index::of_half(half),
            old: Index::of_half(half),
            keys: Keys::new(seed),
        }
    }

    /// What a span is known by. Other workspaces' spans are other spans.
    pub(crate) fn key(&self, workspace: u32, target: &Target) -> u64 {
        let span = u64::from_le_bytes(target.span) ^ u64::from(workspace) << 32;
        self.keys.span(self.keys.trace(&target.trace), span)
    }

    /// What the copy of another kind of a span is known by.
    pub(crate) fn key_of_copy(&self, key: u64, kind: SpanKind) -> u64 {
        self.keys.beside(key, kind as u64)
    }

    #[inline]
    pub(crate) fn find(&self, key: u64) -> Option<u32> {
        self.young.find(key, &self.slots).or_else(|| self.old.find(key, &self.slots))
    }

    /// Reads ahead for keys that will be looked for: many at once cost little more than one.
    pub(crate) fn touch(&self, keys: impl Iterator<Item = u64>) -> u32 {
        keys.fold(0, |sum, key| sum ^ self.young.touch(key) ^ self.old.touch(key))
    }

    pub(crate) fn get(&self, at: u32) -> &Slot {
        &self.slots[at as usize]
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> &mut Slot {
        &mut self.slots[at as usize]
    }

    /// Remembers a span; gives its place, and what was forgotten for it. A slot that was found before stays
    /// valid until this is called.
    pub(crate) fn put(&mut self, key: u64, slot: Slot) -> (u32, Option<Slot>) {
        if self.young.len >= self.half {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.filled += 1;
        let (at, slot) = (self.next, Slot { key, ..slot });
        self.next = (self.next + 1) % (2 * self.half);
        self.young.put(key, at as u32);
        if at == self.slots.len() {
            self.slots.push(slot);
            return (at as u32, None);
        }
        (at as u32, Some(std::mem::replace(&mut self.slots[at], slot)))
    }

    pub(crate) fn filled(&self) -> u64 {
        self.filled
    }

    /// Whether all that was known when so many slots had been filled is known still.
    pub(crate) fn remembers(&self, filled: u64) -> bool {
        self.filled.saturating_sub(filled) <= self.half as u64
    }

    /// All slots that are held, those about to be forgotten too.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(crate) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + (self.young.entries.len() + self.old.entries.len()) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(n: u64) -> Target {
        let mut trace = [0; 16];
        trace[..8].copy_from_slice(&(n / 7).to_le_bytes());
        Target { trace, span: n.to_be_bytes() }
    }

    #[test]
    fn at_least_the_last_half_is_known_and_what_is_forgotten_is_handed_out() {
        let mut memory = Memory::new(1_000, 7);
        let mut forgotten = 0;
        for n in 0..10_000_u64 {
            let key = memory.key(0, &target(n));
            assert_eq!(memory.find(key), None, "{n}");
            let (at, gone) = memory.put(key, Slot { minute: n as i32, ..Slot::awaited(NONE) });
            forgotten += u64::from(gone.is_some());
            assert_eq!(memory.find(key), Some(at));
            for earlier in n.saturating_sub(499)..n {
                let found = memory.find(memory.key(0, &target(earlier)));
                assert_eq!(found.map(|at| memory.get(at).minute), Some(earlier as i32), "{earlier} at {n}");
            }
        }
        assert_eq!(forgotten, 9_000);
        assert_eq!(memory.find(memory.key(1, &target(9_999))), None, "of another workspace");
    }
}
