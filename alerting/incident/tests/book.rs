//! The book as those who use it see it: alerts in, incidents and events out, on event time alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use incident::{
    Act, ActError, Alert, Book, Cause, Confidence, Estate, Event, IncidentId, JoinRule, Link, Occasion, Phase,
    Relation, Role, Settings, Severity, State, Told, Verdict,
};
use model::{CauseKind, Entity, UnixNanos};
use std::collections::BTreeMap;
use std::time::Duration;

const T0: i64 = 1_700_000_000;

fn at(seconds: i64) -> UnixNanos {
    UnixNanos((T0 + seconds) * UnixNanos::SECOND)
}

fn estate(calls: &[(&str, &str)]) -> Estate {
    let link = |(from, to): &(&str, &str)| Link {
        from: Entity::read(from),
        relation: match (from.starts_with("pod:"), to.starts_with("node:")) {
            (_, true) => Relation::RunsOn,
            (true, false) => Relation::InstanceOf,
            (false, false) => Relation::Calls,
        },
        to: Entity::read(to),
        calls: 1,
        seen: None,
    };
    Estate { links: calls.iter().map(link).collect() }
}

const SHOP: &[(&str, &str)] = &[
    ("web", "order"),
    ("order", "stock"),
    ("order", "pay"),
    ("stock", "database:stock"),
    ("pod:stock-1", "stock"),
    ("pod:stock-1", "node:n1"),
    ("mail", "smtp"),
];

fn book(calls: &[(&str, &str)]) -> Book {
    let mut book = Book::new(Settings { judged: false, ..Settings::default() });
    book.survey(&estate(calls));
    book
}

fn told(name: &str, place: &str, seconds: i64) -> Told {
    let labels = [("alertname", name), ("entity", place)].map(|(key, value)| (key.to_owned(), value.to_owned()));
    Told {
        labels: BTreeMap::from(labels),
        starts_at: Some(at(seconds)),
        source: "webhook".to_owned(),
        ..Told::default()
    }
}

fn fire(book: &mut Book, name: &str, place: &str, seconds: i64) -> IncidentId {
    book.hear(Alert::read(told(name, place, seconds), at(seconds)), at(seconds)).incident
}

fn end(book: &mut Book, name: &str, place: &str, seconds: i64) {
    let told = told(name, place, seconds - 1);
    let told = Told { resolved: true, ends_at: Some(at(seconds)), ..told };
    book.hear(Alert::read(told, at(seconds)), at(seconds));
}

fn pass(book: &mut Book, from: i64, to: i64) -> Vec<Event> {
    (from..=to).flat_map(|second| book.step(at(second))).collect()
}

fn occasions(events: &[Event]) -> Vec<Occasion> {
    events.iter().map(|event| event.occasion.clone()).collect()
}

fn verdict(entity: &str, confidence: Confidence) -> Verdict {
    let cause = Cause {
        entity: Entity::read(entity),
        kind: CauseKind::Memory,
        score: 5.0,
        confidence,
        since: None,
        evidence: Vec::new(),
        against: Vec::new(),
        change: None,
        later: false,
    };
    Verdict { causes: vec![cause], ..Verdict::default() }
}

fn explaining(entity: &str, what: &str) -> Verdict {
    let (cause, what) = (Entity::read(entity), Entity::read(what));
    let explained = incident::Explained {
        path: vec![cause.clone(), what.clone()],
        entity: what,
        harm: None,
        by: cause,
        why: model::Bilingual::default(),
    };
    Verdict { explained: vec![explained], ..verdict(entity, Confidence::Medium) }
}

#[test]
fn alerts_that_hang_together_by_calls_instances_and_machines_are_one_incident() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "database:stock", 0);
    for (place, seconds, rule) in [
        ("stock", 3, JoinRule::Calls),
        ("pod:stock-1", 4, JoinRule::SameService),
        ("order", 9, JoinRule::Calls),
        ("web", 20, JoinRule::Calls),
        ("node:n1", 30, JoinRule::RunsOn),
        ("pay", 31, JoinRule::Calls),
    ] {
        assert_eq!(fire(&mut book, "Slow", place, seconds), id, "{place}");
        let joined = book.members(id).last().unwrap();
        assert_eq!(joined.reason.rule, rule, "{place}");
        assert!(!joined.reason.text.en.is_empty() && !joined.reason.text.zh.is_empty());
    }
    assert_eq!(book.members(id).next().unwrap().reason.rule, JoinRule::First);
}

