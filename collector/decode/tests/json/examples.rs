//! A request of each kind as SDKs write them: a trace, metrics of all five kinds, logs, an event.

use crate::read;
use crate::rows::{Row, row, rows};
use model::Signal;
use tables::TableId;

#[track_caller]
fn holds(row: &Row, want: &[(&str, &str)]) {
    for (column, want) in want {
        assert_eq!(row.get(*column).map(String::as_str), Some(*want), "{column} in {row:?}");
    }
}

#[test]
fn a_trace() {
    let decoded = read(
        Signal::Traces,
        r#"{
          "resourceSpans": [{
            "resource": {
              "attributes": [
                {"key": "service.name", "value": {"stringValue": "coffee.shop"}},
                {"key": "service.instance.id", "value": {"stringValue": "till-7"}}
              ]
            },
            "scopeSpans": [{
              "scope": {"name": "till", "version": "2.1.0", "attributes": [{"key": "lang", "value": {"stringValue": "js"}}]},
              "spans": [{
                "traceId": "4BF92F3577B34DA6A3CE929D0E0E4736",
                "spanId": "00F067AA0BA902B7",
                "parentSpanId": "53995C3F42CD8AD8",
                "traceState": "vendor=1",
                "flags": 257,
                "name": "POST /orders",
                "kind": 2,
                "startTimeUnixNano": "1700000000000000000",
                "endTimeUnixNano": "1700000000123456789",
                "attributes": [
                  {"key": "http.request.method", "value": {"stringValue": "POST"}},
                  {"key": "http.response.status_code", "value": {"intValue": "201"}},
                  {"key": "request.id", "value": {"stringValue": "r-1"}},
                  {"key": "cup.sizes", "value": {"arrayValue": {"values": [{"stringValue": "L"}, {"intValue": "2"}]}}}
                ],
                "events": [{
                  "timeUnixNano": "1700000000000000007", "name": "brewed", "droppedAttributesCount": 1,
                  "attributes": [{"key": "beans", "value": {"doubleValue": 18.5}}]
                }],
                "links": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "flags": 1}],
                "status": {"code": 1}
              }]
            }],
            "schemaUrl": "https://opentelemetry.io/schemas/1.44.0"
          }]
        }"#,
    )
    .unwrap();
    assert_eq!((decoded.rejected, decoded.warnings.len()), (0, 0));
    holds(
        &row(&decoded, TableId::Spans),
        &[
            ("time", "2023-11-14T22:13:20Z"),
            ("duration_ns", "123456789"),
            ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("span_id", "00f067aa0ba902b7"),
            ("parent_span_id", "53995c3f42cd8ad8"),
            ("trace_state", "vendor=1"),
            ("trace_flags", "257"),
            ("service", "coffee.shop"),
            ("operation", "POST /orders"),
            ("kind", "server"),
            ("status", "ok"),
            ("scope", "till"),
            ("scope_version", "2.1.0"),
            ("scope_attributes", r#"{"lang":"js"}"#),
            ("request_id", "r-1"),
            ("request_id_key", "request.id"),
            ("attributes.http.request.method", "POST"),
            ("attributes.http.response.status_code", "201"),
            ("attributes", r#"{cup.sizes: ["L",2]}"#),
        ],
    );
    let sender = &decoded.batches.senders[0];
    assert_eq!(
        (sender.service.as_str(), sender.instance.as_deref(), sender.accepted),
        ("coffee.shop", Some("till-7"), 1)
    );
    holds(&row(&decoded, TableId::Resources), &[("schema_url", "https://opentelemetry.io/schemas/1.44.0")]);
}

#[test]
fn metrics_of_all_five_kinds() {
    let decoded = read(
        Signal::Metrics,
        r#"{"resourceMetrics": [{
          "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "coffee.shop"}}]},
          "scopeMetrics": [{"scope": {"name": "meter"}, "metrics": [
            {"name": "cups", "unit": "1", "description": "Cups sold", "sum": {
              "aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [{
                "asInt": "5", "startTimeUnixNano": "1700000000000000000", "timeUnixNano": "1700000000000000001",
                "attributes": [{"key": "size", "value": {"stringValue": "L"}}],
                "exemplars": [{"timeUnixNano": "1700000000000000001", "asInt": "1", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
                  "spanId": "00f067aa0ba902b7", "filteredAttributes": [{"key": "till", "value": {"intValue": "7"}}]}]}]}},
            {"name": "water", "unit": "Cel", "gauge": {"dataPoints": [{"asDouble": 93.5, "timeUnixNano": "1700000000000000002"}]}},
            {"name": "wait", "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [{
                "timeUnixNano": "1700000000000000003", "count": "3", "sum": 4.5, "min": 0.5, "max": 3,
                "bucketCounts": ["1", "2"], "explicitBounds": [1]}]}},
            {"name": "grind", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [{
                "timeUnixNano": "1700000000000000004", "count": "6", "sum": 9, "scale": 2, "zeroCount": "1", "zeroThreshold": 0.25,
                "positive": {"offset": 1, "bucketCounts": ["2", "3"]}, "negative": {"offset": 0, "bucketCounts": []}}]}},
            {"name": "tips", "summary": {"dataPoints": [{"timeUnixNano": "1700000000000000005", "count": "2", "sum": 7,
                "quantileValues": [{"quantile": 0.5, "value": 3}, {"quantile": 1, "value": 4}]}]}}
          ]}]
        }]}"#,
    )
    .unwrap();
    assert_eq!((decoded.rejected, decoded.warnings.len()), (0, 0));
    let points = rows(&decoded, TableId::Metrics);
    let series = rows(&decoded, TableId::Series);
    let of = |rows: &[Row], name: &str| rows.iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!((points.len(), series.len()), (5, 5));
    holds(&of(&points, "cups"), &[("int_value", "5"), ("start_time", "2023-11-14T22:13:20Z")]);
    assert!(of(&points, "cups")["exemplars"].contains("4bf92f3577b34da6a3ce929d0e0e4736"));
    holds(
        &of(&series, "cups"),
        &[
            ("type", "sum"),
            ("unit", "1"),
            ("description", "Cups sold"),
            ("temporality", "delta"),
            ("monotonic", "true"),
            ("attributes", "{size: L}"),
            ("service", "coffee.shop"),
            ("scope", "meter"),
        ],
    );
    holds(&of(&points, "water"), &[("value", "93.5"), ("time", "2023-11-14T22:13:20.000000002Z")]);
    holds(
        &of(&points, "wait"),
        &[
            ("count", "3"),
            ("sum", "4.5"),
            ("min", "0.5"),
            ("max", "3.0"),
            ("bucket_counts", "[1, 2]"),
            ("explicit_bounds", "[1.0]"),
        ],
    );
    holds(&of(&series, "wait"), &[("type", "histogram"), ("temporality", "cumulative")]);
    holds(
        &of(&points, "grind"),
        &[
            ("scale", "2"),
            ("zero_count", "1"),
            ("zero_threshold", "0.25"),
            ("positive_offset", "1"),
            ("positive_counts", "[2, 3]"),
            ("negative_offset", "0"),
        ],
    );
    holds(&of(&series, "grind"), &[("type", "exponential_histogram")]);
    holds(
        &of(&points, "tips"),
        &[("quantiles", "[{quantile: 0.5, value: 3.0}, {quantile: 1.0, value: 4.0}]"), ("sum", "7.0")],
    );
    holds(&of(&series, "tips"), &[("type", "summary")]);
}

