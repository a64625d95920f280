//! What is still to be told, and to whom: a state machine over documents.
//!
//! It refuses to know channels, files and clocks: it is given the policy, the silences and the time, and gives
//! back which documents have changed, which ledger rows to write, and what to send. A step is:
//!
//! 1. [`Outbox::tell`] for each incident that has news, [`Outbox::note`] for those that merely look different,
//!    [`Outbox::tick`] for what time brings about (repetitions, escalations);
//! 2. [`Outbox::due`]: what may be sent now, already marked as being sent;
//! 3. [`Outbox::changed`] and [`Outbox::ledger`], stored in one transaction. Only then
//! 4. the dispatches are given to the deliverer, and each answer comes back by [`Outbox::conclude`].
//!
//! Killed anywhere, it continues from the stored documents ([`Outbox::restore`]): what was stored as being
//! sent is in doubt. A receiver that heeds idempotency keys gets it again with the same key; another gets it
//! again with a mark, or not at all, as its `in_doubt` says.
//!
//! Invariant: an entry leaves the outbox only delivered, joined to another, overtaken by the end of its
//! incident before anybody was told, or dead and visible.

mod conclude;
mod documents;
mod endpoint;
mod entry;
mod ledger;
mod pick;
mod tell;
mod thread;

#[cfg(test)]
mod tests;

pub use documents::{Document, DocumentKind};
pub use endpoint::Endpoint;
pub use entry::{Content, Digest, DigestItem, Entry, EntryId, Phase};
pub use ledger::{LedgerRow, Standing};
pub use thread::{Thread, Told};

use crate::policy::Policy;
use model::{ContentHash, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Bounds and patience. All have defaults.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Entries at a time, dead ones included. Beyond it a new one is refused, and the ledger says so.
    pub entries_max: usize,
    /// Incidents remembered at a time, those that are over included.
    pub threads_max: usize,
    /// Seconds an incident that is over is remembered, for its next life.
    pub thread_kept_seconds: u64,
    /// Seconds a delivery may fail before the fallback receiver is told besides.
    pub fallback_after_seconds: u64,
    /// Seconds a delivery is tried before it is dead.
    pub give_up_after_seconds: u64,
    /// Seeds the spread of retries.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            entries_max: 100_000,
            threads_max: 50_000,
            thread_kept_seconds: 86_400,
            fallback_after_seconds: 300,
            give_up_after_seconds: 3 * 86_400,
            seed: 0x5eed,
        }
    }
}

/// The pages of one team in its window, and when its next digest is due.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Spent {
    pages: VecDeque<UnixNanos>,
    digest_at: Option<UnixNanos>,
}

/// What is given to the deliverer: everything one delivery needs besides the policy.
#[derive(Clone, PartialEq, Debug)]
pub struct Dispatch {
    pub entry: EntryId,
    pub receiver: String,
    /// Counts from 1.
    pub attempt: u32,
    pub occasion: crate::message::Occasion,
    pub content: Content,
    /// What the channel called the first message of this incident.
    pub reference: Option<String>,
    /// It may be a repetition, and says so.
    pub doubt: bool,
    pub plain: bool,
    pub stands_for: Option<String>,
}

/// How the outbox is doing, for metrics and the alarm about ourselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Figures {
    pub waiting: usize,
    pub held: usize,
    pub sending: usize,
    pub in_doubt: usize,
    pub dead: usize,
    /// Entries refused since the start, because the outbox was full.
    pub refused: u64,
    /// Endpoints that are left alone since they do not answer.
    pub failing_endpoints: usize,
    /// When the oldest entry that is due and not held became so. Wall time.
    pub oldest_due_at: Option<UnixNanos>,
    pub threads: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Outbox {
    settings: Settings,
    threads: BTreeMap<String, Thread>,
    entries: BTreeMap<EntryId, Entry>,
    endpoints: BTreeMap<String, Endpoint>,
    spent: BTreeMap<String, Spent>,
    /// Entries that wait, by receiver.
    waiting: BTreeMap<String, BTreeSet<EntryId>>,
    /// When threads want attention.
    wakes: BTreeSet<(UnixNanos, String)>,
    /// When threads are forgotten.
    forgets: BTreeSet<(UnixNanos, String)>,
    dirty: BTreeSet<(DocumentKind, String)>,
    rows: Vec<LedgerRow>,
    refused: u64,
}

impl Outbox {
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// What is known of an incident.
    pub fn thread(&self, incident: &str) -> Option<&Thread> {
        self.threads.get(incident)
    }

