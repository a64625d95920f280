//! Telemetry that is written but not finished yet, by the time at which it will be.

use crate::telemetry::Item;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Pieces that are held at once; what comes on top is dropped and counted.
pub(crate) const HELD_MAX: usize = 131_072;

/// Items in a slab, and a heap of (time, sequence, place) over it.
#[derive(Debug, Default)]
pub(super) struct Held {
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
    slab: Vec<Option<Item>>,
    free: VecDeque<usize>,
    sequence: u64,
    pub(super) dropped: u64,
}

impl Held {
    pub(super) fn put(&mut self, at: u64, item: Item) {
        if self.heap.len() >= HELD_MAX {
            self.dropped += 1;
            return;
        }
        let place = self.free.pop_front().unwrap_or_else(|| {
            self.slab.push(None);
            self.slab.len() - 1
        });
        self.slab[place] = Some(item);
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, place)));
    }

    /// The next one that is finished by then.
    pub(super) fn next(&mut self, until: u64) -> Option<Item> {
        let Reverse((at, _, place)) = *self.heap.peek()?;
        if at > until {
            return None;
        }
        self.heap.pop();
        self.free.push_back(place);
        self.slab[place].take()
    }
}
