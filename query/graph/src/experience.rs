//! How it feels to be served: an Apdex-like percentage, weighted by importance.
//!
//! A call is satisfied when it ends without an error within a threshold T, tolerated within 4 T, else
//! it frustrates; an error frustrates however quick it was. With w the weight of what was called, the
//! score is 100 * (sum of w over satisfied + half the sum of w over tolerated) / sum of w over all.

use serde::Serialize;

/// How much a service or a customer matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    Low,
    #[default]
    Normal,
    High,
    Critical,
}

impl Importance {
    pub const ALL: [Importance; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|i| i.as_str() == name)
    }

    /// What one call counts: whole numbers, so that sums are exact.
    pub fn weight(self) -> u32 {
        match self {
            Self::Low => 1,
            Self::Normal => 2,
            Self::High => 4,
            Self::Critical => 8,
        }
    }
}

/// Sums over the calls of one customer, store or product in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Experience {
    pub calls: u64,
    pub errors: u64,
    pub satisfied: u64,
    pub tolerating: u64,
    /// Sum of weights over the satisfied, the tolerated and all calls.
    pub satisfied_weight: u64,
    pub tolerating_weight: u64,
    pub weight: u64,
}

impl Experience {
    pub fn frustrated(&self) -> u64 {
        self.calls.saturating_sub(self.satisfied).saturating_sub(self.tolerating)
    }

    /// 0 to 100; none without calls.
    pub fn score(&self) -> Option<f64> {
        let good = self.satisfied_weight as f64 + self.tolerating_weight as f64 / 2.0;
        (self.weight > 0).then(|| 100.0 * good / self.weight as f64)
    }

    /// How far the score moved since `before`; none where one of the two has no calls.
    pub fn trend(&self, before: &Experience) -> Option<f64> {
        Some(self.score()? - before.score()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_mark_for_what_was_tolerated_and_more_for_what_matters() {
        let of = |satisfied_weight, tolerating_weight, weight| Experience {
            satisfied_weight,
            tolerating_weight,
            weight,
            ..Experience::default()
        };
        assert_eq!(of(0, 0, 0).score(), None);
        assert_eq!(of(10, 0, 10).score(), Some(100.0));
        assert_eq!(of(0, 10, 10).score(), Some(50.0));
        assert_eq!(of(0, 0, 10).score(), Some(0.0));
        // A critical call served and a low one lost.
        assert_eq!(of(8, 0, 9).score(), Some(800.0 / 9.0));
        assert_eq!(of(8, 0, 8).trend(&of(4, 0, 8)), Some(50.0));
        assert_eq!(of(8, 0, 8).trend(&of(0, 0, 0)), None);
    }

    #[test]
    fn importance_has_a_name_and_a_weight_that_grows() {
        for pair in Importance::ALL.windows(2) {
            assert!(pair[0].weight() < pair[1].weight() && pair[0] < pair[1]);
        }
        for importance in Importance::ALL {
            assert_eq!(Importance::from_name(importance.as_str()), Some(importance));
        }
        assert_eq!(Importance::from_name("vip"), None);
    }

    proptest! {
        #[test]
        fn a_score_is_a_percentage_and_never_falls_when_a_call_gets_better(
            satisfied in 0u64..1_000, tolerating in 0u64..1_000, frustrated in 1u64..1_000,
        ) {
            let of = |satisfied: u64, tolerating: u64| Experience {
                satisfied_weight: satisfied * 2,
                tolerating_weight: tolerating * 2,
                weight: 2 * (satisfied + tolerating + frustrated),
                ..Experience::default()
            };
            let score = of(satisfied, tolerating).score().unwrap();
            prop_assert!((0.0..=100.0).contains(&score));
            let better = Experience { tolerating_weight: (tolerating + 1) * 2, ..of(satisfied, tolerating) };
            prop_assert!(better.score().unwrap() > score);
        }
    }
}
