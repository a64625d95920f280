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
        let mut bundles = Bundles::new();
        for Parcel { version, item } in parcels {
            let bundle = bundles.entry((item.source(), version)).or_default();
            match item {
                Item::Span(_, span) => bundle.spans.push(span),
                Item::Log(_, record) => bundle.records.push(record),
                Item::Metrics(_, metrics) => bundle.metrics.extend(metrics),
            }
        }
        let count = |of: fn(&Bundle) -> usize| bundles.values().map(of).sum::<usize>() as u64;
        let spans = count(|b| b.spans.len());
        let records = count(|b| b.records.len());
        let metrics = count(|b| points(&b.metrics));
        let (traces, logs, points) = (self.traces(&mut bundles), self.logs(&mut bundles), self.metrics(&mut bundles));
        // Each waits for the disk of the server: together, not one after the other.
        tokio::join!(
            self.deliver(Kind::Traces, traces, spans),
            self.deliver(Kind::Logs, logs, records),
            self.deliver(Kind::Metrics, points, metrics),
        );
    }

    fn traces(&self, bundles: &mut Bundles) -> Vec<u8> {
        let of = |(key, bundle): (&(usize, &'static str), &mut Bundle)| {
            let spans = std::mem::take(&mut bundle.spans);
            let scope_spans =
                vec![ScopeSpans { scope: Some(self.sources.scope(key.0)), spans, ..ScopeSpans::default() }];
            let resource = Some(self.sources.resource(key.0, key.1));
            ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }
        };
        let resource_spans = bundles.iter_mut().filter(|(_, b)| !b.spans.is_empty()).map(of).collect();
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    fn logs(&self, bundles: &mut Bundles) -> Vec<u8> {
        let of = |(key, bundle): (&(usize, &'static str), &mut Bundle)| {
            let log_records = std::mem::take(&mut bundle.records);
            let scope_logs =
                vec![ScopeLogs { scope: Some(self.sources.scope(key.0)), log_records, ..ScopeLogs::default() }];
            let resource = Some(self.sources.resource(key.0, key.1));
            ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }
        };
        let resource_logs = bundles.iter_mut().filter(|(_, b)| !b.records.is_empty()).map(of).collect();
        ExportLogsServiceRequest { resource_logs }.encode_to_vec()
    }

    fn metrics(&self, bundles: &mut Bundles) -> Vec<u8> {
        let of = |(key, bundle): (&(usize, &'static str), &mut Bundle)| {
            let metrics = std::mem::take(&mut bundle.metrics);
            let scope_metrics =
                vec![ScopeMetrics { scope: Some(self.sources.scope(key.0)), metrics, ..ScopeMetrics::default() }];
            let resource = Some(self.sources.resource(key.0, key.1));
            ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }
        };
        let resource_metrics = bundles.iter_mut().filter(|(_, b)| !b.metrics.is_empty()).map(of).collect();
        ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
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
