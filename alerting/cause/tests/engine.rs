//! Small made-up estates: one fault each, and what the engine says of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use cause::{Bounds, Case, Change, Heartbeat, LogRow, PointRow, Sensitivity, SpanRow, Telemetry, Window, judge, scan};
use incident::{Confidence, Harm, Suffering};
use model::{CauseKind, Entity, EntityKind, TimeRange, UnixNanos};
use proptest::prelude::*;

const SECOND: i64 = UnixNanos::SECOND;
const MINUTE: i64 = 60 * SECOND;
const MS: i64 = 1_000_000;

/// Ten minutes of reference, three of incident.
fn window() -> Window {
    let range = |from: i64, until: i64| TimeRange { from: UnixNanos(from * MINUTE), until: UnixNanos(until * MINUTE) };
    Window { reference: vec![range(0, 10)], current: range(10, 13) }
}

/// A fault of the made-up shop, from minute 11 on.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    SlowQuery,
    Loop,
    Throws,
    Network,
    Surge,
    ThirdPartyFails,
    NewVersionFails,
    NodeBusy,
    PodStops,
}

/// A row, owned, so that rows can be handed over in any order.
#[derive(Clone)]
enum Row {
    Span {
        trace: u64,
        id: u64,
        parent: u64,
        service: &'static str,
        operation: &'static str,
        kind: &'static str,
        start: i64,
        duration: i64,
        error: bool,
        db: bool,
        third: bool,
        version: &'static str,
        instance: String,
    },
    Log {
        trace: u64,
        span: u64,
        service: &'static str,
        time: i64,
        severity: i32,
        body: String,
    },
    Point {
        name: &'static str,
        service: &'static str,
        instance: String,
        node: String,
        time: i64,
        value: f64,
    },
}

/// Every second one order: gateway -> order -> database and payment -> a bank.
fn shop(fault: Fault) -> Vec<Row> {
    let mut rows = Vec::new();
    for second in 0..13 * 60_u64 {
        let faulty = second >= 11 * 60;
        let orders = if fault == Fault::Surge && faulty { 8 } else { 1 };
        for order in 0..orders {
            one_order(&mut rows, second, order, if faulty { fault } else { Fault::None });
        }
        if second % 15 == 0 {
            metrics(&mut rows, second, if faulty { fault } else { Fault::None });
        }
    }
    rows
}

fn one_order(rows: &mut Vec<Row>, second: u64, order: u64, fault: Fault) {
    let (trace, turn) = (second * 100 + order + 1, second + order);
    let start = second as i64 * SECOND + order as i64 * 50 * MS;
    // A little unrest, the same in every run.
    let unrest = (trace * 7919 % 13) as i64 * MS / 10;
    let version = if turn % 2 == 0 { "2" } else { "1" };
    let fails = fault == Fault::NewVersionFails && version == "2" && turn % 4 == 0;
    let mut span = |id: u64,
                    parent: u64,
                    service: &'static str,
                    operation: &'static str,
                    kind: &'static str,
                    duration: i64,
                    error: bool| {
        let instance = format!("{service}-{}", if service == "order" { turn % 2 } else { 0 });
        if fault == Fault::PodStops && service == "payment" {
            return;
        }
        rows.push(Row::Span {
            trace,
            id,
            parent,
            service,
            operation,
            kind,
            start: start + id as i64 * MS / 10,
            duration,
            error,
            db: kind == "client" && operation == "SELECT",
            third: operation == "POST bank",
            version,
            instance,
        });
    };
    let query = if fault == Fault::SlowQuery { 90 * MS } else { 3 * MS } + unrest;
    let lost = if fault == Fault::Network { 60 * MS } else { MS } + unrest;
    let queries = if fault == Fault::Loop { 12 } else { 1 };
    let bank_fails = fault == Fault::ThirdPartyFails && turn % 2 == 0;
    let inner = query * queries + 20 * MS + lost;
    span(1, 0, "gateway", "GET /buy", "server", inner + 8 * MS + unrest, fails || bank_fails);
    span(2, 1, "gateway", "POST order", "client", inner + 6 * MS, fails || bank_fails);
    span(3, 2, "order", "buy", "server", inner + 4 * MS, fails || bank_fails);
    for n in 0..queries as u64 {
        span(10 + n, 3, "order", "SELECT", "client", query, false);
    }
    if fault != Fault::Throws {
        span(4, 3, "order", "pay", "client", 12 * MS + lost, bank_fails);
        span(5, 4, "payment", "charge", "server", 12 * MS, bank_fails);
        span(6, 5, "payment", "POST bank", "client", 8 * MS + unrest, bank_fails);
    }
    rows.push(Row::Log {
        trace,
        span: 3,
        service: "order",
        time: start,
        severity: 9,
        body: format!("order {trace} taken"),
    });
    if fault == Fault::Throws {
        rows.push(Row::Log {
            trace,
            span: 3,
            service: "order",
            time: start,
            severity: 17,
            body: format!("order {trace} has no lines"),
        });
    }
}

