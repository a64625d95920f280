//! One message on its way to one receiver, and the digest that may take it along.

use crate::message::{Message, Occasion, State};
use crate::silence::Hold;
use incident::Severity;
use model::{Bilingual, UnixNanos};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names one entry, in the ledger and as the idempotency key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub String);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an entry stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Phase {
    /// For its time, for a token, for a hold to end.
    Waiting,
    /// Handed to the deliverer: stored before it is sent. After a restart it is in doubt.
    Sending,
    /// Taken along by a digest, which stands for it until it is told.
    Absorbed { by: EntryId },
    /// Nobody could be told by it. Kept until somebody looks.
    Dead,
}

/// What is told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Incident(Box<Message>),
    Digest(Digest),
}

/// Many incidents in one message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Digest {
    pub items: Vec<DigestItem>,
    /// Incidents that wait for the next one.
    pub waiting: u64,
    /// One short line each, since very many wait.
    pub short: bool,
    /// Teams over their budget get digests on time; robots over their limit at once.
    pub budget: bool,
}

/// One incident in a digest.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DigestItem {
    pub entry: EntryId,
    pub incident: String,
    pub occasion: Occasion,
    pub title: Bilingual,
    pub state: State,
    pub severity: Severity,
    /// `service:payment (slow_sql)`
    pub cause: Option<String>,
    pub opened_at: UnixNanos,
    pub url: Option<String>,
}

impl DigestItem {
    pub(crate) fn of(entry: &EntryId, message: &Message, occasion: Occasion) -> Self {
        let mut cause = message.cause.as_ref().map(|cause| format!("{} ({})", cause.entity, cause.kind));
        let mut title = message.title.clone();
        // A line: what is longer is told by the incident's page.
        [&mut title.en, &mut title.zh].into_iter().chain(&mut cause).for_each(|text| crate::message::cut(text, 400));
        Self {
            entry: entry.clone(),
            incident: message.incident.clone(),
            occasion,
            title,
            state: message.state,
            severity: message.severity,
            cause,
            opened_at: message.opened_at,
            url: message.url.clone(),
        }
    }
}

/// One message for one receiver.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub id: EntryId,
    pub receiver: String,
    /// Absent: a digest.
    pub incident: Option<String>,
    pub occasion: Occasion,
    pub phase: Phase,
    /// What was or will be sent. Absent while the incident's newest picture will do.
    pub content: Option<Content>,
    pub created_at: UnixNanos,
    /// Not before.
    pub due_at: UnixNanos,
    /// Until then an incident that is over again is not told at all.
    pub settles_at: UnixNanos,
    /// Deliveries that were tried.
    pub attempts: u32,
    /// When trying began to fail, in a row.
    pub failing_since: Option<UnixNanos>,
    /// Nobody knows whether an earlier attempt arrived.
    pub doubt: bool,
    /// The platform found it too long: only the shortest form is tried now.
    pub plain: bool,
    /// The team's budget is spent: it goes into a digest.
    pub digest_only: bool,
    pub quiet: Vec<String>,
    pub hold: Option<Hold>,
    pub error: Option<String>,
    /// The receivers for which this one stands in.
    pub stands_for: Vec<String>,
    /// A stand-in has been told already.
    pub stood_in: bool,
}

impl Entry {
    pub(crate) fn is_waiting(&self) -> bool {
        self.phase == Phase::Waiting
    }

    pub(crate) fn items(&self) -> &[DigestItem] {
        match &self.content {
            Some(Content::Digest(digest)) => &digest.items,
            _ => &[],
        }
    }
}
