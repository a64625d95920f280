//! Metrics of OTLP from plain numbers.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, Sum, metric, number_data_point};

pub(super) const CUMULATIVE: i32 = 2;

/// Collects the metrics of one source at one time.
#[derive(Debug)]
pub(super) struct Sheet {
    since: u64,
    now: u64,
    pub(super) metrics: Vec<Metric>,
}

impl Sheet {
    pub(super) fn new(since: u64, now: u64) -> Self {
        Self { since, now, metrics: Vec::new() }
    }

    pub(super) fn gauge(&mut self, name: &str, unit: &str, points: impl IntoIterator<Item = (Vec<KeyValue>, f64)>) {
        let data_points = self.points(points, 0);
        self.put(name, unit, metric::Data::Gauge(Gauge { data_points }));
    }

    /// What only grows, since the source began.
    pub(super) fn counter(&mut self, name: &str, unit: &str, points: impl IntoIterator<Item = (Vec<KeyValue>, f64)>) {
        self.sum(name, unit, points, true);
    }

    /// What goes up and down.
    pub(super) fn level(&mut self, name: &str, unit: &str, points: impl IntoIterator<Item = (Vec<KeyValue>, f64)>) {
        self.sum(name, unit, points, false);
    }

    pub(super) fn put(&mut self, name: &str, unit: &str, data: metric::Data) {
        self.metrics.push(Metric { name: name.into(), unit: unit.into(), data: Some(data), ..Metric::default() });
    }

    fn sum(
        &mut self,
        name: &str,
        unit: &str,
        points: impl IntoIterator<Item = (Vec<KeyValue>, f64)>,
        is_monotonic: bool,
    ) {
        let data_points = self.points(points, self.since);
        if !data_points.is_empty() {
            let sum = Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic };
            self.put(name, unit, metric::Data::Sum(sum));
        }
    }

    fn points(
        &self,
        points: impl IntoIterator<Item = (Vec<KeyValue>, f64)>,
        start_time_unix_nano: u64,
    ) -> Vec<NumberDataPoint> {
        let point = |(attributes, value): (Vec<KeyValue>, f64)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano: self.now,
            value: Some(number_data_point::Value::AsDouble(value)),
            ..NumberDataPoint::default()
        };
        points.into_iter().map(point).collect()
    }
}

/// Data points in a list of metrics, as the server will count them.
pub(crate) fn points(metrics: &[Metric]) -> usize {
    let of = |metric: &Metric| match &metric.data {
        Some(metric::Data::Gauge(g)) => g.data_points.len(),
        Some(metric::Data::Sum(s)) => s.data_points.len(),
        Some(metric::Data::Histogram(h)) => h.data_points.len(),
        _ => 0,
    };
    metrics.iter().map(of).sum()
}
