//! The exporter of one collector: a bounded queue, batches of many sources, retries with backoff - what
//! a collector on a node does for the pods beside it.
//!
//! It drops only what its queue cannot take or its retries cannot deliver, and counts that.

use crate::Settings;
use crate::counters::Counters;
use crate::instruments::points;
use crate::sources::Sources;
use crate::telemetry::Item;
use crate::wire::{Answer, Kind, Wire};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Items that wait for one exporter; what comes on top is dropped and counted.
pub(crate) const QUEUE_MAX: usize = 4_096;
const BATCH_MAX: usize = 2_048;
const BATCH_EVERY: Duration = Duration::from_secs(1);
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// How long one batch is tried for before it is given up.
const TRY_FOR: Duration = Duration::from_secs(120);

/// A piece of telemetry, and what its source ran when it was written.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) version: &'static str,
    pub(crate) item: Item,
}

/// Telemetry of one source and version.
#[derive(Debug, Default)]
struct Bundle {
    spans: Vec<Span>,
    records: Vec<LogRecord>,
    metrics: Vec<Metric>,
}

type Bundles = BTreeMap<(usize, &'static str), Bundle>;

/// Requests of one batch, with how much is in each.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) traces: ExportTraceServiceRequest,
    pub(crate) logs: ExportLogsServiceRequest,
    pub(crate) metrics: ExportMetricsServiceRequest,
    spans: u64,
    records: u64,
    points: u64,
}

impl Batch {
    pub(crate) fn of(sources: &Sources, parcels: Vec<Parcel>) -> Self {
        let mut bundles = Bundles::new();
        for Parcel { version, item } in parcels {
            let bundle = bundles.entry((item.source(), version)).or_default();
            match item {
                Item::Span(_, span) => bundle.spans.push(span),
                Item::Log(_, record) => bundle.records.push(record),
                Item::Metrics(_, metrics) => bundle.metrics.extend(metrics),
            }
        }
        let mut batch = Self::default();
        for ((source, version), bundle) in bundles {
            batch.take(sources, source, version, bundle);
        }
        batch
    }

    fn take(&mut self, sources: &Sources, source: usize, version: &str, bundle: Bundle) {
        let resource = || Some(sources.resource(source, version));
        let scope = || Some(sources.scope(source));
        let Bundle { spans, records: log_records, metrics } = bundle;
        self.spans += spans.len() as u64;
        self.records += log_records.len() as u64;
        self.points += points(&metrics) as u64;
        if !spans.is_empty() {
            let scope_spans = vec![ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() }];
            let of = ResourceSpans { resource: resource(), scope_spans, ..ResourceSpans::default() };
            self.traces.resource_spans.push(of);
        }
        if !log_records.is_empty() {
            let scope_logs = vec![ScopeLogs { scope: scope(), log_records, ..ScopeLogs::default() }];
            let of = ResourceLogs { resource: resource(), scope_logs, ..ResourceLogs::default() };
            self.logs.resource_logs.push(of);
        }
        if !metrics.is_empty() {
            let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() }];
            let of = ResourceMetrics { resource: resource(), scope_metrics, ..ResourceMetrics::default() };
            self.metrics.resource_metrics.push(of);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Exporter {
    collector: usize,
    wire: Wire,
    sources: Sources,
    counters: Arc<Counters>,
}

impl Exporter {
    pub(crate) fn new(collector: usize, settings: &Settings, sources: Sources, counters: Arc<Counters>) -> Self {
        let token = settings.token.as_deref();
        // Both transports are in use, as they are in life.
        let wire = if collector.is_multiple_of(2) {
            Wire::grpc(&settings.otlp_grpc, token)
        } else {
            Wire::http(&settings.otlp_http, token)
        };
        Self { collector, wire, sources, counters }
    }

    /// Exports until the queue is closed and empty.
    pub(crate) async fn run(self, mut queue: mpsc::Receiver<Parcel>) {
        let mut batches = interval(BATCH_EVERY);
        batches.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        loop {
            let full = waiting.len() >= BATCH_MAX;
            tokio::select! {
                biased;
                _ = batches.tick(), if !waiting.is_empty() => self.export(std::mem::take(&mut waiting)).await,
                parcel = queue.recv(), if !full => match parcel {
                    Some(parcel) => waiting.push(parcel),
                    None => break,
                },
                () = std::future::ready(()), if full => self.export(std::mem::take(&mut waiting)).await,
            }
        }
        self.export(waiting).await;
    }

    /// Sends a batch, each signal in a request of its own.
    async fn export(&self, parcels: Vec<Parcel>) {
        let batch = Batch::of(&self.sources, parcels);
        // Each waits for the disk of the server: together, not one after the other.
        tokio::join!(
            self.deliver(Kind::Traces, batch.traces.encode_to_vec(), batch.spans),
            self.deliver(Kind::Logs, batch.logs.encode_to_vec(), batch.records),
            self.deliver(Kind::Metrics, batch.metrics.encode_to_vec(), batch.points),
        );
    }

    /// Sends the same bytes until they are answered for good, backing off as the server asks.
    async fn deliver(&self, kind: Kind, body: Vec<u8>, count: u64) {
        if count == 0 {
            return;
        }
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
                    tracing::warn!(collector = self.collector, ?kind, why, "an export was refused for good");
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