fn metrics(rows: &mut Vec<Row>, second: u64, fault: Fault) {
    for (service, count) in [("gateway", 1), ("order", 2), ("payment", 1)] {
        for number in 0..count {
            let (instance, node) =
                (format!("{service}-{number}"), if service == "gateway" { "node-b" } else { "node-a" }.to_owned());
            let busy = fault == Fault::NodeBusy && node == "node-a";
            let value = if busy { 0.95 } else { 0.2 } + (second % 4) as f64 / 500.0;
            if !(fault == Fault::PodStops && service == "payment") {
                rows.push(Row::Point {
                    name: "process.cpu.utilization",
                    service,
                    instance,
                    node,
                    time: second as i64 * SECOND,
                    value,
                });
            }
        }
    }
}

fn add(telemetry: &mut Telemetry, row: &Row) {
    match row {
        Row::Span {
            trace,
            id,
            parent,
            service,
            operation,
            kind,
            start,
            duration,
            error,
            db,
            third,
            version,
            instance,
        } => telemetry.span(&SpanRow {
            trace_id: &format!("{trace:032x}"),
            span_id: &format!("{:016x}", trace * 1000 + id),
            parent_span_id: &if *parent == 0 { String::new() } else { format!("{:016x}", trace * 1000 + parent) },
            service,
            operation,
            kind,
            status: if *error { "error" } else { "unset" },
            start: UnixNanos(*start),
            duration_ns: *duration,
            version,
            instance,
            node: if *service == "gateway" { "node-b" } else { "node-a" },
            db_system: if *db { "postgresql" } else { "" },
            db_namespace: if *db { "orders" } else { "" },
            server_address: if *third { "api.bank.example:443" } else { "" },
            ..SpanRow::default()
        }),
        Row::Log { trace, span, service, time, severity, body } => telemetry.log(&LogRow {
            time: UnixNanos(*time),
            trace_id: &format!("{trace:032x}"),
            span_id: &format!("{:016x}", trace * 1000 + span),
            service,
            severity: *severity,
            body,
            ..LogRow::default()
        }),
        Row::Point { name, service, instance, node, time, value } => {
            telemetry.point(&PointRow {
                time: UnixNanos(*time),
                name,
                unit: "1",
                service,
                instance,
                node,
                value: *value,
                ..PointRow::default()
            });
        }
    }
}

fn case(rows: &[Row]) -> Case {
    let mut telemetry = Telemetry::default();
    rows.iter().for_each(|row| add(&mut telemetry, row));
    Case {
        records: telemetry.finish(),
        window: window(),
        suffering: vec![Entity::service("gateway").into()],
        ..Case::default()
    }
}

