//! A small workload of the bench's own: spans, log records and metric points of a retail company.
//!
//! Deterministic: the same scale and start give the same bytes. It is for trying the bench without a
//! workload file, and for the two signals that the file does not have.

use crate::workload::{Frame, ORDER_KEY, Signal, Workload};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};

const SEED: u64 = 42;
const ITEMS_PER_FRAME: u64 = 1_000;
/// More are made when they are asked for: together they would not fit into memory.
const HELD_FRAMES_MAX: u64 = 4_000;
/// Spans of one trace, each of another service.
pub(crate) const SPANS_PER_TRACE: u64 = 10;

/// How many services send, and over how much event time, whatever the size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estate {
    pub(crate) services: u64,
    pub(crate) window_ns: u64,
}

/// The company that workloads are of.
pub(crate) const COMPANY: Estate = Estate { services: 40, window_ns: 1_800_000_000_000 };
/// One of 300 services, over an hour.
pub(crate) const LARGE: Estate = Estate { services: 300, window_ns: 3_600_000_000_000 };
const SERVICES: u64 = COMPANY.services;

/// The usual company over as long as spans are kept.
pub(crate) const MONTH: Estate = Estate { services: 40, window_ns: 30 * 86_400_000_000_000 };

impl Estate {
    /// Calls between services that `items` spans come to.
    pub(crate) fn calls(items: u64) -> u64 {
        items / SPANS_PER_TRACE * (SPANS_PER_TRACE - 1)
    }
}

/// Items at scale 1.0.
pub(crate) const SPANS: u64 = 200_000;
pub(crate) const LOGS: u64 = 200_000;
/// Of 40,000 series, so that each has a point every 36 seconds.
pub(crate) const POINTS: u64 = 2_000_000;

/// A workload of about `items` items whose event times end at `end` (Unix nanoseconds).
pub(crate) fn workload(signal: Signal, items: u64, end: u64) -> Workload {
    workload_of(COMPANY, signal, items, end)
}

/// The same of another company; log records and points are of the usual one's services.
pub(crate) fn workload_of(estate: Estate, signal: Signal, items: u64, end: u64) -> Workload {
    let window = estate.window_ns;
    let start = end.saturating_sub(window);
    let frames = items.div_ceil(ITEMS_PER_FRAME).max(1);
    let frame = move |random: &mut SmallRng, i: u64| {
        let at = start + (u128::from(window) * u128::from(i) / u128::from(frames)) as u64;
        let body = match signal {
            Signal::Spans => spans(random, estate.services, at, window / frames),
            Signal::Logs => logs(random, at, window / frames),
            Signal::Points => points(random, i, at),
        };
        Frame { body: body.into(), items: ITEMS_PER_FRAME }
    };
    if frames > HELD_FRAMES_MAX {
        let seeded = move |i: u64| frame(&mut SmallRng::seed_from_u64(SEED.wrapping_add(i)), i);
        return Workload::made(signal, frames, Box::new(seeded));
    }
    let mut random = SmallRng::seed_from_u64(SEED);
    Workload::generated(signal, (0..frames).map(|i| frame(&mut random, i)).collect())
}

/// A request of one span of its own trace, and that trace's id in hex.
pub(crate) fn probe(n: u64, now: u64) -> (String, Vec<u8>) {
    let mut random = SmallRng::seed_from_u64(SEED ^ now ^ n);
    let trace = id(&mut random, 16);
    let spans = vec![span(&mut random, n % SERVICES, 0, now, (&trace, &[]), ("probe", "probe"))];
    let scope_spans = vec![ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: resource(n % SERVICES), scope_spans, ..ResourceSpans::default() }];
    (hex::encode(trace), ExportTraceServiceRequest { resource_spans }.encode_to_vec())
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn service(n: u64) -> String {
    const NOUNS: [&str; 8] = ["order", "member", "coupon", "stock", "payment", "delivery", "menu", "label"];
    format!("{}-service-{}", NOUNS[(n % 8) as usize], n / 8)
}

fn resource(n: u64) -> Option<Resource> {
    let name = service(n);
    let attributes = vec![
        text("service.name", name.clone()),
        text("service.namespace", "retail"),
        text("service.version", format!("3.{n}.1")),
        text("service.instance.id", format!("{name}-0")),
        text("deployment.environment.name", "production"),
        text("telemetry.sdk.language", "java"),
        text("host.name", format!("node-{}", n % 9)),
        text("k8s.pod.name", format!("{name}-7d9f-{n}")),
        text("k8s.node.name", format!("node-{}", n % 9)),
        text("k8s.namespace.name", "retail"),
    ];
    Some(Resource { attributes, ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "io.opentelemetry.spring-webmvc-6.0".into(),
        version: "2.11.0".into(),
        ..Default::default()
    })
}

