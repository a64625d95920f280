//! Writes what fuzzing starts from: `seeds DIR` makes one folder per target. Small requests that
//! reach every field, and segments that the log itself has written on a simulated disk.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use wal::sim::SimDisk;
use wal::{Lsn, Settings, Wal};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("usage: seeds DIR")?;
    let dir = Path::new(&dir);
    for (number, (signal, text)) in JSON.iter().enumerate() {
        save(dir, "json_decode", number, &[&[*signal], text.as_bytes()].concat())?;
    }
    for (number, body) in protobuf().iter().enumerate() {
        save(dir, "protobuf_decode", number, body)?;
    }
    for (number, records) in [&[][..], &[0], &[1, 100], &[5_000, 0, 17, 9_000]].iter().enumerate() {
        save(dir, "wal_record", number, &segment(records)?)?;
    }
    Ok(())
}

fn save(dir: &Path, target: &str, number: usize, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = dir.join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("seed-{number}")), bytes)?)
}

/// The signal, then the text; signals in the order traces, metrics, logs.
const JSON: &[(u8, &str)] = &[
    (0, "{}"),
    (1, "{}"),
    (2, "{}"),
    (
        0,
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}],"droppedAttributesCount":1},"scopeSpans":[{"scope":{"name":"s","version":"1","attributes":[]},"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","parentSpanId":"","traceState":"k=v","flags":1,"name":"n","kind":2,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":1700000000000000009,"attributes":[{"key":"http.method","value":{"stringValue":"GET"}},{"key":"http.status_code","value":{"intValue":"200"}},{"key":"request.id","value":{"stringValue":"r"}},{"key":"d","value":{"doubleValue":1.5e3}},{"key":"b","value":{"boolValue":true}},{"key":"x","value":{"bytesValue":"AQI="}},{"key":"l","value":{"arrayValue":{"values":[{"intValue":5.0},{}]}}},{"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":"NaN"}}]}}}],"events":[{"timeUnixNano":"1","name":"e","attributes":[]}],"links":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"}],"status":{"code":"STATUS_CODE_ERROR","message":"\u00e9\ud834\udd1e"}}]}],"schemaUrl":"u"}]}"#,
    ),
    (
        1,
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","unit":"s","description":"d","metadata":[],"sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":"5","timeUnixNano":"1700000000000000000","exemplars":[{"asDouble":1,"traceId":"","spanId":"0102030405060708","filteredAttributes":[]}]}]}},{"name":"b","gauge":{"dataPoints":[{"asDouble":"Infinity"}]}},{"name":"c","histogram":{"aggregationTemporality":1,"dataPoints":[{"count":"1","sum":1,"min":0,"max":1,"bucketCounts":["1"],"explicitBounds":[]}]}},{"name":"d","exponentialHistogram":{"dataPoints":[{"count":1,"scale":-1,"zeroCount":0,"zeroThreshold":0.1,"positive":{"offset":1,"bucketCounts":[1]},"negative":{}}]}},{"name":"e","summary":{"dataPoints":[{"count":1,"sum":1,"quantileValues":[{"quantile":0.5,"value":1}]}]}}]}]}]}"#,
    ),
    (
        2,
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1700000000000000000","observedTimeUnixNano":null,"severityNumber":"SEVERITY_NUMBER_INFO","severityText":"INFO","eventName":"e","body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{}}}]}},"attributes":[{"value":{"stringValue":"\ud800\n"},"key":"k"}],"flags":"1","traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"0102030405060708"}]}]}]}"#,
    ),
];

/// A message being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn message(self, field: u64, message: Message) -> Self {
        self.bytes(field, &message.0)
    }

    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn fixed64(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn fixed32(mut self, field: u64, value: u32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }
}

fn new() -> Message {
    Message::default()
}

fn key_value(key: &str, value: Message) -> Message {
    new().bytes(1, key.as_bytes()).message(2, value)
}

