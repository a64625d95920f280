//! Business events, changes and heartbeats that follow from records and spans: what lands where,
//! what is flagged, what is cut.

use crate::read;
use crate::rows::{Row, row, rows};
use decode::Decoded;
use model::Signal;
use serde_json::{Value, json};
use tables::TableId;
use tables::build::{BuildSettings, Condition, EntityMap, ExtractRule, Operand, Pattern, RuleMap, RuleSource};

/// The rule of the layout that these tests use.
pub(crate) fn rule() -> ExtractRule {
    ExtractRule {
        name: "erp".into(),
        from: RuleSource::Spans,
        conditions: vec![Condition { key: "http.route".into(), any_of: vec![Pattern::new("/erp/*")] }],
        map: RuleMap {
            operation: Operand::new("'save order'"),
            operation_id: None,
            phase: None,
            outcome: None,
            actor: Some(Operand::new("erp.user")),
            actor_role: Some(Operand::new("'clerk'")),
            request_id: Some(Operand::new("erp.call")),
            entities: vec![EntityMap {
                ty: Operand::new("'order'"),
                id: Operand::new("erp.order.no"),
                role: None,
                before: Some(Operand::new("erp.old")),
                after: Some(Operand::new("erp.new")),
            }],
        },
    }
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn any(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_i64() => json!({ "intValue": number.to_string() }),
        Value::Number(number) => json!({ "doubleValue": number }),
        Value::Array(items) => json!({ "arrayValue": { "values": items.iter().map(any).collect::<Vec<_>>() } }),
        Value::Object(fields) => json!({ "kvlistValue": { "values": pairs(fields) } }),
        Value::Null => json!({}),
    }
}

fn pairs(fields: &serde_json::Map<String, Value>) -> Vec<Value> {
    fields.iter().map(|(key, value)| json!({ "key": key, "value": any(value) })).collect()
}

fn attributes(value: &Value) -> Vec<Value> {
    pairs(value.as_object().unwrap())
}

/// One record of service `shop` in a trace.
fn log(event_name: &str, body: &str, values: Value) -> Decoded {
    let record = json!({
        "timeUnixNano": "1700000000000000000", "eventName": event_name, "body": { "stringValue": body },
        "traceId": TRACE, "spanId": SPAN, "attributes": attributes(&values),
    });
    let resource = attributes(&json!({ "service.name": "shop", "deployment.environment.name": "production" }));
    let body = json!({ "resourceLogs": [{ "resource": { "attributes": resource }, "scopeLogs": [{ "logRecords": [record] }] }] });
    read(Signal::Logs, body.to_string()).unwrap()
}

fn span(name: &str, status: i32, values: Value) -> Decoded {
    let span = json!({
        "traceId": TRACE, "spanId": SPAN, "name": name, "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000000000009", "status": { "code": status }, "attributes": attributes(&values),
    });
    let resource = attributes(&json!({ "service.name": "shop" }));
    let body =
        json!({ "resourceSpans": [{ "resource": { "attributes": resource }, "scopeSpans": [{ "spans": [span] }] }] });
    read(Signal::Traces, body.to_string()).unwrap()
}

fn cells(row: &Row, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| row.get(*name).cloned().unwrap_or_default()).collect()
}

