//! Export requests as the engine's rows, with the columns that the product's tables would give.

use crate::counted::Counted;
use crate::{Beats, sender};
use cause::{Change, LogRow, PointRow, SpanRow, Telemetry};
use demo::Exported;
use model::UnixNanos;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric::Data, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeMap;

type Texts = BTreeMap<String, String>;

/// All that was heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) telemetry: Telemetry,
    pub(crate) counted: Counted,
    pub(crate) changes: Vec<Change>,
    pub(crate) beats: Beats,
}

const INSTANCE: &[&str] = &["service.instance.id", "k8s.pod.name"];
const NODE: &[&str] = &["k8s.node.name", "host.name"];
const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];

impl Heard {
    pub(crate) fn new(telemetry: Telemetry) -> Self {
        Self { telemetry, counted: Counted::default(), changes: Vec::new(), beats: BTreeMap::new() }
    }

    pub(crate) fn all(&mut self, exported: &Exported) {
        self.traces(&exported.traces);
        self.logs(&exported.logs);
        self.metrics(&exported.metrics);
    }

    fn traces(&mut self, request: &ExportTraceServiceRequest) {
        for resource in &request.resource_spans {
            let of = resource_texts(resource.resource.as_ref());
            resource.scope_spans.iter().flat_map(|scope| &scope.spans).for_each(|span| self.span(&of, span));
        }
    }

    fn span(&mut self, of: &Texts, span: &Span) {
        let own = texts(&span.attributes);
        let (trace, id, parent) = (hex(&span.trace_id), hex(&span.span_id), hex(&span.parent_span_id));
        let status = span.status.clone().unwrap_or_default();
        let row = SpanRow {
            trace_id: &trace,
            span_id: &id,
            parent_span_id: &parent,
            service: first(of, &["service.name"]),
            operation: &span.name,
            kind: KINDS.get(span.kind as usize).copied().unwrap_or(""),
            status: if status.code == 2 { "error" } else { "unset" },
            start: UnixNanos(span.start_time_unix_nano as i64),
            duration_ns: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano) as i64,
            instance: first(of, INSTANCE),
            node: first(of, NODE),
            version: first(of, &["service.version"]),
            db_system: first(&own, &["db.system.name"]),
            db_namespace: first(&own, &["db.namespace"]),
            statement: first(&own, &["db.query.text", "db.query.summary"]),
            server_address: first(&own, &["service.peer.name", "server.address"]),
            messaging_system: first(&own, &["messaging.system"]),
            destination: first(&own, &["messaging.destination.name"]),
            outcome: first(&own, &["resilience.outcome"]),
            exception: first(&own, &["error.type"]),
            status_message: &status.message,
            message_id: first(&own, &["messaging.message.id"]),
            resent: !matches!(first(&own, &["http.request.resend_count"]), "" | "0"),
        };
        self.counted.take(&row);
        self.telemetry.span(&row);
    }

    fn logs(&mut self, request: &ExportLogsServiceRequest) {
        for resource in &request.resource_logs {
            let of = resource_texts(resource.resource.as_ref());
            resource.scope_logs.iter().flat_map(|scope| &scope.log_records).for_each(|record| self.log(&of, record));
        }
    }

    fn log(&mut self, of: &Texts, record: &LogRecord) {
        let own = texts(&record.attributes);
        let time = UnixNanos(record.time_unix_nano as i64);
        match record.event_name.as_str() {
            "stormglass.change" => self.changes.push(change(time, &own)),
            "stormglass.heartbeat" => {
                let name = first(&own, &["heartbeat.name"]).to_owned();
                let site = first(&own, &["store.id", "site.id"]);
                let from = sender(first(&own, &["network.device.name"]), site, &name);
                self.beats.entry((name, from)).or_default().push(time);
            }
            _ => {}
        }
        let body = record.body.as_ref().and_then(|body| body.value.as_ref()).map(value).unwrap_or_default();
        let (trace, span) = (hex(&record.trace_id), hex(&record.span_id));
        self.telemetry.log(&LogRow {
            time,
            trace_id: &trace,
            span_id: &span,
            service: first(of, &["service.name"]),
            instance: first(of, INSTANCE),
            node: first(of, NODE),
            severity: record.severity_number,
            body: &body,
        });
    }

    fn metrics(&mut self, request: &ExportMetricsServiceRequest) {
        for resource in &request.resource_metrics {
            let of = resource_texts(resource.resource.as_ref());
            resource.scope_metrics.iter().flat_map(|scope| &scope.metrics).for_each(|metric| self.metric(&of, metric));
        }
    }

    fn metric(&mut self, of: &Texts, metric: &Metric) {
        match &metric.data {
            Some(Data::Gauge(gauge)) => {
                gauge.data_points.iter().for_each(|point| self.number(of, metric, point, false));
            }
            Some(Data::Sum(sum)) => {
                let cumulative = sum.is_monotonic && sum.aggregation_temporality == 2;
                sum.data_points.iter().for_each(|point| self.number(of, metric, point, cumulative));
            }
            Some(Data::Histogram(histogram)) => {
                for point in histogram.data_points.iter().filter(|point| point.count > 0) {
                    let mean = point.sum.unwrap_or_default() / point.count as f64;
                    self.point(of, metric, (point.time_unix_nano, mean), &point.attributes, false);
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, of: &Texts, metric: &Metric, point: &NumberDataPoint, cumulative: bool) {
        let value = match point.value {
            Some(number_data_point::Value::AsDouble(value)) => value,
            Some(number_data_point::Value::AsInt(value)) => value as f64,
            None => return,
        };
        self.point(of, metric, (point.time_unix_nano, value), &point.attributes, cumulative);
    }

    fn point(&mut self, of: &Texts, metric: &Metric, point: (u64, f64), attributes: &[KeyValue], cumulative: bool) {
        let own = texts(attributes);
        let mut pairs: Vec<(&str, &str)> = own.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        pairs.extend(of.get("network.device.name").map(|device| ("network.device.name", device.as_str())));
        self.telemetry.point(&PointRow {
            time: UnixNanos(point.0 as i64),
            name: &metric.name,
            unit: &metric.unit,
            service: first(of, &["service.name"]),
            instance: first(of, INSTANCE),
            node: first(of, NODE),
            value: point.1,
            cumulative,
            attributes: &pairs,
        });
    }
}

fn change(time: UnixNanos, own: &Texts) -> Change {
    let text = |key: &str| first(own, &[key]).to_owned();
    Change {
        id: text("change.id"),
        time,
        kind: text("change.kind"),
        target: text("change.target"),
        version: text("change.version"),
        previous_version: text("change.previous_version"),
        author: text("change.author"),
        title: text("change.title"),
        ..Change::default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

fn texts(attributes: &[KeyValue]) -> Texts {
    let text = |pair: &KeyValue| pair.value.as_ref().and_then(|any| any.value.as_ref()).map(value).unwrap_or_default();
    attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

fn resource_texts(resource: Option<&Resource>) -> Texts {
    resource.map(|resource| texts(&resource.attributes)).unwrap_or_default()
}

fn first<'a>(attributes: &'a Texts, keys: &[&str]) -> &'a str {
    keys.iter().find_map(|key| attributes.get(*key)).map_or("", String::as_str)
}
