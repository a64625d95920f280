//! Incidents held against the truth: what was found, merged, split, missed.

use super::StormSystem;
use super::truth::{Found, Told, Truth};
use std::collections::{BTreeMap, BTreeSet};

/// How many alerts of each fault are in each incident; no incident: nobody shows them.
struct Together<'a>(BTreeMap<(&'a str, Option<usize>), u64>);

impl<'a> Together<'a> {
    fn of(truth: &'a Truth, told: &'a [Told], incidents: &[Found]) -> Self {
        let mut held: BTreeMap<(&str, i64), usize> = BTreeMap::new();
        for (at, incident) in incidents.iter().enumerate() {
            held.extend(incident.alerts.iter().map(|(key, millis)| ((key.as_str(), *millis), at)));
        }
        let mut together: BTreeMap<(&str, Option<usize>), u64> = BTreeMap::new();
        for alert in told {
            let Some(fault) = truth.fault_of(alert.id) else { continue };
            // What fires again in an incident is the alert that began there.
            let since = (alert.key.as_str(), i64::MIN)..=(alert.key.as_str(), alert.millis);
            let incident = held.range(since).next_back().map(|(_, at)| *at);
            *together.entry((fault, incident)).or_default() += 1;
        }
        Self(together)
    }

    /// The incidents that hold a fault's alerts, with how many.
    fn holding(&self, fault: &str) -> Vec<(usize, u64)> {
        let of = self.0.iter().filter(|((name, _), _)| *name == fault);
        of.filter_map(|((_, at), count)| Some(((*at)?, *count))).collect()
    }

    /// Twice the pairs that are rightly together, over those that are together and those that should be.
    fn pair_f1(&self) -> f64 {
        let mut of_fault: BTreeMap<&str, u64> = BTreeMap::new();
        let mut of_incident: BTreeMap<usize, u64> = BTreeMap::new();
        for ((fault, at), count) in &self.0 {
            *of_fault.entry(fault).or_default() += count;
            at.iter().for_each(|at| *of_incident.entry(*at).or_default() += count);
        }
        let right: u64 = self.0.iter().filter(|((_, at), _)| at.is_some()).map(|(_, count)| pairs(*count)).sum();
        let all: u64 = of_fault.values().chain(of_incident.values()).map(|count| pairs(*count)).sum();
        2.0 * right as f64 / all.max(1) as f64
    }

    /// Incidents of which two faults hold a tenth each.
    fn merged(&self) -> usize {
        let mut faults_of: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for ((_, at), count) in &self.0 {
            at.iter().for_each(|at| faults_of.entry(*at).or_default().push(*count));
        }
        faults_of.values().filter(|counts| large(counts) > 1).count()
    }
}

fn pairs(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}

/// Parts that are a tenth of the whole at least: less is neither a split nor a merge.
fn large(parts: &[u64]) -> usize {
    let all: u64 = parts.iter().sum();
    parts.iter().filter(|count| **count * 10 > all).count()
}

/// Whether a cause names a root.
fn names(cause: &str, roots: &BTreeSet<String>) -> bool {
    roots.contains(cause.split_once(':').map_or(cause, |(_, name)| name))
}

/// How often people were told: openings, and every message but the ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Messages {
    pub(super) opened: f64,
    pub(super) all: f64,
}

/// `tellings`: how many alerts were sent, repeats included.
pub(super) fn score(
    system: &str,
    truth: &Truth,
    (told, tellings): (&[Told], usize),
    incidents: &[Found],
    messages: Messages,
) -> StormSystem {
    let together = Together::of(truth, told, incidents);
    let (mut hits, mut missed, mut split) = ([0_usize; 2], 0, 0);
    for (fault, roots) in &truth.roots {
        let held = together.holding(fault);
        split += usize::from(large(&held.iter().map(|(_, count)| *count).collect::<Vec<_>>()) > 1);
        let rank = |at: usize| incidents[at].causes.iter().position(|cause| names(cause, roots));
        let most = held.iter().max_by_key(|(_, count)| *count).and_then(|(at, _)| rank(*at));
        hits[0] += usize::from(most == Some(0));
        hits[1] += usize::from(most.is_some_and(|rank| rank < 3));
        missed += usize::from(!held.iter().any(|(at, _)| rank(*at).is_some_and(|rank| rank < 3)));
    }
    let faults = truth.roots.len();
    let share = |count: f64| count / faults.max(1) as f64;
    StormSystem {
        system: system.to_owned(),
        faults,
        hit1: share(hits[0] as f64),
        hit3: share(hits[1] as f64),
        pair_f1: together.pair_f1(),
        merged: together.merged(),
        split,
        missed,
        notifications_per_fault: share(messages.opened),
        messages_per_fault: share(messages.all),
        reduction: 1.0 - messages.all / tellings.max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Two faults of ten alerts each, `a` at root x and `b` at root y.
    fn told() -> (Truth, Vec<Told>) {
        let mut truth = Truth::default();
        truth.fault("a", ["x".to_owned()]);
        truth.fault("b", ["y".to_owned()]);
        let told = (0..20).map(|id| Told::new(id, 1_000 + id as i64, json!({"alertname": id.to_string()}))).collect();
        (0..20).for_each(|id| truth.of(id, if id < 10 { "a" } else { "b" }));
        (truth, told)
    }

    fn incident(told: &[Told], alerts: &[usize], causes: &[&str]) -> Found {
        Found {
            // A later telling is found under the start of the first.
            alerts: alerts.iter().map(|at| (told[*at].key.clone(), told[*at].millis - 500)).collect(),
            causes: causes.iter().map(|cause| format!("service:{cause}")).collect(),
        }
    }

    #[test]
    fn merged_split_and_missed_faults_are_told_apart() {
        let (truth, told) = told();
        let all: Vec<usize> = (0..20).collect();
        let cases = [
            (vec![incident(&told, &all[..10], &["x"]), incident(&told, &all[10..], &["z", "y"])], (0.5, 1.0, 0, 0, 0)),
            (vec![incident(&told, &all, &["x", "q", "r", "y"])], (0.5, 0.5, 1, 0, 1)),
            (vec![incident(&told, &all[..6], &["x"]), incident(&told, &all[6..10], &["q"])], (0.5, 0.5, 0, 1, 1)),
            (vec![], (0.0, 0.0, 0, 0, 2)),
        ];
        for (incidents, want) in cases {
            let messages = Messages { opened: 2.0, all: 4.0 };
            let found = score("s", &truth, (&told, 200), &incidents, messages);
            assert_eq!((found.hit1, found.hit3, found.merged, found.split, found.missed), want);
            assert_eq!((found.notifications_per_fault, found.messages_per_fault, found.reduction), (1.0, 2.0, 0.98));
        }
        let right = vec![incident(&told, &all[..10], &["x"]), incident(&told, &all[10..], &["y"])];
        assert_eq!(score("s", &truth, (&told, 20), &right, Messages::default()).pair_f1, 1.0);
    }
}
