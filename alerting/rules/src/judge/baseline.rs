//! Calls against what is usual for the series itself.
//!
//! Evidence adds up: each sample says how much likelier "something is wrong" is than "all is as usual", and the
//! sum (never below nothing) must pass a bound. What is drastic passes in two buckets, what is slight takes
//! longer, and what is chance drains away. No single sample can pass it alone. Volume is in the arithmetic: one
//! error of two calls weighs little whatever its share.

use super::{Given, Holds, Judged, Memory, Verdict, by_series};
use crate::condition::{Baseline, Measure, Sensitivity};
use crate::learned::{Level, Share};
use crate::state::{Phase, RuleState};
use crate::units::value_text;
use crate::watermark::floor_to;
use crate::{Answer, Labels, Rule};
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Evidence that makes an alert.
const BOUND: f64 = 12.0;
/// More than this is not kept, so that the end is seen in time.
const EVIDENCE_MAX: f64 = BOUND + 4.0;
/// What one sample can say at most: two are needed.
const SAMPLE_MAX: f64 = BOUND / 2.0;
/// Above this nothing is learned.
const FROZEN: f64 = BOUND * 0.25;
/// Suspicion that does not come true within this time was the new usual.
const SUSPICION_MAX: Duration = Duration::from_secs(3_600);
/// Latencies and traffic that stay different for so long are the new usual.
const ADOPTED_AFTER: Duration = Duration::from_secs(86_400);
/// Learned seconds before latencies are judged, and before a drop is.
const WARM_S: f64 = 300.0;
const WARM_DROP_S: f64 = 600.0;
/// Calls that make a sample; fewer wait for the next bucket, up to a minute (or two, of traffic).
const SAMPLE_CALLS: f64 = 20.0;
const SAMPLE_S: f64 = 60.0;
const DROP_SAMPLE_S: f64 = 120.0;
/// Buckets in the past that are still judged after a pause.
const CATCH_UP_BUCKETS: i64 = 90;

/// Counts of one or more buckets.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Sums {
    seconds: f64,
    calls: f64,
    errors: f64,
    /// Sum over calls of the logarithm of the quantile, and how many calls had one.
    logs: f64,
    timed: f64,
    /// Sum of what was expected: calls of usual traffic, or log-latency times calls, or errors.
    usual: f64,
}

impl Sums {
    fn plus(&self, other: &Sums) -> Sums {
        Sums {
            seconds: self.seconds + other.seconds,
            calls: self.calls + other.calls,
            errors: self.errors + other.errors,
            logs: self.logs + other.logs,
            timed: self.timed + other.timed,
            usual: self.usual + other.usual,
        }
    }

    fn scaled(&self, by: f64) -> Sums {
        Sums {
            seconds: self.seconds * by,
            calls: self.calls * by,
            errors: self.errors * by,
            logs: self.logs * by,
            timed: self.timed * by,
            usual: self.usual * by,
        }
    }
}

/// What one series remembers.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Watcher {
    /// Of latencies and traffic.
    level: Level,
    /// Of errors.
    share: Share,
    /// Everything before is judged.
    until: UnixNanos,
    evidence: f64,
    /// When the evidence left zero, and what was counted since.
    since: Option<UnixNanos>,
    run: Sums,
    /// The sample under way.
    sample: Sums,
    /// What was not learned because it was suspect; learned when the suspicion does not come true.
    held: Sums,
    /// The last minute, fading.
    near: Sums,
    /// Share of samples that had calls.
    presence: f64,
    samples: f64,
    /// It is held to be wrong, since when.
    active: Option<UnixNanos>,
    /// Judged calls since the last verdict.
    #[serde(skip)]
    heard: f64,
}

/// How much it takes, by measure.
#[derive(Clone, Copy, Debug)]
struct Tuning {
    measure: Measure,
    /// Extra share of errors that is looked for.
    errors: f64,
    /// Factor by which latency must grow, and by how many nanoseconds at least.
    ratio: f64,
    excess_ns: f64,
    /// Share of the usual traffic that must be left at most, and for how long it must be so.
    left: f64,
    drop_for: Duration,
}

impl Tuning {
    fn of(c: &Baseline) -> Self {
        let (errors, ratio, excess_ns, left, seconds) = match c.sensitivity {
            Sensitivity::Low => (0.10, 2.5, 100e6, 0.2, 180),
            Sensitivity::Medium => (0.05, 1.6, 20e6, 0.4, 60),
            Sensitivity::High => (0.02, 1.3, 5e6, 0.6, 30),
        };
        Self { measure: c.measure, errors, ratio, excess_ns, left, drop_for: Duration::from_secs(seconds) }
    }
}

