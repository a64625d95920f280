//! What the book remembers beyond an incident: what was hurt together, what people decided, what has helped.
//!
//! It refuses to learn from anything but closed incidents and people. Invariant: bounded; the oldest or
//! rarest gives way.

use crate::fingerprint::Fingerprint;
use crate::incident::{Incident, IncidentId};
use hashbrown::HashMap;
use model::{Bilingual, CauseKind, Entity, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Past incidents that are compared with.
pub(super) const PAST: usize = 1_000;
/// Partners remembered of one entity, and entities of one incident that are paired.
const PARTNERS: usize = 64;
/// Entities with remembered partners.
const PAIRED: usize = 20_000;
/// Decisions of people that are remembered.
pub(super) const DECISIONS: usize = 4_096;
/// So many incidents together make a habit.
const HABIT: f64 = 3.0;
/// Every further incident of an entity weighs the earlier ones by this.
const FADE: f64 = 0.97;
/// Services that a past incident is compared by.
const SERVICES: usize = 100;
/// Less alike than this is not alike.
const ALIKE: f64 = 0.35;

/// How often an entity was hurt, and with whom. The document kind `together`, one per entity.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Together {
    pub incidents: f64,
    pub with: BTreeMap<String, f64>,
}

/// A person said: these belong together, or these do not. The document kind `decision`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Decision {
    pub one: Fingerprint,
    pub two: Fingerprint,
    pub together: bool,
    pub time: UnixNanos,
    pub actor: String,
}

/// A closed incident as it is compared with. The document kind `past`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Past {
    pub id: IncidentId,
    pub title: Bilingual,
    pub cause: Option<Entity>,
    pub kind: Option<CauseKind>,
    pub services: BTreeSet<String>,
    pub resolved_at: UnixNanos,
    /// What people said helped.
    pub helped: Option<String>,
}

/// A past incident that is like one at hand.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Similar {
    pub id: IncidentId,
    pub title: Bilingual,
    /// 0 to 1.
    pub score: f64,
    pub helped: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Learnt {
    pub together: HashMap<String, Together>,
    pub decisions: Vec<Decision>,
    /// Who is tied to whom by decisions, with the sense.
    partners: HashMap<Fingerprint, Vec<(Fingerprint, bool)>>,
    pub past: BTreeMap<IncidentId, Past>,
}

/// The name and place of an alert as one word.
pub(super) fn key(name: &str, place: Option<&Entity>) -> Fingerprint {
    Fingerprint::of_words(&[name, &place.map(ToString::to_string).unwrap_or_default()])
}

impl Learnt {
    /// Those a person said belong with this one, and those that do not.
    pub(super) fn partners(&self, key: &Fingerprint) -> (Vec<Fingerprint>, Vec<Fingerprint>) {
        let known = self.partners.get(key).map(Vec::as_slice).unwrap_or_default();
        let of = |sense: bool| known.iter().filter(|(_, tied)| *tied == sense).map(|(other, _)| *other).collect();
        (of(true), of(false))
    }

    /// Takes a decision; a later one on the same pair replaces the earlier. Answers those that fell out.
    pub(super) fn decide(&mut self, decision: Decision) -> Vec<Decision> {
        let pair = |other: &Decision| {
            (other.one, other.two) == (decision.one, decision.two)
                || (other.one, other.two) == (decision.two, decision.one)
        };
        let (mut gone, mut kept): (Vec<_>, Vec<_>) = self.decisions.drain(..).partition(pair);
        kept.push(decision);
        if kept.len() > DECISIONS {
            gone.push(kept.remove(0));
        }
        self.decisions = kept;
        self.index();
        gone
    }

    pub(super) fn index(&mut self) {
        self.partners.clear();
        for decision in &self.decisions {
            self.partners.entry(decision.one).or_default().push((decision.two, decision.together));
            self.partners.entry(decision.two).or_default().push((decision.one, decision.together));
        }
    }

