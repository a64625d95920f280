//! Rules at work: what each asks, what it remembers, what it tells.
//!
//! Invariant: equal questions of one instant are asked once; a rule that fails hurts only itself.

use crate::ask::Questioner;
use crate::{docs, figures};
use incident::Told;
use metastore::Change;
use model::UnixNanos;
use rules::{Answer, Answers, Condition, Question, Rule, RuleState, Transition, Watermark, What, Why};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Who wrote a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// On after install.
    Pack,
    /// A file named in the settings.
    File,
    /// Told by the API; it takes the place of a rule of the pack with its name.
    Api,
}

impl Origin {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pack => "default",
            Self::File => "file",
            Self::Api => "api",
        }
    }
}

/// One rule with its state.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) rule: Rule,
    pub(crate) state: RuleState,
    pub(crate) origin: Origin,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    kept: BTreeMap<String, Kept>,
    /// Rules of pack and files, for when the API's rule of that name goes away.
    own: BTreeMap<String, (Rule, Origin)>,
    watermark: Watermark,
    /// States of rules that are no more, or look elsewhere now.
    changes: Vec<Change>,
    retired: Vec<Transition>,
}

/// What became of one instant.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) transitions: Vec<Transition>,
    pub(crate) changes: Vec<Change>,
}

impl Judge {
    /// The rules of pack and files, those of the API over them, with what was stored of their states.
    pub(crate) fn new(
        own: &[(Rule, Origin)],
        written: Vec<(String, String)>,
        states: &[(&'static str, String)],
    ) -> Self {
        let own: BTreeMap<String, (Rule, Origin)> =
            own.iter().map(|(rule, origin)| (rule.name.clone(), (rule.clone(), *origin))).collect();
        let told = written.iter().flat_map(|(_, json)| rules::read_json(json).rules).map(|rule| (rule, Origin::Api));
        let mut judge = Self { own: own.clone(), ..Self::default() };
        for (rule, origin) in own.into_values().chain(told) {
            let docs = states.iter().map(|(kind, json)| (*kind, json.as_str()));
            let state = RuleState::restore(&rule.name, docs).unwrap_or_else(|error| {
                tracing::error!(rule = rule.name, %error, "the state of a rule cannot be read: it begins anew");
                RuleState::new(&rule.name)
            });
            judge.kept.insert(rule.name.clone(), Kept { rule, state, origin });
        }
        judge
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &Kept> {
        self.kept.values()
    }

    pub(crate) fn rule(&self, name: &str) -> Option<&Kept> {
        self.kept.get(name)
    }

    /// Takes a rule that the API tells, in place of the one with its name.
    pub(crate) fn set(&mut self, rule: Rule, written: String) {
        self.changes.push(Change { kind: docs::RULE, key: rule.name.clone(), json: Some(written) });
        match self.kept.get_mut(&rule.name) {
            Some(kept) => (kept.rule, kept.origin) = (rule, Origin::Api),
            None => {
                let state = RuleState::new(&rule.name);
                self.kept.insert(rule.name.clone(), Kept { rule, state, origin: Origin::Api });
            }
        }
    }

    /// Takes the API's rule of this name away; a rule of the pack comes back. False: the API has none.
    pub(crate) fn remove(&mut self, name: &str, now: UnixNanos) -> bool {
        let Some(kept) = self.kept.get_mut(name).filter(|kept| kept.origin == Origin::Api) else { return false };
        self.changes.push(Change { kind: docs::RULE, key: name.to_owned(), json: None });
        if let Some((rule, origin)) = self.own.get(name) {
            (kept.rule, kept.origin) = (rule.clone(), *origin);
            return true;
        }
        self.changes.extend(kept.state.removal().into_iter().map(docs::of_rule));
        self.retired.extend(rules::retire(&mut kept.state, Why::RuleDeleted, now));
        self.kept.remove(name);
        true
    }

    /// What is to be stored of rules that were told or taken away.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Judges every rule that is due at this instant of event time.
    pub(crate) async fn step(&mut self, ask: &Questioner, now: UnixNanos, data: Data) -> Judged {
        let mut asked = Asked::default();
        if data.telemetry
            && let Ok(answer) = asked.answer(ask, &self.watermark.question(now)).await
        {
            self.watermark.observe(&answer, now);
        }
        let mut judged =
            Judged { transitions: std::mem::take(&mut self.retired), changes: std::mem::take(&mut self.changes) };
        for Kept { rule, state, .. } in self.kept.values_mut() {
            if !rule.enabled && state.firing().next().is_some() {
                judged.transitions.extend(rules::retire(state, Why::RuleDisabled, now));
                judged.changes.extend(state.changed().into_iter().map(docs::of_rule));
            }
            if !state.is_due(rule, now) || !has_a_say(rule, data) {
                continue;
            }
            let mut answers = Answers::new();
            for question in rules::questions(rule, state, now) {
                answers.insert(question.name, asked.answer(ask, &question).await);
            }
            judged.transitions.extend(rules::evaluate(rule, state, &answers, now, &self.watermark));
            judged.changes.extend(state.changed().into_iter().map(docs::of_rule));
        }
        judged
    }
}

/// What there is to judge by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Data {
    /// Telemetry still comes, so that silence means something.
    pub(crate) live: bool,
    /// Any was ever sent: a workspace that only takes alerts of others costs no questions.
    pub(crate) telemetry: bool,
}

/// Whether a rule can say anything of such data. Rules about silence, or that plan ahead, need senders that are
/// alive; the others need something to look at, wherever an SQL rule may look.
fn has_a_say(rule: &Rule, data: Data) -> bool {
    match rule.condition {
        Condition::Absence(_) | Condition::Heartbeat(_) | Condition::Forecast(_) | Condition::Deadline(_) => data.live,
        Condition::Sql(_) => true,
        _ => data.telemetry,
    }
}

/// Answers of one instant by the text of their question.
#[derive(Debug, Default)]
struct Asked(HashMap<String, Result<Arc<Answer>, String>>);

impl Asked {
    async fn answer(&mut self, ask: &Questioner, question: &Question) -> Result<Arc<Answer>, String> {
        if let Some(known) = self.0.get(&question.sql) {
            return known.clone();
        }
        let rows = ask.rows(question.sql.clone(), question.rows_max as u64).await;
        let answer =
            rows.map(|rows| Arc::new(figures::answer(&rows, question.from))).map_err(|error| error.to_string());
        self.0.insert(question.sql.clone(), answer.clone());
        answer
    }
}

/// Who tells the alerts of rules.
pub(crate) const SOURCE: &str = "rules";

/// An alert of a rule as incidents hear of it.
pub(crate) fn told(transition: &Transition) -> Told {
    let alert = &transition.alert;
    let mut labels = alert.labels.clone();
    labels.insert("severity".into(), alert.severity.as_str().into());
    if let Some(entity) = &alert.entity {
        labels.entry("entity".into()).or_insert_with(|| entity.to_string());
    }
    let mut annotations = alert.annotations.clone();
    annotations.insert("summary".into(), alert.summary.en.clone());
    annotations.insert("summary_zh".into(), alert.summary.zh.clone());
    annotations.insert("value".into(), format!("{} {}", alert.value, alert.unit).trim_end().to_owned());
    annotations.insert("threshold".into(), format!("{} {}", alert.threshold, alert.unit).trim_end().to_owned());
    annotations.insert("query".into(), alert.query.clone());
    if let Some(runbook) = &alert.runbook {
        annotations.insert("runbook_url".into(), runbook.clone());
    }
    Told {
        labels,
        annotations,
        starts_at: Some(alert.starts_at),
        ends_at: if transition.what == What::Resolved { alert.ends_at.or(Some(transition.at)) } else { None },
        resolved: transition.what == What::Resolved,
        silent_after: None,
        generator_url: None,
        source: SOURCE.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    #[test]
    fn where_nothing_was_ever_sent_only_silence_and_questions_of_ones_own_are_judged() {
        let kinds = |live, telemetry| {
            let data = Data { live, telemetry };
            let rules = rules::pack::rules();
            let asked = rules.iter().filter(|rule| has_a_say(rule, data)).map(|rule| rule.kind().to_owned());
            asked.collect::<std::collections::BTreeSet<String>>()
        };
        assert_eq!(kinds(true, true), rules::pack::rules().iter().map(|rule| rule.kind().to_owned()).collect());
        assert!(kinds(true, false).contains("heartbeat") && !kinds(true, false).contains("threshold"));
        assert!(!kinds(false, true).contains("heartbeat") && kinds(false, true).contains("threshold"));
        assert_eq!(kinds(false, false), ["sql".to_owned()].into());
    }
}
