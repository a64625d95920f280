//! Nodes as a waterfall shows them: each before its children, and how deep each stands.

use crate::Tree;

/// Order and depth of all nodes. A node that names a missing parent stands one below it.
pub(crate) fn preorder(tree: &Tree) -> (Vec<u32>, Vec<u32>) {
    let mut depth = vec![0; tree.len()];
    for node in tree.missing().iter().flat_map(|(_, nodes)| nodes) {
        depth[*node as usize] = 1;
    }
    let mut order = Vec::with_capacity(tree.len());
    let mut ahead: Vec<u32> = tree.tops().iter().rev().copied().collect();
    while let Some(node) = ahead.pop() {
        order.push(node);
        for child in tree.children(node).iter().rev() {
            depth[*child as usize] = depth[node as usize] + 1;
            ahead.push(*child);
        }
    }
    (order, depth)
}
