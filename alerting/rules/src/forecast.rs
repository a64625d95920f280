//! Forecast of business figures: a robust seasonal-naive model, 30 days ahead, usable from a month of history.
//!
//! A day is level x weekday x trend; an hour is its day times the share that this hour of the week usually has.
//! Everything is a median of what was, so that a sale, an outage or a gap does not bend it; the trend is damped,
//! because trends end. The band is made of the errors that the model made on its own history.
//!
//! It refuses to know calendars: holidays come as days outside the band, not as expectations.

use crate::robust::{median, quantile, theil_sen};
use model::UnixNanos;

/// Days of history that are needed, and that are looked at.
pub const HISTORY_DAYS_MIN: usize = 28;
pub const HISTORY_DAYS_MAX: usize = 84;
/// How far ahead a forecast goes, days.
pub const AHEAD_DAYS_MAX: usize = 30;
/// Days whose median is the level.
const LEVEL_DAYS: usize = 21;
/// A trend loses this share of itself with every day ahead.
const DAMPING: f64 = 0.95;
/// Growth per day that is believed at most, as a logarithm.
const SLOPE_MAX: f64 = 0.01;
const HOUR_NS: i64 = 3_600 * UnixNanos::SECOND;

/// What one bucket of the history is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Hour,
    Day,
}

/// One forecast: what is expected, and the band.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Point {
    pub time: UnixNanos,
    pub expected: f64,
    pub low: f64,
    pub high: f64,
}

/// A fitted model.
#[derive(Clone, PartialEq, Debug)]
pub struct Seasonal {
    step: Step,
    /// The last day of the history.
    last: i32,
    /// Logarithm of (1 + figure) of a usual day at `last`, and its growth per day.
    level: f64,
    slope: f64,
    /// Added for each weekday (day number modulo 7).
    weekdays: [f64; 7],
    /// Errors on the history, sorted: logarithm of actual less that of expected.
    errors: Vec<f64>,
    /// Of hourly figures: share of the day for each hour of the week, and the errors of hours.
    shares: Vec<f64>,
    hour_errors: Vec<f64>,
}

impl Seasonal {
    /// Learns from a history in any order. `None`: fewer than [`HISTORY_DAYS_MIN`] days, or nothing but zeros.
    pub fn fit(step: Step, history: &[(UnixNanos, f64)]) -> Option<Self> {
        let days = days_of(step, history)?;
        let last = days.last()?.0;
        if days.len() < HISTORY_DAYS_MIN {
            return None;
        }
        let weekdays = weekdays(&days);
        let plain: Vec<(f64, f64)> =
            days.iter().map(|(day, value)| (f64::from(day - last), value.ln_1p() - weekdays[weekday(*day)])).collect();
        let trend = theil_sen(&plain)?;
        // A trend that half of the pairs contradict is none; in between, part of it is believed.
        let belief = ((trend.rising - 0.5).abs() * 4.0 - 0.6).clamp(0.0, 1.0);
        let slope = (trend.slope * belief).clamp(-SLOPE_MAX, SLOPE_MAX);
        let mut recent: Vec<f64> = plain.iter().rev().take(LEVEL_DAYS).map(|(x, y)| y - slope * x).collect();
        let level = median(&mut recent);
        let mut model = Self {
            step,
            last,
            level,
            slope,
            weekdays,
            errors: Vec::new(),
            shares: Vec::new(),
            hour_errors: Vec::new(),
        };
        model.errors = model.day_errors(&days);
        if step == Step::Hour {
            model.learn_hours(&days, history);
        }
        (level > 0.0).then_some(model)
    }

