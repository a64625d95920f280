//! One evaluation of one rule: verdicts move the series on, and what moved is told.

use crate::alert::{Alert, Transition, What, Why};
use crate::condition::Condition;
use crate::judge::{self, Given, Holds, Judged, Verdict, entity_of};
use crate::life::{self, Pace, Told};
use crate::question::questions;
use crate::state::{Phase, RuleState};
use crate::summary::summary;
use crate::{Answers, Labels, Rule, Severity, Watermark, sql};
use model::{Bilingual, UnixNanos};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Evaluations in a row that must fail before the rule itself is an alert.
const FAILURES_MAX: u32 = 3;
/// Letters of an error that are told.
const ERROR_LETTERS: usize = 500;

/// Judges a rule at `now` (event time). A failed question moves nothing; an incomplete answer resolves nothing.
pub fn evaluate(
    rule: &Rule,
    state: &mut RuleState,
    answers: &Answers,
    now: UnixNanos,
    watermark: &Watermark,
) -> Vec<Transition> {
    state.refused = 0;
    let mut told = adopt(rule, state, now);
    let failure = answers.values().find_map(|answer| answer.as_ref().err());
    told.extend(health(rule, state, failure, now));
    if failure.is_none() {
        let incomplete = answers.values().filter_map(|answer| answer.as_ref().ok()).find(|answer| !answer.complete);
        let reason = incomplete.map(|answer| answer.incomplete_reason.clone().unwrap_or_default());
        note_problem(state, reason.as_ref().map(|reason| format!("figures are not complete: {reason}")));
        let mut judged = judge::judge(rule, state, &Given { answers, now, watermark });
        if reason.is_some() {
            distrust(&mut judged);
        }
        told.extend(advance(rule, state, judged, now));
    }
    state.sweep(now);
    state.evaluated(rule, now);
    told
}

/// Resolves everything that a rule has firing, because it was deleted or disabled. The state is empty then;
/// [`RuleState::removal`] is to be asked before.
pub fn retire(state: &mut RuleState, why: Why, now: UnixNanos) -> Vec<Transition> {
    let rule = state.rule.clone();
    let firing: Vec<Alert> = state.firing().cloned().collect();
    *state = RuleState::new(&rule);
    firing.into_iter().map(|alert| resolved(&rule, alert, why, now, now)).collect()
}

/// Takes note of an edited rule. What fires goes on firing and is judged by the new condition; what was pending
/// begins anew; with another kind of series nothing can go on.
fn adopt(rule: &Rule, state: &mut RuleState, now: UnixNanos) -> Vec<Transition> {
    if state.head.revision == rule.revision {
        return Vec::new();
    }
    let shape = shape(&rule.condition);
    let mut told = Vec::new();
    let is_other = !state.head.shape.is_empty() && state.head.shape != shape;
    let labels: Vec<Arc<Labels>> = state.series.keys().cloned().collect();
    for labels in labels {
        let Some(series) = state.series.get_mut(&labels) else { continue };
        let is_outside = !labels.is_empty() && has_service(rule) && !rule.selector.matches(&labels);
        if is_other || is_outside {
            told.extend(series.told.take().map(|alert| resolved(&rule.name, alert, Why::RuleChanged, now, now)));
            state.series.remove(&labels);
            state.series_changed(&labels);
        } else if matches!(series.phase, Phase::Pending { .. }) {
            series.phase = Phase::Inactive;
            state.series_changed(&labels);
        }
    }
    if is_other || state.head.shape.is_empty() {
        state.head.seeded = false;
    }
    state.rule.clone_from(&rule.name);
    state.head.revision.clone_from(&rule.revision);
    state.head.shape = shape;
    state.head_changed();
    told
}

/// Whether the series of a rule carry the labels that a selector speaks of.
fn has_service(rule: &Rule) -> bool {
    matches!(rule.condition, Condition::Red(_) | Condition::Baseline(_) | Condition::Slo(_))
}

fn shape(condition: &Condition) -> String {
    match condition {
        Condition::Red(c) => format!("red {} {}", c.measure.as_str(), c.by.as_str()),
        Condition::Baseline(c) => format!("baseline {} {}", c.measure.as_str(), c.by.as_str()),
        Condition::Slo(c) => format!("slo {}", c.by.as_str()),
        Condition::Threshold(c) => format!("threshold {} {:?}", c.metric, c.by),
        Condition::Precursor(c) => format!("precursor {} {:?}", c.metric, c.by),
        Condition::Forecast(c) => format!("forecast {:?} {:?} {:?}", c.metric, c.operation, c.by),
        Condition::LogPattern(c) => format!("log_pattern {}", c.new),
        other => other.kind().to_owned(),
    }
}

