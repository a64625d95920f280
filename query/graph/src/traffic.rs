//! What was counted of a node or an edge.

use model::UnixNanos;
use std::ops::AddAssign;

/// Counts over one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    pub calls: u64,
    pub errors: u64,
    /// Answers that were limited or degraded (breaker open, mock, fallback): neither good nor failed.
    pub limited: u64,
    /// Sum of the durations; negative where clocks were wrong.
    pub duration_sum_ns: i64,
}

impl Traffic {
    /// Errors per call; none without calls.
    pub fn error_share(&self) -> Option<f64> {
        share(self.errors, self.calls)
    }

    /// Limited answers per call; none without calls.
    pub fn limited_share(&self) -> Option<f64> {
        share(self.limited, self.calls)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.errors = self.errors.saturating_add(other.errors);
        self.limited = self.limited.saturating_add(other.limited);
        self.duration_sum_ns = self.duration_sum_ns.saturating_add(other.duration_sum_ns);
    }
}

/// Quantiles of the durations of one window. They do not add: whoever merges rows asks anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantiles {
    pub p50_ns: i64,
    pub p95_ns: i64,
    pub p99_ns: i64,
}

/// How it is known that a node or an edge exists, the strongest last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Origin {
    /// Counted before the window and not in it.
    Gone,
    /// Told by the operator's topology, not counted.
    Declared,
    /// Counted in the window.
    #[default]
    Seen,
}

/// All that was counted of one node or edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measure {
    pub traffic: Traffic,
    pub quantiles: Option<Quantiles>,
    pub origin: Origin,
    /// Start of the bucket of its last call.
    pub last_seen: Option<UnixNanos>,
}

impl Measure {
    /// Of something that was counted in the window.
    pub fn seen(traffic: Traffic, quantiles: Option<Quantiles>, last_seen: Option<UnixNanos>) -> Self {
        Self { traffic, quantiles, origin: Origin::Seen, last_seen }
    }

    /// Of something that was last counted before the window.
    pub fn gone(last_seen: UnixNanos) -> Self {
        Self { origin: Origin::Gone, last_seen: Some(last_seen), ..Self::default() }
    }

    /// Of something that is known without having been counted.
    pub fn declared() -> Self {
        Self { origin: Origin::Declared, ..Self::default() }
    }

    /// Counts add; quantiles of two counted parts are lost, as they do not.
    pub(crate) fn add(&mut self, other: Self) {
        let counted = |part: &Self| part.traffic.calls > 0 || part.quantiles.is_some();
        self.quantiles = match (counted(self), counted(&other)) {
            (true, true) => None,
            (true, false) => self.quantiles,
            _ => other.quantiles,
        };
        self.traffic += other.traffic;
        self.join(&other);
    }

    /// Knows of the thing as well as `other` does, without its counts.
    pub(crate) fn join(&mut self, other: &Self) {
        self.origin = self.origin.max(other.origin);
        self.last_seen = self.last_seen.max(other.last_seen);
    }

    /// Since when it is gone; none while it is there.
    pub fn gone_since(&self) -> Option<UnixNanos> {
        if self.origin == Origin::Gone { self.last_seen } else { None }
    }
}
