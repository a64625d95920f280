//! Whatever spans come, the tree holds each once, and its figures agree with each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use model::SpanId;
use proptest::prelude::*;
use std::collections::HashSet;
use traces::{Kind, Names, Span, Status, Tree};

/// Id, parent, start, duration, and which service, operation and kind.
type Drawn = (u64, Option<u64>, i64, i64, usize, usize, usize);

/// Few ids, so that duplicates, shared ids, circles, self-parents and missing parents are frequent;
/// times and durations of every size.
fn any_span() -> impl Strategy<Value = Drawn> {
    let time = prop_oneof![4 => 0..1_000_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => -3_600_000_000_000..0_i64];
    let duration = prop_oneof![6 => 0..500_i64, 1 => -100..0_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    (0..24_u64, proptest::option::of(0..26_u64), time, duration, 0..3_usize, 0..3_usize, 0..5_usize)
}

fn spans(drawn: &[Drawn], names: &mut Names) -> Vec<Span> {
    let id = |n: u64| SpanId(n.to_be_bytes());
    let of = |(own, parent, start, duration_ns, service, operation, kind): &_| Span {
        id: id(*own),
        parent: Option::map(*parent, id),
        start: *start,
        duration_ns: *duration_ns,
        service: names.name(["cart", "pay", "web"][*service]),
        operation: names.name(["a", "b", "c"][*operation]),
        kind: Kind::ALL[*kind],
        status: Status::ALL[*operation],
        peer: None,
    };
    drawn.iter().map(of).collect()
}

proptest! {
    #[test]
    fn every_span_is_in_the_tree_once_below_its_parent(drawn in prop::collection::vec(any_span(), 0..80)) {
        let mut names = Names::new();
        let tree = Tree::build(spans(&drawn, &mut names));
        prop_assert_eq!(tree.len() + tree.oddities().duplicates, drawn.len());
        let mut seen = HashSet::new();
        for node in tree.order() {
            if let Some(parent) = tree.parent(*node) {
                prop_assert!(seen.contains(&parent), "a parent stands before its children");
                prop_assert_eq!(tree.depth(*node), tree.depth(parent) + 1);
                prop_assert!(tree.children(parent).contains(node));
            }
            prop_assert!(seen.insert(*node));
        }
        prop_assert_eq!(seen.len(), tree.len());
        let orphans: usize = tree.missing().iter().map(|(_, nodes)| nodes.len()).sum();
        prop_assert_eq!(orphans, tree.nodes().filter(|n| tree.is_orphan(*n)).count());
    }

    #[test]
    fn the_tree_does_not_hang_on_the_order_of_arrival(
        drawn in prop::collection::vec(any_span(), 0..40),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let mut names = Names::new();
        let spans = spans(&drawn, &mut names);
        let mut turned = spans.clone();
        if !turned.is_empty() {
            turned.rotate_left(shuffled.index(spans.len()));
        }
        let shape = |tree: &Tree| {
            let nodes = tree.order().iter().filter(|n| !tree.span(**n).id.is_zero());
            nodes.map(|n| (tree.span(*n).id, tree.span(*n).kind, tree.depth(*n))).collect::<HashSet<_>>()
        };
        prop_assert_eq!(shape(&Tree::build(spans)), shape(&Tree::build(turned)));
    }

    #[test]
    fn self_times_lie_within_durations_and_the_path_covers_the_root(drawn in prop::collection::vec(any_span(), 0..80)) {
        let mut names = Names::new();
        let tree = Tree::build(spans(&drawn, &mut names));
        let self_times = traces::self_times(&tree);
        for node in tree.nodes() {
            let span = tree.span(node);
            let own = self_times[node as usize];
            prop_assert!(own >= 0 && i128::from(own) <= i128::from(span.end()) - i128::from(span.start));
        }
        let path = traces::critical_path(&tree);
        if let Some(root) = tree.root() {
            let (mut at, end) = (tree.span(root).start, tree.span(root).end());
            for segment in &path {
                prop_assert_eq!(segment.start, at);
                prop_assert!(segment.duration_ns > 0);
                at += segment.duration_ns;
            }
            prop_assert_eq!(at, end);
        }
        traces::gaps(&tree, 1);
        traces::skews(&tree);
        traces::missing(&tree, &names, &Default::default(), &Default::default());
        let sums = traces::operations(&tree, &self_times);
        prop_assert_eq!(sums.iter().map(|s| s.calls).sum::<usize>(), tree.len());
    }

    #[test]
    fn a_trace_is_equal_to_itself(drawn in prop::collection::vec(any_span(), 0..60)) {
        let mut names = Names::new();
        let tree = Tree::build(spans(&drawn, &mut names));
        let itself = traces::compare(&tree, &tree.clone());
        prop_assert!(itself.only_a.is_empty() && itself.only_b.is_empty());
        prop_assert!(itself.pairs.iter().all(|pair| pair.a == pair.b));
        let nothing = traces::compare(&tree, &Tree::default());
        prop_assert_eq!(nothing.only_a.len(), tree.len());
    }

    /// Children inside their parents, one after the other: nothing counts twice and nothing is lost.
    #[test]
    fn in_a_nested_trace_self_times_add_up_to_the_root(cuts in prop::collection::vec((0..20_usize, 1..9_i64, 1..9_i64), 0..40)) {
        let mut names = Names::new();
        let name = names.name("x");
        let mut all = vec![Span {
            id: SpanId([1; 8]), parent: None, start: 0, duration_ns: 1_000_000, service: name, operation: name,
            kind: Kind::Internal, status: Status::Unset, peer: None,
        }];
        // How far each span is taken by its children so far.
        let mut taken = vec![0_i64];
        for (n, (parent, skip, part)) in cuts.into_iter().enumerate() {
            let parent = parent % all.len();
            let over = all[parent];
            let start = (over.start + taken[parent]).saturating_add(skip);
            let duration_ns = over.duration_ns / 2 / part;
            if duration_ns == 0 || start + duration_ns > over.end() {
                continue;
            }
            taken[parent] = start + duration_ns - over.start;
            all.push(Span { id: SpanId((n as u64 + 2).to_be_bytes()), parent: Some(over.id), start, duration_ns, ..over });
            taken.push(0);
        }
        let tree = Tree::build(all);
        prop_assert!(tree.is_whole());
        prop_assert_eq!(traces::self_times(&tree).iter().sum::<i64>(), 1_000_000);
        prop_assert_eq!(traces::critical_path(&tree).iter().map(|s| s.duration_ns).sum::<i64>(), 1_000_000);
    }
}
