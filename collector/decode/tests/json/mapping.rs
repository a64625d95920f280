//! The JSON mapping of OTLP, rule by rule: what a reader made for generic protobuf JSON gets wrong
//! is here by name.

use crate::read;
use crate::rows::{Row, row, rows};
use model::Signal;
use tables::TableId;

/// The row of a log record that has nothing but this body.
fn with_body(any_value: &str) -> Row {
    let request = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{any_value}}}]}}]}}]}}"#);
    let decoded = read(Signal::Logs, request).unwrap_or_else(|e| panic!("{any_value}: {e}"));
    assert_eq!(decoded.rejected, 0, "{any_value}: {:?}", decoded.reasons);
    row(&decoded, TableId::Logs)
}

fn span_request(members: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"a1a2a3a4a5a6a7a8",{members}}}]}}]}}]}}"#
    )
}

/// The row of a span with ids and these members.
fn span(members: &str) -> Row {
    let decoded = read(Signal::Traces, span_request(members)).unwrap_or_else(|e| panic!("{members}: {e}"));
    assert_eq!(decoded.rejected, 0, "{members}: {:?}", decoded.reasons);
    row(&decoded, TableId::Spans)
}

/// The only reason for which a span with these members is refused.
fn refused_span(members: &str) -> String {
    let decoded = read(Signal::Traces, span_request(members)).unwrap_or_else(|e| panic!("{members}: {e}"));
    assert_eq!((decoded.rejected, decoded.reasons.len()), (1, 1), "{members}");
    assert!(rows(&decoded, TableId::Spans).is_empty());
    let path = "resourceSpans[0].scopeSpans[0].spans[0]";
    decoded.reasons[0].strip_prefix(path).unwrap_or_else(|| panic!("{:?}", decoded.reasons)).to_owned()
}

/// The row of the only point of a metric, `data` being the member of the oneof.
fn point(data: &str) -> Row {
    let request = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m",{data}}}]}}]}}]}}"#);
    let decoded = read(Signal::Metrics, request).unwrap_or_else(|e| panic!("{data}: {e}"));
    assert_eq!(decoded.rejected, 0, "{data}: {:?}", decoded.reasons);
    row(&decoded, TableId::Metrics)
}

#[track_caller]
fn holds(row: &Row, want: &[(&str, &str)]) {
    for (column, want) in want {
        assert_eq!(row.get(*column).map(String::as_str), Some(*want), "{column} in {row:?}");
    }
}

