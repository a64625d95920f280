//! For tests: what telemetry shows, summed up as whoever looks at it would.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::Company;
use crate::telemetry::Item;
use crate::world::SECOND;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;

pub(crate) const OPENED: u64 = 1_800_000_000 * SECOND;

/// One number of a metric at a time.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Point {
    pub(crate) source: String,
    pub(crate) name: String,
    /// Values of its attributes, joined by `,`.
    pub(crate) of: String,
    pub(crate) second: f64,
    pub(crate) value: f64,
}

/// Everything that was sent, with the second of its time since opening.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) spans: Vec<(String, Span)>,
    pub(crate) logs: Vec<(String, LogRecord)>,
    pub(crate) points: Vec<Point>,
}

/// Requests of one operation within a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Red {
    pub(crate) calls: usize,
    pub(crate) failed: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
}

/// Runs a company: faults by name with the seconds between which they act.
pub(crate) fn run(seed: u64, seconds: u64, faults: &[(&'static str, u64, u64)]) -> Survey {
    let mut company = Company::open(seed, 1.0, OPENED);
    let mut survey = Survey::default();
    for second in 1..=seconds {
        let acting: Vec<_> =
            faults.iter().filter(|(_, from, to)| (*from..*to).contains(&second)).map(|(name, ..)| *name).collect();
        let items = company.advance(OPENED + second * SECOND, &acting);
        items.into_iter().for_each(|item| survey.take(&company, item));
    }
    company.close().into_iter().for_each(|item| survey.take(&company, item));
    survey
}

impl Survey {
    fn take(&mut self, company: &Company, item: Item) {
        let source = item.source();
        let resource = company.sources.resource(source, company.version(source));
        let said = |key: &str| resource.attributes.iter().find(|kv| kv.key == key).map(string);
        let name = said("service.instance.id")
            .or_else(|| said("host.name"))
            .or_else(|| said("network.device.name"))
            .or_else(|| said("service.name"))
            .unwrap();
        match item {
            Item::Span(_, span) => self.spans.push((name, span)),
            Item::Log(_, record) => self.logs.push((name, record)),
            Item::Metrics(_, metrics) => {
                for metric in metrics {
                    let points = match metric.data.unwrap() {
                        metric::Data::Gauge(gauge) => gauge.data_points,
                        metric::Data::Sum(sum) => sum.data_points,
                        _ => continue,
                    };
                    self.points.extend(points.into_iter().map(|point| Point {
                        source: name.clone(),
                        name: metric.name.clone(),
                        of: point.attributes.iter().map(string).collect::<Vec<_>>().join(","),
                        second: second(point.time_unix_nano),
                        value: match point.value.unwrap() {
                            number_data_point::Value::AsDouble(value) => value,
                            number_data_point::Value::AsInt(value) => value as f64,
                        },
                    }));
                }
            }
        }
    }

    /// Spans of a kind and name on sources whose names begin so, that began within the seconds.
    pub(crate) fn of<'a>(
        &'a self,
        source: &'a str,
        kind: i32,
        name: &'a str,
        from: f64,
        to: f64,
    ) -> impl Iterator<Item = &'a Span> {
        self.spans.iter().filter_map(move |(who, span)| {
            let began = second(span.start_time_unix_nano);
            (who.starts_with(source) && span.kind == kind && span.name == name && began >= from && began < to)
                .then_some(span)
        })
    }

    /// Requests that an operation served.
    pub(crate) fn red(&self, source: &str, name: &str, from: f64, to: f64) -> Red {
        red(self.of(source, 2, name, from, to))
    }

    /// Values of a metric of sources whose names begin so, and whose attributes contain a text.
    pub(crate) fn values(&self, source: &str, name: &str, of: &str, from: f64, to: f64) -> Vec<f64> {
        let ours = |p: &&Point| {
            p.source.starts_with(source) && p.name == name && p.of.contains(of) && p.second >= from && p.second < to
        };
        self.points.iter().filter(ours).map(|p| p.value).collect()
    }

    pub(crate) fn max(&self, source: &str, name: &str, of: &str, from: f64, to: f64) -> f64 {
        self.values(source, name, of, from, to).into_iter().fold(f64::MIN, f64::max)
    }

    /// Bodies of log records that contain a text.
    pub(crate) fn logged(&self, source: &str, text: &str, from: f64, to: f64) -> usize {
        let ours = |(who, record): &&(String, LogRecord)| {
            let at = second(record.time_unix_nano);
            who.starts_with(source) && at >= from && at < to && body(record).contains(text)
        };
        self.logs.iter().filter(ours).count()
    }
}

pub(crate) fn red<'a>(spans: impl Iterator<Item = &'a Span>) -> Red {
    let spans: Vec<_> = spans.collect();
    let mut ms: Vec<f64> = spans.iter().map(|s| duration_ms(s)).collect();
    ms.sort_by(f64::total_cmp);
    let at = |share: f64| ms.get(((ms.len() as f64 - 1.0) * share).max(0.0) as usize).copied().unwrap_or(0.0);
    let failed = spans.iter().filter(|s| is_failed(s)).count() as f64 / spans.len().max(1) as f64;
    Red { calls: spans.len(), failed, p50_ms: at(0.5), p95_ms: at(0.95) }
}

pub(crate) fn is_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}

pub(crate) fn duration_ms(span: &Span) -> f64 {
    (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e6
}

pub(crate) fn second(time: u64) -> f64 {
    (time as i64 - OPENED as i64) as f64 / SECOND as f64
}

pub(crate) fn body(record: &LogRecord) -> String {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn string(kv: &KeyValue) -> String {
    match kv.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a KeyValue> {
    attributes.iter().find(|kv| kv.key == key)
}