#[test]
fn an_operation_belongs_to_the_service_its_labels_name_over_every_survey() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Errors", "web", 0);
    for (operation, service, seconds) in [("pay/POST /pay", "pay", 5), ("pay/POST /refund", "pay", 6)] {
        let mut told = told("OperationErrors", &format!("operation:{operation}"), seconds);
        told.labels.insert("service".to_owned(), service.to_owned());
        let heard = book.hear(Alert::read(told, at(seconds)), at(seconds));
        assert_eq!(heard.incident, id, "two calls away by its service");
        book.survey(&estate(SHOP));
    }
    assert_eq!(fire(&mut book, "Errors", "pay", 7), id);
    let last = book.members(id).last().unwrap();
    assert_eq!(last.reason.rule, JoinRule::SameService, "{last:?}");
    book.judged(id, explaining("service:pay", "service:web"), at(8));
    let roles: Vec<Role> = book.members(id).map(|episode| episode.role).collect();
    assert_eq!(roles, [Role::Symptom, Role::Cause, Role::Cause, Role::Cause], "operations of the cause are the cause");
}

#[test]
fn what_does_not_hang_together_is_apart() {
    let mut book = book(SHOP);
    let one = fire(&mut book, "Slow", "stock", 0);
    assert_ne!(fire(&mut book, "Slow", "mail", 0), one);
    assert_ne!(fire(&mut book, "Slow", "order", 301), one, "the idle gap is over");
}

#[test]
fn an_alert_between_two_incidents_merges_them_when_one_cause_explains_both() {
    let mut book = book(&[("web", "a"), ("a", "b"), ("b", "c"), ("c", "d")]);
    let root = fire(&mut book, "Slow", "d", 0);
    let front = fire(&mut book, "Slow", "web", 5);
    assert_ne!(root, front);
    fire(&mut book, "Slow", "b", 8);
    assert_eq!(book.incident(front).unwrap().merged_into, Some(root));
    assert_eq!(book.members(root).count(), 3);
    assert_eq!(book.counters().merged, 1);
}

#[test]
fn two_causes_are_parted_before_people_are_told() {
    let mut calls = vec![("web", "a1"), ("web", "b1"), ("app", "a1"), ("app", "b1")];
    calls.extend([("a1", "a2"), ("a2", "a3"), ("a1", "a3"), ("b1", "b2"), ("b2", "b3"), ("b1", "b3")]);
    let mut book = book(&calls);
    for (place, seconds) in [("a3", 0), ("a2", 1), ("a1", 1), ("web", 2), ("app", 2), ("b1", 2), ("b2", 2), ("b3", 2)] {
        fire(&mut book, "Slow", place, seconds);
    }
    assert_eq!(book.incidents().count(), 1);
    let events = pass(&mut book, 3, 40);
    assert_eq!(occasions(&events), [Occasion::Opened, Occasion::Opened]);
    let sizes: Vec<u64> = book.incidents().map(|incident| incident.alerts).collect();
    assert_eq!(sizes.iter().sum::<u64>(), 8);
    assert!(sizes.iter().all(|size| *size >= 3), "{sizes:?}");
    let split = book.incidents().find_map(|incident| incident.split_from.map(|_| incident.id)).unwrap();
    assert!(book.members(split).all(|episode| episode.reason.rule == JoinRule::Split));
}

#[test]
fn repeats_cost_nothing_and_are_counted() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "stock", 0);
    book.changed();
    let looked_at = book.counters().looked_at;
    for second in 1..=1000 {
        fire(&mut book, "Slow", "stock", second % 7);
    }
    assert_eq!(book.counters().looked_at, looked_at);
    assert_eq!((book.counters().heard, book.counters().repeats), (1001, 1000));
    assert_eq!((book.incident(id).unwrap().alerts, book.incident(id).unwrap().told), (1, 1001));
    assert_eq!(book.members(id).next().unwrap().count, 1001);
}

