//! What happens between a client and its server: the time that the client waits and the server does not
//! work. A slow network, a full accept queue or a proxy make it long; slow code does not.

use crate::names::Name;
use crate::statistic::{quantile, shift, sorted};
use crate::trees::Trees;
use crate::window::{Counts, SLOTS_MAX, Slots};
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Caller and callee, as places: instances where they are known, services otherwise.
pub(crate) type Edge = (Name, Name);

/// A sample of a duration: slot, nanoseconds, index of the span it is of.
pub(crate) type Sample = (usize, f64, u32);

/// Client minus server duration of every call with exactly one server.
pub(crate) fn samples(trees: &Trees<'_>, slots: &Slots) -> BTreeMap<Edge, Vec<Sample>> {
    let mut edges: BTreeMap<Edge, Vec<Sample>> = BTreeMap::new();
    for trace in &trees.traces {
        let Some(slot) = slots.of(trees.start(trace)) else { continue };
        for index in trace.clone() {
            let span = &trees.spans[index];
            let Some(callee) = trees.callee(index) else { continue };
            let server = &trees.spans[callee];
            let gap = (span.duration - server.duration).max(0) as f64;
            let edge = (span.instance.or(span.service), server.instance.or(server.service));
            edges.entry(edge).or_default().push((slot, gap, index as u32));
        }
    }
    edges
}

/// How durations of one kind have grown.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    /// Nats.
    pub(crate) statistic: f64,
    /// Current median over reference median, in the slots after the split.
    pub(crate) ratio: f64,
    /// Growth of the share above the threshold.
    pub(crate) difference: f64,
    pub(crate) split: usize,
    pub(crate) now: f64,
    pub(crate) reference: f64,
    /// Spans that took longest, worst first.
    pub(crate) worst: Vec<u32>,
}

/// Thresholds of the reference whose exceedance is counted.
const QUANTILES: [f64; 3] = [0.5, 0.75, 0.95];
const WORST: usize = 3;

impl Growth {
    /// Looks whether samples exceed what the reference (else `borrowed`, sorted) rarely exceeded.
    pub(crate) fn of(samples: &[Sample], borrowed: &[f64], slots: &Slots, floor: f64) -> Option<Self> {
        let own: Vec<f64> = sorted(samples.iter().filter(|(slot, ..)| *slot == 0).map(|(_, value, _)| *value).collect());
        let known: &[f64] = if own.len() >= SAMPLES_MIN { &own } else { borrowed };
        if known.is_empty() {
            return None;
        }
        let best = QUANTILES.into_iter().filter_map(|q| {
            let threshold = quantile(known, q).max(floor);
            let (mut hits, mut of): (Counts, Counts) = ([0; SLOTS_MAX + 1], [0; SLOTS_MAX + 1]);
            for (slot, value, _) in samples {
                of[*slot] += 1;
                hits[*slot] += u32::from(*value > threshold);
            }
            if own.len() < SAMPLES_MIN {
                // What is borrowed weighs as much as the fewest samples that would do.
                of[0] = SAMPLES_MIN as u32;
                hits[0] = ((1.0 - q) * SAMPLES_MIN as f64).round() as u32;
            }
            shift(&hits, &of, slots)
        });
        let best = best.max_by(|a, b| a.nats.total_cmp(&b.nats))?;
        let mut current: Vec<&Sample> = samples.iter().filter(|(slot, ..)| *slot >= best.split).collect();
        current.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.2.cmp(&b.2)));
        let now = quantile(&sorted(current.iter().map(|sample| sample.1).collect()), 0.5);
        let reference = quantile(known, 0.5).max(floor);
        Some(Self {
            statistic: if best.difference() > 0.0 { best.nats - (QUANTILES.len() as f64).ln() } else { 0.0 },
            ratio: now / reference.max(1.0),
            difference: best.difference(),
            split: best.split,
            now,
            reference,
            worst: current.iter().take(WORST).map(|sample| sample.2).collect(),
        })
    }

    /// Large enough to be no drift: a quarter more than usual happens every evening.
    pub(crate) fn is_inflated(&self) -> bool {
        self.statistic > 5.0 && self.ratio >= 3.0 && self.difference >= 0.3
    }
}

/// Fewer reference samples borrow from all edges together.
const SAMPLES_MIN: usize = 8;
/// A gap below this is noise of clocks and schedulers.
const GAP_FLOOR_NS: f64 = 1_000_000.0;

/// The growth of every edge's gap.
pub(crate) fn growths(edges: &BTreeMap<Edge, Vec<Sample>>, slots: &Slots) -> BTreeMap<Edge, Growth> {
    let all = sorted(edges.values().flatten().filter(|(slot, ..)| *slot == 0).map(|sample| sample.1).collect());
    edges.iter().filter_map(|(edge, samples)| Some((*edge, Growth::of(samples, &all, slots, GAP_FLOOR_NS)?))).collect()
}

/// Which way a place is slow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Direction {
    In,
    Out,
    Both,
}

/// A place that accounts for inflated edges.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Covering {
    pub(crate) place: Name,
    pub(crate) direction: Direction,
    pub(crate) edges: Vec<Edge>,
    /// Its edges in that direction that are as they were.
    pub(crate) quiet: usize,
}

/// Which places account for the inflated edges: the smallest set, greedily. An edge that is quiet speaks
/// against its ends.
pub(crate) fn cover(inflated: &BTreeMap<Edge, f64>, all: impl Iterator<Item = Edge>) -> Vec<Covering> {
    let mut of_place: HashMap<(Name, Direction), Vec<Edge>> = HashMap::new();
    for edge in all {
        for (place, direction) in [(edge.0, Direction::Out), (edge.1, Direction::In), (edge.0, Direction::Both), (edge.1, Direction::Both)] {
            of_place.entry((place, direction)).or_default().push(edge);
        }
    }
    let mut left: BTreeMap<Edge, f64> = inflated.clone();
    let mut coverings = Vec::new();
    while !left.is_empty() {
        let value = |(place, direction): &(Name, Direction), edges: &[Edge]| {
            let covered = edges.iter().filter(|edge| left.contains_key(*edge)).count();
            let quiet = edges.iter().filter(|edge| !inflated.contains_key(*edge)).count();
            let price = match direction {
                Direction::In => 0.0,
                Direction::Out => 0.10,
                Direction::Both => 0.05,
            };
            let statistic: f64 = edges.iter().filter_map(|edge| left.get(edge)).sum();
            (covered > 0).then_some((covered as f64 - 0.5 * quiet as f64 - price, statistic, *place, *direction))
        };
        let best = of_place
            .iter()
            .filter_map(|(key, edges)| value(key, edges))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(b.2.cmp(&a.2)).then(b.3.cmp(&a.3)));
        let Some((_, _, place, direction)) = best else { break };
        let edges = &of_place[&(place, direction)];
        let covered: Vec<Edge> = edges.iter().filter(|edge| left.contains_key(*edge)).copied().collect();
        let quiet = edges.iter().filter(|edge| !inflated.contains_key(*edge)).count();
        for edge in &covered {
            left.remove(edge);
        }
        coverings.push(Covering { place, direction, edges: covered, quiet });
    }
    coverings
}
