//! Business figures against their forecast.

use super::{Given, Holds, Judged, Verdict, by_series};
use crate::condition::Forecast;
use crate::forecast::{Seasonal, Step};
use crate::units::figure_text;
use model::UnixNanos;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn judge(c: &Forecast, given: &Given<'_>) -> Judged {
    let Some(answer) = given.answer("rows") else { return Judged { verdicts: Vec::new(), rest: Holds::Unknown } };
    let step = if c.bucket == Duration::from_secs(3_600) { Step::Hour } else { Step::Day };
    let width = c.bucket.as_nanos() as i64;
    // The last bucket that has ended, judged by all that was before it.
    let last = UnixNanos(crate::watermark::floor_to(given.now, width).0 - width);
    let column = answer.column("value");
    let mut verdicts = Vec::new();
    for (labels, rows) in by_series(answer, None) {
        let value = |row: &usize| column.and_then(|i| answer.rows[*row].values.get(i)).copied().unwrap_or(f64::NAN);
        let history: Vec<(UnixNanos, f64)> = rows
            .iter()
            .filter(|row| answer.rows[**row].time < last)
            .map(|row| (answer.rows[*row].time, value(row)))
            .collect();
        // No row is no sale, once there were some.
        let actual = rows.iter().find(|row| answer.rows[**row].time == last).map_or(0.0, value);
        verdicts.push((Arc::clone(labels), against(c, step, &history, last, actual, given.now)));
    }
    Judged { verdicts, rest: Holds::Unknown }
}

fn against(
    c: &Forecast,
    step: Step,
    history: &[(UnixNanos, f64)],
    last: UnixNanos,
    actual: f64,
    now: UnixNanos,
) -> Verdict {
    let model = Seasonal::fit(step, history);
    let Some(point) = model.and_then(|model| model.at(last, c.band)).filter(|_| actual.is_finite()) else {
        return Verdict::new(Holds::Unknown, now);
    };
    if point.expected < c.min_expected {
        return Verdict::new(Holds::Unknown, now);
    }
    let is_low = actual < point.low;
    let holds = is_low || (c.both && actual > point.high);
    let threshold = if is_low || !c.both { point.low } else { point.high };
    let verdict = Verdict { since: Some(last), ..Verdict::of(holds, now, actual, threshold, "1") };
    verdict
        .note("usual", figure_text(point.expected))
        .note("band", format!("{} – {}", figure_text(point.low), figure_text(point.high)))
}