#[test]
fn people_are_told_once_then_of_what_matters() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "stock", 0);
    assert_eq!(occasions(&pass(&mut book, 0, 4)), []);
    assert_eq!(occasions(&pass(&mut book, 5, 10)), [Occasion::Opened]);
    book.judged(id, verdict("stock", Confidence::High), at(10));
    assert_eq!(occasions(&pass(&mut book, 11, 12)), [Occasion::CauseChanged]);
    let mut worse = told("Slow", "order", 13);
    worse.labels.insert("severity".to_owned(), "critical".to_owned());
    book.hear(Alert::read(worse, at(13)), at(13));
    assert_eq!(occasions(&pass(&mut book, 13, 14)), [Occasion::SeverityRaised]);
    fire(&mut book, "Slow", "web", 15);
    fire(&mut book, "Slow", "pay", 15);
    assert_eq!(occasions(&pass(&mut book, 15, 20)), [Occasion::ScopeDoubled]);
    for place in ["stock", "order", "web", "pay"] {
        end(&mut book, "Slow", place, 60);
    }
    assert_eq!(occasions(&pass(&mut book, 60, 100)), [Occasion::Mitigated]);
    assert_eq!(book.incident(id).unwrap().state, State::Mitigated);
    assert_eq!(occasions(&pass(&mut book, 101, 360)), [Occasion::Resolved]);
    let clocks = book.incident(id).unwrap().clocks;
    assert_eq!((clocks.fault_at, clocks.located_at, clocks.resolved_at), (Some(at(0)), Some(at(10)), Some(at(60))));
}

#[test]
fn while_it_grows_people_wait_but_not_long() {
    let mut book = book(SHOP);
    let places = ["stock", "order", "web", "pay", "pod:stock-1", "node:n1", "database:stock"];
    let mut told_at = None;
    for second in 0..60 {
        fire(&mut book, &format!("Slow{second}"), places[second as usize % places.len()], second);
        if !book.step(at(second)).is_empty() && told_at.is_none() {
            told_at = Some(second);
        }
    }
    assert_eq!(told_at, Some(8), "two seconds after the last place joined");
}

#[test]
fn an_incident_is_over_when_its_ends_have_stood_as_long_as_is_wanted() {
    for (hold, over) in [(20, 120), (300, 400)] {
        let keep_firing = Duration::from_secs(hold);
        let mut book = Book::new(Settings { judged: false, keep_firing, ..Settings::default() });
        let id = fire(&mut book, "Slow", "pay", 0);
        pass(&mut book, 1, 99);
        end(&mut book, "Slow", "pay", 100);
        assert_eq!(occasions(&pass(&mut book, 100, over - 1)), [Occasion::Mitigated], "{hold}");
        assert_eq!(occasions(&book.step(at(over))), [Occasion::Resolved], "{hold}");
        assert_eq!(
            book.incident(id).unwrap().clocks.resolved_at,
            Some(at(100)),
            "when it ended, not when that was sure"
        );
    }
}

#[test]
fn the_same_alert_that_comes_back_opens_its_incident_again() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "stock", 0);
    pass(&mut book, 0, 10);
    end(&mut book, "Slow", "stock", 20);
    pass(&mut book, 20, 330);
    assert_eq!(book.incident(id).unwrap().state, State::Resolved);
    fire(&mut book, "Slow", "stock", 600);
    assert_eq!(occasions(&pass(&mut book, 600, 620)), [Occasion::Reopened]);
    let incident = book.incident(id).unwrap();
    assert_eq!((incident.state, incident.reopened, incident.alerts), (State::Open, 1, 1));
    assert_eq!(book.incidents().count(), 1);
    end(&mut book, "Slow", "stock", 700);
    pass(&mut book, 700, 1010);
    fire(&mut book, "Slow", "stock", 2900);
    pass(&mut book, 2900, 2910);
    assert_eq!(book.counters().reopened, 1, "after half an hour it is a new one");
}

#[test]
fn late_alerts_join_by_event_time() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "stock", 0);
    fire(&mut book, "Slow", "order", 100);
    let late = Alert::read(told("Errors", "pay", 50), at(400));
    assert_eq!(book.hear(late, at(400)).incident, id);
    assert_eq!(book.members(id).last().unwrap().reason.rule, JoinRule::Late);
    assert_eq!(book.counters().late, 1);
}

