//! Which request bodies were stored already: a client's retry of the same bytes makes no second row.
//!
//! A repeat that comes while the first is on its way waits for the first one's fsync and gets the same
//! answer; later ones are recognised for the length of the window, over restarts too (the hashes are
//! committed with the rows, and rebuilt from the WAL). What was refused may come again.

use crate::admit::Refusal;
use crate::stats::Counters;
use hashbrown::HashMap;
use model::{ContentHash, Workspace};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What is known of a body.
#[derive(Debug)]
pub enum Repeat {
    /// It is new: append it with this ticket.
    New(Ticket),
    /// It is stored: acknowledge, and count it by [`crate::Engine::count_repeated`].
    Seen,
    /// The first attempt, for which this one waited, was refused.
    Refused(Refusal),
}

/// The outcome of a first attempt.
#[derive(Clone, Debug)]
enum Outcome {
    Pending,
    Stored,
    Refused(Refusal),
}

#[derive(Debug)]
enum Entry {
    InFlight(watch::Receiver<Outcome>),
    Stored,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<ContentHash, Entry>,
    /// Stored entries in the order of their times: monotonic, counted from one window before the clock
    /// began, so that what an earlier process stored has a place too.
    stored: VecDeque<(Duration, ContentHash)>,
}

/// The bodies of the last window.
#[derive(Debug)]
pub(crate) struct Repeats {
    known: Mutex<Known>,
    window: Duration,
    entries_max: usize,
    counters: Arc<Counters>,
}

/// A body's hash bound to its workspace, so that no workspace can craft a body that passes for
/// another's (the hash of the body alone is quick, not cryptographic).
pub(crate) fn key(workspace: &Workspace, body_hash: ContentHash) -> ContentHash {
    let mut canonical = Vec::with_capacity(16 + 64);
    canonical.extend_from_slice(&body_hash.0);
    canonical.extend_from_slice(workspace.as_str().as_bytes());
    ContentHash::of_identity(&canonical)
}

enum Looked {
    New(Ticket),
    Seen,
    InFlight(watch::Receiver<Outcome>),
}

impl Repeats {
    pub(crate) fn new(window: Duration, entries_max: usize, counters: Arc<Counters>) -> Self {
        Self { known: Mutex::default(), window, entries_max, counters }
    }

    /// Asks for a body, waiting for the outcome of an attempt that is under way.
    pub(crate) async fn of(self: &Arc<Self>, key: ContentHash, now: Duration) -> Repeat {
        loop {
            let mut first = match self.look(key, now) {
                Looked::New(ticket) => return Repeat::New(ticket),
                Looked::Seen => return Repeat::Seen,
                Looked::InFlight(first) => first,
            };
            // An error means that the first was given up before it was appended: it is our turn.
            if let Ok(outcome) = first.wait_for(|o| !matches!(o, Outcome::Pending)).await {
                match outcome.clone() {
                    Outcome::Refused(refusal) => return Repeat::Refused(refusal),
                    Outcome::Stored | Outcome::Pending => return Repeat::Seen,
                }
            }
        }
    }

    fn look(self: &Arc<Self>, key: ContentHash, now: Duration) -> Looked {
        let mut known = self.known.lock();
        self.expire(&mut known, now + self.window);
        match known.entries.get(&key) {
            Some(Entry::Stored) => Looked::Seen,
            Some(Entry::InFlight(outcome)) => Looked::InFlight(outcome.clone()),
            None => {
                let (tell, outcome) = watch::channel(Outcome::Pending);
                known.entries.insert(key, Entry::InFlight(outcome));
                Looked::New(Ticket { repeats: self.clone(), key, tell })
            }
        }
    }

    /// Remembers a body that was stored so long before `now`, by an earlier process. Oldest first.
    pub(crate) fn remember(&self, key: ContentHash, now: Duration, age: Duration) {
        let at = (now + self.window).saturating_sub(age);
        let mut known = self.known.lock();
        if known.entries.insert(key, Entry::Stored).is_none() {
            known.stored.push_back((at, key));
            self.bound(&mut known);
        }
    }

    fn expire(&self, known: &mut Known, now: Duration) {
        while let Some((at, key)) = known.stored.front().copied() {
            if now.saturating_sub(at) <= self.window {
                break;
            }
            known.stored.pop_front();
            known.entries.remove(&key);
        }
    }

    fn bound(&self, known: &mut Known) {
        while known.stored.len() > self.entries_max {
            if let Some((_, oldest)) = known.stored.pop_front() {
                known.entries.remove(&oldest);
                self.counters.repeats_forgotten_early.add(1);
            }
        }
    }

