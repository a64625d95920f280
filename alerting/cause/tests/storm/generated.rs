//! A generated storm: one estate, several faults at once, flaps, repeats and noise, 100,000 alerts in 10 minutes.

use crate::play::{Player, told};
use crate::score::{Fault, score};
use incident::{Estate, Link, Relation, Told};
use model::{Entity, UnixNanos};
use std::collections::{BTreeMap, BTreeSet};

/// SplitMix64: the same storm on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

const SERVICES: usize = 300;
const TIERS: usize = 6;
const T0: i64 = 1_760_000_000;

struct World {
    callees: Vec<Vec<usize>>,
    callers: Vec<Vec<usize>>,
}

/// Services in tiers; each calls two or three of the next tier, most of its own domain (a tenth of the estate).
fn world(dice: &mut Dice) -> World {
    let per_tier = SERVICES / TIERS;
    let mut world = World { callees: vec![Vec::new(); SERVICES], callers: vec![Vec::new(); SERVICES] };
    for service in 0..per_tier * (TIERS - 1) {
        let tier = service / per_tier;
        let domain = service % per_tier / 5;
        for _ in 0..2 + dice.roll(2) {
            let column = if dice.roll(8) == 0 { dice.roll(per_tier) } else { domain * 5 + dice.roll(5) };
            let callee = (tier + 1) * per_tier + column;
            if !world.callees[service].contains(&callee) {
                world.callees[service].push(callee);
                world.callers[callee].push(service);
            }
        }
    }
    world
}

fn name(service: usize) -> String {
    format!("svc-{service:03}")
}

fn estate(world: &World) -> Estate {
    let mut links = Vec::new();
    let mut link = |from: String, relation, to: String| {
        links.push(Link { from: Entity::read(&from), relation, to: Entity::read(&to), calls: 1, seen: None });
    };
    for service in 0..SERVICES {
        world.callees[service].iter().for_each(|callee| link(name(service), Relation::Calls, name(*callee)));
        for pod in 0..3 {
            let pod_name = format!("pod:{}-{pod}", name(service));
            link(pod_name.clone(), Relation::InstanceOf, name(service));
            link(pod_name, Relation::RunsOn, format!("node:n{}", (service * 3 + pod) % 40));
        }
    }
    Estate { links }
}

/// Who suffers when a service breaks: itself, its callers, theirs, with the hops.
fn cone(world: &World, root: usize) -> BTreeMap<usize, i64> {
    let mut cone = BTreeMap::from([(root, 0)]);
    let mut edge = vec![root];
    for hop in 1..=3 {
        let callers: BTreeSet<usize> =
            edge.iter().flat_map(|service| world.callers[*service].iter().copied()).collect();
        edge = callers.into_iter().filter(|caller| !cone.contains_key(caller)).collect();
        edge.iter().for_each(|caller| {
            cone.insert(*caller, hop);
        });
    }
    cone
}

struct Shot {
    at: i64,
    told: Told,
    fault: Option<String>,
}

fn at(milliseconds: i64) -> UnixNanos {
    UnixNanos((T0 * 1000 + milliseconds) * 1_000_000)
}

fn shot(milliseconds: i64, labels: &[(&str, &str)], fault: Option<&str>) -> Shot {
    Shot { at: milliseconds, told: told(labels, at(milliseconds)), fault: fault.map(str::to_owned) }
}

/// One fault: at the root its resource, its logs and its pods; up the calls errors and latency of service,
/// operations and pods. Told again every 30 seconds until the storm ends.
fn fault(world: &World, dice: &mut Dice, root: usize, begins: i64, shots: &mut Vec<Shot>) -> usize {
    let fault = name(root);
    let cone = cone(world, root);
    for (service, hop) in &cone {
        let service_name = name(*service);
        let starts = begins + hop * 4_000 + dice.roll(3_000) as i64;
        let mut labels: Vec<Vec<(&str, String)>> = Vec::new();
        for metric in ["latency_p99", "error_rate"] {
            labels.push(vec![
                ("alertname", "ServiceIndicator".into()),
                ("metric", metric.into()),
                ("service", service_name.clone()),
            ]);
        }
        for operation in 0..4 {
            let operation = format!("/api/{operation}");
            labels.push(vec![
                ("alertname", "OperationSlow".into()),
                ("operation", operation),
                ("service", service_name.clone()),
            ]);
        }
        for pod in 0..3 {
            let pod = format!("{service_name}-{pod}");
            let here = |alert: &str, metric: &str| {
                vec![
                    ("alertname", alert.into()),
                    ("metric", metric.into()),
                    ("pod", pod.clone()),
                    ("service", service_name.clone()),
                ]
            };
            labels.push(here("PodErrors", "http_errors"));
            if *hop == 0 {
                labels.push(here("PodMemory", "container_memory"));
                labels.push(here("PodGc", "jvm_gc_pause"));
            }
        }
        for own in &labels {
            let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let start = starts + dice.roll(2_000) as i64;
            let mut heard = start;
            while heard < 600_000 {
                let mut told = shot(heard, &own, Some(&fault));
                told.told.starts_at = Some(at(start));
                shots.push(told);
                heard += 15_000 + dice.roll(10_000) as i64;
            }
        }
    }
    cone.len()
}

