//! Weak evidence adds up: what one scan finds too faint to be told is told when scan after scan finds it again.
//!
//! A sequential test: above the level that healthy data reaches now and then, each minute adds what is beyond it, each
//! minute without takes as much away as a healthy minute is worth. Strong evidence is told at once, as by one scan
//! alone. Only what is counted anew each minute adds up; a figure that stands higher than usual stays there, and says
//! nothing new by it. It refuses to know what time it is. Invariant: of one moment no more is held than one scan finds.

use crate::scan::{Anomaly, Sensitivity};
use model::{Entity, UnixNanos};
use std::collections::BTreeMap;

/// Most suspicions held; the strongest stay.
pub const SUSPICIONS_MAX: usize = 10_000;
/// What a healthy minute may be worth, bits: that is what the levels of the detectors mean.
const HEALTHY_BITS: f64 = 1.0;
/// Suspicion grows to so many times what is needed at most, so that it ends soon after its reason.
const GROWN_MAX: f64 = 2.0;
const MINUTE: f64 = 60.0 * UnixNanos::SECOND as f64;
/// Between scans further apart than this nothing is known.
const APART_MINUTES: f64 = 3.0;

/// What consecutive scans have found, by kind of evidence and entity.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Suspicion {
    held: BTreeMap<(String, Entity), f64>,
    at: Option<UnixNanos>,
}

impl Suspicion {
    /// How lenient a scan has to be for this.
    pub fn level() -> Sensitivity {
        Sensitivity { bits_min: 1.0 }
    }

    /// Takes in what the scan at `now` found; gives what is to be told: what is strong enough by itself, or by now.
    pub fn hear(&mut self, found: Vec<Anomaly>, now: UnixNanos, sensitivity: Sensitivity) -> Vec<Anomaly> {
        let passed = self.at.map_or(f64::INFINITY, |at| now.0.saturating_sub(at.0) as f64 / MINUTE);
        if !(0.0..=APART_MINUTES).contains(&passed) {
            self.held.clear();
        }
        self.at = Some(now);
        let needed = (sensitivity.bits_min - HEALTHY_BITS).max(f64::MIN_POSITIVE);
        let mut before = std::mem::take(&mut self.held);
        let mut told = Vec::new();
        for anomaly in found {
            let beyond = anomaly.evidence.bits - HEALTHY_BITS;
            let key = (anomaly.evidence.kind.clone(), anomaly.entity.clone());
            // Scans closer than a minute see mostly the same.
            let sum = match before.remove(&key).filter(|_| anomaly.recurs) {
                Some(sum) => (sum + beyond * passed.min(1.0)).max(beyond),
                None => beyond,
            };
            if sum >= needed {
                told.push(anomaly);
            }
            if sum > 0.0 {
                self.held.insert(key, sum.min(needed * GROWN_MAX));
            }
        }
        let faded = before.into_iter().map(|(key, sum)| (key, sum - HEALTHY_BITS * passed.min(1.0)));
        self.held.extend(faded.filter(|(_, sum)| *sum > 0.0));
        self.hold_bound();
        told
    }

    fn hold_bound(&mut self) {
        if self.held.len() > SUSPICIONS_MAX {
            let mut sums: Vec<f64> = self.held.values().copied().collect();
            sums.sort_by(|a, b| b.total_cmp(a));
            let least = sums[SUSPICIONS_MAX];
            self.held.retain(|_, sum| *sum > least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use incident::Evidence;
    use model::Bilingual;

    fn anomaly(bits: f64, recurs: bool) -> Anomaly {
        let entity = Entity::service("cart");
        let evidence = Evidence {
            kind: "gap".into(),
            entity: entity.clone(),
            text: Bilingual::new("slow", "慢"),
            bits,
            now: None,
            reference: None,
            unit: "ns".into(),
            query: None,
            points: Vec::new(),
            traces: Vec::new(),
        };
        Anomaly { entity, cause: None, since: None, evidence, recurs }
    }

    /// At which of these scans, a minute apart, one anomaly of so many bits is told.
    fn told(bits: &[f64], recurs: bool) -> Vec<usize> {
        let mut suspicion = Suspicion::default();
        let mut at = 0;
        let mut told = Vec::new();
        for (number, bits) in bits.iter().enumerate() {
            at += MINUTE as i64;
            let found = if *bits > 0.0 { vec![anomaly(*bits, recurs)] } else { Vec::new() };
            if !suspicion.hear(found, UnixNanos(at), Sensitivity::default()).is_empty() {
                told.push(number);
            }
        }
        told
    }

    #[test]
    fn what_is_strong_is_told_at_once_and_what_is_weak_when_it_comes_again_and_again() {
        for (bits, expected) in [
            (vec![2.5, 2.6, 0.0], vec![0, 1]),
            (vec![1.9, 1.9, 1.9, 0.0], vec![1, 2]),
            (vec![1.7, 1.7, 1.7], vec![2]),
            (vec![1.0; 30], vec![]),
            (vec![2.0, 0.0, 2.0, 0.0, 2.0], vec![]),
            (vec![3.0, 1.3, 1.3], vec![0, 1, 2]),
        ] {
            assert_eq!(told(&bits, true), expected, "{bits:?}");
        }
    }

    #[test]
    fn a_figure_that_merely_stays_where_it_is_adds_nothing() {
        assert_eq!(told(&[1.9; 20], false), Vec::<usize>::new());
    }

    #[test]
    fn scans_of_the_same_moment_and_scans_far_apart_do_not_add_up() {
        for step in [0, 10 * MINUTE as i64] {
            let mut suspicion = Suspicion::default();
            let scans =
                (0..20).map(|n| suspicion.hear(vec![anomaly(2.0, true)], UnixNanos(n * step), Sensitivity::default()));
            let told: usize = scans.map(|told| told.len()).sum();
            assert_eq!(told, 0, "{step}");
        }
    }
}
