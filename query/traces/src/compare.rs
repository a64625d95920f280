//! Two traces set side by side.
//!
//! Spans match when they stand at the same place: the same service, operation and kind under a parent
//! that matches likewise, up to the root. Where several stand at one place, the first in time matches
//! the first, and so on; what is left over is only in one of the two.

use crate::{Kind, Name, Tree};
use std::collections::HashMap;

/// Two spans that match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    pub a: u32,
    pub b: u32,
}

/// Every node of both traces, once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// In tree order of `a`.
    pub pairs: Vec<Pair>,
    /// In tree order of their traces.
    pub only_a: Vec<u32>,
    pub only_b: Vec<u32>,
}

/// A place in either tree: what stands there, under which place.
type Places = HashMap<(u32, Name, Name, Kind), u32>;

const TOP: u32 = 0;
const UNDER_MISSING: u32 = 1;

/// Both trees must have been built with the same [`crate::Names`].
pub fn compare(a: &Tree, b: &Tree) -> Comparison {
    let mut places = Places::new();
    let (of_a, of_b) = (places_of(a, &mut places), places_of(b, &mut places));
    let mut waiting: HashMap<u32, std::collections::VecDeque<u32>> = HashMap::new();
    for node in b.order() {
        waiting.entry(of_b[*node as usize]).or_default().push_back(*node);
    }
    let mut comparison = Comparison::default();
    for node in a.order() {
        match waiting.get_mut(&of_a[*node as usize]).and_then(|nodes| nodes.pop_front()) {
            Some(other) => comparison.pairs.push(Pair { a: *node, b: other }),
            None => comparison.only_a.push(*node),
        }
    }
    let mut matched = vec![false; b.len()];
    comparison.pairs.iter().for_each(|pair| matched[pair.b as usize] = true);
    comparison.only_b = b.order().iter().copied().filter(|node| !matched[*node as usize]).collect();
    comparison
}

fn places_of(tree: &Tree, places: &mut Places) -> Vec<u32> {
    let mut of = vec![TOP; tree.len()];
    for node in tree.order() {
        let span = tree.span(*node);
        let parent = match tree.parent(*node) {
            Some(parent) => of[parent as usize],
            None if tree.is_orphan(*node) => UNDER_MISSING,
            None => TOP,
        };
        let next = places.len() as u32 + UNDER_MISSING + 1;
        of[*node as usize] = *places.entry((parent, span.service, span.operation, span.kind)).or_insert(next);
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Names;
    use crate::testing::{number, spans};

    fn compared(a: &str, b: &str) -> (String, String, String) {
        let mut names = Names::new();
        let (a, b) = (Tree::build(spans(a, &mut names)), Tree::build(spans(b, &mut names)));
        let ids = |tree: &Tree, nodes: &[u32]| {
            nodes.iter().map(|n| number(tree.span(*n).id).to_string()).collect::<Vec<_>>().join(" ")
        };
        let found = compare(&a, &b);
        let pairs = found.pairs.iter().map(|p| format!("{}={}", ids(&a, &[p.a]), ids(&b, &[p.b])));
        (pairs.collect::<Vec<_>>().join(" "), ids(&a, &found.only_a), ids(&b, &found.only_b))
    }

    #[test]
    fn spans_match_by_place_and_then_by_time() {
        let a = "1 - web r server 0 100\n2 1 web q client 10 5\n3 1 web q client 20 5\n4 3 db run server 21 2";
        let same = "11 - web r server 7 10\n13 11 web q client 9 1\n12 11 web q client 8 1\n14 13 db run server 9 1";
        let owned = |x: &str, y: &str, z: &str| (x.to_owned(), y.to_owned(), z.to_owned());
        assert_eq!(compared(a, same), owned("1=11 2=12 3=13 4=14", "", ""));
        let less = "11 - web r server 7 10\n12 11 web q client 8 1";
        assert_eq!(compared(a, less), owned("1=11 2=12", "3 4", ""));
        assert_eq!(compared(less, a), owned("11=1 12=2", "", "3 4"));
        // The same operation at another place is another thing.
        let moved = "11 - web r server 7 10\n14 11 db run server 9 1\n15 99 web q client 9 1";
        assert_eq!(compared(a, moved), owned("1=11", "2 3 4", "14 15"));
        assert_eq!(compared("", ""), owned("", "", ""));
    }
}
