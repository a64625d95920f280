//! What the facts of one unit, or of several that belong together, say about whose they are.

use crate::fact::Fact;
use crate::vocabulary::Vocabulary;
use std::collections::{BTreeMap, BTreeSet};

/// From first to last, Unix nanoseconds.
pub(crate) type Interval = (i64, i64);

/// A value an entity had and got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct State {
    pub(crate) time: i64,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) begins: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    /// When each of its units was.
    pub(crate) intervals: Vec<Interval>,
    /// Subjects by key and value, with the times at which they were named.
    pub(crate) subjects: BTreeMap<String, BTreeMap<String, Vec<Interval>>>,
    pub(crate) places: BTreeMap<String, BTreeSet<String>>,
    pub(crate) people: BTreeMap<String, BTreeSet<String>>,
    pub(crate) requests: BTreeMap<String, Vec<Interval>>,
    pub(crate) operations: BTreeSet<String>,
    pub(crate) messages: BTreeSet<String>,
    /// Hex ids of its own traces.
    pub(crate) traces: BTreeSet<String>,
    /// Hex ids of the traces it links to.
    pub(crate) links: BTreeSet<String>,
    /// Trace ids of other propagators that it mentions.
    pub(crate) contexts: BTreeSet<String>,
    /// What became of entities, by key and value.
    pub(crate) states: BTreeMap<(String, String), Vec<State>>,
}

impl Profile {
    pub(crate) fn of<'f>(facts: impl Iterator<Item = &'f Fact> + Clone, vocabulary: &Vocabulary) -> Self {
        let mut profile = Self::default();
        let from = facts.clone().map(|fact| fact.time.0).min().unwrap_or_default();
        let to = facts.clone().map(|fact| fact.end.0.max(fact.time.0)).max().unwrap_or_default();
        profile.intervals.push((from, to));
        for fact in facts {
            profile.add(fact, (from, to), vocabulary);
        }
        profile
    }

    fn add(&mut self, fact: &Fact, interval: Interval, vocabulary: &Vocabulary) {
        for (key, value) in &fact.keys {
            self.add_key(key, value, interval, vocabulary);
        }
        if let Some(request) = &fact.request_id {
            self.requests.entry(request.clone()).or_insert_with(|| vec![interval]);
        }
        self.messages.extend(fact.message_ids.iter().cloned());
        self.traces.extend(fact.trace_id.map(|trace| trace.to_string()));
        self.links.extend(fact.links.iter().map(|(trace, _)| trace.to_string()));
        self.contexts.extend(fact.contexts.iter().cloned());
        let Some(business) = &fact.business else { return };
        self.operations.extend(business.operation_id.clone());
        for entity in &business.entities {
            let key = entity.key();
            self.add_key(&key, &entity.id, interval, vocabulary);
            if vocabulary.is_subject(&key) {
                let nothing = entity.before.as_ref().is_none_or(|before| before.is_empty());
                self.states.entry((key, entity.id.clone())).or_default().push(State {
                    time: fact.time.0,
                    before: entity.before.clone(),
                    after: entity.after.clone(),
                    begins: nothing && business.phase == "create",
                });
            }
        }
    }

    fn add_key(&mut self, key: &str, value: &str, interval: Interval, vocabulary: &Vocabulary) {
        let list = if vocabulary.is_subject(key) {
            let values = self.subjects.entry(key.to_owned()).or_default();
            values.entry(value.to_owned()).or_insert_with(|| vec![interval]);
            return;
        } else if vocabulary.places.iter().any(|place| place == key) {
            &mut self.places
        } else if vocabulary.people.iter().any(|person| person == key) {
            &mut self.people
        } else {
            return;
        };
        list.entry(key.to_owned()).or_default().insert(value.to_owned());
    }

    /// Both together.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.intervals.extend(&other.intervals);
        for (key, values) in &other.subjects {
            let mine = self.subjects.entry(key.clone()).or_default();
            for (value, times) in values {
                mine.entry(value.clone()).or_default().extend(times);
            }
        }
        absorb_sets(&mut self.places, &other.places);
        absorb_sets(&mut self.people, &other.people);
        for (request, times) in &other.requests {
            self.requests.entry(request.clone()).or_default().extend(times);
        }
        self.operations.extend(other.operations.iter().cloned());
        self.messages.extend(other.messages.iter().cloned());
        self.traces.extend(other.traces.iter().cloned());
        self.links.extend(other.links.iter().cloned());
        self.contexts.extend(other.contexts.iter().cloned());
        for (entity, states) in &other.states {
            self.states.entry(entity.clone()).or_default().extend(states.iter().cloned());
        }
    }

    pub(crate) fn from(&self) -> i64 {
        self.intervals.iter().map(|(from, _)| *from).min().unwrap_or_default()
    }

    pub(crate) fn to(&self) -> i64 {
        self.intervals.iter().map(|(_, to)| *to).max().unwrap_or_default()
    }
}

fn absorb_sets(mine: &mut BTreeMap<String, BTreeSet<String>>, other: &BTreeMap<String, BTreeSet<String>>) {
    for (key, values) in other {
        mine.entry(key.clone()).or_default().extend(values.iter().cloned());
    }
}

/// Nanoseconds between the nearest two; nothing where they overlap.
pub(crate) fn gap(a: &[Interval], b: &[Interval]) -> Option<i64> {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| a.0.max(b.0).saturating_sub(a.1.min(b.1)).max(0)).min()
}
