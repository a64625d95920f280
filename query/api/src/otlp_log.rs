//! Records that come by this API, as OTLP log records: they go in by the door of all telemetry, so that
//! there is one durable way and one place where rows follow from records.

use crate::{Api, Asker, Problem};
use bytes::Bytes;
use model::{Signal, SpanId, TraceId, UnixNanos};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use serde_json::Value;

/// Severity number of records that tell of nothing bad.
const INFO: i32 = 9;

/// One record to be stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) event_name: &'static str,
    pub(crate) service: String,
    /// When it happened; the moment of receipt where its sender does not say. A sender who says it and
    /// sends the same again is recognised.
    pub(crate) time: Option<UnixNanos>,
    pub(crate) body: Option<String>,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<SpanId>,
    attributes: Vec<KeyValue>,
}

impl Record {
    pub(crate) fn new(event_name: &'static str, service: impl Into<String>) -> Self {
        Self { event_name, service: service.into(), ..Self::default() }
    }

    pub(crate) fn put(&mut self, key: &str, value: impl Into<String>) {
        self.put_any(key, Any::StringValue(value.into()));
    }

    pub(crate) fn put_some(&mut self, key: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    pub(crate) fn put_int(&mut self, key: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.put_any(key, Any::IntValue(value));
        }
    }

    /// A value of any shape; null is left out.
    pub(crate) fn put_json(&mut self, key: &str, value: &Value) {
        if let Some(value) = any(value).value {
            self.put_any(key, value);
        }
    }

    fn put_any(&mut self, key: &str, value: Any) {
        let value = Some(AnyValue { value: Some(value) });
        self.attributes.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
    }

    fn into_log(self, now: UnixNanos) -> LogRecord {
        LogRecord {
            time_unix_nano: nanos(self.time.unwrap_or(now)),
            severity_number: INFO,
            body: self.body.map(|text| AnyValue { value: Some(Any::StringValue(text)) }),
            attributes: self.attributes,
            trace_id: self.trace_id.map(|id| id.0.to_vec()).unwrap_or_default(),
            span_id: self.span_id.map(|id| id.0.to_vec()).unwrap_or_default(),
            event_name: self.event_name.to_owned(),
            ..LogRecord::default()
        }
    }
}

fn nanos(time: UnixNanos) -> u64 {
    u64::try_from(time.0).unwrap_or_default()
}

/// JSON as the protocol writes it.
fn any(value: &Value) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(value) => Some(Any::BoolValue(*value)),
        Value::Number(number) => Some(match number.as_i64() {
            Some(number) => Any::IntValue(number),
            None => Any::DoubleValue(number.as_f64().unwrap_or_default()),
        }),
        Value::String(text) => Some(Any::StringValue(text.clone())),
        Value::Array(items) => Some(Any::ArrayValue(ArrayValue { values: items.iter().map(any).collect() })),
        Value::Object(fields) => {
            let pair = |(key, value): (&String, &Value)| KeyValue {
                key: key.clone(),
                value: Some(any(value)),
                ..KeyValue::default()
            };
            Some(Any::KvlistValue(KeyValueList { values: fields.iter().map(pair).collect() }))
        }
    };
    AnyValue { value }
}

impl Api {
    /// Stores records; they are on the disk when this returns.
    pub(crate) async fn record(&self, asker: &Asker, records: Vec<Record>) -> Result<(), Problem> {
        self.intake.store(asker, Signal::Logs, encode(records, self.now())).await
    }
}

fn encode(records: Vec<Record>, now: UnixNanos) -> Bytes {
    let mut resource_logs: Vec<ResourceLogs> = Vec::new();
    let mut last: Option<String> = None;
    for record in records {
        if last.as_ref() != Some(&record.service) {
            let mut named = Record::default();
            named.put("service.name", record.service.clone());
            let resource = Resource { attributes: named.attributes, ..Resource::default() };
            let scope = InstrumentationScope { name: "stormglass.api".into(), ..InstrumentationScope::default() };
            let scope_logs = vec![ScopeLogs { scope: Some(scope), ..ScopeLogs::default() }];
            resource_logs.push(ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() });
            last = Some(record.service.clone());
        }
        if let Some(scope) = resource_logs.last_mut().and_then(|logs| logs.scope_logs.first_mut()) {
            scope.log_records.push(record.into_log(now));
        }
    }
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn records_of_one_service_share_their_resource_and_keep_their_order() {
        let record = |service: &str, body: &str| {
            let mut record = Record::new("stormglass.change", service);
            record.body = Some(body.into());
            record.put_json("n", &json!({ "a": [1, 2.5, null], "b": true }));
            record
        };
        let body = encode(vec![record("a", "1"), record("a", "2"), record("b", "3")], UnixNanos(7));
        let request = ExportLogsServiceRequest::decode(body).unwrap();
        let counts: Vec<usize> =
            request.resource_logs.iter().map(|logs| logs.scope_logs[0].log_records.len()).collect();
        assert_eq!(counts, [2, 1]);
        let first = &request.resource_logs[0].scope_logs[0].log_records[0];
        assert_eq!((first.time_unix_nano, first.event_name.as_str()), (7, "stormglass.change"));
        assert!(matches!(first.attributes[0].value.as_ref().unwrap().value, Some(Any::KvlistValue(_))));
    }

    #[test]
    fn what_says_its_time_is_the_same_bytes_when_it_is_sent_again() {
        let record = || Record { time: Some(UnixNanos(5)), ..Record::new("business.operation", "a") };
        assert_eq!(encode(vec![record()], UnixNanos(1)), encode(vec![record()], UnixNanos(2)));
        assert_ne!(encode(vec![Record::default()], UnixNanos(1)), encode(vec![Record::default()], UnixNanos(2)));
    }
}