#[test]
fn an_alert_that_is_resolved_first_is_kept_and_closes_by_itself() {
    let mut book = book(SHOP);
    end(&mut book, "Slow", "stock", 60);
    assert_eq!(book.counters().odd["resolved_first"], 1);
    let events = pass(&mut book, 60, 400);
    assert_eq!(occasions(&events), [Occasion::Mitigated, Occasion::Opened, Occasion::Resolved]);
}

#[test]
fn a_flapping_alert_is_one_state_and_no_messages() {
    let mut book = book(SHOP);
    fire(&mut book, "Slow", "stock", 0);
    fire(&mut book, "Slow", "order", 1);
    pass(&mut book, 0, 20);
    let mut events = Vec::new();
    for round in 1..10 {
        end(&mut book, "Slow", "stock", round * 40);
        events.extend(pass(&mut book, round * 40, round * 40 + 19));
        fire(&mut book, "Slow", "stock", round * 40 + 20);
        events.extend(pass(&mut book, round * 40 + 20, round * 40 + 39));
    }
    assert_eq!(occasions(&events), []);
    let flapping = book.episodes().filter(|episode| episode.phase == Phase::Flapping).count();
    assert_eq!((flapping, book.counters().flappings), (1, 1));
}

#[test]
fn a_verdict_gives_roles_and_a_symptom_that_stays_is_promoted() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "web", 0);
    fire(&mut book, "Slow", "order", 1);
    fire(&mut book, "Full", "pod:stock-1", 2);
    pass(&mut book, 0, 10);
    book.judged(id, verdict("stock", Confidence::High), at(10));
    let roles: Vec<Role> = book.members(id).map(|episode| episode.role).collect();
    assert_eq!(roles, [Role::Symptom, Role::Symptom, Role::Cause]);
    assert!(book.members(id).take(2).all(|episode| episode.explained_by == Some(Entity::service("stock"))));
    assert!(book.incident(id).unwrap().title.zh.contains("内存"));
    end(&mut book, "Full", "pod:stock-1", 60);
    end(&mut book, "Slow", "order", 60);
    let events = pass(&mut book, 60, 700);
    assert!(occasions(&events).contains(&Occasion::Promoted), "{events:?}");
    assert_eq!(book.members(id).next().unwrap().role, Role::Cause);
}

#[test]
fn a_sure_verdict_of_two_causes_splits_and_one_cause_joins() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    fire(&mut book, "Slow", "stock", 1);
    fire(&mut book, "Slow", "pay", 1);
    pass(&mut book, 0, 10);
    let mut two = verdict("stock", Confidence::High);
    two.causes.extend(verdict("pay", Confidence::Medium).causes);
    book.judged(id, two.clone(), at(10));
    assert_eq!(book.incidents().count(), 1, "one of them is not sure");
    two.causes[1].confidence = Confidence::High;
    book.judged(id, two, at(11));
    let pay = book.incidents().find(|incident| incident.id != id).unwrap().id;
    assert_eq!(book.members(pay).count(), 1);
    assert_eq!(fire(&mut book, "Errors", "pay", 12), pay);

    let other = fire(&mut book, "Slow", "mail", 13);
    book.judged(other, verdict("stock", Confidence::Medium), at(14));
    book.judged(id, explaining("stock", "order"), at(14));
    assert_eq!(book.incident(other).unwrap().merged_into, None, "it names stock, but nothing hangs mail on it");
    book.judged(other, explaining("stock", "mail"), at(15));
    assert_eq!(book.incident(other).unwrap().merged_into, Some(id));
}

#[test]
fn what_people_put_apart_or_together_stays_so() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    fire(&mut book, "Slow", "pay", 1);
    let pay = book.members(id).last().unwrap().alert.fingerprint;
    let new = book.act(id, Act::Split { fingerprints: vec![pay] }, "li", at(5)).unwrap();
    assert_eq!(book.members(new).next().unwrap().reason.rule, JoinRule::ByHand);
    let mail = fire(&mut book, "Slow", "mail", 6);
    assert_eq!(book.act(new, Act::Merge { into: mail }, "li", at(7)), Ok(mail));
    for place in ["order", "pay", "mail"] {
        end(&mut book, "Slow", place, 20);
    }
    pass(&mut book, 20, 4000);
    let order = fire(&mut book, "Slow", "order", 5000);
    let mail = fire(&mut book, "Slow", "mail", 5001);
    assert_eq!(fire(&mut book, "Slow", "pay", 5002), mail);
    assert_ne!(order, mail);
}

