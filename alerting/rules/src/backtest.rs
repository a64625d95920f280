//! A rule played over the past: where it would have rung, and when.
//!
//! The caller asks [`Backtest::questions`], runs them, gives the answers to [`Backtest::answer`], until there are
//! no more questions. The rule is the rule, the judges are those of every day; only the clock runs faster.
//! Steps and kept points are bounded; coarser steps than those of every day are told.

use crate::alert::{Alert, What};
use crate::question::{is_bucketed, questions, stretch};
use crate::{Answer, Answers, Labels, Question, Rule, RuleState, RulesError, Watermark, evaluate};
use model::{Bilingual, Entity, UnixNanos};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Moments that are judged at most; of rules that need a query for each moment far fewer.
const STEPS_MAX: i64 = 20_160;
const QUERIED_STEPS_MAX: i64 = 336;
/// One answer holds so much of the past.
const CHUNK: Duration = Duration::from_secs(3_600);
/// The longest past.
const RANGE_MAX: Duration = Duration::from_secs(92 * 86_400);
const FIRINGS_MAX: usize = 1_000;
const POINTS_MAX: usize = 120;

/// One time that the rule would have rung.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Firing {
    pub labels: Labels,
    pub entity: Option<Entity>,
    pub severity: crate::Severity,
    pub summary: Bilingual,
    pub starts_at: UnixNanos,
    /// When it was found.
    pub fired_at: UnixNanos,
    /// `None`: it fired still at the end of the range.
    pub ends_at: Option<UnixNanos>,
    /// The value farthest beyond the threshold.
    pub peak: f64,
    pub threshold: f64,
    pub unit: String,
    /// The value while it fired, thinned to a small picture.
    pub points: Vec<(UnixNanos, f64)>,
    /// SQL that shows the figures.
    pub query: String,
}

/// The outcome.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    pub rule: String,
    pub from: UnixNanos,
    pub until: UnixNanos,
    /// Time between two judgements, nanoseconds; with every day it is the rule's `every`.
    pub step_ns: i64,
    pub firings: Vec<Firing>,
    /// Firings beyond the first 1,000.
    pub unlisted: usize,
    /// False where figures were missing or questions failed.
    pub complete: bool,
    pub incomplete_reason: Option<String>,
    pub sentence: Bilingual,
}

/// A replay under way.
#[derive(Debug)]
pub struct Backtest {
    rule: Rule,
    state: RuleState,
    watermark: Watermark,
    from: UnixNanos,
    until: UnixNanos,
    step: i64,
    /// The next moment to be judged.
    next: UnixNanos,
    open: BTreeMap<Labels, Firing>,
    done: Vec<Firing>,
    unlisted: usize,
    problem: Option<String>,
}

impl Backtest {
    /// Over `from..until`.
    ///
    /// # Errors
    /// A range that is empty or longer than 92 days, or a rule that others judge (`anomaly`).
    pub fn new(rule: &Rule, from: UnixNanos, until: UnixNanos) -> Result<Self, RulesError> {
        let range = until.0.saturating_sub(from.0);
        if range <= 0 || from.saturating_add(RANGE_MAX) < until {
            return Err(RulesError::Range("the range is not between a moment and 92 days long".to_owned()));
        }
        if matches!(rule.condition, crate::Condition::Anomaly(_)) {
            let what = "rules of kind anomaly are judged while incidents are looked into: they have no back-test";
            return Err(RulesError::Range(what.to_owned()));
        }
        let steps = if is_bucketed(rule) { STEPS_MAX } else { QUERIED_STEPS_MAX };
        let every = i64::try_from(rule.every.as_nanos()).unwrap_or(i64::MAX).max(10 * UnixNanos::SECOND);
        Ok(Self {
            state: RuleState::new(&rule.name),
            rule: Rule { enabled: true, ..rule.clone() },
            watermark: Watermark::of_the_past(),
            from,
            until,
            step: every.max(range / steps),
            next: from,
            open: BTreeMap::new(),
            done: Vec::new(),
            unlisted: 0,
            problem: None,
        })
    }

    /// What has to be known for the next stretch; `None` when all is judged.
    pub fn questions(&self) -> Option<Vec<Question>> {
        if self.next >= self.until {
            return None;
        }
        if !is_bucketed(&self.rule) {
            return Some(questions(&self.rule, &self.state, self.next));
        }
        let mut asked = stretch(&self.rule, self.next, self.stretch_end());
        if self.next == self.from {
            asked.extend(questions(&self.rule, &self.state, self.next).into_iter().filter(|q| q.name == "history"));
        }
        Some(asked)
    }

    /// How much of the range is done, 0 to 1.
    pub fn progress(&self) -> f64 {
        (self.next.0 - self.from.0) as f64 / (self.until.0 - self.from.0).max(1) as f64
    }

    fn stretch_end(&self) -> UnixNanos {
        self.next.saturating_add(CHUNK).min(self.until)
    }

