//! What is usual for one series: lately, and at this hour of earlier days and weeks.
//!
//! Two references are kept, and what is seen is strange only if it is strange to both: a daily peak is known
//! from yesterday, a slow swing from the last half hour. Learning is robust (a step is bounded by the spread)
//! and is switched off by the caller while something is wrong. Hours are counted from 1970 in UTC, and compared
//! with the same hour one day and one and two weeks before, so that no calendar and no time zone is needed.

use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Memory of the recent level, seconds.
const RECENT_S: f64 = 1_800.0;
/// Memory of the spread, in samples.
const SPREAD_SAMPLES: f64 = 400.0;
/// Hours kept: two weeks and the neighbours of the first.
const HOURS_MAX: usize = 14 * 24 + 2;
const HOUR_NS: i64 = 3_600 * UnixNanos::SECOND;
/// Calls that make a share of errors sure, and that an hour must have to be remembered.
const SURE_CALLS: f64 = 1_000.0;
const HOUR_CALLS: f64 = 50.0;
/// Steps are bounded by so many spreads.
const BOUND: f64 = 3.0;

/// Means of whole hours, the newest last; NaN where nothing was learned.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Hours {
    #[serde(with = "hours")]
    values: VecDeque<f32>,
    /// Number of the newest hour.
    newest: i64,
}

impl Hours {
    /// Hours come in order; one that is known already is not taken again.
    fn push(&mut self, hour: i64, value: f64) {
        if !self.values.is_empty() {
            if hour <= self.newest {
                return;
            }
            let missing = (hour - self.newest - 1).clamp(0, HOURS_MAX as i64);
            self.values.extend(std::iter::repeat_n(f32::NAN, missing as usize));
        }
        self.values.push_back(value as f32);
        self.newest = hour;
        while self.values.len() > HOURS_MAX {
            self.values.pop_front();
        }
    }

    fn get(&self, hour: i64) -> Option<f64> {
        let back = self.newest.checked_sub(hour)?;
        let index = (self.values.len() as i64).checked_sub(1 + back)?;
        let value = *self.values.get(usize::try_from(index).ok()?)?;
        value.is_finite().then_some(f64::from(value))
    }

    /// The same hour, with the neighbour that is nearer, of the day before and of the weeks before.
    fn earlier(&self, at: UnixNanos) -> impl Iterator<Item = f64> + '_ {
        let hour = hour_of(at);
        let neighbour = if at.0.rem_euclid(HOUR_NS) * 2 > HOUR_NS { 1 } else { -1 };
        let hours = [24, 168, 336].into_iter().flat_map(move |lag| [hour - lag, hour - lag + neighbour]);
        hours.filter_map(|hour| self.get(hour))
    }
}

fn hour_of(at: UnixNanos) -> i64 {
    at.0.div_euclid(HOUR_NS)
}

/// The usual level of a figure. Values are on a scale of the caller's (logarithms of times and rates).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Level {
    level: f64,
    /// Mean distance of samples from the level.
    spread: f64,
    /// Samples and seconds of data behind it.
    samples: f64,
    seconds: f64,
    hours: Hours,
    /// The hour under way: its number, the sum of its samples and their number.
    hour: (i64, f64, f64),
}

impl Level {
    /// Takes in a sample that covers some seconds.
    pub(crate) fn learn(&mut self, value: f64, at: UnixNanos, seconds: f64, spread_min: f64) {
        if !value.is_finite() {
            return;
        }
        self.close_hours(at);
        let bound = BOUND * self.spread.max(spread_min) * 1.25;
        let step = match self.samples {
            n if n < 5.0 => value - self.level,
            _ => (value - self.level).clamp(-bound, bound),
        };
        let rate = (1.0 / (self.samples + 1.0)).max(1.0 - (-seconds / RECENT_S).exp());
        self.level += rate * step;
        let spread_rate = (1.0 / (self.samples + 1.0)).max(1.0 / SPREAD_SAMPLES);
        // The first distances are from a level that was not yet one.
        if self.samples >= 2.0 {
            self.spread += spread_rate * (step.abs() - self.spread);
        }
        self.samples += 1.0;
        self.seconds += seconds;
        self.hour.1 += value;
        self.hour.2 += 1.0;
    }

    /// Takes in an hour of the past, oldest first.
    pub(crate) fn learn_hour(&mut self, value: f64, at: UnixNanos) {
        if !value.is_finite() {
            return;
        }
        self.hours.push(hour_of(at), value);
        self.level = value;
        self.hour = (hour_of(at) + 1, 0.0, 0.0);
        self.samples = self.samples.max(10.0);
        // An hour of an unknown spread is worth a few minutes of samples.
        self.seconds += 120.0;
    }

    /// Time has passed, with or without anything to learn from.
    pub(crate) fn close_hours(&mut self, at: UnixNanos) {
        if hour_of(at) <= self.hour.0 {
            return;
        }
        let (of, sum, count) = std::mem::replace(&mut self.hour, (hour_of(at), 0.0, 0.0));
        if count >= 3.0 {
            self.hours.push(of, sum / count);
        }
    }

    pub(crate) fn highest(&self, at: UnixNanos) -> f64 {
        self.hours.earlier(at).fold(self.level, f64::max)
    }

    pub(crate) fn lowest(&self, at: UnixNanos) -> f64 {
        self.hours.earlier(at).fold(self.level, f64::min)
    }

    /// Standard deviation of samples as far as is known; wider while little is.
    pub(crate) fn sigma(&self, spread_min: f64) -> f64 {
        (self.spread * 1.25).max(spread_min) * (1.0 + 10.0 / (self.samples + 1.0)).min(3.0)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }
}

