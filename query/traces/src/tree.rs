//! The tree of one trace, from spans in any order.
//!
//! Every span given is a node once: what is sent twice is merged and counted; a span whose parent is
//! not there stands under its missing parent; a circle of parents is cut at its earliest span. Spans
//! that share an id as two sides of one call (client and server) are two nodes, one under the other.

use crate::order;
use crate::{Kind, Names, Span, Status};
use model::SpanId;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// No node.
pub(crate) const NONE: u32 = u32::MAX;
/// Circles of parents that are named; all are counted.
const CYCLES_NAMED: usize = 100;

/// What was odd about the spans. Nothing of it is an error, and nothing was left out for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Oddities {
    /// Spans merged into another of the same id and kind.
    pub duplicates: usize,
    /// Of these, the ones that were not equal to the span that stayed.
    pub differing_duplicates: usize,
    /// Spans that name themselves as their parent.
    pub self_parents: usize,
    /// Circles of two spans or more.
    pub cycles: usize,
    /// Where circles and self-parents were cut: these spans count as roots. The first hundred.
    pub cut_at: Vec<SpanId>,
    /// Spans whose own id is all zeros: nobody's parent, nobody's duplicate.
    pub zero_ids: usize,
    pub negative_durations: usize,
    /// Ids that stand for both sides of a call.
    pub shared_ids: usize,
}

/// A trace. Nodes are numbers from 0, below [`Tree::len`], and mean nothing outside their tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    spans: Vec<Span>,
    parent: Vec<u32>,
    /// Children of node `n`: `children[first_child[n]..first_child[n + 1]]`, by start, then id.
    first_child: Vec<u32>,
    children: Vec<u32>,
    /// Nodes without a parent in the tree, as they come in tree order.
    tops: Vec<u32>,
    order: Vec<u32>,
    depth: Vec<u32>,
    /// Parents that are named and not there, with their children, by start of the first child.
    missing: Vec<(SpanId, Vec<u32>)>,
    oddities: Oddities,
}

impl Tree {
    /// Builds it from at most `u32::MAX - 1` spans, in `n log n` and a few words a span.
    pub fn build(spans: Vec<Span>) -> Self {
        let mut oddities = Oddities::default();
        let mut spans = merged(spans, &mut oddities);
        spans.truncate(NONE as usize - 1);
        oddities.zero_ids = spans.iter().filter(|s| s.id.is_zero()).count();
        oddities.negative_durations = spans.iter().filter(|s| s.duration_ns < 0).count();
        let (mut parent, missing) = parents(&spans, &mut oddities);
        cut_cycles(&spans, &mut parent, &mut oddities);
        let missing = by_parent(&spans, missing);
        let tops = tops(&spans, &parent, &missing);
        let (first_child, children) = children(&spans, &parent);
        let mut tree = Self {
            spans,
            parent,
            first_child,
            children,
            tops,
            order: Vec::new(),
            depth: Vec::new(),
            missing,
            oddities,
        };
        (tree.order, tree.depth) = order::preorder(&tree);
        tree
    }

    /// The same tree with its names in another set: what a comparison of two trees needs.
    pub fn renamed(mut self, from: &Names, to: &mut Names) -> Self {
        for span in &mut self.spans {
            span.service = to.name(from.text(span.service));
            span.operation = to.name(from.text(span.operation));
            span.peer = span.peer.map(|peer| to.name(from.text(peer)));
        }
        self
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub fn span(&self, node: u32) -> &Span {
        &self.spans[node as usize]
    }

    pub fn nodes(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.spans.len() as u32
    }

    pub fn parent(&self, node: u32) -> Option<u32> {
        Some(self.parent[node as usize]).filter(|parent| *parent != NONE)
    }

    /// By start, then id.
    pub fn children(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.children[self.first_child[node] as usize..self.first_child[node + 1] as usize]
    }

    /// All nodes as a waterfall shows them: each before its children, roots and orphans by start.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Steps from the top: 0 for roots, 1 for children of a missing parent.
    pub fn depth(&self, node: u32) -> u32 {
        self.depth[node as usize]
    }

    pub fn oddities(&self) -> &Oddities {
        &self.oddities
    }

    /// Parents that are named and not there, with their children.
    pub fn missing(&self) -> &[(SpanId, Vec<u32>)] {
        &self.missing
    }

    pub(crate) fn tops(&self) -> &[u32] {
        &self.tops
    }

    /// Whether the node names a parent that is not there.
    pub fn is_orphan(&self, node: u32) -> bool {
        self.depth[node as usize] > 0 && self.parent[node as usize] == NONE
    }

    /// Nodes that name no parent (or were cut out of a circle), by start, then id.
    pub fn roots(&self) -> impl Iterator<Item = u32> + '_ {
        self.tops.iter().copied().filter(|top| self.depth(*top) == 0)
    }

