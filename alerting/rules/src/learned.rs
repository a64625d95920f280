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
/// Steps are bounded by so many spreads.
const BOUND: f64 = 3.0;

/// What is usual. Values are on a scale of the caller's (logarithms of times and rates, shares as they are).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Learned {
    level: f64,
    /// Mean distance of samples from the level.
    spread: f64,
    /// Samples and seconds of data behind it.
    samples: f64,
    seconds: f64,
    /// Of complete hours, the newest last; NaN (null) where nothing was learned.
    #[serde(with = "hours")]
    hours: VecDeque<f32>,
    /// Number of the newest hour in `hours`.
    newest: i64,
    /// The hour under way: its number, the sum of its samples and their number.
    hour: (i64, f64, f64),
}

impl Learned {
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
        let hour = at.0.div_euclid(HOUR_NS);
        if !value.is_finite() || (!self.hours.is_empty() && hour <= self.newest) {
            return;
        }
        self.push(hour, value);
        self.level = value;
        self.hour = (hour + 1, 0.0, 0.0);
        self.samples = self.samples.max(10.0);
        // An hour of an unknown spread is worth a few minutes of samples.
        self.seconds += 120.0;
    }

    /// Time has passed without anything to learn from.
    pub(crate) fn close_hours(&mut self, at: UnixNanos) {
        let hour = at.0.div_euclid(HOUR_NS);
        if hour <= self.hour.0 {
            return;
        }
        let (of, sum, count) = std::mem::replace(&mut self.hour, (hour, 0.0, 0.0));
        if count >= 3.0 && (self.hours.is_empty() || of > self.newest) {
            self.push(of, sum / count);
        }
    }

    fn push(&mut self, hour: i64, value: f64) {
        if !self.hours.is_empty() {
            let missing = (hour - self.newest - 1).clamp(0, HOURS_MAX as i64);
            self.hours.extend(std::iter::repeat_n(f32::NAN, missing as usize));
        }
        self.hours.push_back(value as f32);
        self.newest = hour;
        while self.hours.len() > HOURS_MAX {
            self.hours.pop_front();
        }
    }

    fn hour_value(&self, hour: i64) -> Option<f64> {
        let back = self.newest.checked_sub(hour)?;
        let index = (self.hours.len() as i64).checked_sub(1 + back)?;
        let value = *self.hours.get(usize::try_from(index).ok()?)?;
        value.is_finite().then_some(f64::from(value))
    }

    /// Everything that may be called usual at a time: the recent level, and the same hour (with the neighbour
    /// that is nearer) of the day before and of the weeks before.
    fn references(&self, at: UnixNanos) -> impl Iterator<Item = f64> + '_ {
        let hour = at.0.div_euclid(HOUR_NS);
        let neighbour = if at.0.rem_euclid(HOUR_NS) * 2 > HOUR_NS { 1 } else { -1 };
        let earlier = [24, 168, 336].into_iter().flat_map(move |lag| [hour - lag, hour - lag + neighbour]);
        std::iter::once(self.level).chain(earlier.filter_map(|hour| self.hour_value(hour)))
    }

    pub(crate) fn highest(&self, at: UnixNanos) -> f64 {
        self.references(at).fold(f64::NEG_INFINITY, f64::max)
    }

    pub(crate) fn lowest(&self, at: UnixNanos) -> f64 {
        self.references(at).fold(f64::INFINITY, f64::min)
    }

    /// Standard deviation of samples as far as is known; wider while little is.
    pub(crate) fn sigma(&self, spread_min: f64) -> f64 {
        (self.spread * 1.25).max(spread_min) * (1.0 + 10.0 / (self.samples + 1.0)).min(3.0)
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
        let mut learned = Learned::default();
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
        let mut learned = Learned::default();
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
    fn what_was_learned_survives_being_stored() {
        let mut learned = Learned::default();
        for hour in [0, 1, 5] {
            learned.learn_hour(f64::from(hour), at(f64::from(hour)));
        }
        let text = serde_json::to_string(&learned).unwrap();
        let read: Learned = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(read.hours.len(), 6);
        assert_eq!((read.hour_value(read.newest - 4), read.hour_value(read.newest - 3)), (Some(1.0), None));
    }
}
