//! What sets a selection of spans apart from its baseline: attribute values that are more frequent in it.
//!
//! Counts are exact; the test only orders them. Keys whose values are as good as unique (ids) say
//! nothing about a group and are left out by name.

use crate::significance::{p_exact, p_value, z};
use std::cmp::Ordering;

/// Values of one key that are looked at, the most frequent in the selection first.
pub const VALUES_MAX: usize = 50;
/// Keys that are looked at, those that most spans of the selection have first.
pub const KEYS_MAX: usize = 200;
/// More distinct values than this, and at least every third one new: an id.
const ID_VALUES_MIN: u64 = 20;
const ID_ROWS_PER_VALUE: u64 = 3;
/// The chance of at least one false hit among all tests, by Bonferroni, below which a hit counts.
const SIGNIFICANT: f64 = 0.01;
/// The z-test is an approximation that wants so many expected counts in each of its four cells; below
/// that the exact test is made.
const EXPECTED_MIN: f64 = 5.0;

/// A key as the selection has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySize {
    pub key: String,
    /// Spans of the selection that have it.
    pub spans: u64,
    pub distinct: u64,
}

/// A key that was left out, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SkippedKey {
    pub key: String,
    pub why: String,
}

/// Which keys are looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Keys {
    pub kept: Vec<String>,
    pub skipped: Vec<SkippedKey>,
}

impl Keys {
    /// Decides by size; `fixed` keys are those that the selection is made by, which differ by definition.
    pub fn choose(mut sizes: Vec<KeySize>, fixed: &[String]) -> Self {
        sizes.sort_by(|a, b| b.spans.cmp(&a.spans).then_with(|| a.key.cmp(&b.key)));
        let mut keys = Self::default();
        for KeySize { key, spans, distinct } in sizes {
            let why = if fixed.contains(&key) {
                "the selection is made by it".to_owned()
            } else if is_id(spans, distinct) {
                format!("{distinct} values in {spans} spans: as good as an id")
            } else if keys.kept.len() == KEYS_MAX {
                format!("only the {KEYS_MAX} most frequent keys are looked at")
            } else {
                keys.kept.push(key);
                continue;
            };
            keys.skipped.push(SkippedKey { key, why });
        }
        keys
    }
}

fn is_id(spans: u64, distinct: u64) -> bool {
    // Distinct values may be counted roughly.
    let unique = distinct.saturating_mul(10) >= spans.saturating_mul(9) && spans > 1;
    unique || (distinct >= ID_VALUES_MIN && distinct.saturating_mul(ID_ROWS_PER_VALUE) > spans)
}

/// One value, counted on both sides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    pub key: String,
    pub value: String,
    pub selection: u64,
    pub baseline: u64,
}

/// One value with what the counts say.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    pub counted: Counted,
    /// Of all spans on that side.
    pub selection_share: f64,
    pub baseline_share: f64,
    /// Two-proportion z statistic: above zero where the value is more frequent in the selection.
    pub z: f64,
    /// Of this test alone, two-sided: by `z`, or exact where counts are small.
    pub p: f64,
    /// Times the number of tests (Bonferroni), at most 1.
    pub p_adjusted: f64,
    /// Whether `p_adjusted` is below 0.01.
    pub significant: bool,
}

/// All values in order of what they tell, and how many tests were made.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ranking {
    pub differences: Vec<Difference>,
    pub tests: usize,
}

/// Ranks values: the significant ones first, among them by the difference of shares, then the rest by
/// their statistic. Ties by key and value, so that the order is total.
pub fn rank(counted: Vec<Counted>, selection: u64, baseline: u64) -> Ranking {
    let tests = counted.len();
    let judged = counted.into_iter().map(|c| judge(c, selection, baseline, tests));
    let mut differences: Vec<Difference> = judged.collect();
    differences.sort_by(order);
    Ranking { differences, tests }
}

