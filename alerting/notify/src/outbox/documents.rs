//! The outbox as small documents, and back.

use super::{Endpoint, Entry, EntryId, Outbox, Phase, Settings, Spent, Thread};
use crate::error::Error;
use model::UnixNanos;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a document is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    Thread,
    Entry,
    Endpoint,
    Budget,
}

impl DocumentKind {
    pub const ALL: [DocumentKind; 4] =
        [DocumentKind::Thread, DocumentKind::Entry, DocumentKind::Endpoint, DocumentKind::Budget];

    /// The name it is stored under.
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentKind::Thread => "notify_thread",
            DocumentKind::Entry => "notify_entry",
            DocumentKind::Endpoint => "notify_endpoint",
            DocumentKind::Budget => "notify_budget",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One document that has changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    pub kind: DocumentKind,
    pub key: String,
    /// Absent: it is removed.
    pub body: Option<Value>,
}

impl Outbox {
    /// The documents that have changed since the last call. Until they are stored, nothing that [`Outbox::due`]
    /// gave may be sent.
    pub fn changed(&mut self) -> Vec<Document> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty
            .into_iter()
            .map(|(kind, key)| {
                let body = match kind {
                    DocumentKind::Thread => self.threads.get(&key).map(serde_json::to_value),
                    DocumentKind::Entry => self.entries.get(&EntryId(key.clone())).map(serde_json::to_value),
                    DocumentKind::Endpoint => self.endpoints.get(&key).map(serde_json::to_value),
                    DocumentKind::Budget => self.spent.get(&key).map(serde_json::to_value),
                };
                // All of it is made of maps with text keys and finite numbers: it always serialises.
                Document { kind, key, body: body.and_then(Result::ok) }
            })
            .collect()
    }

    /// The outbox as its documents tell. What was being sent when they were stored is in doubt from here on.
    ///
    /// # Errors
    /// [`Error::Stored`] for a document that cannot be read.
    pub fn restore(
        settings: Settings,
        documents: impl IntoIterator<Item = (DocumentKind, String, Value)>,
        now: UnixNanos,
    ) -> Result<Self, Error> {
        let mut outbox = Self::new(settings);
        for (kind, key, body) in documents {
            match kind {
                DocumentKind::Thread => {
                    let thread: Thread = read(kind, &key, body)?;
                    outbox.threads.insert(key, thread);
                }
                DocumentKind::Entry => {
                    let entry: Entry = read(kind, &key, body)?;
                    outbox.entries.insert(EntryId(key), entry);
                }
                DocumentKind::Endpoint => {
                    let endpoint: Endpoint = read(kind, &key, body)?;
                    outbox.endpoints.insert(key, endpoint);
                }
                DocumentKind::Budget => {
                    let spent: Spent = read(kind, &key, body)?;
                    outbox.spent.insert(key, spent);
                }
            }
        }
        outbox.resume(now);
        Ok(outbox)
    }

    fn resume(&mut self, now: UnixNanos) {
        let ids: Vec<EntryId> = self.entries.keys().cloned().collect();
        for id in ids {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            if entry.phase == Phase::Sending {
                entry.phase = Phase::Waiting;
                entry.doubt = true;
                entry.due_at = now;
                self.touch_entry(&id);
            }
            if self.entries.get(&id).is_some_and(Entry::is_waiting) {
                self.queue(&id);
            }
        }
        let names: Vec<String> = self.endpoints.keys().cloned().collect();
        for name in names {
            if let Some(endpoint) = self.endpoints.get_mut(&name) {
                endpoint.restarts(now);
                self.touch_endpoint(&name);
            }
        }
        let kept = super::seconds(self.settings.thread_kept_seconds);
        let incidents: Vec<String> = self.threads.keys().cloned().collect();
        for incident in incidents {
            if let Some(closed_at) = self.threads.get(&incident).and_then(|thread| thread.closed_at) {
                self.forgets.insert((closed_at.saturating_add(kept), incident.clone()));
            }
            self.wake(&incident);
        }
    }
}

fn read<T: DeserializeOwned>(kind: DocumentKind, key: &str, body: Value) -> Result<T, Error> {
    serde_json::from_value(body).map_err(|error| Error::Stored {
        kind: kind.as_str().to_owned(),
        key: key.to_owned(),
        why: error.to_string(),
    })
}
