//! A story as it is told: its facts in order of time, each with why it belongs and how sure that is.

use crate::evidence::Judgement;
use crate::fact::{Fact, FactId};
use crate::pair::{Operation, operations};
use crate::profile::Profile;
use crate::seed::{Seed, What};
use crate::unit::Unit;
use model::{TraceId, UnixNanos};
use std::collections::{BTreeMap, BTreeSet};

/// One fact of the story.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    pub fact: FactId,
    pub why: String,
    /// Probability that it belongs, 0 to 1.
    pub confidence: f64,
}

/// Another story under the id that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherStory {
    pub from: UnixNanos,
    pub to: UnixNanos,
    /// What tells it apart: places and people by key.
    pub marks: Vec<(String, String)>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Told {
    /// By time, then as the gatherer numbered them.
    pub members: Vec<Member>,
    pub trace_ids: Vec<TraceId>,
    pub request_ids: Vec<String>,
    /// Create and complete of each operation side by side.
    pub operations: Vec<Operation>,
    pub others: Vec<OtherStory>,
    /// Why there may be more; empty when there is none.
    pub cut: Vec<String>,
}

/// Puts a story together.
pub(crate) struct Telling<'f> {
    facts: &'f [Fact],
    units: &'f [Unit],
    seed: &'f Seed,
    members: BTreeMap<usize, Member>,
    told: Told,
}

impl<'f> Telling<'f> {
    pub(crate) fn new(facts: &'f [Fact], units: &'f [Unit], seed: &'f Seed) -> Self {
        Self { facts, units, seed, members: BTreeMap::new(), told: Told::default() }
    }

    pub(crate) fn cut(&mut self, why: String) {
        self.told.cut.push(why);
    }

    /// Adds every fact there is.
    pub(crate) fn join_everything(&mut self) {
        for (at, fact) in self.facts.iter().enumerate() {
            let why = self.asked(fact);
            self.add(at, why, 1.0);
        }
    }

    /// Adds a unit: by what was judged, or because it was asked for.
    pub(crate) fn join(&mut self, unit: usize, judgement: Option<&Judgement>) {
        let unit = &self.units[unit];
        let confidence = judgement.map_or(1.0, Judgement::confidence);
        for at in &unit.facts {
            let why = judgement.map_or_else(|| self.asked(&self.facts[*at]), ToString::to_string);
            self.add(*at, why, confidence);
        }
        for at in &unit.above {
            self.add(*at, "contains work for it, and for others".into(), confidence);
        }
    }

    /// Work on many at once belongs to each of them, as far as it says so.
    pub(crate) fn join_batches(&mut self, story: &Profile) {
        for unit in self.units.iter().filter(|unit| unit.is_batch) {
            let linked = unit.profile.links.intersection(&story.traces).next();
            let message = unit.profile.messages.intersection(&story.messages).next();
            let why = match (linked, message) {
                (Some(_), _) => "handles it in a batch: a span link joins the traces".to_owned(),
                (None, Some(message)) => format!("handles it in a batch: the same message {message}"),
                (None, None) => continue,
            };
            for at in unit.facts.iter().chain(&unit.above) {
                self.add(*at, why.clone(), 0.999);
            }
        }
    }

    fn asked(&self, fact: &Fact) -> String {
        match &self.seed.what {
            What::Key(key, value) if fact.values(key).any(|v| v == value) => format!("bears {key} {value}"),
            What::Request(id) if fact.request_id.as_ref() == Some(id) => format!("bears request id {id}"),
            What::Key(key, value) => format!("in a trace that bears {key} {value}"),
            What::Request(id) => format!("in a trace that bears request id {id}"),
            What::Trace(_) => "in the trace that was asked for".into(),
        }
    }

    fn add(&mut self, at: usize, why: String, confidence: f64) {
        let member = Member { fact: self.facts[at].id, why, confidence };
        self.members.entry(at).or_insert(member);
    }

    pub(crate) fn others(&mut self, profiles: impl Iterator<Item = Profile>, max: usize) {
        // What cannot be told apart by place or person is one line.
        let mut others: BTreeMap<Vec<(String, String)>, (i64, i64)> = BTreeMap::new();
        for profile in profiles {
            let marks = profile.places.iter().chain(&profile.people);
            let marks = marks.flat_map(|(key, values)| values.iter().map(move |value| (key.clone(), value.clone())));
            let span = others.entry(marks.collect()).or_insert((i64::MAX, i64::MIN));
            *span = (span.0.min(profile.from()), span.1.max(profile.to()));
        }
        let other = |(marks, (from, to))| OtherStory { from: UnixNanos(from), to: UnixNanos(to), marks };
        let mut others: Vec<OtherStory> = others.into_iter().map(other).collect();
        others.sort_by_key(|other| std::cmp::Reverse(other.to));
        others.truncate(max);
        self.told.others = others;
    }

    pub(crate) fn finish(self) -> Told {
        let mut told = self.told;
        let mut places: Vec<usize> = self.members.keys().copied().collect();
        places.sort_by_key(|at| (self.facts[*at].time, self.facts[*at].id));
        let traces = places.iter().filter_map(|at| self.facts[*at].trace_id);
        told.trace_ids = traces.collect::<BTreeSet<_>>().into_iter().collect();
        let requests = places.iter().filter_map(|at| self.facts[*at].request_id.clone());
        told.request_ids = requests.collect::<BTreeSet<_>>().into_iter().collect();
        told.operations = operations(places.iter().map(|at| &self.facts[*at]));
        let mut members = self.members;
        told.members = places.iter().filter_map(|at| members.remove(at)).collect();
        told
    }
}
