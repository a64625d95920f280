//! Where errors come from: the deepest span that failed, in each trace.
//!
//! A failed span with a failed child only passes on. A call that failed and whose server is not seen
//! accuses whom it called: the peer it names, else the service that this operation usually reaches. An
//! answer that was limited, mocked or a fallback counts as failed: degraded is not healthy.

use crate::names::Name;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{Shift, bits, shift};
use crate::tell::{Teller, percent, quoted};
use crate::window::{Counts, SLOTS_MAX};
use hashbrown::HashMap;
use model::{Bilingual, CauseKind, Entity};
use std::collections::{BTreeMap, BTreeSet};

/// What healthy data reaches.
const LEVEL: f64 = 4.0;
const DEGRADED: [&str; 4] = ["limited", "broken_circuit", "mocked", "fallback"];
/// A call that failed although its server did not: the server may be slow, or the caller impatient.
const IMPATIENT_WEIGHT: f64 = 0.5;
const TRACES_SHOWN: usize = 3;

/// Whom a failure accuses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Accused {
    Service(Name),
    Peer(Name),
    /// The server of a call that failed at the client only.
    Waited(Name),
}

#[derive(Debug, Default)]
struct Origin {
    hits: Counts,
    traces: Vec<u128>,
    words: BTreeSet<Name>,
    degraded: bool,
    /// Current failures by the instance they are laid on.
    instances: BTreeMap<Name, u32>,
}

/// What failed in one trace and is laid on one accused.
#[derive(Debug, Default)]
struct Failed {
    degraded: bool,
    words: Vec<Name>,
    instances: Vec<Name>,
}

/// Operation of a service, and whom its failures accuse.
type Key = ((Name, Name), Accused);

#[derive(Debug, Default)]
struct Origins {
    units: HashMap<(Name, Name), Counts>,
    origins: BTreeMap<Key, Origin>,
    /// Current traces that reached each instance of a service.
    reached: HashMap<Name, BTreeMap<Name, u32>>,
}

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let counted = count(scene);
    let mut tried: HashMap<Name, f64> = HashMap::new();
    for (operation, _) in counted.origins.keys() {
        *tried.entry(operation.0).or_default() += 1.0;
    }
    let weigh = |(key, origin): (&Key, &Origin)| {
        let shift = shift(&origin.hits, counted.units.get(&key.0)?, &scene.slots)?;
        let weight = if shift.reference.hits == 0.0 { 1.0 } else { shift.difference().max(0.0).sqrt() };
        let weight = if matches!(key.1, Accused::Waited(_)) { weight * IMPATIENT_WEIGHT } else { weight };
        let score = (shift.nats - tried.get(&key.0.0).copied().unwrap_or(1.0).ln()) * weight;
        (shift.difference() > 0.0 && score >= LEVEL).then(|| Sign {
            accused: accused_of(scene, key, origin, &counted.reached),
            ..sign(scene, teller, key, origin, &shift, score)
        })
    };
    counted.origins.iter().filter_map(weigh).collect()
}