#[test]
fn acts_that_are_not_possible_say_why() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    let fingerprint = book.members(id).next().unwrap().alert.fingerprint;
    let gone = IncidentId { day: 1, number: 1 };
    let other = incident::Fingerprint([0; 16]);
    for (act, want) in [
        (Act::Merge { into: id }, ActError::Itself),
        (Act::Merge { into: gone }, ActError::Gone(gone)),
        (Act::Split { fingerprints: vec![other] }, ActError::NoneOfThem(id)),
        (Act::Split { fingerprints: vec![fingerprint] }, ActError::AllOfThem(id)),
        (Act::Comment { text: " ".to_owned() }, ActError::Text),
        (Act::Assign { assignee: Some(String::new()) }, ActError::Text),
    ] {
        assert_eq!(book.act(id, act.clone(), "li", at(1)), Err(want), "{act:?}");
    }
    assert_eq!(book.act(gone, Act::Acknowledge, "li", at(1)), Err(ActError::Gone(gone)));
    book.act(id, Act::Resolve { helped: Some("restarted it".to_owned()) }, "li", at(2)).unwrap();
    assert_eq!(book.act(id, Act::Acknowledge, "li", at(3)), Err(ActError::Resolved(id)));
    assert_eq!(book.incident(id).unwrap().state, State::Resolved);
}

#[test]
fn a_like_incident_shows_what_helped() {
    let mut book = book(SHOP);
    let first = fire(&mut book, "Slow", "stock", 0);
    book.judged(first, verdict("stock", Confidence::High), at(1));
    book.act(first, Act::Acknowledge, "li", at(2)).unwrap();
    book.act(first, Act::Resolve { helped: Some("more heap".to_owned()) }, "li", at(3)).unwrap();
    let second = fire(&mut book, "Slow", "stock", 9000);
    book.judged(second, verdict("stock", Confidence::High), at(9001));
    let similar = book.similar(second, 3);
    assert_eq!((similar.len(), similar[0].id, similar[0].helped.as_deref()), (1, first, Some("more heap")));
    let other = fire(&mut book, "Slow", "mail", 9000);
    assert!(book.similar(other, 3).is_empty());
}

#[test]
fn the_located_clock_is_when_the_right_cause_was_first_shown() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    for (seconds, entity) in [(10, "order"), (20, "stock"), (30, "pay"), (40, "stock")] {
        book.judged(id, verdict(entity, Confidence::Medium), at(seconds));
    }
    assert_eq!(book.incident(id).unwrap().clocks.located_at, Some(at(20)));
    let right = Act::Judge { right: false, entity: Some(Entity::service("pay")), text: None };
    book.act(id, right, "li", at(50)).unwrap();
    assert_eq!(book.incident(id).unwrap().clocks.located_at, Some(at(30)));
}

#[test]
fn the_loss_that_is_measured_sets_the_severity_and_none_leaves_it() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    let severity = |book: &Book| book.incident(id).unwrap().severity;
    book.weighed(id, 0.0);
    assert_eq!(severity(&book), Severity::Medium);
    book.weighed(id, 0.3);
    assert_eq!(severity(&book), Severity::Critical);
    book.weighed(id, 0.01);
    assert_eq!(severity(&book), Severity::Critical, "the worst counts");
}

#[test]
fn a_verdict_that_says_nothing_leaves_what_was_said() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    book.judged(id, verdict("stock", Confidence::High), at(5));
    book.judged(id, Verdict::default(), at(10));
    assert_eq!(book.incident(id).unwrap().cause().unwrap().entity, Entity::service("stock"));
}

#[test]
fn what_is_less_seen_when_a_fault_is_over_leaves_what_was_found_until_there_is_news() {
    let unsure = |score: f64| {
        let mut verdict = verdict("web", Confidence::Low);
        verdict.causes[0].score = score;
        Verdict { undetermined: Some(model::Bilingual::default()), ..verdict }
    };
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    let first = |book: &Book| book.incident(id).unwrap().cause().unwrap().entity.name.clone();
    book.judged(id, verdict("stock", Confidence::High), at(5));
    book.judged(id, unsure(4.0), at(60));
    assert_eq!(first(&book), "stock", "nothing is new");
    fire(&mut book, "Slow", "stock", 70);
    book.judged(id, unsure(2.0), at(75));
    assert_eq!(first(&book), "stock", "there is far less to see than there was");
    fire(&mut book, "Slow", "pay", 80);
    book.judged(id, unsure(4.0), at(85));
    assert_eq!(first(&book), "web", "as much is to be seen, and it no longer speaks for one");
}

