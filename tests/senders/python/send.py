"""Sends spans, log records and every kind of metric with the Python SDK, attributes of every type.

usage: send.py grpc|http ENDPOINT SERVICE     prints the number of items sent as JSON
"""

import json
import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

transport, endpoint, service = sys.argv[1:4]

if transport == "grpc":
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    options = {"endpoint": endpoint, "insecure": True, "compression": Compression.Gzip}
    exporters = (OTLPSpanExporter(**options), OTLPLogExporter(**options), OTLPMetricExporter(**options))
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporters = tuple(
        kind(endpoint=f"{endpoint}/v1/{path}", compression=Compression.Gzip)
        for kind, path in ((OTLPSpanExporter, "traces"), (OTLPLogExporter, "logs"), (OTLPMetricExporter, "metrics"))
    )

span_exporter, log_exporter, metric_exporter = exporters
EVERY_TYPE = {
    "text": "珍珠奶茶 \"大杯\"\n\t🧋",
    "empty": "",
    "yes": True,
    "no": False,
    "int": -(2**63),
    "int.big": 2**63 - 1,
    "double": 0.1,
    "double.whole": 3.0,
    "double.tiny": 5e-324,
    "texts": ["a", "b\"c", ""],
    "ints": [1, -2, 3],
    "doubles": [0.5, -1.25],
    "flags": [True, False],
    "http.request.method": "POST",
    "http.response.status_code": 503,
    "server.port": "not a number",
    "order.id": "O-1",
    "request.id": "R-1",
    "http.method": "POST",
}
# The bodies and attributes of log records may be anything.
NESTED = {"list": [1, "two", 3.5, None, {"deep": [True]}], "bytes": b"\x00\xff\x10", "none": None, "map": {"k": "v"}}
resource = Resource.create({"service.name": service, "service.instance.id": "one", "deployment.environment.name": "test"})

spans = logs = points = 0

tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(span_exporter))
tracer = tracers.get_tracer("e2e.python", "1.2.3", attributes={"scope.attribute": "yes"})
with tracer.start_as_current_span("parent", kind=SpanKind.SERVER, attributes=EVERY_TYPE) as parent:
    parent.add_event("first", {"n": 1, **EVERY_TYPE})
    parent.add_event("second")
    for kind in SpanKind:
        link = Link(parent.get_span_context(), {"why": "message", "attempt": 2})
        with tracer.start_as_current_span(f"child {kind.name}", kind=kind, links=[link]) as child:
            child.set_attribute("kind", kind.value)
            spans += 1
    try:
        with tracer.start_as_current_span("fails"):
            spans += 1
            raise ValueError("no pearls left")
    except ValueError:
        pass
    parent.set_status(Status(StatusCode.ERROR, "broken 面"))
    spans += 1

    logger_provider = LoggerProvider(resource=resource)
    logger_provider.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
    logger = logger_provider.get_logger("e2e.python.logs")
    for n, body in enumerate(["a text", 7, 1.5, True, ["list", 1], {"a": {"b": [1, 2]}}, b"bytes", None]):
        logger.emit(
            LogRecord(
                timestamp=1_700_000_000_123_456_789 + n,
                observed_timestamp=1_700_000_000_123_456_999 + n,
                severity_number=SeverityNumber.ERROR,
                severity_text="ERROR",
                body=body,
                attributes={"n": n, **EVERY_TYPE, **NESTED},
                event_name="order.failed" if n == 0 else None,
                context=trace.set_span_in_context(parent) if n % 2 == 0 else None,
            )
        )
        logs += 1

reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=3_600_000)
view = View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation(max_size=20))
meters = MeterProvider([reader], resource=resource, views=[view])
meter = meters.get_meter("e2e.python.metrics", "1")
meter.create_counter("counter", "1", "a counter").add(2**40, {"http.route": "/a"})
meter.create_counter("counter.double").add(0.25)
meter.create_up_down_counter("up.down").add(-5, EVERY_TYPE)
meter.create_gauge("gauge", "Cel").set(21.5, {"room": "kitchen"})
histogram = meter.create_histogram("histogram", "ms")
exponential = meter.create_histogram("exponential", "ms")
with tracer.start_as_current_span("measured"):
    spans += 1
    for value in (0, 0.5, 3, 7, 12, 480, 20_000):
        histogram.record(value, {"http.route": "/a"})
        exponential.record(value)
points = 6

# Shutting down exports what is left, each item once.
for provider in (tracers, logger_provider, meters):
    provider.shutdown()
print(json.dumps({"spans": spans, "logs": logs, "points": points}))
