//! Behaviour: what an operation does each time it runs. It finds returns too early and exceptions, also
//! those that somebody swallowed.
//!
//! The unit is (service, operation, trace), and once more by the operation that it calls first: where one
//! operation serves many routes, the first call tells them apart. Its events are the log templates, error templates and calls
//! that were seen in it. Rates are per own invocation and never per traffic, so that a caller that calls
//! less, or a surge, changes nothing. Events that are no errors are compared among units of traces in
//! which the service logged no error: an error's wake is no behaviour of its own.

use crate::names::Name;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{Shift, bits, shift};
use crate::telemetry::{Level, Log};
use crate::tell::{Teller, like, percent, quoted};
use crate::trees::Trees;
use crate::window::{Counts, SLOTS_MAX, Slots};
use hashbrown::{HashMap, HashSet};
use model::Bilingual;

/// Service and operation.
type Operation = (Name, Name);

/// What is counted per trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
struct Unit {
    service: Name,
    operation: Name,
    /// What it calls first; empty: whatever it calls.
    route: Name,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Event {
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
struct Behaviour {
    units: HashMap<Unit, Units>,
    events: HashMap<(Unit, Event), Counts>,
}

/// A rate of an event that changed.
#[derive(Clone, Debug)]
struct Change {
    unit: Unit,
    event: Event,
    shift: Shift,
}

impl Behaviour {
    fn count(trees: &Trees<'_>, logs: &[Log], slots: &Slots) -> Self {
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
    fn changes(&self, slots: &Slots) -> Vec<Change> {
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
                Some(Change { unit: *unit, event: *event, shift: shift(hits, of, slots)? })
            })
            .collect();
        changes.sort_unstable_by_key(|change| (change.unit, change.event));
        changes
    }
}

/// What a span shows of its operation and of its parent's.
fn note(trees: &Trees<'_>, index: usize, seen: &mut Vec<(Unit, Option<Event>)>) {
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

fn lines_by_trace(logs: &[Log]) -> HashMap<u128, &[Log]> {
    logs.chunk_by(|a, b| a.trace == b.trace)
        .filter(|chunk| chunk[0].trace != 0)
        .map(|chunk| (chunk[0].trace, chunk))
        .collect()
}

/// A change of behaviour, weighed, and whom it accuses.
#[derive(Clone, Debug)]
struct Weighed {
    change: Change,
    accused: Name,
    score: f64,
    /// A branch, and callers have changed how they call.
    asked_otherwise: bool,
}

/// A rate in between is a branch: which way it goes depends on what is asked for.
const BRANCH: std::ops::RangeInclusive<f64> = 0.05..=0.95;
/// What is left of a branch's bits where callers have changed how they call.
const BRANCH_WEIGHT: f64 = 0.4;
/// Nats from which on callers are held to call otherwise.
const OTHERWISE: f64 = 3.0;
/// What an error line weighs for the peer that it names.
const HEARSAY_WEIGHT: f64 = 0.5;
/// A call that was nearly always made; when it is missing, the callee is silent.
const ALWAYS: f64 = 0.9;

/// Weighs changes and names the accused. `peer_named` tells the one other service that a template names.
fn weigh(changes: Vec<Change>, peer_named: impl Fn(Name, Name) -> Option<Name>) -> Vec<Weighed> {
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
fn leaves(change: &Change) -> bool {
    matches!(change.event, Event::Called(callee) if callee.0 != change.unit.service)
}

/// The services that each operation reaches directly.
fn targets(changes: &[Change]) -> HashMap<Operation, HashSet<Name>> {
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
fn called_otherwise(changes: &[Change], targets: &HashMap<Operation, HashSet<Name>>) -> HashSet<Name> {
    let mut otherwise = HashSet::new();
    for change in changes.iter().filter(|change| change.shift.nats > OTHERWISE) {
        if let Event::Called(callee) = change.event {
            if leaves(change) {
                otherwise.insert(callee.0);
            }
            otherwise.extend(targets.get(&callee).into_iter().flatten().copied().filter(|target| *target != change.unit.service));
        }
    }
    otherwise
}

/// What healthy data reaches.
const LEVEL: f64 = 4.0;

/// Changes of behaviour beyond the level.
pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let counted = Behaviour::count(&scene.trees, &scene.case.records.logs, &scene.slots);
    let weighed = weigh(counted.changes(&scene.slots), |template, service| named(scene, template, service));
    weighed.iter().filter(|weighed| weighed.score >= LEVEL).map(|weighed| sign(scene, teller, weighed)).collect()
}

/// The one other service that a template names.
fn named(scene: &Scene<'_>, template: Name, own: Name) -> Option<Name> {
    const NAME_BYTES_MIN: usize = 4;
    let text = scene.text(template);
    let is_named = |service: &&Name| {
        **service != own && scene.text(**service).len() >= NAME_BYTES_MIN && text.contains(scene.text(**service))
    };
    let mut others = scene.services.iter().filter(is_named);
    let only = others.next()?;
    others.next().is_none().then_some(*only)
}

fn sign(scene: &Scene<'_>, teller: &Teller<'_>, weighed: &Weighed) -> Sign {
    let change = &weighed.change;
    let (text, query, word) = match change.event {
        Event::Wrote(template) | Event::Failed(template) => line(scene, teller, change, template),
        Event::Called(callee) => call(scene, teller, change, callee),
    };
    let aspect = match change.event {
        Event::Called(callee) if callee.0 != change.unit.service => Aspect::Silence,
        Event::Failed(_) => Aspect::ErrorLog,
        _ => Aspect::Behaviour,
    };
    Sign {
        bits: bits(weighed.score, LEVEL) * if weighed.asked_otherwise { BRANCH_WEIGHT } else { 1.0 },
        since: scene.slots.start(change.shift.split),
        now: Some(change.shift.current.share()),
        reference: Some(change.shift.reference.share()),
        query: Some(query),
        words: vec![word.to_owned()],
        ..Sign::new(aspect, scene.place(weighed.accused), text)
    }
}

fn line<'a>(scene: &Scene<'a>, teller: &Teller<'_>, change: &Change, template: Name) -> (Bilingual, String, &'a str) {
    let (service, operation, line) =
        (scene.text(change.unit.service), scene.text(change.unit.operation), scene.text(template));
    let (before, now) = (percent(change.shift.reference.share()), percent(change.shift.current.share()));
    let error = matches!(change.event, Event::Failed(_));
    let (en, zh, severe) =
        if error { ("error line", "错误日志", " AND severity >= 17") } else { ("log line", "日志", "") };
    let text = Bilingual::new(
        format!("{service} {operation}: the {en} \"{line}\" comes in {now} of invocations, before in {before}"),
        format!("{service} {operation}：{zh}“{line}”出现在 {now} 的调用中，此前为 {before}"),
    );
    let query = format!(
        "SELECT date_trunc('minute', time) AS minute, count(DISTINCT trace_id) AS traces FROM logs WHERE service = {} AND body LIKE {}{severe} AND {} GROUP BY 1 ORDER BY 1",
        quoted(service),
        like(line),
        teller.within("time")
    );
    (text, query, line)
}

fn call<'a>(
    scene: &Scene<'a>,
    teller: &Teller<'_>,
    change: &Change,
    callee: Operation,
) -> (Bilingual, String, &'a str) {
    let (service, operation) = (scene.text(change.unit.service), scene.text(change.unit.operation));
    let (target, child) = (scene.text(callee.0), scene.text(callee.1));
    let (before, now) = (percent(change.shift.reference.share()), percent(change.shift.current.share()));
    let (route_en, route_zh) = match scene.text(change.unit.route) {
        "" => (String::new(), String::new()),
        route => (format!(" that begin with {route}"), format!("以 {route} 开始的")),
    };
    let text = Bilingual::new(
        format!(
            "{service} {operation}: {target} {child} follows in {now} of invocations{route_en}, before in {before}"
        ),
        format!("{service} {operation}：{route_zh}调用中有 {now} 出现 {target} {child}，此前为 {before}"),
    );
    let query = format!(
        "SELECT date_trunc('minute', p.time) AS minute, count(DISTINCT p.trace_id) AS invocations, count(DISTINCT c.trace_id) AS with_it \
         FROM spans p LEFT JOIN spans c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id AND c.service = {} AND c.operation = {} \
         WHERE p.service = {} AND p.operation = {} AND {} GROUP BY 1 ORDER BY 1",
        quoted(target),
        quoted(child),
        quoted(service),
        quoted(operation),
        teller.within("p.time")
    );
    (text, query, child)
}
