//! Who was left behind: callers of an old version fail where those of the new one are served. The new version
//! is not the culprit, and neither is whoever refuses the old one.

use crate::names::Name;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{Shift, bits, shift};
use crate::tell::{Teller, percent, quoted};
use crate::window::Counts;
use model::{Bilingual, CauseKind, Entity, EntityKind};
use std::collections::{BTreeMap, BTreeSet};

/// What healthy data reaches, nats.
const LEVEL: f64 = 4.0;
/// The old version fails this often at least, and the new one at most so often.
const FAILS: f64 = 0.5;
const SERVED: f64 = 0.1;
/// So much of all failures at the callee must come from the old version's callers.
const ALL: f64 = 0.9;

/// Calls of one operation by one version of a service.
#[derive(Debug, Default)]
struct Calls {
    of: Counts,
    hits: Counts,
    instances: BTreeSet<Name>,
    traces: Vec<u128>,
}

/// Caller, its operation and whom it calls.
type Way = (Name, Name, Entity);

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let ways = ways(scene);
    let mut failing: BTreeMap<&Entity, u32> = BTreeMap::new();
    for (way, versions) in &ways {
        let failed = versions.values().map(|calls| calls.hits[1..].iter().sum::<u32>()).sum::<u32>();
        *failing.entry(&way.2).or_default() += failed;
    }
    let signs = ways.iter().filter_map(|(way, versions)| {
        let found = left_behind(versions, scene)?;
        let failed = f64::from(found.calls.hits[1..].iter().sum::<u32>());
        (failed >= ALL * f64::from(failing[&way.2])).then(|| sign(scene, teller, way, &found))
    });
    signs.collect()
}

/// Calls that leave a service, by version of the caller.
fn ways(scene: &Scene<'_>) -> BTreeMap<Way, BTreeMap<Name, Calls>> {
    const TRACES_SHOWN: usize = 3;
    let trees = &scene.trees;
    let mut ways: BTreeMap<Way, BTreeMap<Name, Calls>> = BTreeMap::new();
    for trace in &trees.traces {
        let Some(slot) = scene.slots.of(trees.start(trace)) else { continue };
        for index in trace.clone() {
            let span = &trees.spans[index];
            if !span.kind.leaves() || span.version.is_none() || span.instance.is_none() {
                continue;
            }
            let callee = match trees.callee(index) {
                Some(server) => Entity::service(scene.text(trees.spans[server].service)),
                None if !span.peer.is_none() => scene.peer(span.peer),
                None => continue,
            };
            let way = (span.service, span.operation, callee);
            let calls = ways.entry(way).or_default().entry(span.version).or_default();
            calls.of[slot] += 1;
            let failed = span.failed && !is_passed_on(scene, index);
            calls.hits[slot] += u32::from(failed);
            if slot > 0 {
                calls.instances.insert(span.instance);
                if failed && calls.traces.len() < TRACES_SHOWN {
                    calls.traces.push(span.trace);
                }
            }
        }
    }
    ways
}

/// A call that failed because whom its server asked failed says nothing of who called.
fn is_passed_on(scene: &Scene<'_>, index: usize) -> bool {
    let server = scene.trees.callee(index);
    server.is_some_and(|server| scene.trees.children(server).any(|child| scene.trees.spans[child].failed))
}

/// A version that began to fail, and one that is served instead.
#[derive(Debug)]
struct LeftBehind<'v> {
    old: Name,
    new: Name,
    calls: &'v Calls,
    shift: Shift,
    /// Those that still run the old one, fewer than run the new one.
    instances: Vec<Name>,
}

/// The version that was there before and began to fail where one that was not there before is served.
fn left_behind<'v>(versions: &'v BTreeMap<Name, Calls>, scene: &Scene<'_>) -> Option<LeftBehind<'v>> {
    let known = |calls: &Calls| calls.of[0] > 0;
    let found = versions.iter().filter(|(_, calls)| known(calls)).filter_map(|(old, calls)| {
        let shift = shift(&calls.hits, &calls.of, &scene.slots)?;
        let share = |calls: &Calls| {
            let sum = |counts: &Counts| f64::from(counts[shift.split..].iter().sum::<u32>());
            (sum(&calls.of) > 0.0).then(|| sum(&calls.hits) / sum(&calls.of))
        };
        let served = |calls: &Calls| !known(calls) && share(calls).is_some_and(|share| share <= SERVED);
        let new = versions.iter().filter(|(_, other)| served(other));
        let (new, newer) = new.max_by_key(|(version, other)| (other.instances.len(), **version))?;
        let instances: Vec<Name> = calls.instances.difference(&newer.instances).copied().collect();
        let is_few = !instances.is_empty() && instances.len() < newer.instances.len();
        let fails = shift.nats >= LEVEL && shift.current.share() >= FAILS;
        (is_few && fails).then_some(LeftBehind { old: *old, new: *new, calls, shift, instances })
    });
    found.max_by(|a, b| a.shift.nats.total_cmp(&b.shift.nats))
}

fn sign(scene: &Scene<'_>, teller: &Teller<'_>, way: &Way, found: &LeftBehind<'_>) -> Sign {
    let (service, operation, callee) = (scene.text(way.0), scene.text(way.1), &way.2);
    let (old, new, shift) = (scene.text(found.old), scene.text(found.new), &found.shift);
    let accused = match found.instances.as_slice() {
        [only] => Entity::new(EntityKind::Instance, scene.text(*only)),
        _ => Entity::service(service),
    };
    let (now, before) = (percent(shift.current.share()), percent(shift.reference.share()));
    let text = Bilingual::new(
        format!(
            "{} still runs {old}: {now} of its calls {operation} to {} fail, before {before}; those of {new} do not",
            accused.name, callee.name
        ),
        format!(
            "{} 仍在运行 {old}：其对 {} 的 {operation} 调用失败 {now}，此前为 {before}；{new} 版本的调用正常",
            accused.name, callee.name
        ),
    );
    Sign {
        bits: bits(shift.nats, LEVEL),
        since: scene.slots.start(shift.split),
        now: Some(shift.current.share()),
        reference: Some(shift.reference.share()),
        query: Some(format!(
            "SELECT resource['service.version'] AS version, resource['service.instance.id'] AS instance, count(*) AS calls, \
             count(*) FILTER (WHERE status = 'error') AS failed FROM spans WHERE service = {} AND operation = {} AND {} GROUP BY 1, 2 ORDER BY 1, 2",
            quoted(service),
            quoted(operation),
            teller.within("time")
        )),
        traces: found.calls.traces.clone(),
        words: vec![callee.to_string()],
        cause: Some(CauseKind::VersionDrift),
        ..Sign::new(Aspect::Drift, accused, text)
    }
}
