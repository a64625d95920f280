//! Where time is spent: in a service's own code, or in a peer that sends no telemetry itself.
//!
//! Own time that grows is worth half: it is also what waiting for a lock, a pool or an unseen peer looks
//! like. A peer whose every statement is slower is slow itself; a single slower statement is that
//! statement's fault.

use crate::growth::{Growth, Sample};
use crate::names::Name;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{bits, sorted};
use crate::tell::{Teller, duration, quoted};
use model::{Bilingual, CauseKind, Entity, EntityKind};
use std::collections::BTreeMap;

/// What healthy data reaches.
const SELF_LEVEL: f64 = 8.0;
const SELF_WEIGHT: f64 = 0.5;
const PEER_LEVEL: f64 = 5.0;
/// Shorter times are noise of schedulers.
const FLOOR_NS: f64 = 2_000_000.0;

/// Place and operation.
type OwnKey = (Name, Name);
/// Peer, and the statement (else operation) that it was asked, by which service.
type AskedKey = (Name, Name, Name);

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let (own, asked) = samples(scene);
    let mut signs = own_signs(scene, teller, &own);
    signs.extend(peer_signs(scene, teller, &asked));
    signs
}

fn samples(scene: &Scene<'_>) -> (BTreeMap<OwnKey, Vec<Sample>>, BTreeMap<AskedKey, Vec<Sample>>) {
    let trees = &scene.trees;
    let (mut own, mut asked): (BTreeMap<OwnKey, Vec<Sample>>, BTreeMap<AskedKey, Vec<Sample>>) = Default::default();
    for trace in &trees.traces {
        let Some(slot) = scene.slots.of(trees.start(trace)) else { continue };
        for index in trace.clone() {
            let span = &trees.spans[index];
            let leaf = trees.children(index).next().is_none();
            if !span.peer.is_none() && leaf {
                asked.entry((span.peer, span.statement.or(span.operation), span.service)).or_default().push((
                    slot,
                    span.duration as f64,
                    index as u32,
                ));
            } else if leaf || !span.kind.leaves() {
                own.entry((span.instance.or(span.service), span.operation)).or_default().push((
                    slot,
                    trees.self_time(index) as f64,
                    index as u32,
                ));
            }
        }
    }
    (own, asked)
}

/// The operation of each place that has grown most.
fn own_signs(scene: &Scene<'_>, teller: &Teller<'_>, own: &BTreeMap<OwnKey, Vec<Sample>>) -> Vec<Sign> {
    let mut worst: BTreeMap<Name, (Name, Growth)> = BTreeMap::new();
    for ((place, operation), samples) in own {
        let Some(growth) = Growth::of(samples, &[], &scene.slots, FLOOR_NS).filter(Growth::is_inflated) else {
            continue;
        };
        if growth.statistic >= SELF_LEVEL
            && worst.get(place).is_none_or(|(_, known)| known.statistic < growth.statistic)
        {
            worst.insert(*place, (*operation, growth));
        }
    }
    let sign = |(place, (operation, growth)): (Name, (Name, Growth))| {
        let (name, operation) = (scene.text(place), scene.text(operation));
        let (now, before) = (duration(growth.now), duration(growth.reference));
        let text = Bilingual::new(
            format!("{operation} spends {now} in {name} itself, before {before}"),
            format!("{operation} 在 {name} 自身耗时 {now}，此前为 {before}"),
        );
        Sign {
            bits: SELF_WEIGHT * bits(growth.statistic, SELF_LEVEL),
            query: Some(format!(
                "SELECT date_trunc('minute', time) AS minute, approx_percentile_cont(duration_ns, 0.5) AS p50_ns, count(*) AS calls FROM spans WHERE service = {} AND operation = {} AND {} GROUP BY 1 ORDER BY 1",
                quoted(scene.service(place)),
                quoted(operation),
                teller.within("time")
            )),
            ..timed(scene, &growth, Sign::new(Aspect::SelfTime, scene.place(place), text))
        }
    };
    worst.into_iter().map(sign).collect()
}

fn timed(scene: &Scene<'_>, growth: &Growth, sign: Sign) -> Sign {
    Sign {
        since: scene.slots.start(growth.split),
        now: Some(growth.now),
        reference: Some(growth.reference),
        unit: "ns",
        traces: scene.trees.ids(&growth.worst),
        ..sign
    }
}

fn peer_signs(scene: &Scene<'_>, teller: &Teller<'_>, asked: &BTreeMap<AskedKey, Vec<Sample>>) -> Vec<Sign> {
    let mut of_peer: BTreeMap<Entity, Vec<(&AskedKey, Option<Growth>)>> = BTreeMap::new();
    let mut reference: BTreeMap<Name, Vec<f64>> = BTreeMap::new();
    for (key, samples) in asked {
        reference
            .entry(key.0)
            .or_default()
            .extend(samples.iter().filter(|(slot, ..)| *slot == 0).map(|sample| sample.1));
    }
    let reference: BTreeMap<Name, Vec<f64>> =
        reference.into_iter().map(|(peer, values)| (peer, sorted(values))).collect();
    for (key, samples) in asked {
        let growth = Growth::of(samples, &reference[&key.0], &scene.slots, FLOOR_NS);
        of_peer.entry(scene.peer(key.0)).or_default().push((key, growth.filter(Growth::is_inflated)));
    }
    let mut signs = Vec::new();
    for (peer, statements) in of_peer {
        let slow = statements.iter().filter(|(_, growth)| growth.is_some()).count();
        let worst = statements
            .iter()
            .filter_map(|(key, growth)| Some((*key, growth.as_ref()?)))
            .max_by(|a, b| a.1.statistic.total_cmp(&b.1.statistic));
        if let Some((key, growth)) = worst {
            signs.push(asked_sign(scene, teller, &peer, key, growth, (slow, statements.len())));
        }
    }
    signs
}

fn asked_sign(
    scene: &Scene<'_>,
    teller: &Teller<'_>,
    peer: &Entity,
    key: &AskedKey,
    growth: &Growth,
    (slow, all): (usize, usize),
) -> Sign {
    let (statement, service) = (scene.text(key.1), scene.text(key.2));
    let (now, before) = (duration(growth.now), duration(growth.reference));
    let text = Bilingual::new(
        format!(
            "{service} waits {now} for {} ({statement}), before {before}; {slow} of {all} kinds of calls to it are slower",
            peer.name
        ),
        format!(
            "{service} 等待 {}（{statement}）{now}，此前为 {before}；对它的 {all} 类调用中有 {slow} 类变慢",
            peer.name
        ),
    );
    let single = slow * 2 <= all;
    let cause = match peer.kind {
        EntityKind::Database if single => Some(CauseKind::SlowSql),
        EntityKind::Database => Some(CauseKind::Database),
        EntityKind::Cache => Some(CauseKind::Cache),
        EntityKind::Queue => Some(CauseKind::Queue),
        EntityKind::ThirdParty => Some(CauseKind::ThirdParty),
        _ => None,
    };
    Sign {
        bits: bits(growth.statistic, PEER_LEVEL),
        query: Some(format!(
            "SELECT date_trunc('minute', time) AS minute, operation, approx_percentile_cont(duration_ns, 0.5) AS p50_ns, count(*) AS calls FROM spans WHERE service = {} AND kind IN ('client', 'producer') AND {} GROUP BY 1, 2 ORDER BY 1, 2",
            quoted(service),
            teller.within("time")
        )),
        words: vec![statement.to_owned()],
        cause,
        ..timed(scene, growth, Sign::new(Aspect::PeerLatency, peer.clone(), text))
    }
}
