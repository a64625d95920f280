//! Calls against fixed bounds, and error budgets.

use super::{Given, Holds, Judged, Verdict, by_series};
use crate::condition::{Burn, Measure, Red, Slo};
use crate::question::red_bucket;
use crate::robust::wilson_lower;
use crate::units::{duration_text, value_text};
use crate::watermark::floor_to;
use crate::{Answer, Rule};
use model::UnixNanos;
use std::sync::Arc;

/// What was counted in one window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    calls: f64,
    errors: f64,
    /// Sum of quantiles, weighted by calls, and the weight.
    latency: f64,
    timed: f64,
}

struct Columns {
    calls: Option<usize>,
    errors: Option<usize>,
    latency: Option<usize>,
}

impl Columns {
    fn of(answer: &Answer, measure: Measure) -> Self {
        let latency = match measure {
            Measure::LatencyP50 => "p50_ns",
            Measure::LatencyP95 => "p95_ns",
            _ => "p99_ns",
        };
        Self { calls: answer.column("calls"), errors: answer.column("errors"), latency: answer.column(latency) }
    }
}

impl Window {
    fn add(&mut self, values: &[f64], columns: &Columns) {
        let at = |column: Option<usize>| column.and_then(|c| values.get(c)).copied().filter(|v| v.is_finite());
        let calls = at(columns.calls).unwrap_or(0.0);
        self.calls += calls;
        self.errors += at(columns.errors).unwrap_or(0.0);
        if let Some(latency) = at(columns.latency) {
            self.latency += latency * calls;
            self.timed += calls;
        }
    }
}

pub(super) fn red(rule: &Rule, c: &Red, given: &Given<'_>) -> Judged {
    // Calls and errors that are not there are none; other measures are unknown without data.
    let rest = if matches!(c.measure, Measure::Calls | Measure::Errors) { Holds::No } else { Holds::Unknown };
    let Some(answer) = given.answer("calls") else { return Judged { verdicts: Vec::new(), rest: Holds::Unknown } };
    let columns = Columns::of(answer, c.measure);
    let width = red_bucket(c);
    let mut verdicts = Vec::new();
    for (labels, rows) in by_series(answer, Some(rule)) {
        let service = labels.get("service").map_or("", String::as_str);
        let closed_until = floor_to(given.watermark.of(service, given.now), width);
        let window = |until: UnixNanos| {
            let from = UnixNanos(until.0 - whole(c, width));
            let mut window = Window::default();
            let inside = rows.iter().map(|row| &answer.rows[*row]).filter(|row| row.time >= from && row.time < until);
            inside.for_each(|row| window.add(&row.values, &columns));
            window
        };
        let closed = of_window(c, &window(closed_until), || earlier(c, width, closed_until, &window), closed_until);
        let open_until = UnixNanos(floor_to(given.now, width).0 + width);
        let can_fire_open = c.measure != Measure::TrafficDrop && closed.holds != Holds::Yes;
        let open = can_fire_open.then(|| of_window(c, &window(open_until), || f64::NAN, given.now));
        verdicts.push((
            Arc::clone(labels),
            match open {
                Some(open) if open.holds == Holds::Yes => Verdict { closed: false, ..open },
                _ => closed,
            },
        ));
    }
    Judged { verdicts, rest }
}

fn whole(c: &Red, width: i64) -> i64 {
    i64::try_from(c.window.as_nanos()).unwrap_or(i64::MAX).div_euclid(width).max(1) * width
}

/// Calls of a window on average over the ten windows before; NaN when there were none in most of them.
fn earlier(c: &Red, width: i64, until: UnixNanos, window: &impl Fn(UnixNanos) -> Window) -> f64 {
    let counts: Vec<f64> = (1..=10).map(|back| window(UnixNanos(until.0 - back * whole(c, width))).calls).collect();
    let busy = counts.iter().filter(|calls| **calls > 0.0).count();
    if busy >= 8 { counts.iter().sum::<f64>() / 10.0 } else { f64::NAN }
}

