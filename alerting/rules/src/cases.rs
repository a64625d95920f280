//! `rules test`: cases that stand in a YAML file beside the rules: given series, expected alerts.
//!
//! ```yaml
//! tests:
//!   - name: a tenth of the calls fails
//!     rules: [order-errors]          # all of the file without it
//!     start: 1767600000              # Unix seconds; this Monday morning without it
//!     calls:                         # buckets of 10 s, from the start
//!       - labels: {service: order}
//!         calls: 100x60              # VALUExTIMES, separated by spaces
//!         errors: 0x30 10x30
//!         latency: 50msx60
//!     metrics:                       # points every 10 s
//!       - metric: system.memory.utilization
//!         labels: {host.name: h1}
//!         values: 0.5x60
//!     rows:                          # what any other query answers in this time
//!       - {labels: {heartbeat: backup}, values: {value: 5}, from: 1m, until: 2m}
//!     expect:
//!       - {at: 4m, firing: []}
//!       - {at: 6m, firing: [{alertname: order-errors, service: order}]}
//! ```
//!
//! Before the start there is a silent past: baselines learn from what is given only.

use crate::condition::By;
use crate::evaluate::evaluate;
use crate::fields::{Fields, Problems};
use crate::question::questions;
use crate::tree::{self, Node, Value};
use crate::watermark::floor_to;
use crate::{Answer, Answers, Ask, Figure, Labels, Problem, Question, Rule, RuleState, Watermark, read_yaml, units};
use model::UnixNanos;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Monday 2026-01-05 08:00 UTC.
const START_S: f64 = 1_767_600_000.0;
const TICK_NS: i64 = 10 * UnixNanos::SECOND;
/// Buckets of one series: more than a week.
const BUCKETS_MAX: usize = 70_000;
const CASES_MAX: usize = 1_000;

/// What came of the cases of a file.
#[derive(Clone, PartialEq, Debug)]
pub struct Tested {
    pub passed: usize,
    /// One line or more for each case that failed.
    pub failures: Vec<String>,
    /// What keeps the file from being tested.
    pub problems: Vec<Problem>,
}

impl Tested {
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.problems.is_empty()
    }

    /// For a terminal.
    pub fn text(&self, file: &str) -> String {
        let mut out = String::new();
        self.problems.iter().for_each(|problem| out.push_str(&format!("{file}: {problem}\n")));
        self.failures.iter().for_each(|failure| out.push_str(&format!("FAILED {failure}\n")));
        out.push_str(&format!("{} passed, {} failed\n", self.passed, self.failures.len()));
        out
    }
}

/// Runs the cases of a file on the rules of the same file.
pub fn test(text: &str) -> Tested {
    let read = read_yaml(text);
    let mut problems = Problems { list: read.problems, unlisted: read.unlisted };
    let mut tested = Tested { passed: 0, failures: Vec::new(), problems: Vec::new() };
    let root = tree::read(text).ok();
    let listed = root.as_ref().and_then(|root| root.get("tests"));
    match listed.map(|node| (node, &node.value)) {
        Some((_, Value::List(cases))) => {
            for (index, node) in cases.iter().enumerate().take(CASES_MAX) {
                let case = Case::read(node, index, &read.rules, &mut problems);
                match case.run() {
                    None => tested.passed += 1,
                    Some(failure) => tested.failures.push(failure),
                }
            }
        }
        _ => problems.add(listed, "tests", "there are none: write a list of cases under tests"),
    }
    if problems.count() > 0 {
        tested.problems = problems.list;
    }
    tested
}

/// Given counts of one series.
#[derive(Debug)]
struct Calls {
    labels: Labels,
    calls: Vec<f64>,
    errors: Vec<f64>,
    latency: Vec<f64>,
}

#[derive(Debug)]
struct Points {
    metric: String,
    labels: Labels,
    values: Vec<f64>,
}

#[derive(Debug)]
struct GivenRow {
    labels: Labels,
    values: BTreeMap<String, f64>,
    from: Duration,
    until: Duration,
}

#[derive(Debug)]
struct Expected {
    at: Duration,
    firing: Vec<BTreeMap<String, String>>,
}

#[derive(Debug)]
struct Case<'r> {
    name: String,
    rules: Vec<&'r Rule>,
    start: UnixNanos,
    calls: Vec<Calls>,
    metrics: Vec<Points>,
    rows: Vec<GivenRow>,
    expected: Vec<Expected>,
}