/// What a sample says.
#[derive(Clone, Copy, Debug)]
struct Assessment {
    /// Evidence of the sample.
    weight: f64,
    /// What was expected of it.
    usual: f64,
}

impl Watcher {
    pub(crate) fn is_warming_up(&self) -> bool {
        self.level.seconds().max(self.share.seconds()) < WARM_S
    }

    fn spread_min(measure: Measure) -> f64 {
        match measure {
            Measure::TrafficDrop => 0.12,
            _ => 0.10,
        }
    }

    fn is_full(&self, sample: &Sums, tuning: &Tuning, at: UnixNanos) -> bool {
        match tuning.measure {
            Measure::TrafficDrop => {
                self.expected_calls(sample, at) >= SAMPLE_CALLS * 1.5 || sample.seconds >= DROP_SAMPLE_S
            }
            _ => sample.calls >= SAMPLE_CALLS || sample.seconds >= SAMPLE_S,
        }
    }

    fn expected_calls(&self, sample: &Sums, at: UnixNanos) -> f64 {
        if self.level.seconds() == 0.0 {
            return 0.0;
        }
        self.level.lowest(at).exp() * sample.seconds
    }

    fn assess(&self, sample: &Sums, tuning: &Tuning, at: UnixNanos) -> Option<Assessment> {
        match tuning.measure {
            Measure::ErrorRate => self.assess_errors(sample, tuning, at),
            Measure::TrafficDrop => self.assess_traffic(sample, tuning, at),
            _ => self.assess_latency(sample, tuning, at),
        }
    }

    /// Usual and looked-for share of errors.
    fn shares(&self, tuning: &Tuning, at: UnixNanos) -> (f64, f64) {
        let usual = self.share.highest(at).clamp(0.001, 0.6);
        (usual, (usual * 3.0).max(usual + tuning.errors).min(usual + (1.0 - usual) * 0.6))
    }

    fn assess_errors(&self, sample: &Sums, tuning: &Tuning, at: UnixNanos) -> Option<Assessment> {
        if sample.calls < 1.0 {
            return None;
        }
        let (usual, wrong) = self.shares(tuning, at);
        let errors = sample.errors.min(sample.calls);
        let weight = errors * (wrong / usual).ln() + (sample.calls - errors) * ((1.0 - wrong) / (1.0 - usual)).ln();
        Some(Assessment { weight, usual: usual * sample.calls })
    }

    fn assess_latency(&self, sample: &Sums, tuning: &Tuning, at: UnixNanos) -> Option<Assessment> {
        if sample.timed < 5.0 || self.level.seconds() < WARM_S {
            return None;
        }
        let (log, usual) = (sample.logs / sample.timed, self.level.highest(at));
        let surprise = (log - usual) / self.level.sigma(Self::spread_min(tuning.measure));
        // Slow by a factor that nobody feels is no evidence, however unusual.
        let is_felt = log - usual >= tuning.ratio.ln() * 0.7 && log.exp() - usual.exp() >= tuning.excess_ns * 0.7;
        let weight = if is_felt { (surprise - 2.5).min(4.0) * if surprise > 8.0 { 1.5 } else { 1.0 } } else { -3.0 };
        Some(Assessment { weight, usual: usual * sample.timed })
    }

    fn assess_traffic(&self, sample: &Sums, tuning: &Tuning, at: UnixNanos) -> Option<Assessment> {
        let expected = self.expected_calls(sample, at);
        if expected < SAMPLE_CALLS * 0.75 {
            return None;
        }
        // Traffic varies more than chance alone: what is known of it takes weight from the evidence.
        let sigma = self.level.sigma(Self::spread_min(tuning.measure));
        let variance = 1.0 + expected * sigma * sigma;
        let left = tuning.left * 0.75;
        let weight = (sample.calls * left.ln() + expected * (1.0 - left)) / variance;
        Some(Assessment { weight, usual: expected })
    }

    /// Whether what was counted since the evidence began is bad enough to be told.
    fn matters(&self, run: &Sums, tuning: &Tuning, at: UnixNanos) -> bool {
        let lasted = self.since.map_or(0, |since| at.0.saturating_sub(since.0));
        match tuning.measure {
            Measure::ErrorRate => {
                let (usual, wrong) = self.shares(tuning, at);
                run.errors >= 5.0 && run.calls >= 8.0 && run.errors / run.calls >= usual + (wrong - usual) * 0.5
            }
            Measure::TrafficDrop => {
                self.level.seconds() >= WARM_DROP_S
                    && self.presence >= 0.95
                    && i128::from(lasted) >= tuning.drop_for.as_nanos() as i128
                    && run.calls <= run.usual * tuning.left
            }
            _ => {
                let (log, usual) = (run.logs / run.timed.max(1.0), run.usual / run.timed.max(1.0));
                log - usual >= tuning.ratio.ln() && log.exp() - usual.exp() >= tuning.excess_ns
            }
        }
    }

