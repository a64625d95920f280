//! How often an operation calls the same thing each time it runs: a loop around a query, or retries.

use crate::growth::{Growth, Sample};
use crate::names::Name;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::bits;
use crate::tell::{Teller, figure, quoted};
use model::{Bilingual, CauseKind, Entity, EntityKind};
use std::collections::BTreeMap;

/// What healthy data reaches.
const LEVEL: f64 = 6.0;
/// Twice instead of once is no loop.
const COUNT_FLOOR: f64 = 1.5;

/// Service and operation, and what it calls: the statement, else the operation of the call.
type Key = ((Name, Name), Name);

/// Calls of one kind under one span, and how many of them repeated or failed.
#[derive(Clone, Copy, Debug, Default)]
struct Called {
    calls: u32,
    repeats: u32,
    peer: Name,
}

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let mut samples: BTreeMap<Key, (Vec<Sample>, Called)> = BTreeMap::new();
    let trees = &scene.trees;
    for trace in &trees.traces {
        let Some(slot) = scene.slots.of(trees.start(trace)) else { continue };
        for index in trace.clone() {
            for (what, called) in under(scene, index) {
                let span = &trees.spans[index];
                let (samples, all) = samples.entry(((span.service, span.operation), what)).or_default();
                samples.push((slot, f64::from(called.calls), index as u32));
                if slot > 0 {
                    all.calls += called.calls;
                    all.repeats += called.repeats;
                }
                all.peer = all.peer.max(called.peer);
            }
        }
    }
    let grown = |(key, (samples, called)): (&Key, &(Vec<Sample>, Called))| {
        let growth = Growth::of(samples, &[], &scene.slots, COUNT_FLOOR)
            .filter(|growth| growth.is_inflated() && growth.statistic >= LEVEL)?;
        Some(sign(scene, teller, key, *called, &growth))
    };
    samples.iter().filter_map(grown).collect()
}

/// The calls that leave the service directly under a span.
fn under(scene: &Scene<'_>, index: usize) -> BTreeMap<Name, Called> {
    let trees = &scene.trees;
    let mut calls: BTreeMap<Name, Called> = BTreeMap::new();
    let mut failed_before = false;
    for child in trees.children(index).map(|child| &trees.spans[child]).filter(|child| child.kind.leaves()) {
        let called = calls.entry(child.statement.or(child.operation)).or_default();
        called.repeats += u32::from(child.resent || (called.calls > 0 && failed_before));
        called.calls += 1;
        called.peer = called.peer.max(child.peer);
        failed_before = child.failed;
    }
    calls
}

fn sign(scene: &Scene<'_>, teller: &Teller<'_>, key: &Key, called: Called, growth: &Growth) -> Sign {
    let (service, operation, what) = (scene.text(key.0.0), scene.text(key.0.1), scene.text(key.1));
    let (now, before) = (figure(growth.now), figure(growth.reference));
    let retried = called.repeats * 2 > called.calls;
    let (aspect, cause, en, zh) = if retried {
        (Aspect::Retry, Some(CauseKind::RetryStorm), "repeats", "重试")
    } else {
        let database = !called.peer.is_none() && scene.peer(called.peer).kind == EntityKind::Database;
        (Aspect::CallCount, database.then_some(CauseKind::NPlusOne), "calls", "调用")
    };
    let text = Bilingual::new(
        format!("{service} {operation} {en} \"{what}\" {now} times each time it runs, before {before}"),
        format!("{service} {operation} 每次执行{zh}“{what}” {now} 次，此前为 {before} 次"),
    );
    Sign {
        bits: bits(growth.statistic, LEVEL),
        since: scene.slots.start(growth.split),
        now: Some(growth.now),
        reference: Some(growth.reference),
        query: Some(format!(
            "SELECT date_trunc('minute', p.time) AS minute, count(*) * 1.0 / count(DISTINCT p.span_id) AS calls_each FROM spans p JOIN spans c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id WHERE p.service = {} AND p.operation = {} AND c.kind IN ('client', 'producer') AND {} GROUP BY 1 ORDER BY 1",
            quoted(service),
            quoted(operation),
            teller.within("p.time")
        )),
        traces: scene.trees.ids(&growth.worst),
        words: vec![what.to_owned()],
        cause,
        ..Sign::new(aspect, Entity::service(service), text)
    }
}