#[test]
fn a_log_record_and_an_event() {
    let decoded = read(
        Signal::Logs,
        r#"{"resourceLogs": [{
          "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "coffee.shop"}}]},
          "scopeLogs": [
            {"scope": {"name": "logger"}, "logRecords": [{
              "timeUnixNano": "1700000000000000000", "observedTimeUnixNano": "1700000000000000001",
              "severityNumber": 13, "severityText": "Warn", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7",
              "flags": 1, "body": {"stringValue": "beans run low"},
              "attributes": [{"key": "bags", "value": {"intValue": "2"}}, {"key": "open", "value": {"boolValue": false}}]}]},
            {"scope": {"name": "events"}, "logRecords": [{
              "timeUnixNano": "1700000000000000002", "severityNumber": 9, "eventName": "coffee.order.paid",
              "body": {"kvlistValue": {"values": [
                {"key": "amount", "value": {"doubleValue": 4.2}}, {"key": "card", "value": {"bytesValue": "AQI="}}]}},
              "attributes": [{"key": "order.id", "value": {"stringValue": "o-1"}}]}]}
          ]
        }]}"#,
    )
    .unwrap();
    assert_eq!((decoded.rejected, decoded.warnings.len()), (0, 0));
    let records = rows(&decoded, TableId::Logs);
    assert_eq!(records.len(), 2);
    holds(
        &records[0],
        &[
            ("time", "2023-11-14T22:13:20Z"),
            ("observed_time", "2023-11-14T22:13:20.000000001Z"),
            ("severity", "13"),
            ("severity_text", "Warn"),
            ("body", "beans run low"),
            ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("span_id", "00f067aa0ba902b7"),
            ("trace_flags", "1"),
            ("attributes", "{bags: 2, open: false}"),
            ("scope", "logger"),
        ],
    );
    holds(
        &records[1],
        &[
            ("event_name", "coffee.order.paid"),
            ("body", r#"{"amount":4.2,"card":"AQI="}"#),
            ("body_type", "m"),
            ("attributes.order.id", "o-1"),
            ("scope", "events"),
            ("service", "coffee.shop"),
        ],
    );
}
