//! Faults C9, D6, D7: nesting bombs, masses of attributes, huge keys, naughty strings. The answer is
//! bounded, the same in both encodings, and no text is changed.

use crate::equality::{from_protobuf, same};
use crate::read;
use crate::rows::{row, rows};
use bytes::Bytes;
use decode::{Encoding, decode};
use model::Signal;
use naughty_strings::BLNS;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, Metric, ResourceMetrics,
    ScopeMetrics, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tables::TableId;
use tables::build::BuildSettings;

fn json_with_body(any_value: &str) -> String {
    format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":"1700000000000000000","body":{any_value}}}]}}]}}]}}"#
    )
}

/// Lists within lists, `levels` of them.
fn nested_json(levels: usize) -> String {
    format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(levels), "]}}".repeat(levels))
}

/// The same as protobuf, written back to front: a message's length stands before it.
fn nested_protobuf(levels: usize) -> Bytes {
    let mut reversed: Vec<u8> = Vec::new();
    let wrap = |reversed: &mut Vec<u8>, tag: u8| {
        let mut length = Vec::new();
        prost::encoding::encode_varint(reversed.len() as u64, &mut length);
        reversed.extend(length.iter().rev());
        reversed.push(tag);
    };
    for level in 0..levels {
        wrap(&mut reversed, 0x2a); // AnyValue.array_value
        if level + 1 < levels {
            wrap(&mut reversed, 0x0a); // ArrayValue.values
        }
    }
    wrap(&mut reversed, 0x2a); // LogRecord.body
    reversed.extend(1_700_000_000_000_000_000u64.to_be_bytes());
    reversed.push(0x09); // LogRecord.time_unix_nano
    wrap(&mut reversed, 0x12); // ScopeLogs.log_records
    wrap(&mut reversed, 0x12); // ResourceLogs.scope_logs
    wrap(&mut reversed, 0x0a); // resource_logs
    reversed.reverse();
    reversed.into()
}

#[test]
fn d6_values_nested_deeper_than_64_levels_are_cut_there_and_flagged_in_both_encodings() {
    for (levels, cut) in [(1, false), (63, false), (64, false), (65, true), (66, true), (1_000, true), (200_000, true)]
    {
        let json = read(Signal::Logs, json_with_body(&nested_json(levels))).unwrap();
        let kept = row(&json, TableId::Logs);
        let depth = levels.min(64);
        let innermost = if cut { "null" } else { "" };
        assert_eq!(kept["body"], format!("{}{innermost}{}", "[".repeat(depth), "]".repeat(depth)), "{levels}");
        assert_eq!(kept.get("flags").map(String::as_str), cut.then_some("too_deep"), "{levels}");
        let protobuf =
            decode(&crate::layout(), Signal::Logs, Encoding::Protobuf, &nested_protobuf(levels), crate::RECEIVED);
        same(&protobuf.unwrap(), &json).unwrap();
    }
}

#[test]
fn d6_nesting_bombs_of_bare_json_cost_no_stack() {
    for levels in [200_000, 3_000_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":[", "]}]")] {
            let bomb = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            for body in [format!(r#"{{"unknown":{bomb}}}"#), json_with_body(&bomb), bomb.clone(), open.repeat(levels)] {
                // Refused or passed over; either way the process is still here.
                let _ = read(Signal::Logs, body);
            }
        }
    }
    assert!(read(Signal::Logs, format!(r#"{{"unknown":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000))).is_ok());
    assert!(read(Signal::Logs, "[".repeat(60_000_000)).is_err());
}

#[test]
fn d7_ten_million_attributes_of_an_item_are_counted_and_a_bounded_number_kept() {
    let count = 10_000_000;
    let attributes = vec!["{}"; count].join(",");
    let request =
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{attributes}]}}]}}]}}]}}"#);
    let decoded = read(Signal::Logs, request).unwrap();
    let dropped = (count - BuildSettings::ATTRIBUTES_MAX).to_string();
    assert_eq!(row(&decoded, TableId::Logs)["dropped_attributes_count"], dropped);
}

