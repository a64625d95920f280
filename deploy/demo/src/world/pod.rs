//! A running pod: its threads, its connection pools, its heap, and the processor it shares.

use super::load::Load;
use super::slots::Slots;
use crate::estate::services::{Language, Pod};

const SECOND: u64 = 1_000_000_000;
/// Requests that a pod of the usual size handles at once; the event loop of Node has no such bound.
const THREADS: f64 = 32.0;
const CONNECTIONS: f64 = 10.0;
const HEAP: f64 = 1e9;
/// How long a container takes to come back.
const RESTART: u64 = 12 * SECOND;
/// How long callers go on calling an instance that is gone.
const DISCOVERY: u64 = 6 * SECOND;

/// What the build that runs does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Defect {
    /// A connection is not returned when a payment is saved.
    LeaksConnections,
    /// Each product of a menu is read with a statement of its own.
    ReadsRowByRow,
}

#[derive(Debug)]
pub(crate) struct PodState {
    pub(crate) pod: Pod,
    pub(crate) version: &'static str,
    pub(crate) defect: Option<Defect>,
    pub(crate) threads: Slots,
    /// By database, in the order in which they were first used.
    pools: Vec<(usize, Slots)>,
    pub(crate) load: Load,
    /// Objects that live on, in bytes.
    pub(crate) live: f64,
    /// Bytes that every request leaves behind for ever.
    pub(crate) keeps: f64,
    garbage: f64,
    pub(crate) collecting: f64,
    pub(crate) down_until: u64,
    down_since: u64,
    pub(crate) restarts: u64,
    scale: f64,
}

impl PodState {
    pub(crate) fn new(pod: Pod, capacity: f64, scale: f64) -> Self {
        let threads = if pod.service.language == Language::Node { 4_096.0 } else { THREADS * scale };
        Self {
            pod,
            version: pod.service.version,
            defect: None,
            threads: Slots::new(threads.ceil() as usize),
            pools: Vec::new(),
            load: Load::new(capacity),
            live: HEAP * 0.32,
            keeps: 0.0,
            garbage: 0.0,
            collecting: 0.0,
            down_until: 0,
            down_since: 0,
            restarts: 0,
            scale,
        }
    }

    pub(crate) fn heap_limit(&self) -> f64 {
        HEAP
    }

    /// What its heap holds: live objects, and what the next collection will find.
    pub(crate) fn heap(&self) -> f64 {
        self.live + self.garbage
    }

    pub(crate) fn pool(&mut self, database: usize) -> &mut Slots {
        let at = self.pools.iter().position(|(of, _)| *of == database).unwrap_or_else(|| {
            self.pools.push((database, Slots::new((CONNECTIONS * self.scale).ceil() as usize)));
            self.pools.len() - 1
        });
        &mut self.pools[at].1
    }

    pub(crate) fn pools(&self) -> &[(usize, Slots)] {
        &self.pools
    }

    pub(crate) fn is_down(&self, at: u64) -> bool {
        self.down_since <= at && at < self.down_until
    }

    /// Whether callers still believe in it.
    pub(crate) fn is_listed(&self, at: u64) -> bool {
        !self.is_down(at) || at < self.down_since + DISCOVERY
    }

    /// A request was handled: objects were made, some of them stay. Tells whether that was the last.
    pub(crate) fn allocate(&mut self) -> bool {
        self.live += self.keeps;
        self.garbage += 3e6 / self.scale;
        let room = (HEAP - self.live).max(0.0);
        if self.garbage > room * 0.6 {
            // The fuller the heap, the more often it is collected, and the more there is to look at.
            self.garbage = room * 0.1;
            self.collecting += 0.012 + 0.1 * (self.live / HEAP).powi(8);
        }
        self.live >= HEAP * 0.985
    }

    /// The share of time that goes to collections, by how full the heap is of what lives.
    pub(crate) fn collection_share(&self) -> f64 {
        ((self.live / HEAP - 0.72).max(0.0) / 0.28).powi(2).min(0.95)
    }

    /// A new process in its place: whatever it held is gone.
    pub(crate) fn restart(&mut self, at: u64, killed: bool) {
        self.pools.clear();
        (self.live, self.garbage) = (HEAP * 0.32, 0.0);
        self.load = Load::new(self.load.capacity());
        if killed {
            self.restarts += 1;
            self.down_since = at;
            self.down_until = at + RESTART;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_that_is_kept_from_emptying_ends_in_a_kill_and_begins_anew() {
        let mut pod = PodState::new(Pod::all()[0], 1.0, 1.0);
        pod.keeps = 4e6;
        let requests = (0..).take_while(|_| !pod.allocate()).count();
        assert!((150..180).contains(&requests), "{requests}");
        assert!(pod.collection_share() > 0.8);
        pod.restart(SECOND, true);
        assert!(pod.is_down(2 * SECOND) && pod.is_listed(2 * SECOND) && !pod.is_listed(8 * SECOND));
        assert!(!pod.is_down(SECOND + RESTART) && pod.collection_share() == 0.0);
    }
}
