//! What is known of one incident: its newest picture, and who has been told what of it.

use super::entry::EntryId;
use crate::message::{Message, State};
use incident::Severity;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One incident as the outbox knows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Thread {
    /// The newest picture.
    pub message: Message,
    /// By receiver.
    pub told: BTreeMap<String, Told>,
    /// Numbers the entries.
    pub sequence: u64,
    /// When it was over. Wall time.
    pub closed_at: Option<UnixNanos>,
    /// When nobody has acknowledged it by then, who is told. Wall time.
    pub escalations: Vec<(UnixNanos, Vec<String>)>,
}

/// What one receiver knows of an incident.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// The entry that is under way: sent, or to be sent again as it is.
    pub head: Option<EntryId>,
    /// The entry that waits; newer occasions join it.
    pub next: Option<EntryId>,
    /// When it was last told. Wall time.
    pub at: Option<UnixNanos>,
    /// The life of the incident that was told last, and whether its end was.
    pub episode: u32,
    pub severity: Option<Severity>,
    pub had_cause: bool,
    pub over: bool,
    /// It was told of in a digest: smaller news go into digests too.
    pub by_digest: bool,
    /// What the channel calls the first message (Slack: its time stamp; e-mail: the subject).
    pub reference: Option<String>,
    pub repeat_at: Option<UnixNanos>,
}

impl Told {
    /// Whether this receiver knows that the incident's present life has begun.
    pub(crate) fn knows(&self, episode: u32) -> bool {
        self.at.is_some() && self.episode == episode
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.head.is_none() && self.next.is_none()
    }
}

impl Thread {
    pub(crate) fn new(message: Message) -> Self {
        Self { message, told: BTreeMap::new(), sequence: 0, closed_at: None, escalations: Vec::new() }
    }

    /// Open, and nobody has taken it on.
    pub(crate) fn is_unacknowledged(&self) -> bool {
        self.message.state == State::Open
    }

    pub(crate) fn is_over(&self) -> bool {
        self.message.state == State::Resolved
    }

    /// When something is to be done of itself: the next repetition or escalation.
    pub(crate) fn wakes_at(&self) -> Option<UnixNanos> {
        if !self.is_unacknowledged() {
            return None;
        }
        let repeats = self.told.values().filter(|told| told.is_idle()).filter_map(|told| told.repeat_at);
        repeats.chain(self.escalations.iter().map(|(at, _)| *at)).min()
    }
}
