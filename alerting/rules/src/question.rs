//! What a rule needs to know, as descriptions: the text of a query, and what it means.

use crate::condition::{Aggregate, By, Condition};
use crate::watermark::{floor, floor_to};
use crate::{Rule, RuleState, sql};
use model::UnixNanos;
use std::time::Duration;

/// Rows of one answer about calls, metrics or logs.
const ROWS_MAX: usize = 200_000;
/// Rows of one answer of an SQL rule: each would be an alert.
pub(crate) const SQL_ROWS_MAX: usize = 1_000;
const FORECAST_ROWS_MAX: usize = 500_000;
/// Late data of the last buckets is read again and again for so long.
const LATE: Duration = Duration::from_secs(70);
/// What a rule catches up with after it was not judged for a while.
const CATCH_UP_MAX: Duration = Duration::from_secs(900);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Which data a question reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    Calls,
    Metrics,
    Logs,
    Events,
    /// Whatever the author of an SQL rule reads.
    Any,
}

/// What a question means, for those who answer it without SQL (tests).
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    /// The newest bucket of each service.
    Newest,
    /// Values calls, errors, p50_ns, p95_ns, p99_ns by bucket of time.
    Calls { by: By, bucket_ns: i64 },
    /// Values `value` and, with a second metric, `of`, by bucket of time.
    Metric { metric: String, of: Option<String>, bucket_ns: i64 },
    /// Count `value` of log records by bucket of time.
    Logs { bucket_ns: i64 },
    /// Anything else: only the SQL says it.
    Rows,
}

/// One query to be run for a rule. Questions of different rules with equal `sql` have equal answers.
#[derive(Clone, PartialEq, Debug)]
pub struct Question {
    /// Its key in [`crate::Answers`].
    pub name: &'static str,
    pub sql: String,
    pub stream: Stream,
    pub from: UnixNanos,
    pub until: UnixNanos,
    /// More rows are cut by the one who runs it, and the answer says `complete: false`.
    pub rows_max: usize,
    pub ask: Ask,
}

/// What a rule needs to be judged at `now`. Empty for rules that others judge (`anomaly`).
pub fn questions(rule: &Rule, state: &RuleState, now: UnixNanos) -> Vec<Question> {
    let range = Range { first: now, now, last: state.head.evaluated };
    let mut questions = Vec::new();
    if !state.head.seeded {
        questions.extend(history(rule, now));
    }
    questions.extend(current(rule, &range));
    questions
}

/// Whether the answers are rows by time, of which any later moment reads a part: the past can be replayed
/// from one long answer.
pub(crate) fn is_bucketed(rule: &Rule) -> bool {
    match &rule.condition {
        Condition::Red(_) | Condition::Baseline(_) | Condition::Precursor(_) => true,
        Condition::LogPattern(log) => !log.new,
        Condition::Threshold(threshold) => threshold.aggregate != Aggregate::Increase,
        _ => false,
    }
}

/// The question whose answer serves every moment of a stretch of the past; of bucketed rules only.
pub(crate) fn stretch(rule: &Rule, first: UnixNanos, last: UnixNanos) -> Vec<Question> {
    current(rule, &Range { first, now: last, last: Some(first) })
}

/// The moments that are to be judged: one, or a stretch of the past.
struct Range {
    first: UnixNanos,
    now: UnixNanos,
    last: Option<UnixNanos>,
}

impl Range {
    /// From what has not been judged yet, less `more`, to now.
    fn since_last(&self, more: Duration) -> (UnixNanos, UnixNanos) {
        let oldest = self.first.saturating_sub(CATCH_UP_MAX);
        let last = self.last.unwrap_or(self.first).min(self.first).max(oldest);
        (floor(last.saturating_sub(LATE + more)), UnixNanos(floor(self.now).0 + 10_000_000_000))
    }
}

fn current(rule: &Rule, range: &Range) -> Vec<Question> {
    let (first, now) = (range.first, range.now);
    match &rule.condition {
        Condition::Baseline(c) => {
            // Edges come by the minute.
            let more = Duration::from_nanos(c.by.bucket_ns().unsigned_abs() * 2);
            vec![calls(rule, c.by, c.by.bucket_ns(), range.since_last(more), "calls")]
        }
        Condition::Red(c) => {
            let width = red_bucket(c);
            let windows = if c.measure == crate::Measure::TrafficDrop { 11 } else { 1 };
            let from = floor_to(first.saturating_sub(c.window * windows + LATE), width);
            vec![calls(rule, c.by, width, (from, UnixNanos(floor(now).0 + 10_000_000_000)), "calls")]
        }
        Condition::Slo(c) => {
            let from = now.saturating_sub(c.longest());
            vec![rows(sql::slo(rule, c, now), Stream::Calls, from, now, ROWS_MAX)]
        }
        Condition::Precursor(c) => {
            let width = bucket_of(c.window * 2);
            let from = floor_to(first.saturating_sub(c.window), width);
            vec![metric(sql::precursor(rule, c, width, from, now), &c.metric, &c.of, width, from, now)]
        }
        Condition::Threshold(c) => {
            let width = bucket_of(c.window);
            let from = floor_to(first.saturating_sub(c.window), width);
            vec![metric(sql::threshold(rule, c, width, from, now), &c.metric, &c.of, width, from, now)]
        }
        Condition::Forecast(c) => {
            let width = i64::try_from(c.bucket.as_nanos()).unwrap_or(i64::MAX);
            let until = floor_to(now, width);
            let from = until.saturating_sub(if c.bucket == HOUR { 28 * DAY } else { 56 * DAY });
            vec![rows(sql::business(rule, c, width, from, until), Stream::Any, from, until, FORECAST_ROWS_MAX)]
        }
        _ => current_events(rule, range),
    }
}

