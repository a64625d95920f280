//! Into which `date=` folder a row goes.
//!
//! A row goes to the day it says it happened. One that says something implausible, and those of days
//! beyond the bound of a checkpoint, go to the day of receipt: no sender can make a checkpoint touch
//! unboundedly many partitions, and none makes one in the year 2262.

use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;
use model::UnixNanos;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use tables::TableBatch;

/// The days of one table of one workspace in one checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Days {
    own: BTreeSet<i32>,
    /// Day of receipt, for everything else.
    receipt: i32,
    /// Rows of days that are too many.
    pub(crate) overflow_rows: u64,
}

impl Days {
    /// Decides from how many plausible rows each day has: the largest days are kept, the day of receipt
    /// always, `max` in all.
    pub(crate) fn choose(rows_by_day: &BTreeMap<i32, u64>, receipt: i32, max: usize) -> Self {
        let mut largest: Vec<(u64, i32)> =
            rows_by_day.iter().filter(|(d, _)| **d != receipt).map(|(d, n)| (*n, *d)).collect();
        largest.sort_unstable_by(|a, b| b.cmp(a));
        let kept = max.saturating_sub(1).min(largest.len());
        let overflow_rows = largest[kept..].iter().map(|(rows, _)| rows).sum();
        let own = largest[..kept].iter().map(|(_, day)| *day).chain([receipt]).collect();
        Self { own, receipt, overflow_rows }
    }

    /// The folder of a row.
    pub(crate) fn of(&self, time: UnixNanos, received: UnixNanos) -> i32 {
        let day = time.day();
        if time.is_plausible(received) && self.own.contains(&day) { day } else { self.receipt }
    }
}

/// Adds the plausible rows of a batch to the counts by day. Looks at single rows only where the batch
/// spans days or implausible times.
pub(crate) fn count_days(batch: &TableBatch, time_column: &str, received: UnixNanos, into: &mut BTreeMap<i32, u64>) {
    let (min, max) = (UnixNanos(batch.time_min), UnixNanos(batch.time_max));
    if min.day() == max.day() && min.is_plausible(received) && max.is_plausible(received) {
        *into.entry(min.day()).or_default() += batch.rows.num_rows() as u64;
        return;
    }
    let times = batch.rows.column_by_name(time_column).and_then(|c| c.as_primitive_opt::<TimestampNanosecondType>());
    for time in times.iter().flat_map(|t| t.values().iter()).map(|t| UnixNanos(*t)) {
        if time.is_plausible(received) {
            *into.entry(time.day()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i32 = 20_000;
    const NOON: UnixNanos = UnixNanos(TODAY as i64 * UnixNanos::DAY + UnixNanos::DAY / 2);

    fn noon(day: i32) -> UnixNanos {
        UnixNanos(i64::from(day) * UnixNanos::DAY + UnixNanos::DAY / 2)
    }

    #[test]
    fn old_days_are_their_own_and_impossible_ones_go_to_receipt() {
        let days = Days::choose(&BTreeMap::from([(TODAY, 5), (19_051, 3), (TODAY + 1, 1)]), TODAY, 64);
        for (name, time, expected) in [
            ("today", NOON, TODAY),
            ("2022 is as welcome", noon(19_051), 19_051),
            ("tomorrow at this hour", noon(TODAY + 1), TODAY + 1),
            ("the day after tomorrow", noon(TODAY + 2), TODAY),
            ("1970", UnixNanos(0), TODAY),
            ("the end of time", UnixNanos(i64::MAX), TODAY),
            ("before the beginning", UnixNanos(i64::MIN), TODAY),
        ] {
            assert_eq!(days.of(time, NOON), expected, "{name}");
        }
    }

    #[test]
    fn at_most_so_many_days_and_the_largest_are_kept() {
        let counts: BTreeMap<i32, u64> = (0..100).map(|i| (15_000 + i, 100 + i as u64)).collect();
        for max in [1, 2, 10, 64, 101, 200] {
            let days = Days::choose(&counts, TODAY, max);
            let used: BTreeSet<i32> = counts.keys().map(|d| days.of(noon(*d), NOON)).collect();
            assert!(used.len() <= max, "{max}: {}", used.len());
            assert_eq!(days.of(noon(15_099), NOON) == 15_099, max >= 2, "{max}");
            let kept: u64 = counts.iter().filter(|(d, _)| days.of(noon(**d), NOON) == **d).map(|(_, n)| n).sum();
            assert_eq!(kept + days.overflow_rows, counts.values().sum::<u64>(), "{max}");
        }
    }
}
