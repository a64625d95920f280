//! What bytes hold, told by the bytes themselves: which signal, which framing. Pure.

use model::Signal;
use serde::de::IgnoredAny;
use std::collections::HashMap;

/// Reads a varint; gives it and what follows.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// One field of a message: number, wire type, content (empty for numbers).
struct Field<'b> {
    number: u64,
    wire: u8,
    content: &'b [u8],
}

/// The fields of a message, none when the bytes are not one.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (tag, rest) = varint(bytes)?;
        let (number, wire) = (tag >> 3, (tag & 7) as u8);
        let (content, rest) = match wire {
            0 => (&[][..], varint(rest)?.1),
            1 => (&[][..], rest.get(8..)?),
            2 => {
                let (length, rest) = varint(rest)?;
                rest.split_at_checked(usize::try_from(length).ok()?)?
            }
            5 => (&[][..], rest.get(4..)?),
            _ => return None,
        };
        if number == 0 {
            return None;
        }
        fields.push(Field { number, wire, content });
        bytes = rest;
    }
    Some(fields)
}

/// Lengths, tags included, of the entries of an export request (all three have one repeated field 1),
/// or none when the bytes are not one.
pub(super) fn entries(mut bytes: &[u8]) -> Option<Vec<usize>> {
    let mut lengths = Vec::new();
    while !bytes.is_empty() {
        let (0x0a, rest) = varint(bytes)? else { return None };
        let (length, rest) = varint(rest)?;
        let rest = rest.get(usize::try_from(length).ok()?..)?;
        lengths.push(bytes.len() - rest.len());
        bytes = rest;
    }
    (!lengths.is_empty()).then_some(lengths)
}

/// Fields that the items of each signal have: number and wire type.
const SPAN: &[(u64, u8)] = &[
    (1, 2),
    (2, 2),
    (3, 2),
    (4, 2),
    (5, 2),
    (6, 0),
    (7, 1),
    (8, 1),
    (9, 2),
    (10, 0),
    (11, 2),
    (12, 0),
    (13, 2),
    (14, 0),
    (15, 2),
    (16, 5),
];
const METRIC: &[(u64, u8)] = &[(1, 2), (2, 2), (3, 2), (5, 2), (7, 2), (9, 2), (10, 2), (11, 2), (12, 2)];
const LOG: &[(u64, u8)] = &[(1, 1), (2, 0), (3, 2), (5, 2), (6, 2), (7, 0), (8, 5), (9, 2), (10, 2), (11, 1), (12, 2)];
/// Items looked at before deciding.
const LOOK_AT: usize = 16;

