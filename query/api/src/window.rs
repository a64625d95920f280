//! Instants and windows as people give them: RFC 3339, Unix nanoseconds, `now`, `now-15m`.

use crate::Problem;
use crate::ask::instant;
use crate::params::Params;
use crate::render::timestamp_text;
use model::UnixNanos;
use std::time::Duration;

/// What is asked about when nothing is said.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(3600);

/// `[from, to)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    pub from: UnixNanos,
    pub to: UnixNanos,
}

impl Window {
    /// From parameters `from` and `to`: the last hour where they are absent.
    pub fn read(params: &Params, now: UnixNanos) -> Result<Self, Problem> {
        Self::named(params, now, "from", "to", DEFAULT_WINDOW)
    }

    /// From parameters of other names; `span` back from the end where the start is absent.
    pub fn named(params: &Params, now: UnixNanos, from: &str, to: &str, span: Duration) -> Result<Self, Problem> {
        let at = |name: &str| params.get(name).map(|text| parse_instant(name, text, now)).transpose();
        // What has this very nanosecond for its time is inside.
        let end = at(to)?.unwrap_or(UnixNanos(now.0.saturating_add(1)));
        let start = at(from)?.unwrap_or(end.saturating_sub(span));
        Self::checked(start, end, from, to)
    }

    fn checked(start: UnixNanos, end: UnixNanos, from: &str, to: &str) -> Result<Self, Problem> {
        if start >= end {
            return Err(Problem::invalid(format!(
                "{from} is {} and {to} is {}: {from} must be before {to}",
                timestamp_text(start.0),
                timestamp_text(end.0)
            )));
        }
        Ok(Self { from: start, to: end })
    }

    /// As a condition on column `column`.
    pub fn condition(&self, column: &str) -> String {
        format!("{column} >= {} AND {column} < {}", instant(self.from), instant(self.to))
    }

    /// Widened to whole buckets of this length.
    pub fn snapped(&self, bucket: Duration) -> Self {
        let bucket = i64::try_from(bucket.as_nanos()).unwrap_or(i64::MAX).max(1);
        let from = self.from.0.div_euclid(bucket).saturating_mul(bucket);
        let to = self.to.0.saturating_add(bucket - 1).div_euclid(bucket).saturating_mul(bucket);
        Self { from: UnixNanos(from), to: UnixNanos(to) }
    }

    /// Larger by `by` on both sides.
    pub fn widened(&self, by: Duration) -> Self {
        Self { from: self.from.saturating_sub(by), to: self.to.saturating_add(by) }
    }

    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.to.0.saturating_sub(self.from.0).max(0).unsigned_abs())
    }
}

/// Reads an instant; `name` is the parameter it came in.
pub fn parse_instant(name: &str, text: &str, now: UnixNanos) -> Result<UnixNanos, Problem> {
    let read = || -> Option<UnixNanos> {
        if let Some(relative) = text.strip_prefix("now") {
            return match relative.split_at_checked(1) {
                None => Some(now),
                Some(("-", by)) => Some(now.saturating_sub(parse_duration(by)?)),
                // A plus sign in a query string is a space.
                Some(("+" | " ", by)) => Some(now.saturating_add(parse_duration(by)?)),
                Some(_) => None,
            };
        }
        if let Ok(nanos) = text.parse::<i64>() {
            return Some(UnixNanos(nanos));
        }
        let timestamp: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(timestamp.as_nanosecond()).ok().map(UnixNanos)
    };
    read().ok_or_else(|| {
        Problem::invalid(format!(
            "{name} is {text:?}: give RFC 3339 (2026-11-20T08:00:00Z), Unix nanoseconds, or now-15m (units ms, s, m, h, d, w)"
        ))
    })
}

/// `250ms`, `90s`, `15m`, `2h`, `7d`, `4w`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    number.checked_mul(ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixNanos = UnixNanos(1_000_000_000_000_000);

    fn window(query: &str) -> Result<Window, String> {
        let uri = format!("/x?{query}").parse().unwrap();
        let params = Params::read(&uri, &["from", "to"]).unwrap();
        Window::read(&params, NOW).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn instants_are_read_in_each_of_their_forms() {
        for (text, expected) in [
            ("now", NOW.0),
            ("now-15m", NOW.0 - 900_000_000_000),
            ("now+1s", NOW.0 + 1_000_000_000),
            ("17", 17),
            ("1970-01-01T00:00:01.000000002Z", 1_000_000_002),
            ("1970-01-01T08:00:01+08:00", 1_000_000_000),
        ] {
            assert_eq!(parse_instant("from", text, NOW), Ok(UnixNanos(expected)), "{text}");
        }
        for text in ["", "yesterday", "now-", "now-5", "now*2m", "2026-13-01T00:00:00Z", "9999999-01-01T00:00:00Z"] {
            let detail = parse_instant("from", text, NOW).unwrap_err().detail().to_owned();
            assert!(detail.contains("from") && detail.contains("now-15m"), "{detail}");
        }
    }

    #[test]
    fn a_window_is_the_last_hour_unless_said_and_never_upside_down() {
        let hour = 3_600_000_000_000;
        assert_eq!(window("").unwrap(), Window { from: UnixNanos(NOW.0 + 1 - hour), to: UnixNanos(NOW.0 + 1) });
        assert_eq!(window("from=5&to=9").unwrap(), Window { from: UnixNanos(5), to: UnixNanos(9) });
        assert!(window("from=9&to=5").unwrap_err().contains("from must be before to"));
        assert!(window("from=9&to=9").is_err());
    }

    #[test]
    fn windows_snap_outward() {
        let ten = Duration::from_nanos(10);
        let snapped = |from, to| {
            let window = Window { from: UnixNanos(from), to: UnixNanos(to) }.snapped(ten);
            (window.from.0, window.to.0)
        };
        assert_eq!(snapped(10, 20), (10, 20));
        assert_eq!(snapped(11, 19), (10, 20));
        assert_eq!(snapped(-1, 1), (-10, 10));
    }
}