#[test]
fn the_wake_of_a_fault_that_is_over_takes_its_place_in_no_verdict() {
    let weighing = |entity: &str, scores: &[f64]| {
        let mut verdict = verdict(entity, Confidence::High);
        let cause = verdict.causes.remove(0);
        verdict.causes.extend(scores.iter().map(|score| Cause { score: *score, ..cause.clone() }));
        verdict
    };
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    let first = |book: &Book| book.incident(id).unwrap().cause().unwrap().entity.name.clone();
    book.judged(id, weighing("stock", &[18.0]), at(5));
    fire(&mut book, "Busy", "web", 125);
    book.judged(id, weighing("web", &[2.0]), at(130));
    assert_eq!(first(&book), "stock", "a backlog that is worked off is no cause of what was before");
    book.judged(id, weighing("web", &[5.0, 17.0]), at(140));
    assert_eq!(first(&book), "web", "its own cause may weigh less than one that is known beside it");
    book.judged(id, weighing("pay", &[9.0]), at(150));
    assert_eq!(first(&book), "pay", "what is known now weighs half as much, and is newer");
}

type Kept = BTreeMap<(String, String), serde_json::Value>;

fn keep(book: &mut Book, kept: &mut Kept) {
    for doc in book.changed() {
        let key = (doc.kind.to_owned(), doc.key);
        match doc.body {
            Some(body) => kept.insert(key, body),
            None => kept.remove(&key),
        };
    }
}

#[test]
fn a_book_restored_from_its_documents_goes_on_as_if_nothing_had_happened() {
    let (mut book, mut kept) = (book(SHOP), Kept::new());
    let id = fire(&mut book, "Slow", "order", 0);
    fire(&mut book, "Slow", "stock", 1);
    pass(&mut book, 0, 10);
    keep(&mut book, &mut kept);
    book.judged(id, verdict("stock", Confidence::High), at(10));
    let mail = fire(&mut book, "Slow", "mail", 11);
    book.act(mail, Act::Resolve { helped: None }, "li", at(12)).unwrap();
    pass(&mut book, 11, 20);
    keep(&mut book, &mut kept);
    assert!(book.changed().is_empty());

    let rows = kept.iter().map(|((kind, key), body)| (kind.as_str(), key.as_str(), body.clone()));
    let settings = Settings { judged: false, ..Settings::default() };
    let mut again = Book::restore(settings, rows, at(20)).unwrap();
    again.survey(&estate(SHOP));
    for (one, two) in again.incidents().zip(book.incidents()) {
        assert_eq!(one, two);
    }
    assert_eq!(again.incidents().count(), book.incidents().count());
    assert_eq!(again.counters(), book.counters());
    for book in [&mut book, &mut again] {
        assert_eq!(fire(book, "Slow", "pay", 21), id);
        assert_eq!(fire(book, "Slow", "stock", 22), id);
        for place in ["order", "stock", "pay"] {
            end(book, "Slow", place, 30);
        }
    }
    assert_eq!(occasions(&pass(&mut again, 22, 400)), occasions(&pass(&mut book, 22, 400)));
    for (one, two) in again.incidents().zip(book.incidents()) {
        assert_eq!(one, two);
    }
    assert_eq!(again.incidents().count(), book.incidents().count());
}

#[test]
fn what_cannot_be_opened_again_leaves_memory_as_one_document() {
    let mut book = book(SHOP);
    let id = fire(&mut book, "Slow", "order", 0);
    end(&mut book, "Slow", "order", 10);
    pass(&mut book, 0, 320);
    book.changed();
    book.step(at(320 + 1801));
    assert_eq!((book.incidents().count(), book.episodes().count()), (0, 0));
    let docs = book.changed();
    let find = |kind: &str| docs.iter().find(|doc| doc.kind == kind).unwrap();
    assert!(find("incident").body.is_none() && find("episode").body.is_none());
    let archive: incident::Archived = serde_json::from_value(find("archive").body.clone().unwrap()).unwrap();
    assert_eq!((archive.incident.id, archive.alerts.len(), archive.complete), (id, 1, true));
}

