//! Export requests as OTLP/JSON text, in any of the spellings the mapping allows: written from the
//! mapping's rules, by nothing that the reader under test uses.

use crate::dice::Dice;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, exemplar,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, span};

/// Chooses among the allowed spellings. With no bytes to draw from it writes the plainest text.
pub(crate) struct Writer<'b>(pub(crate) Dice<'b>);

/// The members of an object to be.
struct Object(Vec<(String, String)>);

impl Object {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn with(mut self, key: &str, value: String) -> Self {
        self.0.push((key.into(), value));
        self
    }

    /// A member that may be left out.
    fn maybe(self, key: &str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }
}

impl Writer<'_> {
    pub(crate) fn traces(&mut self, request: &ExportTraceServiceRequest) -> String {
        let groups = self.array(&request.resource_spans, |w, group| {
            let scopes = w.array(&group.scope_spans, |w, scoped| {
                let object = Object::new()
                    .maybe("scope", w.message(scoped.scope.as_ref(), Self::scope))
                    .with("spans", w.array(&scoped.spans, Self::span))
                    .with("schemaUrl", w.string(&scoped.schema_url));
                w.object(object)
            });
            w.group(group.resource.as_ref(), "scopeSpans", scopes, &group.schema_url)
        });
        self.object(Object::new().with("resourceSpans", groups))
    }

    pub(crate) fn logs(&mut self, request: &ExportLogsServiceRequest) -> String {
        let groups = self.array(&request.resource_logs, |w, group| {
            let scopes = w.array(&group.scope_logs, |w, scoped| {
                let object = Object::new()
                    .maybe("scope", w.message(scoped.scope.as_ref(), Self::scope))
                    .with("logRecords", w.array(&scoped.log_records, Self::record))
                    .with("schemaUrl", w.string(&scoped.schema_url));
                w.object(object)
            });
            w.group(group.resource.as_ref(), "scopeLogs", scopes, &group.schema_url)
        });
        self.object(Object::new().with("resourceLogs", groups))
    }

    pub(crate) fn metrics(&mut self, request: &ExportMetricsServiceRequest) -> String {
        let groups = self.array(&request.resource_metrics, |w, group| {
            let scopes = w.array(&group.scope_metrics, |w, scoped| {
                let object = Object::new()
                    .maybe("scope", w.message(scoped.scope.as_ref(), Self::scope))
                    .with("metrics", w.array(&scoped.metrics, Self::metric))
                    .with("schemaUrl", w.string(&scoped.schema_url));
                w.object(object)
            });
            w.group(group.resource.as_ref(), "scopeMetrics", scopes, &group.schema_url)
        });
        self.object(Object::new().with("resourceMetrics", groups))
    }

    fn group(&mut self, resource: Option<&Resource>, key: &str, scopes: String, schema_url: &str) -> String {
        let object = Object::new()
            .maybe("resource", self.message(resource, Self::resource))
            .with(key, scopes)
            .with("schemaUrl", self.string(schema_url));
        self.object(object)
    }

    fn resource(&mut self, resource: &Resource) -> String {
        let object = Object::new()
            .with("attributes", self.attributes(&resource.attributes))
            .maybe("droppedAttributesCount", self.count(resource.dropped_attributes_count));
        self.object(object)
    }

    fn scope(&mut self, scope: &InstrumentationScope) -> String {
        let object = Object::new()
            .with("name", self.string(&scope.name))
            .with("version", self.string(&scope.version))
            .with("attributes", self.attributes(&scope.attributes))
            .maybe("droppedAttributesCount", self.count(scope.dropped_attributes_count));
        self.object(object)
    }

    fn span(&mut self, span: &Span) -> String {
        let object = Object::new()
            .with("traceId", self.hex(&span.trace_id))
            .with("spanId", self.hex(&span.span_id))
            .with("traceState", self.string(&span.trace_state))
            .with("parentSpanId", self.hex(&span.parent_span_id))
            .maybe("flags", self.count(span.flags))
            .with("name", self.string(&span.name))
            .maybe("kind", self.enumerated(span.kind, SPAN_KINDS))
            .with("startTimeUnixNano", self.integer(span.start_time_unix_nano.into()))
            .with("endTimeUnixNano", self.integer(span.end_time_unix_nano.into()))
            .with("attributes", self.attributes(&span.attributes))
            .maybe("droppedAttributesCount", self.count(span.dropped_attributes_count))
            .with("events", self.array(&span.events, Self::event))
            .maybe("droppedEventsCount", self.count(span.dropped_events_count))
            .with("links", self.array(&span.links, Self::link))
            .maybe("droppedLinksCount", self.count(span.dropped_links_count));
        let status = self.message(span.status.as_ref(), |w, status| {
            let object = Object::new()
                .with("message", w.string(&status.message))
                .maybe("code", w.enumerated(status.code, STATUS_CODES));
            w.object(object)
        });
        self.object(object.maybe("status", status))
    }

    fn event(&mut self, event: &span::Event) -> String {
        let object = Object::new()
            .with("timeUnixNano", self.integer(event.time_unix_nano.into()))
            .with("name", self.string(&event.name))
            .with("attributes", self.attributes(&event.attributes))
            .maybe("droppedAttributesCount", self.count(event.dropped_attributes_count));
        self.object(object)
    }

    fn link(&mut self, link: &span::Link) -> String {
        let object = Object::new()
            .with("traceId", self.hex(&link.trace_id))
            .with("spanId", self.hex(&link.span_id))
            .with("traceState", self.string(&link.trace_state))
            .with("attributes", self.attributes(&link.attributes))
            .maybe("droppedAttributesCount", self.count(link.dropped_attributes_count))
            .maybe("flags", self.count(link.flags));
        self.object(object)
    }

    fn record(&mut self, record: &LogRecord) -> String {
        let object = Object::new()
            .with("timeUnixNano", self.integer(record.time_unix_nano.into()))
            .with("observedTimeUnixNano", self.integer(record.observed_time_unix_nano.into()))
            .maybe("severityNumber", self.enumerated(record.severity_number, SEVERITIES))
            .with("severityText", self.string(&record.severity_text))
            .maybe("body", self.message(record.body.as_ref(), Self::any_value))
            .with("attributes", self.attributes(&record.attributes))
            .maybe("droppedAttributesCount", self.count(record.dropped_attributes_count))
            .maybe("flags", self.count(record.flags))
            .with("traceId", self.hex(&record.trace_id))
            .with("spanId", self.hex(&record.span_id))
            .with("eventName", self.string(&record.event_name));
        self.object(object)
    }

    fn metric(&mut self, metric: &Metric) -> String {
        let object = Object::new()
            .with("name", self.string(&metric.name))
            .with("description", self.string(&metric.description))
            .with("unit", self.string(&metric.unit))
            .with("metadata", self.attributes(&metric.metadata));
        let (key, data) = match &metric.data {
            None => return self.object(object),
            Some(Data::Gauge(data)) => {
                ("gauge", Object::new().with("dataPoints", self.array(&data.data_points, Self::number_point)))
            }
            Some(Data::Sum(data)) => {
                let monotonic = if data.is_monotonic { Some("true".into()) } else { self.absent("false") };
                let data = Object::new()
                    .with("dataPoints", self.array(&data.data_points, Self::number_point))
                    .maybe("aggregationTemporality", self.enumerated(data.aggregation_temporality, TEMPORALITIES))
                    .maybe("isMonotonic", monotonic);
                ("sum", data)
            }
            Some(Data::Histogram(data)) => {
                let data = Object::new()
                    .with("dataPoints", self.array(&data.data_points, Self::histogram_point))
                    .maybe("aggregationTemporality", self.enumerated(data.aggregation_temporality, TEMPORALITIES));
                ("histogram", data)
            }
            Some(Data::ExponentialHistogram(data)) => {
                let data = Object::new()
                    .with("dataPoints", self.array(&data.data_points, Self::exponential_point))
                    .maybe("aggregationTemporality", self.enumerated(data.aggregation_temporality, TEMPORALITIES));
                ("exponentialHistogram", data)
            }
            Some(Data::Summary(data)) => {
                ("summary", Object::new().with("dataPoints", self.array(&data.data_points, Self::summary_point)))
            }
        };
        let data = self.object(data);
        self.object(object.with(key, data))
    }

    fn number_point(&mut self, point: &NumberDataPoint) -> String {
        let object = self.point(&point.attributes, point.start_time_unix_nano, point.time_unix_nano, point.flags);
        let object = object.with("exemplars", self.array(&point.exemplars, Self::exemplar));
        let object = match point.value {
            Some(number_data_point::Value::AsDouble(value)) => object.with("asDouble", self.double(value)),
            Some(number_data_point::Value::AsInt(value)) => object.with("asInt", self.integer(value.into())),
            None => object,
        };
        self.object(object)
    }

    fn histogram_point(&mut self, point: &HistogramDataPoint) -> String {
        let object = self
            .point(&point.attributes, point.start_time_unix_nano, point.time_unix_nano, point.flags)
            .with("count", self.integer(point.count.into()))
            .maybe("sum", point.sum.map(|sum| self.double(sum)))
            .with("bucketCounts", self.array(&point.bucket_counts, |w, count| w.integer((*count).into())))
            .with("explicitBounds", self.array(&point.explicit_bounds, |w, bound| w.double(*bound)))
            .with("exemplars", self.array(&point.exemplars, Self::exemplar))
            .maybe("min", point.min.map(|min| self.double(min)))
            .maybe("max", point.max.map(|max| self.double(max)));
        self.object(object)
    }

    fn exponential_point(&mut self, point: &ExponentialHistogramDataPoint) -> String {
        let object = self
            .point(&point.attributes, point.start_time_unix_nano, point.time_unix_nano, point.flags)
            .with("count", self.integer(point.count.into()))
            .maybe("sum", point.sum.map(|sum| self.double(sum)))
            .with("scale", self.integer(point.scale.into()))
            .with("zeroCount", self.integer(point.zero_count.into()))
            .maybe("positive", self.message(point.positive.as_ref(), Self::buckets))
            .maybe("negative", self.message(point.negative.as_ref(), Self::buckets))
            .with("exemplars", self.array(&point.exemplars, Self::exemplar))
            .maybe("min", point.min.map(|min| self.double(min)))
            .maybe("max", point.max.map(|max| self.double(max)))
            .with("zeroThreshold", self.double(point.zero_threshold));
        self.object(object)
    }

    fn buckets(&mut self, buckets: &Buckets) -> String {
        let object = Object::new()
            .with("offset", self.integer(buckets.offset.into()))
            .with("bucketCounts", self.array(&buckets.bucket_counts, |w, count| w.integer((*count).into())));
        self.object(object)
    }

    fn summary_point(&mut self, point: &SummaryDataPoint) -> String {
        let quantiles = self.array(&point.quantile_values, |w, at| {
            let object = Object::new().with("quantile", w.double(at.quantile)).with("value", w.double(at.value));
            w.object(object)
        });
        let object = self
            .point(&point.attributes, point.start_time_unix_nano, point.time_unix_nano, point.flags)
            .with("count", self.integer(point.count.into()))
            .with("sum", self.double(point.sum))
            .with("quantileValues", quantiles);
        self.object(object)
    }

    fn point(&mut self, attributes: &[KeyValue], start: u64, time: u64, flags: u32) -> Object {
        Object::new()
            .with("attributes", self.attributes(attributes))
            .with("startTimeUnixNano", self.integer(start.into()))
            .with("timeUnixNano", self.integer(time.into()))
            .maybe("flags", self.count(flags))
    }

    fn exemplar(&mut self, exemplar: &Exemplar) -> String {
        let object = Object::new()
            .with("filteredAttributes", self.attributes(&exemplar.filtered_attributes))
            .with("timeUnixNano", self.integer(exemplar.time_unix_nano.into()))
            .with("spanId", self.hex(&exemplar.span_id))
            .with("traceId", self.hex(&exemplar.trace_id));
        let object = match exemplar.value {
            Some(exemplar::Value::AsDouble(value)) => object.with("asDouble", self.double(value)),
            Some(exemplar::Value::AsInt(value)) => object.with("asInt", self.integer(value.into())),
            None => object,
        };
        self.object(object)
    }

    fn attributes(&mut self, attributes: &[KeyValue]) -> String {
        self.array(attributes, |w, attribute| {
            let object = Object::new()
                .with("key", w.string(&attribute.key))
                .maybe("value", w.message(attribute.value.as_ref(), Self::any_value));
            w.object(object)
        })
    }

    fn any_value(&mut self, value: &AnyValue) -> String {
        let object = Object::new();
        let object = match &value.value {
            None => object,
            Some(Value::StringValue(text)) => object.with("stringValue", self.string(text)),
            Some(Value::BoolValue(truth)) => object.with("boolValue", truth.to_string()),
            Some(Value::IntValue(value)) => object.with("intValue", self.integer((*value).into())),
            Some(Value::DoubleValue(value)) => object.with("doubleValue", self.double(*value)),
            Some(Value::BytesValue(bytes)) => object.with("bytesValue", self.base64(bytes)),
            Some(Value::ArrayValue(array)) => {
                let values = Object::new().with("values", self.array(&array.values, Self::any_value));
                object.with("arrayValue", self.object(values))
            }
            Some(Value::KvlistValue(map)) => {
                let values = Object::new().with("values", self.attributes(&map.values));
                object.with("kvlistValue", self.object(values))
            }
            Some(Value::StringValueStrindex(_)) => object,
        };
        self.object(object)
    }

    /// A message that is there; one that is not may be null.
    fn message<M>(&mut self, message: Option<&M>, write: impl FnOnce(&mut Self, &M) -> String) -> Option<String> {
        match message {
            Some(message) => Some(write(self, message)),
            None => self.absent("null"),
        }
    }

    /// A value that says no more than nothing: left out, or said all the same.
    fn absent(&mut self, said: &str) -> Option<String> {
        match self.0.below(3) {
            0 => None,
            1 => Some("null".into()),
            _ => Some(said.into()),
        }
    }

    fn count(&mut self, count: u32) -> Option<String> {
        if count == 0 { self.absent("0") } else { Some(self.integer(count.into())) }
    }

    /// Integers: plain, as a string, or as a number that is an integer only on a second look.
    fn integer(&mut self, value: i128) -> String {
        match self.0.below(6) {
            0 | 1 => format!("\"{value}\""),
            2 | 3 => value.to_string(),
            4 => format!("{value}.0"),
            _ if value % 10 == 0 => format!("{}e1", value / 10),
            _ => format!("{value}0E-1"),
        }
    }

    fn double(&mut self, value: f64) -> String {
        match (value.is_finite(), self.0.below(3)) {
            (true, 0) => format!("{value:?}"),
            (true, 1) => format!("{value:e}"),
            (true, _) => format!("\"{value:?}\""),
            (false, _) if value.is_nan() => "\"NaN\"".into(),
            (false, _) => format!("\"{}Infinity\"", if value < 0.0 { "-" } else { "" }),
        }
    }

    /// Enums are numbers; in use are names too, and numbers in quotes.
    fn enumerated(&mut self, value: i32, names: &[&str]) -> Option<String> {
        if value == 0 {
            return self.absent("0");
        }
        let name = usize::try_from(value).ok().and_then(|value| names.get(value));
        Some(match (self.0.below(6), name) {
            (5, Some(name)) => format!("\"{name}\""),
            (4, _) => format!("\"{value}\""),
            _ => value.to_string(),
        })
    }

    fn hex(&mut self, id: &[u8]) -> String {
        let digits = hex::encode(id);
        let digits = if self.0.rarely(3) { digits.to_uppercase() } else { digits };
        if id.is_empty() && self.0.rarely(2) { "null".into() } else { format!("\"{digits}\"") }
    }

    fn base64(&mut self, bytes: &[u8]) -> String {
        let engine = self.0.pick(&[&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]);
        format!("\"{}\"", engine.encode(bytes))
    }

    fn string(&mut self, text: &str) -> String {
        let mut out = String::from('"');
        let escape_all = self.0.rarely(8);
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' if !escape_all => out.push_str("\\n"),
                '/' if self.0.rarely(3) => out.push_str("\\/"),
                _ if escape_all || character < ' ' => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04X}"));
                    }
                }
                _ => out.push(character),
            }
        }
        out.push('"');
        out
    }

    fn array<E>(&mut self, elements: &[E], mut write: impl FnMut(&mut Self, &E) -> String) -> String {
        let elements: Vec<String> = elements.iter().map(|element| write(self, element)).collect();
        let space = self.0.pick(&["", " ", "\n\t"]);
        format!("[{space}{}{space}]", elements.join(&format!("{space},")))
    }

    /// Members in any order, now and then with one nobody knows or with an earlier value that does not count.
    fn object(&mut self, object: Object) -> String {
        let Object(mut members) = object;
        if self.0.rarely(10) {
            let unknown = self.0.pick(&["future", "snake_case", "trace_id", "key_strindex", "STRINGVALUE", ""]);
            members.push((unknown.into(), self.0.pick(&["{\"a\":[{}]}", "[]", "1e999", "\"x\"", "true"]).into()));
        }
        for last in (1..members.len()).rev() {
            members.swap(last, last - self.0.below(last + 1));
        }
        if !members.is_empty() && self.0.rarely(10) {
            let overruled = self.0.pick(&members).0;
            members.insert(0, (overruled, self.0.pick(&["null", "{}", "\"overruled\"", "[7]", "-1"]).into()));
        }
        let space = self.0.pick(&["", " ", "\r\n"]);
        let members: Vec<String> =
            members.iter().map(|(key, value)| format!("{}{space}:{space}{value}", self.string(key))).collect();
        format!("{{{space}{}{space}}}", members.join(","))
    }
}

#[rustfmt::skip]
const SPAN_KINDS: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUS_CODES: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
const TEMPORALITIES: &[&str] =
    &["AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"];
#[rustfmt::skip]
const SEVERITIES: &[&str] = &[
    "SEVERITY_NUMBER_UNSPECIFIED", "SEVERITY_NUMBER_TRACE", "SEVERITY_NUMBER_TRACE2", "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4", "SEVERITY_NUMBER_DEBUG", "SEVERITY_NUMBER_DEBUG2", "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4", "SEVERITY_NUMBER_INFO", "SEVERITY_NUMBER_INFO2", "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4", "SEVERITY_NUMBER_WARN", "SEVERITY_NUMBER_WARN2", "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4", "SEVERITY_NUMBER_ERROR", "SEVERITY_NUMBER_ERROR2", "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4", "SEVERITY_NUMBER_FATAL", "SEVERITY_NUMBER_FATAL2", "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];
