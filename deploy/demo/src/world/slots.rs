//! A resource that so many may hold at once: connections of a pool, threads, workers of a database.
//!
//! Whoever comes takes the slot that is free first, and waits for it in the time of the story. What is
//! never given back is lost to all that come after. Pure; times are Unix nanoseconds.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Waits that are remembered to count who waits at a moment; the oldest goes first.
const WAITS_MAX: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Slots {
    limit: usize,
    free_at: BinaryHeap<Reverse<u64>>,
    lost: usize,
    waits: VecDeque<(u64, u64)>,
    timeouts: u64,
}

/// Nothing became free in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooLate;

impl Slots {
    pub(crate) fn new(limit: usize) -> Self {
        let free_at = (0..limit).map(|_| Reverse(0)).collect();
        Self { limit, free_at, lost: 0, waits: VecDeque::new(), timeouts: 0 }
    }

    /// Takes a slot and tells from when on; the slot must come back by [`Slots::give_back`] or be lost
    /// by [`Slots::lose`].
    pub(crate) fn take(&mut self, at: u64, patience: u64) -> Result<u64, TooLate> {
        let from = self.free_at.peek().map(|Reverse(free)| at.max(*free));
        match from.filter(|from| from - at <= patience) {
            Some(from) => {
                self.free_at.pop();
                self.wait(at, from);
                Ok(from)
            }
            None => {
                self.timeouts += 1;
                self.wait(at, at + patience);
                Err(TooLate)
            }
        }
    }

    pub(crate) fn give_back(&mut self, at: u64) {
        self.free_at.push(Reverse(at));
    }

    pub(crate) fn lose(&mut self) {
        self.lost += 1;
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn used(&self, now: u64) -> usize {
        self.lost + self.free_at.iter().filter(|Reverse(free)| *free > now).count()
    }

    /// Who waits at the moment.
    pub(crate) fn pending(&self, now: u64) -> usize {
        self.waits.iter().filter(|(from, until)| *from <= now && now < *until).count()
    }

    /// Waits that were given up, since the beginning.
    pub(crate) fn timeouts(&self) -> u64 {
        self.timeouts
    }

    fn wait(&mut self, from: u64, until: u64) {
        if until > from {
            if self.waits.len() == WAITS_MAX {
                self.waits.pop_front();
            }
            self.waits.push_back((from, until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_that_is_free_first_is_waited_for() {
        let mut pool = Slots::new(2);
        assert_eq!((pool.take(10, 0), pool.take(10, 0)), (Ok(10), Ok(10)));
        pool.give_back(50);
        pool.give_back(30);
        assert_eq!((pool.used(20), pool.used(40), pool.used(50)), (2, 1, 0));
        assert_eq!(pool.take(20, 5), Err(TooLate));
        assert_eq!(pool.take(20, 10), Ok(30));
        pool.give_back(90);
        assert_eq!((pool.pending(22), pool.pending(27), pool.timeouts()), (2, 1, 1));
    }

    #[test]
    fn what_is_lost_is_in_use_for_ever() {
        let mut pool = Slots::new(1);
        assert_eq!(pool.take(1, 0), Ok(1));
        pool.lose();
        assert_eq!(pool.take(u64::MAX / 2, 1_000), Err(TooLate));
        assert_eq!((pool.used(u64::MAX), pool.limit()), (1, 1));
    }
}