#[test]
fn names_beyond_the_bound_are_folded_and_no_alert_is_lost() {
    let mut book = Book::new(Settings { episodes: 100, incidents: 20, judged: false, ..Settings::default() });
    book.survey(&estate(SHOP));
    for n in 0..5000 {
        let id = fire(&mut book, &format!("Odd{}", n % 977), &format!("stranger{n}"), n / 100);
        assert!(book.incident(id).is_some());
    }
    let kept: u64 = book.incidents().map(|incident| incident.told).sum();
    assert_eq!(kept, 5000);
    assert!(book.incidents().count() <= 20);
    assert!(book.episodes().count() <= 200 + 10_000);
    assert!(book.counters().folded > 0 && book.counters().overflowed > 0);
}

#[test]
fn a_sender_that_falls_silent_ends_its_alert() {
    let mut book = book(SHOP);
    let mut silent = told("Slow", "stock", 0);
    silent.silent_after = Some(Duration::from_secs(300));
    let id = book.hear(Alert::read(silent, at(0)), at(0)).incident;
    pass(&mut book, 0, 299);
    assert_eq!(book.incident(id).unwrap().state, State::Open);
    pass(&mut book, 300, 301);
    assert_eq!(book.incident(id).unwrap().state, State::Mitigated);
}

#[test]
fn a_machine_of_which_nothing_is_known_joins_the_one_incident_that_grows() {
    let mut book = book(SHOP);
    let machine = fire(&mut book, "Full", "node:bare", 0);
    assert_eq!(fire(&mut book, "Slow", "stock", 10), machine);
    assert_eq!(fire(&mut book, "Full", "node:other", 30), machine);
    assert_eq!(book.members(machine).last().unwrap().reason.rule, JoinRule::Time);
    let second = fire(&mut book, "Slow", "mail", 40);
    assert_ne!(second, machine);
    let third = fire(&mut book, "Full", "node:third", 50);
    assert!(third != machine && third != second, "two incidents grow: time tells nothing");
}

#[test]
fn a_wave_of_what_had_ended_is_a_new_incident_until_a_cause_says_otherwise() {
    let mut book = book(SHOP);
    let places = ["web", "order", "stock", "pay", "database:stock", "pod:stock-1"];
    let first = places.map(|place| fire(&mut book, "Slow", place, 0))[0];
    pass(&mut book, 0, 20);
    book.judged(first, verdict("stock", Confidence::High), at(20));
    pass(&mut book, 20, 50);
    places.iter().for_each(|place| end(&mut book, "Slow", place, 50));
    pass(&mut book, 50, 100);
    let wave: Vec<IncidentId> = places.iter().map(|place| fire(&mut book, "Errors", place, 100)).collect();
    assert!(wave.iter().all(|id| *id == first), "what is new joins what still lasts");
    let again: Vec<IncidentId> = (0..6).map(|n| fire(&mut book, "Slow", places[n], 120)).collect();
    let next = again[5];
    assert_ne!(next, first);
    book.judged(next, verdict("stock", Confidence::High), at(121));
    let events = pass(&mut book, 121, 130);
    assert!(book.incident(next).is_none(), "the same cause: it is the same trouble. {events:?}");
    assert_eq!(book.members(first).filter(|episode| episode.reason.rule == JoinRule::Refired).count(), 2);
}

mod always {
    use super::*;
    use proptest::prelude::*;

    const PLACES: &[&str] =
        &["web", "order", "stock", "pay", "mail", "database:stock", "pod:stock-1", "node:n1", "node:bare", "stranger"];

