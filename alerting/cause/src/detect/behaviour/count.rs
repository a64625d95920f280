//! How often each event was seen, per operation and slot.

use crate::names::Name;
use crate::records::{Level, Log};
use crate::statistic::{Shift, shift};
use crate::trees::Trees;
use crate::window::{Counts, SLOTS_MAX, Slots};
use hashbrown::{HashMap, HashSet};

/// Service and operation.
pub(super) type Operation = (Name, Name);

/// What is counted per trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Unit {
    pub(super) service: Name,
    pub(super) operation: Name,
    /// What it calls first; empty: whatever it calls.
    pub(super) route: Name,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Event {
    /// It wrote a line of this template.
    Wrote(Name),
    /// It wrote a line of this template as an error.
    Failed(Name),
    /// It called this operation.
    Called(Operation),
}

/// How often units were seen, per slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Units {
    pub(super) all: Counts,
    /// In traces where the service logged no error.
    pub(super) clean: Counts,
}

/// All counts of one window.
#[derive(Debug, Default)]
pub(super) struct Behaviour {
    pub(super) units: HashMap<Unit, Units>,
    pub(super) events: HashMap<(Unit, Event), Counts>,
    /// Traces in which a service wrote anything.
    pub(super) writing: HashMap<Name, Counts>,
}

/// A rate of an event that changed.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) unit: Unit,
    pub(super) event: Event,
    pub(super) shift: Shift,
}

impl Behaviour {
    pub(super) fn count(trees: &Trees<'_>, logs: &[Log], slots: &Slots) -> Self {
        let mut counted = Self::default();
        let mut lines = lines_by_trace(logs);
        let mut seen = Vec::new();
        for trace in &trees.traces {
            let Some(slot) = slots.of(trees.start(trace)) else { continue };
            let lines = lines.remove(&trees.spans[trace.start].trace).unwrap_or_default();
            seen.clear();
            for index in trace.clone() {
                note(trees, index, &mut seen);
            }
            let mut unclean: HashSet<Name> = HashSet::new();
            for line in lines {
                let place = trees.find(trace, line.span).map(|index| &trees.spans[index as usize]);
                let (service, operation) =
                    place.map_or((line.service, Name::NONE), |span| (span.service, span.operation));
                let event = match line.level {
                    Level::Error => {
                        unclean.insert(service);
                        Event::Failed(line.template)
                    }
                    _ => Event::Wrote(line.template),
                };
                seen.push((Unit { service, operation, route: Name::NONE }, Some(event)));
            }
            let writing: HashSet<Name> = seen
                .iter()
                .filter(|(_, event)| matches!(event, Some(Event::Wrote(_) | Event::Failed(_))))
                .map(|(unit, _)| unit.service)
                .collect();
            for service in writing {
                counted.writing.entry(service).or_insert([0; SLOTS_MAX + 1])[slot] += 1;
            }
            counted.add(&mut seen, &unclean, slot);
        }
        counted
    }

    fn add(&mut self, seen: &mut Vec<(Unit, Option<Event>)>, unclean: &HashSet<Name>, slot: usize) {
        seen.sort_unstable();
        seen.dedup();
        for (unit, event) in seen.iter() {
            let clean = !unclean.contains(&unit.service);
            match event {
                None => {
                    let units = self.units.entry(*unit).or_default();
                    units.all[slot] += 1;
                    units.clean[slot] += u32::from(clean);
                }
                Some(event) if clean || matches!(event, Event::Failed(_)) => {
                    self.events.entry((*unit, *event)).or_insert([0; SLOTS_MAX + 1])[slot] += 1;
                }
                Some(_) => {}
            }
        }
    }

    /// All pairs that were compared, with the shift that each shows, in a fixed order.
    pub(super) fn changes(&self, slots: &Slots) -> Vec<Change> {
        let mut changes: Vec<Change> = self
            .events
            .iter()
            .filter_map(|((unit, event), hits)| {
                let units = self.units.get(unit)?;
                // An operation with one route only is not counted twice.
                let whole = self.units.get(&Unit { route: Name::NONE, ..*unit });
                if !unit.route.is_none() && whole.is_some_and(|whole| whole.all == units.all) {
                    return None;
                }
                let of = if matches!(event, Event::Failed(_)) { &units.all } else { &units.clean };
                let shift = shift(hits, of, slots)?;
                // Where logging itself began (or was not kept before), every line is new and none tells anything.
                let wrote = |counts: &Counts| counts[..shift.split].iter().any(|count| *count > 0);
                if matches!(event, Event::Wrote(_)) && !self.writing.get(&unit.service).is_some_and(wrote) {
                    return None;
                }
                Some(Change { unit: *unit, event: *event, shift })
            })
            .collect();
        changes.sort_unstable_by_key(|change| (change.unit, change.event));
        changes
    }
}

/// What a span shows of its operation and of its parent's.
pub(super) fn note(trees: &Trees<'_>, index: usize, seen: &mut Vec<(Unit, Option<Event>)>) {
    let span = &trees.spans[index];
    let unit = Unit { service: span.service, operation: span.operation, route: Name::NONE };
    seen.push((unit, None));
    let Some(first) = trees.children(index).next() else { return };
    let routed = Unit { route: trees.spans[first].operation, ..unit };
    seen.push((routed, None));
    for child in trees.children(index) {
        let child = (trees.spans[child].service, trees.spans[child].operation);
        seen.push((unit, Some(Event::Called(child))));
        if child.1 != routed.route {
            seen.push((routed, Some(Event::Called(child))));
        }
    }
}

pub(super) fn lines_by_trace(logs: &[Log]) -> HashMap<u128, &[Log]> {
    logs.chunk_by(|a, b| a.trace == b.trace)
        .filter(|chunk| chunk[0].trace != 0)
        .map(|chunk| (chunk[0].trace, chunk))
        .collect()
}