    /// The node the trace is named after: the earliest root; where all are orphans, the earliest of
    /// them. None in an empty trace.
    pub fn root(&self) -> Option<u32> {
        self.roots().next().or_else(|| self.tops.first().copied())
    }

    /// From the first start to the last end, in Unix nanoseconds. None in an empty trace.
    pub fn interval(&self) -> Option<(i64, i64)> {
        let from = self.spans.iter().map(|s| s.start).min()?;
        let until = self.spans.iter().map(Span::end).max()?;
        Some((from, until))
    }

    /// Whether every named parent is there and there is one root.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.tops.len() == 1
    }
}

/// Merges spans of the same id and kind; the longest stays, an error before none.
fn merged(spans: Vec<Span>, oddities: &mut Oddities) -> Vec<Span> {
    let mut first: HashMap<(SpanId, Kind), usize> = HashMap::with_capacity(spans.len());
    let mut kept: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        if span.id.is_zero() {
            kept.push(span);
            continue;
        }
        match first.entry((span.id, span.kind)) {
            Entry::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push(span);
            }
            Entry::Occupied(entry) => {
                let stays = &mut kept[*entry.get()];
                oddities.duplicates += 1;
                oddities.differing_duplicates += usize::from(*stays != span);
                if rank(&span) > rank(stays) {
                    *stays = span;
                }
            }
        }
    }
    kept
}

/// A total order, so that the span that stays does not hang on the order of arrival.
fn rank(span: &Span) -> (i64, Status, Reverse<i64>, Option<SpanId>, u64) {
    let names = u64::from(span.service.number()) << 32 | u64::from(span.operation.number());
    (span.duration_ns, span.status, Reverse(span.start), span.parent, names)
}

/// The node of each span's parent, and the spans whose parent is not there.
fn parents(spans: &[Span], oddities: &mut Oddities) -> (Vec<u32>, Vec<(SpanId, u32)>) {
    let by_id = Ids::of(spans);
    oddities.shared_ids = by_id.shared.len();
    let mut missing = Vec::new();
    let mut parents = Vec::with_capacity(spans.len());
    for (node, span) in spans.iter().enumerate() {
        let node = node as u32;
        let parent = match (by_id.caller_side(spans, node), span.parent_id()) {
            (Some(caller), _) => caller,
            (None, None) => NONE,
            (None, Some(id)) => by_id.parent_of(spans, node, id).unwrap_or_else(|| {
                missing.push((id, node));
                NONE
            }),
        };
        parents.push(parent);
    }
    (parents, missing)
}

/// Nodes by id; ids that several nodes share keep them all.
struct Ids {
    first: HashMap<SpanId, u32>,
    shared: HashMap<SpanId, Vec<u32>>,
}

impl Ids {
    fn of(spans: &[Span]) -> Self {
        let mut ids = Self { first: HashMap::with_capacity(spans.len()), shared: HashMap::new() };
        for (node, span) in spans.iter().enumerate().filter(|(_, span)| !span.id.is_zero()) {
            match ids.first.entry(span.id) {
                Entry::Vacant(entry) => drop(entry.insert(node as u32)),
                Entry::Occupied(entry) => {
                    ids.shared.entry(span.id).or_insert_with(|| vec![*entry.get()]).push(node as u32);
                }
            }
        }
        ids
    }

    /// The client of the server that shares its id, the producer of the consumer.
    fn caller_side(&self, spans: &[Span], node: u32) -> Option<u32> {
        let span = &spans[node as usize];
        let caller = match span.kind {
            Kind::Server => Kind::Client,
            Kind::Consumer => Kind::Producer,
            _ => return None,
        };
        let shared = self.shared.get(&span.id).filter(|_| !span.id.is_zero())?;
        shared.iter().copied().find(|other| spans[*other as usize].kind == caller)
    }

    /// Among nodes of one id the one in the child's own service, then the called side.
    fn parent_of(&self, spans: &[Span], child: u32, id: SpanId) -> Option<u32> {
        let Some(shared) = self.shared.get(&id) else { return self.first.get(&id).copied() };
        let service = spans[child as usize].service;
        let called = |kind: Kind| matches!(kind, Kind::Server | Kind::Consumer);
        let others = shared.iter().copied().filter(|node| *node != child);
        others.max_by_key(|node| {
            let span = &spans[*node as usize];
            (span.service == service, called(span.kind), span.kind)
        })
    }
}