    #[derive(Clone, Debug)]
    enum Deed {
        Fire(usize, usize),
        End(usize, usize),
        Wait(i64),
        Judge(usize, usize, bool),
        Split(usize),
        Merge(usize, usize),
        Close(usize),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            8 => (0..3usize, 0..PLACES.len()).prop_map(|(name, place)| Deed::Fire(name, place)),
            3 => (0..3usize, 0..PLACES.len()).prop_map(|(name, place)| Deed::End(name, place)),
            4 => (1..400i64).prop_map(Deed::Wait),
            3 => (0..8usize, 0..PLACES.len(), any::<bool>()).prop_map(|(id, place, sure)| Deed::Judge(id, place, sure)),
            1 => (0..8usize).prop_map(Deed::Split),
            1 => (0..8usize, 0..8usize).prop_map(|(one, two)| Deed::Merge(one, two)),
            1 => (0..8usize).prop_map(Deed::Close),
        ]
    }

    fn nth(book: &Book, n: usize) -> Option<IncidentId> {
        let ids: Vec<IncidentId> = book.incidents().map(|incident| incident.id).collect();
        ids.get(n % ids.len().max(1)).copied()
    }

    fn act(book: &mut Book, id: Option<IncidentId>, act: Act, now: i64) {
        if let Some(id) = id {
            // Acts that are not possible are refused; that is checked elsewhere.
            let _ = book.act(id, act, "li", at(now));
        }
    }

    fn apply(book: &mut Book, deed: &Deed, now: &mut i64) {
        match deed {
            Deed::Fire(name, place) => drop(fire(book, &format!("A{name}"), PLACES[*place], *now)),
            Deed::End(name, place) => end(book, &format!("A{name}"), PLACES[*place], *now),
            Deed::Wait(seconds) => {
                for _ in 0..8 {
                    *now += (*seconds / 8).max(1);
                    book.step(at(*now));
                }
            }
            Deed::Judge(n, place, sure) => {
                let confidence = if *sure { Confidence::High } else { Confidence::Low };
                if let Some(id) = nth(book, *n) {
                    let mut verdict = verdict(PLACES[*place], confidence);
                    verdict.causes.extend(self::verdict(PLACES[(*place + n) % PLACES.len()], confidence).causes);
                    book.judged(id, verdict, at(*now));
                }
            }
            Deed::Split(n) => {
                let id = nth(book, *n);
                let half: Vec<_> =
                    id.into_iter().flat_map(|id| book.members(id)).map(|e| e.alert.fingerprint).collect();
                act(book, id, Act::Split { fingerprints: half[..half.len() / 2].to_vec() }, *now);
            }
            Deed::Merge(one, two) => {
                if let Some(into) = nth(book, *two) {
                    act(book, nth(book, *one), Act::Merge { into }, *now);
                }
            }
            Deed::Close(n) => act(book, nth(book, *n), Act::Resolve { helped: None }, *now),
        }
    }

    fn holds(book: &Book, archived: u64) {
        let mut told = archived;
        for incident in book.incidents() {
            let members: Vec<_> = book.members(incident.id).collect();
            assert_eq!(incident.alerts, members.len() as u64, "{incident:?}");
            assert_eq!(incident.firing, members.iter().filter(|episode| episode.is_firing()).count() as u64);
            assert!(members.iter().all(|episode| episode.incident == incident.id));
            told += members.iter().map(|episode| episode.count).sum::<u64>();
        }
        assert_eq!(told, book.counters().heard, "every alert told is in exactly one incident");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn no_alert_is_lost_and_a_restored_book_is_the_same(deeds in prop::collection::vec(deed(), 1..60)) {
            let (mut book, mut kept, mut now, mut archived) = (book(SHOP), Kept::new(), 0, 0);
            for deed in &deeds {
                apply(&mut book, deed, &mut now);
                keep(&mut book, &mut kept);
                for (_, body) in kept.extract_if(.., |(kind, _), _| kind == "archive") {
                    let gone: incident::Archived = serde_json::from_value(body).unwrap();
                    archived += gone.alerts.iter().map(|episode| episode.count).sum::<u64>();
                }
                holds(&book, archived);
            }
            let rows = kept.iter().map(|((kind, key), body)| (kind.as_str(), key.as_str(), body.clone()));
            let settings = Settings { judged: false, ..Settings::default() };
            let again = Book::restore(settings, rows, at(now)).unwrap();
            let same = |book: &Book| -> Vec<(IncidentId, State, u64, u64)> {
                book.incidents().map(|found| (found.id, found.state, found.alerts, found.firing)).collect()
            };
            prop_assert_eq!(same(&again), same(&book));
        }
    }
}
