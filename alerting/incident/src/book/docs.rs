//! The book's state as many small documents: which have changed, and how a book is made of them again.
//!
//! It refuses to know where they are kept. Invariant: what is derived is never written; a restored book gives
//! out the same documents.

use super::learn::{Decision, Past, Together};
use super::live::Live;
use super::{Book, Counters, Settings};
use crate::episode::Episode;
use crate::fingerprint::Fingerprint;
use crate::incident::{Incident, IncidentId};
use crate::place::Place;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One document: to be written under `kind` and `key`, or removed where it has no body.
#[derive(Clone, PartialEq, Debug)]
pub struct Doc {
    /// `book`, `incident`, `episode`, `together`, `decision`, `past`; and `archive`: what left memory for good,
    /// an incident with its alerts, which [`Book::restore`] does not want back.
    pub kind: &'static str,
    pub key: String,
    pub body: Option<Value>,
}

/// A document is not what it should be. The store has been written by another version, or damaged.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("document {kind} {key} cannot be read: {source}")]
    Unreadable { kind: String, key: String, source: serde_json::Error },
}

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    Book,
    Incident(IncidentId),
    Episode(IncidentId, Fingerprint),
    Together(String),
    Decision(Fingerprint, Fingerprint),
    Past(IncidentId),
}

/// The document kind `book`.
#[derive(Serialize, Deserialize)]
struct Sums {
    counters: Counters,
    numbers: BTreeMap<i32, u32>,
}

/// The document kind `archive`. Alerts beyond the bound are counted in the incident only.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub struct Archived {
    pub incident: Incident,
    pub alerts: Vec<Episode>,
    pub complete: bool,
}

/// How long senders have for their next word after a restart: most tell again every minute or every few.
const SILENT_WHILE_AWAY: Duration = Duration::from_secs(300);
/// Alerts written with an incident that leaves memory.
const ARCHIVED_ALERTS: usize = 5_000;

impl Book {
    /// The documents that changed since this was last asked, in a stable order. Write them in one transaction
    /// before anything of what they say is seen outside.
    pub fn changed(&mut self) -> Vec<Doc> {
        if self.dirty.is_empty() && self.archived.is_empty() {
            return Vec::new();
        }
        let mut keys: Vec<Key> = self.dirty.drain().collect();
        // Counters travel with whatever else is written: alone they are not worth a transaction.
        keys.push(Key::Book);
        keys.sort_unstable();
        keys.dedup();
        let mut docs: Vec<Doc> = keys.iter().map(|key| self.doc(key)).collect();
        docs.append(&mut self.archived);
        docs
    }

    fn doc(&self, key: &Key) -> Doc {
        match key {
            Key::Book => {
                let sums = Sums { counters: self.counters.clone(), numbers: self.numbers.clone() };
                written("book", "sums".to_owned(), Some(&sums))
            }
            Key::Incident(id) => written("incident", id.to_string(), self.live.get(id).map(|live| &live.incident)),
            Key::Episode(id, fingerprint) => {
                let slot = self.current.get(fingerprint).copied();
                let episode = slot.and_then(|slot| self.episode_at(slot)).filter(|episode| episode.incident == *id);
                let episode =
                    episode.or_else(|| self.members(*id).find(|episode| episode.alert.fingerprint == *fingerprint));
                written("episode", format!("{id}/{fingerprint}"), episode)
            }
            Key::Together(entity) => written("together", entity.clone(), self.learnt.together.get(entity)),
            Key::Decision(one, two) => {
                let decision = self.learnt.decisions.iter().find(|known| (known.one, known.two) == (*one, *two));
                written("decision", format!("{one}/{two}"), decision)
            }
            Key::Past(id) => written("past", id.to_string(), self.learnt.past.get(id)),
        }
    }