fn note_problem(state: &mut RuleState, problem: Option<String>) {
    let problem = problem.map(|text| text.chars().take(ERROR_LETTERS).collect());
    if state.head.problem != problem {
        state.head.problem = problem;
        state.head_changed();
    }
}

/// A rule that cannot be judged is an alert of its own, and hurts no other.
fn health(rule: &Rule, state: &mut RuleState, failure: Option<&String>, now: UnixNanos) -> Option<Transition> {
    let Some(failure) = failure else {
        state.head.failures = 0;
        let alert = state.head.failing.take()?;
        state.head_changed();
        return Some(resolved(&rule.name, alert, Why::RuleFailing, now, now));
    };
    note_problem(state, Some(failure.clone()));
    state.head.failures = state.head.failures.saturating_add(1);
    if state.head.failures < FAILURES_MAX || state.head.failing.is_some() {
        return None;
    }
    let alert = failing_alert(rule, state.head.problem.as_deref().unwrap_or_default(), now);
    state.head.failing = Some(alert.clone());
    state.head_changed();
    Some(Transition { rule: rule.name.clone(), at: now, what: What::Fired, why: Why::RuleFailing, alert })
}

fn failing_alert(rule: &Rule, problem: &str, now: UnixNanos) -> Alert {
    let labels = [("alertname", "rule_failing"), ("rule", rule.name.as_str())];
    Alert {
        labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        entity: None,
        severity: Severity::Low,
        summary: Bilingual::new(
            format!("rule {} cannot be judged: {problem}", rule.name),
            format!("规则 {} 无法评估:{problem}", rule.name),
        ),
        annotations: rule.annotations.clone(),
        value: f64::from(FAILURES_MAX),
        threshold: f64::from(FAILURES_MAX),
        unit: "1".to_owned(),
        starts_at: now,
        ends_at: None,
        query: String::new(),
        runbook: None,
        owner: rule.owner.clone(),
    }
}

/// With rows missing, "no" may be wrong, and what is absent may be there.
fn distrust(judged: &mut Judged) {
    judged.rest = Holds::Unknown;
    for (_, verdict) in &mut judged.verdicts {
        verdict.closed = false;
    }
}

fn advance(rule: &Rule, state: &mut RuleState, judged: Judged, now: UnixNanos) -> Vec<Transition> {
    let mut told = Vec::new();
    let mut seen = BTreeSet::new();
    for (labels, verdict) in &judged.verdicts {
        seen.insert(Arc::clone(labels));
        told.extend(advance_one(rule, state, labels, verdict));
    }
    let rest = Verdict::new(judged.rest, now);
    let unseen: Vec<Arc<Labels>> = state
        .series
        .iter()
        .filter(|(labels, series)| series.phase != Phase::Inactive && !seen.contains(*labels))
        .map(|(labels, _)| Arc::clone(labels))
        .collect();
    for labels in unseen {
        told.extend(advance_one(rule, state, &labels, &rest));
    }
    told
}

fn advance_one(rule: &Rule, state: &mut RuleState, labels: &Arc<Labels>, verdict: &Verdict) -> Vec<Transition> {
    if verdict.holds != Holds::Yes && !state.series.contains_key(labels) {
        return Vec::new();
    }
    let Some(series) = state.entry(labels, verdict.at) else { return Vec::new() };
    let pace = Pace { hold: rule.hold, keep_firing: rule.keep_firing };
    let step = life::step(&series.phase, verdict, pace);
    let has_moved = std::mem::discriminant(&step.phase) != std::mem::discriminant(&series.phase) || step.told.is_some();
    let clear = |phase: &Phase| if let Phase::Firing { clear, .. } = phase { *clear } else { None };
    let has_cleared = clear(&step.phase) != clear(&series.phase);
    series.phase = step.phase;
    let told = match (step.told, &series.phase) {
        (Some(told), _) => tell(rule, series, labels, verdict, told),
        (None, Phase::Firing { since, .. }) if verdict.holds == Holds::Yes => {
            let since = *since;
            update(rule, series, labels, verdict, since)
        }
        _ => Vec::new(),
    };
    if has_moved || has_cleared || !told.is_empty() {
        state.series_changed(labels);
    }
    told
}