#[test]
fn every_spelling_of_a_value_is_read() {
    for (any_value, text, ty) in [
        (r#"{"stringValue":""}"#, "", None),
        (r#"{"stringValue":"a\u00e9\n\ud834\udd1e"}"#, "aé\n𝄞", None),
        (r#"{"boolValue":true}"#, "true", Some("b")),
        (r#"{"boolValue":false}"#, "false", Some("b")),
        (r#"{"intValue":"5"}"#, "5", Some("i")),
        (r#"{"intValue":5}"#, "5", Some("i")),
        (r#"{"intValue":5.0}"#, "5", Some("i")),
        (r#"{"intValue":5e0}"#, "5", Some("i")),
        (r#"{"intValue":"-5.0"}"#, "-5", Some("i")),
        (r#"{"intValue":"9223372036854775807"}"#, "9223372036854775807", Some("i")),
        (r#"{"intValue":-9223372036854775808}"#, "-9223372036854775808", Some("i")),
        (r#"{"intValue":9007199254740993}"#, "9007199254740993", Some("i")),
        (r#"{"doubleValue":1}"#, "1.0", Some("d")),
        (r#"{"doubleValue":-0.0}"#, "-0.0", Some("d")),
        (r#"{"doubleValue":"1.5"}"#, "1.5", Some("d")),
        (r#"{"doubleValue":1e-7}"#, "1e-7", Some("d")),
        (r#"{"doubleValue":"NaN"}"#, "NaN", Some("d")),
        (r#"{"doubleValue":"Infinity"}"#, "Infinity", Some("d")),
        (r#"{"doubleValue":"-Infinity"}"#, "-Infinity", Some("d")),
        (r#"{"bytesValue":"+/8="}"#, "+/8=", Some("x")),
        (r#"{"bytesValue":"-_8="}"#, "+/8=", Some("x")),
        (r#"{"bytesValue":"-_8"}"#, "+/8=", Some("x")),
        (r#"{"bytesValue":"+/8"}"#, "+/8=", Some("x")),
        (r#"{"bytesValue":""}"#, "", Some("x")),
        (r#"{"arrayValue":{}}"#, "[]", Some("a")),
        (r#"{"arrayValue":{"values":null}}"#, "[]", Some("a")),
        (r#"{"kvlistValue":{}}"#, "{}", Some("m")),
        (r#"{"kvlistValue":{"values":[]}}"#, "{}", Some("m")),
        (
            r#"{"arrayValue":{"values":[{"stringValue":"a\"b"},{},null,{"intValue":"1"},{"doubleValue":"NaN"},{"bytesValue":"_w"},
                {"kvlistValue":{"values":[{"key":"k"},{"value":{"boolValue":true},"key":"l"},{}]}},{"arrayValue":{}}]}}"#,
            r#"["a\"b",null,null,1,"NaN","/w==",{"k":null,"l":true,"":null},[]]"#,
            Some("a"),
        ),
        // The last member of a oneof, and the last of a repeated key, counts.
        (r#"{"stringValue":"a","intValue":"1"}"#, "1", Some("i")),
        (r#"{"intValue":"1","stringValue":"a"}"#, "a", None),
        (r#"{"intValue":{},"intValue":"7"}"#, "7", Some("i")),
        (r#"{"stringValue":"a","intValue":null}"#, "a", None),
    ] {
        let row = with_body(any_value);
        assert_eq!(row.get("body").map(String::as_str), Some(text), "{any_value}");
        assert_eq!(row.get("body_type").map(String::as_str), ty, "{any_value}");
    }
}

#[test]
fn what_says_nothing_is_no_value() {
    for any_value in [
        "null",
        "{}",
        r#"{"stringValue":null}"#,
        r#"{"stringValue":"a","stringValue":null}"#,
        r#"{"string_value":"a"}"#,
        r#"{"StringValue":"a"}"#,
        r#"{"futureValue":{"deep":[{}]}}"#,
    ] {
        assert_eq!(with_body(any_value).get("body"), None, "{any_value}");
    }
}

#[test]
fn d4_half_a_surrogate_pair_and_stray_bytes_are_repaired_and_flagged() {
    for any_value in [&br#"{"stringValue":"a\ud800b"}"#[..], b"{\"stringValue\":\"a\xffb\"}"] {
        let request = [
            &br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1700000000000000000","body":"#[..],
            any_value,
            b"}]}]}]}",
        ]
        .concat();
        let decoded = read(Signal::Logs, request).unwrap();
        holds(&row(&decoded, TableId::Logs), &[("body", "a\u{fffd}b"), ("flags", "invalid_utf8")]);
        assert!(!decoded.warnings.is_empty());
    }
}

#[test]
fn a_scope_whose_attributes_its_sender_dropped_says_so_on_its_rows() {
    let request = br#"{"resourceLogs":[{"scopeLogs":[{"scope":{"droppedAttributesCount":3},
        "logRecords":[{"timeUnixNano":"1700000000000000000"}]}]}]}"#;
    let decoded = read(Signal::Logs, request.to_vec()).unwrap();
    holds(&row(&decoded, TableId::Logs), &[("flags", "scope_cut")]);
}

#[test]
fn ids_are_hex_of_either_case_and_never_base64() {
    let upper = span(r#""parentSpanId":"B1B2B3B4B5B6B7B8""#);
    holds(
        &upper,
        &[
            ("trace_id", "0102030405060708090a0b0c0d0e0f10"),
            ("span_id", "a1a2a3a4a5a6a7a8"),
            ("parent_span_id", "b1b2b3b4b5b6b7b8"),
        ],
    );
    for absent in [r#""parentSpanId":"""#, r#""parentSpanId":null"#, r#""name":"n""#] {
        assert_eq!(span(absent).get("parent_span_id"), None, "{absent}");
    }
    for (members, reason) in [
        (r#""traceId":"0102030405060708090a0b0c0d0e0f""#, ": trace id is 15 bytes, must be 16"),
        (r#""traceId":"0102030405060708090a0b0c0d0e0f1011""#, ": trace id is 17 bytes, must be 16"),
        (r#""spanId":"0102030405060708090a0b0c0d0e0f10""#, ": span id is 16 bytes, must be 8"),
        (r#""parentSpanId":"01""#, ": parent span id is 1 bytes, must be 8"),
        (r#""traceId":"AQIDBAUGBwgJCgsMDQ4PEA==""#, ": trace id is not hexadecimal"),
        (r#""traceId":"0102030405060708090a0b0c0d0e0f1g""#, ": trace id is not hexadecimal"),
        (r#""spanId":"a1a2a3a4a5a6a7a""#, ": span id has an odd number of hex digits"),
        (r#""spanId":5"#, ": spanId is not a string"),
        (
            r#""links":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"a1a2a3a4a5a6a7a8"},{"traceId":"ff"}]"#,
            ": trace id of a link is 1 bytes, must be 16",
        ),
    ] {
        assert_eq!(refused_span(members), reason, "{members}");
    }
    let long = format!(r#""traceId":"{}""#, "ab".repeat(500_000));
    assert_eq!(refused_span(&long), ": trace id is 500000 bytes, must be 16");
}

#[test]
fn enums_are_numbers_and_also_names() {
    for (kind, want) in [
        ("2", "server"),
        ("\"3\"", "client"),
        ("4.0", "producer"),
        ("\"SPAN_KIND_CONSUMER\"", "consumer"),
        ("\"SPAN_KIND_SERVER\"", "server"),
        ("0", "internal"),
        ("null", "internal"),
        ("99", "internal"),
    ] {
        holds(&span(&format!(r#""kind":{kind}"#)), &[("kind", want)]);
    }
    for (code, want) in
        [("2", "error"), ("\"STATUS_CODE_ERROR\"", "error"), ("\"STATUS_CODE_OK\"", "ok"), ("0", "unset")]
    {
        holds(
            &span(&format!(r#""status":{{"code":{code},"message":"m"}}"#)),
            &[("status", want), ("status_message", "m")],
        );
    }
    let unknown = read(Signal::Traces, span_request(r#""kind":"SPAN_KIND_FUTURE""#)).unwrap();
    holds(&row(&unknown, TableId::Spans), &[("kind", "internal")]);
    assert!(unknown.warnings.iter().any(|w| w.starts_with("1 enum name ")), "{:?}", unknown.warnings);
    let severity = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"SEVERITY_NUMBER_INFO"}]}]}]}"#;
    holds(&row(&read(Signal::Logs, severity).unwrap(), TableId::Logs), &[("severity", "9")]);
    let sum = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","sum":{"isMonotonic":true,
        "aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[{"asInt":"1"}]}}]}]}]}"#;
    holds(
        &row(&read(Signal::Metrics, sum).unwrap(), TableId::Series),
        &[("temporality", "delta"), ("monotonic", "true")],
    );
}

#[test]
fn integers_of_32_and_64_bits_come_as_numbers_or_strings() {
    let time = |text: &str| span(&format!(r#""startTimeUnixNano":{text},"endTimeUnixNano":"1700000000000000009""#));
    for text in
        ["1700000000000000001", "\"1700000000000000001\"", "1700000000000000001.0", "\"17000000000000000010e-1\""]
    {
        holds(&time(text), &[("time", "2023-11-14T22:13:20.000000001Z"), ("duration_ns", "8")]);
    }
    for count in ["7", "\"7\"", "7.0", "70e-1"] {
        let members = format!(
            r#""flags":{count},"droppedAttributesCount":{count},"droppedEventsCount":{count},"droppedLinksCount":{count}"#
        );
        holds(
            &span(&members),
            &[
                ("trace_flags", "7"),
                ("dropped_attributes_count", "7"),
                ("dropped_events_count", "7"),
                ("dropped_links_count", "7"),
            ],
        );
    }
    for (members, reason) in [
        (r#""startTimeUnixNano":-1"#, ": startTimeUnixNano is not an unsigned 64-bit integer"),
        (r#""startTimeUnixNano":1.5"#, ": startTimeUnixNano is not an unsigned 64-bit integer"),
        (r#""startTimeUnixNano":18446744073709551616"#, ": startTimeUnixNano is not an unsigned 64-bit integer"),
        (r#""endTimeUnixNano":"2023-11-14T22:13:20Z""#, ": endTimeUnixNano is not an unsigned 64-bit integer"),
        (r#""endTimeUnixNano":true"#, ": endTimeUnixNano is not an unsigned 64-bit integer"),
        (r#""flags":4294967296"#, ": flags is not an unsigned 32-bit integer"),
        (r#""kind":2147483648"#, ": kind is not a signed 32-bit integer"),
        (r#""kind":[]"#, ": kind is not a signed 32-bit integer"),
        (r#""name":7"#, ": name is not a string"),
        (r#""attributes":{}"#, ": attributes is not an array"),
        (r#""attributes":[7]"#, ": in attributes: expected an object"),
        (r#""attributes":[{"key":"k","value":"v"}]"#, ": in attributes: expected an object"),
        (
            r#""attributes":[{"key":"k","value":{"intValue":"x"}}]"#,
            ": in attributes: value is not a signed 64-bit integer",
        ),
        (r#""attributes":[{"key":"k","value":{"boolValue":1}}]"#, ": in attributes: value is not true or false"),
        (r#""attributes":[{"key":"k","value":{"bytesValue":"!"}}]"#, ": in attributes: value is not base64"),
        (r#""events":[{},{"timeUnixNano":{}}]"#, ": in events: timeUnixNano is not an unsigned 64-bit integer"),
        (r#""status":7"#, ": expected an object"),
    ] {
        assert_eq!(refused_span(members), reason, "{members}");
    }
}

#[test]
fn numbers_of_points_come_in_every_spelling_and_none_is_lost() {
    let gauge = |number: &str| point(&format!(r#""gauge":{{"dataPoints":[{{{number}}}]}}"#));
    holds(&gauge(r#""asDouble":"NaN""#), &[("value", "NaN")]);
    holds(&gauge(r#""asDouble":"-Infinity""#), &[("value", "-inf")]);
    holds(&gauge(r#""asDouble":"1.5""#), &[("value", "1.5")]);
    holds(&gauge(r#""asDouble":3"#), &[("value", "3.0")]);
    for int in [
        r#""asInt":"42""#,
        r#""asInt":42"#,
        r#""asInt":42.0"#,
        r#""asDouble":1,"asInt":"42""#,
        r#""asDouble":null,"asInt":"42""#,
    ] {
        holds(&gauge(int), &[("int_value", "42")]);
    }
    holds(&gauge(r#""asInt":42,"flags":"1""#), &[("point_flags", "1")]);
    holds(&gauge(r#""asInt":42,"attributes":null,"exemplars":null,"flags":null"#), &[("int_value", "42")]);
    let histogram = point(
        r#""histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"3","sum":"NaN","min":"-Infinity","max":2,
            "bucketCounts":["1",2,0.0],"explicitBounds":["0.5",1,"Infinity"]}]}"#,
    );
    holds(
        &histogram,
        &[
            ("count", "3"),
            ("sum", "NaN"),
            ("min", "-inf"),
            ("max", "2.0"),
            ("bucket_counts", "[1, 2, 0]"),
            ("explicit_bounds", "[0.5, 1.0, inf]"),
        ],
    );
    let exponential = point(
        r#""exponentialHistogram":{"dataPoints":[{"count":4,"scale":"-2","zeroCount":"1","zeroThreshold":"1e-3",
            "positive":{"offset":-3,"bucketCounts":["1",2]},"negative":{}}]}"#,
    );
    holds(
        &exponential,
        &[
            ("count", "4"),
            ("scale", "-2"),
            ("zero_count", "1"),
            ("zero_threshold", "0.001"),
            ("positive_offset", "-3"),
            ("positive_counts", "[1, 2]"),
            ("negative_offset", "0"),
        ],
    );
    let summary = point(
        r#""summary":{"dataPoints":[{"count":"2","sum":3,"quantileValues":[{"quantile":0.5,"value":"NaN"},{}]}]}"#,
    );
    holds(
        &summary,
        &[("count", "2"), ("sum", "3.0"), ("quantiles", "[{quantile: 0.5, value: NaN}, {quantile: 0.0, value: 0.0}]")],
    );
}

#[test]
fn a_wrong_point_is_refused_alone_and_a_wrong_metric_with_its_points() {
    let request = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"good","gauge":{"dataPoints":[{"asInt":1},{"asInt":"x"},{"asDouble":1e400},{"asInt":2}]}},
        {"name":7,"sum":{"dataPoints":[{"asInt":1},{"asInt":2}]}},
        {"name":"none"},
        {"name":"empty","summary":{}}
    ]}]}]}"#;
    let decoded = read(Signal::Metrics, request).unwrap();
    assert_eq!(decoded.rejected, 4);
    assert_eq!(
        decoded.reasons,
        [
            "resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[1]: asInt is not a signed 64-bit integer",
            "resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[2]: asDouble is not a number, or one within the range of a double",
            "resourceMetrics[0].scopeMetrics[0].metrics[1]: name is not a string",
        ]
    );
    assert_eq!(rows(&decoded, TableId::Metrics).len(), 2);
}

#[test]
fn null_stands_for_absent_anywhere() {
    for request in [
        r#"{"resourceSpans":null}"#,
        r#"{"resourceSpans":[null]}"#,
        r#"{"resourceSpans":[{"resource":null,"scopeSpans":null,"schemaUrl":null}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[null,{"scope":null,"spans":null}]}]}"#,
    ] {
        let decoded = read(Signal::Traces, request).unwrap();
        assert_eq!((decoded.rejected, decoded.batches.tables.len()), (0, 0), "{request}");
    }
    let members = r#""traceState":null,"parentSpanId":null,"flags":null,"name":null,"kind":null,"startTimeUnixNano":null,
        "endTimeUnixNano":null,"attributes":null,"droppedAttributesCount":null,"events":[null],"links":null,"status":null"#;
    holds(&span(members), &[("operation", ""), ("kind", "internal"), ("status", "unset")]);
    holds(&span(r#""attributes":[{"key":null,"value":null},null]"#), &[("operation", "")]);
}

#[test]
fn keys_come_in_any_order_and_the_last_of_a_repeated_key_counts() {
    let request = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"first"}]}],
        "scopeSpans":[{"spans":[{"name":"a","name":"b","attributes":[{"value":{"stringValue":"v"},"key":"k"}]}],"scope":{"name":"s"}}],
        "resource":{"attributes":[{"value":{"stringValue":"shop"},"key":"service.name"}]}}]}"#;
    let decoded = read(Signal::Traces, request).unwrap();
    holds(
        &row(&decoded, TableId::Spans),
        &[("operation", "b"), ("service", "shop"), ("scope", "s"), ("attributes", "{k: v}")],
    );
}

#[test]
fn unknown_keys_are_passed_over_at_every_level() {
    let request = r#"{"future":{"a":[1,{"b":null}]},"resource_spans":7,"resourceSpans":[{"x":1,"resource":{"x":2,"entityRefs":[{}]},
        "scopeSpans":[{"x":[3],"scope":{"x":4},"spans":[{"x":5,"trace_id":6,"name":"n","events":[{"x":7}],"links":[{"x":8}],
        "status":{"x":9},"attributes":[{"x":10,"key":"k","value":{"x":11,"stringValue":"v"}}]}]}]}]}"#;
    holds(
        &row(&read(Signal::Traces, request).unwrap(), TableId::Spans),
        &[("operation", "n"), ("attributes", "{k: v}")],
    );
}

#[test]
fn a_key_may_be_written_with_escapes() {
    holds(&span(r#""n\u0061me":"n""#), &[("operation", "n")]);
}

#[test]
fn an_empty_object_is_a_request_and_nothing_else_that_is_short_is() {
    for signal in Signal::ALL {
        let decoded = read(signal, "{}").unwrap();
        assert_eq!((decoded.rejected, decoded.batches.tables.len(), decoded.batches.senders.len()), (0, 0, 0));
        for body in ["", "null", "[]", "\"\"", "0", "{}{}", "[{}]"] {
            assert!(read(signal, body).is_err(), "{signal} {body:?}");
        }
    }
}

#[test]
fn a_wrong_type_above_the_items_refuses_the_request() {
    for request in [
        r#"{"resourceSpans":{}}"#,
        r#"{"resourceSpans":[1]}"#,
        r#"{"resourceSpans":[{"scopeSpans":"x"}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}"#,
        r#"{"resourceSpans":[{"resource":[],"scopeSpans":[{"spans":[{}]}]}]}"#,
        r#"{"resourceSpans":[{"resource":{"attributes":7},"scopeSpans":[{"spans":[{}]}]}]}"#,
        r#"{"resourceSpans":[{"schemaUrl":7,"scopeSpans":[{"spans":[{}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"scope":7,"spans":[{}]}]}]}"#,
    ] {
        assert!(read(Signal::Traces, request).is_err(), "{request}");
    }
}

#[test]
fn refusals_name_each_item_by_its_path() {
    let request = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"kept"}}]}]},
        {"scopeLogs":[{},{"logRecords":[{},{},{"traceId":"0102"},{"spanId":"zz"},{"body":7}]}]}]}"#;
    let decoded = read(Signal::Logs, request).unwrap();
    assert_eq!(decoded.rejected, 3);
    assert_eq!(
        decoded.reasons,
        [
            "resourceLogs[1].scopeLogs[1].logRecords[2]: trace id is 2 bytes, must be 16",
            "resourceLogs[1].scopeLogs[1].logRecords[3]: span id is not hexadecimal",
            "resourceLogs[1].scopeLogs[1].logRecords[4]: in body: expected an object",
        ]
    );
    assert_eq!(rows(&decoded, TableId::Logs).len(), 3);
}

#[test]
fn a_whole_number_beyond_64_bits_that_javascript_calls_an_integer_is_kept_as_a_double() {
    for (any_value, text, ty) in [
        (r#"{"intValue":1.7976931348623157e308}"#, "1.7976931348623157e308", "d"),
        (r#"{"intValue":-1e300}"#, "-1e300", "d"),
        (r#"{"arrayValue":{"values":[{"intValue":1e300},{"intValue":1e3}]}}"#, "[1e300,1000]", "a"),
    ] {
        let row = with_body(any_value);
        assert_eq!((row["body"].as_str(), row["body_type"].as_str()), (text, ty), "{any_value}");
    }
}
