//! Clocks that disagree, as one trace shows it. Noted per pair of services; nothing is corrected.
//!
//! A child cannot begin before its parent. A server cannot answer after its client has the answer. Other
//! children may end after their parent: that is work that nobody waits for, and no fault of a clock.

use crate::{Kind, Name, Tree};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Differences up to this are not worth a word: 100 microseconds.
pub const SKEW_NS_MIN: i64 = 100_000;

/// How far the clocks of two services are apart at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Skew {
    pub parent_service: Name,
    pub child_service: Name,
    /// Children that do not fit into their parents.
    pub spans: usize,
    /// Most that a child begins before its parent; 0 where none does.
    pub starts_before_ns: i64,
    /// Most that a server ends after its client; 0 where none does.
    pub ends_after_ns: i64,
}

/// The pairs of services that disagree, the largest first.
pub fn skews(tree: &Tree) -> Vec<Skew> {
    let mut pairs: HashMap<(Name, Name), Skew> = HashMap::new();
    for node in tree.nodes() {
        let Some(parent) = tree.parent(node).map(|parent| tree.span(parent)) else { continue };
        let child = tree.span(node);
        let before = parent.start.saturating_sub(child.start).max(0);
        let waited = child.kind == Kind::Server && parent.kind == Kind::Client;
        let after = if waited { child.end().saturating_sub(parent.end()).max(0) } else { 0 };
        if before.max(after) <= SKEW_NS_MIN {
            continue;
        }
        let (parent_service, child_service) = (parent.service, child.service);
        let none = Skew { parent_service, child_service, spans: 0, starts_before_ns: 0, ends_after_ns: 0 };
        let skew = pairs.entry((parent_service, child_service)).or_insert(none);
        skew.spans += 1;
        skew.starts_before_ns = skew.starts_before_ns.max(before);
        skew.ends_after_ns = skew.ends_after_ns.max(after);
    }
    let mut skews: Vec<Skew> = pairs.into_values().collect();
    skews.sort_by_key(|s| (Reverse(s.starts_before_ns.max(s.ends_after_ns)), s.parent_service, s.child_service));
    skews
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tree;

    #[test]
    fn an_hour_of_skew_is_noted_per_pair_of_services_and_async_work_is_not() {
        const HOUR: i64 = 3_600_000_000_000;
        let (tree, names) = tree(&format!(
            "1 - web r server 0 1000000
             2 1 web call client 100 500000
             3 2 pay serve server -{HOUR} 400000
             4 2 pay again server 200000 900000
             5 1 web later internal 500 99000000
             6 1 bus take consumer 600 99000000
             7 1 web near internal -50 3"
        ));
        let skews = skews(&tree);
        assert_eq!(skews.len(), 1);
        assert_eq!((names.text(skews[0].parent_service), names.text(skews[0].child_service)), ("web", "pay"));
        assert_eq!((skews[0].spans, skews[0].starts_before_ns, skews[0].ends_after_ns), (2, HOUR + 100, 599_900));
    }
}
