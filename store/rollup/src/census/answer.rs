//! What a census has found, in words.

use super::Question;
use super::names::Names;
use super::tally::{EdgeKind, EndOf, Tallies, Tally};
use crate::names::SERVICE;
use crate::sketch::Sketch;
use hashbrown::HashMap;

/// The type of an operation at the end of an edge.
const OPERATION: &str = "operation";

/// One end of an edge; an operation is named `SERVICE/OPERATION`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct End {
    pub kind: &'static str,
    pub name: String,
}

/// How durations are distributed, nanoseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Durations {
    /// The 50th, 95th and 99th percentile by nearest rank.
    Exact([i64; 3]),
    Sketch(Sketch),
}

/// Counts of calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sums {
    pub calls: u64,
    pub errors: u64,
    pub limited: u64,
    pub duration_sum_ns: i64,
    /// Unix nanoseconds.
    pub last_seen: i64,
    pub durations: Durations,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    pub caller: End,
    pub callee: End,
    pub kind: &'static str,
    pub sums: Sums,
}

/// What was served: by a service or an operation all its server and consumer spans; by what is neither,
/// all calls to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    pub end: End,
    pub sums: Sums,
}

/// Calls that left their lane at a hop.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Astray {
    pub calls: u64,
    pub caller: String,
    pub caller_operation: String,
    pub caller_lane: String,
    pub callee: String,
    pub callee_operation: String,
    pub lane: String,
}

/// All that was counted; lists are in order of calls, then of names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    pub edges: Vec<Edge>,
    pub nodes: Vec<Node>,
    pub astray: Vec<Astray>,
    /// Spans and links whose parent is not there.
    pub unresolved: u64,
    /// Edges that were left out, the least travelled.
    pub edges_left_out: u64,
}

impl Tallies {
    /// Spells everything out.
    pub(super) fn answer(mut self, names: &Names, question: &Question) -> Answer {
        self.sum_up_peers();
        let (counted, served, hops) =
            (std::mem::take(&mut self.edges), std::mem::take(&mut self.nodes), std::mem::take(&mut self.hops));
        let sums = |tally: Tally| sums(tally, question.exact);
        let end = |number: &u32| spelled(self.end_of(*number), names);
        let edge = |((kind, caller, callee), tally): (_, Tally)| Edge {
            caller: end(&caller),
            callee: end(&callee),
            kind: match kind {
                EdgeKind::Call => "call",
                EdgeKind::Message => "message",
                EdgeKind::Peer(node) => node.as_str(),
            },
            sums: sums(tally),
        };
        let mut edges: Vec<Edge> = counted.into_iter().map(edge).collect();
        let mut nodes: Vec<Node> =
            served.into_iter().map(|(number, tally)| Node { end: end(&number), sums: sums(tally) }).collect();
        let astray = |([above, below], calls): ([(u32, u32, u32); 2], u64)| Astray {
            calls,
            caller: names.of(above.0).to_owned(),
            caller_operation: names.of(above.1).to_owned(),
            caller_lane: names.of(above.2).to_owned(),
            callee: names.of(below.0).to_owned(),
            callee_operation: names.of(below.1).to_owned(),
            lane: names.of(below.2).to_owned(),
        };
        let mut astray: Vec<Astray> = hops.into_iter().map(astray).collect();
        let order =
            |edge: &Edge| (std::cmp::Reverse(edge.sums.calls), edge.caller.clone(), edge.callee.clone(), edge.kind);
        edges.sort_by_cached_key(order);
        nodes.sort_by_cached_key(|node| (std::cmp::Reverse(node.sums.calls), node.end.clone()));
        astray.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.cmp(b)));
        let edges_left_out = edges.len().saturating_sub(question.edges_max) as u64;
        edges.truncate(question.edges_max);
        astray.truncate(question.edges_max);
        Answer { edges, nodes, astray, unresolved: self.unresolved, edges_left_out }
    }

    /// What is called and is no service has the sum of its edges.
    fn sum_up_peers(&mut self) {
        let mut called: HashMap<u32, Tally> = HashMap::new();
        for ((_, _, callee), tally) in &self.edges {
            if matches!(self.end_of(*callee), EndOf::Peer(_)) {
                called.entry(*callee).or_default().merge(tally);
            }
        }
        self.nodes.extend(called);
    }
}

fn spelled(end: EndOf, names: &Names) -> End {
    match end {
        EndOf::Service(service) => End { kind: SERVICE, name: names.of(service).to_owned() },
        EndOf::Operation(service, operation) => {
            End { kind: OPERATION, name: format!("{}/{}", names.of(service), names.of(operation)) }
        }
        EndOf::Peer(peer) => End { kind: peer.kind.as_str(), name: names.of(peer.name).to_owned() },
    }
}

fn sums(tally: Tally, exact: bool) -> Sums {
    let Tally { errors, limited, duration_sum, last_seen, mut durations } = tally;
    let calls = durations.len() as u64;
    let durations = match exact {
        true => Durations::Exact([50, 95, 99].map(|percent| percentile(&mut durations, percent))),
        false => {
            let mut sketch = Sketch::default();
            durations.iter().for_each(|duration| sketch.add(*duration, 1));
            Durations::Sketch(sketch)
        }
    };
    Sums { calls, errors, limited, duration_sum_ns: duration_sum, last_seen, durations }
}

/// The smallest value that at least this share of all is not above.
fn percentile(values: &mut [i64], percent: usize) -> i64 {
    let rank = (values.len() * percent).div_ceil(100).max(1) - 1;
    match values.is_empty() {
        true => 0,
        false => *values.select_nth_unstable(rank).1,
    }
}
