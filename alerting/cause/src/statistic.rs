//! The few statistics that evidence rests on. All are robust against small numbers: the reference of a
//! rate is smoothed, spreads have a floor.

use crate::window::{Counts, Slots};

/// Successes among trials.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Rate {
    pub(crate) hits: f64,
    pub(crate) of: f64,
}

impl Rate {
    pub(crate) fn new(hits: u32, of: u32) -> Self {
        Self { hits: f64::from(hits), of: f64::from(of) }
    }

    pub(crate) fn share(self) -> f64 {
        if self.of > 0.0 { self.hits / self.of } else { 0.0 }
    }

    /// As if half a success in one more trial had been seen.
    fn smoothed(self) -> Self {
        Self { hits: self.hits + 0.5, of: self.of + 1.0 }
    }

    fn log_likelihood(self, share: f64) -> f64 {
        let term = |count: f64, share: f64| if count > 0.0 { count * share.max(f64::MIN_POSITIVE).ln() } else { 0.0 };
        term(self.hits, share) + term(self.of - self.hits, 1.0 - share)
    }
}

/// Two-sample binomial likelihood ratio in nats: how much better two rates explain what was seen than one.
pub(crate) fn likelihood_ratio(reference: Rate, current: Rate) -> f64 {
    if current.of <= 0.0 {
        return 0.0;
    }
    let reference = reference.smoothed();
    let pooled = Rate { hits: reference.hits + current.hits, of: reference.of + current.of }.share();
    let apart = reference.log_likelihood(reference.share()) + current.log_likelihood(current.share());
    (apart - reference.log_likelihood(pooled) - current.log_likelihood(pooled)).max(0.0)
}

/// The change of a rate at the split of the window that shows it best.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Shift {
    /// Nats, less the price of having tried all splits.
    pub(crate) nats: f64,
    pub(crate) reference: Rate,
    pub(crate) current: Rate,
    /// First slot after the change.
    pub(crate) split: usize,
}

impl Shift {
    pub(crate) fn difference(&self) -> f64 {
        self.current.share() - self.reference.share()
    }
}

/// Looks for the split at which a rate changed. Nothing when the newest stretch shows less than half of
/// the change, seen from before the split and from the reference proper: then it has passed.
pub(crate) fn shift(hits: &Counts, of: &Counts, slots: &Slots) -> Option<Shift> {
    let total = |counts: &Counts, from: usize, to: usize| counts[from..to].iter().sum::<u32>();
    let end = slots.count + 1;
    let price = (slots.splits().count() as f64).ln();
    let mut best: Option<Shift> = None;
    for split in slots.splits() {
        let reference = Rate::new(total(hits, 0, split), total(of, 0, split));
        let current = Rate::new(total(hits, split, end), total(of, split, end));
        if reference.of == 0.0 || current.of == 0.0 {
            continue;
        }
        let found = Shift { nats: likelihood_ratio(reference, current) - price, reference, current, split };
        if best.is_none_or(|best| found.nats > best.nats) {
            best = Some(found);
        }
    }
    best.filter(|best| {
        let newest = Rate::new(total(hits, slots.newest, end), total(of, slots.newest, end));
        let still = |before: Rate| before.of == 0.0 || (newest.share() - before.share()) / best.difference() >= 0.5;
        newest.of == 0.0 || (still(best.reference) && still(Rate::new(hits[0], of[0])))
    })
}

/// The value that a share `q` of sorted values does not exceed.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    match sorted {
        [] => 0.0,
        _ => sorted[((sorted.len() - 1) as f64 * q).round() as usize],
    }
}

pub(crate) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The middle of some values, sorted or not.
pub(crate) fn middle(values: &[i64]) -> Option<&i64> {
    let mut order: Vec<&i64> = values.iter().collect();
    order.sort_unstable();
    order.get(order.len() / 2).copied()
}

