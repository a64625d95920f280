//! What the company's metrics say: requests, durations, pools, orders - counted from the very spans
//! that are sent, so that the two signals can be held against each other.

use crate::services::Pod;
use crate::telemetry::{double, int, text};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, exemplar, metric, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeMap;

/// Bounds of `http.server.request.duration` in seconds, as the semantic conventions advise.
const BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const CUMULATIVE: i32 = 2;

#[derive(Debug, Default)]
struct Duration {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    buckets: Vec<u64>,
    exemplar: Option<Exemplar>,
}

/// The instruments of one pod, cumulative since it started.
#[derive(Debug)]
pub(crate) struct Instruments {
    pod: Pod,
    since: u64,
    requests: BTreeMap<(String, i64), Duration>,
    messages: BTreeMap<String, u64>,
    statements: u64,
}

impl Instruments {
    pub(crate) fn new(pod: Pod, since: u64) -> Self {
        Self { pod, since, requests: BTreeMap::new(), messages: BTreeMap::new(), statements: 0 }
    }

    pub(crate) fn observe(&mut self, span: &Span) {
        match span.kind {
            2 => self.observe_request(span),
            3 if find(span, "db.system.name").is_some() => self.statements += 1,
            5 => *self.messages.entry(span.name.clone()).or_default() += 1,
            _ => {}
        }
    }

    fn observe_request(&mut self, span: &Span) {
        let status = match find(span, "http.response.status_code") {
            Some(any_value::Value::IntValue(status)) => *status,
            _ => 0,
        };
        let seconds = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e9;
        let of = self.requests.entry((span.name.clone(), status)).or_default();
        if of.count == 0 {
            of.buckets = vec![0; BOUNDS.len() + 1];
            (of.min, of.max) = (seconds, seconds);
        }
        of.count += 1;
        of.sum += seconds;
        of.min = of.min.min(seconds);
        of.max = of.max.max(seconds);
        of.buckets[BOUNDS.partition_point(|b| *b < seconds)] += 1;
        of.exemplar = Some(Exemplar {
            time_unix_nano: span.end_time_unix_nano,
            span_id: span.span_id.clone(),
            trace_id: span.trace_id.clone(),
            value: Some(exemplar::Value::AsDouble(seconds)),
            ..Exemplar::default()
        });
    }

    /// All instruments at `now`.
    pub(crate) fn collect(&self, now: u64) -> Vec<Metric> {
        let mut metrics = Vec::new();
        if !self.requests.is_empty() {
            let data_points = self.requests.iter().map(|(key, of)| self.duration_point(key, of, now)).collect();
            let histogram = Histogram { data_points, aggregation_temporality: CUMULATIVE };
            metrics.push(named("http.server.request.duration", "s", metric::Data::Histogram(histogram)));
        }
        let handled = self
            .messages
            .iter()
            .map(|(name, n)| self.counted(vec![text("messaging.operation.name", name.clone())], *n, now));
        let counters = [
            ("messaging.client.consumed.messages", "{message}", handled.collect::<Vec<_>>()),
            ("db.client.statements", "{statement}", vec![self.counted(vec![], self.statements, now)]),
        ];
        for (name, unit, data_points) in counters.into_iter().filter(|(_, _, points)| !points.is_empty()) {
            let sum = Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic: true };
            metrics.push(named(name, unit, metric::Data::Sum(sum)));
        }
        metrics.extend(self.gauges(now));
        metrics
    }

    fn gauges(&self, now: u64) -> [Metric; 2] {
        // A slow wave per pod stands for pool use and memory.
        let phase = (now / 1_000_000_000) as f64 / 60.0 + self.pod.index() as f64;
        let pool = (10.0 + 6.0 * phase.sin()) as i64;
        let memory = 400e6 + 90e6 * (phase / 3.0).cos();
        let point = |value, attributes| NumberDataPoint {
            time_unix_nano: now,
            value: Some(value),
            attributes,
            ..Default::default()
        };
        let gauge = |point| metric::Data::Gauge(Gauge { data_points: vec![point] });
        [
            named(
                "db.client.connection.count",
                "{connection}",
                gauge(point(number_data_point::Value::AsInt(pool), vec![text("db.client.connection.state", "used")])),
            ),
            named(
                "process.memory.usage",
                "By",
                gauge(point(number_data_point::Value::AsDouble(memory), vec![double("process.memory.limit", 1e9)])),
            ),
        ]
    }

    fn duration_point(&self, (route, status): &(String, i64), of: &Duration, now: u64) -> HistogramDataPoint {
        HistogramDataPoint {
            attributes: vec![text("http.route", route.clone()), int("http.response.status_code", *status)],
            start_time_unix_nano: self.since,
            time_unix_nano: now,
            count: of.count,
            sum: Some(of.sum),
            bucket_counts: of.buckets.clone(),
            explicit_bounds: BOUNDS.to_vec(),
            exemplars: of.exemplar.clone().into_iter().collect(),
            min: Some(of.min),
            max: Some(of.max),
            ..HistogramDataPoint::default()
        }
    }

    fn counted(&self, attributes: Vec<KeyValue>, n: u64, now: u64) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: self.since,
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsInt(n as i64)),
            ..NumberDataPoint::default()
        }
    }
}

/// Data points in a list of metrics, as the server will count them.
pub(crate) fn points(metrics: &[Metric]) -> usize {
    metrics
        .iter()
        .map(|m| match &m.data {
            Some(metric::Data::Gauge(g)) => g.data_points.len(),
            Some(metric::Data::Sum(s)) => s.data_points.len(),
            Some(metric::Data::Histogram(h)) => h.data_points.len(),
            _ => 0,
        })
        .sum()
}

fn named(name: &str, unit: &str, data: metric::Data) -> Metric {
    Metric { name: name.into(), unit: unit.into(), data: Some(data), ..Metric::default() }
}

fn find<'a>(span: &'a Span, key: &str) -> Option<&'a any_value::Value> {
    span.attributes.iter().find(|kv| kv.key == key)?.value.as_ref()?.value.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ORDER;

    #[test]
    fn a_histogram_counts_the_requests_it_saw() {
        let mut instruments = Instruments::new(Pod { service: ORDER, ordinal: 0 }, 5);
        for (status, ms) in [(200, 3), (200, 30), (500, 9_000)] {
            instruments.observe(&Span {
                name: "POST /orders".into(),
                kind: 2,
                start_time_unix_nano: 100,
                end_time_unix_nano: 100 + ms * 1_000_000,
                attributes: vec![int("http.response.status_code", status)],
                ..Span::default()
            });
        }
        let metrics = instruments.collect(1_000);
        let Some(metric::Data::Histogram(h)) = &metrics[0].data else { panic!("{metrics:?}") };
        let counts: Vec<_> =
            h.data_points.iter().map(|p| (p.count, p.bucket_counts.iter().sum::<u64>(), p.min, p.max)).collect();
        assert_eq!(counts, vec![(2, 2, Some(0.003), Some(0.03)), (1, 1, Some(9.0), Some(9.0))]);
        assert_eq!(points(&metrics), 2 + 1 + 2);
    }
}