/// The usual share of errors: counts that fade, so that one error of two calls is known to be little knowledge.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Share {
    errors: f64,
    calls: f64,
    seconds: f64,
    hours: Hours,
    /// The hour under way: its number, its errors and calls.
    hour: (i64, f64, f64),
}

impl Share {
    pub(crate) fn learn(&mut self, errors: f64, calls: f64, at: UnixNanos, seconds: f64) {
        self.close_hours(at);
        // Half an hour is remembered of a busy series, up to a day of one that is seldom called.
        let memory = (RECENT_S * SURE_CALLS / self.calls.max(1.0)).clamp(RECENT_S, 48.0 * RECENT_S);
        let fade = (-seconds / memory).exp();
        self.errors = self.errors * fade + errors.min(calls);
        self.calls = self.calls * fade + calls;
        self.seconds += seconds;
        self.hour.1 += errors.min(calls);
        self.hour.2 += calls;
    }

    pub(crate) fn learn_hour(&mut self, errors: f64, calls: f64, at: UnixNanos) {
        if calls >= HOUR_CALLS {
            self.hours.push(hour_of(at), errors / calls);
            self.seconds += 120.0;
        }
        // What is known of the last hours is a beginning.
        (self.errors, self.calls) = (self.errors * 0.5 + errors, self.calls * 0.5 + calls);
        if self.calls > SURE_CALLS {
            self.errors *= SURE_CALLS / self.calls;
            self.calls = SURE_CALLS;
        }
        self.hour = (hour_of(at) + 1, 0.0, 0.0);
    }

    pub(crate) fn close_hours(&mut self, at: UnixNanos) {
        if hour_of(at) <= self.hour.0 {
            return;
        }
        let (of, errors, calls) = std::mem::replace(&mut self.hour, (hour_of(at), 0.0, 0.0));
        if calls >= HOUR_CALLS {
            self.hours.push(of, errors / calls);
        }
    }

    /// The highest share that may be called usual: of little knowledge, its upper end (two deviations).
    pub(crate) fn highest(&self, at: UnixNanos) -> f64 {
        // Three percent of ten calls is believed before anything is known.
        let (errors, calls) = (self.errors + 0.3, self.calls + 10.0);
        let share = errors / calls;
        let upper = share + 2.0 * (share * (1.0 - share) / calls).sqrt();
        self.hours.earlier(at).fold(upper, f64::max)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }
}

/// Hours as a list with null for what is missing.
mod hours {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::VecDeque;

    pub(super) fn serialize<S: Serializer>(hours: &VecDeque<f32>, serializer: S) -> Result<S::Ok, S::Error> {
        // Four digits are more than an hour's mean is good for, and half the bytes.
        let rounded = hours.iter().map(|v| v.is_finite().then(|| (f64::from(*v) * 1e4).round() / 1e4));
        rounded.collect::<Vec<Option<f64>>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VecDeque<f32>, D::Error> {
        let hours = Vec::<Option<f32>>::deserialize(deserializer)?;
        Ok(hours.into_iter().take(super::HOURS_MAX).map(|value| value.unwrap_or(f32::NAN)).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    fn at(hours: f64) -> UnixNanos {
        UnixNanos(480_000 * HOUR_NS + (hours * HOUR_NS as f64) as i64)
    }

    #[test]
    fn one_wild_sample_moves_the_level_little() {
        let mut learned = Level::default();
        for i in 0..200 {
            learned.learn(5.0 + f64::from(i % 2) * 0.1, at(f64::from(i) / 360.0), 10.0, 0.05);
        }
        let before = learned.highest(at(1.0));
        learned.learn(50.0, at(1.0), 10.0, 0.05);
        assert!((learned.highest(at(1.0)) - before).abs() < 0.05);
        assert!(learned.sigma(0.0) < 0.2, "{}", learned.sigma(0.0));
    }

    #[test]
    fn the_peak_of_yesterday_is_usual_today() {
        let mut learned = Level::default();
        for hour in 0..24 {
            for sample in 0..10 {
                let value = if hour == 20 { 9.0 } else { 5.0 };
                learned.learn(value, at(f64::from(hour) + f64::from(sample) / 10.0), 360.0, 0.05);
            }
        }
        learned.learn(5.0, at(24.0), 10.0, 0.05);
        for i in 0..190 {
            learned.learn(5.0, at(24.1 + f64::from(i) / 10.0), 360.0, 0.05);
        }
        assert!(learned.highest(at(44.2)) > 8.5, "the same hour of the day before");
        assert!(learned.highest(at(41.0)) < 5.5, "not another hour");
        assert!(learned.lowest(at(44.2)) < 5.5, "what is lower than both is low");
    }

    #[test]
    fn a_share_of_few_calls_may_be_anything_and_one_of_many_is_known() {
        let known = |errors: f64, calls: f64| {
            let mut share = Share::default();
            share.learn(errors, calls, at(0.0), 10.0);
            share.highest(at(0.0))
        };
        assert!(known(0.0, 0.0) > 0.1);
        assert!(known(0.0, 1_000.0) < 0.002);
        assert!(known(1.0, 10.0) > 0.15);
        assert!((0.05..0.07).contains(&known(50.0, 1_000.0)));
    }

    #[test]
    fn what_was_learned_survives_being_stored() {
        let mut learned = Level::default();
        for hour in [0, 1, 5] {
            learned.learn_hour(f64::from(hour), at(f64::from(hour)));
        }
        let text = serde_json::to_string(&learned).unwrap();
        let read: Level = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(read.hours.values.len(), 6);
        assert_eq!((read.hours.get(read.hours.newest - 4), read.hours.get(read.hours.newest - 3)), (Some(1.0), None));
    }
}
