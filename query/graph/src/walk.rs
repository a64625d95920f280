//! Walks along edges: the neighbourhood of a node, and who is upstream of it.

use crate::{Edge, Graph, Node};
use petgraph::Direction as Arrow;
use petgraph::graph::NodeIndex;
use std::collections::VecDeque;

/// Which way edges are followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From callee to caller.
    Upstream,
    /// From caller to callee.
    Downstream,
}

/// A node met on a walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// Position in [`Graph::nodes`].
    pub node: usize,
    /// Edges on the shortest way.
    pub hops: usize,
}

impl Graph {
    /// Every node within `hops_max` edges of `start`, itself first, near ones before far ones and by
    /// name within a distance. Each edge is followed once, so cycles end.
    pub fn reached(&self, start: usize, direction: Direction, hops_max: usize) -> Vec<Reached> {
        if start >= self.nodes.len() {
            return Vec::new();
        }
        let arrow = match direction {
            Direction::Upstream => Arrow::Incoming,
            Direction::Downstream => Arrow::Outgoing,
        };
        let mut hops: Vec<Option<usize>> = vec![None; self.nodes.len()];
        hops[start] = Some(0);
        let mut open = VecDeque::from([(start, 0)]);
        while let Some((node, so_far)) = open.pop_front() {
            if so_far == hops_max {
                continue;
            }
            for next in self.net.neighbors_directed(NodeIndex::new(node), arrow).map(NodeIndex::index) {
                if hops[next].is_none() {
                    hops[next] = Some(so_far + 1);
                    open.push_back((next, so_far + 1));
                }
            }
        }
        let mut reached: Vec<_> =
            hops.into_iter().enumerate().filter_map(|(node, hops)| Some(Reached { node, hops: hops? })).collect();
        reached.sort_by_key(|r| (r.hops, r.node));
        reached
    }

    /// What lies within `hops` edges up or down of `center`: its callers' callers and its callees'
    /// callees, not its callers' other callees. All edges between nodes that stay are kept.
    pub fn focused(&self, center: usize, hops: usize) -> Graph {
        let mut stays = vec![false; self.nodes.len()];
        for direction in [Direction::Upstream, Direction::Downstream] {
            for reached in self.reached(center, direction, hops) {
                stays[reached.node] = true;
            }
        }
        self.keeping(&stays, |_| true)
    }

    /// The part of the graph with the nodes marked, and the edges between them that `keep` wants.
    fn keeping(&self, stays: &[bool], keep: impl Fn(&Edge) -> bool) -> Graph {
        let mut numbers = vec![0; self.nodes.len()];
        let mut nodes: Vec<Node> = Vec::new();
        for (old, node) in self.nodes.iter().enumerate().filter(|(old, _)| stays[*old]) {
            numbers[old] = nodes.len();
            nodes.push(node.clone());
        }
        let edges = self.edges.iter().filter(|e| stays[e.caller] && stays[e.callee] && keep(e));
        let edges = edges.map(|e| Edge { caller: numbers[e.caller], callee: numbers[e.callee], ..e.clone() }).collect();
        Graph::of(nodes, edges, self.cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::{graph, names};

    fn reached(graph: &Graph, from: &str, direction: Direction, hops: usize) -> Vec<(String, usize)> {
        let start = graph.find(&crate::Entity::service(from)).unwrap();
        let reached = graph.reached(start, direction, hops);
        reached.into_iter().map(|r| (graph.nodes[r.node].entity.name.clone(), r.hops)).collect()
    }

    #[test]
    fn a_walk_goes_round_a_cycle_once_and_counts_the_shortest_way() {
        let graph = graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "c"), ("c", "d")]);
        let all = reached(&graph, "a", Direction::Downstream, usize::MAX);
        assert_eq!(all, [("a", 0), ("b", 1), ("c", 2), ("d", 3)].map(|(n, h)| (n.to_owned(), h)));
        let upstream = reached(&graph, "d", Direction::Upstream, 2);
        assert_eq!(upstream, [("d", 0), ("c", 1), ("b", 2)].map(|(n, h)| (n.to_owned(), h)));
    }

    #[test]
    fn a_focus_holds_callers_and_callees_but_not_the_callers_other_callees() {
        let graph = graph(&[("edge", "order"), ("edge", "search"), ("order", "db"), ("order", "pay"), ("pay", "bank")]);
        let center = graph.find(&crate::Entity::service("order")).unwrap();
        assert_eq!(names(&graph.focused(center, 1)), ["db", "edge", "order", "pay"]);
        assert_eq!(names(&graph.focused(center, 2)), ["bank", "db", "edge", "order", "pay"]);
        assert_eq!(names(&graph.focused(center, 0)), ["order"]);
        assert_eq!(graph.focused(center, 2).edges.len(), 4);
    }

    #[test]
    fn a_walk_along_a_hundred_thousand_calls_in_a_row_needs_no_stack() {
        let names: Vec<String> = (0..100_000).map(|n| format!("s{n:06}")).collect();
        let pairs: Vec<_> = names.windows(2).map(|w| (w[0].as_str(), w[1].as_str())).collect();
        let graph = graph(&pairs);
        let last = graph.reached(0, Direction::Downstream, usize::MAX);
        assert_eq!(last.last().unwrap().hops, 99_999);
        assert!(graph.components().is_empty());
        assert_eq!(graph.positions().len(), 100_000);
    }
}
