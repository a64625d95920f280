//! When a row that waits for its parent is looked at: when its age passes certain marks, and all rows
//! once after a start. Nothing has to be remembered from row to row.

use model::UnixNanos;
use std::time::Duration;

/// When and how often parents are looked for among stored spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    /// How often there is a look.
    pub(crate) every: Duration,
    /// Age at which a row is first looked at; further looks follow at growing ages.
    pub(crate) after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every: Duration::from_secs(60), after: Duration::from_secs(60) }
    }
}

/// Times after one moment, up to and with another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    pub(crate) after: UnixNanos,
    pub(crate) until: UnixNanos,
}

/// How far from a span its parent is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Depth {
    pub(crate) before: Duration,
    pub(crate) after: Duration,
}

/// Rows received in these windows, and how far around them to look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Round {
    pub(crate) windows: Vec<Window>,
    pub(crate) depth: Depth,
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const NEAR: Depth = Depth { before: Duration::from_secs(900), after: Duration::from_secs(900) };
const FAR: Depth = Depth { before: DAY, after: Duration::from_secs(7_200) };
/// Ages at which a row is looked at nearby, as multiples of the first.
const NEAR_AGES: [u32; 3] = [1, 4, 16];
/// Ages at which it is looked at far and wide; the last is shortly before rows are let go.
const FAR_AGES: [Duration; 3] = [MINUTE.saturating_mul(60), MINUTE.saturating_mul(360), MINUTE.saturating_mul(2_760)];

/// What has come of age since the last look; after a start all that is kept.
pub(crate) fn rounds(last: Option<UnixNanos>, now: UnixNanos, settings: &Settings) -> Vec<Round> {
    let Some(last) = last else {
        let window = Window { after: now.saturating_sub(2 * DAY), until: now.saturating_sub(settings.after) };
        return vec![Round { windows: vec![window], depth: FAR }];
    };
    let windows = |ages: &[Duration]| {
        let passed = |age: &Duration| Window { after: last.saturating_sub(*age), until: now.saturating_sub(*age) };
        ages.iter().map(passed).collect()
    };
    vec![
        Round { windows: windows(&NEAR_AGES.map(|times| settings.after * times)), depth: NEAR },
        Round { windows: windows(&FAR_AGES), depth: FAR },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_looked_at_at_every_age_once_and_after_a_start_at_once() {
        let settings = Settings::default();
        let second = UnixNanos::SECOND;
        let start = UnixNanos(1_800_000_000 * second);
        let received = UnixNanos(start.0 - 3_600 * second);
        let looks = |from: Option<i64>, to: i64, received: UnixNanos| {
            let last = from.map(|s| UnixNanos(start.0 + s * second));
            let windows = rounds(last, UnixNanos(start.0 + to * second), &settings).into_iter().flat_map(|r| r.windows);
            windows.filter(|w| w.after < received && received <= w.until).count()
        };
        assert_eq!(looks(None, 0, received), 1);
        assert_eq!(looks(None, 0, UnixNanos(start.0 - 59 * second)), 0, "too young");
        // Received at the start, it is looked at six times in two days, however the looks fall.
        let mut count = 0;
        let mut from = 0;
        while from < 2 * 86_400 {
            let to = from + 37 + from % 50;
            count += looks(Some(from), to, start);
            from = to;
        }
        assert_eq!(count, 6);
    }
}
