//! Gaps: time inside a span that its children do not explain.
//!
//! A span without children has none: it is all self time. Where a span has children, a long stretch
//! without any is work without instrumentation, waiting, or spans that were lost.

use crate::Tree;
use crate::self_time::uncovered;
use std::cmp::Reverse;

/// A gap has at least this length, however short the trace is.
pub const GAP_NS_MIN: i64 = 1_000_000;
/// And at least this part of the trace's root.
pub const GAP_PART: i64 = 50;
/// The longest gaps that are named; all are counted.
pub const GAPS_NAMED: usize = 1_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    pub node: u32,
    /// Unix nanoseconds.
    pub start: i64,
    pub duration_ns: i64,
}

/// All gaps of a trace.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gaps {
    /// The longest [`GAPS_NAMED`], longest first.
    pub longest: Vec<Gap>,
    pub count: usize,
    pub threshold_ns: i64,
}

/// A millisecond, or a fiftieth of the root where that is longer. Not of the whole trace: one span with
/// a clock of its own would make that any time.
pub fn threshold_ns(tree: &Tree) -> i64 {
    let length = tree.root().map_or(0, |root| tree.span(root).duration_ns);
    GAP_NS_MIN.max(length / GAP_PART)
}

/// Gaps of at least `threshold_ns`.
pub fn gaps(tree: &Tree, threshold_ns: i64) -> Gaps {
    let parents = tree.nodes().filter(|node| !tree.children(*node).is_empty());
    let all = parents.flat_map(|node| {
        uncovered(tree, node).map(move |(from, until)| Gap { node, start: from, duration_ns: until - from })
    });
    let mut longest: Vec<Gap> = all.filter(|gap| gap.duration_ns >= threshold_ns).collect();
    let count = longest.len();
    longest.sort_by_key(|gap| (Reverse(gap.duration_ns), gap.start, gap.node));
    longest.truncate(GAPS_NAMED);
    Gaps { longest, count, threshold_ns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tree;

    #[test]
    fn a_gap_is_a_long_stretch_without_a_child_in_a_span_that_has_some() {
        let (tree, _) = tree(
            "1 - a r server 0 100
             2 1 a x client 5 20
             3 1 a y client 60 30
             4 3 b z server 60 30",
        );
        let found = gaps(&tree, 10);
        let drawn: Vec<_> = found.longest.iter().map(|g| (g.node, g.start, g.duration_ns)).collect();
        assert_eq!(drawn, [(0, 25, 35), (0, 90, 10)]);
        assert_eq!((found.count, gaps(&tree, 11).count, gaps(&tree, 36).count), (2, 1, 0));
        assert_eq!(threshold_ns(&tree), GAP_NS_MIN);
    }

    #[test]
    fn the_threshold_grows_with_the_root_and_not_with_odd_clocks() {
        let (tree, _) = tree("1 - a r server 0 1000000000\n2 1 a x internal 99000000000 5");
        assert_eq!(threshold_ns(&tree), 20_000_000);
    }
}
