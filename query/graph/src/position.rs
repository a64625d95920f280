//! Where nodes stand: layers from left to right, callers before callees.
//!
//! A node's layer is the longest way to it, circles counted as one step each inside. Within a layer a
//! node has a home by its name, and neighbours pull it towards them with a force below one; so a small
//! change in the graph is a small change in the picture, from minute to minute. Positions are then
//! spread so that nobody stands closer than a row, as near as can be to where they were pulled.

use crate::Graph;
use petgraph::Direction as Arrow;
use petgraph::graph::NodeIndex;
use serde::Serialize;
use std::collections::VecDeque;

/// Distance of two layers, in units of the canvas.
pub const LAYER_STEP: i64 = 260;
/// Least distance of two nodes of a layer.
pub const ROW_STEP: i64 = 80;

/// How strongly neighbours pull: 0 is order by name alone, 1 would let every change run through.
const PULL: f64 = 0.75;
/// Rounds of pulling; after twelve the rest of a change is three hundredths.
const ROUNDS: usize = 12;

/// A place on the canvas: `x` grows from caller to callee.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Position {
    pub x: i64,
    pub y: i64,
}

impl Graph {
    /// A position for every node, in the order of [`Graph::nodes`].
    pub fn positions(&self) -> Vec<Position> {
        let layers = self.layers();
        let count = layers.iter().max().map_or(0, |last| last + 1);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (node, layer) in layers.iter().enumerate() {
            members[*layer].push(node);
        }
        let pulled = self.pulled(&homes(&members, self.nodes.len()));
        let tallest = members.iter().map(Vec::len).max().unwrap_or(0);
        let height = (tallest as i64 * ROW_STEP) as f64;
        let mut positions = vec![Position { x: 0, y: 0 }; self.nodes.len()];
        for (layer, mut nodes) in members.into_iter().enumerate() {
            nodes.sort_by(|a, b| pulled[*a].total_cmp(&pulled[*b]).then(a.cmp(b)));
            let wanted: Vec<f64> = nodes.iter().map(|n| pulled[*n] * height).collect();
            for (node, y) in nodes.into_iter().zip(spread(&wanted, ROW_STEP as f64)) {
                positions[node] = Position { x: layer as i64 * LAYER_STEP, y: y.round() as i64 };
            }
        }
        positions
    }

    /// The layer of each node: one more than the last of its callers outside its own circle.
    fn layers(&self) -> Vec<usize> {
        let components = self.strong_components();
        let mut component_of = vec![0; self.nodes.len()];
        for (number, nodes) in components.iter().enumerate() {
            for node in nodes {
                component_of[*node] = number;
            }
        }
        let mut layers = vec![0; self.nodes.len()];
        let mut starts = vec![0; components.len()];
        // They come callees first; callers must be placed before.
        for (number, nodes) in components.iter().enumerate().rev() {
            let depths = self.depths_inside(nodes, &component_of);
            for (node, depth) in nodes.iter().zip(depths) {
                layers[*node] = starts[number] + depth;
                for callee in self.callees(*node).filter(|c| component_of[*c] != number) {
                    let start = &mut starts[component_of[callee]];
                    *start = (*start).max(layers[*node] + 1);
                }
            }
        }
        layers
    }

    /// How far each node of a circle is from where the circle is entered: called from outside, or else
    /// its first by name.
    fn depths_inside(&self, nodes: &[usize], component_of: &[usize]) -> Vec<usize> {
        if nodes.len() == 1 {
            return vec![0];
        }
        let number = component_of[nodes[0]];
        let entered = |node: &usize| self.callers(*node).any(|caller| component_of[caller] != number);
        let mut entries: Vec<usize> = nodes.iter().copied().filter(|node| entered(node)).collect();
        if entries.is_empty() {
            entries.push(nodes[0]);
        }
        let at = |node: usize| nodes.binary_search(&node).unwrap_or(0);
        let mut depths = vec![usize::MAX; nodes.len()];
        for entry in &entries {
            depths[at(*entry)] = 0;
        }
        let mut open = VecDeque::from(entries);
        while let Some(node) = open.pop_front() {
            let next = depths[at(node)] + 1;
            for callee in self.callees(node).filter(|c| component_of[*c] == number) {
                if depths[at(callee)] == usize::MAX {
                    depths[at(callee)] = next;
                    open.push_back(callee);
                }
            }
        }
        depths
    }

    /// Homes after neighbours pulled: 0 is the top of the canvas, 1 its bottom.
    fn pulled(&self, homes: &[f64]) -> Vec<f64> {
        let mut places = homes.to_vec();
        for _ in 0..ROUNDS {
            places = (0..places.len())
                .map(|node| {
                    let (mut sum, mut count) = (0.0, 0u32);
                    for near in self.callers(node).chain(self.callees(node)).filter(|near| *near != node) {
                        sum += places[near];
                        count += 1;
                    }
                    if count == 0 { homes[node] } else { (1.0 - PULL) * homes[node] + PULL * sum / f64::from(count) }
                })
                .collect();
        }
        places
    }

    fn callees(&self, node: usize) -> impl Iterator<Item = usize> {
        self.net.neighbors_directed(NodeIndex::new(node), Arrow::Outgoing).map(NodeIndex::index)
    }

    fn callers(&self, node: usize) -> impl Iterator<Item = usize> {
        self.net.neighbors_directed(NodeIndex::new(node), Arrow::Incoming).map(NodeIndex::index)
    }
}

/// Each node's place in its layer by name, between 0 and 1.
fn homes(members: &[Vec<usize>], count: usize) -> Vec<f64> {
    let mut homes = vec![0.5; count];
    for nodes in members {
        for (rank, node) in nodes.iter().enumerate() {
            homes[*node] = (rank as f64 + 0.5) / nodes.len() as f64;
        }
    }
    homes
}

/// Ascending places at least `step` apart, with the least squared distance to the wanted ones: pools
/// neighbours that would stand too close and puts each pool around its mean.
fn spread(wanted: &[f64], step: f64) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (rank, place) in wanted.iter().enumerate() {
        let mut pool = (place - rank as f64 * step, 1);
        while let Some((sum, count)) = pools.last().copied()
            && sum / count as f64 >= pool.0 / pool.1 as f64
        {
            pool = (pool.0 + sum, pool.1 + count);
            pools.pop();
        }
        pools.push(pool);
    }
    let mut places = Vec::with_capacity(wanted.len());
    for (sum, count) in pools {
        for _ in 0..count {
            places.push(sum / count as f64 + places.len() as f64 * step);
        }
    }
    places
}

#[cfg(test)]
mod tests;