    /// A book of the documents given out so far, at event time `now`. Senders that may have been silent
    /// because nobody listened get [`SILENT_WHILE_AWAY`] before that counts as an end.
    pub fn restore<'a>(
        settings: Settings,
        docs: impl IntoIterator<Item = (&'a str, &'a str, Value)>,
        now: UnixNanos,
    ) -> Result<Self, RestoreError> {
        let mut book = Book::new(settings);
        let mut episodes: Vec<Episode> = Vec::new();
        let mut incidents: Vec<Incident> = Vec::new();
        for (kind, key, body) in docs {
            match kind {
                "book" => {
                    let sums: Sums = read(kind, key, body)?;
                    (book.counters, book.numbers) = (sums.counters, sums.numbers);
                }
                "incident" => {
                    let incident: Incident = read(kind, key, body)?;
                    book.live.insert(incident.id, Live::new(incident.clone()));
                    incidents.push(incident);
                }
                "episode" => episodes.push(read(kind, key, body)?),
                "together" => {
                    book.learnt.together.insert(key.to_owned(), read::<Together>(kind, key, body)?);
                }
                "decision" => book.learnt.decisions.push(read::<Decision>(kind, key, body)?),
                "past" => {
                    let past: Past = read(kind, key, body)?;
                    book.learnt.past.insert(past.id, past);
                }
                // A later version's document, or one that is only read by people.
                _ => {}
            }
        }
        book.learnt.decisions.sort_by_key(|decision| decision.time);
        book.learnt.index();
        episodes.sort_by_key(|episode| (episode.joined_at, episode.starts_at, episode.alert.fingerprint));
        episodes.into_iter().for_each(|episode| book.take_back(episode, now));
        incidents.into_iter().for_each(|incident| book.stand_as_written(incident));
        book.dirty.clear();
        Ok(book)
    }

    fn take_back(&mut self, mut episode: Episode, now: UnixNanos) {
        if !self.live.contains_key(&episode.incident) {
            return;
        }
        if episode.is_firing() {
            let heard = now.saturating_add(SILENT_WHILE_AWAY);
            episode.expires_at = episode.expires_at.map(|at| at.max(heard));
        }
        let place =
            Place { entity: episode.entity.clone(), service: episode.service.clone(), node: episode.node.clone() };
        let spot = self.settle(&place);
        let (id, fingerprint, joined_at) = (episode.incident, episode.alert.fingerprint, episode.joined_at);
        self.remember_traces(&episode.alert.clone(), id);
        let newer = self.episode(fingerprint).is_none_or(|known| known.starts_at <= episode.starts_at);
        let slot = self.keep(episode);
        if newer {
            self.current.insert(fingerprint, slot);
        }
        self.attach(id, slot, spot, joined_at);
        self.schedule(slot);
    }

    /// Sums are derived from the episodes, the rest stands as it was written.
    fn stand_as_written(&mut self, written: Incident) {
        let (id, from) = (written.id, written.split_from);
        let firing = self.members(id).filter(|episode| episode.is_firing()).count() as u64;
        if let Some(live) = self.live.get_mut(&id) {
            let alerts = live.members.len() as u64;
            live.incident = Incident { firing, alerts, ..written };
            live.unjudged = live.incident.is_live();
            live.judged_at = live.incident.verdict.as_ref().map(|_| live.incident.updated_at);
            live.apart.extend(from);
        }
        if let Some(live) = from.and_then(|from| self.live.get_mut(&from)) {
            live.apart.insert(id);
        }
    }

    /// Writes an incident out for good and lets it go.
    pub(super) fn archive(&mut self, id: IncidentId) {
        if let Some(live) = self.live.get(&id) {
            let alerts: Vec<Episode> = self.members(id).take(ARCHIVED_ALERTS).cloned().collect();
            let complete = alerts.len() == live.members.len();
            let archived = Archived { incident: live.incident.clone(), alerts, complete };
            self.archived.push(written("archive", id.to_string(), Some(&archived)));
        }
        self.forget(id);
    }
}

fn written<T: Serialize>(kind: &'static str, key: String, body: Option<&T>) -> Doc {
    // Our own types have text keys only; what could not be written would be null, and be seen as unreadable.
    Doc { kind, key, body: body.map(|body| serde_json::to_value(body).unwrap_or(Value::Null)) }
}

fn read<T: for<'de> Deserialize<'de>>(kind: &str, key: &str, body: Value) -> Result<T, RestoreError> {
    serde_json::from_value(body).map_err(|source| RestoreError::Unreadable {
        kind: kind.to_owned(),
        key: key.to_owned(),
        source,
    })
}
