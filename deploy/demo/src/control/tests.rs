//! Switches and scorecards, by tables.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::card::{Episode, Shown};
use super::incidents::Incident;
use super::judge::judge;
use super::*;
use model::ManualClock;

fn at(second: i64) -> UnixNanos {
    UnixNanos((1_800_000_000 + second) * UnixNanos::SECOND)
}

fn switches() -> (Arc<ManualClock>, Faults) {
    let clock = Arc::new(ManualClock::at(at(0)));
    (Arc::clone(&clock), Faults::new(clock))
}

#[test]
fn a_fault_acts_from_its_start_to_its_end() {
    let (clock, faults) = switches();
    let state = faults.start("disk", Some(Duration::from_secs(60))).unwrap();
    assert_eq!((state.state, state.ends_at.as_deref()), (Switch::On, Some("2027-01-15T08:01:00.000000000Z")));
    faults.start("memory", None).unwrap();
    assert_eq!(faults.acting(), ["disk", "memory"]);
    clock.advance(Duration::from_secs(60));
    assert_eq!(faults.acting(), ["memory"]);
    assert_eq!(faults.stop("memory").unwrap().state, Switch::Off);
    assert!(faults.acting().is_empty());
    assert!(faults.list().iter().all(|f| f.state == Switch::Off));
}

#[test]
fn two_faults_at_once_are_started_and_stopped_together() {
    let (_, faults) = switches();
    let both = faults.list().into_iter().find(|f| f.parts.len() == 2).unwrap();
    assert_eq!(faults.start(both.name, None).unwrap().state, Switch::On);
    assert_eq!(faults.acting(), both.parts);
    faults.stop(both.parts[0]).unwrap();
    assert_eq!(faults.state(known(both.name).unwrap()).state, Switch::Off, "one of them alone is not both");
    faults.stop(both.name).unwrap();
    assert!(faults.acting().is_empty());
}

#[test]
fn a_name_or_duration_that_is_none_is_refused_with_what_would_be_right() {
    let (_, faults) = switches();
    let error = faults.start("gremlins", None).unwrap_err().to_string();
    assert!(error.contains("connection_pool") && error.contains("replica_lag"), "{error}");
    for (text, seconds) in [
        ("90s", Some(90)),
        ("5m", Some(300)),
        ("1h", Some(3_600)),
        ("0s", None),
        ("25h", None),
        ("5", None),
        ("x", None),
    ] {
        let start = Start { duration: Some(text.into()) };
        assert_eq!(start.lasts().ok().flatten(), seconds.map(Duration::from_secs), "{text}");
    }
}

#[tokio::test]
async fn a_scorecard_says_which_company_it_is_of() {
    let (_, faults) = switches();
    faults.open_at("http://127.0.0.1:9", None);
    assert_eq!(faults.scorecard().await.unwrap().opened_at, "2027-01-15T08:00:00.000000000Z");
}

#[tokio::test]
async fn before_the_company_opens_there_is_no_scorecard() {
    assert_eq!(switches().1.scorecard().await, Err(ScoreError::Closed));
}

fn episode(name: &str, started: i64, ends: Option<i64>) -> Episode {
    Episode { fault: faults::named(name).unwrap(), started: at(started), ends: ends.map(at) }
}

fn incident(id: &str, opened: i64, cause: Option<(&str, &str)>, alerts: u64) -> Incident {
    let shown = Shown {
        incident: id.into(),
        state: "open".into(),
        entity: cause.map(|c| c.0.into()),
        kind: cause.map(|c| c.1.into()),
        confidence: Some("high".into()),
        alerts,
    };
    Incident {
        shown,
        undetermined: false,
        opened: at(opened),
        detected: Some(at(opened + 2)),
        located: Some(at(opened + 9)),
        mitigated: None,
        resolved: None,
    }
}

