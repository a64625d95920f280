//! What is counted, by numbers that stand for names.

use super::Span;
use super::names::{Peer, Series};
use crate::names::NodeKind;
use hashbrown::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum EdgeKind {
    Call,
    Message,
    /// To or from what is no service.
    Peer(NodeKind),
}

/// One end of an edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum EndOf {
    Service(u32),
    /// Service and operation.
    Operation(u32, u32),
    Peer(Peer),
}

/// Counts of calls, and how long each took.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) errors: u64,
    pub(super) limited: u64,
    pub(super) duration_sum: i64,
    pub(super) last_seen: i64,
    pub(super) durations: Vec<i64>,
}

impl Tally {
    fn add(&mut self, span: &Span) {
        self.errors += u64::from(span.is(Span::ERROR));
        self.limited += u64::from(span.is(Span::LIMITED));
        // Sums wrap around as those of rollups and of SQL do.
        self.duration_sum = self.duration_sum.wrapping_add(span.duration);
        self.last_seen = if self.durations.is_empty() { span.time } else { self.last_seen.max(span.time) };
        self.durations.push(span.duration);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.last_seen = if self.durations.is_empty() { other.last_seen } else { self.last_seen.max(other.last_seen) };
        self.errors += other.errors;
        self.limited += other.limited;
        self.duration_sum = self.duration_sum.wrapping_add(other.duration_sum);
        self.durations.extend_from_slice(&other.durations);
    }
}

/// A hop at which a lane was left: service, operation and lane of both.
pub(super) type Hop = [(u32, u32, u32); 2];

#[derive(Debug, Default)]
pub(super) struct Tallies {
    ends: Vec<EndOf>,
    end_numbers: HashMap<EndOf, u32>,
    pub(super) edges: HashMap<(EdgeKind, u32, u32), Tally>,
    pub(super) nodes: HashMap<u32, Tally>,
    pub(super) hops: HashMap<Hop, u64>,
    /// Spans and links whose parent is not there.
    pub(super) unresolved: u64,
}

impl Tallies {
    fn end(&mut self, end: EndOf) -> u32 {
        let next = self.ends.len() as u32;
        let number = *self.end_numbers.entry(end).or_insert(next);
        if number == next {
            self.ends.push(end);
        }
        number
    }

    pub(super) fn end_of(&self, number: u32) -> EndOf {
        self.ends[number as usize]
    }

    /// The end of whoever serves an operation.
    pub(super) fn served_by(&mut self, series: Series, by_operation: bool) -> u32 {
        self.end(match by_operation {
            true => EndOf::Operation(series.service, series.operation),
            false => EndOf::Service(series.service),
        })
    }

    pub(super) fn peer(&mut self, peer: Peer) -> u32 {
        self.end(EndOf::Peer(peer))
    }

    pub(super) fn edge(&mut self, kind: EdgeKind, caller: u32, callee: u32, span: &Span) {
        self.edges.entry((kind, caller, callee)).or_default().add(span);
    }

    /// A call that a service, or an operation, answered.
    pub(super) fn served(&mut self, end: u32, span: &Span) {
        self.nodes.entry(end).or_default().add(span);
    }

    pub(super) fn astray(&mut self, (above, left): (Series, u32), (below, lane): (Series, u32)) {
        let hop = [(above.service, above.operation, left), (below.service, below.operation, lane)];
        *self.hops.entry(hop).or_default() += 1;
    }
}