#[test]
fn each_fault_is_named_with_its_place_and_kind() {
    for (fault, entity, kind) in [
        (Fault::SlowQuery, Entity::new(EntityKind::Database, "postgresql/orders"), CauseKind::Database),
        (Fault::Loop, Entity::service("order"), CauseKind::NPlusOne),
        (Fault::Throws, Entity::service("order"), CauseKind::Exception),
        (Fault::Network, Entity::service("payment"), CauseKind::Network),
        (Fault::Surge, Entity::new(EntityKind::Traffic, "gateway"), CauseKind::Traffic),
        (Fault::ThirdPartyFails, Entity::new(EntityKind::ThirdParty, "api.bank.example"), CauseKind::ThirdParty),
        (Fault::NodeBusy, Entity::new(EntityKind::Node, "node-a"), CauseKind::Host),
    ] {
        let verdict = judge(&case(&shop(fault)));
        let first = verdict.causes.first().unwrap_or_else(|| panic!("no cause instead of {entity}"));
        assert_eq!((&first.entity, first.kind), (&entity, kind), "{:#?}", verdict.causes);
    }
}

#[test]
fn a_sender_that_stops_is_named() {
    let verdict = judge(&case(&shop(Fault::PodStops)));
    let first = verdict.causes.first().unwrap();
    assert_eq!(first.entity, Entity::service("payment"), "{:#?}", verdict.causes);
    assert!(first.evidence.iter().any(|evidence| evidence.kind == "silence"));
}

#[test]
fn a_healthy_window_is_quiet_and_undetermined() {
    let case = case(&shop(Fault::None));
    assert_eq!(scan(&case, Sensitivity::default()), []);
    let verdict = judge(&case);
    assert!(verdict.undetermined.is_some(), "{:#?}", verdict.causes);
}

#[test]
fn a_scan_finds_faults_without_any_error_status() {
    for fault in [Fault::SlowQuery, Fault::Loop, Fault::Throws, Fault::Network, Fault::NodeBusy, Fault::PodStops] {
        assert!(!scan(&case(&shop(fault)), Sensitivity::default()).is_empty());
    }
}

#[test]
fn the_order_of_rows_changes_nothing() {
    for fault in [Fault::Throws, Fault::ThirdPartyFails, Fault::NodeBusy] {
        let rows = shop(fault);
        let forward = case(&rows);
        let mut other = rows.clone();
        other.reverse();
        let middle = other.len() / 3;
        other.rotate_left(middle);
        let backward = case(&other);
        assert_eq!(judge(&forward), judge(&backward));
        assert_eq!(scan(&forward, Sensitivity::default()), scan(&backward, Sensitivity::default()));
    }
}

#[test]
fn beyond_the_bounds_whole_traces_are_left_out_whatever_the_order_and_it_is_said() {
    let rows = shop(Fault::Throws);
    let bounded = |rows: &[Row]| {
        let mut telemetry = Telemetry::new(Bounds { spans_max: 2_000, ..Bounds::default() });
        rows.iter().for_each(|row| add(&mut telemetry, row));
        Case { records: telemetry.finish(), window: window(), ..Case::default() }
    };
    let reversed: Vec<Row> = rows.iter().rev().cloned().collect();
    let (forward, backward) = (judge(&bounded(&rows)), judge(&bounded(&reversed)));
    assert_eq!(forward, backward);
    assert_eq!(forward.causes.first().unwrap().entity, Entity::service("order"));
    assert!(forward.missing.iter().any(|missing| missing.en.contains("one trace of")));
}

#[test]
fn evidence_can_be_shown_again_and_suffering_is_led_back_to_the_cause() {
    let verdict = judge(&case(&shop(Fault::Throws)));
    let first = verdict.causes.first().unwrap();
    assert!(
        first.evidence.iter().all(|evidence| evidence.query.as_ref().is_some_and(|query| query.starts_with("SELECT ")))
    );
    assert!(first.evidence.iter().all(|evidence| !evidence.text.en.is_empty() && !evidence.text.zh.is_empty()));
    let explained = verdict.explained.first().unwrap();
    assert_eq!(explained.path, [Entity::service("order"), Entity::service("gateway")]);
    assert!((first.since.unwrap().0 - 11 * MINUTE).abs() <= 30 * SECOND);
}

#[test]
fn missing_signals_are_said() {
    let rows: Vec<Row> = shop(Fault::NodeBusy).into_iter().filter(|row| matches!(row, Row::Point { .. })).collect();
    let said: Vec<String> = judge(&case(&rows)).missing.into_iter().map(|missing| missing.en).collect();
    assert_eq!(said, ["there are no traces of this time", "there are no logs of this time"]);
}