/// Which signal an export request in protobuf carries; none when it is no request or has no item.
pub(super) fn protobuf_signal(request: &[u8]) -> Option<Signal> {
    let mut items = Vec::new();
    for entry in fields(request)? {
        // ResourceX: scopes are field 2; ScopeX: items are field 2.
        for scope in fields(entry.content)?.iter().filter(|field| field.number == 2 && field.wire == 2) {
            items.extend(fields(scope.content)?.iter().filter(|f| f.number == 2 && f.wire == 2).map(|f| f.content));
        }
        if items.len() >= LOOK_AT {
            break;
        }
    }
    let items: Option<Vec<_>> = items.into_iter().take(LOOK_AT).map(fields).collect();
    let items = items.filter(|items| !items.is_empty())?;
    let fits = |known: &[(u64, u8)]| items.iter().flatten().all(|field| known.contains(&(field.number, field.wire)));
    let all = |test: &dyn Fn(&Field<'_>) -> bool| items.iter().all(|item| item.iter().any(test));
    let any = |test: &dyn Fn(&Field<'_>) -> bool| items.iter().flatten().any(test);
    // Only a span has times in fields 7 and 8; a metric's name may look like a trace id, its data like a name.
    if fits(SPAN) && any(&|field| [7, 8].contains(&field.number) && field.wire == 1) {
        Some(Signal::Traces)
    } else if fits(METRIC) && all(&|field| [5, 7, 9, 10, 11].contains(&field.number)) {
        Some(Signal::Metrics)
    } else if fits(SPAN) && all(&|field| field.number == 1 && field.content.len() == 16) {
        Some(Signal::Traces)
    } else if fits(LOG) {
        Some(Signal::Logs)
    } else {
        None
    }
}

/// Which signal an export request in JSON carries.
pub(super) fn json_signal(request: &[u8]) -> Option<Signal> {
    let object: HashMap<String, IgnoredAny> = serde_json::from_slice(request).ok()?;
    let names =
        [("resourceSpans", Signal::Traces), ("resourceMetrics", Signal::Metrics), ("resourceLogs", Signal::Logs)];
    names.into_iter().find(|(name, _)| object.contains_key(*name)).map(|(_, signal)| signal)
}

/// Finds where each JSON object of a text ends, whatever stands between objects: nothing, white space,
/// or the brackets and commas of a list. Fed piece by piece.
#[derive(Debug, Default)]
pub(super) struct ObjectEnds {
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl ObjectEnds {
    /// Whether this byte belongs to an object, and whether it is its last.
    pub(super) fn next(&mut self, byte: u8) -> (bool, bool) {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return (true, false);
        }
        match byte {
            b'"' => self.in_text = self.depth > 0,
            b'{' => self.depth += 1,
            b'}' if self.depth > 0 => {
                self.depth -= 1;
                return (true, self.depth == 0);
            }
            _ => {}
        }
        (self.depth > 0, false)
    }

    pub(super) fn is_inside(&self) -> bool {
        self.depth > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, ResourceMetrics, ScopeMetrics, metric::Data};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;

    fn traces() -> Vec<u8> {
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "x".into(),
            start_time_unix_nano: 5,
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        let resource = ResourceSpans { scope_spans, ..ResourceSpans::default() };
        ExportTraceServiceRequest { resource_spans: vec![resource.clone(), resource] }.encode_to_vec()
    }

    fn metrics() -> Vec<u8> {
        let metric =
            Metric { name: "sixteen.bytes.ab".into(), data: Some(Data::Gauge(Gauge::default())), ..Metric::default() };
        let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
        let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
        ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
    }

    fn logs(record: LogRecord) -> Vec<u8> {
        let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
        let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
        ExportLogsServiceRequest { resource_logs }.encode_to_vec()
    }

    #[test]
    fn a_request_is_known_by_its_items() {
        let timed = LogRecord { time_unix_nano: 1, ..LogRecord::default() };
        let untimed = LogRecord { severity_number: 9, trace_id: vec![1; 16], ..LogRecord::default() };
        for (request, signal) in [
            (traces(), Some(Signal::Traces)),
            (metrics(), Some(Signal::Metrics)),
            (logs(timed), Some(Signal::Logs)),
            (logs(untimed), Some(Signal::Logs)),
            (vec![], None),
            (b"\x89PNG\r\n\x1a\n".to_vec(), None),
            (b"time,value\n1,2\n".to_vec(), None),
        ] {
            assert_eq!(protobuf_signal(&request), signal, "{request:?}");
        }
    }

    #[test]
    fn entries_of_a_request_add_up_to_it() {
        let request = traces();
        let lengths = entries(&request).unwrap();
        assert_eq!((lengths.len(), lengths.iter().sum::<usize>()), (2, request.len()));
        assert_eq!(entries(&request[..request.len() - 1]), None);
        assert_eq!(entries(b""), None);
    }

    #[test]
    fn json_objects_are_found_in_lines_in_lists_and_alone() {
        for (text, objects) in [
            (r#"{"a":1}"#, vec![r#"{"a":1}"#]),
            ("{\"a\":\"}\\\"{\"}\n\n{\"b\":{}}\n", vec![r#"{"a":"}\"{"}"#, r#"{"b":{}}"#]),
            ("[ {\"a\":[1]},\n{} ]", vec![r#"{"a":[1]}"#, "{}"]),
        ] {
            let (mut ends, mut found, mut object) = (ObjectEnds::default(), Vec::new(), String::new());
            for byte in text.bytes() {
                let (inside, last) = ends.next(byte);
                if inside {
                    object.push(char::from(byte));
                }
                if last {
                    found.push(std::mem::take(&mut object));
                }
            }
            assert_eq!(found, objects);
            assert!(!ends.is_inside());
        }
    }

    #[test]
    fn json_requests_are_known_by_their_first_key() {
        assert_eq!(json_signal(br#"{"resourceLogs": []}"#), Some(Signal::Logs));
        assert_eq!(json_signal(br#"{"labels": []}"#), None);
        assert_eq!(json_signal(b"[1]"), None);
    }
}
