//! An export request taken apart by the minute in which each of its rows was told, so that a file of hours can
//! be sent as its sender would have.

use super::otlp::Request;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, ResourceMetrics, ScopeMetrics, Sum};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use std::collections::BTreeMap;

pub(super) const MINUTE_NS: u64 = 60 * 1_000_000_000;

/// Parts with the minute they are of, Unix minutes, ascending.
pub(super) fn by_minute(request: Request) -> Vec<(u64, Request)> {
    match request {
        Request::Traces(request) => spans(request),
        Request::Logs(request) => logs(request),
        Request::Metrics(request) => points(request),
    }
}

/// Items by the minute of their time.
fn grouped<T>(items: Vec<T>, time: impl Fn(&T) -> u64) -> BTreeMap<u64, Vec<T>> {
    let mut minutes: BTreeMap<u64, Vec<T>> = BTreeMap::new();
    for item in items {
        minutes.entry(time(&item) / MINUTE_NS).or_default().push(item);
    }
    minutes
}

/// A span is told when it has ended.
fn spans(request: ExportTraceServiceRequest) -> Vec<(u64, Request)> {
    let mut minutes: BTreeMap<u64, ExportTraceServiceRequest> = BTreeMap::new();
    for of in request.resource_spans {
        for scope in of.scope_spans {
            for (minute, spans) in grouped(scope.spans, |span| span.end_time_unix_nano) {
                let scope = ScopeSpans { scope: scope.scope.clone(), spans, schema_url: scope.schema_url.clone() };
                minutes.entry(minute).or_default().resource_spans.push(ResourceSpans {
                    resource: of.resource.clone(),
                    scope_spans: vec![scope],
                    schema_url: of.schema_url.clone(),
                });
            }
        }
    }
    minutes.into_iter().map(|(minute, request)| (minute, Request::Traces(request))).collect()
}

fn logs(request: ExportLogsServiceRequest) -> Vec<(u64, Request)> {
    let mut minutes: BTreeMap<u64, ExportLogsServiceRequest> = BTreeMap::new();
    for of in request.resource_logs {
        for scope in of.scope_logs {
            for (minute, log_records) in grouped(scope.log_records, |record| record.time_unix_nano) {
                let scope = ScopeLogs { scope: scope.scope.clone(), log_records, schema_url: scope.schema_url.clone() };
                minutes.entry(minute).or_default().resource_logs.push(ResourceLogs {
                    resource: of.resource.clone(),
                    scope_logs: vec![scope],
                    schema_url: of.schema_url.clone(),
                });
            }
        }
    }
    minutes.into_iter().map(|(minute, request)| (minute, Request::Logs(request))).collect()
}

fn points(request: ExportMetricsServiceRequest) -> Vec<(u64, Request)> {
    let mut minutes: BTreeMap<u64, ExportMetricsServiceRequest> = BTreeMap::new();
    for of in request.resource_metrics {
        for scope in of.scope_metrics {
            let mut here: BTreeMap<u64, Vec<Metric>> = BTreeMap::new();
            for metric in scope.metrics {
                for (minute, metric) in of_metric(metric) {
                    here.entry(minute).or_default().push(metric);
                }
            }
            for (minute, metrics) in here {
                let scope = ScopeMetrics { scope: scope.scope.clone(), metrics, schema_url: scope.schema_url.clone() };
                minutes.entry(minute).or_default().resource_metrics.push(ResourceMetrics {
                    resource: of.resource.clone(),
                    scope_metrics: vec![scope],
                    schema_url: of.schema_url.clone(),
                });
            }
        }
    }
    minutes.into_iter().map(|(minute, request)| (minute, Request::Metrics(request))).collect()
}

/// Gauges and sums by the minutes of their points; any other metric stays whole, in minute 0.
fn of_metric(metric: Metric) -> Vec<(u64, Metric)> {
    let named = |data: Data| Metric {
        name: metric.name.clone(),
        description: metric.description.clone(),
        unit: metric.unit.clone(),
        metadata: metric.metadata.clone(),
        data: Some(data),
    };
    match metric.data.clone() {
        Some(Data::Gauge(gauge)) => {
            let minutes = grouped(gauge.data_points, |point| point.time_unix_nano);
            minutes.into_iter().map(|(at, data_points)| (at, named(Data::Gauge(Gauge { data_points })))).collect()
        }
        Some(Data::Sum(sum)) => {
            let minutes = grouped(sum.data_points, |point| point.time_unix_nano);
            let (aggregation_temporality, is_monotonic) = (sum.aggregation_temporality, sum.is_monotonic);
            let sum = |data_points| Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic });
            minutes.into_iter().map(|(at, data_points)| (at, named(sum(data_points)))).collect()
        }
        _ => vec![(0, metric)],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;

    const S: u64 = 1_000_000_000;
    const TOLD: [u64; 4] = [10, 70, 80, 130];

    fn ranges(request: Request) -> Vec<(u64, (u64, u64))> {
        by_minute(request).iter_mut().map(|(minute, part)| (*minute, part.range().unwrap())).collect()
    }

    #[test]
    fn rows_are_told_in_their_minute_and_none_is_lost() {
        let point = |second: u64| NumberDataPoint { time_unix_nano: second * S, ..Default::default() };
        let gauge = Gauge { data_points: TOLD.map(point).to_vec() };
        let metric = Metric { name: "m".into(), data: Some(Data::Gauge(gauge)), ..Default::default() };
        let scope = ScopeMetrics { metrics: vec![metric], ..Default::default() };
        let of = ResourceMetrics { scope_metrics: vec![scope], ..Default::default() };
        let record = |second: u64| LogRecord { time_unix_nano: second * S, ..Default::default() };
        let scope = ScopeLogs { log_records: TOLD.map(record).to_vec(), ..Default::default() };
        let of_logs = ResourceLogs { scope_logs: vec![scope], ..Default::default() };
        let expected = [(0, (10 * S, 10 * S)), (1, (70 * S, 80 * S)), (2, (130 * S, 130 * S))];
        assert_eq!(ranges(Request::Metrics(ExportMetricsServiceRequest { resource_metrics: vec![of] })), expected);
        assert_eq!(ranges(Request::Logs(ExportLogsServiceRequest { resource_logs: vec![of_logs] })), expected);
    }
}
