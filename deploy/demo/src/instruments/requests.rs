//! What a pod counts of its own spans: requests with their durations, statements, messages.

use super::points::{CUMULATIVE, Sheet};
use crate::telemetry::{int, text};
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Histogram, HistogramDataPoint, exemplar, metric};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeMap;

/// Bounds of `http.server.request.duration` in seconds, as the semantic conventions advise.
const BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

#[derive(Debug, Default)]
struct Durations {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    buckets: Vec<u64>,
    exemplar: Option<Exemplar>,
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    /// By span name and HTTP status; 0 for remote procedures, 500 where they failed.
    served: BTreeMap<(String, i64), Durations>,
    statements: BTreeMap<String, Durations>,
    messages: BTreeMap<String, u64>,
}

impl Requests {
    pub(super) fn observe(&mut self, span: &Span) {
        match span.kind {
            2 => {
                let failed = i64::from(span.status.as_ref().is_some_and(|s| s.code == 2)) * 500;
                let status = find(span, "http.response.status_code").and_then(int_of).unwrap_or(failed);
                self.served.entry((span.name.clone(), status)).or_default().observe(span);
            }
            3 => {
                if let Some(any_value::Value::StringValue(namespace)) = find(span, "db.namespace") {
                    self.statements.entry(namespace.clone()).or_default().observe(span);
                }
            }
            4 | 5 => *self.messages.entry(span.name.clone()).or_default() += 1,
            _ => {}
        }
    }

    pub(super) fn tell(&self, sheet: &mut Sheet, since: u64, now: u64) {
        let histogram =
            |data_points| metric::Data::Histogram(Histogram { data_points, aggregation_temporality: CUMULATIVE });
        if !self.served.is_empty() {
            let point = |((route, status), of): (&(String, i64), &Durations)| HistogramDataPoint {
                attributes: vec![text("http.route", route.clone()), int("http.response.status_code", *status)],
                ..of.point(since, now)
            };
            let points = self.served.iter().map(point).collect();
            sheet.put("http.server.request.duration", "s", histogram(points));
        }
        if !self.statements.is_empty() {
            let point = |(namespace, of): (&String, &Durations)| HistogramDataPoint {
                attributes: vec![text("db.namespace", namespace.clone())],
                ..of.point(since, now)
            };
            let points = self.statements.iter().map(point).collect();
            sheet.put("db.client.operation.duration", "s", histogram(points));
        }
        for (name, starts) in
            [("messaging.client.sent.messages", "send "), ("messaging.client.consumed.messages", "process ")]
        {
            let of = self.messages.iter().filter_map(|(span, n)| Some((span.strip_prefix(starts)?, n)));
            let points = of.map(|(topic, n)| (vec![text("messaging.destination.name", topic)], *n as f64));
            sheet.counter(name, "{message}", points);
        }
    }
}

impl Durations {
    fn observe(&mut self, span: &Span) {
        let seconds = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano) as f64 / 1e9;
        if self.count == 0 {
            self.buckets = vec![0; BOUNDS.len() + 1];
            (self.min, self.max) = (seconds, seconds);
        }
        self.count += 1;
        self.sum += seconds;
        self.min = self.min.min(seconds);
        self.max = self.max.max(seconds);
        self.buckets[BOUNDS.partition_point(|b| *b < seconds)] += 1;
        self.exemplar = Some(Exemplar {
            time_unix_nano: span.end_time_unix_nano,
            span_id: span.span_id.clone(),
            trace_id: span.trace_id.clone(),
            value: Some(exemplar::Value::AsDouble(seconds)),
            ..Exemplar::default()
        });
    }

    fn point(&self, since: u64, now: u64) -> HistogramDataPoint {
        HistogramDataPoint {
            start_time_unix_nano: since,
            time_unix_nano: now,
            count: self.count,
            sum: Some(self.sum),
            bucket_counts: self.buckets.clone(),
            explicit_bounds: BOUNDS.to_vec(),
            exemplars: self.exemplar.iter().cloned().collect(),
            min: Some(self.min),
            max: Some(self.max),
            ..HistogramDataPoint::default()
        }
    }
}

fn find<'a>(span: &'a Span, key: &str) -> Option<&'a any_value::Value> {
    span.attributes.iter().find(|kv| kv.key == key)?.value.as_ref()?.value.as_ref()
}

fn int_of(value: &any_value::Value) -> Option<i64> {
    if let any_value::Value::IntValue(value) = value { Some(*value) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_the_requests_it_saw() {
        let mut requests = Requests::default();
        for (status, ms) in [(200, 3), (200, 30), (500, 9_000)] {
            requests.observe(&Span {
                name: "POST /orders".into(),
                kind: 2,
                start_time_unix_nano: 100,
                end_time_unix_nano: 100 + ms * 1_000_000,
                attributes: vec![int("http.response.status_code", status)],
                ..Span::default()
            });
        }
        let mut sheet = Sheet::new(5, 1_000);
        requests.tell(&mut sheet, 5, 1_000);
        let Some(metric::Data::Histogram(h)) = &sheet.metrics[0].data else { panic!("{sheet:?}") };
        let counts: Vec<_> =
            h.data_points.iter().map(|p| (p.count, p.bucket_counts.iter().sum::<u64>(), p.min, p.max)).collect();
        assert_eq!(counts, vec![(2, 2, Some(0.003), Some(0.03)), (1, 1, Some(9.0), Some(9.0))]);
        assert_eq!(super::super::points::points(&sheet.metrics), 2);
    }
}
