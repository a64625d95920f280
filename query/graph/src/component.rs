//! Services that call each other in a circle.

use crate::Graph;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::NodeIndex;

/// A strongly connected component that is a circle: each node reaches each other, or one calls itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component {
    /// Positions in [`Graph::nodes`], ascending.
    pub nodes: Vec<usize>,
}

impl Graph {
    /// The circles of the graph, ordered by their first nodes.
    pub fn components(&self) -> Vec<Component> {
        let mut circles: Vec<Component> = self
            .strong_components()
            .into_iter()
            .filter(|nodes| nodes.len() > 1 || self.calls_itself(nodes[0]))
            .map(|nodes| Component { nodes })
            .collect();
        circles.sort_by_key(|component| component.nodes[0]);
        circles
    }

    /// All strongly connected components, callees before their callers, none of them empty.
    pub(crate) fn strong_components(&self) -> Vec<Vec<usize>> {
        let mut components: Vec<Vec<usize>> = kosaraju_scc(&self.net)
            .into_iter()
            .map(|nodes| nodes.into_iter().map(NodeIndex::index).collect())
            .collect();
        for component in &mut components {
            component.sort_unstable();
        }
        components
    }

    fn calls_itself(&self, node: usize) -> bool {
        let node = NodeIndex::new(node);
        self.net.contains_edge(node, node)
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::tests::graph;

    #[test]
    fn circles_and_calls_to_oneself_are_found_and_nothing_else() {
        let pairs = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "c"), ("f", "f"), ("f", "a")];
        let graph = graph(&pairs);
        let found: Vec<Vec<&str>> = graph
            .components()
            .iter()
            .map(|c| c.nodes.iter().map(|n| graph.nodes[*n].entity.name.as_str()).collect())
            .collect();
        assert_eq!(found, [vec!["a", "b"], vec!["c", "d", "e"], vec!["f"]]);
    }
}