#[test]
fn a_verdict_is_right_where_entity_and_kind_are() {
    for (cause, verdict) in [
        (Some(("service:payment-service", "connection_pool")), Verdict::Right),
        (Some(("instance:payment-service-1", "connection_pool")), Verdict::Right),
        (Some(("operation:payment-service/POST /payments", "connection_pool")), Verdict::Right),
        (Some(("change:release-payment-service-5.1.0", "connection_pool")), Verdict::Right),
        (Some(("service:payment-service", "release")), Verdict::EntityOnly),
        (Some(("service:order-service", "connection_pool")), Verdict::KindOnly),
        (Some(("service:order-service", "release")), Verdict::Wrong),
        (None, Verdict::Undetermined),
    ] {
        let card = judge(at(0), &[episode("connection_pool", 0, None)], vec![incident("I-1", 10, cause, 3)], at(60));
        assert_eq!(card.items[0].verdict, verdict, "{cause:?}");
        assert_eq!(card.items[0].clocks.detect_ns, Some(12_000_000_000));
        let located = (verdict == Verdict::Right).then_some(19_000_000_000);
        assert_eq!(card.items[0].clocks.locate_ns, located, "{cause:?}");
    }
}

#[test]
fn entities_are_told_apart_by_what_they_stand_for() {
    for (fault, cause, verdict) in [
        ("slow_sql", ("database:mysql/order", "slow_sql"), Verdict::Right),
        ("slow_sql", ("database:order", "slow_sql"), Verdict::Right),
        ("slow_sql", ("database:mysql/payment", "slow_sql"), Verdict::KindOnly),
        ("poison_message", ("queue:rocketmq/ORDER_PAID", "poison_message"), Verdict::Right),
        ("traffic", ("traffic:entry", "traffic"), Verdict::Right),
        ("memory", ("instance:member-service-1", "memory"), Verdict::Right),
        ("memory", ("service:member", "memory"), Verdict::KindOnly),
        ("version_drift", ("instance:pos-client-S10005", "version_drift"), Verdict::Right),
        ("region", ("third_party:printer-gw-south", "region"), Verdict::Right),
        ("host", ("node:node-3", "cpu"), Verdict::EntityOnly),
    ] {
        let card = judge(at(0), &[episode(fault, 0, None)], vec![incident("I-1", 10, Some(cause), 3)], at(60));
        assert_eq!(card.items[0].verdict, verdict, "{fault}: {cause:?}");
    }
}

#[test]
fn no_incident_is_waited_for_and_then_missed() {
    for (now, verdict) in [(60, Verdict::Waiting), (121, Verdict::Missed)] {
        let stray = incident("I-0", -300, Some(("host:node-5", "disk")), 9);
        let card = judge(at(0), &[episode("disk", 0, None)], vec![stray], at(now));
        assert_eq!((card.items[0].verdict, card.unexplained), (verdict, 0));
    }
}

#[test]
fn two_faults_take_one_incident_each_and_what_is_left_is_told() {
    let episodes = [episode("disk", 0, Some(90)), episode("third_party", 0, Some(90))];
    let incidents = vec![
        incident("I-1", 8, Some(("third_party:api.pay.example.com", "third_party")), 50),
        incident("I-2", 12, Some(("host:node-5", "disk")), 4),
        incident("I-3", 20, Some(("service:cart-service", "exception")), 90),
    ];
    let card = judge(at(0), &episodes, incidents, at(200));
    let seen: Vec<_> = card.items.iter().map(|i| (i.fault, i.shown.as_ref().unwrap().incident.as_str())).collect();
    assert_eq!(seen, [("third_party", "I-1"), ("disk", "I-2")]);
    assert_eq!((card.judged, card.right, card.unexplained), (2, 2, 1));
}

#[test]
fn one_incident_cannot_answer_for_two_faults() {
    let episodes = [episode("disk", 0, None), episode("third_party", 0, None)];
    let only = incident("I-1", 8, Some(("host:node-5", "disk")), 50);
    let card = judge(at(0), &episodes, vec![only], at(200));
    assert_eq!(card.items.iter().map(|i| i.verdict).collect::<Vec<_>>(), [Verdict::Missed, Verdict::Right]);
}

#[test]
fn recovery_is_counted_from_the_end_of_the_fault() {
    let mut done = incident("I-1", 8, Some(("host:node-5", "disk")), 50);
    done.mitigated = Some(at(125));
    done.resolved = Some(at(400));
    let card = judge(at(0), &[episode("disk", 0, Some(90))], vec![done], at(500));
    assert_eq!(card.items[0].clocks.recover_ns, Some(35_000_000_000));
}