#[test]
fn d7_items_beyond_the_bound_are_refused_and_counted() {
    let beyond = 5;
    let records = vec!["{}"; BuildSettings::ITEMS_MAX + beyond].join(",");
    let decoded =
        read(Signal::Logs, format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#)).unwrap();
    assert_eq!(decoded.rejected, beyond as u64);
    assert_eq!(decoded.reasons.len(), beyond);
    let sender = &decoded.batches.senders[0];
    assert_eq!((sender.accepted, sender.refused), (BuildSettings::ITEMS_MAX as u64, beyond as u64));
}

/// A request of one span with so many events and links.
fn span_of(count: usize) -> ExportTraceServiceRequest {
    let event = |i| Event { time_unix_nano: i as u64, ..Event::default() };
    let link = |i| Link { flags: i as u32, ..Link::default() };
    let span = Span {
        events: (0..count).map(event).collect(),
        links: (0..count).map(link).collect(),
        dropped_events_count: 2,
        dropped_links_count: u32::MAX,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span; 2], ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

#[test]
fn d7_events_and_links_beyond_the_bound_are_counted_as_dropped_in_both_encodings() {
    for (beyond, dropped) in [(0, "2"), (3, "5")] {
        let request = span_of(BuildSettings::NESTED_MAX + beyond);
        let json = read(Signal::Traces, crate::writer::Writer(crate::dice::Dice::new(&[])).traces(&request)).unwrap();
        same(&from_protobuf(Signal::Traces, &request), &json).unwrap();
        assert_eq!(json.warnings.len(), beyond.min(1));
        for row in rows(&json, TableId::Spans) {
            assert_eq!(row["dropped_events_count"], dropped);
            assert_eq!(row["dropped_links_count"], u32::MAX.to_string());
            assert_eq!(row["flags"].contains("nested_cut"), beyond > 0);
            assert_eq!(row["events"].matches("{time").count(), BuildSettings::NESTED_MAX);
        }
    }
}

/// A request of three points: of each kind with lists, with so many buckets or quantiles.
fn points_of(count: usize) -> ExportMetricsServiceRequest {
    let histogram = HistogramDataPoint { bucket_counts: vec![0; count], ..HistogramDataPoint::default() };
    let positive = Some(Buckets { offset: 0, bucket_counts: vec![0; count] });
    let exponential = ExponentialHistogramDataPoint { positive, ..ExponentialHistogramDataPoint::default() };
    let quantile_values = vec![ValueAtQuantile::default(); count];
    let summary = SummaryDataPoint { quantile_values, ..SummaryDataPoint::default() };
    let of = |data| Metric { name: "m".into(), data: Some(data), ..Metric::default() };
    let metrics = vec![
        of(Data::Histogram(Histogram { data_points: vec![histogram], ..Histogram::default() })),
        of(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential],
            ..ExponentialHistogram::default()
        })),
        of(Data::Summary(Summary { data_points: vec![summary] })),
    ];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

#[test]
fn d7_a_point_with_more_buckets_or_quantiles_than_are_kept_is_refused_by_name_in_both_encodings() {
    for (beyond, refused) in [(0, 0), (1, 3), (1_000_000, 3)] {
        let request = points_of(BuildSettings::NESTED_MAX + beyond);
        let json = read(Signal::Metrics, crate::writer::Writer(crate::dice::Dice::new(&[])).metrics(&request)).unwrap();
        let protobuf = from_protobuf(Signal::Metrics, &request);
        same(&protobuf, &json).unwrap();
        for decoded in [protobuf, json] {
            assert_eq!(decoded.rejected, refused);
            let said = |reason: &String| reason.contains("more than 16384 buckets or quantiles in one point");
            assert!(decoded.reasons.iter().all(said), "{:?}", decoded.reasons);
        }
    }
}

#[test]
fn d7_ten_million_events_of_a_request_fill_it() {
    let events = vec!["{}"; 10_000].join(",");
    let spans = vec![format!(r#"{{"events":[{events}]}}"#); 1_000].join(",");
    let decoded =
        read(Signal::Traces, format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)).unwrap();
    let taken = BuildSettings::ITEMS_MAX.div_ceil(10_001);
    assert_eq!((rows(&decoded, TableId::Spans).len(), decoded.rejected), (taken, 1_000 - taken as u64));
}

fn logs_of(records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records: records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

fn string(text: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(text.into())) })
}

/// A record that says `text` wherever a record can say text.
fn saying(text: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: 1_700_000_000_000_000_000,
        severity_text: text.into(),
        event_name: text.into(),
        body: string(text),
        attributes: vec![
            KeyValue { key: text.into(), value: string(text), ..KeyValue::default() },
            KeyValue { key: "http.route".into(), value: string(text), ..KeyValue::default() },
        ],
        ..LogRecord::default()
    }
}

/// Both encodings keep the text of every record, column by column.
fn survives(texts: &[&str]) {
    let request = logs_of(texts.iter().map(|text| saying(text)).collect());
    let protobuf = from_protobuf(Signal::Logs, &request);
    for spelling in [vec![], vec![7; 1 << 16]] {
        let text = crate::writer::Writer(crate::dice::Dice::new(&spelling)).logs(&request);
        let json = read(Signal::Logs, text).unwrap();
        same(&protobuf, &json).unwrap();
        let rows = rows(&json, TableId::Logs);
        assert_eq!(rows.len(), texts.len());
        for (row, text) in rows.iter().zip(texts) {
            let cell = |column: &str| row.get(column).map(String::as_str);
            assert_eq!(cell("body"), Some(*text));
            assert_eq!(cell("attributes.http.route"), Some(*text));
            assert_eq!(cell("attributes"), Some(format!("{{{text}: {text}}}").as_str()));
            for column in ["severity_text", "event_name"] {
                assert_eq!(cell(column).unwrap_or_default(), *text, "{column}");
            }
        }
    }
}

#[test]
fn c9_naughty_strings_come_out_as_they_went_in() {
    assert!(BLNS.len() > 400);
    survives(BLNS);
}

#[test]
fn c9_keys_and_values_of_a_megabyte_come_out_as_they_went_in() {
    let long = "kä\"\\\n".repeat(1 << 18);
    survives(&[&long, "\u{0}", "\u{202e}\u{200f}", "Z̷̡̢͓a̴l̶g̵o̸"]);
}
