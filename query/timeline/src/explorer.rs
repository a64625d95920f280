//! The way through a store: ask, be told, look who belongs, ask for what they name, until nothing
//! new is named or a limit is reached.

use crate::cluster::{Cluster, clusters, joins};
use crate::evidence::judge;
use crate::fact::{Fact, FactId};
use crate::limits::Limits;
use crate::profile::Profile;
use crate::question::{Answer, Mention, Question, Stretch};
use crate::seed::{Seed, What};
use crate::told::{Telling, Told};
use crate::unit::{Unit, units};
use crate::vocabulary::Vocabulary;
use model::{TraceId, UnixNanos};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Follows one story. Call [`Explorer::ask`] and [`Explorer::tell`] in turn until there is no question
/// left, then [`Explorer::finish`].
#[derive(Debug)]
pub struct Explorer {
    seed: Seed,
    vocabulary: Vocabulary,
    limits: Limits,
    begun: bool,
    hops: usize,
    facts: Vec<Fact>,
    known: HashSet<FactId>,
    /// Traces that were asked for.
    fetched: BTreeSet<TraceId>,
    /// Found in traces that were not asked for yet.
    waiting: Vec<Fact>,
    /// Traces under the same id that belong somewhere else, or were too many.
    passed_over: BTreeMap<TraceId, Profile>,
    asked: BTreeSet<Asked>,
    cut: BTreeSet<String>,
    /// How things stood with so many facts and so many traces passed over.
    stood: Option<((usize, usize), Arc<Standing>)>,
}

/// What was looked up, so that it is not again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Asked {
    Request(String, i64),
    Key(String, String),
    Operation(String),
    Message(String),
    Mention(TraceId),
}

/// The units as they stand, and which of them are the story.
#[derive(Debug)]
struct Standing {
    units: Vec<Unit>,
    clusters: Vec<Cluster>,
    /// Place among the clusters, and the unit in it that was asked for.
    story: Option<(usize, usize)>,
}

impl Explorer {
    pub fn new(seed: Seed, vocabulary: Vocabulary, limits: Limits) -> Self {
        Self {
            seed,
            vocabulary,
            limits,
            begun: false,
            hops: 0,
            facts: Vec::new(),
            known: HashSet::new(),
            fetched: BTreeSet::new(),
            waiting: Vec::new(),
            passed_over: BTreeMap::new(),
            asked: BTreeSet::new(),
            cut: BTreeSet::new(),
            stood: None,
        }
    }

    /// What to look up next; `None` when the story is as whole as it gets.
    pub fn ask(&mut self) -> Option<Question> {
        if !self.begun {
            self.begun = true;
            return Some(self.first_question());
        }
        let standing = self.standing();
        let traces = self.traces_to_fetch(&standing);
        if !traces.is_empty() {
            return Some(Question { traces, ..Question::default() });
        }
        let question = self.next_question(&standing);
        if question.is_empty() {
            return None;
        }
        if self.hops == self.limits.hops_max {
            self.cut.insert(format!("followed for {} rounds; the story names more", self.hops));
            return None;
        }
        self.hops += 1;
        Some(question)
    }

    /// Takes what was found.
    pub fn tell(&mut self, answer: Answer) {
        self.cut.extend(answer.cut);
        for fact in answer.of_traces {
            self.keep(fact);
        }
        for fact in answer.found {
            match fact.trace_id {
                None => self.keep(fact),
                Some(trace) if !self.fetched.contains(&trace) => self.waiting.push(fact),
                Some(_) => {}
            }
        }
    }

    fn keep(&mut self, fact: Fact) {
        if self.known.contains(&fact.id) {
            return;
        }
        if self.facts.len() >= self.limits.facts_max {
            self.cut.insert(format!("more than {} rows", self.limits.facts_max));
            return;
        }
        self.known.insert(fact.id);
        self.facts.push(fact);
    }

    fn first_question(&mut self) -> Question {
        let question = self.seed.question();
        self.fetched.extend(&question.traces);
        self.asked.extend(question.keys.iter().map(|(key, value, _)| Asked::Key(key.clone(), value.clone())));
        question
    }

    fn standing(&mut self) -> Arc<Standing> {
        let size = (self.facts.len(), self.passed_over.len());
        match &self.stood {
            Some((same, standing)) if *same == size => Arc::clone(standing),
            _ => {
                let standing = Arc::new(self.stand());
                self.stood = Some((size, Arc::clone(&standing)));
                standing
            }
        }
    }

    fn stand(&self) -> Standing {
        let units = units(&self.facts, &self.vocabulary);
        if self.is_told_whole(&units) {
            return self.all_in_one(units);
        }
        let anchor = self.anchor(&units);
        let claimed = self.claimed(&units, anchor);
        let clusters = clusters(&units, &claimed);
        let story = anchor.and_then(|anchor| {
            let place = clusters.iter().position(|cluster| cluster.units.contains(&anchor))?;
            Some((place, anchor))
        });
        Standing { units, clusters, story }
    }