fn id(random: &mut SmallRng, length: usize) -> Vec<u8> {
    let mut id = vec![0; length];
    random.fill_bytes(&mut id);
    id[0] |= 1;
    id
}

/// Whole traces of ten spans, a root and nine below it, over ten services.
fn spans(random: &mut SmallRng, services: u64, at: u64, window: u64) -> Vec<u8> {
    let mut by_service: Vec<Vec<Span>> = vec![Vec::new(); services as usize];
    for _ in 0..ITEMS_PER_FRAME / SPANS_PER_TRACE {
        let (trace_id, order) =
            (id(random, 16), format!("{}", 618_000_000_000 + random.random_range(0..10_000_000u64)));
        let request = hex::encode(id(random, 16));
        let first = random.random_range(0..services);
        let mut parent = Vec::new();
        let begin = at + random.random_range(0..window.max(1));
        for depth in 0..SPANS_PER_TRACE {
            let n = (first + depth * 7) % services;
            let span = span(random, n, depth, begin, (&trace_id, &parent), (&order, &request));
            parent = span.span_id.clone();
            by_service[n as usize].push(span);
        }
    }
    let groups = by_service.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty());
    let resource_spans = groups.map(|(n, spans)| ResourceSpans {
        resource: resource(n as u64),
        scope_spans: vec![ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
}

fn span(
    random: &mut SmallRng,
    n: u64,
    depth: u64,
    begin: u64,
    (trace, parent): (&[u8], &[u8]),
    (order, request): (&str, &str),
) -> Span {
    let route = format!("/api/v2/{}/{{id}}", ["orders", "members", "stock", "labels"][(n % 4) as usize]);
    let start = begin + depth * 900_000 + random.random_range(0..400_000);
    let failed = random.random_bool(0.006);
    Span {
        trace_id: trace.to_vec(),
        span_id: id(random, 8),
        parent_span_id: parent.to_vec(),
        name: format!("POST {route}"),
        kind: if depth.is_multiple_of(2) { 2 } else { 3 },
        start_time_unix_nano: start,
        end_time_unix_nano: start + random.random_range(200_000..60_000_000 / (depth + 1)),
        attributes: vec![
            text("http.request.method", "POST"),
            text("http.route", route),
            int("http.response.status_code", if failed { 500 } else { 200 }),
            text("server.address", service(n)),
            int("server.port", 8080),
            text("client.address", format!("10.32.{}.{}", random.random_range(0..250), random.random_range(0..250))),
            text(
                "network.peer.address",
                format!("10.33.{}.{}", random.random_range(0..9), random.random_range(0..250)),
            ),
            text("user_agent.original", "Apache-HttpClient/5.2.1 (Java/17.0.12)"),
            int("thread.id", random.random_range(20..220)),
            text("thread.name", format!("http-nio-8080-exec-{}", random.random_range(0..100))),
            text("app.request.id", request),
            text("app.tenant.id", format!("T{:04}", random.random_range(1..40))),
            text(ORDER_KEY, order),
        ],
        status: failed.then(|| Status { message: "Read timed out".into(), code: 2 }),
        flags: 0x101,
        ..Span::default()
    }
}

/// Whole requests, each over five services, which write two records in one span each.
fn logs(random: &mut SmallRng, at: u64, window: u64) -> Vec<u8> {
    let mut by_service: Vec<Vec<LogRecord>> = vec![Vec::new(); SERVICES as usize];
    for i in 0..ITEMS_PER_FRAME / 10 {
        let (trace_id, request) = (id(random, 16), hex::encode(id(random, 16)));
        let begin = at + window * 10 * i / ITEMS_PER_FRAME;
        let first = random.random_range(0..SERVICES);
        for depth in 0..5 {
            let span_id = id(random, 8);
            for _ in 0..2 {
                let time = begin + depth * 900_000 + random.random_range(0..400_000);
                let record = record(random, time, (&trace_id, &span_id, &request));
                by_service[((first + depth * 7) % SERVICES) as usize].push(record);
            }
        }
    }
    let groups = by_service.into_iter().enumerate().filter(|(_, records)| !records.is_empty());
    let resource_logs = groups.map(|(n, log_records)| ResourceLogs {
        resource: resource(n as u64),
        scope_logs: vec![ScopeLogs { scope: scope(), log_records, ..ScopeLogs::default() }],
        ..ResourceLogs::default()
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec()
}

fn record(random: &mut SmallRng, time: u64, (trace, span, request): (&[u8], &[u8], &str)) -> LogRecord {
    let order = 618_000_000_000 + random.random_range(0..10_000_000u64);
    let message = match random.random_range(0..5) {
        0 => format!(
            "order {order} placed by U{} in {} ms",
            random.random_range(10_000_000..10_050_000),
            random.random_range(2..90)
        ),
        1 => format!(
            "stock of SKU-{} in S{:05} is {}",
            random.random_range(1000..1200),
            random.random_range(0..900),
            random.random_range(0..500)
        ),
        2 => "cache miss, reading through to the database".into(),
        3 => format!("label of order {order} sent to printer {}", random.random_range(0..900)),
        _ => format!(
            "consumed ORDER_PAID offset {} lag {}",
            random.random_range(0..9_000_000),
            random.random_range(0..20)
        ),
    };
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time + 40_000,
        severity_number: if random.random_bool(0.02) { 17 } else { 9 },
        severity_text: "INFO".into(),
        body: Some(AnyValue { value: Some(Value::StringValue(message)) }),
        attributes: vec![
            text("thread.name", format!("http-nio-8080-exec-{}", random.random_range(0..100))),
            text("log.logger", "com.retail.order.api.OrderController"),
            text("code.function.name", "com.retail.order.api.OrderController.handle"),
            int("code.line.number", random.random_range(40..400)),
            text("app.request.id", request),
            text("app.tenant.id", format!("T{:04}", random.random_range(1..40))),
        ],
        trace_id: trace.to_vec(),
        span_id: span.to_vec(),
        flags: 1,
        ..LogRecord::default()
    }
}

/// One collection of one service: gauges and cumulative sums, the same series in each frame of it.
fn points(random: &mut SmallRng, frame: u64, at: u64) -> Vec<u8> {
    let n = frame % SERVICES;
    let metrics = (0..20).map(|m| {
        let point = |series: u64| NumberDataPoint {
            attributes: vec![text("http.route", format!("/api/v2/{series}")), int("http.response.status_code", 200)],
            start_time_unix_nano: at - at % COMPANY.window_ns,
            time_unix_nano: at,
            value: Some(match m % 2 {
                0 => number_data_point::Value::AsDouble((random.random_range(0..4_000) as f64) / 8.0),
                _ => number_data_point::Value::AsInt((frame * 40 + series * 3 + random.random_range(0..9)) as i64),
            }),
            ..NumberDataPoint::default()
        };
        let data_points = (0..ITEMS_PER_FRAME / 20).map(point).collect();
        let data = match m % 2 {
            0 => metric::Data::Gauge(Gauge { data_points }),
            _ => metric::Data::Sum(Sum { data_points, aggregation_temporality: 2, is_monotonic: true }),
        };
        Metric { name: format!("retail.metric.{m}"), unit: "1".into(), data: Some(data), ..Metric::default() }
    });
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics: metrics.collect(), ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource: resource(n), scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Truth;

    const END: u64 = 1_700_000_000_000_000_000;

    #[test]
    fn the_same_scale_is_the_same_bytes_of_a_usual_size() {
        for (signal, bytes_per_item) in
            [(Signal::Spans, 450.0..650.0), (Signal::Logs, 300.0..450.0), (Signal::Points, 60.0..130.0)]
        {
            let (a, b) = (workload(signal, 3_000, END), workload(signal, 3_000, END));
            assert_eq!(a.items, 3_000);
            assert!(bytes_per_item.contains(&a.bytes_per_item()), "{signal:?}: {}", a.bytes_per_item());
            assert_eq!(a.frame(2).unwrap().body, b.frame(2).unwrap().body);
        }
    }

    #[test]
    fn what_is_too_large_to_hold_is_made_anew_and_is_the_same() {
        let items = HELD_FRAMES_MAX * ITEMS_PER_FRAME + 1;
        let workload = workload(Signal::Spans, items, END);
        assert_eq!(
            (workload.len() as u64, workload.items),
            (HELD_FRAMES_MAX + 1, (HELD_FRAMES_MAX + 1) * ITEMS_PER_FRAME)
        );
        let body = |i: usize| workload.frame(i).unwrap().body;
        assert_eq!(body(7), body(7));
        assert_ne!(body(7), body(8));
        assert!((450.0..650.0).contains(&workload.bytes_per_item()), "{}", workload.bytes_per_item());
    }

    #[test]
    fn truth_counts_every_span_once() {
        let truth = Truth::of(&workload(Signal::Spans, 5_000, END)).unwrap();
        assert_eq!(truth.services.values().map(|(d, _)| d.len()).sum::<usize>(), 5_000);
        assert!(truth.traces.iter().all(|(_, spans)| *spans == 10));
        assert_eq!(truth.traces.len(), 20);
        assert!(!truth.orders.is_empty());
    }
}
