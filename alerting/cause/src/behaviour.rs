//! Behaviour: what an operation does each time it runs. It finds returns too early and exceptions, also
//! those that somebody swallowed.
//!
//! The unit is (service, operation, trace). Its events are the log templates, error templates and calls
//! that were seen in it. Rates are per own invocation and never per traffic, so that a caller that calls
//! less, or a surge, changes nothing. Events that are no errors are compared among units of traces in
//! which the service logged no error: an error's wake is no behaviour of its own.

use crate::names::Name;
use crate::statistic::{Shift, shift};
use crate::telemetry::{Level, Log};
use crate::trees::Trees;
use crate::window::{Counts, SLOTS_MAX, Slots};
use hashbrown::{HashMap, HashSet};

/// Service and operation.
pub(crate) type Operation = (Name, Name);

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Event {
    /// It wrote a line of this template.
    Wrote(Name),
    /// It wrote a line of this template as an error.
    Failed(Name),
    /// It called this operation.
    Called(Operation),
}

/// How often units were seen, per slot.
#[derive(Clone, Copy, Debug, Default)]
struct Units {
    all: Counts,
    /// In traces where the service logged no error.
    clean: Counts,
}

/// All counts of one window.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    units: HashMap<Operation, Units>,
    events: HashMap<(Operation, Event), Counts>,
}

/// A rate of an event that changed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) operation: Operation,
    pub(crate) event: Event,
    pub(crate) shift: Shift,
}

impl Behaviour {
    pub(crate) fn count(trees: &Trees<'_>, logs: &[Log], slots: &Slots) -> Self {
        let mut counted = Self::default();
        let mut lines = lines_by_trace(logs);
        let mut seen = Vec::new();
        for trace in &trees.traces {
            let Some(slot) = slots.of(trees.start(trace)) else { continue };
            let lines = lines.remove(&trees.spans[trace.start].trace).unwrap_or_default();
            seen.clear();
            for index in trace.clone() {
                let span = &trees.spans[index];
                let own = (span.service, span.operation);
                seen.push((own, None));
                if let Some(parent) = trees.parent(index) {
                    let parent = &trees.spans[parent];
                    seen.push(((parent.service, parent.operation), Some(Event::Called(own))));
                }
            }
            let mut unclean: HashSet<Name> = HashSet::new();
            for line in lines {
                let place = trees.find(trace, line.span).map(|index| &trees.spans[index as usize]);
                let operation = place.map_or((line.service, Name::NONE), |span| (span.service, span.operation));
                let event = match line.level {
                    Level::Error => {
                        unclean.insert(operation.0);
                        Event::Failed(line.template)
                    }
                    _ => Event::Wrote(line.template),
                };
                seen.push((operation, Some(event)));
            }
            counted.add(&mut seen, &unclean, slot);
        }
        counted
    }

    fn add(&mut self, seen: &mut Vec<(Operation, Option<Event>)>, unclean: &HashSet<Name>, slot: usize) {
        seen.sort_unstable();
        seen.dedup();
        for (operation, event) in seen.iter() {
            let clean = !unclean.contains(&operation.0);
            match event {
                None => {
                    let units = self.units.entry(*operation).or_default();
                    units.all[slot] += 1;
                    units.clean[slot] += u32::from(clean);
                }
                Some(event) if clean || matches!(event, Event::Failed(_)) => {
                    self.events.entry((*operation, *event)).or_insert([0; SLOTS_MAX + 1])[slot] += 1;
                }
                Some(_) => {}
            }
        }
    }

    /// All pairs that were compared, with the shift that each shows, in a fixed order.
    pub(crate) fn changes(&self, slots: &Slots) -> Vec<Change> {
        let mut changes: Vec<Change> = self
            .events
            .iter()
            .filter_map(|((operation, event), hits)| {
                let units = self.units.get(operation)?;
                let of = if matches!(event, Event::Failed(_)) { &units.all } else { &units.clean };
                Some(Change { operation: *operation, event: *event, shift: shift(hits, of, slots)? })
            })
            .collect();
        changes.sort_unstable_by_key(|change| (change.operation, change.event));
        changes
    }
}

fn lines_by_trace(logs: &[Log]) -> HashMap<u128, &[Log]> {
    logs.chunk_by(|a, b| a.trace == b.trace).filter(|chunk| chunk[0].trace != 0).map(|chunk| (chunk[0].trace, chunk)).collect()
}

/// A change of behaviour, weighed, and whom it accuses.
#[derive(Clone, Debug)]
pub(crate) struct Weighed {
    pub(crate) change: Change,
    pub(crate) accused: Name,
    pub(crate) score: f64,
}

/// A rate in between is a branch: which way it goes depends on what is asked for.
const BRANCH: std::ops::RangeInclusive<f64> = 0.05..=0.95;
/// What a branch still weighs where callers have changed how they call.
const BRANCH_WEIGHT: f64 = 0.3;
/// What an error line weighs for the peer that it names.
const HEARSAY_WEIGHT: f64 = 0.5;
/// A call that was nearly always made; when it is missing, the callee is silent.
const ALWAYS: f64 = 0.9;

/// Weighs changes and names the accused. `peer_named` tells the one other service that a template names.
pub(crate) fn weigh(changes: Vec<Change>, peer_named: impl Fn(Name, Name) -> Option<Name>) -> Vec<Weighed> {
    let mut tried: HashMap<Name, f64> = HashMap::new();
    let mut targets: HashMap<Operation, HashSet<Name>> = HashMap::new();
    let mut called_otherwise: HashSet<Name> = HashSet::new();
    for change in &changes {
        *tried.entry(change.operation.0).or_default() += 1.0;
        if let Event::Called(callee) = change.event && callee.0 != change.operation.0 {
            targets.entry(change.operation).or_default().insert(callee.0);
            if change.shift.nats > 3.0 {
                called_otherwise.insert(callee.0);
            }
        }
    }
    let weigh = |change: Change| {
        let service = change.operation.0;
        let shift = &change.shift;
        let base = shift.nats - tried.get(&service).copied().unwrap_or(1.0).ln();
        let weight = shift.difference().abs().sqrt();
        let rises = shift.difference() > 0.0;
        let (accused, weight) = match change.event {
            Event::Failed(_) if !rises => return None,
            Event::Failed(template) => match peer_named(template, service) {
                Some(peer) => (peer, weight * HEARSAY_WEIGHT),
                None if shift.reference.hits == 0.0 => (service, 1.0),
                None => (service, weight),
            },
            Event::Called(callee) if callee.0 != service => {
                let silent = !rises && shift.reference.share() >= ALWAYS && targets.get(&change.operation).is_some_and(|targets| targets.len() == 1);
                if !silent {
                    return None;
                }
                (callee.0, weight)
            }
            Event::Called(_) | Event::Wrote(_) => {
                let branch = BRANCH.contains(&shift.reference.share()) && called_otherwise.contains(&service);
                (service, if branch { weight * BRANCH_WEIGHT } else { weight })
            }
        };
        let score = base * weight;
        (score > 0.0).then_some(Weighed { change, accused, score })
    };
    let mut weighed: Vec<Weighed> = changes.into_iter().filter_map(weigh).collect();
    weighed.sort_by(|a, b| b.score.total_cmp(&a.score));
    weighed
}
