//! Whether two things belong to one story: what speaks for it, what against it, and how much.
//!
//! Weights are natural logarithms of odds, added up; above zero is more likely than not. They say what
//! the field knows: a link is meant, an id is not. An order number may begin anew tomorrow, a request
//! id comes round within hours, a store never lends its orders to another.

use crate::profile::{Profile, State, gap};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const LINK: f64 = 8.0;
const CONTEXT: f64 = 7.0;
const MESSAGE: f64 = 7.0;
const OPERATION: f64 = 6.0;
const REQUEST: f64 = 2.0;
const SUBJECT: f64 = 1.0;
/// Two ids of different kinds that agree: both would have to be used again at once.
const FURTHER_SUBJECT: f64 = 4.0;
/// Once for all places that agree: a store says its tenant, and uses its numbers again itself.
const SAME_PLACE: f64 = 1.0;
const OTHER_PLACE: f64 = -6.0;
const SAME_PERSON: f64 = 3.0;
/// Somebody else acts on the same thing: a clerk, a courier.
const OTHER_PERSON: f64 = -2.5;
/// Nobody else has part in the same request.
const OTHER_PERSON_OF_REQUEST: f64 = -5.0;
const OTHER_SUBJECT: f64 = -8.0;
const CONTINUES: f64 = 1.0;
const DOES_NOT_CONTINUE: f64 = -0.5;
const BEGINS_ANEW: f64 = -4.0;
/// The id was given to something new in the meantime.
const TAKEN_OVER: f64 = -2.5;

/// At one second and below, and what each factor of ten costs.
const SUBJECT_NEAR: (f64, f64) = (2.5, 0.75);
const REQUEST_NEAR: (f64, f64) = (3.0, 1.6);

/// One thing that speaks for or against a join.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Evidence {
    Link,
    Context(String),
    Message(String),
    Operation(String),
    Request { id: String, gap: i64 },
    Subject { key: String, value: String, gap: i64 },
    SamePlace { key: String, value: String },
    OtherPlace { key: String },
    SamePerson { key: String, value: String },
    OtherPerson { key: String },
    OtherSubject { key: String },
    Continues { key: String },
    DoesNotContinue { key: String },
    BeginsAnew { key: String },
}

/// What was weighed, and what came of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) score: f64,
    pub(crate) evidence: Vec<Evidence>,
}

impl Judgement {
    /// Probability that the two belong together.
    pub(crate) fn confidence(&self) -> f64 {
        1.0 / (1.0 + (-self.score).exp())
    }

    fn add(&mut self, weight: f64, evidence: Evidence) {
        self.score += weight;
        self.evidence.push(evidence);
    }
}

/// Weighs two profiles; `None` where nothing connects them.
pub(crate) fn judge(a: &Profile, b: &Profile) -> Option<Judgement> {
    let mut judgement = Judgement::default();
    let meant = connect_by_meaning(a, b, &mut judgement);
    let by_request = connect_by_request(a, b, meant, &mut judgement);
    let by_subject = connect_by_subject(a, b, meant, &mut judgement);
    if judgement.evidence.is_empty() {
        return None;
    }
    compare(a, b, by_request && !by_subject && !meant, &mut judgement);
    follow_values(a, b, &mut judgement);
    Some(judgement)
}

/// When an entity began, and where: from then on its id means the new one.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    entity: (String, String),
    time: i64,
    places: BTreeMap<String, BTreeSet<String>>,
}

/// All beginnings that a unit tells of.
pub(crate) fn beginnings(profile: &Profile) -> impl Iterator<Item = Beginning> + '_ {
    profile.states.iter().flat_map(|(entity, states)| {
        let begins = states.iter().filter(|state| state.begins);
        begins.map(|state| Beginning { entity: entity.clone(), time: state.time, places: profile.places.clone() })
    })
}

/// What speaks against a join because the id meant something newer when the later one happened.
pub(crate) fn taken_over(a: &Profile, b: &Profile, all: &[Beginning]) -> f64 {
    let over = owner_changed(a, b, all) || owner_changed(b, a, all);
    if over { TAKEN_OVER } else { 0.0 }
}