    fn is_over(&self, tuning: &Tuning, at: UnixNanos) -> bool {
        let is_quiet = tuning.measure == Measure::ErrorRate && self.near.calls >= 3.0 && {
            let (usual, wrong) = self.shares(tuning, at);
            self.near.errors / self.near.calls < usual + (wrong - usual) * 0.25
        };
        self.evidence <= 0.0 || is_quiet
    }

    /// Takes in one closed bucket that ends at `at`.
    fn take(&mut self, bucket: &Sums, tuning: &Tuning, at: UnixNanos) {
        self.heard += bucket.calls;
        let fade = 0.5f64.powf(bucket.seconds / 30.0);
        self.near = self.near.scaled(fade).plus(bucket);
        self.sample = self.sample.plus(bucket);
        if !self.is_full(&self.sample, tuning, at) {
            return;
        }
        let sample = std::mem::take(&mut self.sample);
        let assessment = self.assess(&sample, tuning, at);
        if let Some(Assessment { weight, usual }) = assessment {
            self.weigh(weight.clamp(-SAMPLE_MAX, SAMPLE_MAX), &Sums { usual, ..sample }, at);
        }
        self.decide(tuning, at);
        self.learn(&sample, tuning, at);
    }

    fn weigh(&mut self, weight: f64, sample: &Sums, at: UnixNanos) {
        self.evidence = (self.evidence + weight).clamp(0.0, EVIDENCE_MAX);
        if self.evidence == 0.0 {
            (self.since, self.run) = (None, Sums::default());
            return;
        }
        let begun = UnixNanos(at.0 - (sample.seconds * 1e9) as i64);
        self.since.get_or_insert(begun);
        // A long run is told by its latest minutes.
        let fade = if self.run.seconds > 300.0 { 0.9 } else { 1.0 };
        self.run = self.run.scaled(fade).plus(sample);
    }

    fn decide(&mut self, tuning: &Tuning, at: UnixNanos) {
        match self.active {
            None if self.evidence >= BOUND && self.matters(&self.run, tuning, at) => {
                self.active = Some(self.since.unwrap_or(at));
            }
            Some(_) if self.is_over(tuning, at) => {
                self.active = None;
                (self.evidence, self.since, self.run) = (0.0, None, Sums::default());
            }
            _ => {}
        }
        let is_old = |since: UnixNanos| since.saturating_add(SUSPICION_MAX) < at;
        if self.active.is_none() && self.since.is_some_and(is_old) {
            (self.evidence, self.since, self.run) = (0.0, None, Sums::default());
        }
    }

    fn learn(&mut self, sample: &Sums, tuning: &Tuning, at: UnixNanos) {
        let is_adopted = tuning.measure != Measure::ErrorRate
            && self.active.is_some_and(|since| since.saturating_add(ADOPTED_AFTER) < at);
        if self.active.is_some() && !is_adopted {
            self.held = Sums::default();
            self.level.close_hours(at);
            self.share.close_hours(at);
            return;
        }
        if self.evidence > FROZEN && !is_adopted {
            self.held = self.held.plus(sample);
            return;
        }
        // Mere chance must be learned as well: leaving out what looks bad would make the usual too good.
        let sample = sample.plus(&std::mem::take(&mut self.held));
        if tuning.measure == Measure::ErrorRate {
            self.share.learn(sample.errors, sample.calls, at, sample.seconds);
            return;
        }
        let value = match tuning.measure {
            Measure::TrafficDrop => ((sample.calls + 0.5) / sample.seconds.max(1.0)).ln(),
            _ if sample.timed >= 5.0 => sample.logs / sample.timed,
            _ => f64::NAN,
        };
        if value.is_finite() {
            let rate = (1.0 / (self.samples + 1.0)).max(0.01);
            self.presence += rate * (f64::from(u8::from(sample.calls > 0.0)) - self.presence);
            self.samples += 1.0;
        }
        self.level.learn(value, at, sample.seconds, Self::spread_min(tuning.measure));
    }

