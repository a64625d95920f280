//! Who was told what and when: one row per entry, said anew whenever it changes.

use super::entry::{Entry, EntryId};
use crate::message::Occasion;
use model::UnixNanos;
use serde::{Deserialize, Serialize};

/// Where a message stands, for people.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Waiting,
    /// A silence, a window, an inhibition or quiet hours hold it back; `error` says which.
    Held,
    Retrying,
    Delivered,
    /// Told together with others; `digest` says in which message.
    InDigest,
    /// Joined to a newer message of the same incident.
    Merged,
    /// It was over before it was told.
    Dropped,
    /// Nobody knows whether it arrived, and the receiver is set not to be told twice.
    InDoubt,
    /// Undeliverable: the dead letter.
    Dead,
    /// The outbox is full: an alarm of its own.
    Refused,
    /// No receiver is configured for it.
    Nobody,
}

impl Standing {
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Waiting => "waiting",
            Standing::Held => "held",
            Standing::Retrying => "retrying",
            Standing::Delivered => "delivered",
            Standing::InDigest => "in_digest",
            Standing::Merged => "merged",
            Standing::Dropped => "dropped",
            Standing::InDoubt => "in_doubt",
            Standing::Dead => "dead",
            Standing::Refused => "refused",
            Standing::Nobody => "nobody",
        }
    }

    /// Whether nothing more will come of it.
    pub fn is_final(self) -> bool {
        !matches!(self, Standing::Waiting | Standing::Held | Standing::Retrying)
    }
}

/// One row. A later row with the same `id` replaces the earlier one. Wall times.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LedgerRow {
    pub id: EntryId,
    /// When this was so.
    pub time: UnixNanos,
    pub incident_id: Option<String>,
    pub receiver: String,
    pub channel: String,
    pub occasion: Occasion,
    pub state: Standing,
    pub attempts: u32,
    pub planned_at: UnixNanos,
    pub sent_at: Option<UnixNanos>,
    pub error: Option<String>,
    pub digest: Option<EntryId>,
    /// The receiver in whose place this one was told.
    pub stands_for: Option<String>,
}

impl LedgerRow {
    pub(crate) fn of(entry: &Entry, channel: &str, state: Standing, now: UnixNanos) -> Self {
        Self {
            id: entry.id.clone(),
            time: now,
            incident_id: entry.incident.clone(),
            receiver: entry.receiver.clone(),
            channel: channel.to_owned(),
            occasion: entry.occasion,
            state,
            attempts: entry.attempts,
            planned_at: entry.created_at,
            sent_at: matches!(state, Standing::Delivered | Standing::InDigest).then_some(now),
            error: entry.error.clone(),
            digest: None,
            stands_for: entry.stands_for.last().cloned(),
        }
    }
}