    pub fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The incidents that an entry tells of: one, or a digest's.
    pub fn incidents(&self, id: &EntryId) -> Vec<String> {
        let Some(entry) = self.entries.get(id) else { return Vec::new() };
        let items = entry.items().iter().map(|item| item.incident.clone());
        entry.incident.iter().cloned().chain(items).collect()
    }

    /// All that is on its way, held, or dead.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The dead letters.
    pub fn dead(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.phase == Phase::Dead)
    }

    /// The ledger rows since the last call. They belong into the transaction of [`Outbox::changed`].
    pub fn ledger(&mut self) -> Vec<LedgerRow> {
        std::mem::take(&mut self.rows)
    }

    pub fn figures(&self, now: UnixNanos) -> Figures {
        let mut figures = Figures { refused: self.refused, threads: self.threads.len(), ..Figures::default() };
        for entry in self.entries.values() {
            match entry.phase {
                Phase::Waiting if entry.hold.is_some() => figures.held += 1,
                Phase::Waiting => {
                    figures.waiting += 1;
                    if entry.due_at <= now {
                        let oldest = figures.oldest_due_at.map_or(entry.due_at, |oldest| oldest.min(entry.due_at));
                        figures.oldest_due_at = Some(oldest);
                    }
                }
                Phase::Sending => figures.sending += 1,
                Phase::Absorbed { .. } => {}
                Phase::Dead => figures.dead += 1,
            }
            figures.in_doubt += usize::from(entry.doubt);
        }
        figures.failing_endpoints = self.endpoints.values().filter(|endpoint| endpoint.is_failing()).count();
        figures
    }

    /// A dead letter is tried again. `false`: there is none of that name.
    pub fn revive(&mut self, id: &EntryId, now: UnixNanos) -> bool {
        let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.phase == Phase::Dead) else { return false };
        entry.phase = Phase::Waiting;
        entry.due_at = now;
        entry.failing_since = None;
        self.waiting.entry(entry.receiver.clone()).or_default().insert(id.clone());
        self.touch_entry(id);
        true
    }

    /// A dead letter is thrown away; its last ledger row stays. `false`: there is none of that name.
    pub fn discard(&mut self, id: &EntryId) -> bool {
        let is_dead = self.entries.get(id).is_some_and(|entry| entry.phase == Phase::Dead);
        if is_dead {
            for item in self.entries.get(id).map(|entry| entry.items().to_vec()).unwrap_or_default() {
                self.remove(&item.entry);
            }
            self.remove(id);
        }
        is_dead
    }

    fn row(&mut self, id: &EntryId, policy: &Policy, state: Standing, now: UnixNanos) {
        if let Some(entry) = self.entries.get(id) {
            let channel = channel_of(policy, &entry.receiver);
            self.rows.push(LedgerRow::of(entry, channel, state, now));
        }
    }

    fn touch_entry(&mut self, id: &EntryId) {
        self.dirty.insert((DocumentKind::Entry, id.0.clone()));
    }

    fn touch_thread(&mut self, incident: &str) {
        self.dirty.insert((DocumentKind::Thread, incident.to_owned()));
    }

    fn touch_endpoint(&mut self, endpoint: &str) {
        self.dirty.insert((DocumentKind::Endpoint, endpoint.to_owned()));
    }

    /// Takes an entry out of every place but its thread.
    fn remove(&mut self, id: &EntryId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.unqueue(&entry.receiver, id);
        self.touch_entry(id);
        Some(entry)
    }

    fn queue(&mut self, id: &EntryId) {
        if let Some(entry) = self.entries.get(id) {
            self.waiting.entry(entry.receiver.clone()).or_default().insert(id.clone());
        }
    }

    fn unqueue(&mut self, receiver: &str, id: &EntryId) {
        if let Some(queue) = self.waiting.get_mut(receiver) {
            queue.remove(id);
            if queue.is_empty() {
                self.waiting.remove(receiver);
            }
        }
    }

    /// Sets the next wake of a thread anew. The old one stays in the set and finds nothing to do.
    fn wake(&mut self, incident: &str) {
        if let Some(at) = self.threads.get(incident).and_then(Thread::wakes_at) {
            self.wakes.insert((at, incident.to_owned()));
        }
    }

    /// A number between 0 and 1 that is the same for the same entry and attempt: it spreads retries.
    fn share(&self, what: &str, attempt: u32) -> f64 {
        let hash = ContentHash::of_identity(format!("{}/{what}/{attempt}", self.settings.seed).as_bytes());
        let mut eight = [0; 8];
        eight.copy_from_slice(&hash.0[..8]);
        // 53 bits: all that a double holds exactly.
        (u64::from_le_bytes(eight) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn channel_of<'a>(policy: &'a Policy, receiver: &str) -> &'a str {
    policy.target(receiver).map_or("unknown", |target| target.channel.name())
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