/// Whether `owner` began with an id, and something newer had begun with it before `later`, which does
/// not say itself that it begins.
fn owner_changed(owner: &Profile, later: &Profile, all: &[Beginning]) -> bool {
    let at = later.from();
    let mut shared = owner.states.iter().filter(|(entity, _)| !later.states.contains_key(*entity));
    shared.any(|(entity, states)| {
        let named = later.subjects.get(&entity.0).is_some_and(|values| values.contains_key(&entity.1));
        let Some(began) = states.iter().filter(|state| state.begins).map(|state| state.time).max() else {
            return false;
        };
        let newer = |beginning: &&Beginning| {
            beginning.entity == *entity
                && (began + 1..=at).contains(&beginning.time)
                && agreements(&beginning.places, &later.places).iter().all(|(_, same)| same.is_some())
                && agreements(&beginning.places, &owner.places).iter().all(|(_, same)| same.is_some())
        };
        named && all.iter().any(|beginning| newer(&beginning))
    })
}

/// Ids that say "I continue that": links, contexts, messages, operations.
fn connect_by_meaning(a: &Profile, b: &Profile, judgement: &mut Judgement) -> bool {
    if !a.links.is_disjoint(&b.traces) || !b.links.is_disjoint(&a.traces) {
        judgement.add(LINK, Evidence::Link);
    }
    let mentioned = first_common(&a.contexts, &b.traces)
        .or_else(|| first_common(&b.contexts, &a.traces))
        .or_else(|| first_common(&a.contexts, &b.contexts));
    if let Some(context) = mentioned {
        judgement.add(CONTEXT, Evidence::Context(context));
    }
    if let Some(message) = first_common(&a.messages, &b.messages) {
        judgement.add(MESSAGE, Evidence::Message(message));
    }
    if let Some(operation) = first_common(&a.operations, &b.operations) {
        judgement.add(OPERATION, Evidence::Operation(operation));
    }
    !judgement.evidence.is_empty()
}

fn first_common(a: &BTreeSet<String>, b: &BTreeSet<String>) -> Option<String> {
    a.intersection(b).next().cloned()
}

/// Nearness where an id alone says little; where a join was meant, time says nothing more.
fn near((at_once, per_decade): (f64, f64), gap: i64, meant: bool) -> f64 {
    if meant { 0.0 } else { at_once - per_decade * (gap as f64 / 1e9).max(1.0).log10() }
}

fn connect_by_request(a: &Profile, b: &Profile, meant: bool, judgement: &mut Judgement) -> bool {
    let common = a.requests.iter().filter_map(|(id, times)| Some((id, gap(times, b.requests.get(id)?)?)));
    let Some((id, gap)) = common.min_by_key(|(_, gap)| *gap) else { return false };
    judgement.add(REQUEST + near(REQUEST_NEAR, gap, meant), Evidence::Request { id: id.clone(), gap });
    true
}

fn connect_by_subject(a: &Profile, b: &Profile, meant: bool, judgement: &mut Judgement) -> bool {
    let mut nearest: Option<i64> = None;
    for (key, values) in &a.subjects {
        let Some(others) = b.subjects.get(key) else { continue };
        let common = values.iter().filter_map(|(value, times)| Some((value, gap(times, others.get(value)?)?)));
        match common.min_by_key(|(_, gap)| *gap) {
            Some((value, gap)) => {
                let evidence = Evidence::Subject { key: key.clone(), value: value.clone(), gap };
                judgement.add(if nearest.is_none() { SUBJECT } else { FURTHER_SUBJECT }, evidence);
                nearest = Some(nearest.map_or(gap, |before| before.min(gap)));
            }
            None => judgement.add(OTHER_SUBJECT, Evidence::OtherSubject { key: key.clone() }),
        }
    }
    judgement.score += nearest.map_or(0.0, |gap| near(SUBJECT_NEAR, gap, meant));
    nearest.is_some()
}