    /// Units that say less than the story about where they belong, and belong more surely to a trace
    /// that was passed over.
    fn claimed(&self, units: &[Unit], anchor: Option<usize>) -> BTreeSet<usize> {
        let Some(places) = anchor.map(|anchor| &units[anchor].profile.places) else { return BTreeSet::new() };
        let silent = |unit: &Unit| !unit.is_batch && places.keys().any(|key| !unit.profile.places.contains_key(key));
        let surest = |unit: &Profile, others: &mut dyn Iterator<Item = &Profile>| {
            others.filter_map(|other| judge(unit, other)).map(|judgement| judgement.score).fold(0.0, f64::max)
        };
        let claimed = units.iter().enumerate().filter(|(at, unit)| Some(*at) != anchor && silent(unit));
        let claimed = claimed.filter(|(at, unit)| {
            let mut here = units.iter().enumerate().filter(|(other, _)| other != at).map(|(_, unit)| &unit.profile);
            surest(&unit.profile, &mut self.passed_over.values()) > surest(&unit.profile, &mut here)
        });
        claimed.map(|(at, _)| at).collect()
    }

    /// Whether it was asked for something that very many stories share, such as a person: then
    /// everything that bears it is told, and nothing is followed from there.
    fn is_broad(&self) -> bool {
        matches!(&self.seed.what, What::Key(key, _) if !self.vocabulary.is_subject(key))
    }

    /// Whether the trace that was asked for tells several stories: then it is told as it is.
    fn is_shared_trace(&self, units: &[Unit]) -> bool {
        match self.seed.what {
            What::Trace(trace) => units.iter().filter(|unit| unit.trace == Some(trace)).count() > 1,
            _ => false,
        }
    }

    /// Whether all that was found is the answer, and nothing is followed from there.
    fn is_told_whole(&self, units: &[Unit]) -> bool {
        self.is_broad() || self.is_shared_trace(units)
    }

    fn all_in_one(&self, units: Vec<Unit>) -> Standing {
        let mut all = Cluster { units: (0..units.len()).collect(), profile: Profile::default() };
        units.iter().for_each(|unit| all.profile.absorb(&unit.profile));
        let story = (!units.is_empty()).then_some((0, 0));
        Standing { units, clusters: vec![all], story }
    }

    /// The unit that was asked for: of several under the id, the nearest to the time that is meant.
    fn anchor(&self, units: &[Unit]) -> Option<usize> {
        let named = units.iter().enumerate().filter(|(_, unit)| !unit.is_batch && self.names_seed(unit));
        let fitting = named.filter(|(_, unit)| !self.contradicts_given(&unit.profile));
        fitting.min_by_key(|(_, unit)| self.seed.distance(unit.profile.from())).map(|(at, _)| at)
    }

    fn names_seed(&self, unit: &Unit) -> bool {
        match &self.seed.what {
            What::Key(key, value) => unit.profile.subjects.get(key).is_some_and(|values| values.contains_key(value)),
            What::Request(id) => unit.profile.requests.contains_key(id),
            What::Trace(trace) => unit.trace == Some(*trace),
        }
    }

    fn contradicts_given(&self, profile: &Profile) -> bool {
        let known = |key: &str| profile.places.get(key).or_else(|| profile.people.get(key));
        self.seed.given.iter().any(|(key, value)| known(key).is_some_and(|values| !values.contains(value)))
    }

    /// Traces found and not looked into yet, nearest first; those that must be of another story are passed over.
    fn traces_to_fetch(&mut self, standing: &Standing) -> Vec<TraceId> {
        let mut found: BTreeMap<TraceId, Vec<Fact>> = BTreeMap::new();
        for fact in self.waiting.drain(..) {
            if let Some(trace) = fact.trace_id.filter(|trace| !self.fetched.contains(trace)) {
                found.entry(trace).or_default().push(fact);
            }
        }
        let profiles = found.into_iter().map(|(trace, facts)| (trace, Profile::of(facts.iter(), &self.vocabulary)));
        let mut profiles: Vec<(TraceId, Profile)> = profiles.collect();
        profiles.sort_by_key(|(trace, profile)| (self.seed.distance(profile.from()), *trace));
        let anchor = self.meant(standing, &profiles);
        let mut traces = Vec::new();
        for (trace, profile) in profiles {
            let elsewhere = anchor.as_ref().is_some_and(|anchor| is_elsewhere(anchor, &profile));
            if elsewhere || self.contradicts_given(&profile) {
                self.passed_over.insert(trace, profile);
            } else if self.fetched.len() >= self.limits.traces_max {
                self.cut.insert(format!("looked into {} traces; there are more", self.limits.traces_max));
                self.passed_over.insert(trace, profile);
            } else {
                self.fetched.insert(trace);
                traces.push(trace);
            }
        }
        traces
    }

