//! What the company's exporters have sent and what became of it.

use crate::wire::Kind;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of items (spans, log records, metric points) over all exporters.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) produced: AtomicU64,
    pub(crate) acked_spans: AtomicU64,
    pub(crate) acked_logs: AtomicU64,
    pub(crate) acked_points: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) retries: AtomicU64,
}

/// A reading of [`Counters`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Items the services made.
    pub produced: u64,
    /// Items the server acknowledged.
    pub acked_spans: u64,
    pub acked_logs: u64,
    pub acked_points: u64,
    /// Items the server refused for good (partial success, or a code that says never to retry).
    pub refused: u64,
    /// Items an exporter gave up because its queue was full or its retries ran out.
    pub dropped: u64,
    /// Export attempts that had to be made again.
    pub retries: u64,
}

impl Counters {
    pub(crate) fn acked(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Traces => &self.acked_spans,
            Kind::Logs => &self.acked_logs,
            Kind::Metrics => &self.acked_points,
        }
    }

    pub fn totals(&self) -> Totals {
        Totals {
            produced: self.produced.load(Relaxed),
            acked_spans: self.acked_spans.load(Relaxed),
            acked_logs: self.acked_logs.load(Relaxed),
            acked_points: self.acked_points.load(Relaxed),
            refused: self.refused.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            retries: self.retries.load(Relaxed),
        }
    }
}

impl Totals {
    /// Items of all three signals that were acknowledged.
    pub fn acked(&self) -> u64 {
        self.acked_spans + self.acked_logs + self.acked_points
    }
}