fn of_window(c: &Red, window: &Window, earlier: impl Fn() -> f64, at: UnixNanos) -> Verdict {
    let unit = c.measure.unit();
    let enough = window.calls >= c.min_calls.max(1.0);
    let verdict = |holds, value| Verdict::of(holds, at, value, c.above, unit);
    let unknown = || Verdict { holds: Holds::Unknown, ..verdict(false, f64::NAN) };
    match c.measure {
        Measure::Calls => verdict(window.calls > c.above, window.calls),
        Measure::Errors => verdict(window.errors > c.above, window.errors),
        Measure::ErrorRate => {
            let share = window.errors / window.calls;
            match enough {
                // Above the bound beyond chance: 1 of 2, and 2 of 20, page nobody.
                true => verdict(share > c.above && wilson_lower(window.errors, window.calls) > c.above, share),
                // Too few to accuse, but few good ones are enough to acquit.
                false if window.calls > 0.0 && window.errors == 0.0 => verdict(false, 0.0),
                false => unknown(),
            }
        }
        Measure::TrafficDrop => {
            let usual = earlier();
            match usual >= c.min_calls.max(1.0) {
                true => {
                    let drop = (1.0 - window.calls / usual).max(0.0);
                    verdict(drop > c.above, drop).note("usual", value_text(usual, "1"))
                }
                false => unknown(),
            }
        }
        _ if enough && window.timed > 0.0 => {
            let latency = window.latency / window.timed;
            verdict(latency > c.above, latency)
        }
        _ => unknown(),
    }
}

pub(super) fn slo(rule: &Rule, c: &Slo, given: &Given<'_>) -> Judged {
    let Some(answer) = given.answer("rows") else { return Judged { verdicts: Vec::new(), rest: Holds::Unknown } };
    let mut verdicts = Vec::new();
    for (labels, rows) in by_series(answer, Some(rule)) {
        let values = &answer.rows[rows[0]].values;
        verdicts.push((Arc::clone(labels), burning(c, answer, values, given.now)));
    }
    Judged { verdicts, rest: Holds::Unknown }
}

/// The worst pair of windows that burns, or that nothing does.
fn burning(c: &Slo, answer: &Answer, values: &[f64], now: UnixNanos) -> Verdict {
    let budget = 1.0 - c.objective;
    let figure = |name: String| answer.column(&name).and_then(|i| values.get(i)).copied().filter(|v| v.is_finite());
    let rate = |window: &str, index: usize| {
        let calls = figure(format!("{window}{index}_calls")).unwrap_or(0.0);
        let bad = figure(format!("{window}{index}_bad")).unwrap_or(0.0);
        (bad / calls.max(1.0) / budget, calls)
    };
    let mut judged_any = false;
    let mut worst: Option<(f64, &Burn)> = None;
    let mut calm = 0.0f64;
    for (index, burn) in c.burn.iter().enumerate() {
        let ((long, _), (short, short_calls)) = (rate("long", index), rate("short", index));
        if short_calls < c.min_calls {
            continue;
        }
        judged_any = true;
        calm = calm.max(short);
        if long > burn.rate && short > burn.rate && worst.is_none_or(|(rate, _)| long > rate) {
            worst = Some((long, burn));
        }
    }
    let objective = value_text(c.objective, "%");
    match worst {
        Some((rate, burn)) => {
            let window = format!(
                "{}/{}",
                duration_text(burn.long.as_nanos() as f64),
                duration_text(burn.short.as_nanos() as f64)
            );
            let verdict =
                Verdict::of(true, now, rate, burn.rate, "1").note("objective", objective).note("window", window);
            Verdict { severity: burn.severity, ..verdict }
        }
        None if judged_any => Verdict::of(false, now, calm, 1.0, "1").note("objective", objective),
        None => Verdict::new(Holds::Unknown, now),
    }
}
