//! Which places account for edges that have gone bad: the smallest set, greedily.

use crate::names::Name;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Caller and callee, as places: instances where they are known, services otherwise.
pub(crate) type Edge = (Name, Name);

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
        for (place, direction) in
            [(edge.0, Direction::Out), (edge.1, Direction::In), (edge.0, Direction::Both), (edge.1, Direction::Both)]
        {
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

impl Direction {
    /// "into", "out of", "at", to stand before (in Chinese after) a place.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::In => ("into", "的入向"),
            Self::Out => ("out of", "的出向"),
            Self::Both => ("at", "的双向"),
        }
    }
}