/// Takes the parent away from the earliest span of each circle.
fn cut_cycles(spans: &[Span], parent: &mut [u32], oddities: &mut Oddities) {
    // 0: not seen; otherwise the walk that saw it.
    let mut seen_by = vec![0_u32; spans.len()];
    for start in 0..spans.len() as u32 {
        let walk = start + 1;
        let mut node = start;
        while node != NONE && seen_by[node as usize] == 0 {
            seen_by[node as usize] = walk;
            node = parent[node as usize];
        }
        if node == NONE || seen_by[node as usize] != walk {
            continue;
        }
        let (mut at, mut length, mut next) = (node, 1, parent[node as usize]);
        while next != node {
            if earlier(spans, next, at) {
                at = next;
            }
            (length, next) = (length + 1, parent[next as usize]);
        }
        parent[at as usize] = NONE;
        match length {
            1 => oddities.self_parents += 1,
            _ => oddities.cycles += 1,
        }
        if oddities.cut_at.len() < CYCLES_NAMED {
            oddities.cut_at.push(spans[at as usize].id);
        }
    }
}

/// The order of siblings: start, id, kind, and only for spans without an id their place.
fn key(spans: &[Span], node: u32) -> (i64, SpanId, Kind, u32) {
    let span = &spans[node as usize];
    (span.start, span.id, span.kind, node)
}

fn earlier(spans: &[Span], a: u32, b: u32) -> bool {
    key(spans, a) < key(spans, b)
}

/// Children of each missing parent, and these by the start of their first child.
fn by_parent(spans: &[Span], mut missing: Vec<(SpanId, u32)>) -> Vec<(SpanId, Vec<u32>)> {
    missing.sort_unstable_by_key(|(id, node)| (*id, key(spans, *node)));
    let groups = missing.chunk_by(|a, b| a.0 == b.0);
    let mut groups: Vec<(SpanId, Vec<u32>)> =
        groups.map(|group| (group[0].0, group.iter().map(|(_, node)| *node).collect())).collect();
    groups.sort_by_key(|(_, nodes)| key(spans, nodes[0]));
    groups
}

/// Roots by start, and among them the children of missing parents, those of one parent together.
fn tops(spans: &[Span], parent: &[u32], missing: &[(SpanId, Vec<u32>)]) -> Vec<u32> {
    let mut orphan = vec![false; spans.len()];
    missing.iter().flat_map(|(_, nodes)| nodes).for_each(|node| orphan[*node as usize] = true);
    let roots = (0..spans.len() as u32).filter(|n| parent[*n as usize] == NONE && !orphan[*n as usize]);
    let mut roots: Vec<u32> = roots.collect();
    roots.sort_unstable_by_key(|node| key(spans, *node));
    let mut groups: Vec<&[u32]> = roots.chunks(1).chain(missing.iter().map(|(_, nodes)| nodes.as_slice())).collect();
    groups.sort_by_key(|nodes| key(spans, nodes[0]));
    groups.concat()
}

