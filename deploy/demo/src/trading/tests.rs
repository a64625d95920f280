//! A quiet day: what every story keeps to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::survey::{OPENED, Survey, attribute, is_failed, red, run, string};
use super::*;
use crate::estate::services::ALL;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

fn services(survey: &Survey) -> BTreeSet<&str> {
    let named = |(who, _): &(String, Span)| {
        let service = ALL.iter().find(|s| who.strip_prefix(s.name).is_some_and(|rest| rest.starts_with('-')));
        service.unwrap().name
    };
    survey.spans.iter().map(named).collect()
}

#[test]
fn the_same_seed_is_the_same_business_to_the_last_byte() {
    let day = |seed| {
        let mut company = Company::open(seed, 1.0, OPENED);
        let items = company.advance(OPENED + 20 * SECOND, &[]);
        let faulty = company.advance(OPENED + 40 * SECOND, &["memory", "disk"]);
        (items, faulty)
    };
    assert_eq!(day(7), day(7));
    assert_ne!(day(7).0, day(8).0);
}

#[test]
fn how_often_the_clock_is_looked_at_changes_nothing() {
    let mut often = Company::open(7, 1.0, OPENED);
    let pieces: Vec<_> = (1..=100).flat_map(|tenth| often.advance(OPENED + tenth * SECOND / 10, &[])).collect();
    assert_eq!(Company::open(7, 1.0, OPENED).advance(OPENED + 10 * SECOND, &[]), pieces);
}

#[test]
fn a_short_visit_with_the_default_seed_meets_nearly_every_service() {
    let mut company = Company::open(7, 2.0, OPENED);
    let mut met = HashSet::new();
    for item in company.advance(OPENED + 8 * SECOND, &[]) {
        if let Item::Span(source, _) = item {
            met.insert(company.sources.pods()[source].service.name);
        }
    }
    assert!(met.len() >= 28, "{} of {}", met.len(), ALL.len());
}