#[test]
fn a_release_is_convicted_by_the_difference_between_new_and_old_instances() {
    let mut case = case(&shop(Fault::NewVersionFails));
    let change = |id: &str, minute: i64, target: &str, version: &str| Change {
        id: id.into(),
        time: UnixNanos(minute * MINUTE),
        kind: "deploy".into(),
        target: target.into(),
        version: version.into(),
        ..Change::default()
    };
    case.changes = vec![
        change("guilty", 11, "order", "2"),
        change("older", 2, "order", "1"),
        change("elsewhere", 11, "unrelated", "7"),
        change("late", 12, "order", "3"),
    ];
    let verdict = judge(&case);
    let suspects: Vec<&str> =
        verdict.changes.iter().filter(|change| change.suspect).map(|change| change.id.as_str()).collect();
    assert_eq!(suspects, ["guilty"], "{:#?}", verdict.changes);
    let first = verdict.causes.first().unwrap();
    assert_eq!((first.change.as_deref(), first.kind), (Some("guilty"), CauseKind::Release), "{first:#?}");
}

#[test]
fn two_commits_of_one_release_do_not_clear_each_other() {
    let mut case = case(&shop(Fault::NewVersionFails));
    let commit = |revision: &str, version: &str| Change {
        id: revision.into(),
        time: UnixNanos(11 * MINUTE),
        kind: "deploy".into(),
        target: "order".into(),
        version: version.into(),
        revision: revision.into(),
        ..Change::default()
    };
    let suspects = |case: &Case| judge(case).changes.iter().filter(|change| change.suspect).count();
    case.changes = vec![commit("one", "2"), commit("another", "2")];
    assert_eq!(suspects(&case), 1);
    case.changes.iter_mut().for_each(|change| change.version.clear());
    assert_eq!(suspects(&case), 0, "two changes that nothing tells apart");
}

#[test]
fn a_late_heartbeat_is_evidence() {
    let mut case = case(&shop(Fault::None));
    let entity = Entity::new(EntityKind::Device, "printer-7");
    case.heartbeats = vec![Heartbeat {
        name: "printer-7".into(),
        entity: entity.clone(),
        since: UnixNanos(11 * MINUTE),
        status: "out of paper".into(),
    }];
    let verdict = judge(&case);
    assert_eq!((&verdict.causes[0].entity, verdict.causes[0].kind), (&entity, CauseKind::Device));
}

/// Times at the edges of what can be written, and ordinary ones.
fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), -MINUTE..20 * MINUTE]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-c]",
        "[a-c]:[0-9]{1,3}",
        "\\PC{0,20}",
        Just("cpu.utilization".to_owned()),
        Just("error".to_owned())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_rows_break_nothing(
        spans in prop::collection::vec((0..6_u64, 0..9_u64, 0..9_u64, any_text(), any_text(), any_time(), any_time(), any::<bool>()), 0..60),
        logs in prop::collection::vec((any_time(), 0..6_u64, 0..9_u64, any_text(), any_text()), 0..20),
        points in prop::collection::vec((any_time(), any_text(), any_text(), any::<f64>(), any::<bool>()), 0..60),
    ) {
        let mut telemetry = Telemetry::default();
        for (trace, id, parent, service, operation, start, duration, error) in &spans {
            // Parents may be missing, be the span itself, or go round in a circle.
            telemetry.span(&SpanRow {
                trace_id: &format!("{trace:x}"), span_id: &format!("{id:x}"), parent_span_id: &format!("{parent:x}"),
                service, operation, kind: operation, status: if *error { "error" } else { "unset" }, start: UnixNanos(*start), duration_ns: *duration,
                server_address: service, statement: operation, exception: operation, ..SpanRow::default()
            });
        }
        for (time, trace, span, service, body) in &logs {
            telemetry.log(&LogRow { time: UnixNanos(*time), trace_id: &format!("{trace:x}"), span_id: &format!("{span:x}"), service, body, severity: 17, ..LogRow::default() });
        }
        for (time, name, service, value, cumulative) in &points {
            telemetry.point(&PointRow { time: UnixNanos(*time), name, service, instance: service, value: *value, cumulative: *cumulative, attributes: &[("source", service), ("destination", name)], ..PointRow::default() });
        }
        let changes = vec![Change { id: "1".into(), kind: "deploy".into(), target: "a".into(), version: "b".into(), diff: "+a\n-b".into(), ..Change::default() }];
        let case = Case { records: telemetry.finish(), window: window(), changes, suffering: vec![Entity::service("a").into()], ..Case::default() };
        let verdict = judge(&case);
        prop_assert!(verdict.causes.iter().all(|cause| cause.score.is_finite()));
        scan(&case, Sensitivity { bits_min: 0.0 });
    }
}