#[test]
fn an_event_record_is_a_business_event_and_one_entity_change_per_entity() {
    let decoded = log(
        "business.operation",
        "order placed",
        json!({
            "business.operation.id": "op-1", "business.operation.name": "buy tea", "business.operation.phase": "create",
            "business.actor.id": "U1", "business.actor.role": "customer", "request.id": "req-1",
            "business.operation.deadline_ns": 60, "order.amount": 12.5,
            "business.entities": [
                { "type": "order", "id": "O1", "role": "subject", "before": "", "after": { "status": "placed", "cups": 2 } },
                { "type": "sku", "id": 17, "before": 10, "after": 8 },
            ],
        }),
    );
    assert_eq!(rows(&decoded, TableId::Logs).len(), 1, "the record itself is kept");
    let event = row(&decoded, TableId::BusinessEvents);
    assert_eq!(
        cells(
            &event,
            &["operation_id", "operation", "phase", "outcome", "actor", "actor_role", "request_id", "source"]
        ),
        ["op-1", "buy tea", "create", "unknown", "U1", "customer", "req-1", "log"]
    );
    assert_eq!(cells(&event, &["service", "trace_id", "span_id", "deadline_ns"]), ["shop", TRACE, SPAN, "60"]);
    assert_eq!(event["attributes"], "{order.amount: 12.5, request.id: req-1}");
    assert_eq!(event.get("flags"), None);
    let changes = rows(&decoded, TableId::EntityChanges);
    let shown: Vec<_> = changes
        .iter()
        .map(|row| cells(row, &["entity_type", "entity_id", "role", "before", "after", "operation"]))
        .collect();
    assert_eq!(shown[0], ["order", "O1", "subject", "", r#"{"cups":2,"status":"placed"}"#, "buy tea"]);
    assert_eq!(shown[1], ["sku", "17", "", "10", "8", "buy tea"]);
    assert!(changes[0].contains_key("before") && !changes[1].contains_key("role"), "empty is not absent");
    assert!(decoded.warnings.is_empty());
}

#[test]
fn the_short_form_and_a_list_written_as_text_say_the_same() {
    let short = log(
        "business.operation",
        "",
        json!({
            "business.operation.id": "op-1", "business.operation.name": "pay", "business.entity.type": "order",
            "business.entity.id": "O1", "business.before": "placed", "business.after": "paid",
        }),
    );
    let text = log(
        "business.operation",
        "",
        json!({
            "business.operation.id": "op-1", "business.operation.name": "pay",
            "business.entities": r#"[{"type": "order", "id": "O1", "before": "placed", "after": "paid"}]"#,
        }),
    );
    for table in [TableId::BusinessEvents, TableId::EntityChanges] {
        assert_eq!(row(&short, table), row(&text, table));
    }
}

#[test]
fn a_malformed_event_keeps_what_is_good_and_is_flagged() {
    for (name, values, entities, flags) in [
        ("no name", json!({ "business.operation.id": "op-1" }), 0, "event_malformed"),
        ("nothing at all", json!({}), 0, "event_malformed"),
        (
            "an element that is no entity",
            json!({ "business.operation.name": "pay", "business.entities": [{ "type": "order", "id": "O1" }, 7] }),
            1,
            "event_malformed",
        ),
        (
            "an entity without id",
            json!({ "business.operation.id": "op", "business.operation.name": "pay", "business.entity.type": "order" }),
            0,
            "event_malformed",
        ),
        (
            "a deadline that is none",
            json!({ "business.operation.id": "op", "business.operation.name": "pay", "business.operation.deadline_ns": "soon" }),
            0,
            "event_malformed",
        ),
        (
            "a value beyond the bound",
            json!({
                "business.operation.name": "pay", "business.entity.type": "order", "business.entity.id": "O1",
                "business.after": "é".repeat(BuildSettings::EVENT_VALUE_BYTES_MAX),
            }),
            1,
            "value_cut",
        ),
        (
            "entities beyond the bound",
            json!({
                "business.operation.name": "pay",
                "business.entities": vec![json!({ "type": "order", "id": "O1" }); BuildSettings::ENTITIES_MAX + 3],
            }),
            BuildSettings::ENTITIES_MAX,
            "entities_cut",
        ),
    ] {
        let decoded = log("business.operation", "", values);
        let event = row(&decoded, TableId::BusinessEvents);
        assert_eq!(event["flags"], flags, "{name}");
        assert_eq!(rows(&decoded, TableId::EntityChanges).len(), entities, "{name}");
        assert_eq!(rows(&decoded, TableId::Logs).len(), 1, "{name}");
        assert_eq!(decoded.warnings.len(), 1, "the sender hears of it: {name}");
    }
}

#[test]
fn a_span_is_a_business_event_by_its_name_or_entities_but_not_by_baggage() {
    let named = span("POST /pay", 2, json!({ "business.operation.name": "pay", "business.operation.id": "op-1" }));
    let event = row(&named, TableId::BusinessEvents);
    assert_eq!(cells(&event, &["operation", "outcome", "source"]), ["pay", "failure", "span"]);
    let entity = span("POST /pay", 0, json!({ "business.entity.type": "order", "business.entity.id": "O1" }));
    assert_eq!(
        cells(&row(&entity, TableId::BusinessEvents), &["operation", "flags"]),
        ["POST /pay", "event_malformed"]
    );
    let baggage = span("GET /menu", 0, json!({ "business.operation.id": "op-1", "order.id": "O1" }));
    assert_eq!(rows(&baggage, TableId::BusinessEvents).len(), 0);
}

#[test]
fn a_rule_makes_an_event_of_a_span_that_names_the_values_otherwise() {
    let values = json!({
        "http.route": "/erp/save", "erp.order.no": 4711, "erp.user": "anna", "erp.call": "c-9", "erp.old": "1", "erp.new": "2",
    });
    let decoded = span("POST", 0, values);
    let event = row(&decoded, TableId::BusinessEvents);
    assert_eq!(
        cells(&event, &["operation", "actor", "actor_role", "request_id", "source"]),
        ["save order", "anna", "clerk", "c-9", "rule:erp"]
    );
    assert_eq!(
        cells(&row(&decoded, TableId::EntityChanges), &["entity_type", "entity_id", "before", "after"]),
        ["order", "4711", "1", "2"]
    );
    for other in [json!({ "http.route": "/shop/save", "erp.order.no": "1" }), json!({ "http.route": "/erp/save" })] {
        assert_eq!(rows(&span("POST", 0, other), TableId::BusinessEvents).len(), 0);
    }
}

#[test]
fn changes_are_read_from_our_events_and_from_the_conventions() {
    let columns = ["kind", "target", "environment", "version", "status", "source", "author", "change_id"];
    for (event, values, expected) in [
        (
            "stormglass.change",
            json!({
                "change.kind": "config", "change.target": "order-service", "change.version": "42", "change.author": "anna",
                "change.source": "gitlab", "change.id": "c1", "change.status": "success",
            }),
            ["config", "order-service", "production", "42", "succeeded", "gitlab", "anna", "c1"],
        ),
        (
            "deployment.started",
            json!({ "deployment.id": "d7", "service.name": "pay", "service.version": "2.0", "deployment.environment.name": "test" }),
            ["deployment", "pay", "test", "2.0", "started", "telemetry", "", "d7"],
        ),
        (
            "feature_flag.changed",
            json!({ "feature_flag.key": "new-till", "feature_flag.result.variant": "on", "feature_flag.provider.name": "flagd" }),
            ["feature_flag", "new-till", "production", "on", "", "flagd", "", ""],
        ),
    ] {
        let decoded = log(event, "", values);
        let change = row(&decoded, TableId::Changes);
        assert_eq!(cells(&change, &columns), expected, "{event}");
        assert_eq!(change["service"], "shop");
    }
    let evaluation = log("feature_flag.evaluation", "", json!({ "feature_flag.key": "new-till" }));
    assert_eq!(rows(&evaluation, TableId::Changes).len(), 0, "to read a flag changes nothing");
    let deploy = span("deploy", 1, json!({ "cicd.pipeline.task.type": "deploy", "cicd.pipeline.run.id": "9" }));
    assert_eq!(cells(&row(&deploy, TableId::Changes), &["kind", "target", "change_id"]), ["deployment", "shop", "9"]);
    let test = span("test", 1, json!({ "cicd.pipeline.task.type": "test", "cicd.pipeline.run.id": "9" }));
    assert_eq!(rows(&test, TableId::Changes).len(), 0, "a test run changes nothing");
}

#[test]
fn heartbeats_say_how_a_job_stands() {
    let columns = ["name", "status", "exit_status", "run_id", "duration_ns", "text", "flags"];
    for (values, expected) in [
        (json!({ "heartbeat.name": "nightly" }), ["nightly", "ok", "", "", "", "done", ""]),
        (
            json!({ "heartbeat.name": "nightly", "heartbeat.status": "start", "heartbeat.run_id": "r1" }),
            ["nightly", "start", "", "r1", "", "done", ""],
        ),
        (
            json!({ "heartbeat.name": "nightly", "heartbeat.exit_status": 3, "heartbeat.duration_ns": 5 }),
            ["nightly", "fail", "3", "", "5", "done", ""],
        ),
        (json!({ "heartbeat.status": "hm" }), ["shop", "log", "", "", "", "done", "event_malformed"]),
    ] {
        let decoded = log("stormglass.heartbeat", "done", values);
        assert_eq!(cells(&row(&decoded, TableId::Heartbeats), &columns), expected);
    }
}

#[test]
fn ordinary_records_and_spans_derive_nothing() {
    let record = log("", "hello", json!({ "order.id": "O1", "business.operation.id": "op-1", "deployment.id": "d" }));
    let span = span("GET", 0, json!({ "order.id": "O1", "http.route": "/x" }));
    for (decoded, table) in [(record, TableId::Logs), (span, TableId::Spans)] {
        let tables: Vec<_> = decoded.batches.tables.iter().map(|batch| batch.table).collect();
        assert_eq!(tables, [table, TableId::Resources]);
    }
}
