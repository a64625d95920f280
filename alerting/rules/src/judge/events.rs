//! Rows that are alerts by themselves: SQL, logs, heartbeats, deadlines, absence.

use super::{Given, Holds, Judged, Memory, Verdict, by_series};
use crate::condition::{Absence, Deadline, Heartbeat, LogPattern, Sql};
use crate::state::{Phase, RuleState};
use crate::{Answer, Figure, Labels};
use model::{ContentHash, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Patterns of one service that are known; the longest unseen are forgotten first.
const PATTERNS_MAX: usize = 5_000;
/// A pattern that has not come for so many days is new again.
const PATTERN_DAYS: i32 = 30;
/// How long everything that comes is known, of a new installation and of a service that has just begun to write:
/// nobody has seen its everyday errors yet.
const FIRST_LOOK: Duration = Duration::from_secs(3_600);
/// How long a new pattern is news.
const NEWS: Duration = Duration::from_secs(600);
/// Beats that tell how far apart they are.
const BEATS_MIN: f64 = 4.0;

fn figure(answer: &Answer, row: &Figure, name: &str) -> Option<f64> {
    answer.column(name).and_then(|i| row.values.get(i)).copied().filter(|value| value.is_finite())
}

/// The labels without those that are no part of the identity.
fn without(labels: &Labels, names: &[&str]) -> Arc<Labels> {
    let kept = labels.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    Arc::new(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn unasked() -> Judged {
    Judged { verdicts: Vec::new(), rest: Holds::Unknown }
}

pub(super) fn sql(c: &Sql, given: &Given<'_>) -> Judged {
    let Some(answer) = given.answer("rows") else { return unasked() };
    let mut verdicts = BTreeMap::new();
    for row in answer.rows.iter().take(crate::question::SQL_ROWS_MAX) {
        let value = figure(answer, row, "value").or_else(|| row.values.first().copied()).unwrap_or(f64::NAN);
        let holds = c.above.is_none_or(|above| value > above);
        let verdict = Verdict::of(holds, given.now, value, c.above.unwrap_or(f64::NAN), &c.unit);
        // Of several rows with the same labels, one that holds counts.
        let known = verdicts.entry(Arc::clone(&row.labels)).or_insert_with(|| verdict.clone());
        if known.holds != Holds::Yes {
            *known = verdict;
        }
    }
    Judged { verdicts: verdicts.into_iter().collect(), rest: Holds::No }
}

pub(super) fn log_counts(c: &LogPattern, given: &Given<'_>) -> Judged {
    let Some(answer) = given.answer("rows") else { return unasked() };
    let from = given.now.saturating_sub(c.window);
    let mut verdicts = Vec::new();
    for (labels, rows) in by_series(answer, None) {
        let inside = rows.iter().map(|row| &answer.rows[*row]).filter(|row| row.time >= from);
        let count: f64 = inside.filter_map(|row| figure(answer, row, "value")).sum();
        verdicts.push((Arc::clone(labels), Verdict::of(count > c.above, given.now, count, c.above, "1")));
    }
    Judged { verdicts, rest: Holds::No }
}

pub(super) fn new_patterns(c: &LogPattern, state: &mut RuleState, given: &Given<'_>) -> Judged {
    let today = given.now.day();
    let is_first = !state.head.seeded;
    for name in ["history", "rows"] {
        // At first everything that is there counts as known: only what comes later is new.
        if let Some(answer) = given.answer(name).filter(|_| is_first) {
            for row in &answer.rows {
                remember(state, row, today, given.now);
            }
        }
    }
    if is_first {
        state.head.seeded = true;
        state.head_changed();
        return unasked();
    }
    let Some(answer) = given.answer("rows") else { return unasked() };
    let is_young = state.head.begun.is_none_or(|begun| begun.saturating_add(FIRST_LOOK) > given.now);
    let speakers = given.answer("speakers");
    speakers.into_iter().for_each(|speakers| meet(state, speakers, given.now));
    let mut verdicts = Vec::new();
    for row in answer.rows.iter().take(crate::question::SQL_ROWS_MAX) {
        let service = without(&row.labels, &["pattern"]);
        let began = speakers.and_then(|_| state.series.get(&service)).map(|series| series.first);
        if is_young || began.is_some_and(|began| began.saturating_add(FIRST_LOOK) > given.now) {
            remember(state, row, today, given.now);
            continue;
        }
        let count = figure(answer, row, "value").unwrap_or(0.0);
        let is_news = state.series.get(&row.labels).is_some_and(|series| {
            let begun = match series.phase {
                Phase::Firing { since, .. } | Phase::Pending { since, .. } => Some(since),
                Phase::Inactive => None,
            };
            begun.is_some_and(|since| since.saturating_add(NEWS) > given.now)
        });
        // A pattern that came too seldom to be told stays new.
        let is_new = count > c.above && remember(state, row, today, given.now);
        let first_seen = figure(answer, row, "first_seen").map(|nanos| UnixNanos(nanos as i64));
        if is_new || is_news {
            let verdict = Verdict::of(true, given.now, count, c.above, "1");
            verdicts.push((Arc::clone(&row.labels), Verdict { since: first_seen, ..verdict }));
        }
    }
    Judged { verdicts, rest: Holds::No }
}

/// Notes who writes, and since when.
fn meet(state: &mut RuleState, speakers: &Answer, now: UnixNanos) {
    for row in &speakers.rows {
        let first = figure(speakers, row, "first_seen").map_or(now, |nanos| UnixNanos(nanos as i64));
        let Some(series) = state.entry(&row.labels, first) else { continue };
        series.last = now;
        if !matches!(series.memory, Memory::Patterns(_)) {
            series.memory = Memory::Patterns(BTreeMap::new());
            state.series_changed(&row.labels);
        }
    }
}

/// Writes a pattern down under its service; whether it was new.
fn remember(state: &mut RuleState, row: &Figure, today: i32, now: UnixNanos) -> bool {
    let Some(pattern) = row.labels.get("pattern") else { return false };
    let service = without(&row.labels, &["pattern"]);
    let hash = ContentHash::of_identity(pattern.as_bytes()).to_string()[..16].to_owned();
    let Some(series) = state.entry(&service, now) else { return false };
    series.last = now;
    if !matches!(series.memory, Memory::Patterns(_)) {
        series.memory = Memory::Patterns(BTreeMap::new());
    }
    let Memory::Patterns(known) = &mut series.memory else { return false };
    let before = known.insert(hash, today);
    if known.len() > PATTERNS_MAX
        && let Some(oldest) = known.iter().min_by_key(|(_, day)| **day).map(|(h, _)| h.clone())
    {
        known.remove(&oldest);
    }
    if before != Some(today) {
        state.series_changed(&service);
    }
    before.is_none_or(|day| day + PATTERN_DAYS < today)
}

/// What is known of one job or device.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Beats {
    last: UnixNanos,
    /// Beats so far, and the longest time between two of them, nanoseconds.
    count: f64,
    gap: f64,
    failed: bool,
    text: String,
}

impl Beats {
    /// Takes in the beats of a stretch of time. Stretches may overlap.
    fn take(&mut self, answer: &Answer, row: &Figure) {
        let of = |name: &str| figure(answer, row, name);
        let (Some(first), Some(last)) = (of("first_beat"), of("last_beat")) else { return };
        if last <= self.last.0 as f64 {
            return;
        }
        let since_known = if self.count > 0.0 { first - self.last.0 as f64 } else { 0.0 };
        self.gap = self.gap.max(of("gap_max").unwrap_or(0.0)).max(since_known);
        self.count += of("beats").unwrap_or(1.0);
        self.last = UnixNanos(last as i64);
        self.failed = row.labels.get("status").is_some_and(|status| status == "fail");
        self.text = row.labels.get("text").cloned().unwrap_or_default();
    }

    fn verdict(&self, c: &Heartbeat, now: UnixNanos) -> Verdict {
        let silence = now.0.saturating_sub(self.last.0) as f64;
        let expected = match c.expect {
            Some(expect) => Some(expect.as_nanos() as f64),
            // The longest gap so far, and half of it more: a job that rests at weekends rests longer than usual.
            None => (self.count >= BEATS_MIN).then_some(self.gap * 1.5),
        };
        let allowed = expected.map_or(f64::INFINITY, |expected| expected + c.grace.as_nanos() as f64);
        if silence > allowed {
            let since = UnixNanos(self.last.0.saturating_add(allowed as i64));
            return Verdict { since: Some(since), ..Verdict::of(true, now, silence, allowed, "ns") };
        }
        let verdict =
            Verdict::of(c.failed && self.failed, now, silence, allowed, "ns").note("text", self.text.as_str());
        if verdict.holds == Holds::Yes {
            return Verdict { since: Some(self.last), ..verdict }.note("failed", "true");
        }
        verdict
    }
}

pub(super) fn heartbeats(c: &Heartbeat, state: &mut RuleState, given: &Given<'_>) -> Judged {
    for name in ["history", "rows"] {
        let Some(answer) = given.answer(name) else { continue };
        for row in &answer.rows {
            // The sender of a beat may change; the job is the same.
            let labels = without(&row.labels, &["status", "text", "service"]);
            let Some(series) = state.entry(&labels, given.now) else { continue };
            series.last = given.now;
            if !matches!(series.memory, Memory::Beats(_)) {
                series.memory = Memory::Beats(Beats::default());
            }
            if let Memory::Beats(beats) = &mut series.memory {
                beats.take(answer, row);
            }
        }
    }
    if !state.head.seeded {
        state.head.seeded = true;
        state.head_changed();
    }
    let mut verdicts = Vec::new();
    for (labels, series) in &state.series {
        if let Memory::Beats(beats) = &series.memory {
            verdicts.push((Arc::clone(labels), beats.verdict(c, given.now)));
        }
    }
    Judged { verdicts, rest: Holds::Unknown }
}

pub(super) fn deadlines(c: &Deadline, given: &Given<'_>) -> Judged {
    let Some(answer) = given.answer("rows") else { return unasked() };
    let mut verdicts = Vec::new();
    for row in &answer.rows {
        let count = figure(answer, row, "value").unwrap_or(0.0);
        let labels = without(&row.labels, &["example"]);
        let verdict = Verdict::of(count > c.above, given.now, count, c.above, "1");
        let example = row.labels.get("example").map_or("", String::as_str);
        verdicts.push((labels, verdict.note("example", example)));
    }
    Judged { verdicts, rest: Holds::No }
}

pub(super) fn absence(c: &Absence, state: &mut RuleState, given: &Given<'_>) -> Judged {
    for name in ["history", "rows"] {
        let Some(answer) = given.answer(name) else { continue };
        for row in &answer.rows {
            let last = figure(answer, row, "last_seen").map_or(row.time, |nanos| UnixNanos(nanos as i64));
            let Some(series) = state.entry(&row.labels, given.now) else { continue };
            let known = if let Memory::Seen(known) = series.memory { known } else { UnixNanos(i64::MIN) };
            series.memory = Memory::Seen(known.max(last));
            series.last = given.now;
        }
    }
    if !state.head.seeded {
        state.head.seeded = true;
        state.head_changed();
    }
    let Some(senders) = given.answer("senders") else { return unasked() };
    let everything = Arc::new(Labels::new());
    let newest = state.series.values().filter_map(seen).max();
    let Some(newest) = newest else { return unasked() };
    if senders.rows.is_empty() && newest.saturating_add(c.after) < given.now {
        // Not every service is gone: nothing at all comes in. One alert says so, the others wait.
        let verdict = Verdict { since: Some(newest), ..silence(newest, c, given) };
        return Judged { verdicts: vec![(everything, verdict.note("absence", "no_data"))], rest: Holds::Unknown };
    }
    let mut verdicts = vec![(Arc::clone(&everything), Verdict::of(false, given.now, 0.0, f64::NAN, "ns"))];
    for (labels, series) in &state.series {
        let Some(last) = seen(series) else { continue };
        if last.saturating_add(c.remember) < given.now {
            // Forgotten: it was taken away for good.
            verdicts.push((Arc::clone(labels), Verdict::of(false, given.now, f64::NAN, f64::NAN, "ns")));
            continue;
        }
        let service = labels.get("service");
        let is_sending = senders.rows.iter().any(|row| row.labels.get("service") == service);
        let verdict = silence(last, c, given).note("absence", if is_sending { "no_calls" } else { "silent" });
        verdicts.push((Arc::clone(labels), verdict));
    }
    Judged { verdicts, rest: Holds::No }
}

fn seen(series: &crate::state::Series) -> Option<UnixNanos> {
    if let Memory::Seen(at) = series.memory { Some(at) } else { None }
}

fn silence(last: UnixNanos, c: &Absence, given: &Given<'_>) -> Verdict {
    let silent = given.now.0.saturating_sub(last.0) as f64;
    let allowed = c.after.as_nanos() as f64;
    Verdict { since: Some(last), ..Verdict::of(silent > allowed, given.now, silent, allowed, "ns") }
}