    /// Takes the answers of the last questions and judges the stretch.
    pub fn answer(&mut self, answers: &Answers) {
        for answer in answers.values() {
            match answer {
                Err(error) => self.problem = Some(error.clone()),
                Ok(answer) if !answer.complete => {
                    self.problem =
                        Some(answer.incomplete_reason.clone().unwrap_or_else(|| "figures are missing".into()));
                }
                Ok(_) => {}
            }
        }
        if !is_bucketed(&self.rule) {
            self.judge(answers, self.next);
            self.next = self.next.saturating_add(Duration::from_nanos(self.step.unsigned_abs()));
            return;
        }
        let sorted: Vec<(&'static str, Arc<Answer>)> = answers
            .iter()
            .filter_map(|(name, answer)| {
                let mut answer = Answer::clone(answer.as_ref().ok()?);
                answer.rows.sort_by_key(|row| row.time);
                Some((*name, Arc::new(answer)))
            })
            .collect();
        let end = self.stretch_end();
        while self.next < end {
            let now = self.next;
            let look_back = self.look_back();
            let mut at_once = Answers::new();
            for (name, answer) in &sorted {
                let part = match *name {
                    "history" => Arc::clone(answer),
                    _ => Arc::new(answer.slice(now.saturating_sub(look_back), now)),
                };
                at_once.insert(*name, Ok(part));
            }
            self.judge(&at_once, now);
            self.next = self.next.saturating_add(Duration::from_nanos(self.step.unsigned_abs()));
        }
    }

    /// How much of the past one moment looks at.
    fn look_back(&self) -> Duration {
        let asked = stretch(&self.rule, self.next, self.next);
        let longest = asked.iter().map(|question| self.next.0.saturating_sub(question.from.0)).max().unwrap_or(0);
        Duration::from_nanos(longest.max(0).unsigned_abs() + self.step.unsigned_abs())
    }

    fn judge(&mut self, answers: &Answers, now: UnixNanos) {
        let transitions = evaluate(&self.rule, &mut self.state, answers, now, &self.watermark);
        for transition in transitions {
            match transition.what {
                What::Fired => {
                    self.open.insert(transition.alert.labels.clone(), begun(transition.alert, now));
                }
                What::Changed => {}
                What::Resolved => {
                    if let Some(firing) = self.open.remove(&transition.alert.labels) {
                        self.close(Firing { ends_at: transition.alert.ends_at, ..firing });
                    }
                }
            }
        }
        for alert in self.state.firing() {
            if let Some(firing) = self.open.get_mut(&alert.labels) {
                firing.go_on(alert, now);
            }
        }
        // What is to be stored in a store is thrown away here.
        drop(self.state.changed());
    }

    fn close(&mut self, firing: Firing) {
        if self.done.len() < FIRINGS_MAX {
            self.done.push(firing);
        } else {
            self.unlisted += 1;
        }
    }

    /// What came of it.
    pub fn report(mut self) -> Report {
        for (_, firing) in std::mem::take(&mut self.open) {
            self.close(firing);
        }
        self.done.sort_by_key(|firing| firing.starts_at);
        let (count, days) =
            (self.done.len() + self.unlisted, (self.until.0 - self.from.0) as f64 / UnixNanos::DAY as f64);
        let days = crate::units::figure_text(days);
        let times = if count == 1 { "time" } else { "times" };
        let unit = if days == "1" { "day" } else { "days" };
        Report {
            rule: self.rule.name,
            from: self.from,
            until: self.until,
            step_ns: self.step,
            sentence: Bilingual::new(
                format!("In {days} {unit} this rule would have fired {count} {times}."),
                format!("在 {days} 天内，该规则会触发 {count} 次。"),
            ),
            firings: self.done,
            unlisted: self.unlisted,
            complete: self.problem.is_none(),
            incomplete_reason: self.problem,
        }
    }
}

fn begun(alert: Alert, now: UnixNanos) -> Firing {
    Firing {
        labels: alert.labels,
        entity: alert.entity,
        severity: alert.severity,
        summary: alert.summary,
        starts_at: alert.starts_at,
        fired_at: now,
        ends_at: None,
        peak: alert.value,
        threshold: alert.threshold,
        unit: alert.unit,
        points: Vec::new(),
        query: alert.query,
    }
}

impl Firing {
    fn go_on(&mut self, alert: &Alert, now: UnixNanos) {
        if !alert.value.is_finite() {
            return;
        }
        let beyond = |value: f64| (value - self.threshold).abs();
        if !self.peak.is_finite() || beyond(alert.value) > beyond(self.peak) {
            self.peak = alert.value;
        }
        self.points.push((now, alert.value));
        if self.points.len() > POINTS_MAX {
            // Every second point goes; the last one stays.
            let last = self.points.len() - 1;
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                (last - (index - 1)).is_multiple_of(2)
            });
        }
    }
}

impl Report {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = format!("{}: {}\n", self.rule, self.sentence.en);
        for firing in &self.firings {
            let ends = firing.ends_at.map_or_else(|| "(still firing)".to_owned(), time_text);
            out.push_str(&format!(
                "  {} to {ends}  {}  peak {}  {}\n",
                time_text(firing.starts_at),
                firing.severity,
                crate::units::value_text(firing.peak, &firing.unit),
                firing.summary.en
            ));
        }
        if self.unlisted > 0 {
            out.push_str(&format!("  and {} more\n", self.unlisted));
        }
        if let Some(reason) = &self.incomplete_reason {
            out.push_str(&format!("  not complete: {reason}\n"));
        }
        out
    }
}

fn time_text(time: UnixNanos) -> String {
    let second = time.0.div_euclid(UnixNanos::SECOND).rem_euclid(86_400);
    format!("{} {:02}:{:02}:{:02}", model::time::date_text(time.day()), second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests;
