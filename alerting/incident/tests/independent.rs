//! Two faults at once: the second is an incident of its own, and neither hides in the other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use incident::{
    Alert, Book, Cause, Confidence, Estate, Event, IncidentId, Link, Occasion, Relation, Settings, Told, Verdict,
};
use model::{CauseKind, Entity, UnixNanos};

fn at(seconds: i64) -> UnixNanos {
    UnixNanos((1_700_000_000 + seconds) * UnixNanos::SECOND)
}

/// web calls order, pay and search; order calls stock, stock its database; search and stock stand on one machine
/// each. The warehouse calls nobody of them.
fn book() -> Book {
    let calls = [("web", "order"), ("web", "pay"), ("web", "search"), ("order", "stock"), ("stock", "database:stock")];
    let calls = calls.into_iter().chain([("app", "web"), ("warehouse", "labels"), ("web", "queue:mails")]);
    let link = |from: &str, relation, to: &str| Link {
        from: Entity::read(from),
        relation,
        to: Entity::read(to),
        calls: 1,
        seen: None,
    };
    let mut links: Vec<Link> = calls.map(|(from, to)| link(from, Relation::Calls, to)).collect();
    for service in ["search", "stock"] {
        links.push(link(&format!("pod:{service}-0"), Relation::InstanceOf, service));
        links.push(link(&format!("pod:{service}-0"), Relation::RunsOn, &format!("node:of-{service}")));
    }
    let mut book = Book::new(Settings { judged: false, ..Settings::default() });
    book.survey(&Estate { links });
    book
}

