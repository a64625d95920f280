//! The graph itself: rows in, sorted nodes and edges out, bounded by traffic.

use crate::{Entity, Measure, Traffic};
use model::UnixNanos;
use petgraph::graph::{DiGraph, NodeIndex};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Calls from one entity to another, as a row of a query gives them. `kind` says over what (`call`,
/// `message`, `runs_on` ...) and is part of the edge's identity.
#[derive(Clone, PartialEq, Debug)]
pub struct CallRow {
    pub caller: Entity,
    pub callee: Entity,
    pub kind: String,
    pub measure: Measure,
}

/// What is known of an entity by itself, apart from the calls to it.
#[derive(Clone, PartialEq, Debug)]
pub struct NodeRow {
    pub entity: Entity,
    pub measure: Measure,
}

/// A node: its own row's counts, or the sum of the calls to it where it has no row.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    pub entity: Entity,
    pub measure: Measure,
}

/// `caller` and `callee` are positions in [`Graph::nodes`].
#[derive(Clone, PartialEq, Debug)]
pub struct Edge {
    pub caller: usize,
    pub callee: usize,
    pub kind: String,
    pub measure: Measure,
}

/// How much of a graph is kept.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Default 2,000.
    pub nodes_max: usize,
    /// Default 10,000.
    pub edges_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { nodes_max: 2_000, edges_max: 10_000 }
    }
}

/// What there was before a bound cut the least travelled away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    pub nodes_total: usize,
    pub edges_total: usize,
}

/// A directed graph. Nodes are sorted by kind and name, edges by caller, callee and kind.
#[derive(Clone, Debug)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    /// None when everything is there.
    pub cut: Option<Cut>,
    /// The same graph for algorithms: node and edge numbers are positions in the two lists.
    pub(crate) net: DiGraph<(), ()>,
}

impl Graph {
    /// Rows of the same edge or node add up. An entity without a row of its own has the traffic of the
    /// calls to it.
    pub fn build(
        calls: impl IntoIterator<Item = CallRow>,
        nodes: impl IntoIterator<Item = NodeRow>,
        bounds: Bounds,
    ) -> Self {
        let calls = merged_calls(calls);
        let nodes = merged_nodes(nodes, &calls);
        let (nodes_total, edges_total) = (nodes.len(), calls.len());
        let nodes = busiest_nodes(nodes, &calls, bounds.nodes_max);
        let mut edges = numbered(&nodes, calls);
        if edges.len() > bounds.edges_max {
            edges.sort_by_cached_key(|e| (rank(&e.measure), e.caller, e.callee, e.kind.clone()));
            edges.truncate(bounds.edges_max);
            edges.sort_by(|a, b| (a.caller, a.callee, &a.kind).cmp(&(b.caller, b.callee, &b.kind)));
        }
        let whole = (nodes.len(), edges.len()) == (nodes_total, edges_total);
        Self::of(nodes, edges, (!whole).then_some(Cut { nodes_total, edges_total }))
    }

    /// Of lists that are sorted already.
    pub(crate) fn of(nodes: Vec<Node>, edges: Vec<Edge>, cut: Option<Cut>) -> Self {
        let mut net = DiGraph::with_capacity(nodes.len(), edges.len());
        for _ in &nodes {
            net.add_node(());
        }
        for edge in &edges {
            net.add_edge(NodeIndex::new(edge.caller), NodeIndex::new(edge.callee), ());
        }
        Self { nodes, edges, cut, net }
    }

    /// The position of an entity in [`Graph::nodes`].
    pub fn find(&self, entity: &Entity) -> Option<usize> {
        self.nodes.binary_search_by(|node| node.entity.cmp(entity)).ok()
    }
}

type CallKey = (Entity, Entity, String);

fn merged_calls(rows: impl IntoIterator<Item = CallRow>) -> BTreeMap<CallKey, Measure> {
    let mut calls: BTreeMap<CallKey, Measure> = BTreeMap::new();
    for CallRow { caller, callee, kind, measure } in rows {
        calls.entry((caller, callee, kind)).and_modify(|known| known.add(measure)).or_insert(measure);
    }
    calls
}

/// Nodes of rows, and of the ends of calls; sorted.
fn merged_nodes(rows: impl IntoIterator<Item = NodeRow>, calls: &BTreeMap<CallKey, Measure>) -> Vec<Node> {
    let mut own: BTreeMap<Entity, Measure> = BTreeMap::new();
    for NodeRow { entity, measure } in rows {
        own.entry(entity).and_modify(|known| known.add(measure)).or_insert(measure);
    }
    let mut ends: BTreeMap<&Entity, Measure> = BTreeMap::new();
    for ((caller, callee, _), call) in calls {
        let silent = Measure { traffic: Traffic::default(), quantiles: None, ..*call };
        ends.entry(caller).and_modify(|known| known.add(silent)).or_insert(silent);
        ends.entry(callee).and_modify(|known| known.add(*call)).or_insert(*call);
    }
    for (entity, end) in ends {
        match own.get_mut(entity) {
            Some(known) => known.join(&end),
            None => {
                own.insert(entity.clone(), end);
            }
        }
    }
    own.into_iter().map(|(entity, measure)| Node { entity, measure }).collect()
}

/// Calls between nodes that stayed, by node number; sorted as the calls are.
fn numbered(nodes: &[Node], calls: BTreeMap<CallKey, Measure>) -> Vec<Edge> {
    let numbers: HashMap<&Entity, usize> = nodes.iter().enumerate().map(|(n, node)| (&node.entity, n)).collect();
    let edge = |((caller, callee, kind), measure): (CallKey, Measure)| {
        Some(Edge { caller: *numbers.get(&caller)?, callee: *numbers.get(&callee)?, kind, measure })
    };
    calls.into_iter().filter_map(edge).collect()
}

type Rank = (Reverse<crate::Origin>, Reverse<u64>, Reverse<Option<UnixNanos>>);

/// What is seen before what is told, what is told before what is gone; then by calls, most first.
fn rank(measure: &Measure) -> Rank {
    (Reverse(measure.origin), Reverse(measure.traffic.calls), Reverse(measure.last_seen))
}

/// The `max` nodes with most calls in and out, in their order.
fn busiest_nodes(nodes: Vec<Node>, calls: &BTreeMap<CallKey, Measure>, max: usize) -> Vec<Node> {
    if nodes.len() <= max {
        return nodes;
    }
    let mut touched: HashMap<&Entity, Traffic> = HashMap::new();
    for ((caller, callee, _), call) in calls {
        for end in [caller, callee] {
            *touched.entry(end).or_default() += call.traffic;
        }
    }
    let weight = |node: &Node| {
        let mut measure = node.measure;
        let through = touched.get(&node.entity).map_or(0, |t| t.calls);
        measure.traffic.calls = measure.traffic.calls.max(through);
        rank(&measure)
    };
    let mut order: Vec<_> = nodes.iter().enumerate().map(|(n, node)| (weight(node), n)).collect();
    order.sort_unstable();
    let kept: HashSet<usize> = order.into_iter().take(max).map(|(_, n)| n).collect();
    nodes.into_iter().enumerate().filter(|(n, _)| kept.contains(n)).map(|(_, node)| node).collect()
}

#[cfg(test)]
pub(crate) mod tests;
