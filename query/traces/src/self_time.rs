//! What a span did itself: its duration without the time that its children cover.

use crate::Tree;

/// Self time of each node in nanoseconds. Children count as far as they lie inside their parent; where
/// they overlap, once. A consumer that runs while its producer still does counts like any child.
pub fn self_times(tree: &Tree) -> Vec<i64> {
    tree.nodes().map(|node| duration(tree, node) - covered(tree, node)).collect()
}

fn duration(tree: &Tree, node: u32) -> i64 {
    let span = tree.span(node);
    span.end() - span.start
}

/// The union of the children's intervals inside the node's own.
fn covered(tree: &Tree, node: u32) -> i64 {
    uncovered(tree, node).fold(duration(tree, node), |left, (from, until)| left - (until - from))
}

/// The stretches of a node that no child covers, in order of time; none is empty.
pub(crate) fn uncovered(tree: &Tree, node: u32) -> impl Iterator<Item = (i64, i64)> + '_ {
    let (start, end) = (tree.span(node).start, tree.span(node).end());
    let mut reached = start;
    // Children come by start, so one sweep sees every hole; the last hole is before the end.
    let intervals = tree.children(node).iter().map(|child| (tree.span(*child).start, tree.span(*child).end()));
    intervals.chain([(end, end)]).filter_map(move |(from, until)| {
        let hole = (reached, from.clamp(start, end));
        reached = reached.max(until.clamp(start, end));
        (hole.0 < hole.1).then_some(hole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tree;

    #[test]
    fn self_time_is_what_no_child_covers() {
        for (what, text, expected) in [
            ("no child", "1 - a r server 0 10", vec![10]),
            ("one in the middle", "1 - a r server 0 10\n2 1 a x internal 3 4", vec![6, 4]),
            (
                "overlapping children count once",
                "1 - a r server 0 10\n2 1 a x internal 1 4\n3 1 a y internal 3 4",
                vec![4, 4, 4],
            ),
            (
                "what sticks out is cut",
                "1 - a r server 10 10\n2 1 a x internal 0 15\n3 1 a y internal 18 50",
                vec![3, 15, 50],
            ),
            ("a child wholly outside takes nothing", "1 - a r server 0 10\n2 1 a x internal 20 5", vec![10, 5]),
            (
                "a long child hides a short one",
                "1 - a r server 0 10\n2 1 a x internal 0 8\n3 1 a y internal 2 1",
                vec![2, 8, 1],
            ),
            ("a negative duration is none", "1 - a r server 0 -5\n2 1 a x internal 0 3", vec![0, 3]),
        ] {
            assert_eq!(self_times(&tree(text).0), expected, "{what}");
        }
    }
}
