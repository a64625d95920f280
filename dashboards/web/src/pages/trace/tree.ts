// The lines of the waterfall: spans in tree order, what is folded away, and where a parent is missing or a log
// record was written. One pass over the spans, so that a hundred thousand of them take milliseconds.
import type { Analysis, Segment, Span, TraceLog } from "../../api/traces";
import { type Instant, between, exact } from "../../base/nanos";

type CriticalPath = Analysis["critical_path"];

/** A span with its place on the time axis. */
export interface Placed {
  span: Span;
  /** Nanoseconds after the start of the trace. */
  offset: number;
  /** The number of the span that holds it; -1 at a root. */
  parent: number;
  /** How many spans stand below it. */
  below: number;
  /** Whether one below it failed. */
  failsBelow: boolean;
}

export type Line =
  | { kind: "span"; at: number }
  | { kind: "missing"; id: string; depth: number }
  | { kind: "log"; log: TraceLog; depth: number; offset: number };

/** Places spans that come in tree order, each before its children. */
export function placed(spans: Span[], start: string): Placed[] {
  const zero = exact(start);
  const all: Placed[] = new Array<Placed>(spans.length);
  const open: number[] = [];
  const close = (until: number): void => {
    while (open.length > until) {
      const at = open.pop() ?? 0;
      const one = all[at];
      const parent = one && one.parent >= 0 ? all[one.parent] : undefined;
      if (!one || !parent) continue;
      parent.below += one.below + 1;
      parent.failsBelow ||= one.failsBelow || one.span.status === "error";
    }
  };
  for (let at = 0; at < spans.length; at += 1) {
    const span = spans[at] as Span;
    // A span below a missing parent stands at depth 1 with nothing that holds it.
    const depth = Math.min(span.depth, open.length);
    close(span.parent_missing ? 0 : depth);
    all[at] = { span, offset: between(zero, exact(span.time)), parent: open.at(-1) ?? -1, below: 0, failsBelow: false };
    open.push(at);
  }
  close(0);
  return all;
}

/** Depth as it is drawn: that of the tree, also where a page of spans begins in the middle. */
export function logsBySpan(logs: TraceLog[]): Map<string, TraceLog[]> {
  const by = new Map<string, TraceLog[]>();
  for (const log of logs) {
    if (!log.span_id || log.same_as_event) continue;
    const list = by.get(log.span_id);
    if (list) list.push(log);
    else by.set(log.span_id, [log]);
  }
  return by;
}

/** What is seen when these spans are folded. Logs stand below their span, before its children. */
export function lines(spans: Placed[], folded: ReadonlySet<string>, logs: Map<string, TraceLog[]> | null, start: Instant): Line[] {
  const seen: Line[] = [];
  let lost = "";
  for (let at = 0; at < spans.length; at += 1) {
    const { span, below } = spans[at] as Placed;
    if (span.parent_missing && span.parent_span_id && span.parent_span_id !== lost) {
      lost = span.parent_span_id;
      seen.push({ kind: "missing", id: lost, depth: Math.max(0, span.depth - 1) });
    }
    seen.push({ kind: "span", at });
    if (logs) for (const log of logs.get(span.span_id) ?? []) seen.push({ kind: "log", log, depth: span.depth + 1, offset: between(start, exact(log.time)) });
    if (below > 0 && folded.has(span.span_id)) at += below;
  }
  return seen;
}

/** Spans to fold so that only the entries into services are open. */
export function insides(spans: Placed[]): Set<string> {
  const folded = new Set<string>();
  // A span stays open when one below it is in another service.
  const crosses = new Set<number>();
  for (let at = spans.length - 1; at >= 0; at -= 1) {
    const { span, parent } = spans[at] as Placed;
    if (parent < 0) continue;
    if (crosses.has(at) || (spans[parent] as Placed).span.service !== span.service) crosses.add(parent);
  }
  spans.forEach(({ span, below }, at) => {
    if (below > 0 && !crosses.has(at)) folded.add(span.span_id);
  });
  return folded;
}

/** Opens what hides a span. */
export function unfoldTo(spans: Placed[], at: number, folded: ReadonlySet<string>): Set<string> {
  const open = new Set(folded);
  let up = spans[at]?.parent ?? -1;
  while (up >= 0) {
    open.delete((spans[up] as Placed).span.span_id);
    up = (spans[up] as Placed).parent;
  }
  return open;
}

/** Numbers of the spans that have a text in their name, service, id, message or attributes. */
export function find(spans: Placed[], text: string): number[] {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const has = (value: string | null | undefined): boolean => !!value && value.toLowerCase().includes(wanted);
  const found: number[] = [];
  spans.forEach(({ span }, at) => {
    if (has(span.operation) || has(span.service) || has(span.span_id) || has(span.status_message)) found.push(at);
    else if (Object.entries(span.attributes).some(([key, value]) => has(value) || has(key))) found.push(at);
    else if (span.events.some((event) => has(event.name) || Object.values(event.attributes).some(has))) found.push(at);
  });
  return found;
}

export interface Stretch {
  /** Nanoseconds after the start of the trace. */
  offset: number;
  duration: number;
}

/** Segments of the critical path, or gaps, by span. */
export function stretches(segments: Segment[], start: Instant): Map<string, Stretch[]> {
  const by = new Map<string, Stretch[]>();
  for (const { span_id: id, start: at, duration_ns: duration } of segments) {
    const one = { offset: between(start, exact(at)), duration };
    const list = by.get(id);
    if (list) list.push(one);
    else by.set(id, [one]);
  }
  return by;
}

/** The critical path by span. A long one is not listed whole: then spans without children say how long they were on it. */
export function criticalStretches(spans: Placed[], path: CriticalPath | undefined, start: Instant): Map<string, Stretch[]> {
  if (!path) return new Map();
  if (path.segment_count <= path.segments.length) return stretches(path.segments, start);
  const leaves = spans.filter(({ span, below }) => below === 0 && span.critical_ns > 0);
  return new Map(leaves.map(({ span, offset }) => [span.span_id, [{ offset, duration: span.critical_ns }]]));
}

/** Ticks of the time axis: round steps, at most so many. */
export function ticks(from: number, to: number, most = 6): number[] {
  const wanted = (to - from) / most;
  if (!(wanted > 0)) return [];
  const size = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((width) => width >= wanted) ?? wanted;
  const all: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) all.push(at);
  return all;
}

export interface Zoom {
  from: number;
  to: number;
}

/** `from~to` nanoseconds of the address, within the trace. */
export function readZoom(text: string | undefined, whole: number): Zoom {
  const found = /^(\d{1,18})~(\d{1,18})$/.exec(text ?? "");
  if (!found) return { from: 0, to: whole };
  const [from, to] = [Number(found[1]), Math.min(Number(found[2]), whole)];
  return from < to ? { from, to } : { from: 0, to: whole };
}
