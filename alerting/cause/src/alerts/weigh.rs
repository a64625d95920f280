//! From the alerts of an incident to weights: how surprising each series is where and when it first fired.
//!
//! It refuses to add up: what weights mean for an entity is said a level higher.

use super::memory::{BUCKETS, First, Memory};
use super::signal::{Family, Signal, signal};
use super::spot_of;
use hashbrown::HashMap;
use incident::{Episode, Fingerprint, Spot, Terrain};
use model::UnixNanos;

/// Series of one incident that are weighed; the earliest.
const SERIES: usize = 20_000;
/// How likely the part that is broken shows a series in minute 0, in minute 1, and later.
const SHOWS: [f64; BUCKETS] = [0.5, 0.25, 0.007];
const SHOWS_LOG: [f64; BUCKETS] = [0.3, 0.15, 0.02];
/// The most that one series says, in nats.
const MOST: f64 = 2.5;
const MOST_LOG: f64 = 2.0;
const MOST_TRACE: f64 = 1.0;

/// The first alert of a series in the incident.
#[derive(Clone, Debug)]
pub(super) struct Sign {
    pub spot: Spot,
    pub series: Fingerprint,
    pub signal: Signal,
    pub at: UnixNanos,
}

/// All series of an incident.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    pub signs: Vec<Sign>,
    /// The first alert that is no single call: it is steadier than the first of any kind.
    pub anchor: Option<UnixNanos>,
    pub last: Option<UnixNanos>,
}

/// A series that says something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    /// Index of the sign.
    pub sign: usize,
    pub spot: Spot,
    pub family: Family,
    /// Nats, above 0.
    pub nats: f64,
}

impl Weighed {
    pub(super) fn of<'a>(terrain: &Terrain, members: impl IntoIterator<Item = &'a Episode>) -> Self {
        let mut known: HashMap<Fingerprint, usize> = HashMap::new();
        let mut signs: Vec<Sign> = Vec::new();
        for episode in members {
            let Some(spot) = spot_of(terrain, episode) else { continue };
            let (series, at) = (episode.alert.fingerprint, episode.starts_at);
            if let Some(index) = known.get(&series) {
                signs[*index].at = signs[*index].at.min(at);
            } else if signs.len() < SERIES {
                known.insert(series, signs.len());
                let signal = signal(&episode.alert, Some(terrain.entity(spot).kind));
                signs.push(Sign { spot, series, signal, at });
            }
        }
        // The order in which alerts came changes nothing.
        signs.sort_by_key(|sign| (sign.at, sign.series));
        let steady = signs.iter().find(|sign| !matches!(sign.signal.family, Family::Trace | Family::Log));
        let anchor = steady.or(signs.first()).map(|sign| sign.at);
        let last = signs.last().map(|sign| sign.at);
        Self { signs, anchor, last }
    }

    /// The series as the memory learns them.
    pub(super) fn firsts(&self, anchor: UnixNanos) -> impl Iterator<Item = First<'_>> {
        self.signs.iter().map(move |sign| First {
            series: sign.series,
            kind: &sign.signal.kind,
            bucket: bucket(sign.at, anchor),
        })
    }

    /// What each series says of its place being broken since `anchor`; only those that first fired from
    /// `since` on, where that is asked.
    pub(super) fn weights(&self, memory: &Memory, anchor: UnixNanos, since: Option<UnixNanos>) -> Vec<Weight> {
        let weight = |(index, first): (usize, First<'_>)| {
            let sign = &self.signs[index];
            if since.is_some_and(|since| sign.at < since) {
                return None;
            }
            let (shows, most) = match sign.signal.family {
                Family::Log => (SHOWS_LOG, MOST_LOG),
                Family::Trace => (SHOWS_LOG, MOST_TRACE),
                _ => (SHOWS, MOST),
            };
            let nats = (shows[first.bucket] / memory.background(first)).ln().min(most);
            (nats > 0.0).then_some(Weight { sign: index, spot: sign.spot, family: sign.signal.family, nats })
        };
        self.firsts(anchor).enumerate().filter_map(weight).collect()
    }
}

/// Minute 0 (and before), minute 1, later.
fn bucket(at: UnixNanos, anchor: UnixNanos) -> usize {
    match at.0.saturating_sub(anchor.0).div_euclid(60 * UnixNanos::SECOND) {
        ..=0 => 0,
        1 => 1,
        _ => 2,
    }
}
