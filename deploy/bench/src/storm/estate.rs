//! A made-up estate of 300 services and what it tells when five of them break: 100,000 alerts in ten minutes.
//!
//! Nothing is drawn by lot: every run plays the same storm. Services stand in six tiers of fifty; each calls two of
//! the next tier, of its own domain.

use super::truth::{Told, Truth};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const SERVICES: usize = 300;
pub(super) const ALERTS: usize = 100_000;
const PER_TIER: usize = 50;
/// Columns of a tier that are one domain.
const DOMAIN: usize = 5;
const PODS: usize = 3;
const MINUTES: i64 = 10;
const STORM_MILLIS: i64 = MINUTES * 60_000;
/// Who breaks, and when: each in a domain of its own, two at the same second.
const FAULTS: [(usize, i64); 5] = [(252, 0), (262, 0), (223, 40_000), (283, 90_000), (241, 150_000)];

/// One telling of an alert, and when.
pub(super) struct Telling {
    pub(super) millis: i64,
    /// Which of [`Storm::series`] is told.
    pub(super) series: usize,
}

/// The whole of it.
pub(super) struct Storm {
    pub(super) truth: Truth,
    /// Every alert once, with the start that is told each time.
    pub(super) series: Vec<Told>,
    pub(super) tellings: Vec<Telling>,
}

fn name(service: usize) -> String {
    format!("svc-{service:03}")
}

fn callees(service: usize) -> Vec<usize> {
    let (tier, column) = (service / PER_TIER, service % PER_TIER);
    if (tier + 1) * PER_TIER >= SERVICES {
        return Vec::new();
    }
    let domain = column / DOMAIN * DOMAIN;
    let near = [column + tier, column * 2 + tier + 1].map(|n| (tier + 1) * PER_TIER + domain + n % DOMAIN);
    BTreeSet::from(near).into_iter().collect()
}

/// Who calls whom, which pods each service has, and where they run.
pub(super) fn relations() -> Vec<Value> {
    let relation = |from: String, relation: &str, to: String| json!({"from": from, "relation": relation, "to": to});
    let mut relations = Vec::new();
    for service in 0..SERVICES {
        let own = format!("service:{}", name(service));
        let calls = callees(service).into_iter().map(|callee| format!("service:{}", name(callee)));
        relations.extend(calls.map(|callee| relation(own.clone(), "calls", callee)));
        for pod in 0..PODS {
            let pod_name = format!("pod:{}-{pod}", name(service));
            relations.push(relation(pod_name.clone(), "instance_of", own.clone()));
            relations.push(relation(pod_name, "runs_on", format!("node:n{}", (service * PODS + pod) % 40)));
        }
    }
    relations
}

/// Who suffers when a service breaks: itself, its callers, theirs; with how many calls lie between.
fn cone(root: usize) -> BTreeMap<usize, i64> {
    let mut cone = BTreeMap::from([(root, 0)]);
    for hop in 1..=3 {
        let callers = (0..SERVICES).filter(|service| callees(*service).iter().any(|callee| cone.contains_key(callee)));
        let new: Vec<usize> = callers.filter(|caller| !cone.contains_key(caller)).collect();
        cone.extend(new.into_iter().map(|caller| (caller, hop)));
    }
    cone
}

/// What a service that suffers tells: indicators, operations, pods; at the root what its pods lack, too.
fn told_by(service: usize, is_root: bool) -> Vec<Value> {
    let own = name(service);
    let mut labels: Vec<Value> = ["latency_p99", "error_rate"]
        .map(|metric| json!({"alertname": "ServiceIndicator", "metric": metric, "service": own}))
        .into();
    labels.extend((0..4).map(
        |operation| json!({"alertname": "OperationSlow", "operation": format!("/api/{operation}"), "service": own}),
    ));
    let pod_kinds: &[(&str, &str)] = match is_root {
        true => &[("PodErrors", "http_errors"), ("PodMemory", "container_memory"), ("PodGc", "jvm_gc_pause")],
        false => &[("PodErrors", "http_errors")],
    };
    for pod in 0..PODS {
        let kinds = pod_kinds.iter().map(
            |(alert, metric)| json!({"alertname": alert, "metric": metric, "pod": format!("{own}-{pod}"), "service": own}),
        );
        labels.extend(kinds);
    }
    labels
}

/// The storm as it is told from `began` (Unix milliseconds) on, in the order of time.
pub(super) fn storm(began: i64) -> Storm {
    let mut truth = Truth::default();
    let mut series: Vec<Told> = Vec::new();
    for (root, begins) in FAULTS {
        let parts = (0..PODS).map(|pod| format!("{}-{pod}", name(root)));
        truth.fault(&name(root), parts.chain([name(root)]));
        for (service, hop) in cone(root) {
            for labels in told_by(service, hop == 0) {
                let id = series.len() as u64;
                let millis = began + begins + hop * 4_000 + id as i64 * 37 % 3_000;
                truth.of(id, &name(root));
                series.push(Told::new(id, millis, labels));
            }
        }
    }
    for n in 0..40_i64 {
        // Strangers that have nothing to do with it.
        let labels = json!({"alertname": "JobLate", "service": format!("batch-{n:02}")});
        series.push(Told::new(series.len() as u64, began + n * 14_500, labels));
    }
    Storm { truth, tellings: tellings(&series, began), series }
}

/// Each alert is told again and again until the storm ends, as replicated senders do.
fn tellings(series: &[Told], began: i64) -> Vec<Telling> {
    let each = ALERTS / series.len() + 1;
    let told_again = |(at, alert): (usize, &Told)| {
        let (first, lasts) = (alert.millis, began + STORM_MILLIS - alert.millis);
        (0..each).map(move |n| Telling { millis: first + lasts * n as i64 / each as i64, series: at })
    };
    let mut tellings: Vec<Telling> = series.iter().enumerate().flat_map(told_again).collect();
    tellings.sort_by_key(|telling| (telling.millis, telling.series));
    tellings.truncate(ALERTS);
    tellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storm_has_its_size_and_every_fault_its_own_callers() {
        let storm = storm(1_760_000_000_000);
        assert_eq!(storm.tellings.len(), ALERTS);
        assert!(storm.tellings.is_sorted_by_key(|telling| telling.millis));
        let ends = storm.tellings.last().map(|telling| telling.millis - 1_760_000_000_000);
        assert!(ends.is_some_and(|ends| (STORM_MILLIS - 60_000..STORM_MILLIS).contains(&ends)), "{ends:?}");
        let cones: Vec<BTreeMap<usize, i64>> = FAULTS.iter().map(|(root, _)| cone(*root)).collect();
        assert!(cones.iter().all(|cone| cone.len() >= 4), "{:?}", cones.iter().map(BTreeMap::len).collect::<Vec<_>>());
        for (at, one) in cones.iter().enumerate() {
            assert!(cones[at + 1..].iter().all(|other| one.keys().all(|service| !other.contains_key(service))));
        }
    }
}
