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

/// As many calls as an operation makes that it has never made, so many times it ran.
const NEVER: [f64; 8] = [0.0; 8];

/// Service and operation, and what it calls: the statement, else the operation of the call.
type Key = ((Name, Name), Name);

/// Calls of one kind under one span, and how many of them repeated or failed.
#[derive(Clone, Copy, Debug, Default)]
struct Called {
    calls: u32,
    repeats: u32,
    /// Failed at the client, and not at the server: it was too late.
    late: u32,
    failed: u32,
    peer: Name,
    /// The service that was seen to serve it.
    server: Name,
}

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let mut samples: BTreeMap<Key, (Vec<Sample>, Called)> = BTreeMap::new();
    let mut usual_runs: BTreeMap<(Name, Name), usize> = BTreeMap::new();
    let trees = &scene.trees;
    for trace in &trees.traces {
        let Some(slot) = scene.slots.of(trees.start(trace)) else { continue };
        for index in trace.clone() {
            let span = &trees.spans[index];
            if slot == 0 {
                *usual_runs.entry((span.service, span.operation)).or_default() += 1;
            }
            for (what, called) in under(scene, index) {
                let (samples, all) = samples.entry(((span.service, span.operation), what)).or_default();
                samples.push((slot, f64::from(called.calls), index as u32));
                if slot > 0 {
                    all.calls += called.calls;
                    all.repeats += called.repeats;
                    all.late += called.late;
                    all.failed += called.failed;
                }
                all.peer = all.peer.max(called.peer);
                all.server = all.server.max(called.server);
            }
        }
    }
    let grown = samples.iter().flat_map(|(key, (samples, called))| {
        // What an operation that ran before has never called, it called no time.
        let runs = usual_runs.get(&key.0).copied().unwrap_or(0).min(NEVER.len());
        let growth = Growth::of(samples, &NEVER[..runs], &scene.slots, COUNT_FLOOR)
            .filter(|growth| growth.is_inflated() && growth.statistic >= LEVEL);
        let told = |growth: Growth| {
            let own = sign(scene, teller, key, *called, &growth);
            let flooded = flooded(scene, &own, *called);
            std::iter::once(own).chain(flooded)
        };
        growth.into_iter().flat_map(told).collect::<Vec<_>>()
    });
    grown.collect()
}

/// Who is asked again and again because it is late, and does not fail itself, is late because it is asked: the
/// repeated calls are a storm that it stands in, too.
fn flooded(scene: &Scene<'_>, own: &Sign, called: Called) -> Option<Sign> {
    let late = own.aspect == Aspect::Retry && !called.server.is_none() && called.late * 2 > called.failed;
    let (caller, callee) = (&own.accused.name, scene.text(called.server));
    let text = Bilingual::new(
        format!("{callee} is flooded by the repeated calls of {caller}, and late rather than broken: {}", own.text.en),
        format!("{callee} 被 {caller} 的重试请求淹没，只是变慢而自身并不报错：{}", own.text.zh),
    );
    late.then(|| Sign { accused: Entity::service(callee), text, ..own.clone() })
}

/// The calls that leave the service directly under a span.
fn under(scene: &Scene<'_>, index: usize) -> BTreeMap<Name, Called> {
    let trees = &scene.trees;
    let mut calls: BTreeMap<Name, Called> = BTreeMap::new();
    let mut failed_before = false;
    for (at, child) in trees.children(index).map(|at| (at, &trees.spans[at])).filter(|(_, child)| child.kind.leaves()) {
        let server = trees.callee(at).map(|server| &trees.spans[server]);
        let called = calls.entry(child.statement.or(child.operation)).or_default();
        called.repeats += u32::from(child.resent || (called.calls > 0 && failed_before));
        called.calls += 1;
        called.peer = called.peer.max(child.peer);
        called.failed += u32::from(child.failed);
        called.late += u32::from(child.failed && server.is_some_and(|server| !server.failed));
        called.server = called.server.max(server.map_or(Name::NONE, |server| server.service));
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
