//! Replays of the past.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;
use crate::{Ask, Figure, read_yaml};

const START: UnixNanos = UnixNanos(1_767_600_000 * UnixNanos::SECOND);
const SECOND: i64 = UnixNanos::SECOND;

fn rule(text: &str) -> Rule {
    let read = read_yaml(text);
    assert_eq!(read.problems, []);
    read.rules.into_iter().next().unwrap()
}

/// Two days of one service: all is well but for ten minutes on each day.
fn answers(questions: &[Question]) -> Answers {
    let labels: Arc<Labels> = Arc::new([("service".to_owned(), "order".to_owned())].into());
    let columns = ["calls", "errors", "p50_ns", "p95_ns", "p99_ns"].map(String::from).to_vec();
    questions
        .iter()
        .map(|question| {
            let Ask::Calls { bucket_ns, .. } = question.ask else { panic!("{:?}", question.ask) };
            let mut rows = Vec::new();
            let mut time = question.from.0;
            while time < question.until.0.min(START.0 + 2 * UnixNanos::DAY) && question.name == "calls" {
                let second = (time - START.0) / SECOND;
                let is_bad = (36_000..36_600).contains(&second.rem_euclid(86_400)) && second >= 0;
                if time >= START.0 {
                    let values = vec![100.0, if is_bad { 40.0 } else { 0.0 }, 1e7, 2e7, 3e7];
                    rows.push(Figure { labels: Arc::clone(&labels), time: UnixNanos(time), values });
                }
                time += bucket_ns;
            }
            (
                question.name,
                Ok(Arc::new(Answer { columns: columns.clone(), rows, complete: true, incomplete_reason: None })),
            )
        })
        .collect()
}

fn play(rule: &Rule, until: UnixNanos) -> Report {
    let mut backtest = Backtest::new(rule, START, until).unwrap();
    let mut rounds = 0;
    while let Some(questions) = backtest.questions() {
        backtest.answer(&answers(&questions));
        rounds += 1;
        assert!(rounds < 1_000 && (0.0..=1.0).contains(&backtest.progress().min(1.0)));
    }
    backtest.report()
}

#[test]
fn a_rule_tells_when_it_would_have_rung_with_peak_and_picture() {
    for text in [
        "{name: errors, kind: red, condition: {measure: error_rate, above: 5%}}",
        "{name: errors, kind: baseline, condition: {measure: error_rate}}",
    ] {
        let report = play(&rule(text), UnixNanos(START.0 + 2 * UnixNanos::DAY));
        assert_eq!(report.sentence.en, "In 2 days this rule would have fired 2 times.");
        assert_eq!(report.firings.len(), 2, "{}", report.text());
        for (day, firing) in report.firings.iter().enumerate() {
            let begun = START.0 + day as i64 * UnixNanos::DAY + 36_000 * SECOND;
            assert!((firing.starts_at.0 - begun).abs() <= 60 * SECOND, "{text} {}", report.text());
            let ends = firing.ends_at.unwrap().0;
            assert!((ends - begun - 600 * SECOND).abs() <= 120 * SECOND, "{text} {}", report.text());
            assert!((firing.peak - 0.4).abs() < 0.1, "{}", firing.peak);
            assert!(firing.points.len() > 5 && firing.points.len() <= POINTS_MAX);
            assert!(firing.query.contains("'order'"));
        }
        assert!(report.complete);
        assert!(report.text().contains("2026-01-05 18:00"), "{}", report.text());
    }
}

#[test]
fn a_rule_of_moments_is_asked_at_a_bounded_number_of_them() {
    let rule = rule("{name: q, kind: sql, condition: {query: 'SELECT 1'}, every: 1m}");
    let mut backtest = Backtest::new(&rule, START, UnixNanos(START.0 + 14 * UnixNanos::DAY)).unwrap();
    let mut moments = 0;
    while let Some(questions) = backtest.questions() {
        moments += 1;
        let answer = Answer { complete: moments != 5, incomplete_reason: Some("cut".into()), ..Answer::default() };
        backtest.answer(&questions.iter().map(|q| (q.name, Ok(Arc::new(answer.clone())))).collect());
    }
    assert_eq!(moments, QUERIED_STEPS_MAX);
    let report = backtest.report();
    assert_eq!((report.firings.len(), report.complete), (0, false));
    assert_eq!(report.incomplete_reason.as_deref(), Some("cut"));
}

#[test]
fn a_range_that_is_none_is_refused() {
    let red = rule("{name: a, kind: red, condition: {measure: calls, above: 1}}");
    for until in [START.0, START.0 - 1, START.0 + 93 * UnixNanos::DAY] {
        assert!(Backtest::new(&red, START, UnixNanos(until)).is_err());
    }
    let anomaly = rule("{name: a, kind: anomaly}");
    assert!(Backtest::new(&anomaly, START, UnixNanos(START.0 + UnixNanos::DAY)).is_err());
}

#[test]
fn a_long_firing_keeps_a_small_picture_with_its_last_point() {
    let rule = rule("{name: errors, kind: red, condition: {measure: calls, above: 50}, every: 10s}");
    let report = play(&rule, UnixNanos(START.0 + 20 * 3_600 * SECOND));
    assert_eq!(report.firings.len(), 1);
    let points = &report.firings[0].points;
    assert!(points.len() <= POINTS_MAX && points.len() >= POINTS_MAX / 2);
    assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(report.firings[0].ends_at, None);
}
