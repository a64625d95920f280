//! How much a change of behaviour weighs, and whom it accuses.

use super::count::{Change, Event, Operation};
use crate::names::Name;
use hashbrown::{HashMap, HashSet};

/// A change of behaviour, weighed, and whom it accuses.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub(super) change: Change,
    pub(super) accused: Name,
    pub(super) score: f64,
    /// A branch, and callers have changed how they call.
    pub(super) asked_otherwise: bool,
}

/// A rate in between is a branch: which way it goes depends on what is asked for.
pub(super) const BRANCH: std::ops::RangeInclusive<f64> = 0.05..=0.95;
/// What is left of a branch's bits where callers have changed how they call.
pub(super) const BRANCH_WEIGHT: f64 = 0.4;
/// Nats from which on callers are held to call otherwise.
pub(super) const OTHERWISE: f64 = 3.0;
/// What an error line weighs for the peer that it names.
pub(super) const HEARSAY_WEIGHT: f64 = 0.5;
/// A call that was nearly always made; when it is missing, the callee is silent.
pub(super) const ALWAYS: f64 = 0.9;

/// Weighs changes and names the accused. `peer_named` tells the one other service that a template names.
pub(super) fn weigh(changes: Vec<Change>, peer_named: impl Fn(Name, Name) -> Option<Name>) -> Vec<Weighed> {
    let targets = targets(&changes);
    let called_otherwise = called_otherwise(&changes, &targets);
    let mut tried: HashMap<Name, f64> = HashMap::new();
    for change in changes.iter().filter(|change| !leaves(change)) {
        *tried.entry(change.unit.service).or_default() += 1.0;
    }
    let weigh = |change: Change| {
        let service = change.unit.service;
        let shift = &change.shift;
        let base = shift.nats - tried.get(&service).copied().unwrap_or(1.0).ln();
        let weight = shift.difference().abs().sqrt();
        let rises = shift.difference() > 0.0;
        let mut asked_otherwise = false;
        let (accused, weight) = match change.event {
            Event::Failed(_) if !rises => return None,
            Event::Failed(template) => match peer_named(template, service) {
                Some(peer) => (peer, weight * HEARSAY_WEIGHT),
                None if shift.reference.hits == 0.0 => (service, 1.0),
                None => (service, weight),
            },
            Event::Called(callee) if callee.0 != service => {
                let silent = !rises
                    && shift.reference.share() >= ALWAYS
                    && targets.get(&(service, change.unit.operation)).is_some_and(|targets| targets.len() == 1);
                if !silent {
                    return None;
                }
                (callee.0, weight)
            }
            Event::Called(_) | Event::Wrote(_) => {
                asked_otherwise = BRANCH.contains(&shift.reference.share()) && called_otherwise.contains(&service);
                (service, weight)
            }
        };
        let score = base * weight;
        (score > 0.0).then_some(Weighed { change, accused, score, asked_otherwise })
    };
    let mut weighed: Vec<Weighed> = changes.into_iter().filter_map(weigh).collect();
    weighed.sort_by(|a, b| b.score.total_cmp(&a.score));
    weighed
}

/// Whether an event is a call of another service.
pub(super) fn leaves(change: &Change) -> bool {
    matches!(change.event, Event::Called(callee) if callee.0 != change.unit.service)
}

/// The services that each operation reaches directly.
pub(super) fn targets(changes: &[Change]) -> HashMap<Operation, HashSet<Name>> {
    let mut targets: HashMap<Operation, HashSet<Name>> = HashMap::new();
    for change in changes.iter().filter(|change| leaves(change)) {
        if let Event::Called(callee) = change.event {
            targets.entry((change.unit.service, change.unit.operation)).or_default().insert(callee.0);
        }
    }
    targets
}

/// Services whose callers call them more or less often each time they run, themselves or by an operation of theirs
/// that stands for the call.
pub(super) fn called_otherwise(changes: &[Change], targets: &HashMap<Operation, HashSet<Name>>) -> HashSet<Name> {
    let mut otherwise = HashSet::new();
    for change in changes.iter().filter(|change| change.shift.nats > OTHERWISE) {
        if let Event::Called(callee) = change.event {
            if leaves(change) {
                otherwise.insert(callee.0);
            }
            otherwise.extend(
                targets.get(&callee).into_iter().flatten().copied().filter(|target| *target != change.unit.service),
            );
        }
    }
    otherwise
}
