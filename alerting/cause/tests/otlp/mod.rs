//! OTLP export requests read into the engine's rows, as the product's tables would give them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by a panic; a skipped test says so too"
)]
#![allow(dead_code, reason = "each test that reads export requests uses a part of this")]

use cause::{LogRow, PointRow, SpanRow, Telemetry};
use flate2::read::GzDecoder;
use model::UnixNanos;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The labelled incidents, or nothing where they are not installed.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("STORMGLASS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    // Past the capture of the harness, so that it is counted.
    let _ = writeln!(std::io::stdout().lock(), "\nSKIPPED cause {folder}: {} is not there", path.display());
    None
}

/// Keeps rows, moved by `shift_ns`, and the range of current times it has seen.
pub(crate) struct Reader {
    pub(crate) telemetry: Telemetry,
    pub(crate) shift_ns: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// First and last start of a span.
    pub(crate) traced: Option<(i64, i64)>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self { telemetry: Telemetry::default(), shift_ns: 0, first: i64::MAX, last: i64::MIN, traced: None }
    }

    fn time(&mut self, nanos: u64) -> UnixNanos {
        let time = nanos as i64 + self.shift_ns;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        UnixNanos(time)
    }

    /// Reads every export request of a folder.
    pub(crate) fn folder(&mut self, folder: &Path) {
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            self.file(&file);
        }
    }

    /// Reads one file of export requests; what it holds is in its name.
    pub(crate) fn file(&mut self, file: &Path) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match name.split(['-', '.']).next().unwrap() {
            "traces" => self.traces(file),
            "logs" => self.logs(file),
            "metrics" => self.metrics(file),
            _ => {}
        }
    }

    pub(crate) fn traces(&mut self, file: &Path) {
        for resource in read::<ExportTraceServiceRequest>(file).resource_spans {
            let of = texts(&resource.resource.unwrap_or_default());
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                let (trace, id, parent) = (hex(&span.trace_id), hex(&span.span_id), hex(&span.parent_span_id));
                let own = attributes(&span.attributes);
                let exception = span
                    .events
                    .iter()
                    .flat_map(|event| &event.attributes)
                    .find(|attribute| attribute.key == "exception.type")
                    .map(text)
                    .unwrap_or_default();
                let start = self.time(span.start_time_unix_nano);
                let (from, until) = self.traced.unwrap_or((start.0, start.0));
                self.traced = Some((from.min(start.0), until.max(start.0)));
                self.telemetry.span(&SpanRow {
                    trace_id: &trace,
                    span_id: &id,
                    parent_span_id: &parent,
                    service: first(&of, &["service.name"]),
                    operation: &span.name,
                    kind: ["", "internal", "server", "client", "producer", "consumer"]
                        .get(span.kind as usize)
                        .copied()
                        .unwrap_or(""),
                    status: if span.status.as_ref().is_some_and(|status| status.code == 2) { "error" } else { "unset" },
                    start,
                    duration_ns: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano) as i64,
                    instance: first(&of, &["service.instance.id", "k8s.pod.name"]),
                    node: first(&of, &["k8s.node.name", "host.name"]),
                    version: first(&of, &["service.version"]),
                    db_system: first(&own, &["db.system.name", "db.system"]),
                    db_namespace: first(&own, &["db.namespace", "db.name"]),
                    statement: first(&own, &["db.query.text", "db.statement"]),
                    server_address: first(&own, &["server.address", "net.peer.name", "peer.service"]),
                    messaging_system: first(&own, &["messaging.system"]),
                    destination: first(&own, &["messaging.destination.name"]),
                    outcome: first(&own, &["resilience.outcome"]),
                    exception: if exception.is_empty() { first(&own, &["error.type"]) } else { &exception },
                    message_id: first(&own, &["messaging.message.id"]),
                    status_message: span.status.as_ref().map_or("", |status| status.message.as_str()),
                    resent: first(&own, &["http.request.resend_count"]).parse::<u32>().is_ok_and(|count| count > 0),
                });
            }
        }
    }

    pub(crate) fn logs(&mut self, file: &Path) {
        for resource in read::<ExportLogsServiceRequest>(file).resource_logs {
            let of = texts(&resource.resource.unwrap_or_default());
            for record in resource.scope_logs.iter().flat_map(|scope| &scope.log_records) {
                let (trace, id) = (hex(&record.trace_id), hex(&record.span_id));
                let body = record.body.as_ref().and_then(|body| body.value.as_ref()).map(value).unwrap_or_default();
                let time = self.time(record.time_unix_nano);
                self.telemetry.log(&LogRow {
                    time,
                    trace_id: &trace,
                    span_id: &id,
                    service: first(&of, &["service.name"]),
                    instance: first(&of, &["service.instance.id", "k8s.pod.name"]),
                    node: first(&of, &["k8s.node.name", "host.name"]),
                    severity: record.severity_number,
                    body: &body,
                });
            }
        }
    }

    pub(crate) fn metrics(&mut self, file: &Path) {
        for resource in read::<ExportMetricsServiceRequest>(file).resource_metrics {
            let of = texts(&resource.resource.unwrap_or_default());
            for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                let (points, cumulative) = match &metric.data {
                    Some(Data::Gauge(gauge)) => (&gauge.data_points, false),
                    Some(Data::Sum(sum)) => (&sum.data_points, sum.is_monotonic && sum.aggregation_temporality == 2),
                    _ => continue,
                };
                for point in points {
                    let own = attributes(&point.attributes);
                    let pairs: Vec<(&str, &str)> =
                        own.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                    let time = self.time(point.time_unix_nano);
                    self.telemetry.point(&PointRow {
                        time,
                        name: &metric.name,
                        unit: &metric.unit,
                        service: first(&of, &["service.name"]),
                        instance: first(&of, &["service.instance.id", "k8s.pod.name"]),
                        node: first(&of, &["k8s.node.name", "host.name"]),
                        value: match point.value {
                            Some(number_data_point::Value::AsDouble(value)) => value,
                            Some(number_data_point::Value::AsInt(value)) => value as f64,
                            None => continue,
                        },
                        cumulative,
                        attributes: &pairs,
                    });
                }
            }
        }
    }
}

fn read<M: Message + Default>(file: &Path) -> M {
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_end(&mut bytes).unwrap();
    M::decode(bytes.as_slice()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

fn value(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        Value::DoubleValue(value) => value.to_string(),
        _ => String::new(),
    }
}

fn text(attribute: &KeyValue) -> String {
    attribute.value.as_ref().and_then(|any| any.value.as_ref()).map(value).unwrap_or_default()
}

fn attributes(pairs: &[KeyValue]) -> HashMap<String, String> {
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

fn texts(resource: &Resource) -> HashMap<String, String> {
    attributes(&resource.attributes)
}

fn first<'a>(attributes: &'a HashMap<String, String>, keys: &[&str]) -> &'a str {
    keys.iter().find_map(|key| attributes.get(*key)).map_or("", String::as_str)
}
