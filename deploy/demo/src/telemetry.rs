//! One piece of telemetry, and short constructors of OTLP values.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;

/// Telemetry of one source, by its place among all sources.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Item {
    Span(usize, Span),
    Log(usize, LogRecord),
    Metrics(usize, Vec<Metric>),
}

impl Item {
    pub(crate) fn source(&self) -> usize {
        let (Item::Span(source, _) | Item::Log(source, _) | Item::Metrics(source, _)) = self;
        *source
    }
}

pub(crate) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

pub(crate) fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

pub(crate) fn double(key: &str, value: f64) -> KeyValue {
    attribute(key, Value::DoubleValue(value))
}

/// A list of maps, such as `business.entities`.
pub(crate) fn maps(key: &str, maps: Vec<Vec<KeyValue>>) -> KeyValue {
    let values = maps.into_iter().map(|values| AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) });
    attribute(key, Value::ArrayValue(ArrayValue { values: values.collect() }))
}

pub(crate) fn body(text: impl Into<String>) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(text.into())) })
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