fn compare(a: &Profile, b: &Profile, only_request: bool, judgement: &mut Judgement) {
    let mut agreed = false;
    for (key, same) in agreements(&a.places, &b.places) {
        match same {
            Some(value) => {
                let weight = if std::mem::replace(&mut agreed, true) { 0.0 } else { SAME_PLACE };
                judgement.add(weight, Evidence::SamePlace { key, value });
            }
            None => judgement.add(OTHER_PLACE, Evidence::OtherPlace { key }),
        }
    }
    for (key, same) in agreements(&a.people, &b.people) {
        match same {
            Some(value) => judgement.add(SAME_PERSON, Evidence::SamePerson { key, value }),
            None if only_request => judgement.add(OTHER_PERSON_OF_REQUEST, Evidence::OtherPerson { key }),
            None => judgement.add(OTHER_PERSON, Evidence::OtherPerson { key }),
        }
    }
}

/// Keys that both have, each with a value that both have.
fn agreements(
    a: &BTreeMap<String, BTreeSet<String>>,
    b: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<(String, Option<String>)> {
    let both = a.iter().filter_map(|(key, values)| Some((key.clone(), first_common(values, b.get(key)?))));
    both.collect()
}

/// Values before and after: one story goes on where it stood, another begins.
fn follow_values(a: &Profile, b: &Profile, judgement: &mut Judgement) {
    for ((key, value), mine) in &a.states {
        let Some(theirs) = b.states.get(&(key.clone(), value.clone())) else { continue };
        let mut all: Vec<(&State, bool)> =
            mine.iter().map(|s| (s, true)).chain(theirs.iter().map(|s| (s, false))).collect();
        all.sort_by_key(|(state, _)| state.time);
        let (mut continues, mut breaks, mut anew) = (0, 0, false);
        for pair in all.windows(2) {
            let [(earlier, whose), (later, other)] = pair else { continue };
            if whose == other {
                continue;
            }
            anew |= later.begins;
            match (&earlier.after, &later.before) {
                (Some(after), Some(before)) if after == before => continues += 1,
                (Some(_), Some(before)) if !before.is_empty() => breaks += 1,
                _ => {}
            }
        }
        if anew {
            judgement.add(BEGINS_ANEW, Evidence::BeginsAnew { key: key.clone() });
        } else if continues > 0 {
            judgement.add(CONTINUES, Evidence::Continues { key: key.clone() });
        } else if breaks > 0 {
            judgement.add(DOES_NOT_CONTINUE, Evidence::DoesNotContinue { key: key.clone() });
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("a span link joins the traces"),
            Self::Context(id) => write!(f, "trace id {id} stands in its attributes or text"),
            Self::Message(id) => write!(f, "the same message {id}"),
            Self::Operation(id) => write!(f, "the same operation {id}"),
            Self::Request { id, gap } => write!(f, "the same request id {id}, {}", Gap(*gap)),
            Self::Subject { key, value, gap } => write!(f, "the same {key} {value}, {}", Gap(*gap)),
            Self::SamePlace { key, value } | Self::SamePerson { key, value } => write!(f, "the same {key} {value}"),
            Self::OtherPlace { key } | Self::OtherPerson { key } | Self::OtherSubject { key } => {
                write!(f, "although another {key}")
            }
            Self::Continues { key } => write!(f, "goes on from the value that {key} had"),
            Self::DoesNotContinue { key } => write!(f, "although not from the value that {key} had"),
            Self::BeginsAnew { key } => write!(f, "although {key} begins anew"),
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, evidence) in self.evidence.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{evidence}")?;
        }
        Ok(())
    }
}

/// A distance in time for people.
struct Gap(i64);

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 as f64 / 1e9;
        match seconds {
            s if s < 0.001 => f.write_str("at the same time"),
            s if s < 120.0 => write!(f, "{s:.3} s apart"),
            s if s < 7_200.0 => write!(f, "{:.1} min apart", s / 60.0),
            s if s < 172_800.0 => write!(f, "{:.1} h apart", s / 3_600.0),
            s => write!(f, "{:.1} d apart", s / 86_400.0),
        }
    }
}
