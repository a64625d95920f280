//! Senders that have fallen silent: an instance or service that took part in traces, or sent metrics, and
//! does so no more while others go on. And heartbeats that are late.

use crate::names::Name;
use crate::records::SpanKind;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{bits, shift};
use crate::tell::{Teller, percent, quoted};
use crate::window::{Counts, SLOTS_MAX, Side};
use model::{Bilingual, Entity, EntityKind};
use std::collections::{BTreeMap, BTreeSet};

/// What healthy data reaches.
const LEVEL: f64 = 8.0;
/// A sender seen more rarely may be silent by chance.
const SHARE_MIN: f64 = 0.02;
/// What a late heartbeat is worth: it was set up for this very purpose.
const HEARTBEAT_BITS: f64 = 4.0;

/// Senders of metrics, and whoever owes a heartbeat.
pub(super) fn elsewhere(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let mut signs = in_metrics(scene, teller);
    signs.extend(scene.case.heartbeats.iter().map(|heartbeat| {
        let (name, status) = (&heartbeat.name, &heartbeat.status);
        let text = Bilingual::new(
            format!(
                "heartbeat {name} is late{}",
                if status.is_empty() { String::new() } else { format!("; it said last: {status}") }
            ),
            format!(
                "心跳 {name} 超时{}",
                if status.is_empty() { String::new() } else { format!("；最后状态：{status}") }
            ),
        );
        Sign {
            bits: HEARTBEAT_BITS,
            since: heartbeat.since.0,
            words: vec![status.clone()],
            ..Sign::new(Aspect::Silence, heartbeat.entity.clone(), text)
        }
    }));
    signs
}

/// Operations that called each place, by slot, whether they reached it or not.
fn callers(scene: &Scene<'_>) -> BTreeMap<Name, Counts> {
    let trees = &scene.trees;
    let place = |index: usize| trees.spans[index].instance.or(trees.spans[index].service);
    let mut of_operation: BTreeMap<(Name, Name), Counts> = BTreeMap::new();
    let mut calling: BTreeMap<Name, BTreeSet<(Name, Name)>> = BTreeMap::new();
    for trace in &trees.traces {
        let Some(slot) = scene.slots.of(trees.start(trace)) else { continue };
        for index in trace.clone() {
            let span = &trees.spans[index];
            of_operation.entry((span.service, span.operation)).or_insert([0; SLOTS_MAX + 1])[slot] += 1;
            if let Some(parent) = trees.parent(index).filter(|parent| place(*parent) != place(index)) {
                let caller = &trees.spans[parent];
                calling.entry(place(index)).or_default().insert((caller.service, caller.operation));
            }
        }
    }
    let sum = |operations: BTreeSet<(Name, Name)>| {
        let mut all: Counts = [0; SLOTS_MAX + 1];
        for counts in operations.iter().filter_map(|operation| of_operation.get(operation)) {
            all.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
        }
        all
    };
    calling.into_iter().map(|(place, operations)| (place, sum(operations))).collect()
}

/// Places that traces no longer lead through, although callers still call (or nobody ever did).
pub(super) fn in_traces(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let trees = &scene.trees;
    let mut all: Counts = [0; SLOTS_MAX + 1];
    let mut hits: BTreeMap<Name, Counts> = BTreeMap::new();
    let replaced = replaced(scene, trees.spans.iter().map(|span| (span.instance, span.start)));
    let callers = callers(scene);
    // Who handles what he is given is not silent when he is given nothing; a backlog tells when he is.
    let mut fed: BTreeSet<Name> = BTreeSet::new();
    for trace in &trees.traces {
        let Some(slot) = scene.slots.of(trees.start(trace)) else { continue };
        all[slot] += 1;
        let place = |index: usize| trees.spans[index].instance.or(trees.spans[index].service);
        let is_fed = |index: &usize| trees.spans[*index].kind == SpanKind::Consumer && trees.parent(*index).is_none();
        fed.extend(trace.clone().filter(is_fed).map(place));
        let places: BTreeSet<Name> = trace.clone().map(place).collect();
        for place in places {
            hits.entry(place).or_insert([0; SLOTS_MAX + 1])[slot] += 1;
        }
    }
    let silent = |(place, hits): (Name, Counts)| {
        let shift = shift(&hits, &all, &scene.slots)?;
        // Who is not called any more is not silent: its callers behave otherwise.
        let called = callers.get(&place).is_none_or(|calls| calls[shift.split..].iter().any(|calls| *calls > 0));
        let gone = called && shift.current.hits == 0.0 && shift.reference.share() >= SHARE_MIN && shift.nats >= LEVEL;
        gone.then(|| {
            let name = scene.text(place);
            let share = percent(shift.reference.share());
            let text = Bilingual::new(
                format!("{name} takes part in no trace any more, before in {share}"),
                format!("{name} 不再出现在任何调用链中，此前占 {share}"),
            );
            Sign {
                bits: bits(shift.nats, LEVEL),
                since: scene.slots.start(shift.split),
                now: Some(0.0),
                reference: Some(shift.reference.share()),
                query: Some(query("spans", scene.service(place), teller)),
                ..Sign::new(Aspect::Silence, scene.place(place), text)
            }
        })
    };
    hits.into_iter()
        .filter(|(place, _)| !place.is_none() && !fed.contains(place) && !replaced.contains(scene.service(*place)))
        .filter_map(silent)
        .collect()
}

