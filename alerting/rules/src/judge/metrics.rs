//! Metrics against fixed bounds, and trends that run into their limits.

use super::{Given, Holds, Judged, Memory, Verdict, by_series};
use crate::condition::{Aggregate, Precursor, Threshold};
use crate::robust::theil_sen;
use crate::state::RuleState;
use crate::units::value_text;
use crate::{Answer, Figure};
use std::sync::Arc;

/// Points that a trend needs, and the share of the window they must span.
const POINTS_MIN: usize = 6;
const SPAN_MIN: f64 = 0.6;
/// Share of pairs of points that must rise.
const RISING_MIN: f64 = 0.75;
/// Metrics of expiry above this are Unix seconds, below it seconds left (30 years).
const UNIX_SECONDS_MIN: f64 = 946_684_800.0;

/// The value of a row, divided where there is something to divide by.
fn value_of(answer: &Answer, row: &Figure, divides: bool) -> Option<f64> {
    let at = |name: &str| answer.column(name).and_then(|i| row.values.get(i)).copied().filter(|v| v.is_finite());
    let value = at("value")?;
    match divides {
        false => Some(value),
        true => at("of").filter(|of| *of > 0.0).map(|of| value / of),
    }
}

pub(super) fn threshold(c: &Threshold, state: &mut RuleState, given: &Given<'_>) -> Judged {
    let Some(answer) = given.answer("rows") else { return Judged { verdicts: Vec::new(), rest: Holds::Unknown } };
    let mut verdicts = Vec::new();
    for (labels, rows) in by_series(answer, None) {
        let values: Vec<f64> =
            rows.iter().filter_map(|row| value_of(answer, &answer.rows[*row], c.of.is_some())).collect();
        let Some(series) = state.entry(labels, given.now) else { continue };
        series.last = given.now;
        let since = match series.memory {
            Memory::Seen(since) => since,
            _ => {
                // What was there when the rule came is as old as its first figures.
                let oldest = rows.iter().map(|row| answer.rows[*row].time).min().unwrap_or(given.now);
                series.memory = Memory::Seen(oldest);
                oldest
            }
        };
        let is_settled = since.saturating_add(c.min_age) <= given.now;
        let verdict = match (together(c.aggregate, &values), is_settled) {
            (Some(value), true) => match (c.above, c.below) {
                (Some(above), _) => Verdict::of(value > above, given.now, value, above, &c.unit),
                (None, Some(below)) => Verdict::of(value < below, given.now, value, below, &c.unit),
                (None, None) => Verdict::new(Holds::Unknown, given.now),
            },
            _ => Verdict::new(Holds::Unknown, given.now),
        };
        verdicts.push((Arc::clone(labels), verdict.note("metric", &c.metric)));
    }
    Judged { verdicts, rest: Holds::Unknown }
}

/// The buckets of a window as one value.
fn together(aggregate: Aggregate, values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    match aggregate {
        _ if values.is_empty() => None,
        Aggregate::Avg | Aggregate::Sum => Some(values.iter().sum::<f64>() / count),
        Aggregate::Max => values.iter().copied().reduce(f64::max),
        Aggregate::Min => values.iter().copied().reduce(f64::min),
        Aggregate::Increase => Some(values.iter().sum()),
    }
}

pub(super) fn precursor(c: &Precursor, given: &Given<'_>) -> Judged {
    let Some(answer) = given.answer("rows") else { return Judged { verdicts: Vec::new(), rest: Holds::Unknown } };
    let mut verdicts = Vec::new();
    for (labels, rows) in by_series(answer, None) {
        let points: Vec<(f64, f64)> = rows
            .iter()
            .filter_map(|row| {
                let row = &answer.rows[*row];
                Some(((row.time.0 - given.now.0) as f64 / 1e9, value_of(answer, row, c.of.is_some())?))
            })
            .collect();
        let verdict = if c.expires { expiry(c, &points, given) } else { trend(c, points, given) };
        verdicts.push((Arc::clone(labels), verdict.note("metric", &c.metric)));
    }
    Judged { verdicts, rest: Holds::Unknown }
}

fn expiry(c: &Precursor, points: &[(f64, f64)], given: &Given<'_>) -> Verdict {
    let newest = points.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((_, value)) = newest else { return Verdict::new(Holds::Unknown, given.now) };
    let now = given.now.0 as f64 / 1e9;
    let left = if *value >= UNIX_SECONDS_MIN { value - now } else { *value };
    let within = c.within.as_secs_f64();
    Verdict::of(left < within, given.now, left, within, "s")
}

fn trend(c: &Precursor, mut points: Vec<(f64, f64)>, given: &Given<'_>) -> Verdict {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let span = match (points.first(), points.last()) {
        (Some(first), Some(last)) => last.0 - first.0,
        _ => 0.0,
    };
    let is_known = points.len() >= POINTS_MIN && span >= c.window.as_secs_f64() * SPAN_MIN;
    let Some(trend) = theil_sen(&points).filter(|_| is_known) else { return Verdict::new(Holds::Unknown, given.now) };
    let share = trend.last / c.limit;
    let left = match () {
        () if share >= 1.0 => 0.0,
        () if trend.slope > 0.0 && trend.rising >= RISING_MIN => (c.limit - trend.last) / trend.slope,
        () => f64::INFINITY,
    };
    let within = c.within.as_secs_f64();
    let holds = share >= c.min_share && left <= within;
    Verdict::of(holds, given.now, left, within, "s").note("share", value_text(share, "%"))
}