    /// The errors the model would have made, each day from the three weeks around it.
    fn day_errors(&self, days: &[(i32, f64)]) -> Vec<f64> {
        let plain: Vec<f64> = days.iter().map(|(day, value)| value.ln_1p() - self.weekdays[weekday(*day)]).collect();
        let mut errors: Vec<f64> = (0..plain.len())
            .map(|i| {
                let from = i.saturating_sub(LEVEL_DAYS / 2).min(plain.len().saturating_sub(LEVEL_DAYS));
                let until = (from + LEVEL_DAYS).min(plain.len());
                plain[i] - median(&mut plain[from..until].to_vec())
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        errors
    }

    fn learn_hours(&mut self, days: &[(i32, f64)], history: &[(UnixNanos, f64)]) {
        let total =
            |day: i32| days.binary_search_by_key(&day, |(d, _)| *d).ok().map(|i| days[i].1).filter(|t| *t > 0.0);
        let mut seen: Vec<Vec<f64>> = vec![Vec::new(); 168];
        for (time, value) in history {
            if let Some(total) = total(time.day()).filter(|_| value.is_finite()) {
                seen[hour_of_week(*time)].push(value.max(0.0) / total);
            }
        }
        let mut shares: Vec<f64> = seen.iter_mut().map(|s| if s.is_empty() { 0.0 } else { median(s) }).collect();
        for day in shares.chunks_mut(24) {
            let sum: f64 = day.iter().sum();
            day.iter_mut().for_each(|share| *share /= sum.max(f64::MIN_POSITIVE));
        }
        let mut errors: Vec<f64> = history
            .iter()
            .filter_map(|(time, value)| {
                let expected = total(time.day())? * shares[hour_of_week(*time)];
                value.is_finite().then(|| value.max(0.0).ln_1p() - expected.ln_1p())
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        (self.shares, self.hour_errors) = (shares, errors);
    }

    /// What is expected of the bucket that begins at a time, with a band that holds this share of good buckets.
    /// `None` beyond [`AHEAD_DAYS_MAX`] days after the history.
    pub fn at(&self, time: UnixNanos, band: f64) -> Option<Point> {
        let ahead = time.day().checked_sub(self.last)?;
        if ahead > AHEAD_DAYS_MAX as i32 || ahead < -(HISTORY_DAYS_MAX as i32) {
            return None;
        }
        let grown = match ahead {
            // Sum of the damped daily growth.
            1.. => self.slope * DAMPING * (1.0 - DAMPING.powi(ahead)) / (1.0 - DAMPING),
            _ => self.slope * f64::from(ahead),
        };
        let log = self.level + grown + self.weekdays[weekday(time.day())];
        // Errors grow with the distance: by the half in a month.
        let wider = 1.0 + 0.5 * f64::from(ahead.max(0)) / AHEAD_DAYS_MAX as f64;
        let tail = (1.0 - band.clamp(0.5, 0.999)) / 2.0;
        let (low, high) = ends(&self.errors, tail);
        let day = log.exp_m1().max(0.0);
        if self.step == Step::Day {
            let low = (log + low * wider).exp_m1().max(0.0);
            return Some(Point { time, expected: day, low, high: (log + high * wider).exp_m1() });
        }
        let expected = day * self.shares.get(hour_of_week(time)).copied().unwrap_or(0.0);
        let (hour_low, hour_high) = ends(&self.hour_errors, tail);
        // The day's error and the hour's, as if independent.
        let low = (expected.ln_1p() - low.hypot(hour_low) * wider).exp_m1().max(0.0);
        Some(Point { time, expected, low, high: (expected.ln_1p() + high.hypot(hour_high) * wider).exp_m1() })
    }

    /// The buckets that follow the history, `days` of them at most [`AHEAD_DAYS_MAX`].
    pub fn ahead(&self, days: usize, band: f64) -> Vec<Point> {
        let start = (i64::from(self.last) + 1) * UnixNanos::DAY;
        let (width, per_day) = if self.step == Step::Day { (UnixNanos::DAY, 1) } else { (HOUR_NS, 24) };
        let count = days.min(AHEAD_DAYS_MAX) * per_day;
        (0..count).filter_map(|i| self.at(UnixNanos(start + i as i64 * width), band)).collect()
    }
}

/// Share of the actual sum that a forecast got right: one less the sum of its misses; 0 at worst.
pub fn accuracy(pairs: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let (mut missed, mut sum) = (0.0, 0.0);
    for (actual, expected) in pairs {
        missed += (actual - expected).abs();
        sum += actual.abs();
    }
    if sum > 0.0 { (1.0 - missed / sum).max(0.0) } else { 0.0 }
}

/// Both ends of the band around zero, with a least width: a history without errors proves little.
fn ends(sorted: &[f64], tail: f64) -> (f64, f64) {
    let mut errors = sorted.to_vec();
    let (low, high) = (quantile(&mut errors, tail), quantile(&mut errors, 1.0 - tail));
    let wide = |end: f64| if end.is_finite() { end.abs().max(0.05) } else { 0.5 };
    (-wide(low), wide(high))
}

fn weekday(day: i32) -> usize {
    day.rem_euclid(7) as usize
}

fn hour_of_week(time: UnixNanos) -> usize {
    weekday(time.day()) * 24 + (time.0.rem_euclid(UnixNanos::DAY) / HOUR_NS) as usize
}

/// Sums by day, in order, the newest [`HISTORY_DAYS_MAX`]. Days that are missing between are left out; a first
/// and a last day of which hours are missing as well.
fn days_of(step: Step, history: &[(UnixNanos, f64)]) -> Option<Vec<(i32, f64)>> {
    let mut days: std::collections::BTreeMap<i32, (f64, usize)> = std::collections::BTreeMap::new();
    for (time, value) in history.iter().filter(|(_, value)| value.is_finite()) {
        let day = days.entry(time.day()).or_default();
        day.0 += value.max(0.0);
        day.1 += 1;
    }
    if step == Step::Hour {
        // Hours without a figure are hours without sales, but not in a day that is cut.
        let (first, last) = (*days.keys().next()?, *days.keys().next_back()?);
        for day in [first, last] {
            let count = |d: i32| history.iter().filter(|(t, _)| t.day() == d).count();
            if count(day) < count(day - 7).max(count(day + 7)).max(1) * 3 / 4 {
                days.remove(&day);
            }
        }
    }
    let days: Vec<(i32, f64)> = days.into_iter().map(|(day, (sum, _))| (day, sum)).collect();
    let skip = days.len().saturating_sub(HISTORY_DAYS_MAX);
    Some(days[skip..].to_vec())
}

/// What each weekday adds to the logarithm, as the median over the weeks of its distance from the week around it.
fn weekdays(days: &[(i32, f64)]) -> [f64; 7] {
    let logs: Vec<f64> = days.iter().map(|(_, value)| value.ln_1p()).collect();
    let mut seen: [Vec<f64>; 7] = Default::default();
    for (i, (day, _)) in days.iter().enumerate() {
        let from = i.saturating_sub(3).min(logs.len().saturating_sub(7));
        let around = &logs[from..(from + 7).min(logs.len())];
        let mean = around.iter().sum::<f64>() / around.len() as f64;
        seen[weekday(*day)].push(logs[i] - mean);
    }
    let mut weekdays = seen.map(|mut distances| if distances.is_empty() { 0.0 } else { median(&mut distances) });
    let mean = weekdays.iter().sum::<f64>() / 7.0;
    weekdays.iter_mut().for_each(|weekday| *weekday -= mean);
    weekdays
}

#[cfg(test)]
mod tests;
