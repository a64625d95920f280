//! Instants and ranges in Unix nanoseconds.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Nanoseconds since 1970-01-01T00:00:00Z. Covers 1677 to 2262; what a sender states beyond is
/// saturated by the decoder and flagged `time_implausible`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    pub const SECOND: i64 = 1_000_000_000;
    pub const DAY: i64 = 86_400 * Self::SECOND;
    /// 2000-01-01: earlier event times are kept, flagged, and filed under their day of receipt.
    pub const PLAUSIBLE_MIN: UnixNanos = UnixNanos(946_684_800 * Self::SECOND);
    /// How far ahead of receipt an event time may lie before it is flagged likewise.
    pub const PLAUSIBLE_AHEAD: Duration = Duration::from_secs(86_400);

    /// Whether an event that says it happened at `self` and was received at `received` can be true.
    pub fn is_plausible(self, received: UnixNanos) -> bool {
        self >= Self::PLAUSIBLE_MIN && self.0 <= received.saturating_add(Self::PLAUSIBLE_AHEAD).0
    }

    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Days since 1970-01-01, rounded down: the number behind `date=YYYY-MM-DD`.
    pub fn day(self) -> i32 {
        self.0.div_euclid(Self::DAY) as i32
    }
}

/// A half-open range of event times: `from <= t < until`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeRange {
    pub from: UnixNanos,
    pub until: UnixNanos,
}

impl TimeRange {
    pub const ALL: TimeRange = TimeRange { from: UnixNanos(i64::MIN), until: UnixNanos(i64::MAX) };

    /// Whether the closed interval `[min, max]` has an instant in this range.
    pub fn overlaps(&self, min: UnixNanos, max: UnixNanos) -> bool {
        min < self.until && max >= self.from
    }
}

/// `YYYY-MM-DD` of a day number as [`UnixNanos::day`] gives it (proleptic Gregorian calendar).
pub fn date_text(day: i32) -> String {
    // Days to civil date by the era method: 400-year eras of 146,097 days, years starting in March.
    let z = i64::from(day) + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    let y = yoe + era * 400 + i64::from(m <= 2);
    format!("{y:04}-{m:02}-{d:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (day, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_051, "2022-02-28"),
            (19_052, "2022-03-01"),
            (11_016, "2000-02-29"),
        ] {
            assert_eq!(date_text(day), text);
        }
    }

    #[test]
    fn plausible_is_after_2000_and_at_most_a_day_ahead() {
        let received = UnixNanos(1_700_000_000 * UnixNanos::SECOND);
        assert!(received.is_plausible(received));
        assert!(UnixNanos(received.0 + UnixNanos::DAY).is_plausible(received));
        assert!(!UnixNanos(received.0 + UnixNanos::DAY + 1).is_plausible(received));
        assert!(!UnixNanos(0).is_plausible(received));
        assert!(!UnixNanos(i64::MAX).is_plausible(received));
    }
}