/// Middle and spread of what is usual: median, and the larger of scaled median deviation and distance to
/// the 90th percentile as if it were normal (a series that often leaps is not surprised by leaps; a
/// reference that holds a forgotten incident still is).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Usual {
    pub(crate) median: f64,
    pub(crate) spread: f64,
}

impl Usual {
    pub(crate) fn of(values: &[f64]) -> Self {
        let values = sorted(values.to_vec());
        let median = quantile(&values, 0.5);
        let deviations = sorted(values.iter().map(|value| (value - median).abs()).collect());
        let tail = (quantile(&values, 0.9) - median) / 1.2816;
        Self { median, spread: (1.4826 * quantile(&deviations, 0.5)).max(tail) }
    }

    /// How many spreads a value lies above the middle; the spread is at least `floor`.
    pub(crate) fn z(&self, value: f64, floor: f64) -> f64 {
        (value - self.median) / self.spread.max(floor).max(f64::MIN_POSITIVE)
    }
}

/// A statistic in bits, by the level that healthy data reaches: at the level it is worth one bit. From ten
/// on, more of the same adds next to nothing; it only keeps the order.
pub(crate) fn bits(statistic: f64, level: f64) -> f64 {
    const AMPLE: f64 = 10.0;
    const STATISTIC_MAX: f64 = 1e12;
    const BEYOND: f64 = 0.05;
    // What is no number surprises nobody.
    let statistic = if statistic.is_nan() { 0.0 } else { statistic.clamp(0.0, STATISTIC_MAX) };
    let bits = (1.0 + (statistic / level).powi(2)).log2();
    if bits > AMPLE { AMPLE + BEYOND * (bits - AMPLE) } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Window;
    use crate::window::SLOTS_MAX;
    use model::{TimeRange, UnixNanos};

    fn slots() -> Slots {
        let range = TimeRange { from: UnixNanos(0), until: UnixNanos(180 * UnixNanos::SECOND) };
        Slots::new(&Window { reference: Vec::new(), current: range }, 0, 180 * UnixNanos::SECOND - 1)
    }

    #[test]
    fn equal_rates_say_nothing_and_apart_they_say_more_the_more_was_seen() {
        let ratio = |a: u32, b: u32, c: u32, d: u32| likelihood_ratio(Rate::new(a, b), Rate::new(c, d));
        assert!(ratio(50, 100, 50, 100) < 0.01);
        assert!(ratio(0, 100, 3, 3) > 8.0);
        assert!(ratio(0, 100, 30, 30) > ratio(0, 100, 3, 3));
        assert_eq!(ratio(5, 10, 0, 0), 0.0);
    }

    #[test]
    fn a_shift_is_found_where_it_began() {
        let (mut hits, mut of) = ([0; SLOTS_MAX + 1], [10; SLOTS_MAX + 1]);
        of[0] = 50;
        hits[6..].fill(9);
        let found = shift(&hits, &of, &slots()).map(|shift| shift.split);
        assert_eq!(found, Some(6));
    }

    #[test]
    fn what_has_passed_before_the_newest_minute_is_no_shift() {
        let (mut hits, of) = ([0; SLOTS_MAX + 1], [10; SLOTS_MAX + 1]);
        hits[3..7].fill(9);
        assert_eq!(shift(&hits, &of, &slots()), None);
    }

    #[test]
    fn a_series_that_often_leaps_is_not_surprised_by_a_leap() {
        let calm = Usual::of(&[1.0; 60]);
        let leaping: Vec<f64> = (0..60).map(|n| if n % 8 == 0 { 50.0 } else { 1.0 }).collect();
        assert!(calm.z(50.0, 1.0) > 40.0);
        assert!(Usual::of(&leaping).z(50.0, 1.0) <= 2.0);
    }

    #[test]
    fn at_the_level_a_statistic_is_worth_one_bit() {
        assert_eq!(bits(5.0, 5.0), 1.0);
        assert_eq!(bits(-5.0, 5.0), 0.0);
        assert!(bits(1e9, 5.0) > bits(1e6, 5.0) && bits(1e9, 5.0) < 13.0);
    }
}
