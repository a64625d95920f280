//! What each fault's causes show in the telemetry that is sent, and that the company recovers.
//!
//! Every run is quiet for its first minute, has its fault till [`END`], and some time to recover.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;
use crate::story::INFO;
use crate::trading::survey::{Red, Survey, attribute, duration_ms, is_failed, red, run, second, string};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::{BTreeMap, BTreeSet};

const BEGIN: f64 = 60.0;
const END: f64 = 130.0;
const WELL: f64 = 160.0;
const LAST: u64 = 200;

fn faulty(name: &'static str) -> Survey {
    faulty_with(7, &[name])
}

fn faulty_with(seed: u64, names: &[&'static str]) -> Survey {
    let faults: Vec<_> = names.iter().map(|name| (*name, BEGIN as u64 + 1, END as u64 + 1)).collect();
    run(seed, LAST, &faults)
}

/// Before, during and after the fault, of an operation as the answer key writes it.
fn three(survey: &Survey, operation: &str) -> [Red; 3] {
    let (service, name) = operation.split_once('/').unwrap();
    let kind = if name.starts_with("process ") { 5 } else { 2 };
    let of = |from, to| red(survey.of(service, kind, name, from, to));
    // A cause takes a few seconds until it hurts.
    [of(0.0, BEGIN), of(BEGIN + 15.0, END), of(WELL, LAST as f64)]
}

fn suffers(before: Red, now: Red) -> bool {
    // Where nobody gets any more, because of a step before it, there is nothing to measure.
    now.calls * 5 < before.calls || now.failed > before.failed + 0.03 || now.p95_ms > before.p95_ms * 1.8 + 20.0
}

#[test]
fn every_fault_hurts_what_its_answer_says_and_the_company_recovers() {
    for fault in CATALOGUE {
        let survey = faulty_with(11, fault.parts_or_itself());
        for operation in fault.answers.iter().flat_map(|answer| answer.hurts) {
            let [before, during, after] = three(&survey, operation);
            assert!(before.calls > 0, "{operation} is asked for");
            // One in thirty visits meets a trouble that is always there.
            assert!(suffers(before, during), "{}: {operation}: {before:?} {during:?}", fault.name);
            let well = after.failed < 0.06 && after.p95_ms < before.p95_ms * 1.8 + 30.0;
            assert!(well, "{}: {operation} recovers: {before:?} {after:?}", fault.name);
        }
    }
}

#[test]
fn the_catalogue_and_the_turns_name_the_same_faults() {
    let singles: BTreeSet<_> = CATALOGUE.iter().filter(|f| f.parts.is_empty()).map(|f| f.name).collect();
    let turned: BTreeSet<_> = TURNS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(singles, turned);
    assert_eq!(CATALOGUE.len(), 17);
    let kinds: BTreeSet<_> = model::CauseKind::ALL.iter().map(|kind| kind.as_str()).collect();
    for fault in CATALOGUE {
        assert!(fault.name.split('+').all(|kind| kinds.contains(kind)), "{} is named by its kinds", fault.name);
        for answer in fault.answers {
            assert!(answer.kinds.iter().all(|kind| kinds.contains(kind)), "{:?}", answer.kinds);
            let entity = |text: &&str| model::Entity::read(text).to_string() == **text;
            assert!(answer.entities.iter().all(entity), "{:?}", answer.entities);
        }
        for text in [fault.title, fault.description] {
            assert!(!text.en.is_empty() && !text.zh.is_empty() && !text.zh.is_ascii());
        }
    }
}

fn changes(survey: &Survey) -> Vec<(f64, String, String)> {
    let told = survey.logs.iter().filter(|(_, record)| record.event_name == "stormglass.change");
    let read = told.map(|(_, record)| {
        let value = |key| string(attribute(&record.attributes, key).unwrap());
        (second(record.time_unix_nano), value("change.kind"), value("change.target"))
    });
    // The harmless release of every day is another's.
    read.filter(|(_, _, target)| target != "recommend-service").collect()
}

/// Share of failed spans by source.
fn failing_sources(survey: &Survey, keep: impl Fn(&str, &Span) -> bool) -> BTreeMap<&str, f64> {
    let mut by: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (who, span) in &survey.spans {
        let began = second(span.start_time_unix_nano);
        if began > BEGIN + 15.0 && began < END && keep(who, span) {
            let of = by.entry(who).or_default();
            of.0 += 1.0;
            of.1 += f64::from(u8::from(is_failed(span)));
        }
    }
    by.into_iter().map(|(who, (all, failed))| (who, failed / all)).collect()
}

#[test]
fn a_leaking_pool_is_full_before_payments_are_slow() {
    let survey = faulty("connection_pool");
    let full = |p: &&crate::trading::survey::Point| {
        p.source.starts_with("payment-service")
            && p.name == "db.client.connection.count"
            && p.of.contains("used")
            && p.value >= 9.0
    };
    let first_full = survey.points.iter().filter(full).map(|p| p.second).fold(f64::MAX, f64::min);
    let slow = survey.of("payment-service", 2, "POST /payments", 0.0, LAST as f64).filter(|s| duration_ms(s) > 1_000.0);
    let slow: Vec<f64> = slow.map(|s| second(s.start_time_unix_nano)).collect();
    // Metrics are read every ten seconds: the pool may be full a little before it is told.
    let first_slow = slow.iter().copied().fold(f64::MAX, f64::min);
    assert!(first_full > BEGIN && first_full < first_slow + 10.0, "{first_full} {first_slow}");
    assert!(survey.max("payment-service", "db.client.connection.pending_requests", "payment", BEGIN, END) >= 1.0);
    assert!(survey.max("payment-service", "db.client.connection.count", "used", 0.0, BEGIN) < 5.0);
    let kinds: Vec<_> = changes(&survey).into_iter().map(|(_, kind, target)| (kind, target)).collect();
    assert_eq!(kinds, vec![("release".to_owned(), "payment-service".to_owned()); 2], "the release and its rollback");
    assert!(survey.logged("payment-service", "Connection is not available", BEGIN, END) > 20);
}

#[test]
fn without_an_index_one_statement_is_slow_and_no_other() {
    let survey = faulty("slow_sql");
    let mut by: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (_, span) in survey.spans.iter().filter(|(_, s)| s.kind == 3) {
        let Some(text) = attribute(&span.attributes, "db.query.text").map(string) else { continue };
        let began = second(span.start_time_unix_nano);
        let of = by.entry(text).or_default();
        if began < BEGIN {
            of.0 = of.0.max(duration_ms(span));
        } else if began < END {
            of.1 = of.1.max(duration_ms(span));
        }
    }
    let slow: Vec<_> =
        by.iter().filter(|(_, (before, during))| *during > before * 10.0 + 100.0).map(|(t, _)| t).collect();
    assert!(slow.len() == 1 && slow[0].contains("WHERE member_id = ? ORDER BY created_at"), "{slow:?}");
    assert!(changes(&survey).is_empty());
    assert!(survey.max("db-order-1", "mysql.query.slow.count", "order", BEGIN, END) > 5.0);
}

#[test]
fn a_menu_is_read_with_eighty_statements_by_the_new_release_only() {
    let survey = faulty("n_plus_one");
    let statements = |from, to| {
        let requests = survey.of("menu-service", 2, "GET /menus/{storeId}", from, to).count() as f64;
        let statements = survey.of("menu-service", 3, "SELECT t_product", from, to).count() as f64;
        statements / requests
    };
    assert!((0.9..1.1).contains(&statements(5.0, BEGIN - 5.0)));
    assert!((70.0..90.0).contains(&statements(BEGIN + 15.0, END - 5.0)));
    assert_eq!(changes(&survey).first().map(|c| c.2.as_str()), Some("menu-service"));
}

#[test]
fn a_node_that_hangs_slows_the_instances_of_five_services_and_none_elsewhere() {
    let survey = faulty("host");
    let mut by: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for (who, span) in
        survey.spans.iter().filter(|(_, s)| s.kind == 3 && attribute(&s.attributes, "db.system.name").is_some())
    {
        let began = second(span.start_time_unix_nano);
        if began > BEGIN + 5.0 && began < END {
            by.entry(who).or_default().push(span);
        }
    }
    let slow: BTreeSet<_> =
        by.into_iter().filter(|(_, s)| red(s.iter().copied()).p50_ms > 50.0).map(|(who, _)| who).collect();
    let expected = ["cart-service-1", "coupon-service-1", "menu-service-1", "order-service-2", "store-service-1"];
    assert_eq!(slow.into_iter().collect::<Vec<_>>(), expected);
    assert!(survey.max("node-3", "system.cpu.utilization", "system", BEGIN + 10.0, END) > 0.9);
    assert!(survey.max("node-2", "system.cpu.utilization", "system", BEGIN, END) < 0.2);
    assert!(survey.logged("node-3", "soft lockup", BEGIN, END) >= 5);
    assert_eq!(survey.logged("node-", "soft lockup", 0.0, BEGIN), 0);
}

#[test]
fn packets_are_late_between_two_services_that_are_well() {
    let survey = faulty("network");
    let server = |from, to| survey.red("inventory-service", "POST /stock/reserve", from, to).p95_ms;
    let client = |from: f64, to: f64| {
        let of = survey.of("order-service", 3, "POST", from, to);
        let ours =
            |s: &&Span| attribute(&s.attributes, "server.address").is_some_and(|a| string(a) == "inventory-service");
        red(of.filter(ours)).p50_ms
    };
    assert!(server(BEGIN, END) < server(0.0, BEGIN) * 1.5);
    assert!(client(0.0, BEGIN) < 15.0 && client(BEGIN + 2.0, END) > 700.0);
}

#[test]
fn a_provider_that_is_down_fails_at_the_callers_end() {
    let survey = faulty("third_party");
    let asks = |name: &str, span: &Span| {
        name.starts_with("payment")
            && span.kind == 3
            && attribute(&span.attributes, "server.address").is_some_and(|a| string(a).contains("example"))
    };
    assert!(failing_sources(&survey, asks).values().all(|failed| *failed > 0.6));
    let statements = |_: &str, span: &Span| attribute(&span.attributes, "db.system.name").is_some();
    assert!(failing_sources(&survey, statements).values().all(|failed| *failed == 0.0));
}

#[test]
fn a_configuration_is_pushed_and_every_coupon_is_refused() {
    let survey = faulty("config");
    let told = changes(&survey);
    assert_eq!(
        told.iter().map(|c| (c.1.as_str(), c.2.as_str())).collect::<Vec<_>>(),
        vec![("config", "coupon-service"); 2]
    );
    assert!(told[0].0 >= BEGIN && told[0].0 < BEGIN + 2.0);
    let [_, during, _] = three(&survey, "coupon-service/com.retail.coupon.CouponService/redeem");
    assert!(during.failed > 0.9, "{during:?}");
    assert!(survey.logged("coupon-service", "expired at 2020", BEGIN, END) > 20);
    assert_eq!(survey.logged("", "expired at 2020", 0.0, BEGIN), 0);
}

#[test]
fn one_message_is_tried_again_and_again_while_others_wait_behind_it() {
    let survey = faulty("poison_message");
    let mut tries: BTreeMap<String, usize> = BTreeMap::new();
    for span in survey.of("order-event-consumer", 5, "process ORDER_PAID", BEGIN, END).filter(|s| is_failed(s)) {
        *tries.entry(string(attribute(&span.attributes, "messaging.message.id").unwrap())).or_default() += 1;
    }
    assert!(tries.values().max().unwrap() > &40, "{tries:?}");
    let lag = |from, to| survey.max("mq-1", "rocketmq.consumer.lag.messages", "GID_order_event_consumer", from, to);
    assert!(lag(0.0, BEGIN) < 4.0 && lag(END - 15.0, END) > 30.0 && lag(WELL + 20.0, LAST as f64) < 4.0);
}

#[test]
fn retries_keep_promotion_down_long_after_its_hiccup_until_they_stop() {
    let survey = faulty("retry_storm");
    let prices = |from, to| survey.red("promotion-service", "POST /prices", from, to);
    let per_second = |red: Red, seconds: f64| red.calls as f64 / seconds;
    let (before, storm) = (prices(0.0, BEGIN), prices(BEGIN + 30.0, END));
    assert!(per_second(storm, END - BEGIN - 30.0) > 2.5 * per_second(before, BEGIN), "{before:?} {storm:?}");
    assert!(storm.p50_ms > 4.0 * before.p50_ms, "{before:?} {storm:?}");
    let again = survey.of("cart-service", 3, "POST", BEGIN, END);
    assert!(again.filter(|s| attribute(&s.attributes, "http.request.resend_count").is_some()).count() > 200);
}

#[test]
fn a_heap_fills_until_its_process_is_killed_and_only_there() {
    let survey = faulty("memory");
    let live = |source, from, to| survey.max(source, "jvm.memory.used_after_last_gc", "heap", from, to);
    assert!(live("member-service-1", 0.0, BEGIN) < 4e8 && live("member-service-1", BEGIN, END) > 7.5e8);
    assert!(live("member-service-0", 0.0, LAST as f64) < 4e8);
    assert!(survey.max("member-service-1", "k8s.container.restarts", "", BEGIN, END) >= 1.0);
    assert_eq!(survey.max("member-service-0", "k8s.container.restarts", "", 0.0, END), 0.0);
    assert!(survey.logged("member-service-1", "OutOfMemoryError", BEGIN, END) >= 1);
    assert!(survey.logged("k8s-cluster", "OOMKilled", BEGIN, END) >= 1);
}

#[test]
fn a_full_disk_fails_those_on_its_host_that_write_files() {
    let survey = faulty("disk");
    assert!(survey.max("node-5", "system.filesystem.utilization", "/", BEGIN + 20.0, END) >= 0.999);
    let writers = ["POST /tickets", "POST /labels", "POST /invoices"];
    for (who, failed) in failing_sources(&survey, |_, span| span.kind == 2 && writers.contains(&span.name.as_str())) {
        let on_node_5 = ["kitchen-service-0", "printing-service-0", "invoice-service-0"].contains(&who);
        assert_eq!(failed > 0.9, on_node_5, "{who}: {failed}");
    }
    let others = failing_sources(&survey, |who, span| {
        span.kind == 2 && (who == "recommend-service-1" || who == "delivery-service-0")
    });
    assert!(others.len() == 2 && others.values().all(|failed| *failed < 0.05), "{others:?}");
}

#[test]
fn a_region_without_its_gateway_prints_nothing_and_its_printers_are_silent() {
    let survey = faulty("region");
    let beats = |from: f64, to: f64| {
        let alive =
            survey.logs.iter().filter(|(_, r)| r.event_name == "stormglass.heartbeat" && r.severity_number == INFO);
        let here = alive.filter(|(_, r)| (from..to).contains(&second(r.time_unix_nano)));
        here.map(|(_, r)| string(attribute(&r.attributes, "heartbeat.name").unwrap()))
            .filter(|n| n.starts_with("printer-"))
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!((beats(30.0, BEGIN), beats(END - 30.0, END), beats(WELL, WELL + 30.0)), (48, 36, 48));
    let at = |gateway: &str| red(survey.of("printing-service", 3, gateway, BEGIN + 2.0, END)).failed;
    assert!(at("print printer-gw-south") == 1.0 && at("print printer-gw-east") < 0.1);
    assert_eq!(survey.max("printer-gw-south", "hw.status", "ok", BEGIN + 10.0, END), 0.0);
}

#[test]
fn a_surge_makes_everything_slower_and_nothing_fail() {
    let survey = faulty("traffic");
    let entered =
        |from, to| survey.of("mp-gateway", 2, "GET /api/v2/menu/{storeId}", from, to).count() as f64 / (to - from);
    assert!(entered(BEGIN + 5.0, END) > 3.5 * entered(0.0, BEGIN));
    let failed = survey.spans.iter().filter(|(_, s)| is_failed(s)).count() as f64 / survey.spans.len() as f64;
    assert!(failed < 0.005, "{failed}");
    let menu = |from, to| survey.red("mp-gateway", "GET /api/v2/menu/{storeId}", from, to).p50_ms;
    assert!(menu(BEGIN + 15.0, END) > 2.0 * menu(0.0, BEGIN));
    assert!(survey.max("mp-gateway", "process.cpu.utilization", "", BEGIN + 15.0, END) > 0.85);
    assert!(changes(&survey).is_empty());
}

#[test]
fn a_switch_that_loses_packets_hurts_three_systems_that_are_well_themselves() {
    let survey = faulty("device");
    for (who, name) in [
        ("wms-service", "POST /picks"),
        ("dock-service", "GET /docks/{dockId}"),
        ("cold-chain-service", "GET /temperatures"),
    ] {
        let (before, during) = (survey.red(who, name, 0.0, BEGIN), survey.red(who, name, BEGIN + 5.0, END));
        assert!(during.p95_ms < before.p95_ms * 2.0 + 5.0 && during.failed == 0.0, "{who}: {before:?} {during:?}");
        let client = |from: f64, to: f64| {
            let ours = |s: &&Span| attribute(&s.attributes, "server.address").is_some_and(|a| string(a) == who);
            let verb = name.split(' ').next().unwrap();
            red(survey.of("supply-service", 3, verb, from, to).filter(ours)).p50_ms
        };
        assert!(client(BEGIN + 5.0, END) > 5.0 * client(0.0, BEGIN), "{who}");
    }
    assert!(survey.max("sw-dc-east-1", "hw.errors", "packet_loss", BEGIN, END) > 30.0);
}

#[test]
fn only_the_till_that_was_left_behind_is_refused() {
    let survey = faulty("version_drift");
    let failed = failing_sources(&survey, |who, span| who.starts_with("pos-client") && span.kind == 1);
    for (till, failed) in failed {
        assert_eq!(failed > 0.9, till == "pos-client-S10005", "{till}: {failed}");
    }
    assert_eq!(changes(&survey).first().map(|c| c.2.as_str()), Some("pos-client"));
}

#[test]
fn orders_younger_than_the_lag_are_not_found() {
    let survey = faulty("replica_lag");
    let lag = |from, to| survey.max("db-order-replica", "mysql.replica.time_behind_source", "order", from, to);
    assert!(lag(0.0, BEGIN) < 1.0 && lag(END - 12.0, END) > 50.0 && lag(WELL, LAST as f64) < 1.0);
    let [before, during, after] = three(&survey, "order-service/GET /orders/{orderId}");
    assert!(before.failed == 0.0 && during.failed > 0.8 && after.failed == 0.0, "{during:?}");
    assert!(during.p95_ms < before.p95_ms * 2.0, "it is not slow, it is wrong");
}

#[test]
fn faults_of_every_seed_hurt_alike() {
    for seed in [1, 2, 3] {
        let survey = faulty_with(seed, &["disk", "third_party"]);
        for operation in ["printing-service/POST /labels", "payment-service/POST /payments"] {
            let [before, during, _] = three(&survey, operation);
            assert!(suffers(before, during), "seed {seed}: {operation}: {before:?} {during:?}");
        }
    }
}
