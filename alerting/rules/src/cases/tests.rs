//! What the rules are to do, as cases of the very kind that people write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;

const CASES: &str = include_str!("cases.yaml");

#[test]
fn the_cases_hold() {
    let tested = test(CASES);
    assert!(tested.is_good(), "{}", tested.text("cases.yaml"));
    assert!(tested.passed >= 15, "{} passed", tested.passed);
}

#[test]
fn a_case_that_expects_the_wrong_thing_fails_and_says_what() {
    let text = "\
rules:
  - {name: many, kind: red, condition: {measure: calls, above: 50}, every: 10s}
tests:
  - name: nobody calls
    calls: [{labels: {service: a}, calls: 100x30}]
    expect: [{at: 2m, firing: []}]
  - name: somebody else calls
    calls: [{labels: {service: a}, calls: 100x30}]
    expect: [{at: 2m, firing: [{alertname: many, service: b}]}]
";
    let tested = test(text);
    assert_eq!((tested.passed, tested.failures.len()), (0, 2));
    assert!(tested.failures[0].contains("nobody calls: at 2m fires unexpectedly"), "{:?}", tested.failures);
    assert!(tested.failures[1].contains("does not fire"), "{:?}", tested.failures);
    assert!(tested.text("f").ends_with("0 passed, 2 failed\n"));
}

#[test]
fn a_case_with_mistakes_says_where() {
    let tested = test("rules: []\ntests:\n  - name: x\n    call: []\n    expect: [{at: 7s}]\n");
    let text = tested.text("f.yaml");
    assert!(!tested.is_good());
    assert!(text.contains("line 4") && text.contains("did you mean calls?"), "{text}");
    assert!(text.contains("multiple of 5s"), "{text}");
    assert!(!test("rules: []").is_good(), "a file without cases is not a tested one");
}