fn count(scene: &Scene<'_>) -> Origins {
    let trees = &scene.trees;
    let usual = usual_callees(scene);
    let mut counted = Origins::default();
    for trace in &trees.traces {
        let Some(slot) = scene.slots.of(trees.start(trace)) else { continue };
        let mut units: BTreeSet<(Name, Name)> = BTreeSet::new();
        let mut failed: BTreeMap<Key, Failed> = BTreeMap::new();
        let mut reached: BTreeSet<(Name, Name)> = BTreeSet::new();
        for index in trace.clone() {
            let span = &trees.spans[index];
            reached.insert((span.service, span.instance));
            let operation = (span.service, span.operation);
            units.insert(operation);
            if let Some(degraded) = failure(scene, index)
                && trees.children(index).all(|child| failure(scene, child).is_none())
            {
                let found = failed.entry((operation, accused(scene, index, &usual))).or_default();
                found.degraded |= degraded;
                found.words.push(span.exception.or(span.outcome));
                found.instances.push(trees.callee(index).map_or(span.instance, |server| trees.spans[server].instance));
            }
        }
        if slot > 0 {
            for (service, instance) in reached.into_iter().filter(|(_, instance)| !instance.is_none()) {
                *counted.reached.entry(service).or_default().entry(instance).or_default() += 1;
            }
        }
        for unit in units {
            counted.units.entry(unit).or_insert([0; SLOTS_MAX + 1])[slot] += 1;
        }
        for (key, failed) in failed {
            let origin = counted.origins.entry(key).or_default();
            origin.hits[slot] += 1;
            origin.degraded |= failed.degraded;
            origin.words.extend(failed.words);
            if slot > 0 {
                failed.instances.into_iter().for_each(|name| *origin.instances.entry(name).or_default() += 1);
                if origin.traces.len() < TRACES_SHOWN {
                    origin.traces.push(trees.spans[trace.start].trace);
                }
            }
        }
    }
    counted
}

/// Whether a span failed, and if so, whether only its answer was degraded.
fn failure(scene: &Scene<'_>, index: usize) -> Option<bool> {
    let span = &scene.trees.spans[index];
    let degraded = DEGRADED.contains(&scene.text(span.outcome));
    (span.failed || degraded).then_some(degraded && !span.failed)
}

fn accused(scene: &Scene<'_>, index: usize, usual: &HashMap<(Name, Name), Option<Name>>) -> Accused {
    let span = &scene.trees.spans[index];
    if !span.kind.leaves() && span.peer.is_none() {
        return Accused::Service(span.service);
    }
    if let Some(server) = scene.trees.callee(index) {
        return Accused::Waited(scene.trees.spans[server].service);
    }
    if !span.peer.is_none() {
        return Accused::Peer(span.peer);
    }
    match usual.get(&(span.service, span.operation)) {
        Some(Some(callee)) => Accused::Service(*callee),
        _ => Accused::Service(span.service),
    }
}

/// The one service that an operation that leaves its service reaches.
fn usual_callees(scene: &Scene<'_>) -> HashMap<(Name, Name), Option<Name>> {
    let mut callees: HashMap<(Name, Name), Option<Name>> = HashMap::new();
    for (index, span) in scene.trees.spans.iter().enumerate().filter(|(_, span)| span.kind.leaves()) {
        if let Some(server) = scene.trees.callee(index) {
            let callee = scene.trees.spans[server].service;
            callees
                .entry((span.service, span.operation))
                .and_modify(|known| *known = known.filter(|known| *known == callee))
                .or_insert(Some(callee));
        }
    }
    callees
}

/// Whom failures are laid on: the one instance of several that they all come from, else its service.
fn accused_of(scene: &Scene<'_>, key: &Key, origin: &Origin, reached: &HashMap<Name, BTreeMap<Name, u32>>) -> Entity {
    /// So many failures must come from one instance before it is named, and so much must others have been asked.
    const ALONE_MIN: u32 = 5;
    let service = match key.1 {
        Accused::Peer(peer) => return scene.peer(peer),
        Accused::Service(service) | Accused::Waited(service) => service,
    };
    let mut instances = origin.instances.iter();
    let only = instances.next().filter(|_| instances.next().is_none());
    let others = |name: Name| {
        let all = reached.get(&service).into_iter().flatten();
        all.filter(|(instance, _)| **instance != name).map(|(_, count)| *count).max().unwrap_or(0)
    };
    match only {
        Some((name, hits))
            if *hits >= ALONE_MIN && scene.instances.get(name) == Some(&service) && others(*name) >= ALONE_MIN =>
        {
            Entity::new(model::EntityKind::Instance, scene.text(*name))
        }
        _ => Entity::service(scene.text(service)),
    }
}