    /// What the traces found are held against: the story, or, where no trace was looked into yet,
    /// whatever bears the id nearest to the time that is meant.
    fn meant(&self, standing: &Standing, found: &[(TraceId, Profile)]) -> Option<Profile> {
        let story = standing.story.map(|(place, anchor)| {
            (self.seed.distance(standing.units[anchor].profile.from()), &standing.clusters[place].profile)
        });
        let nearest = found.iter().find(|(_, profile)| !self.contradicts_given(profile));
        let nearest = nearest.map(|(_, profile)| (self.seed.distance(profile.from()), profile));
        match (story, nearest) {
            (Some((story_at, _)), Some((at, profile))) if self.fetched.is_empty() && at < story_at => {
                Some(profile.clone())
            }
            (Some((_, profile)), _) | (None, Some((_, profile))) => Some(profile.clone()),
            (None, None) => None,
        }
    }

    /// What the story names and nobody looked up.
    fn next_question(&mut self, standing: &Standing) -> Question {
        let mut question = Question::default();
        let Some((place, _)) = standing.story.filter(|_| !self.is_told_whole(&standing.units)) else {
            return question;
        };
        let story = &standing.clusters[place];
        self.ask_for_subjects(&story.profile, &mut question);
        for unit in story.units.iter().map(|at| &standing.units[*at].profile) {
            self.ask_around(unit, &mut question);
        }
        let named = story.profile.links.iter().chain(&story.profile.contexts);
        for trace in named.filter_map(|text| TraceId::from_hex(text)) {
            if self.fetched.len() < self.limits.traces_max && self.fetched.insert(trace) {
                question.traces.push(trace);
            }
        }
        question
    }

    fn ask_for_subjects(&mut self, story: &Profile, question: &mut Question) {
        for (key, values) in &story.subjects {
            if values.len() > self.limits.subject_values_max {
                let count = values.len();
                self.cut.insert(format!("speaks of {count} values of {key}, which are not followed"));
                continue;
            }
            for value in values.keys() {
                if self.asked.insert(Asked::Key(key.clone(), value.clone())) {
                    question.keys.push((key.clone(), value.clone(), self.seed.within));
                }
            }
        }
    }

    fn ask_around(&mut self, unit: &Profile, question: &mut Question) {
        let around = |before: Duration, after: Duration| Stretch {
            from: UnixNanos(unit.from()).saturating_sub(before),
            to: UnixNanos(unit.to()).saturating_add(after),
        };
        let limits = &self.limits;
        for request in unit.requests.keys() {
            if self.asked.insert(Asked::Request(request.clone(), unit.from())) {
                question.requests.push((request.clone(), around(limits.request_within, limits.request_within)));
            }
        }
        for operation in &unit.operations {
            if self.asked.insert(Asked::Operation(operation.clone())) {
                question.operations.push((operation.clone(), self.seed.within));
            }
        }
        for message in &unit.messages {
            if self.asked.insert(Asked::Message(message.clone())) {
                question.messages.push((message.clone(), around(limits.message_within, limits.message_within)));
            }
        }
        for trace in unit.traces.iter().filter_map(|text| TraceId::from_hex(text)) {
            if self.asked.insert(Asked::Mention(trace)) {
                question.mentions.push(Mention {
                    trace,
                    links: around(limits.text_within, limits.link_within),
                    texts: around(limits.text_within, limits.text_within),
                });
            }
        }
    }

    /// The story as far as it was followed.
    pub fn finish(mut self) -> Told {
        let standing = self.standing();
        let mut telling = Telling::new(&self.facts, &standing.units, &self.seed);
        for cause in &self.cut {
            telling.cut(cause.clone());
        }
        let Some((place, anchor)) = standing.story else { return telling.finish() };
        let story = &standing.clusters[place];
        if self.is_told_whole(&standing.units) {
            telling.join_everything();
        } else {
            for (unit, judgement) in joins(&standing.units, story, anchor) {
                telling.join(unit, judgement.as_ref());
            }
        }
        telling.join_batches(&story.profile);
        let other = |(at, cluster): (usize, &Cluster)| {
            let same = cluster.units.iter().any(|unit| self.names_seed(&standing.units[*unit]));
            (at != place && same).then(|| cluster.profile.clone())
        };
        let others = standing.clusters.iter().enumerate().filter_map(other);
        telling.others(others.chain(self.passed_over.values().cloned()), self.limits.others_max);
        telling.finish()
    }
}

/// Whether a trace is of another place than a story, and does not say that it continues it.
fn is_elsewhere(story: &Profile, trace: &Profile) -> bool {
    let continues = !trace.links.is_disjoint(&story.traces)
        || !story.links.is_disjoint(&trace.traces)
        || !trace.contexts.is_disjoint(&story.traces)
        || !trace.messages.is_disjoint(&story.messages)
        || !trace.operations.is_disjoint(&story.operations);
    let other = |(key, values): (&String, &BTreeSet<String>)| {
        trace.places.get(key).is_some_and(|others| others.is_disjoint(values))
    };
    !continues && story.places.iter().any(other)
}
