// Telemetry to be drawn: a trace of many spans, an estate of many services, and texts that would like to run.
import { randomBytes } from "node:crypto";

const hex = (bytes) => randomBytes(bytes).toString("hex");
const nano = (milliseconds) => `${Math.floor(milliseconds)}${String(Math.floor((milliseconds % 1) * 1e6)).padStart(6, "0")}`;
const text = (key, value) => ({ key, value: { stringValue: value } });

/** Spans of one service, as a message takes them. */
export const resourceSpans = (service, spans, attributes = []) => ({
  resource: { attributes: [text("service.name", service), text("service.instance.id", `${service}-0`), ...attributes] },
  scopeSpans: [{ spans }],
});

export function span({ trace, id = hex(8), parent, name, kind = 2, start, lasts, error = false, attributes = [], events = [] }) {
  return {
    traceId: trace,
    spanId: id,
    ...(parent ? { parentSpanId: parent } : {}),
    name,
    kind,
    startTimeUnixNano: nano(start),
    endTimeUnixNano: nano(start + lasts),
    attributes,
    events,
    ...(error ? { status: { code: 2, message: "failed" } } : {}),
  };
}

/** A trace of `count` spans: a root, its calls, and theirs, ten to each. Gives its id and the messages. */
export function largeTrace(count, now) {
  const trace = hex(16);
  const spans = [span({ trace, name: "GET /large", start: now - 2_000, lasts: 1_900 })];
  for (let at = 1; at < count; at += 1) {
    const above = spans[Math.floor((at - 1) / 10)];
    const start = now - 2_000 + (at / count) * 1_500;
    spans.push(span({ trace, parent: above.spanId, name: `step ${at % 40}`, kind: 1, start, lasts: 5 + (at % 50), error: at % 997 === 0 }));
  }
  const messages = [];
  for (let from = 0; from < count; from += 5_000) messages.push({ resourceSpans: [resourceSpans("large-service", spans.slice(from, from + 5_000))] });
  return { trace, messages };
}

/** An estate of `services` that call each other over about `edges` edges, as messages. */
export function largeEstate(services, edges, now) {
  const name = (at) => `svc-${String(at).padStart(3, "0")}`;
  const byService = new Map(Array.from({ length: services }, (_, at) => [name(at), []]));
  for (let edge = 0; edge < edges; edge += 1) {
    const caller = edge % services;
    // Callees come later in the order, so that the graph has layers.
    const callee = Math.min(services - 1, caller + 1 + ((edge * 7919 + Math.floor(edge / services) * 31) % Math.max(1, Math.floor(services / 4))));
    if (caller === callee) continue;
    const trace = hex(16);
    const [root, call] = [hex(8), hex(8)];
    const start = now - 20_000 + (edge % 1_000);
    byService.get(name(caller)).push(
      span({ trace, id: root, name: "GET /work", start, lasts: 40 }),
      span({ trace, id: call, parent: root, name: "GET", kind: 3, start: start + 2, lasts: 30 }),
    );
    byService.get(name(callee)).push(span({ trace, parent: call, name: "GET /work", start: start + 4, lasts: 25, error: edge % 50 === 0 }));
  }
  const all = [...byService].map(([service, spans]) => resourceSpans(service, spans, [text("service.namespace", `team-${service.slice(4, 5)}`)]));
  return [{ resourceSpans: all.slice(0, services / 2) }, { resourceSpans: all.slice(services / 2) }];
}

/** What would show itself if any text of telemetry were run: it sets a mark on the window, or asks by a dialog. */
export const RUNNABLE = [
  `<script>window.ran=1</script>`,
  `"><img src=x onerror="window.ran=1">`,
  `<svg onload="window.ran=1">`,
  `javascript:window.ran=1`,
  `{{constructor.constructor('window.ran=1')()}}`,
  "${window.ran=1}",
  `$t(shell.overview) {{count}}`,
  `__proto__`,
  `constructor`,
  `' OR 1=1; DROP TABLE spans; --`,
  `</title></style><script>window.ran=1</script>`,
  `<a href="javascript:window.ran=1">x</a>`,
];

/** One service of hostile names, with spans, events and logs that carry every given text. */
export function hostile(texts, now) {
  const service = `evil "><img src=x onerror="window.ran=1">`;
  const traces = texts.map((value) => {
    const trace = hex(16);
    const attributes = [text("order.id", value.slice(0, 200)), text("tenant.id", value), text("http.route", value), text(value.slice(0, 100) || "empty", value)];
    const events = [{ name: "exception", timeUnixNano: nano(now), attributes: [text("exception.type", value), text("exception.message", value), text("exception.stacktrace", value)] }];
    return span({ trace, name: value || "(empty)", start: now - 1_000, lasts: 20, error: true, attributes, events });
  });
  const records = texts.map((value, at) => ({
    timeUnixNano: nano(now - at),
    severityNumber: 17,
    severityText: "ERROR",
    body: { stringValue: value },
    traceId: traces[at].traceId,
    attributes: [text("request.id", value.slice(0, 100)), text("order.id", value.slice(0, 200))],
  }));
  const operations = texts.slice(0, 40).map((value, at) => ({
    timeUnixNano: nano(now - at),
    body: { stringValue: value },
    eventName: "business.operation",
    traceId: traces[at].traceId,
    attributes: [
      text("event.name", "business.operation"),
      text("business.operation.id", `op-${at}-${value.slice(0, 40)}`),
      text("business.operation.name", value.slice(0, 100) || "empty"),
      text("business.operation.outcome", "failure"),
      text("business.actor.id", value),
      text("business.entity.type", "order"),
      text("business.entity.id", value.slice(0, 200) || "empty"),
      text("business.before", value),
      text("business.after", value),
    ],
  }));
  const resource = { attributes: [text("service.name", service), text("service.version", `<b>1</b>`), text("service.namespace", `<i>evil</i>`)] };
  return {
    service,
    first: traces[0].traceId,
    traces: { resourceSpans: [resourceSpans(service, traces, [text("service.version", "<b>1</b>"), text("service.namespace", "<i>evil</i>")])] },
    logs: { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [...records, ...operations] }] }] },
  };
}
