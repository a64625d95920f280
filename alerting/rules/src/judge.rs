//! What the figures say of each series of a rule: yes, no or unknown, with a value and a bound.
//!
//! One module per family of kinds. Invariant: a judge decides nothing about alerts; it may only learn.

mod baseline;
mod calls;
mod entity;
mod events;
mod forecast;
mod metrics;

pub(crate) use entity::entity_of;

use crate::condition::Condition;
use crate::state::RuleState;
use crate::{Answer, Answers, Labels, Rule, Severity, Watermark};
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether the condition holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holds {
    Yes,
    No,
    /// There is no data, or too little.
    Unknown,
}

/// What is said of a series.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Verdict {
    pub(crate) holds: Holds,
    /// All data up to `at` is in.
    pub(crate) closed: bool,
    /// Event time up to which it speaks.
    pub(crate) at: UnixNanos,
    /// When it began, where that is known better than "now".
    pub(crate) since: Option<UnixNanos>,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
    pub(crate) unit: String,
    /// Instead of the rule's.
    pub(crate) severity: Option<Severity>,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Verdict {
    pub(crate) fn new(holds: Holds, at: UnixNanos) -> Self {
        Self {
            holds,
            closed: true,
            at,
            since: None,
            value: f64::NAN,
            threshold: f64::NAN,
            unit: "1".to_owned(),
            severity: None,
            annotations: BTreeMap::new(),
        }
    }

    pub(crate) fn of(holds: bool, at: UnixNanos, value: f64, threshold: f64, unit: &str) -> Self {
        let holds = if holds { Holds::Yes } else { Holds::No };
        Self { value, threshold, unit: unit.to_owned(), ..Self::new(holds, at) }
    }

    pub(crate) fn note(mut self, name: &str, text: impl Into<String>) -> Self {
        self.annotations.insert(name.to_owned(), text.into());
        self
    }
}

/// What is remembered of a series beyond its phase.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "memory", content = "of", rename_all = "snake_case")]
pub(crate) enum Memory {
    #[default]
    Nothing,
    Baseline(Box<baseline::Watcher>),
    /// When it was there last (absence); since when it is there (thresholds).
    Seen(UnixNanos),
    Beats(events::Beats),
    /// Hashes of the patterns of a service, and the day they came last.
    Patterns(BTreeMap<String, i32>),
}

impl Memory {
    pub(crate) fn is_warming_up(&self) -> bool {
        matches!(self, Self::Baseline(watcher) if watcher.is_warming_up())
    }
}

/// All verdicts of one evaluation.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdicts: Vec<(Arc<Labels>, Verdict)>,
    /// What is said of series that are in no verdict.
    pub(crate) rest: Holds,
}

/// What a judge is given besides the rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) answers: &'a Answers,
    pub(crate) now: UnixNanos,
    pub(crate) watermark: &'a Watermark,
}

impl Given<'_> {
    pub(crate) fn answer(&self, name: &str) -> Option<&Answer> {
        self.answers.get(name).and_then(|answer| answer.as_ref().ok()).map(Arc::as_ref)
    }
}

pub(crate) fn judge(rule: &Rule, state: &mut RuleState, given: &Given<'_>) -> Judged {
    match &rule.condition {
        Condition::Red(c) => calls::red(rule, c, given),
        Condition::Slo(c) => calls::slo(rule, c, given),
        Condition::Baseline(c) => baseline::judge(rule, c, state, given),
        Condition::Threshold(c) => metrics::threshold(c, state, given),
        Condition::Precursor(c) => metrics::precursor(c, given),
        Condition::Sql(c) => events::sql(c, given),
        Condition::LogPattern(c) if c.new => events::new_patterns(c, state, given),
        Condition::LogPattern(c) => events::log_counts(c, given),
        Condition::Heartbeat(c) => events::heartbeats(c, state, given),
        Condition::Deadline(c) => events::deadlines(c, given),
        Condition::Absence(c) => events::absence(c, state, given),
        Condition::Forecast(c) => forecast::judge(c, given),
        // The search for causes gives these alerts itself.
        Condition::Anomaly(_) => Judged { verdicts: Vec::new(), rest: Holds::Unknown },
    }
}

/// Positions of rows of each series, in the order of the labels; rows the rule does not look at are left out.
pub(crate) fn by_series<'a>(answer: &'a Answer, rule: Option<&Rule>) -> BTreeMap<&'a Arc<Labels>, Vec<usize>> {
    let mut series: BTreeMap<&Arc<Labels>, Vec<usize>> = BTreeMap::new();
    // Most rows share their labels in memory: each set of labels is looked at once.
    let mut strangers: BTreeSet<*const Labels> = BTreeSet::new();
    for (index, row) in answer.rows.iter().enumerate() {
        if let Some(rule) = rule {
            if strangers.contains(&Arc::as_ptr(&row.labels)) {
                continue;
            }
            if !rule.selector.matches(&row.labels) {
                strangers.insert(Arc::as_ptr(&row.labels));
                continue;
            }
        }
        series.entry(&row.labels).or_default().push(index);
    }
    series
}