fn tell(
    rule: &Rule,
    series: &mut crate::state::Series,
    labels: &Labels,
    verdict: &Verdict,
    told: Told,
) -> Vec<Transition> {
    match told.what {
        What::Resolved => {
            let ends_at = told.ends_at.unwrap_or(verdict.at);
            let alert = series.told.take();
            alert.map(|alert| resolved(&rule.name, alert, told.why, ends_at, verdict.at)).into_iter().collect()
        }
        _ => {
            let since = if let Phase::Firing { since, .. } = series.phase { since } else { verdict.at };
            let alert = alert(rule, labels, verdict, since);
            series.told = Some(alert.clone());
            vec![Transition { rule: rule.name.clone(), at: verdict.at, what: told.what, why: told.why, alert }]
        }
    }
}

/// An alert goes on. Its figures are kept up to date; what people see of it is told when it changes.
fn update(
    rule: &Rule,
    series: &mut crate::state::Series,
    labels: &Labels,
    verdict: &Verdict,
    since: UnixNanos,
) -> Vec<Transition> {
    let Some(told) = &mut series.told else { return Vec::new() };
    (told.value, told.threshold) = (verdict.value, verdict.threshold);
    let severity = verdict.severity.unwrap_or(rule.severity);
    let labels_now = labels_of(rule, labels);
    let texts = (&rule.runbook, &rule.owner) != (&told.runbook, &told.owner);
    if severity == told.severity && labels_now == told.labels && !texts {
        return Vec::new();
    }
    let old = told.clone();
    let alert = alert(rule, labels, verdict, since);
    series.told = Some(alert.clone());
    let transition = |what, why, alert| Transition { rule: rule.name.clone(), at: verdict.at, what, why, alert };
    if old.labels == alert.labels {
        return vec![transition(What::Changed, Why::Condition, alert)];
    }
    // Other labels are another alert.
    let ended = resolved(&rule.name, old, Why::RuleChanged, verdict.at, verdict.at);
    vec![ended, transition(What::Fired, Why::RuleChanged, alert)]
}

fn resolved(rule: &str, alert: Alert, why: Why, ends_at: UnixNanos, at: UnixNanos) -> Transition {
    let ends_at = Some(ends_at.max(alert.starts_at));
    Transition { rule: rule.to_owned(), at, what: What::Resolved, why, alert: Alert { ends_at, ..alert } }
}

fn labels_of(rule: &Rule, labels: &Labels) -> Labels {
    let mut all = labels.clone();
    all.extend(rule.labels.iter().map(|(name, value)| (name.clone(), value.clone())));
    all.insert("alertname".to_owned(), rule.name.clone());
    all
}

fn alert(rule: &Rule, labels: &Labels, verdict: &Verdict, starts_at: UnixNanos) -> Alert {
    let mut annotations = rule.annotations.clone();
    annotations.extend(verdict.annotations.clone());
    Alert {
        labels: labels_of(rule, labels),
        entity: entity_of(labels),
        severity: verdict.severity.unwrap_or(rule.severity),
        summary: summary(rule, labels, verdict, &annotations),
        annotations,
        value: verdict.value,
        threshold: verdict.threshold,
        unit: verdict.unit.clone(),
        starts_at,
        ends_at: None,
        query: reproduce(rule, labels, verdict.at),
        runbook: rule.runbook.clone(),
        owner: rule.owner.clone(),
    }
}

/// SQL that shows what was judged: of calls, the half hour before; else the rule's own question.
fn reproduce(rule: &Rule, labels: &Labels, at: UnixNanos) -> String {
    let by = match &rule.condition {
        Condition::Red(c) => Some(c.by),
        Condition::Baseline(c) => Some(c.by),
        _ => None,
    };
    let Some(by) = by else {
        let mut judged = RuleState::new(&rule.name);
        (judged.head.seeded, judged.head.revision) = (true, rule.revision.clone());
        return questions(rule, &judged, at).into_iter().next().map(|question| question.sql).unwrap_or_default();
    };
    let one = |name: &str| labels.get(name).map(crate::Glob::exactly).into_iter().collect();
    let lane = vec![crate::Glob::exactly(labels.get("lane").map_or("", String::as_str))];
    let selector = crate::Selector {
        environment: one("environment"),
        namespace: one("namespace"),
        lane,
        service: one("service"),
        operation: one("operation"),
        peer: one("peer"),
    };
    let from = crate::watermark::floor(at.saturating_sub(Duration::from_secs(1_800)));
    format!("{} ORDER BY 1", sql::calls(&selector, by, by.bucket_ns(), from, at))
}

#[cfg(test)]
mod tests;