    /// Whether the bucket under way would make it an alert by itself.
    fn would_fire(&self, open: &Sums, tuning: &Tuning, at: UnixNanos) -> Option<Sums> {
        if tuning.measure == Measure::TrafficDrop || self.active.is_some() {
            return None;
        }
        let sample = self.sample.plus(open);
        if !self.is_full(&sample, tuning, at) {
            return None;
        }
        let Assessment { weight, usual } = self.assess(&sample, tuning, at)?;
        let run = self.run.plus(&Sums { usual, ..sample });
        (self.evidence + weight.min(SAMPLE_MAX) >= BOUND && self.matters(&run, tuning, at)).then_some(run)
    }

    fn told(&self, run: &Sums, tuning: &Tuning, at: UnixNanos) -> (f64, f64, f64) {
        match tuning.measure {
            Measure::ErrorRate => {
                let (usual, wrong) = self.shares(tuning, at);
                (run.errors / run.calls.max(1.0), usual + (wrong - usual) * 0.5, usual)
            }
            Measure::TrafficDrop => {
                let drop = (1.0 - run.calls / run.usual.max(1e-9)).clamp(0.0, 1.0);
                (drop, 1.0 - tuning.left, run.usual / run.seconds.max(1.0))
            }
            _ => {
                let (log, usual) = (run.logs / run.timed.max(1.0), run.usual / run.timed.max(1.0));
                (log.exp(), (usual.exp() * tuning.ratio).max(usual.exp() + tuning.excess_ns), usual.exp())
            }
        }
    }

    fn verdict(&mut self, open: &Sums, tuning: &Tuning, closed: UnixNanos, now: UnixNanos) -> Verdict {
        let heard = std::mem::take(&mut self.heard);
        let (holds, run, at, is_closed) = match (self.active, self.would_fire(open, tuning, now)) {
            (Some(_), _) if heard == 0.0 && open.calls == 0.0 && tuning.measure != Measure::TrafficDrop => {
                (Holds::Unknown, self.run, closed, true)
            }
            (Some(_), _) => (Holds::Yes, self.run, closed, true),
            (None, Some(run)) => (Holds::Yes, run, now, false),
            (None, None) => (Holds::No, self.run, closed, true),
        };
        let (value, threshold, usual) = self.told(&run, tuning, now);
        let since = self.active.or(self.since);
        let unit = tuning.measure.unit();
        let usual = if unit == "%" && tuning.measure == Measure::TrafficDrop {
            format!("{}/s", value_text(usual, "1"))
        } else {
            value_text(usual, unit)
        };
        let verdict = Verdict { holds, closed: is_closed, since, ..Verdict::of(false, at, value, threshold, unit) };
        verdict.note("usual", usual)
    }
}

/// Where the figures are in a row.
struct Columns {
    calls: Option<usize>,
    errors: Option<usize>,
    latency: Option<usize>,
    width: i64,
}

impl Columns {
    fn of(answer: &Answer, c: &Baseline) -> Self {
        let latency = match c.measure {
            Measure::LatencyP50 => "p50_ns",
            Measure::LatencyP99 => "p99_ns",
            _ => "p95_ns",
        };
        Self {
            calls: answer.column("calls"),
            errors: answer.column("errors"),
            latency: answer.column(latency),
            width: c.by.bucket_ns(),
        }
    }

    fn empty(&self) -> Sums {
        Sums { seconds: self.width as f64 / 1e9, ..Sums::default() }
    }

    fn sums(&self, values: &[f64]) -> Sums {
        let at = |column: Option<usize>| column.and_then(|c| values.get(c)).copied().filter(|v| v.is_finite());
        let calls = at(self.calls).unwrap_or(0.0).max(0.0);
        let latency = at(self.latency).filter(|latency| *latency > 0.0);
        Sums {
            calls,
            errors: at(self.errors).unwrap_or(0.0).max(0.0),
            logs: latency.map_or(0.0, |latency| latency.ln() * calls),
            timed: latency.map_or(0.0, |_| calls),
            ..self.empty()
        }
    }
}

