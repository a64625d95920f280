//! The exporter of one pod: a bounded queue, batches, retries with backoff - what a real SDK does.
//!
//! It drops only what its queue cannot take or its retries cannot deliver, and counts that.

use crate::Settings;
use crate::counters::Counters;
use crate::instruments::{Instruments, points};
use crate::journey::Item;
use crate::services::{Pod, Transport};
use crate::wire::{Answer, Kind, Wire};
use model::Clock;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Items that wait for one exporter; what comes on top is dropped and counted.
pub(crate) const QUEUE_MAX: usize = 8_192;
const BATCH_MAX: usize = 512;
const BATCH_EVERY: Duration = Duration::from_secs(1);
const METRICS_EVERY: Duration = Duration::from_secs(10);
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// How long one batch is tried for before it is given up.
const TRY_FOR: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct Exporter {
    pod: Pod,
    wire: Wire,
    clock: Arc<dyn Clock>,
    /// By the monotonic clock.
    opened: Duration,
    counters: Arc<Counters>,
    instruments: Instruments,
}

impl Exporter {
    pub(crate) fn new(pod: Pod, settings: &Settings, clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Self {
        let wire = match pod.service.transport {
            Transport::Grpc => Wire::grpc(&settings.otlp_grpc, settings.token.as_deref()),
            Transport::Http => Wire::http(&settings.otlp_http, settings.token.as_deref()),
        };
        let instruments = Instruments::new(pod, clock.now().0 as u64);
        Self { pod, wire, opened: clock.monotonic(), clock, counters, instruments }
    }

    /// Exports until the queue is closed and empty; the last metrics go out at the end.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Item>) {
        let mut batches = interval(BATCH_EVERY);
        let mut metrics = interval(METRICS_EVERY);
        batches.set_missed_tick_behavior(MissedTickBehavior::Delay);
        metrics.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        loop {
            let full = waiting.len() >= BATCH_MAX;
            tokio::select! {
                biased;
                _ = metrics.tick() => self.export_metrics().await,
                _ = batches.tick(), if !waiting.is_empty() => self.export(std::mem::take(&mut waiting)).await,
                item = queue.recv(), if !full => match item {
                    Some(item) => waiting.push(item),
                    None => break,
                },
                () = std::future::ready(()), if full => self.export(std::mem::take(&mut waiting)).await,
            }
        }
        self.export(waiting).await;
        self.export_metrics().await;
    }

    async fn export(&mut self, items: Vec<Item>) {
        let (mut spans, mut records) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Span(_, span) => {
                    self.instruments.observe(&span);
                    spans.push(span);
                }
                Item::Log(_, record) => records.push(record),
            }
        }
        if !spans.is_empty() {
            let count = spans.len() as u64;
            self.deliver(Kind::Traces, self.traces(spans), count).await;
        }
        if !records.is_empty() {
            let count = records.len() as u64;
            self.deliver(Kind::Logs, self.logs(records), count).await;
        }
    }

    async fn export_metrics(&mut self) {
        let metrics = self.instruments.collect(self.clock.now().0 as u64);
        let count = points(&metrics) as u64;
        self.counters.produced.fetch_add(count, Relaxed);
        let scope_metrics = vec![ScopeMetrics { scope: Some(self.pod.scope()), metrics, ..ScopeMetrics::default() }];
        let resource_metrics =
            vec![ResourceMetrics { resource: Some(self.resource()), scope_metrics, ..ResourceMetrics::default() }];
        self.deliver(Kind::Metrics, ExportMetricsServiceRequest { resource_metrics }.encode_to_vec(), count).await;
    }

    /// What the pod says of itself at the moment.
    fn resource(&self) -> Resource {
        self.pod.resource(self.pod.version(self.clock.monotonic().saturating_sub(self.opened)))
    }

    fn traces(&self, spans: Vec<Span>) -> Vec<u8> {
        let scope_spans = vec![ScopeSpans { scope: Some(self.pod.scope()), spans, ..ScopeSpans::default() }];
        let resource_spans =
            vec![ResourceSpans { resource: Some(self.resource()), scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    fn logs(&self, log_records: Vec<LogRecord>) -> Vec<u8> {
        let scope_logs = vec![ScopeLogs { scope: Some(self.pod.scope()), log_records, ..ScopeLogs::default() }];
        let resource_logs =
            vec![ResourceLogs { resource: Some(self.resource()), scope_logs, ..ResourceLogs::default() }];
        ExportLogsServiceRequest { resource_logs }.encode_to_vec()
    }

    /// Sends the same bytes until they are answered for good, backing off as the server asks.
    async fn deliver(&self, kind: Kind, body: Vec<u8>, count: u64) {
        let (body, began) = (bytes::Bytes::from(body), Instant::now());
        let mut backoff = BACKOFF_FIRST;
        loop {
            match self.wire.send(kind, body.clone()).await {
                Answer::Accepted { rejected } => {
                    let rejected = rejected.min(count);
                    self.counters.refused.fetch_add(rejected, Relaxed);
                    self.counters.acked(kind).fetch_add(count - rejected, Relaxed);
                    return;
                }
                Answer::Refused(why) => {
                    tracing::warn!(pod = self.pod.name(), ?kind, why, "an export was refused for good");
                    self.counters.refused.fetch_add(count, Relaxed);
                    return;
                }
                Answer::Later(asked) if began.elapsed() < TRY_FOR => {
                    self.counters.retries.fetch_add(1, Relaxed);
                    tokio::time::sleep(asked.unwrap_or(backoff).min(BACKOFF_MAX)).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
                Answer::Later(_) => {
                    self.counters.dropped.fetch_add(count, Relaxed);
                    return;
                }
            }
        }
    }
}