/// The nodes of a list field.
fn items<'n>(fields: &mut Fields<'n, '_>, field: &'static str) -> Vec<&'n Node> {
    match fields.node(field).map(|node| &node.value) {
        Some(Value::List(items)) => items.iter().collect(),
        Some(other) => {
            let kind = other.kind();
            fields.wrong(field, format!("is {kind}: write a list"));
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// `100x60 50 0x30`: values with how often they come.
fn sequence(fields: &mut Fields<'_, '_>, field: &'static str) -> Vec<f64> {
    let Some(text) = fields.text(field) else { return Vec::new() };
    let mut values = Vec::new();
    for word in text.split_whitespace() {
        let (value, times) = match word.rsplit_once('x') {
            Some((value, times)) => (value, times.parse::<usize>().ok()),
            None => (word, Some(1)),
        };
        let value = value.parse::<f64>().ok().or_else(|| units::duration(value).map(|d| d.as_nanos() as f64));
        match (value, times) {
            (Some(value), Some(times)) if values.len() + times <= BUCKETS_MAX => {
                values.extend(std::iter::repeat_n(value, times));
            }
            _ => {
                fields.wrong(field, format!("{word:?} is not VALUExTIMES, or there are more than {BUCKETS_MAX}"));
                return Vec::new();
            }
        }
    }
    values
}

impl<'r> Case<'r> {
    fn read(node: &Node, index: usize, rules: &'r [Rule], problems: &mut Problems) -> Self {
        let mut fields = Fields::of(node, format!("tests[{index}]"), problems);
        let name = fields.needed("name", "what is expected, as a sentence");
        let named = fields.texts("rules");
        for name in &named {
            if !rules.iter().any(|rule| rule.name == *name) {
                fields.wrong("rules", format!("{name:?} is no good rule of this file"));
            }
        }
        let start = fields.number("start").unwrap_or(START_S);
        let case = Self {
            name,
            rules: rules.iter().filter(|rule| named.is_empty() || named.contains(&rule.name)).collect(),
            start: floor_to(UnixNanos((start * 1e9) as i64), TICK_NS),
            calls: items(&mut fields, "calls")
                .into_iter()
                .map(|node| calls(&mut under(node, &mut fields, "calls")))
                .collect(),
            metrics: items(&mut fields, "metrics")
                .into_iter()
                .map(|node| points(&mut under(node, &mut fields, "metrics")))
                .collect(),
            rows: items(&mut fields, "rows")
                .into_iter()
                .map(|node| row(&mut under(node, &mut fields, "rows")))
                .collect(),
            expected: items(&mut fields, "expect")
                .into_iter()
                .map(|node| expected(&mut under(node, &mut fields, "expect")))
                .collect(),
        };
        if case.expected.is_empty() {
            fields.wrong("expect", "is missing: say what fires at which time");
        }
        fields.finish();
        case
    }

    /// Plays the case; the sentence of what was not as expected.
    fn run(&self) -> Option<String> {
        let end = self.expected.iter().map(|expected| expected.at).max().unwrap_or_default();
        let mut states: Vec<RuleState> = self.rules.iter().map(|rule| RuleState::new(&rule.name)).collect();
        let mut watermark = Watermark::default();
        let mut wrong = Vec::new();
        let mut passed = Duration::ZERO;
        while passed <= end {
            let now = self.start.saturating_add(passed);
            self.hear(&mut watermark, now);
            for (rule, state) in self.rules.iter().zip(&mut states) {
                if state.is_due(rule, now) {
                    let asked = questions(rule, state, now);
                    let answers: Answers = asked
                        .iter()
                        .map(|question| (question.name, Ok(Arc::new(self.answer(question, now)))))
                        .collect();
                    evaluate(rule, state, &answers, now, &watermark);
                }
            }
            for expected in self.expected.iter().filter(|expected| expected.at == passed) {
                wrong.extend(difference(expected, &states));
            }
            passed += Duration::from_secs(5);
        }
        (!wrong.is_empty()).then(|| format!("{}: {}", self.name, wrong.join("; ")))
    }

    fn hear(&self, watermark: &mut Watermark, now: UnixNanos) {
        let mut newest: BTreeMap<&str, UnixNanos> = BTreeMap::new();
        for series in &self.calls {
            let service = series.labels.get("service").map_or("", String::as_str);
            for (bucket, calls) in self.buckets(&series.calls, now) {
                if calls > 0.0 {
                    let known = newest.entry(service).or_insert(bucket);
                    *known = (*known).max(bucket);
                }
            }
        }
        let rows = newest.into_iter().map(|(service, time)| {
            let labels = Arc::new([("service".to_owned(), service.to_owned())].into());
            Figure { labels, time, values: Vec::new() }
        });
        let answer = Answer { rows: rows.collect(), complete: true, ..Answer::default() };
        watermark.observe(&answer, now);
    }

    /// The given values of the last twenty minutes that are there at `now`.
    fn buckets<'a>(&self, values: &'a [f64], now: UnixNanos) -> impl Iterator<Item = (UnixNanos, f64)> + 'a {
        let start = self.start.0;
        let count = usize::try_from((now.0 - start) / TICK_NS + 1).unwrap_or(0).min(values.len());
        (count.saturating_sub(120)..count).map(move |i| (UnixNanos(start + i as i64 * TICK_NS), values[i]))
    }

    fn answer(&self, question: &Question, now: UnixNanos) -> Answer {
        let mut answer = match &question.ask {
            Ask::Calls { by, bucket_ns } if question.name == "calls" => self.counted(*by, *bucket_ns, now),
            Ask::Metric { metric, of, bucket_ns } => self.measured(metric, of.as_deref(), *bucket_ns, question, now),
            Ask::Calls { .. } | Ask::Newest => Answer::default(),
            Ask::Logs { .. } | Ask::Rows => self.given(question, now),
        };
        answer.complete = true;
        answer.rows.retain(|row| row.time >= question.from && row.time < question.until);
        answer
    }

    fn counted(&self, by: By, width: i64, now: UnixNanos) -> Answer {
        let kept: &[&str] = match by {
            By::Service => &["service"],
            By::Operation => &["service", "operation"],
            _ => &["service", "peer", "peer_type"],
        };
        let mut sums: BTreeMap<(Labels, i64), [f64; 3]> = BTreeMap::new();
        for series in &self.calls {
            let is_kept = |name: &str| kept.contains(&name) || ["environment", "namespace", "lane"].contains(&name);
            let labels: Labels =
                series.labels.iter().filter(|(name, _)| is_kept(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
            for (bucket, calls) in self.buckets(&series.calls, now).filter(|(_, calls)| *calls > 0.0) {
                let index = ((bucket.0 - self.start.0) / TICK_NS) as usize;
                let sum = sums.entry((labels.clone(), floor_to(bucket, width).0)).or_default();
                sum[0] += calls;
                sum[1] += series.errors.get(index).copied().unwrap_or(0.0);
                sum[2] += series.latency.get(index).copied().unwrap_or(f64::NAN) * calls;
            }
        }
        let columns = ["calls", "errors", "p50_ns", "p95_ns", "p99_ns"].map(String::from).to_vec();
        let rows = sums.into_iter().map(|((labels, time), [calls, errors, latency])| {
            let quantile = latency / calls;
            let values = vec![calls, errors, quantile, quantile, quantile];
            Figure { labels: Arc::new(labels), time: UnixNanos(time), values }
        });
        Answer { columns, rows: rows.collect(), ..Answer::default() }
    }

    fn measured(&self, metric: &str, of: Option<&str>, width: i64, question: &Question, now: UnixNanos) -> Answer {
        let mut sums: BTreeMap<(&Labels, i64), [f64; 4]> = BTreeMap::new();
        for series in &self.metrics {
            let place = match series.metric.as_str() {
                name if name == metric => 0,
                name if Some(name) == of => 2,
                _ => continue,
            };
            let count = usize::try_from((now.0 - self.start.0) / TICK_NS + 1).unwrap_or(0).min(series.values.len());
            for (index, value) in series.values.iter().enumerate().take(count) {
                let time = self.start.0 + index as i64 * TICK_NS;
                if time >= question.from.0 {
                    let sum = sums.entry((&series.labels, floor_to(UnixNanos(time), width).0)).or_default();
                    sum[place] += value;
                    sum[place + 1] += 1.0;
                }
            }
        }
        let rows = sums.into_iter().map(|((labels, time), [value, count, of, of_count])| {
            let labels = Arc::new(labels.clone());
            Figure { labels, time: UnixNanos(time), values: vec![value / count, of / of_count] }
        });
        Answer { columns: vec!["value".into(), "of".into()], rows: rows.collect(), ..Answer::default() }
    }

    fn given(&self, question: &Question, now: UnixNanos) -> Answer {
        let passed = Duration::from_nanos((now.0 - self.start.0).unsigned_abs());
        let there: Vec<&GivenRow> = self.rows.iter().filter(|row| row.from <= passed && passed < row.until).collect();
        let mut columns: Vec<String> = there.iter().flat_map(|row| row.values.keys().cloned()).collect();
        columns.sort();
        columns.dedup();
        let rows = there.iter().map(|row| Figure {
            labels: Arc::new(row.labels.clone()),
            // In the window, as what a query finds is.
            time: UnixNanos(question.until.0 - 1),
            values: columns.iter().map(|name| row.values.get(name).copied().unwrap_or(f64::NAN)).collect(),
        });
        Answer { rows: rows.collect(), columns: columns.clone(), ..Answer::default() }
    }
}

fn under<'n, 'p>(node: &'n Node, outer: &'p mut Fields<'_, '_>, field: &str) -> Fields<'n, 'p> {
    let path = outer.path(field);
    Fields::of(node, path, outer.problems)
}

fn calls(fields: &mut Fields<'_, '_>) -> Calls {
    let calls = Calls {
        labels: fields.map("labels"),
        calls: sequence(fields, "calls"),
        errors: sequence(fields, "errors"),
        latency: sequence(fields, "latency"),
    };
    fields.refuse_unknown();
    calls
}

fn points(fields: &mut Fields<'_, '_>) -> Points {
    let metric = fields.needed("metric", "system.memory.utilization");
    let points = Points { metric, labels: fields.map("labels"), values: sequence(fields, "values") };
    fields.refuse_unknown();
    points
}

fn row(fields: &mut Fields<'_, '_>) -> GivenRow {
    let labels = fields.map("labels");
    let mut values = BTreeMap::new();
    for (name, text) in fields.map("values") {
        match text.parse::<f64>() {
            Ok(value) => drop(values.insert(name, value)),
            Err(_) => fields.wrong("values", format!("{name} is {text:?}: write a number")),
        }
    }
    let from = fields.duration("from", Duration::ZERO, "0s", "8d");
    let until = fields.duration("until", Duration::MAX, "0s", "8d");
    fields.refuse_unknown();
    GivenRow { labels, values, from, until }
}

fn expected(fields: &mut Fields<'_, '_>) -> Expected {
    fields.needed("at", "5m");
    let at = fields.duration("at", Duration::ZERO, "0s", "8d");
    if !at.as_secs().is_multiple_of(5) {
        fields.wrong("at", "is not a multiple of 5s");
    }
    let mut firing = Vec::new();
    for node in items(fields, "firing") {
        let Value::Map(entries) = &node.value else {
            fields.wrong("firing", "has an entry that is no map of labels");
            continue;
        };
        firing.push(entries.iter().filter_map(|(name, value)| Some((name.scalar()?, value.scalar()?))).collect());
    }
    fields.refuse_unknown();
    Expected { at, firing }
}

/// Each expected alert must have one that fires with these labels, and none may be left.
fn difference(expected: &Expected, states: &[RuleState]) -> Option<String> {
    let mut firing: Vec<&Labels> = states.iter().flat_map(RuleState::firing).map(|alert| &alert.labels).collect();
    let at = units::duration_text(expected.at.as_nanos() as f64);
    let mut missing = Vec::new();
    for labels in &expected.firing {
        let fits = |alert: &&Labels| labels.iter().all(|(name, value)| alert.get(name) == Some(value));
        match firing.iter().position(fits) {
            Some(index) => drop(firing.swap_remove(index)),
            None => missing.push(format!("{labels:?}")),
        }
    }
    if missing.is_empty() && firing.is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("does not fire: {}", missing.join(", ")));
    }
    if !firing.is_empty() {
        let more: Vec<String> = firing.iter().map(|labels| format!("{labels:?}")).collect();
        parts.push(format!("fires unexpectedly: {}", more.join(", ")));
    }
    Some(format!("at {at} {}", parts.join("; ")))
}

#[cfg(test)]
mod tests;