/// Of the kinds whose rows are alerts by themselves.
fn current_events(rule: &Rule, range: &Range) -> Vec<Question> {
    let (first, now) = (range.first, range.now);
    match &rule.condition {
        Condition::Sql(c) => {
            let from = now.saturating_sub(c.window);
            vec![rows(sql::written(&c.query, from, now), Stream::Any, from, now, SQL_ROWS_MAX)]
        }
        Condition::LogPattern(c) if c.new => {
            let from = floor_to(now.saturating_sub(c.window), 10_000_000_000);
            let patterns = rows(sql::log_patterns(rule, c, from, now), Stream::Logs, from, now, SQL_ROWS_MAX);
            let speakers = rows(sql::speakers(rule, from, now), Stream::Logs, from, now, ROWS_MAX);
            vec![patterns, Question { name: "speakers", ..speakers }]
        }
        Condition::LogPattern(c) => {
            let width = bucket_of(c.window);
            let from = floor_to(first.saturating_sub(c.window + LATE), width);
            let sql = sql::log_counts(rule, c, width, from, now);
            vec![Question { ask: Ask::Logs { bucket_ns: width }, ..rows(sql, Stream::Logs, from, now, ROWS_MAX) }]
        }
        Condition::Heartbeat(c) => {
            // Beats that came late are taken again.
            let from = range.last.unwrap_or(now).min(now).saturating_sub(LATE * 2);
            vec![rows(sql::heartbeats(c, from, now), Stream::Events, from, now, ROWS_MAX)]
        }
        Condition::Absence(c) => {
            let from = floor(now.saturating_sub(c.after * 2 + LATE));
            let presence = rows(sql::presence(rule, c, from, now), Stream::Calls, from, now, ROWS_MAX);
            let senders = sql::senders(now.saturating_sub(c.after), now);
            vec![presence, Question { name: "senders", ..rows(senders, Stream::Any, from, now, ROWS_MAX) }]
        }
        Condition::Deadline(c) => {
            let from = now.saturating_sub(c.look_back);
            vec![rows(sql::stuck(c, from, now), Stream::Events, from, now, SQL_ROWS_MAX)]
        }
        // The search for causes asks for itself.
        _ => Vec::new(),
    }
}

/// What the past can teach, asked once.
fn history(rule: &Rule, now: UnixNanos) -> Option<Question> {
    match &rule.condition {
        Condition::Baseline(c) => {
            let days = if c.by == By::Operation { 3 } else { 14 };
            let hour = 3_600 * UnixNanos::SECOND;
            let until = floor_to(now, hour);
            Some(calls(rule, c.by, hour, (until.saturating_sub(DAY * days), until), "history"))
        }
        Condition::LogPattern(c) if c.new => {
            let from = now.saturating_sub(7 * DAY);
            let until = now.saturating_sub(c.window);
            let sql = sql::log_patterns(rule, c, from, until);
            Some(Question { name: "history", ..rows(sql, Stream::Logs, from, until, 20_000) })
        }
        Condition::Heartbeat(c) => {
            let from = now.saturating_sub(c.expect.map_or(14 * DAY, |expect| (expect + c.grace) * 3).max(DAY));
            Some(Question {
                name: "history",
                ..rows(sql::heartbeats(c, from, now), Stream::Events, from, now, ROWS_MAX)
            })
        }
        Condition::Absence(c) => {
            let from = floor(now.saturating_sub(c.remember));
            let sql = sql::presence(rule, c, from, now);
            Some(Question { name: "history", ..rows(sql, Stream::Calls, from, now, ROWS_MAX) })
        }
        _ => None,
    }
}

fn calls(rule: &Rule, by: By, bucket_ns: i64, (from, until): (UnixNanos, UnixNanos), name: &'static str) -> Question {
    let sql = sql::calls(&rule.selector, by, bucket_ns, from, until);
    Question { name, sql, stream: Stream::Calls, from, until, rows_max: ROWS_MAX, ask: Ask::Calls { by, bucket_ns } }
}

fn metric(
    sql: String,
    metric: &str,
    of: &Option<String>,
    bucket_ns: i64,
    from: UnixNanos,
    until: UnixNanos,
) -> Question {
    let ask = Ask::Metric { metric: metric.to_owned(), of: of.clone(), bucket_ns };
    Question { ask, ..rows(sql, Stream::Metrics, from, until, ROWS_MAX) }
}

fn rows(sql: String, stream: Stream, from: UnixNanos, until: UnixNanos, rows_max: usize) -> Question {
    Question { name: "rows", sql, stream, from, until, rows_max, ask: Ask::Rows }
}

/// Width of buckets so that a window has at least six, or those of ten seconds.
pub(crate) fn bucket_of(window: Duration) -> i64 {
    let ten = 10 * UnixNanos::SECOND;
    let nanos = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
    floor_to(UnixNanos(nanos / 30), ten).0.max(ten)
}

pub(crate) fn red_bucket(c: &crate::Red) -> i64 {
    bucket_of(c.window).max(c.by.bucket_ns())
}

impl crate::Slo {
    pub(crate) fn longest(&self) -> Duration {
        self.burn.iter().map(|burn| burn.long).max().unwrap_or(HOUR)
    }
}