/// Services with instances that the reference has not seen: they have been rolled, moved or scaled, so that an
/// instance that is gone is no loss.
fn replaced<'a>(scene: &Scene<'a>, seen: impl Iterator<Item = (Name, i64)>) -> BTreeSet<&'a str> {
    let (mut old, mut new): (BTreeSet<Name>, BTreeSet<Name>) = Default::default();
    for (instance, time) in seen {
        match scene.side(time) {
            Some(Side::Reference) => old.insert(instance),
            Some(Side::Current) => new.insert(instance),
            None => false,
        };
    }
    new.difference(&old).map(|instance| scene.service(*instance)).collect()
}

fn query(table: &str, service: &str, teller: &Teller<'_>) -> String {
    format!(
        "SELECT date_trunc('minute', time) AS minute, count(*) AS rows FROM {table} WHERE service = {} AND {} GROUP BY 1 ORDER BY 1",
        quoted(service),
        teller.within("time")
    )
}

/// Instances whose metrics have all come to an end while those of others go on.
fn in_metrics(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    /// So many of its own intervals late.
    const LATE_INTERVALS: i64 = 3;
    let mut times: BTreeMap<Name, BTreeSet<i64>> = BTreeMap::new();
    for series in scene.case.records.series.iter().filter(|series| !series.key.instance.is_none()) {
        times
            .entry(series.key.instance)
            .or_default()
            .extend(series.points.iter().map(|point| point.0).filter(|time| scene.side(*time).is_some()));
    }
    let newest = times.values().filter_map(|times| times.last().copied()).max().unwrap_or(0);
    let going_on = times.values().filter(|times| times.last() == Some(&newest)).count();
    let silent = |(instance, times): (&Name, &BTreeSet<i64>)| {
        let last = *times.last()?;
        let steps: Vec<i64> = times.iter().zip(times.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a)).collect();
        let usual = *crate::statistic::middle(&steps)?;
        let late = steps.len() >= 4
            && going_on > 0
            && newest.saturating_sub(last) / usual.max(1) >= LATE_INTERVALS
            && scene.side(last.saturating_add(usual)) == Some(Side::Current);
        late.then(|| {
            let name = scene.text(*instance);
            let text = Bilingual::new(
                format!("{name} sends no metrics any more, others do"),
                format!("{name} 不再上报指标，其他实例正常"),
            );
            Sign {
                bits: bits(newest.saturating_sub(last) as f64 / usual.max(1) as f64, LATE_INTERVALS as f64),
                since: last,
                now: Some(0.0),
                query: Some(query("metrics", scene.service(*instance), teller)),
                ..Sign::new(Aspect::Silence, Entity::new(EntityKind::Instance, name), text)
            }
        })
    };
    let replaced = replaced(
        scene,
        times
            .iter()
            .flat_map(|(instance, times)| times.first().into_iter().chain(times.last()).map(|time| (*instance, *time))),
    );
    times.iter().filter(|(instance, _)| !replaced.contains(scene.service(**instance))).filter_map(silent).collect()
}