pub(super) fn judge(rule: &Rule, c: &Baseline, state: &mut RuleState, given: &Given<'_>) -> Judged {
    if !state.head.seeded
        && let Some(history) = given.answer("history")
    {
        seed(rule, c, state, history, given.now);
        state.head.seeded = true;
        state.head_changed();
    }
    let Some(answer) = given.answer("calls") else { return Judged { verdicts: Vec::new(), rest: Holds::Unknown } };
    // When nobody sends anything it is the pipeline that is silent, not every service at once.
    if given.watermark.is_deaf(given.now) && c.measure == Measure::TrafficDrop {
        return Judged { verdicts: Vec::new(), rest: Holds::Unknown };
    }
    let columns = Columns::of(answer, c);
    let tuning = Tuning::of(c);
    let rows = by_series(answer, Some(rule));
    let mut verdicts = Vec::new();
    for (labels, rows) in &rows {
        let Some(series) = state.entry(labels, given.now) else { continue };
        series.last = given.now;
        let Some(watcher) = watcher_of(&mut series.memory) else { continue };
        let buckets: Vec<(UnixNanos, Sums)> =
            rows.iter().map(|row| (answer.rows[*row].time, columns.sums(&answer.rows[*row].values))).collect();
        verdicts.push((Arc::clone(labels), follow(watcher, labels, &buckets, &columns, &tuning, given)));
    }
    if c.measure == Measure::TrafficDrop {
        let silent: Vec<Arc<Labels>> =
            state.series.keys().filter(|labels| !rows.contains_key(labels)).cloned().collect();
        for labels in silent {
            let Some(series) = state.series.get_mut(&labels) else { continue };
            let is_firing = matches!(series.phase, Phase::Firing { .. });
            // What has been silent for an hour without an alert is not waited for.
            if !is_firing && series.last.saturating_add(SUSPICION_MAX) < given.now {
                continue;
            }
            let Some(watcher) = watcher_of(&mut series.memory) else { continue };
            let verdict = follow(watcher, &labels, &[], &columns, &tuning, given);
            verdicts.push((labels, verdict));
        }
    }
    Judged { verdicts, rest: Holds::Unknown }
}

/// The watcher of a series; what other kinds of rules remembered there is dropped.
fn watcher_of(memory: &mut Memory) -> Option<&mut Watcher> {
    if !matches!(memory, Memory::Baseline(_)) {
        *memory = Memory::Baseline(Box::default());
    }
    match memory {
        Memory::Baseline(watcher) => Some(watcher),
        _ => None,
    }
}

/// Takes in the closed buckets that are new, looks at the open ones, and gives the verdict.
fn follow(
    watcher: &mut Watcher,
    labels: &Labels,
    buckets: &[(UnixNanos, Sums)],
    columns: &Columns,
    tuning: &Tuning,
    given: &Given<'_>,
) -> Verdict {
    let width = columns.width;
    let service = labels.get("service").map_or("", String::as_str);
    let closed = floor_to(given.watermark.of(service, given.now), width);
    let first = buckets.iter().map(|(time, _)| time.0).min().unwrap_or(closed.0);
    let from = match watcher.until.0 {
        0 => first,
        until => until.max(closed.0 - CATCH_UP_BUCKETS * width),
    };
    let sums_at = |time: i64| {
        let mut sums = columns.empty();
        for (_, bucket) in buckets.iter().filter(|(at, _)| at.0 == time) {
            sums = sums.plus(&Sums { seconds: 0.0, ..*bucket });
        }
        sums
    };
    let mut time = floor_to(UnixNanos(from), width).0;
    while time < closed.0 {
        watcher.take(&sums_at(time), tuning, UnixNanos(time + width));
        time += width;
    }
    watcher.until = UnixNanos(watcher.until.0.max(closed.0));
    let mut open = Sums::default();
    for (_, bucket) in buckets.iter().filter(|(at, _)| *at >= watcher.until) {
        open = open.plus(bucket);
    }
    watcher.verdict(&open, tuning, watcher.until, given.now)
}

/// Learns from the hours before the rule came.
fn seed(rule: &Rule, c: &Baseline, state: &mut RuleState, history: &Answer, now: UnixNanos) {
    let columns = Columns::of(history, c);
    for (labels, mut rows) in by_series(history, Some(rule)) {
        rows.sort_by_key(|row| history.rows[*row].time);
        let Some(series) = state.entry(labels, now) else { continue };
        let Some(watcher) = watcher_of(&mut series.memory) else { continue };
        if !watcher.is_warming_up() {
            continue;
        }
        for row in rows {
            let row = &history.rows[row];
            let sums = columns.sums(&row.values);
            let value = match c.measure {
                Measure::ErrorRate => {
                    watcher.share.learn_hour(sums.errors.min(sums.calls), sums.calls, row.time);
                    continue;
                }
                Measure::TrafficDrop => (sums.calls / 3_600.0).max(1e-6).ln(),
                _ if sums.timed >= 20.0 => sums.logs / sums.timed,
                _ => f64::NAN,
            };
            watcher.level.learn_hour(value, row.time);
        }
    }
}
