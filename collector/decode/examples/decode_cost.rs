//! What decoding costs: CPU seconds per million items of a workload file.
//!
//! `measure FILE [PASSES] [SIGNAL]`. The file holds frames: body length and item count as
//! little-endian `u32`, then an export request in protobuf. Without a file (`-`), requests of about
//! 100 bytes a point or 400 bytes a record are made up. Run it by hand on an idle machine; it asserts
//! nothing.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use bytes::Bytes;
use decode::{Encoding, decode};
use model::{ContentHash, Signal, UnixNanos};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::error::Error;
use tables::build::{BuildSettings, Layout};
use tables::{PromotedSet, TableId};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: measure FILE [PASSES] [SIGNAL]")?;
    let passes: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let name = arguments.next().unwrap_or_else(|| "traces".into());
    let signal = Signal::ALL.into_iter().find(|signal| signal.as_str() == name).ok_or("no such signal")?;
    let frames = match (file.as_str(), signal) {
        ("-", Signal::Metrics) => (0..200).map(|at| (metrics(at).into(), 0)).collect(),
        ("-", Signal::Logs) => (0..200).map(|at| (logs(at).into(), 0)).collect(),
        _ => frames(Bytes::from(std::fs::read(file)?))?,
    };
    let business = ["order.id", "user.id", "app.order.id"].map(String::from);
    let promoted = PromotedSet::default_with(&business);
    let layout = Layout::new(BuildSettings::new(promoted, &["app.request.id".into()]));
    let bytes: usize = frames.iter().map(|(body, _)| body.len()).sum();
    for pass in 0..passes {
        // A body that was just received lies in the cache: reading it is not decoding's cost.
        let before = cpu_seconds()?;
        let mut sum = frames.iter().fold(0, |sum, (body, _)| sum ^ ContentHash::of_body(0, body).0[0]);
        let reading = cpu_seconds()? - before;
        let before = cpu_seconds()?;
        let (mut items, mut resources, mut retained) = (0, 0, 0);
        for (body, _) in &frames {
            sum ^= ContentHash::of_body(0, body).0[0];
            let decoded = decode(&layout, signal, Encoding::Protobuf, body, RECEIVED)?;
            for batch in &decoded.batches.tables {
                match batch.table {
                    TableId::Resources => resources += batch.rows.num_rows(),
                    TableId::Spans | TableId::Logs | TableId::Metrics => items += batch.rows.num_rows(),
                    _ => {}
                }
                retained += batch.rows.get_array_memory_size();
            }
        }
        let seconds = cpu_seconds()? - before - reading;
        println!(
            "pass {pass}: {items} items, {:.1} bytes each, {resources} resources, {:.3} CPU s per million items ({retained} {sum})",
            bytes as f64 / items as f64,
            seconds / items as f64 * 1e6,
        );
    }
    Ok(())
}

const RECEIVED: UnixNanos = UnixNanos(1_795_132_800 * UnixNanos::SECOND);

fn frames(mut file: Bytes) -> Result<Vec<(Bytes, u32)>, Box<dyn Error>> {
    let mut frames = Vec::new();
    while !file.is_empty() {
        let head = file.split_to(8);
        let len = u32::from_le_bytes(head[..4].try_into()?);
        frames.push((file.split_to(len as usize), u32::from_le_bytes(head[4..].try_into()?)));
    }
    Ok(frames)
}

fn text(key: &str, value: String) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value)) }),
        ..KeyValue::default()
    }
}

fn resource(instance: u64) -> Option<Resource> {
    let attributes = vec![
        text("service.name", "order-service".into()),
        text("service.instance.id", format!("order-service-{instance}")),
        text("k8s.pod.name", format!("order-service-7d9f-{instance}")),
        text("host.name", format!("node-{}", instance % 16)),
    ];
    Some(Resource { attributes, ..Resource::default() })
}

const NOW: u64 = RECEIVED.0 as u64;

/// One export of one instance: 50 metrics of 20 points each; every tenth export is of the same instance.
fn metrics(at: u64) -> Vec<u8> {
    let point = |series: u64| NumberDataPoint {
        attributes: vec![
            text("http.request.method", "GET".into()),
            text("http.route", format!("/api/v2/route/{series}")),
            text("server.address", "order.retail".into()),
        ],
        start_time_unix_nano: NOW - 1_000_000_000,
        time_unix_nano: NOW + at,
        value: Some(number_data_point::Value::AsInt((at * 31 + series) as i64)),
        ..NumberDataPoint::default()
    };
    let metric = |name: u64| {
        let sum = Sum { data_points: (0..20).map(point).collect(), aggregation_temporality: 2, is_monotonic: true };
        Metric { name: format!("app.metric.{name}"), unit: "1".into(), data: Some(Data::Sum(sum)), ..Metric::default() }
    };
    let scope_metrics = vec![ScopeMetrics { metrics: (0..50).map(metric).collect(), ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource: resource(at % 20), scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

fn logs(at: u64) -> Vec<u8> {
    let record = |line: u64| LogRecord {
        time_unix_nano: NOW + line,
        observed_time_unix_nano: NOW + line + 1_000,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(format!(
                "order {at}-{line} moved from PAID to SHIPPED by worker {}",
                line % 7
            ))),
        }),
        attributes: vec![
            text("thread.name", format!("http-nio-8080-exec-{}", line % 50)),
            text("code.function.name", "com.retail.order.OrderService.ship".into()),
            text("order.id", format!("SO20261120{:08}", at * 1_000 + line / 3)),
            text("tenant.id", format!("tenant-{}", line % 97)),
            text("logger", "com.retail.order.OrderService".into()),
        ],
        trace_id: (u128::from(at * 1_000 + line / 5) * 0x9e37_79b9_7f4a_7c15).to_le_bytes().to_vec(),
        span_id: (line + 1).to_le_bytes().to_vec(),
        flags: 1,
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: (0..1_000).map(record).collect(), ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource: resource(at % 20), scope_logs, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// User and system time of this process so far.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = stat.split_whitespace().next().ok_or("empty schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}