/// One value of each type.
fn values() -> Vec<Message> {
    vec![
        key_value("http.method", new().bytes(1, b"GET")),
        key_value("b", new().number(2, 1)),
        key_value("http.status_code", new().number(3, 200)),
        key_value("d", new().fixed64(4, 1.5f64.to_bits())),
        key_value("l", new().message(5, new().message(1, new().bytes(1, b"x")).message(1, new()))),
        key_value("m", new().message(6, new().message(1, key_value("k", new().bytes(7, b"\x01"))))),
        key_value("request.id", new().bytes(1, b"r\xff")),
    ]
}

fn with_values(message: Message, field: u64) -> Message {
    values().into_iter().fold(message, |message, value| message.message(field, value))
}

/// Wraps items into a scope and a resource, behind the byte of their signal.
fn request(signal: u8, items: Vec<Message>) -> Vec<u8> {
    let scope = new().message(1, new().bytes(1, b"scope").bytes(2, b"1"));
    let scope = items.into_iter().fold(scope, |scope, item| scope.message(2, item));
    let resource = new().message(1, key_value("service.name", new().bytes(1, b"a")));
    let group = new().message(1, resource).message(2, scope).bytes(3, b"url");
    [vec![signal], new().message(1, group).0].concat()
}

fn protobuf() -> Vec<Vec<u8>> {
    let (trace, span, time) = ([7; 16], [9; 8], 1_700_000_000_000_000_000);
    let event = with_values(new().fixed64(1, time).bytes(2, b"event"), 3);
    let link = new().bytes(1, &trace).bytes(2, &span).fixed32(6, 1);
    let whole_span = new()
        .bytes(1, &trace)
        .bytes(2, &span)
        .bytes(3, b"k=v")
        .bytes(4, &[1; 8])
        .bytes(5, b"name")
        .number(6, 2)
        .fixed64(7, time)
        .fixed64(8, time + 9);
    let whole_span = with_values(whole_span, 9)
        .message(11, event)
        .message(13, link)
        .message(15, new().bytes(2, b"message").number(3, 2))
        .fixed32(16, 257);
    let exemplar = new().fixed64(2, time).fixed64(3, 0).bytes(4, &span).bytes(5, &trace);
    let number = with_values(new().fixed64(3, time).fixed64(6, 5), 7).message(5, exemplar);
    let counts = [3u64, 4].iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let histogram = new().fixed64(3, time).fixed64(4, 7).fixed64(5, 0).bytes(6, &counts).bytes(7, &[0; 8]);
    let exponential =
        new().fixed64(3, time).fixed64(4, 7).number(6, 3).message(8, new().number(1, 1).bytes(2, &[1, 2]));
    let summary = new().fixed64(3, time).fixed64(4, 1).message(6, new().fixed64(1, 0).fixed64(2, 0));
    let metric = |field, point: Message| new().bytes(1, b"metric").message(field, new().message(1, point).number(2, 1));
    let metrics = vec![
        metric(5, new().fixed64(4, 0)),
        metric(7, number),
        metric(9, histogram),
        metric(10, exponential),
        metric(11, summary),
    ];
    let record = new().fixed64(1, time).number(2, 9).bytes(3, b"INFO").message(5, new().bytes(1, b"body"));
    let record = with_values(record, 6).fixed32(8, 1).bytes(9, &trace).bytes(10, &span).bytes(12, b"event");
    vec![vec![0], request(0, vec![whole_span]), request(1, metrics), request(2, vec![record])]
}

/// The first segment of a log that holds records of these sizes.
fn segment(records: &[usize]) -> Result<Vec<u8>, Box<dyn Error>> {
    let disk = SimDisk::new(1);
    let settings = Settings { segment_bytes: 32 << 10, pool_segments_max: 1, ..Settings::new("/wal") };
    let (mut log, _) = Wal::open(Arc::new(disk.clone()), settings, Lsn(0))?;
    for size in records {
        log.append(&[&vec![b'r'; *size]])?;
    }
    log.sync()?;
    let files = disk.paths().into_iter().filter_map(|path| disk.contents(&path));
    let mut segment = files.max_by_key(|bytes| bytes.iter().filter(|b| **b != 0).count()).unwrap_or_default();
    let written = segment.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    segment.truncate(written + 64);
    Ok(segment)
}