fn fire(book: &mut Book, place: &str, seconds: i64) -> IncidentId {
    let labels = [("alertname", "Errors"), ("entity", place)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let told =
        Told { labels: labels.into(), starts_at: Some(at(seconds)), source: "test".to_owned(), ..Told::default() };
    book.hear(Alert::read(told, at(seconds)), at(seconds)).incident
}

fn pass(book: &mut Book, from: i64, to: i64) -> Vec<Event> {
    (from..=to).flat_map(|second| book.step(at(second))).collect()
}

fn blame(book: &mut Book, id: IncidentId, entity: &str, confidence: Confidence, seconds: i64) {
    let cause = Cause {
        entity: Entity::read(entity),
        kind: CauseKind::Exception,
        score: 9.0,
        confidence,
        since: None,
        evidence: Vec::new(),
        against: Vec::new(),
        change: None,
        later: false,
    };
    book.judged(id, Verdict { judged_at: at(seconds), causes: vec![cause], ..Verdict::default() }, at(seconds));
}

/// order is broken, web suffers, the cause is known; five minutes have passed and both still fire.
fn open_incident(confidence: Confidence) -> (Book, IncidentId) {
    let mut book = book();
    let first = fire(&mut book, "order", 0);
    assert_eq!(fire(&mut book, "web", 2), first);
    blame(&mut book, first, "order", confidence, 10);
    let told = pass(&mut book, 0, 250);
    assert!(told.iter().any(|event| event.occasion == Occasion::Opened));
    assert!(book.incident(first).unwrap().is_live());
    (book, first)
}

#[test]
fn what_a_sure_cause_does_not_explain_is_an_incident_of_its_own_and_the_rest_is_not() {
    for (place, confidence, is_its_own, why) in [
        ("pay", Confidence::High, true, "web calls it too, but it waits for nobody in trouble"),
        ("search", Confidence::High, true, "the same, with a machine of its own"),
        ("warehouse", Confidence::High, true, "nothing hangs together"),
        ("app", Confidence::High, false, "it waits for web, web for order"),
        ("stock", Confidence::High, false, "order calls it and may have overrun it"),
        ("queue:mails", Confidence::High, false, "web, which is hurt, fills it"),
        ("pod:order-7", Confidence::High, false, "unknown to the graph until now: its labels say where it is"),
        ("pay", Confidence::Medium, false, "nobody is sure of the cause"),
    ] {
        let (mut book, first) = open_incident(confidence);
        let mut labels = vec![("alertname", "Errors"), ("entity", place)];
        labels.extend((place == "pod:order-7").then_some(("service", "order")));
        let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let told = Told { labels, starts_at: Some(at(250)), source: "test".to_owned(), ..Told::default() };
        let id = book.hear(Alert::read(told, at(250)), at(250)).incident;
        assert_eq!(id != first, is_its_own, "{place}: {why}");
        let opened = pass(&mut book, 251, 330).into_iter().filter(|event| event.occasion == Occasion::Opened).count();
        assert_eq!(opened, usize::from(is_its_own), "{place}: people are told of a second fault as of any other");
        assert!(book.incident(first).unwrap().is_live(), "{place}: the first goes on");
    }
}

#[test]
fn while_a_fault_spreads_what_hangs_together_is_one() {
    let mut book = book();
    let first = fire(&mut book, "order", 0);
    fire(&mut book, "web", 2);
    blame(&mut book, first, "order", Confidence::High, 10);
    assert_eq!(fire(&mut book, "pay", 60), first, "a minute after the first alert nobody can know");
}

#[test]
fn what_began_together_and_turns_out_to_hang_together_is_one_as_long_as_nobody_was_told() {
    for (seconds, told, is_one) in [(3, false, true), (40, false, false), (3, true, false)] {
        let mut book = book();
        let (one, two) = (fire(&mut book, "order", 0), fire(&mut book, "pay", seconds));
        assert_ne!(one, two, "nothing ties them yet");
        if told {
            pass(&mut book, 4, 70);
        }
        let id = fire(&mut book, "web", seconds + 1);
        let live = book.incidents().filter(|incident| incident.is_live()).count();
        assert_eq!((live, book.incident(id).unwrap().alerts), if is_one { (1, 3) } else { (2, 2) }, "{seconds} {told}");
    }
}

#[test]
fn what_begins_when_nothing_fires_any_more_is_the_next_trouble() {
    for (after, is_next) in [(30, false), (90, true)] {
        let mut book = book();
        let first = fire(&mut book, "order", 0);
        pass(&mut book, 0, 60);
        tell(&mut book, "Errors", "order", 60, true);
        let events = pass(&mut book, 61, 60 + after);
        assert!(events.iter().any(|event| event.occasion == Occasion::Mitigated));
        assert_eq!(fire(&mut book, "web", 60 + after) != first, is_next, "{after} s after the last end");
    }
}

#[test]
fn a_machine_that_is_the_cause_explains_what_stands_on_it_and_who_waits_for_that() {
    let mut book = book();
    let first = fire(&mut book, "node:of-stock", 0);
    fire(&mut book, "pod:stock-0", 3);
    blame(&mut book, first, "node:of-stock", Confidence::High, 10);
    pass(&mut book, 0, 200);
    assert_eq!(fire(&mut book, "order", 200), first);
    assert_ne!(fire(&mut book, "search", 210), first);
}

#[test]
fn a_second_fault_keeps_its_own_symptoms_and_both_stay_apart_when_they_end() {
    let (mut book, first) = open_incident(Confidence::High);
    let second = fire(&mut book, "search", 250);
    assert_eq!(fire(&mut book, "node:of-search", 253), second, "what hurts with the second is the second's");
    blame(&mut book, second, "search", Confidence::High, 260);
    let events = pass(&mut book, 251, 400);
    assert!(events.iter().all(|event| !matches!(event.occasion, Occasion::Merged(_) | Occasion::Split(_))));
    for (id, alerts) in [(first, 2), (second, 2)] {
        let incident = book.incident(id).unwrap();
        assert_eq!((incident.alerts, incident.is_live()), (alerts, true), "{id}");
    }
}

/// Tells an alert at a place; `ends` tells that it is over.
fn tell(book: &mut Book, name: &str, place: &str, seconds: i64, ends: bool) -> IncidentId {
    let labels = [("alertname", name), ("entity", place)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let told = Told {
        labels: labels.into(),
        starts_at: (!ends).then_some(at(seconds)),
        ends_at: ends.then_some(at(seconds)),
        resolved: ends,
        source: "test".to_owned(),
        ..Told::default()
    };
    book.hear(Alert::read(told, at(seconds)), at(seconds)).incident
}

#[test]
fn what_fires_anew_once_the_next_wave_has_begun_belongs_to_it_even_if_nobody_told_its_end() {
    let places = ["web", "order", "stock", "pay", "app", "search"];
    let mut book = book();
    let first = places.map(|place| tell(&mut book, "Slow", place, 0, false))[0];
    assert_eq!(tell(&mut book, "Busy", "web", 5, false), first);
    pass(&mut book, 0, 20);
    places.iter().for_each(|place| {
        tell(&mut book, "Slow", place, 30, true);
    });
    pass(&mut book, 20, 119);
    let wave = places.map(|place| tell(&mut book, "Slow", place, 120, false));
    let next = wave[5];
    assert_ne!(next, first, "so many at once are the next wave");
    assert_eq!(tell(&mut book, "Busy", "web", 125, false), next, "a new start is a new firing, told ended or not");
    assert!(book.members(first).all(|episode| episode.alert.name != "Busy" || !episode.is_firing()));
    assert_eq!(book.incident(first).unwrap().firing, 4, "those of the wave that came before it was known as one");
}

/// A verdict that is sure of two causes, with what of the service's harms hangs on which.
fn of_two(first: &str, second: &str, hanging: &[(&str, incident::Harm, &str)]) -> Verdict {
    let cause = |entity: &str| Cause {
        entity: Entity::read(entity),
        kind: CauseKind::Exception,
        score: 9.0,
        confidence: Confidence::High,
        since: None,
        evidence: Vec::new(),
        against: Vec::new(),
        change: None,
        later: false,
    };
    let explained = hanging.iter().map(|(entity, harm, by)| incident::Explained {
        entity: Entity::read(entity),
        harm: Some(*harm),
        by: Entity::read(by),
        path: Vec::new(),
        why: model::Bilingual::default(),
    });
    Verdict { causes: vec![cause(first), cause(second)], explained: explained.collect(), ..Verdict::default() }
}

#[test]
fn what_hangs_on_another_cause_goes_to_the_incident_of_that_one_and_a_service_may_suffer_by_both() {
    let mut book = book();
    let first = tell(&mut book, "Errors", "order", 0, false);
    for name in ["Errors", "Latency"] {
        assert_eq!(tell(&mut book, name, "web", 2, false), first);
    }
    let second = tell(&mut book, "Latency", "warehouse", 3, false);
    assert_ne!(second, first);
    let hanging = [
        ("order", incident::Harm::Failure, "order"),
        ("web", incident::Harm::Failure, "order"),
        ("web", incident::Harm::Delay, "search"),
    ];
    let elsewhere = [("warehouse", incident::Harm::Delay, "search")];
    book.judged(second, of_two("search", "order", &elsewhere), at(10));
    book.judged(first, of_two("order", "search", &hanging), at(11));
    let alerts = |id| book.incident(id).unwrap().alerts;
    assert_eq!((alerts(first), alerts(second)), (2, 2), "the delay of web is the second's");
    assert!(book.members(second).any(|episode| episode.entity == Some(Entity::service("web"))));
    pass(&mut book, 12, 60);
    let live = book.incidents().filter(|incident| incident.is_live()).count();
    assert_eq!(live, 2, "and nothing moves any more");
}

#[test]
fn what_hangs_on_another_cause_that_has_no_incident_yet_becomes_one() {
    let mut book = book();
    let first = tell(&mut book, "Errors", "order", 0, false);
    tell(&mut book, "Latency", "web", 2, false);
    let hanging = [("order", incident::Harm::Failure, "order"), ("web", incident::Harm::Delay, "search")];
    book.judged(first, of_two("order", "search", &hanging), at(11));
    let alerts: Vec<u64> = book.incidents().map(|incident| incident.alerts).collect();
    assert_eq!(alerts, [1, 1]);
    assert_eq!(book.counters().split, 1);
}
