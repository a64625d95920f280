//! How a service is, from one window of its traffic.

use crate::{Quantiles, Traffic};
use serde::Serialize;

/// A judgement over one window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// No calls in the window: nothing can be said.
    Unknown,
    Healthy,
    Degraded,
    Failing,
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Failing => "failing",
        }
    }
}

/// The rule, in this order: without calls `Unknown`; with at least `errors_min` errors that are
/// `failing_share` of the calls `Failing`, `degraded_share` of them `Degraded`; with `limited_share` of
/// the answers limited, or a p95 above `slow_p95_ns`, `Degraded`; else `Healthy`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HealthRule {
    /// Fewer errors than this are no reason, so that one failed call of two does not ring. Default 3.
    pub errors_min: u64,
    /// Default 0.05.
    pub failing_share: f64,
    /// Default 0.01.
    pub degraded_share: f64,
    /// Default 0.05.
    pub limited_share: f64,
    /// Default 2 s: where the experience score begins to count a call as frustrating.
    pub slow_p95_ns: i64,
}

impl Default for HealthRule {
    fn default() -> Self {
        let slow_p95_ns = 2_000_000_000;
        Self { errors_min: 3, failing_share: 0.05, degraded_share: 0.01, limited_share: 0.05, slow_p95_ns }
    }
}

impl HealthRule {
    pub fn judge(&self, traffic: &Traffic, quantiles: Option<&Quantiles>) -> Health {
        let (Some(errors), Some(limited)) = (traffic.error_share(), traffic.limited_share()) else {
            return Health::Unknown;
        };
        let enough = traffic.errors >= self.errors_min;
        let slow = quantiles.is_some_and(|q| q.p95_ns > self.slow_p95_ns);
        if enough && errors >= self.failing_share {
            Health::Failing
        } else if (enough && errors >= self.degraded_share) || limited >= self.limited_share || slow {
            Health::Degraded
        } else {
            Health::Healthy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_its_rule() {
        for (calls, errors, limited, p95_ms, health, why) in [
            (0, 0, 0, 0, Health::Unknown, "nothing was asked of it"),
            (100, 0, 0, 10, Health::Healthy, "all good"),
            (2, 1, 0, 10, Health::Healthy, "one error of two calls is no pattern"),
            (2, 2, 0, 10, Health::Healthy, "neither are two"),
            (3, 3, 0, 10, Health::Failing, "three of three are"),
            (1_000, 9, 0, 10, Health::Healthy, "below one in a hundred"),
            (1_000, 10, 0, 10, Health::Degraded, "one in a hundred"),
            (1_000, 50, 0, 10, Health::Failing, "one in twenty"),
            (1_000, 0, 50, 10, Health::Degraded, "one in twenty is limited"),
            (1_000, 0, 49, 2_000, Health::Healthy, "just in time"),
            (1_000, 0, 0, 2_001, Health::Degraded, "slow"),
            (1_000, 50, 900, 9_000, Health::Failing, "the worst counts"),
        ] {
            let traffic = Traffic { calls, errors, limited, duration_sum_ns: 0 };
            let p95_ns = p95_ms * 1_000_000;
            let quantiles = Quantiles { p50_ns: 0, p95_ns, p99_ns: p95_ns };
            assert_eq!(HealthRule::default().judge(&traffic, Some(&quantiles)), health, "{why}");
        }
        let quiet = Traffic { calls: 5, ..Traffic::default() };
        assert_eq!(HealthRule::default().judge(&quiet, None), Health::Healthy);
    }
}
