//! What usually fires: per series and per kind, over the incidents of a workspace.
//!
//! It refuses to know causes: the alerts of a named cause are as usual as any other. Invariant: bounded; an
//! unknown series is as likely as its kind.

use hashbrown::{HashMap, HashSet};
use incident::Fingerprint;
use serde::{Deserialize, Serialize};

/// Series that are remembered; further ones are judged by their kind.
const SERIES: usize = 50_000;
/// Kinds that are remembered; further ones are unknown.
const KINDS: usize = 10_000;
/// How fast "was firing lately" and "is always noisy" fade, per incident.
const SHORT: f64 = 0.65;
const LONG: f64 = 0.95;
/// How much a series is drawn towards its kind, in incidents.
const DRAWN: f64 = 2.0;
/// What is held of a kind that nobody has seen: half an alert in ten series.
const UNSEEN_ALERTS: f64 = 0.5;
const UNSEEN_SERIES: f64 = 10.0;

/// When a series first fired, from the anchor: minute 0, minute 1, later.
pub(super) const BUCKETS: usize = 3;

/// Two counts that fade with every incident, as of incident `at`.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Series {
    pub short: f64,
    pub long: f64,
    pub at: u64,
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kind {
    pub series: f64,
    pub alerts: [f64; BUCKETS],
}

/// Sums over all incidents.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    pub incidents: u64,
    pub short: f64,
    pub long: f64,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub sums: Sums,
    pub series: HashMap<Fingerprint, Series>,
    pub kinds: HashMap<String, Kind>,
    /// First bytes of series that changed, and kinds that did.
    pub dirty_series: HashSet<u8>,
    pub dirty_kinds: HashSet<String>,
}

/// The first alert of a series in an incident.
#[derive(Clone, Copy, Debug)]
pub(super) struct First<'a> {
    pub series: Fingerprint,
    pub kind: &'a str,
    pub bucket: usize,
}

impl Memory {
    /// The probability that a series fires in an incident that it has nothing to do with.
    pub(super) fn background(&self, first: First<'_>) -> f64 {
        let kind = self.kinds.get(first.kind).copied().unwrap_or_default();
        let seen = kind.series.max(1.0) * self.sums.incidents as f64 + UNSEEN_SERIES;
        let of_kind = ((kind.alerts[first.bucket] + UNSEEN_ALERTS) / seen).clamp(1e-4, 0.98);
        let own = self.now(self.series.get(&first.series));
        let short = (own.short + DRAWN * of_kind) / (self.sums.short + DRAWN);
        let long = (own.long + DRAWN * of_kind) / (self.sums.long + DRAWN);
        short.max(long)
    }

    /// In which share of past incidents it fired, lately and ever; for people.
    pub(super) fn usual(&self, series: Fingerprint) -> Option<f64> {
        (self.sums.incidents > 0).then(|| (self.now(self.series.get(&series)).long / self.sums.long.max(1.0)).min(1.0))
    }

    pub(super) fn incidents(&self) -> u64 {
        self.sums.incidents
    }

    /// The counts as of now.
    fn now(&self, series: Option<&Series>) -> Series {
        let Some(series) = series else { return Series::default() };
        let passed = self.sums.incidents.saturating_sub(series.at).min(10_000) as i32;
        Series {
            short: series.short * SHORT.powi(passed),
            long: series.long * LONG.powi(passed),
            at: self.sums.incidents,
        }
    }

    /// Takes in the first alerts of an incident.
    pub(super) fn learn<'a>(&mut self, firsts: impl Iterator<Item = First<'a>>) {
        self.sums.incidents += 1;
        self.sums.short = self.sums.short * SHORT + 1.0;
        self.sums.long = self.sums.long * LONG + 1.0;
        for first in firsts {
            let is_new = !self.series.contains_key(&first.series);
            if !is_new || self.series.len() < SERIES {
                let mut series = self.now(self.series.get(&first.series));
                series.short += 1.0;
                series.long += 1.0;
                series.at = self.sums.incidents;
                self.series.insert(first.series, series);
                self.dirty_series.insert(first.series.0[0]);
            }
            if self.kinds.contains_key(first.kind) || self.kinds.len() < KINDS {
                let kind = self.kinds.entry(first.kind.to_owned()).or_default();
                kind.series += f64::from(u8::from(is_new));
                kind.alerts[first.bucket] += 1.0;
                self.dirty_kinds.insert(first.kind.to_owned());
            }
        }
        self.forget();
    }

    /// Lets series go that have not fired for so long that they say nothing any more.
    fn forget(&mut self) {
        if self.series.len() < SERIES {
            return;
        }
        let now = self.sums.incidents;
        let dirty = &mut self.dirty_series;
        self.series.retain(|name, series| {
            let stays = LONG.powi(now.saturating_sub(series.at).min(10_000) as i32) * series.long >= 0.2;
            if !stays {
                dirty.insert(name.0[0]);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Fingerprint = Fingerprint([1; 16]);

    fn first(series: Fingerprint, bucket: usize) -> First<'static> {
        First { series, kind: "host cpu up", bucket }
    }

    #[test]
    fn what_fires_in_every_incident_is_expected_and_what_stops_is_forgotten() {
        let mut memory = Memory::default();
        let fresh = memory.background(first(OWN, 0));
        for _ in 0..10 {
            memory.learn([first(OWN, 0)].into_iter());
        }
        let noisy = memory.background(first(OWN, 0));
        for _ in 0..60 {
            memory.learn(std::iter::empty());
        }
        let calm = memory.background(first(OWN, 0));
        assert!(fresh < 0.1 && noisy > 0.8 && calm < 0.1, "{fresh} {noisy} {calm}");
    }

    #[test]
    fn an_unknown_series_is_as_likely_as_its_kind() {
        let mut memory = Memory::default();
        for n in 0..20 {
            memory.learn((0..10).map(|at| first(Fingerprint([at + 10 * (n % 2); 16]), 0)));
        }
        let stranger = Fingerprint([99; 16]);
        let of_kind = memory.background(first(stranger, 0));
        let unknown = memory.background(First { kind: "other", ..first(stranger, 0) });
        assert!(of_kind > unknown * 3.0, "{of_kind} {unknown}");
    }
}
