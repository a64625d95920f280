//! Texts that are right, and what is said of those that are not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;
use crate::{Condition, check};
use proptest::prelude::*;

#[test]
fn a_rule_is_read_with_everything_that_can_be_written() {
    let text = "\
rules:
  - name: order-errors
    kind: red
    selector: {environment: prod, service: [order, 'pay*'], lane: load-test}
    condition: {measure: error_rate, above: 5%, window: 2m, by: operation, min_calls: 50}
    for: 20s
    keep_firing: 90s
    every: 10s
    severity: critical
    labels: {team: trade}
    annotations: {dashboard: orders}
    summary: {en: 'fails', zh: '失败'}
    runbook: https://wiki/order
    owner: li.wei
    enabled: false
";
    let read = read_yaml(text);
    assert_eq!(read.problems, []);
    let rule = &read.rules[0];
    let Condition::Red(red) = &rule.condition else { panic!("{:?}", rule.condition) };
    assert_eq!((red.above, red.window, red.min_calls), (0.05, Duration::from_secs(120), 50.0));
    assert_eq!(
        (rule.hold, rule.keep_firing, rule.every),
        (Duration::from_secs(20), Duration::from_secs(90), Duration::from_secs(10))
    );
    assert_eq!((rule.severity, rule.enabled), (Severity::Critical, false));
    assert_eq!(rule.summary.as_ref().unwrap().zh, "失败");
    assert_eq!(rule.selector.service.len(), 2);
}

#[test]
fn what_is_written_as_json_is_the_same_rule_and_reads_back() {
    let yaml = read_yaml("{name: a, kind: baseline, condition: {measure: latency_p95}}");
    let json = read_json(r#"{"name": "a", "kind": "baseline", "condition": {"measure": "latency_p95"}}"#);
    let stored = read_value(&serde_json::to_value(&yaml.rules[0]).unwrap());
    assert_eq!(yaml.rules, json.rules);
    assert_eq!(yaml.rules, stored.rules);
    assert_eq!(yaml.rules[0].revision(), stored.rules[0].revision());
}

#[test]
fn a_revision_changes_with_what_is_judged_and_not_with_words() {
    let revision = |text: &str| read_yaml(text).rules[0].revision().to_owned();
    let base = revision("{name: a, kind: red, condition: {measure: calls, above: 5}}");
    assert_eq!(base, revision("{name: b, kind: red, condition: {measure: calls, above: 5}, severity: low, owner: x}"));
    assert_ne!(base, revision("{name: a, kind: red, condition: {measure: calls, above: 6}}"));
    assert_ne!(base, revision("{name: a, kind: red, selector: {service: x}, condition: {measure: calls, above: 5}}"));
}

#[test]
fn all_problems_are_told_at_once_with_place_and_remedy_and_good_rules_are_kept() {
    let text = "\
rules:
  - name: good
    kind: baseline
    condition: {measure: error_rate}
  - name: bad
    kind: red
    severty: high
    condition:
      measure: error_rat
      above: 7
      windw: 5m
    for: soon
    runbook: wiki/order
  - kind: basline
  - name: good
    kind: anomaly
  - name: more
    kind: slo
    condition: {objective: 100%, burn: [{long: 5m, short: 10m, rate: 0}]}
  - name: both
    kind: threshold
    condition: {metric: m, above: 1, below: 2}
  - name: pattern
    kind: log_pattern
    condition: {pattern: '(('}
";
    let (good, said) = check("rules.yaml", text);
    assert!(!good);
    for expected in [
        "rules.yaml:7:5: bad.severty: is not known; did you mean severity?",
        "rules.yaml:9:16: bad.condition.measure: is \"error_rat\": write one of error_rate",
        "did you mean error_rate?",
        "rules.yaml:10:14: bad.condition.above: is not between 0 and 1: write a share such as 5% or 0.05",
        "rules.yaml:11:7: bad.condition.windw: is not known; did you mean window?",
        "rules.yaml:12:10: bad.for: is not a duration: write a number and a unit",
        "rules.yaml:13:14: bad.runbook: is not a link",
        "rules.yaml:14:5: rules[1].name: is missing",
        "is \"basline\"",
        "did you mean baseline?",
        "rules.yaml:15:11: good: is the name of another rule above",
        "more.condition.objective: is not between 50% and just below 100%",
        "more.condition.burn[0].short: is not shorter than long",
        "both.condition.above: or below: exactly one of the two is needed",
        "pattern.condition.pattern: is no regular expression",
        "1 good rule, ",
    ] {
        let expected = expected.replace("rules[1]", "rules[2]");
        assert!(said.contains(&expected), "{expected:?} is not in:\n{said}");
    }
    assert_eq!(read_yaml(text).rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["good"]);
}

#[test]
fn broken_text_and_odd_shapes_are_problems_with_a_place() {
    for (text, says) in [
        ("rules: [", "line"),
        ("rules: 7", "is a number: write a list of rules"),
        ("7", "is a number: write a map"),
        ("ruls: []", "did you mean rules?"),
        ("rules: [7]", "is a number: write a map of fields"),
        ("rules: [{name: {a: b}, kind: red}]", "is a map: write a text"),
        ("rules: [{name: a, kind: red, condition: 7}]", "is a number: write a map of fields"),
        ("rules: [{name: a, kind: red, selector: {lanes: x}}]", "did you mean lane?"),
        ("rules: [{name: a, kind: red, labels: {alertname: x}}]", "which the rule sets itself"),
    ] {
        let read = read_yaml(text);
        let said: String = read.problems.iter().map(|p| format!("{p}\n")).collect();
        assert!(said.contains(says), "{text:?} gave {said:?}");
        assert!(read.rules.is_empty());
    }
    assert!(read_yaml(&" ".repeat(2 << 20)).problems[0].what.contains("at most"));
    assert!(read_yaml("").is_good() && read_yaml("rules: []").is_good());
}

#[test]
fn a_thousand_mistakes_are_counted_and_not_all_listed() {
    let text: String = std::iter::once("rules:\n".to_owned())
        .chain((0..500).map(|i| format!("  - {{name: r{i}, kin: x}}\n")))
        .collect();
    let read = read_yaml(&text);
    assert_eq!(read.problems.len(), 100);
    assert!(read.unlisted >= 500);
}

#[test]
fn every_kind_has_a_shortest_form() {
    for (kind, condition) in [
        ("red", "{measure: calls, above: 1}"),
        ("baseline", "{measure: traffic_drop}"),
        ("slo", "{objective: 99.9%}"),
        ("sql", "{query: 'SELECT 1'}"),
        ("log_pattern", "{pattern: 'timeout'}"),
        ("heartbeat", "{}"),
        ("absence", "{}"),
        ("precursor", "{metric: m}"),
        ("deadline", "{}"),
        ("forecast", "{operation: order, by: store.id}"),
        ("threshold", "{metric: m, above: 1}"),
        ("anomaly", "{}"),
    ] {
        let read = read_yaml(&format!("{{name: a, kind: {kind}, condition: {condition}}}"));
        assert_eq!(read.problems, [], "{kind}");
        assert_eq!(read.rules[0].kind(), kind);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        read_yaml(&text);
        read_yaml(&format!("rules:\n  - name: a\n    kind: red\n    condition: {{measure: calls, above: {text:?}}}\n"));
    }
}
