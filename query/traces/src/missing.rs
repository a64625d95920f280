//! Spans that others name as their parent and that are not there: who should have sent them.
//!
//! A lost span cannot say whose it was. Its children can: one that runs inside a process has its parent
//! in the same process; one that serves a call knows at best who called. What the ledger has of items
//! that senders dropped themselves (their counters often do not say of which signal) is set beside it.
//! Where nothing is known, nothing is named.

use crate::{Kind, Name, Names, Tree};
use model::SpanId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Which services call a service, as counted edges have it: callee to callers.
pub type Callers = BTreeMap<String, BTreeSet<String>>;
/// Items that a service's senders say they dropped around the time of the trace.
pub type Drops = BTreeMap<String, i64>;

/// Services that one missing parent may be of.
const CANDIDATES_MAX: usize = 10;

/// A parent that is not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    pub parent: SpanId,
    /// The nodes that name it, by start.
    pub children: Vec<u32>,
    /// Whose it was: one where that is known, several where it is one of them, none where nothing tells.
    pub lost_by: Vec<LostBy>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostBy {
    pub service: String,
    pub why: WhyLost,
    /// Items that this service's senders report as dropped around that time, if they report any.
    pub dropped: Option<i64>,
}

/// Why a service is named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WhyLost {
    /// A child is internal, a client or a producer: its parent is in the same process.
    SameProcess,
    /// A child names the other side of its call.
    NamedByChild,
    /// The only service that is known to call the child's.
    OnlyCaller,
    /// One of several that are known to call the child's.
    OneOfCallers,
}

impl WhyLost {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameProcess => "a child runs in the same process",
            Self::NamedByChild => "a child names it as the other side of its call",
            Self::OnlyCaller => "it is the only known caller of the child's service",
            Self::OneOfCallers => "it is one of the known callers of the child's service",
        }
    }
}

impl fmt::Display for LostBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost by sender {}", self.service)?;
        match self.dropped {
            Some(dropped) => write!(f, ", which reports {dropped} items dropped around that time")?,
            None => write!(f, ", which reports none dropped around that time")?,
        }
        write!(f, " ({})", self.why.as_str())
    }
}

/// All missing parents of a trace, in the order of [`Tree::missing`].
pub fn missing(tree: &Tree, names: &Names, callers: &Callers, drops: &Drops) -> Vec<Missing> {
    let groups = tree.missing().iter();
    groups
        .map(|(parent, children)| {
            let mut lost_by: Vec<LostBy> = candidates(tree, names, children, callers)
                .into_iter()
                .map(|(service, why)| LostBy { dropped: drops.get(&service).copied(), service, why })
                .collect();
            // Among several callers the one that is known to lose spans comes first.
            lost_by.sort_by_key(|by| (by.why, std::cmp::Reverse(by.dropped.unwrap_or(0))));
            lost_by.truncate(CANDIDATES_MAX);
            Missing { parent: *parent, children: children.clone(), lost_by }
        })
        .collect()
}

fn candidates(tree: &Tree, names: &Names, children: &[u32], callers: &Callers) -> Vec<(String, WhyLost)> {
    let of = |name: Name| names.text(name).to_owned();
    let spans = || children.iter().map(|child| tree.span(*child));
    let inside = |kind: Kind| matches!(kind, Kind::Internal | Kind::Client | Kind::Producer);
    if let Some(span) = spans().find(|span| inside(span.kind)) {
        return vec![(of(span.service), WhyLost::SameProcess)];
    }
    if let Some(peer) = spans().find_map(|span| span.peer) {
        return vec![(of(peer), WhyLost::NamedByChild)];
    }
    let services: BTreeSet<&str> = spans().map(|span| names.text(span.service)).collect();
    let known: BTreeSet<&String> = services.iter().filter_map(|service| callers.get(*service)).flatten().collect();
    let why = if known.len() == 1 { WhyLost::OnlyCaller } else { WhyLost::OneOfCallers };
    known.into_iter().map(|service| (service.clone(), why)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, tree};

    fn said(text: &str) -> Vec<String> {
        let (tree, names) = tree(text);
        let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
        let callers = Callers::from([("pay".into(), set(&["cart"])), ("stock".into(), set(&["cart", "job"]))]);
        let drops = Drops::from([("job".into(), 12), ("cart".into(), 3)]);
        let found = missing(&tree, &names, &callers, &drops);
        let lines = found.iter().flat_map(|m| {
            let by = m.lost_by.iter().map(|by| format!("{} {by}", number(m.parent)));
            if m.lost_by.is_empty() { vec![format!("{} nobody", number(m.parent))] } else { by.collect() }
        });
        lines.collect()
    }

    #[test]
    fn a_missing_parent_is_named_with_the_sender_that_lost_it_as_far_as_that_is_known() {
        let same =
            "9 lost by sender cart, which reports 3 items dropped around that time (a child runs in the same process)";
        let peer = "9 lost by sender web, which reports none dropped around that time (a child names it as the other side of its call)";
        let only = "9 lost by sender cart, which reports 3 items dropped around that time (it is the only known caller of the child's service)";
        let job = "9 lost by sender job, which reports 12 items dropped around that time (it is one of the known callers of the child's service)";
        let cart = job.replace("job", "cart").replace("12", "3");
        for (text, expected) in [
            ("1 9 cart call client 0 1", vec![same]),
            ("1 9 pay serve server 0 1\n2 9 cart call client 0 1", vec![same]),
            ("1 9 pay serve server 0 1 peer=web", vec![peer]),
            ("1 9 pay serve server 0 1", vec![only]),
            ("1 9 stock serve consumer 0 1", vec![job, &cart]),
            ("1 9 unknown serve server 0 1", vec!["9 nobody"]),
            ("1 - pay serve server 0 1", vec![]),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