fn sign(scene: &Scene<'_>, teller: &Teller<'_>, key: &Key, origin: &Origin, shift: &Shift, score: f64) -> Sign {
    let (service, operation) = (scene.text(key.0.0), scene.text(key.0.1));
    let accused = match key.1 {
        Accused::Service(name) | Accused::Waited(name) => Entity::service(scene.text(name)),
        Accused::Peer(peer) => scene.peer(peer),
    };
    let (now, before) = (percent(shift.current.share()), percent(shift.reference.share()));
    let words: Vec<String> =
        origin.words.iter().map(|word| scene.text(*word).to_owned()).filter(|word| !word.is_empty()).collect();
    let (en, zh) = if origin.degraded {
        ("degraded answers begin", "降级响应始于")
    } else {
        ("errors begin", "错误始于")
    };
    let at = if accused == Entity::service(service) { String::new() } else { format!(" -> {}", accused.name) };
    let text = Bilingual::new(
        format!("{en} at {service} {operation}{at}: {now} of invocations, before {before}{}", listed(&words)),
        format!("{zh} {service} {operation}{at}：{now} 的调用，此前为 {before}{}", listed(&words)),
    );
    Sign {
        bits: bits(score, LEVEL),
        since: scene.slots.start(shift.split),
        now: Some(shift.current.share()),
        reference: Some(shift.reference.share()),
        query: Some(format!(
            "SELECT date_trunc('minute', time) AS minute, count(*) AS calls, count(*) FILTER (WHERE status = 'error') AS failed FROM spans WHERE service = {} AND operation = {} AND {} GROUP BY 1 ORDER BY 1",
            quoted(service),
            quoted(operation),
            teller.within("time")
        )),
        traces: origin.traces.clone(),
        cause: cause(&words),
        words,
        ..Sign::new(if origin.degraded { Aspect::Degraded } else { Aspect::ErrorOrigin }, accused, text)
    }
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// Kinds of causes that exceptions name by themselves, by parts of their lower-case names.
const TELLING: &[(&str, CauseKind)] = &[
    ("unknownhost", CauseKind::Dns),
    ("nxdomain", CauseKind::Dns),
    ("getaddrinfo", CauseKind::Dns),
    ("name_resolution", CauseKind::Dns),
    ("certificate", CauseKind::Certificate),
    ("sslhandshake", CauseKind::Certificate),
    ("certpath", CauseKind::Certificate),
    ("x509", CauseKind::Certificate),
    ("outofmemory", CauseKind::Memory),
    ("oomkilled", CauseKind::Memory),
    ("heapspace", CauseKind::Memory),
    ("connectionisnotavailable", CauseKind::ConnectionPool),
    ("toomanyconnections", CauseKind::ConnectionPool),
    ("connectionpool", CauseKind::ConnectionPool),
    ("transientconnection", CauseKind::ConnectionPool),
    ("pooltimeout", CauseKind::ConnectionPool),
    ("connectiontimeoutexception", CauseKind::ConnectionPool),
    ("rejectedexecution", CauseKind::ThreadPool),
    ("deadlock", CauseKind::Lock),
    ("locktimeout", CauseKind::Lock),
    ("lockwait", CauseKind::Lock),
    ("nospaceleft", CauseKind::Disk),
    ("enospc", CauseKind::Disk),
    ("validation", CauseKind::BadData),
    ("jsonparse", CauseKind::BadData),
    ("numberformat", CauseKind::BadData),
    ("deserializ", CauseKind::PoisonMessage),
];

pub(crate) fn cause(words: &[String]) -> Option<CauseKind> {
    let plain: Vec<String> =
        words.iter().map(|word| word.to_ascii_lowercase().replace([' ', '_', '-', '.'], "")).collect();
    TELLING
        .iter()
        .find(|(part, _)| plain.iter().any(|word| word.contains(&part.replace('_', ""))))
        .map(|(_, kind)| *kind)
}