fn judge(counted: Counted, selection: u64, baseline: u64, tests: usize) -> Difference {
    let share = |count: u64, all: u64| if all == 0 { 0.0 } else { count as f64 / all as f64 };
    let z = z(counted.selection, selection, counted.baseline, baseline);
    let many = expected_min(&counted, selection, baseline) >= EXPECTED_MIN;
    let p = if many { p_value(z) } else { p_exact(counted.selection, selection, counted.baseline, baseline) };
    let p_adjusted = (p * tests as f64).min(1.0);
    Difference {
        selection_share: share(counted.selection, selection),
        baseline_share: share(counted.baseline, baseline),
        z,
        p,
        p_adjusted,
        significant: p_adjusted < SIGNIFICANT,
        counted,
    }
}

/// The smallest of the four counts that chance alone would give.
fn expected_min(counted: &Counted, selection: u64, baseline: u64) -> f64 {
    let all = (selection + baseline).max(1) as f64;
    let with = (counted.selection + counted.baseline) as f64;
    with.min(all - with) * selection.min(baseline) as f64 / all
}

fn order(a: &Difference, b: &Difference) -> Ordering {
    let gain = |d: &Difference| d.selection_share - d.baseline_share;
    let by_strength = if a.significant && b.significant {
        gain(b).total_cmp(&gain(a))
    } else {
        b.significant.cmp(&a.significant).then_with(|| b.z.total_cmp(&a.z))
    };
    let name = |d: &Difference| (d.counted.key.clone(), d.counted.value.clone());
    by_strength.then_with(|| name(a).cmp(&name(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(key: &str, value: &str, selection: u64, baseline: u64) -> Counted {
        Counted { key: key.into(), value: value.into(), selection, baseline }
    }

    #[test]
    fn the_value_that_is_over_represented_comes_first_and_chance_does_not() {
        let values = vec![
            counted("http.route", "/a", 50, 5_000),
            counted("canary", "true", 90, 100),
            counted("zone", "b", 52, 5_000),
            counted("store.id", "s-1", 1, 0),
            counted("zone", "a", 10, 5_000),
        ];
        let ranking = rank(values, 100, 10_000);
        assert_eq!(ranking.tests, 5);
        let drawn: Vec<_> =
            ranking.differences.iter().map(|d| (d.counted.value.as_str(), d.significant, d.z > 0.0)).collect();
        assert_eq!(
            drawn,
            [("true", true, true), ("a", true, false), ("s-1", false, true), ("b", false, true), ("/a", false, false)]
        );
        let canary = &ranking.differences[0];
        assert_eq!((canary.selection_share, canary.baseline_share), (0.9, 0.01));
        assert!(canary.p_adjusted < 1e-100 && canary.p <= canary.p_adjusted);
    }

    #[test]
    fn ids_keys_of_the_selection_and_keys_beyond_the_bound_are_left_out_by_name() {
        let size = |key: &str, spans, distinct| KeySize { key: key.into(), spans, distinct };
        let sizes = vec![
            size("order.id", 1_000, 1_000),
            size("user.id", 1_000, 400),
            size("http.route", 1_000, 30),
            size("status", 1_000, 1),
            size("pair", 2, 2),
            size("once", 1, 1),
        ];
        let keys = Keys::choose(sizes, &["status".into()]);
        assert_eq!(keys.kept, ["http.route", "once"]);
        let skipped: Vec<_> = keys.skipped.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(skipped, ["order.id", "status", "user.id", "pair"]);
        let many = (0..KEYS_MAX + 1).map(|n| size(&format!("k{n:03}"), 9, 1)).collect();
        let keys = Keys::choose(many, &[]);
        assert_eq!((keys.kept.len(), keys.skipped.len()), (KEYS_MAX, 1));
        assert!(keys.skipped[0].why.contains("200"));
    }

    #[test]
    fn empty_sides_say_nothing() {
        for (selection, baseline) in [(0, 10), (10, 0), (0, 0)] {
            let ranking = rank(vec![counted("k", "v", selection, baseline)], selection, baseline);
            assert!(!ranking.differences[0].significant, "{selection} {baseline}");
            assert!(ranking.differences[0].p.is_finite());
        }
    }
}