    pub(crate) fn entries(&self) -> usize {
        self.known.lock().entries.len()
    }
}

/// The right to append one body. Dropped without an append, it lets the next attempt be the first.
#[derive(Debug)]
pub struct Ticket {
    repeats: Arc<Repeats>,
    key: ContentHash,
    tell: watch::Sender<Outcome>,
}

impl Ticket {
    pub(crate) fn key(&self) -> ContentHash {
        self.key
    }

    /// The body is on stable storage.
    pub(crate) fn stored(self, now: Duration) {
        let mut known = self.repeats.known.lock();
        known.entries.insert(self.key, Entry::Stored);
        known.stored.push_back((now + self.repeats.window, self.key));
        self.repeats.bound(&mut known);
        drop(known);
        self.tell.send_replace(Outcome::Stored);
    }

    /// The body was not stored and may come again.
    pub(crate) fn refused(self, refusal: Refusal) {
        self.tell.send_replace(Outcome::Refused(refusal));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut known = self.repeats.known.lock();
        if matches!(known.entries.get(&self.key), Some(Entry::InFlight(_))) {
            known.entries.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admit::RefusalReason;
    use futures::FutureExt;

    const KEY: ContentHash = ContentHash([1; 16]);

    fn repeats(entries_max: usize) -> Arc<Repeats> {
        Arc::new(Repeats::new(Duration::from_secs(900), entries_max, Arc::default()))
    }

    fn new(repeats: &Arc<Repeats>, key: ContentHash, now: Duration) -> Ticket {
        match repeats.of(key, now).now_or_never() {
            Some(Repeat::New(ticket)) => ticket,
            other => panic!("not new: {other:?}"),
        }
    }

    #[test]
    fn a_stored_body_is_known_for_the_window_and_no_longer() {
        let repeats = repeats(10);
        new(&repeats, KEY, Duration::ZERO).stored(Duration::ZERO);
        assert!(matches!(repeats.of(KEY, Duration::from_secs(900)).now_or_never(), Some(Repeat::Seen)));
        new(&repeats, KEY, Duration::from_secs(901));
    }

    #[test]
    fn what_an_earlier_process_stored_keeps_its_age_though_the_clock_begins_anew() {
        let repeats = repeats(10);
        repeats.remember(KEY, Duration::from_secs(1), Duration::from_secs(800));
        assert!(matches!(repeats.of(KEY, Duration::from_secs(101)).now_or_never(), Some(Repeat::Seen)));
        new(&repeats, KEY, Duration::from_secs(102));
    }

    #[tokio::test]
    async fn a_repeat_in_flight_waits_and_gets_the_same_answer() {
        let repeats = repeats(10);
        let full = Refusal::new(RefusalReason::WalFull, "full");
        for stored in [false, true] {
            let ticket = new(&repeats, KEY, Duration::ZERO);
            let mut second = Box::pin(repeats.of(KEY, Duration::ZERO));
            assert!(second.as_mut().now_or_never().is_none(), "must wait");
            if stored {
                ticket.stored(Duration::ZERO);
                assert!(matches!(second.await, Repeat::Seen));
            } else {
                ticket.refused(full.clone());
                assert!(matches!(second.await, Repeat::Refused(r) if r == full));
            }
        }
    }

    #[tokio::test]
    async fn when_the_first_gives_up_the_repeat_becomes_the_first() {
        let repeats = repeats(10);
        let ticket = new(&repeats, KEY, Duration::ZERO);
        let mut second = Box::pin(repeats.of(KEY, Duration::ZERO));
        assert!(second.as_mut().now_or_never().is_none());
        drop(ticket);
        assert!(matches!(second.await, Repeat::New(_)));
    }

    #[test]
    fn beyond_the_bound_the_oldest_are_forgotten_and_counted() {
        let repeats = repeats(2);
        for i in 0..5u8 {
            repeats.remember(ContentHash([i; 16]), Duration::ZERO, Duration::ZERO);
        }
        repeats.remember(ContentHash([4; 16]), Duration::ZERO, Duration::ZERO);
        assert_eq!((repeats.entries(), repeats.counters.repeats_forgotten_early.get()), (2, 3));
        new(&repeats, ContentHash([0; 16]), Duration::ZERO);
    }

    #[test]
    fn the_same_body_of_another_workspace_is_another_body() {
        let name = |n| Workspace::new(n).unwrap();
        assert_ne!(key(&name("a"), KEY), key(&name("b"), KEY));
        assert_eq!(key(&name("a"), KEY), key(&name("a"), KEY));
    }
}