fn storm(world: &World, dice: &mut Dice, roots: &[(usize, i64)]) -> Vec<Shot> {
    let mut shots = Vec::new();
    for (root, begins) in roots {
        fault(world, dice, *root, *begins, &mut shots);
    }
    // Noise: a few strangers, and flapping ones where nothing is broken.
    for n in 0..40 {
        let stranger = format!("batch-{n:02}");
        let when = dice.roll(590_000) as i64;
        shots.push(shot(when, &[("alertname", "JobLate"), ("service", &stranger)], None));
    }
    for n in 0..10 {
        let host = format!("edge-{n}");
        for round in 0..20 {
            let mut flap = shot(round * 25_000 + n * 100, &[("alertname", "LinkFlap"), ("host", &host)], None);
            flap.told.resolved = round % 2 == 1;
            flap.told.ends_at = (round % 2 == 1).then_some(at(flap.at));
            shots.push(flap);
        }
    }
    shots.sort_by_key(|shot| shot.at);
    shots
}

#[test]
fn a_hundred_thousand_alerts_become_an_incident_per_cause() {
    let mut dice = Dice(7);
    let world = world(&mut dice);
    // One root in each of five domains, in the deep tiers, two of them at the same second.
    let roots = [(250 + 2, 0), (250 + 12, 0), (200 + 23, 40_000), (250 + 33, 90_000), (200 + 41, 150_000)];
    let mut shots = storm(&world, &mut dice, &roots);
    let once = shots.len();
    let mut extra = 0;
    while shots.len() < 100_000 {
        // More of the same, as replicated senders would tell it.
        let again = Shot { at: shots[extra].at, told: shots[extra].told.clone(), fault: shots[extra].fault.clone() };
        shots.push(again);
        extra += 1;
        assert!(extra < once * 40);
    }
    shots.sort_by_key(|shot| shot.at);
    let mut player = Player::new(&estate(&world));
    let truth: Vec<Option<String>> = shots.iter().map(|shot| shot.fault.clone()).collect();
    for shot in shots {
        player.hear_at(shot.told, at(shot.at));
    }
    player.finish();
    let faults: BTreeMap<String, Fault> = roots
        .iter()
        .map(|(root, _)| {
            let parts = (0..3).map(|pod| format!("{}-{pod}", name(*root))).collect();
            (name(*root), Fault { entity: name(*root), level: "service".to_owned(), parts })
        })
        .collect();
    let result = score(&player, &faults, &truth);
    result.print("generated storm");
    let counters = player.book.counters();
    println!(
        "{:?} {counters:?} episodes at most {} verdicts {} documents {}",
        player.told, player.most_episodes, player.verdicts, player.written
    );
    let kept: u64 = player.book.incidents().map(|incident| incident.told).sum();
    assert_eq!(kept, truth.len() as u64, "every alert is in an incident");
    assert_eq!(counters.heard, truth.len() as u64);
    assert_eq!(result.merged, 0, "independent faults stay apart");
    assert_eq!(result.missed, 0);
    assert!(result.split == 0 && result.hit1 >= 0.8, "{result:?}");
    let live = player.book.incidents().filter(|incident| incident.alerts > 0).count();
    assert!((5..=5 + 40 + 10 + 5).contains(&live), "{live} incidents");
    assert!(counters.looked_at < counters.episodes * 600, "work per new alert is bounded by its neighbourhood");
    assert!(counters.repeats > 90_000, "repeats are only counted");
    assert_eq!(counters.folded + counters.overflowed, 0);
}
