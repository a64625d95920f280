//! The critical path: which span the end of the trace's root was waiting for, at each instant.
//!
//! From the end of a span backwards: the child that finished last was waited for, before it the child
//! that finished last before that one began, and between them the span itself. A child that goes on
//! after its parent was waited for until the parent's end; a child that lies wholly outside its parent
//! was not waited for, nor was a consumer of a message, whose sender goes on without it.
//!
//! Invariant: the segments cover the root from its start to its end without a hole or an overlap.

use crate::{Kind, Tree};

/// A stretch of the critical path, spent in one span itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    pub node: u32,
    /// Unix nanoseconds.
    pub start: i64,
    /// Above zero.
    pub duration_ns: i64,
}

/// A span on its way: which part of it counts, and how far back the walk has come.
struct Visit {
    node: u32,
    from: i64,
    until: i64,
    reached: i64,
    /// Children that were waited for, the last to finish at the end.
    children: Vec<u32>,
}

impl Visit {
    fn new(tree: &Tree, node: u32, from: i64, until: i64) -> Self {
        let ends = |child: &u32| tree.span(*child).end().min(until);
        let waited = |child: &&u32| {
            let span = tree.span(**child);
            span.kind != Kind::Consumer && span.start.max(from) < ends(child)
        };
        let mut children: Vec<u32> = tree.children(node).iter().filter(waited).copied().collect();
        // Of two that finish together the longer one is the one that counts.
        children.sort_by_key(|child| (ends(child), std::cmp::Reverse(tree.span(*child).start)));
        Self { node, from, until, reached: until, children }
    }
}

/// The segments of the path through [`Tree::root`], by time; none for a root without a duration.
pub fn critical_path(tree: &Tree) -> Vec<Segment> {
    let Some(root) = tree.root() else { return Vec::new() };
    let span = tree.span(root);
    let mut segments = Vec::new();
    let mut visits = vec![Visit::new(tree, root, span.start, span.end())];
    while let Some(visit) = visits.last_mut() {
        let (node, from, until) = (visit.node, visit.from, visit.until);
        let child = loop {
            match visit.children.pop() {
                Some(child) if tree.span(child).end().min(until) <= visit.reached => break Some(child),
                Some(_) => {}
                None => break None,
            }
        };
        let end = child.map_or(from, |child| tree.span(child).end().min(until));
        if end < visit.reached {
            segments.push(Segment { node, start: end, duration_ns: visit.reached - end });
        }
        match child {
            Some(child) => {
                let start = tree.span(child).start.max(from);
                visit.reached = start;
                visits.push(Visit::new(tree, child, start, end));
            }
            None => drop(visits.pop()),
        }
    }
    segments.reverse();
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, tree};

    fn path(text: &str) -> String {
        let (tree, _) = tree(text);
        let segments = critical_path(&tree);
        let drawn = segments
            .iter()
            .map(|s| format!("{}:{}-{}", number(tree.span(s.node).id), s.start, s.start + s.duration_ns));
        drawn.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_path_goes_through_whatever_finished_last() {
        for (what, text, expected) in [
            ("a span alone", "1 - a r server 0 10", "1:0-10"),
            (
                "one after the other",
                "1 - a r server 0 10\n2 1 a x client 1 3\n3 1 a y client 5 4",
                "1:0-1 2:1-4 1:4-5 3:5-9 1:9-10",
            ),
            (
                "two at a time: the later end",
                "1 - a r server 0 10\n2 1 a x client 1 3\n3 1 a y client 2 6",
                "1:0-2 3:2-8 1:8-10",
            ),
            (
                "three levels",
                "1 - a r server 0 10\n2 1 a x client 1 8\n3 2 b y server 2 5",
                "1:0-1 2:1-2 3:2-7 2:7-9 1:9-10",
            ),
            ("a child that outlives its parent", "1 - a r server 0 10\n2 1 a x client 4 60", "1:0-4 2:4-10"),
            ("a child that starts too early", "1 - a r server 10 10\n2 1 a x client 0 15", "2:10-15 1:15-20"),
            ("a child outside", "1 - a r server 0 10\n2 1 a x client 50 5", "1:0-10"),
            ("a consumer is not waited for", "1 - a r producer 0 10\n2 1 b x consumer 2 6", "1:0-10"),
            ("children of no duration", "1 - a r server 0 10\n2 1 a x client 3 0\n3 1 a y client 4 -2", "1:0-10"),
            ("a root of no duration", "1 - a r server 5 0\n2 1 a x client 5 0", ""),
            (
                "the same end: the longer one",
                "1 - a r server 0 10\n2 1 a x client 6 4\n3 1 a y client 2 8",
                "1:0-2 3:2-10",
            ),
            ("an orphan when nothing else is there", "2 9 a x client 6 4", "2:6-10"),
        ] {
            assert_eq!(path(text), expected, "{what}");
        }
    }
}