    /// How strongly habit binds an entity to these, 0 to 0.6.
    pub(super) fn together<'a>(&self, entity: &Entity, others: impl Iterator<Item = &'a Entity>) -> f64 {
        let Some(own) = self.together.get(&entity.to_string()) else { return 0.0 };
        let strongest = others
            .filter_map(|other| {
                let count = *own.with.get(&other.to_string())?;
                let theirs = self.together.get(&other.to_string()).map_or(count, |other| other.incidents);
                (count >= HABIT).then(|| count / own.incidents.max(theirs).max(count))
            })
            .fold(0.0, f64::max);
        0.6 * strongest
    }

    /// Learns from a closed incident who was hurt together. Answers the entities whose counts changed.
    pub(super) fn learn(&mut self, hurt: &[String]) -> Vec<String> {
        let hurt = &hurt[..hurt.len().min(PARTNERS)];
        let mut changed = Vec::new();
        for entity in hurt {
            if self.together.len() >= PAIRED && !self.together.contains_key(entity) {
                continue;
            }
            let own = self.together.entry(entity.clone()).or_default();
            own.incidents = own.incidents * FADE + 1.0;
            own.with.values_mut().for_each(|count| *count *= FADE);
            for other in hurt.iter().filter(|other| *other != entity) {
                *own.with.entry(other.clone()).or_default() += 1.0;
            }
            while own.with.len() > PARTNERS {
                let rarest = own.with.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(name, _)| name.clone());
                rarest.map(|name| own.with.remove(&name));
            }
            changed.push(entity.clone());
        }
        changed
    }

    /// Remembers a closed incident. Answers those that fell out.
    pub(super) fn remember(&mut self, incident: &Incident, now: UnixNanos) -> Vec<IncidentId> {
        let helped = incident.feedback.iter().rev().find(|said| said.verdict == "helped");
        let helped = helped.or_else(|| incident.feedback.iter().rev().find(|said| said.verdict == "comment"));
        let confirmed =
            incident.feedback.iter().rev().find(|said| said.verdict == "right").and_then(|said| said.entity.clone());
        let cause = incident.determined();
        let past = Past {
            id: incident.id,
            title: incident.title.clone(),
            cause: confirmed.or_else(|| cause.map(|cause| cause.entity.clone())),
            kind: cause.map(|cause| cause.kind).filter(|kind| *kind != CauseKind::Unknown),
            services: incident.services.iter().take(SERVICES).cloned().collect(),
            resolved_at: incident.resolved_at.unwrap_or(now),
            helped: helped.and_then(|said| said.text.clone()),
        };
        self.past.insert(past.id, past);
        let mut gone = Vec::new();
        while self.past.len() > PAST {
            gone.extend(self.past.pop_first().map(|(id, _)| id));
        }
        gone
    }

    /// Past incidents like this one, most alike first.
    pub(super) fn similar(&self, incident: &Incident, most: usize) -> Vec<Similar> {
        let cause = incident.determined();
        let mut found: Vec<Similar> = self
            .past
            .values()
            .filter(|past| past.id != incident.id)
            .map(|past| {
                let same_cause = cause.is_some_and(|cause| past.cause.as_ref() == Some(&cause.entity));
                let same_kind = cause.is_some_and(|cause| past.kind == Some(cause.kind));
                let score = 0.5 * f64::from(u8::from(same_cause))
                    + 0.15 * f64::from(u8::from(same_kind))
                    + 0.35 * overlap(&incident.services, &past.services);
                Similar { id: past.id, title: past.title.clone(), score, helped: past.helped.clone() }
            })
            .filter(|similar| similar.score >= ALIKE)
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.id.cmp(&a.id)));
        found.truncate(most);
        found
    }
}

fn overlap(one: &[String], two: &BTreeSet<String>) -> f64 {
    let common = one.iter().filter(|name| two.contains(*name)).count();
    let all = one.len() + two.len() - common;
    if all == 0 { 0.0 } else { common as f64 / all as f64 }
}
