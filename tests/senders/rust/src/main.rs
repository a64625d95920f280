//! Sends spans, log records and metrics with the Rust SDK, attributes of every type.
//!
//! usage: rust-sender grpc|proto|json ENDPOINT SERVICE     prints the number of items sent as JSON

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Link, Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_otlp::{Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

fn every_type() -> Vec<KeyValue> {
    vec![
        KeyValue::new("text", "珍珠奶茶 \"大杯\"\n\t🧋"),
        KeyValue::new("empty", ""),
        KeyValue::new("yes", true),
        KeyValue::new("int", i64::MIN),
        KeyValue::new("int.big", i64::MAX),
        KeyValue::new("double", 0.1),
        KeyValue::new("double.tiny", 5e-324),
        KeyValue::new("texts", Value::Array(Array::String(vec!["a".into(), "b\"c".into(), "".into()]))),
        KeyValue::new("ints", Value::Array(Array::I64(vec![1, -2, i64::MAX]))),
        KeyValue::new("doubles", Value::Array(Array::F64(vec![0.5, -1.25]))),
        KeyValue::new("flags", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("http.response.status_code", 503_i64),
        KeyValue::new("server.port", "not a number"),
        KeyValue::new("order.id", "O-1"),
        KeyValue::new("request.id", "R-1"),
    ]
}

/// The three exporters of one transport.
fn exporters(transport: &str, endpoint: &str) -> Result<(SpanExporter, LogExporter, MetricExporter), Box<dyn Error>> {
    if transport == "grpc" {
        return Ok((
            SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_compression(Compression::Gzip).build()?,
            LogExporter::builder().with_tonic().with_endpoint(endpoint).with_compression(Compression::Gzip).build()?,
            MetricExporter::builder().with_tonic().with_endpoint(endpoint).with_compression(Compression::Gzip).build()?,
        ));
    }
    let protocol = if transport == "json" { Protocol::HttpJson } else { Protocol::HttpBinary };
    let url = |signal: &str| format!("{endpoint}/v1/{signal}");
    Ok((
        SpanExporter::builder().with_http().with_protocol(protocol).with_endpoint(url("traces")).build()?,
        LogExporter::builder().with_http().with_protocol(protocol).with_endpoint(url("logs")).build()?,
        MetricExporter::builder().with_http().with_protocol(protocol).with_endpoint(url("metrics")).build()?,
    ))
}

fn send_spans(provider: &SdkTracerProvider) -> u32 {
    let tracer = provider.tracer("e2e.rust");
    let parent = tracer.span_builder("parent").with_kind(SpanKind::Server).with_attributes(every_type()).start(&tracer);
    let context = Context::current_with_span(parent);
    let link = || Link::new(context.span().span_context().clone(), vec![KeyValue::new("why", "message")], 0);
    for kind in [SpanKind::Internal, SpanKind::Client, SpanKind::Server, SpanKind::Producer, SpanKind::Consumer] {
        let builder = tracer.span_builder(format!("child {kind:?}")).with_kind(kind).with_links(vec![link()]);
        let mut child = builder.start_with_context(&tracer, &context);
        child.add_event("happened", every_type());
        child.set_status(Status::error("broken 面"));
        child.end();
    }
    context.span().set_status(Status::Ok);
    context.span().end();
    6
}

fn send_logs(provider: &SdkLoggerProvider) -> u32 {
    let logger = provider.logger("e2e.rust.logs");
    let bodies = [
        AnyValue::from("a text"),
        AnyValue::from(7_i64),
        AnyValue::from(1.5),
        AnyValue::from(true),
        AnyValue::Bytes(Box::new(vec![0, 255])),
        AnyValue::ListAny(Box::new(vec![AnyValue::from("list"), AnyValue::from(1_i64)])),
    ];
    let mut sent = 0;
    for body in bodies {
        let mut record = logger.create_log_record();
        record.set_timestamp(UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789 + u64::from(sent)));
        record.set_severity_number(Severity::Error);
        record.set_severity_text("ERROR");
        record.set_event_name("order.failed");
        record.set_body(body);
        record.add_attribute("n", i64::from(sent));
        record.add_attribute("order.id", "O-1");
        logger.emit(record);
        sent += 1;
    }
    sent
}

fn send_metrics(provider: &SdkMeterProvider) -> u32 {
    let meter = provider.meter("e2e.rust.metrics");
    meter.u64_counter("counter").with_unit("1").with_description("a counter").build().add(1 << 40, &every_type());
    meter.f64_up_down_counter("up.down").build().add(-5.25, &[]);
    meter.i64_gauge("gauge").build().record(-21, &[KeyValue::new("room", "kitchen")]);
    let histogram = meter.f64_histogram("histogram").with_unit("ms").build();
    for value in [0.0, 0.5, 3.0, 7.0, 12.0, 480.0, 20_000.0] {
        histogram.record(value, &[KeyValue::new("http.route", "/a")]);
    }
    4
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, transport, endpoint, service] = &arguments[..] else {
        return Err("usage: rust-sender grpc|proto|json ENDPOINT SERVICE".into());
    };
    // gRPC wants a runtime around it; the blocking HTTP client wants none.
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = (transport == "grpc").then(|| runtime.enter());
    let (span_exporter, log_exporter, metric_exporter) = exporters(transport, endpoint)?;
    let resource = Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", service.clone()), KeyValue::new("service.instance.id", "one")])
        .build();
    let tracers = SdkTracerProvider::builder().with_batch_exporter(span_exporter).with_resource(resource.clone()).build();
    let loggers = SdkLoggerProvider::builder().with_batch_exporter(log_exporter).with_resource(resource.clone()).build();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metric_exporter).with_resource(resource).build();
    let (spans, logs, points) = (send_spans(&tracers), send_logs(&loggers), send_metrics(&meters));
    // Shutting down exports what is left, each item once.
    tracers.shutdown()?;
    loggers.shutdown()?;
    meters.shutdown()?;
    println!("{{\"spans\": {spans}, \"logs\": {logs}, \"points\": {points}}}");
    Ok(())
}