#[test]
fn a_quiet_day_meets_every_service_and_is_fast_and_well() {
    let survey = run(7, 120, &[]);
    assert_eq!(services(&survey).len(), ALL.len());
    let per_second = survey.spans.len() / 120;
    assert!((200..450).contains(&per_second), "{per_second} spans a second");
    let failed = survey.spans.iter().filter(|(_, span)| is_failed(span)).count();
    assert!(failed > 3 && failed < survey.spans.len() / 200, "{failed} of {}", survey.spans.len());
    let mut slow = Vec::new();
    let mut by_operation: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for (_, span) in survey.spans.iter().filter(|(_, span)| span.kind == 2) {
        by_operation.entry(span.name.as_str()).or_default().push(span);
    }
    for (name, spans) in by_operation {
        let red = red(spans.into_iter());
        if red.p95_ms > 600.0 {
            slow.push((name, red));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[test]
fn every_child_lies_within_the_trace_of_its_parent_and_in_time_unless_its_caller_gave_up() {
    let survey = run(1, 90, &[("retry_storm", 30, 60), ("device", 30, 60)]);
    let by_id: HashMap<&[u8], &Span> = survey.spans.iter().map(|(_, s)| (&s.span_id[..], s)).collect();
    assert_eq!(by_id.len(), survey.spans.len(), "span ids are unique");
    let mut gave_up = 0;
    for (_, span) in &survey.spans {
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
        assert!(!span.trace_id.iter().all(|b| *b == 0));
        if span.parent_span_id.is_empty() {
            continue;
        }
        let parent = by_id[&span.parent_span_id[..]];
        assert_eq!(parent.trace_id, span.trace_id);
        assert!(parent.start_time_unix_nano <= span.start_time_unix_nano);
        let outlives = span.end_time_unix_nano > parent.end_time_unix_nano;
        let timed_out = attribute(&parent.attributes, "error.type").is_some_and(|e| string(e).contains("Timeout"));
        gave_up += usize::from(outlives && span.kind != 5);
        // What a message carries on happens after its producer, not within it.
        assert!(
            !outlives || span.kind == 5 || timed_out,
            "{} outlives {}: {:?}",
            span.name,
            parent.name,
            parent.attributes
        );
    }
    assert!(gave_up > 0, "some callers did give up");
}

#[test]
fn spans_bear_what_the_conventions_ask_for() {
    let survey = run(2, 60, &[]);
    let mut kinds = BTreeMap::new();
    for (who, span) in &survey.spans {
        let has = |key: &str| attribute(&span.attributes, key).is_some();
        let keys: &[&str] = match span.kind {
            2 if has("rpc.system.name") => &["rpc.method", "server.address"],
            2 => &["http.request.method", "http.route", "url.scheme", "http.response.status_code"],
            3 if has("db.system.name") => &["db.namespace", "db.operation.name", "db.query.text", "server.address"],
            3 => &["server.address", "server.port"],
            4 | 5 => {
                &["messaging.system", "messaging.destination.name", "messaging.operation.type", "messaging.message.id"]
            }
            _ => &["thread.id"],
        };
        for key in keys {
            assert!(has(key), "{who} {}: {key} is missing in {:?}", span.name, span.attributes);
        }
        if span.kind == 2 || span.kind == 5 {
            assert!(has("request.id") && has("tenant.id") && has("store.id"), "{}", span.name);
        }
        *kinds.entry(span.kind).or_insert(0) += 1;
    }
    assert!(kinds.len() == 5, "{kinds:?}");
    assert!(survey.spans.iter().filter(|(_, s)| s.kind == 5).all(|(_, s)| s.links.len() == 1));
}

/// Event names and trace ids of whatever bears an order's number.
fn story(survey: &Survey, order: &str) -> Vec<(String, Vec<u8>)> {
    let bears = |attributes: &[_]| attribute(attributes, "order.id").is_some_and(|kv| string(kv) == order);
    let spans =
        survey.spans.iter().filter(|(_, s)| bears(&s.attributes)).map(|(_, s)| (s.name.clone(), s.trace_id.clone()));
    let logs = survey
        .logs
        .iter()
        .filter(|(_, r)| bears(&r.attributes))
        .map(|(_, r)| (r.event_name.clone(), r.trace_id.clone()));
    spans.chain(logs).collect()
}

#[test]
fn an_order_is_placed_looked_at_paid_handled_by_consumers_and_settled_by_a_job_in_traces_of_their_own() {
    let survey = run(1, 90, &[]);
    let refunded: BTreeSet<String> = survey
        .of("mp-gateway", 2, "POST /api/v2/refunds", 10.0, 90.0)
        .map(|span| string(attribute(&span.attributes, "order.id").unwrap()))
        .collect();
    let paid = survey.of("mp-gateway", 2, "POST /open/v1/payment/callback", 10.0, 50.0);
    let mut orders = paid.map(|span| string(attribute(&span.attributes, "order.id").unwrap()));
    let order = orders.find(|order| !refunded.contains(order)).unwrap();
    let story = story(&survey, &order);
    let names: BTreeSet<&str> = story.iter().map(|(name, _)| name.as_str()).collect();
    for step in [
        "POST /api/v2/orders",
        "process ORDER_CREATED",
        "GET /api/v2/orders/{orderId}",
        "POST /open/v1/payment/callback",
        "process ORDER_PAID",
        "POST /tickets",
        "settle order",
        "business.operation",
    ] {
        assert!(names.contains(step), "{step} is missing in {names:?}");
    }
    let traces: HashSet<_> = story.iter().map(|(_, trace)| trace).collect();
    assert!(traces.len() >= 5, "placed, looked at, paid, points and settled are traces of their own");
    let job = survey.spans.iter().find(|(_, span)| span.name == "job daily-settlement").unwrap();
    for key in ["user.id", "member.id", "store.id"] {
        assert!(attribute(&job.1.attributes, key).is_none(), "a job is of no customer: {key}");
    }
}

#[test]
fn business_events_say_who_did_what_and_what_it_was_before() {
    let survey = run(3, 60, &[]);
    let events: Vec<_> = survey.logs.iter().filter(|(_, r)| r.event_name == "business.operation").collect();
    let named = |name: &str| {
        let ours = |r: &&&(String, opentelemetry_proto::tonic::logs::v1::LogRecord)| {
            attribute(&r.1.attributes, "business.operation.name").is_some_and(|kv| string(kv) == name)
        };
        events.iter().filter(ours).count()
    };
    for name in
        ["buy tea", "reserve stock", "redeem coupon", "grant points", "print label", "receive goods", "settle order"]
    {
        assert!(named(name) > 5, "{name}: {}", named(name));
    }
    for (_, event) in events {
        for key in
            ["business.operation.id", "business.actor.id", "business.actor.role", "business.entities", "request.id"]
        {
            assert!(attribute(&event.attributes, key).is_some(), "{key}");
        }
    }
}

#[test]
fn jobs_printers_and_tills_say_that_they_live() {
    let survey = run(3, 60, &[]);
    let mut beats: BTreeMap<String, usize> = BTreeMap::new();
    for (_, record) in survey.logs.iter().filter(|(_, r)| r.event_name == "stormglass.heartbeat") {
        *beats.entry(string(attribute(&record.attributes, "heartbeat.name").unwrap())).or_default() += 1;
    }
    assert_eq!(beats.keys().filter(|name| name.starts_with("printer-")).count(), 48);
    assert_eq!(beats.keys().filter(|name| name.starts_with("pos-")).count(), 6);
    assert!(beats["daily-settlement"] >= 4 && beats["printer-S10001"] == 3, "{beats:?}");
}

#[test]
fn an_ordinary_release_is_told_and_goes_from_pod_to_pod_without_harm() {
    let survey = run(5, 240, &[]);
    let changes: Vec<_> = survey.logs.iter().filter(|(_, r)| r.event_name == "stormglass.change").collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(string(attribute(&changes[0].1.attributes, "change.target").unwrap()), "recommend-service");
    let before = survey.red("recommend-service", "GET /recommendations", 30.0, 150.0);
    let after = survey.red("recommend-service", "GET /recommendations", 170.0, 240.0);
    assert!(after.p50_ms < before.p50_ms * 1.5, "{before:?} {after:?}");
}

#[test]
fn metrics_come_from_every_place_every_ten_seconds() {
    let survey = run(6, 60, &[]);
    for (source, name) in [
        ("order-service-0", "jvm.memory.used"),
        ("payment-service-1", "db.client.connection.count"),
        ("order-service-0", "shop.orders"),
        ("node-3", "system.cpu.utilization"),
        ("node-5", "system.filesystem.utilization"),
        ("db-order-replica", "mysql.replica.time_behind_source"),
        ("mq-1", "rocketmq.consumer.lag.messages"),
        ("sw-dc-east-1", "hw.errors"),
        ("k8s-cluster", "k8s.cluster.pods.ready"),
    ] {
        let values = survey.values(source, name, "", 0.0, 60.0);
        assert!(values.len() >= 5, "{source} {name}: {}", values.len());
    }
    let times: BTreeSet<i64> = survey.points.iter().map(|p| p.second as i64).collect();
    assert!(times.len() > 30, "metrics are spread over the seconds");
}
