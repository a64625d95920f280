//! The spans whose parent has not come, in chains by parent.
//!
//! Bounded: one that finds no room is the caller's to write down at once.

use crate::facts::{NONE, Target};
use crate::names::SpanKind;

/// A span, or a link of one, that waits for the span it names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orphan {
    /// Whom it waits for.
    pub(crate) target: Target,
    pub(crate) span: [u8; 8],
    pub(crate) owner: u32,
    pub(crate) minute: i32,
    pub(crate) kind: SpanKind,
    pub(crate) error: bool,
    pub(crate) limited: bool,
    pub(crate) duration: i64,
    /// When it was received, Unix nanoseconds.
    pub(crate) received: i64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    orphan: Orphan,
    next: u32,
    /// Written as a row of `edges_pending`.
    durable: bool,
    free: bool,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    entries: Vec<Entry>,
    free: Vec<u32>,
    max: usize,
}

impl Waiting {
    pub(crate) fn new(max: usize) -> Self {
        Self { entries: Vec::new(), free: Vec::new(), max: max.min(NONE as usize) }
    }

    /// Puts an orphan at the head of a chain; gives the new head, or `None` if there is no room.
    pub(crate) fn push(&mut self, orphan: Orphan, next: u32) -> Option<u32> {
        let entry = Entry { orphan, next, durable: false, free: false };
        if let Some(at) = self.free.pop() {
            self.entries[at as usize] = entry;
            return Some(at);
        }
        if self.entries.len() >= self.max {
            return None;
        }
        self.entries.push(entry);
        Some(self.entries.len() as u32 - 1)
    }

    /// Takes the head off a chain: the orphan, whether it is durable, and the rest of the chain.
    pub(crate) fn pop(&mut self, head: u32) -> Option<(Orphan, bool, u32)> {
        let entry = self.entries.get_mut(head as usize).filter(|entry| !entry.free)?;
        entry.free = true;
        self.free.push(head);
        Some((entry.orphan, entry.durable, entry.next))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Orphan> {
        self.entries.iter().filter(|e| !e.free).map(|e| &e.orphan)
    }

    /// Those that no row tells of yet.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = &Orphan> {
        self.entries.iter().filter(|e| !e.free && !e.durable).map(|e| &e.orphan)
    }

    /// Rows tell of all of them now.
    pub(crate) fn all_durable(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.durable = true);
    }
}