/// The same shop once more beside itself, behind the same gateway: `GET /list` -> menu -> stock.
fn menu(fault: Fault) -> impl Iterator<Item = Row> {
    let renamed = |name: &'static str| match name {
        "order" => "menu",
        "payment" => "stock",
        "GET /buy" => "GET /list",
        other => other,
    };
    shop(fault).into_iter().filter_map(move |row| match row {
        Row::Span {
            trace, id, parent, service, operation, kind, start, duration, error, db, third, version, ..
        } => {
            let (service, operation) = (renamed(service), renamed(operation));
            let (trace, instance) = (trace + 1_000_000_000, format!("{service}-0"));
            let span = Row::Span {
                trace,
                id,
                parent,
                service,
                operation,
                kind,
                start,
                duration,
                error,
                db,
                third: false,
                version,
                instance,
            };
            (!third).then_some(span)
        }
        _ => None,
    })
}

#[test]
fn two_faults_behind_one_gateway_are_both_named_and_each_symptom_hangs_on_its_own() {
    let rows: Vec<Row> = shop(Fault::ThirdPartyFails).into_iter().chain(menu(Fault::Loop)).collect();
    let bank = Entity::new(EntityKind::ThirdParty, "api.bank.example");
    let list = Entity::new(EntityKind::Operation, "gateway/GET /list");
    let buy = Entity::new(EntityKind::Operation, "gateway/GET /buy");
    let hurt = |entity: &Entity, harm| Suffering { entity: entity.clone(), harm };
    let verdict_on = |suffering: Vec<Suffering>| judge(&Case { suffering, ..case(&rows) });
    let verdict = verdict_on(vec![
        hurt(&buy, Harm::Failure),
        hurt(&Entity::service("gateway"), Harm::Failure),
        hurt(&Entity::service("order"), Harm::Failure),
        hurt(&list, Harm::Delay),
    ]);
    let named: Vec<(&Entity, Confidence)> =
        verdict.causes.iter().map(|cause| (&cause.entity, cause.confidence)).take(2).collect();
    assert_eq!(named, [(&bank, Confidence::High), (&Entity::service("menu"), Confidence::High)], "{verdict:#?}");
    for (entity, by) in [(&buy, &bank), (&Entity::service("gateway"), &bank), (&list, &Entity::service("menu"))] {
        let found = verdict.explained.iter().find(|found| found.entity == *entity).unwrap();
        assert_eq!(&found.by, by, "{entity}");
    }
    let of_the_list = verdict_on(vec![hurt(&list, Harm::Delay)]);
    assert_eq!(of_the_list.causes.first().unwrap().entity, Entity::service("menu"), "its own cause comes first");
    assert!(of_the_list.undetermined.is_none());
}

#[test]
fn what_passes_a_fault_on_is_no_second_cause() {
    for fault in [Fault::ThirdPartyFails, Fault::SlowQuery, Fault::Network, Fault::NodeBusy, Fault::Surge] {
        let verdict = judge(&case(&shop(fault)));
        let sure = verdict.causes.iter().skip(1).filter(|cause| cause.confidence == Confidence::High);
        assert_eq!(sure.count(), 0, "{verdict:#?}");
    }
}
