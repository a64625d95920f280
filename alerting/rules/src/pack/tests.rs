//! The pack is read, and an empty installation stays quiet.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;
use crate::{Answer, Answers, RuleState, Severity, Watermark, evaluate, questions};
use model::UnixNanos;
use std::sync::Arc;

#[test]
fn the_pack_has_no_problems() {
    let read = read_yaml(TEXT);
    let problems: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
    assert!(read.rules.len() > 30);
    assert!(read.rules.iter().all(|rule| rule.enabled));
}

#[test]
fn every_rule_of_the_pack_is_quiet_on_an_empty_installation() {
    let start = UnixNanos(1_767_600_000 * UnixNanos::SECOND);
    for rule in rules() {
        let mut state = RuleState::new(&rule.name);
        for minute in 0..20 {
            let now = UnixNanos(start.0 + minute * 60 * UnixNanos::SECOND);
            let answers: Answers = questions(&rule, &state, now)
                .into_iter()
                .map(|q| (q.name, Ok(Arc::new(Answer { complete: true, ..Answer::default() }))))
                .collect();
            let told = evaluate(&rule, &mut state, &answers, now, &Watermark::default());
            assert_eq!(told, [], "{}", rule.name);
        }
        assert_eq!(state.standing().firing, 0);
    }
}

#[test]
fn rules_of_one_kind_ask_the_same_text() {
    let now = UnixNanos(1_767_600_003 * UnixNanos::SECOND);
    let mut state = RuleState::new("x");
    state.head.seeded = true;
    let of = |name: &str| {
        let rule = rules().into_iter().find(|rule| rule.name == name).unwrap();
        questions(&rule, &state, now)[0].sql.clone()
    };
    assert_eq!(of("service-errors"), of("service-latency"));
    assert_eq!(of("service-errors"), of("service-traffic-drop"));
    assert_ne!(of("service-errors"), of("operation-errors"));
}

#[test]
fn nothing_of_the_pack_is_critical_by_itself() {
    assert!(rules().iter().all(|rule| rule.severity < Severity::Critical));
}