/// Children of all nodes in one list, and where those of each begin.
fn children(spans: &[Span], parent: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut nodes: Vec<u32> = (0..spans.len() as u32).filter(|n| parent[*n as usize] != NONE).collect();
    nodes.sort_unstable_by_key(|n| (parent[*n as usize], key(spans, *n)));
    let mut first = vec![0_u32; spans.len() + 1];
    for node in &nodes {
        first[parent[*node as usize] as usize + 1] += 1;
    }
    for at in 1..first.len() {
        first[at] += first[at - 1];
    }
    (first, nodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, tree};

    /// Ids in tree order, each after as many dots as it is deep.
    fn drawn(tree: &Tree) -> String {
        let nodes = tree.order().iter();
        let lines: Vec<String> =
            nodes.map(|n| format!("{}{}", ".".repeat(tree.depth(*n) as usize), number(tree.span(*n).id))).collect();
        lines.join(" ")
    }

    #[test]
    fn spans_in_any_order_become_a_tree_in_order_of_time() {
        let (tree, names) = tree(
            "4 2 pay charge server 30 5
             3 1 cart b internal 20 5
             1 - cart GET server 0 100
             2 1 cart a client 10 50
             5 1 cart c internal 20 9",
        );
        assert_eq!(drawn(&tree), "1 .2 ..4 .3 .5");
        assert_eq!(names.text(tree.span(tree.root().unwrap()).operation), "GET");
        assert_eq!((tree.interval(), tree.is_whole()), (Some((0, 100)), true));
        assert_eq!(*tree.oddities(), Oddities::default());
    }

    #[test]
    fn children_of_a_missing_parent_stand_together_one_below_it() {
        let (tree, _) = tree(
            "1 - a r server 0 100
             7 99 b x server 10 1
             8 98 b y server 20 1
             9 99 b z server 30 1
             10 9 b w internal 31 1",
        );
        assert_eq!(drawn(&tree), "1 .7 .9 ..10 .8");
        let missing: Vec<_> = tree.missing().iter().map(|(id, nodes)| (number(*id), nodes.len())).collect();
        assert_eq!(missing, [(99, 2), (98, 1)]);
        assert!(!tree.is_whole() && tree.is_orphan(tree.order()[1]) && !tree.is_orphan(tree.order()[0]));
    }

    #[test]
    fn a_circle_is_cut_at_its_earliest_span_and_a_self_parent_is_a_root() {
        let (tree, _) = tree(
            "1 3 a x internal 5 1
             2 1 a y internal 2 1
             3 2 a z internal 9 1
             4 4 a s internal 0 1
             5 3 a hangs_on internal 10 1",
        );
        assert_eq!(drawn(&tree), "4 2 .3 ..1 ..5");
        let odd = tree.oddities();
        assert_eq!((odd.cycles, odd.self_parents), (1, 1));
        assert_eq!(odd.cut_at.iter().map(|id| number(*id)).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn a_span_sent_twice_is_one_node_and_the_longer_one_stays() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let lines = ["1 - a r server 0 10", "1 - a r server 0 10", "1 - a r server 0 20 error"];
            let text: Vec<_> = order.iter().map(|at| lines[*at]).collect();
            let (tree, _) = tree(&text.join("\n"));
            let odd = tree.oddities();
            assert_eq!((tree.len(), odd.duplicates), (1, 2));
            assert!(odd.differing_duplicates > 0);
            assert_eq!(tree.span(0).duration_ns, 20);
        }
    }

    #[test]
    fn two_sides_of_a_call_with_one_id_are_two_nodes() {
        let (tree, names) = tree(
            "1 - shop root server 0 100
             2 1 shop call client 10 50
             2 1 pay serve server 20 30
             3 2 pay work internal 21 5
             4 2 shop wait internal 22 5",
        );
        let services: Vec<_> =
            tree.order().iter().map(|n| format!("{} {}", tree.depth(*n), names.text(tree.span(*n).service))).collect();
        assert_eq!(services, ["0 shop", "1 shop", "2 pay", "3 pay", "2 shop"]);
        assert_eq!((tree.oddities().shared_ids, tree.oddities().duplicates), (1, 0));
    }

    #[test]
    fn zero_ids_are_roots_and_leaves_of_their_own() {
        let (tree, _) = tree(
            "0 - a x internal 0 1
             0 0 a y internal 1 1
             3 0 a z internal 2 -7",
        );
        assert_eq!(drawn(&tree), "0 0 3");
        let odd = tree.oddities();
        assert_eq!((odd.zero_ids, odd.duplicates, odd.negative_durations), (2, 0, 1));
    }

    #[test]
    fn no_spans_are_an_empty_tree() {
        let tree = Tree::build(Vec::new());
        assert_eq!((tree.root(), tree.interval(), tree.is_empty()), (None, None, true));
    }

    #[test]
    fn a_million_spans_in_one_chain_are_as_deep_as_they_are() {
        let mut names = crate::Names::new();
        let name = names.name("deep");
        let span = |n: u64| Span {
            id: crate::testing::id(n + 1),
            parent: (n > 0).then(|| crate::testing::id(n)),
            start: n as i64,
            duration_ns: 2_000_000 - 2 * n as i64,
            service: name,
            operation: name,
            kind: Kind::Internal,
            status: Status::Unset,
            peer: None,
        };
        let tree = Tree::build((0..crate::SPANS_MAX as u64).rev().map(span).collect());
        let deepest = *tree.order().last().unwrap();
        assert_eq!((tree.depth(deepest) as usize, tree.is_whole()), (crate::SPANS_MAX - 1, true));
        let path: i64 = crate::critical_path(&tree).iter().map(|s| s.duration_ns).sum();
        assert_eq!(path, 2_000_000);
        assert_eq!(crate::self_times(&tree).iter().sum::<i64>(), 2_000_000);
    }
}
