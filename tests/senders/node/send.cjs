// Sends spans, log records and every kind of metric with the JavaScript SDK, attributes of every type.
// usage: node send.cjs json|proto|grpc ENDPOINT SERVICE     prints the number of items sent as JSON

const { trace, context, SpanKind, SpanStatusCode, TraceFlags } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { MeterProvider, PeriodicExportingMetricReader, AggregationType } = require('@opentelemetry/sdk-metrics');

const [transport, endpoint, service] = process.argv.slice(2);
const suffix = { json: 'http', proto: 'proto', grpc: 'grpc' }[transport];
const exporters = {};
for (const [signal, name] of [['trace', 'OTLPTraceExporter'], ['logs', 'OTLPLogExporter'], ['metrics', 'OTLPMetricExporter']]) {
  const path = { trace: 'traces', logs: 'logs', metrics: 'metrics' }[signal];
  const url = transport === 'grpc' ? endpoint : `${endpoint}/v1/${path}`;
  const compression = transport === 'proto' ? 'gzip' : 'none';
  exporters[signal] = new (require(`@opentelemetry/exporter-${signal}-otlp-${suffix}`)[name])({ url, compression });
}

const EVERY_TYPE = {
  text: '珍珠奶茶 "大杯"\n\t🧋',
  empty: '',
  yes: true,
  no: false,
  int: -42,
  'int.safe': Number.MAX_SAFE_INTEGER,
  double: 0.1,
  'double.huge': 1.7976931348623157e308,
  'double.tiny': 5e-324,
  texts: ['a', 'b"c', ''],
  ints: [1, -2, 3],
  doubles: [0.5, -1.25],
  flags: [true, false],
  'http.request.method': 'POST',
  'http.response.status_code': 503,
  'server.port': 'not a number',
  'order.id': 'O-1',
  'request.id': 'R-1',
  'http.method': 'POST',
};
const NESTED = { list: [1, 'two', 3.5, { deep: [true] }], bytes: new Uint8Array([0, 255, 16]), map: { k: 'v' } };
const resource = resourceFromAttributes({ 'service.name': service, 'service.instance.id': 'one', 'host.arch': 'amd64' });
const sent = { spans: 0, logs: 0, points: 6 };

function sendSpans() {
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporters.trace)] });
  const tracer = provider.getTracer('e2e.node', '1.2.3');
  const parent = tracer.startSpan('parent', { kind: SpanKind.SERVER, attributes: EVERY_TYPE, startTime: [1_700_000_000, 123_456_789] });
  parent.addEvent('first', { n: 1, ...EVERY_TYPE }, [1_700_000_000, 123_456_790]);
  parent.addEvent('second');
  const inside = trace.setSpan(context.active(), parent);
  for (const kind of [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]) {
    const links = [{ context: parent.spanContext(), attributes: { why: 'message', attempt: 2 } }];
    const child = tracer.startSpan(`child ${kind}`, { kind, links, attributes: { kind } }, inside);
    if (kind === SpanKind.CLIENT) {
      child.recordException(new Error('no pearls left'));
      child.setStatus({ code: SpanStatusCode.ERROR, message: 'broken 面' });
    } else if (kind === SpanKind.SERVER) {
      child.setStatus({ code: SpanStatusCode.OK });
    }
    child.end();
    sent.spans += 1;
  }
  parent.end([1_700_000_001, 1]);
  sent.spans += 1;
  return { provider, spanContext: parent.spanContext(), inside };
}

function sendLogs(inside) {
  const provider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: exporters.logs })] });
  const logger = provider.getLogger('e2e.node.logs');
  const bodies = ['a text', 7, 1.5, true, ['list', 1], { a: { b: [1, 2] } }, new Uint8Array([1, 2]), undefined];
  bodies.forEach((body, n) => {
    logger.emit({
      timestamp: [1_700_000_000, 123_456_789 + n],
      observedTimestamp: [1_700_000_000, 123_457_000 + n],
      severityNumber: SeverityNumber.ERROR,
      severityText: 'ERROR',
      body,
      attributes: { n, ...EVERY_TYPE, ...NESTED },
      eventName: n === 0 ? 'order.failed' : undefined,
      context: n % 2 === 0 ? inside : undefined,
    });
    sent.logs += 1;
  });
  return provider;
}

function sendMetrics() {
  const reader = new PeriodicExportingMetricReader({ exporter: exporters.metrics, exportIntervalMillis: 3_600_000 });
  const views = [{ instrumentName: 'exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 20 } } }];
  const provider = new MeterProvider({ resource, readers: [reader], views });
  const meter = provider.getMeter('e2e.node.metrics', '1');
  meter.createCounter('counter', { unit: '1', description: 'a counter' }).add(2 ** 40, { 'http.route': '/a' });
  meter.createCounter('counter.double').add(0.25);
  meter.createUpDownCounter('up.down').add(-5, EVERY_TYPE);
  meter.createGauge('gauge', { unit: 'Cel' }).record(21.5, { room: 'kitchen' });
  const histogram = meter.createHistogram('histogram', { unit: 'ms' });
  const exponential = meter.createHistogram('exponential', { unit: 'ms' });
  for (const value of [0, 0.5, 3, 7, 12, 480, 20_000]) {
    histogram.record(value, { 'http.route': '/a' });
    exponential.record(value);
  }
  return provider;
}

(async () => {
  const spans = sendSpans();
  const logs = sendLogs(spans.inside);
  const metrics = sendMetrics();
  for (const provider of [spans.provider, logs, metrics]) {
    // Shutting down exports what is left, each item once.
    await provider.shutdown();
  }
  console.log(JSON.stringify(sent));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
