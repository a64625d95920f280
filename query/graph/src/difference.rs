//! What is different between two graphs: two windows, or two cohorts of one window.
//!
//! Counts are compared as shares and rates, so that windows may differ in length and cohorts in size.

use crate::{Entity, Graph, Measure, Traffic};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// In what way something is different.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only in the second graph.
    Added,
    /// Only in the first; `before.last_seen` says until when.
    Removed,
    /// A larger share of its calls fails.
    Failing,
    Recovered,
    /// A larger share of its answers is limited or degraded.
    Limited,
    Unlimited,
    /// Its p95 is worse.
    Slower,
    Faster,
    /// It has many more, or many fewer, calls in the same time.
    Busier,
    Quieter,
}

/// From when on a difference is told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sensitivity {
    /// Shares and quantiles of fewer calls than this, on either side, say nothing. Default 20.
    pub calls_min: u64,
    /// A share (errors, limited answers) changed when it moved by at least this much. Default 0.01.
    pub share_min: f64,
    /// And by as many standard deviations of two samples of one truth. Default 3.
    pub deviations_min: f64,
    /// The p95 changed when it is this many times the other. Default 1.5.
    pub slower_factor: f64,
    /// And further from it than this. Default 5 ms.
    pub slower_ns_min: i64,
    /// The call rate changed when it is this many times the other. Default 2.
    pub rate_factor: f64,
}

impl Default for Sensitivity {
    fn default() -> Self {
        Self {
            calls_min: 20,
            share_min: 0.01,
            deviations_min: 3.0,
            slower_factor: 1.5,
            slower_ns_min: 5_000_000,
            rate_factor: 2.0,
        }
    }
}

/// A node that differs. The measures are none where it does not exist.
#[derive(Clone, PartialEq, Debug)]
pub struct NodeChange {
    pub entity: Entity,
    pub changes: Vec<Change>,
    pub before: Option<Measure>,
    pub after: Option<Measure>,
}

/// An edge that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct EdgeChange {
    pub caller: Entity,
    pub callee: Entity,
    pub kind: String,
    pub changes: Vec<Change>,
    pub before: Option<Measure>,
    pub after: Option<Measure>,
}

/// All that differs, sorted as the graphs are.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Difference {
    pub nodes: Vec<NodeChange>,
    pub edges: Vec<EdgeChange>,
    /// Edges that are in both and do not differ.
    pub edges_same: usize,
}

/// How long a graph's window is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window(pub Duration);

impl Difference {
    /// From `before` to `after`. Rates are compared only where the two windows are of one traffic:
    /// cohorts of different size have none (`rates` is none then).
    pub fn between(before: &Graph, after: &Graph, rates: Option<(Window, Window)>, limits: &Sensitivity) -> Self {
        let judge = Judge { rates, limits };
        let nodes = paired(
            before.nodes.iter().map(|n| (n.entity.clone(), n.measure)),
            after.nodes.iter().map(|n| (n.entity.clone(), n.measure)),
        );
        let nodes = nodes.into_iter().filter_map(|(entity, (before, after))| {
            let changes = judge.changes(before.as_ref(), after.as_ref());
            (!changes.is_empty()).then_some(NodeChange { entity, changes, before, after })
        });
        let mut difference = Difference { nodes: nodes.collect(), ..Self::default() };
        for ((caller, callee, kind), (before, after)) in paired(edges(before), edges(after)) {
            let changes = judge.changes(before.as_ref(), after.as_ref());
            if changes.is_empty() {
                difference.edges_same += 1;
            } else {
                difference.edges.push(EdgeChange { caller, callee, kind, changes, before, after });
            }
        }
        difference
    }
}

fn edges(graph: &Graph) -> impl Iterator<Item = ((Entity, Entity, String), Measure)> {
    let entity = |n: usize| graph.nodes[n].entity.clone();
    graph.edges.iter().map(move |e| ((entity(e.caller), entity(e.callee), e.kind.clone()), e.measure))
}

type Pairs<K> = BTreeMap<K, (Option<Measure>, Option<Measure>)>;

fn paired<K: Ord>(before: impl Iterator<Item = (K, Measure)>, after: impl Iterator<Item = (K, Measure)>) -> Pairs<K> {
    let mut pairs: Pairs<K> = before.map(|(key, measure)| (key, (Some(measure), None))).collect();
    for (key, measure) in after {
        pairs.entry(key).or_default().1 = Some(measure);
    }
    pairs
}

struct Judge<'a> {
    rates: Option<(Window, Window)>,
    limits: &'a Sensitivity,
}

impl Judge<'_> {
    fn changes(&self, before: Option<&Measure>, after: Option<&Measure>) -> Vec<Change> {
        let (before, after) = match (before, after) {
            (None, None) => return Vec::new(),
            (None, Some(_)) => return vec![Change::Added],
            (Some(_), None) => return vec![Change::Removed],
            (Some(before), Some(after)) => (before, after),
        };
        let share = |part: fn(&Traffic) -> u64, worse, better| match self.share(&before.traffic, &after.traffic, part) {
            moved if moved > 0.0 => Some(worse),
            moved if moved < 0.0 => Some(better),
            _ => None,
        };
        [
            share(|t| t.errors, Change::Failing, Change::Recovered),
            share(|t| t.limited, Change::Limited, Change::Unlimited),
            self.pace(before, after),
            self.rate(&before.traffic, &after.traffic),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// How far a share moved; 0 where that may be chance or is too little. The deviation is that of the
    /// difference of two shares with one common truth.
    fn share(&self, before: &Traffic, after: &Traffic, part: fn(&Traffic) -> u64) -> f64 {
        if before.calls.min(after.calls) < self.limits.calls_min {
            return 0.0;
        }
        let (calls_before, calls_after) = (before.calls as f64, after.calls as f64);
        let (part_before, part_after) = (part(before) as f64, part(after) as f64);
        let moved = part_after / calls_after - part_before / calls_before;
        let common = (part_before + part_after) / (calls_before + calls_after);
        let deviation = (common * (1.0 - common) * (1.0 / calls_before + 1.0 / calls_after)).sqrt();
        let told = moved.abs() >= self.limits.share_min && moved.abs() >= self.limits.deviations_min * deviation;
        if told { moved } else { 0.0 }
    }

    fn pace(&self, before: &Measure, after: &Measure) -> Option<Change> {
        if before.traffic.calls.min(after.traffic.calls) < self.limits.calls_min {
            return None;
        }
        let (was, is) = (before.quantiles?.p95_ns, after.quantiles?.p95_ns);
        let beyond = |slow: i64, quick: i64| {
            slow as f64 >= quick as f64 * self.limits.slower_factor
                && slow.saturating_sub(quick) >= self.limits.slower_ns_min
        };
        if beyond(is, was) {
            Some(Change::Slower)
        } else if beyond(was, is) {
            Some(Change::Faster)
        } else {
            None
        }
    }

    fn rate(&self, before: &Traffic, after: &Traffic) -> Option<Change> {
        let (first, second) = self.rates?;
        if before.calls.max(after.calls) < self.limits.calls_min {
            return None;
        }
        let was = before.calls as f64 / first.0.as_secs_f64().max(f64::MIN_POSITIVE);
        let is = after.calls as f64 / second.0.as_secs_f64().max(f64::MIN_POSITIVE);
        if is >= was * self.limits.rate_factor {
            Some(Change::Busier)
        } else if was >= is * self.limits.rate_factor {
            Some(Change::Quieter)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
