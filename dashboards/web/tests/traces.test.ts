// Traces: what a filter says to API and SQL, the grid of durations, and the lines of the waterfall.
import { describe, expect, test } from "vitest";
import { type Span, type TraceLog, type TraceFilter, differencesQuestion, filterOf, filterQuery, filterSql, narrowed } from "../src/api/traces";
import { between, exact, parseDuration, writeDuration } from "../src/base/nanos";
import { ROWS_PER_DECADE, edge, heat, heatSql, place, readRegion, region, slowest, timeTicks, widthOf, writeRegion } from "../src/pages/traces/heat";
import { criticalStretches, find, insides, lines, logsBySpan, placed, readZoom, ticks, unfoldTo } from "../src/pages/trace/tree";
import { neighbours } from "../src/pages/trace/Story";

const FROM = Date.UTC(2026, 10, 20, 9, 0, 0);
const MINUTE = { from: FROM, to: FROM + 60e3 };

describe("nanoseconds", () => {
  test("instants are told apart by single nanoseconds, across seconds", () => {
    expect(between(exact("2026-11-20T09:00:00.999999999Z"), exact("2026-11-20T09:00:01.000000001Z"))).toBe(2);
    expect(between(exact("2026-11-20T09:00:00Z"), exact("2026-11-20T09:00:00.5Z"))).toBe(5e8);
    expect(between(exact("2026-11-20T09:01:00.000000000Z"), exact("2026-11-20T09:00:00.000000000Z"))).toBe(-60e9);
  });

  test.each([
    ["250ms", 250e6],
    ["1.5 s", 1.5e9],
    ["2m", 120e9],
    ["40", 40e6],
    ["3us", 3e3],
    ["fast", null],
    ["", null],
    ["-5ms", null],
    ["5 parsecs", null],
  ])("the duration %s is understood or refused", (text, ns) => expect(parseDuration(text)).toBe(ns));

  test.each([1, 1_500, 250e6, 1.5e9, 120e9, 3600e9, 123_456_789])("%d ns is written so that it reads back", (ns) => {
    const back = parseDuration(writeDuration(ns)) ?? 0;
    expect(Math.abs(back - ns) / ns).toBeLessThan(0.001);
  });
});

describe("filters", () => {
  const filter = filterOf({ service: "pay", status: "error", "attr.order.id": "o'1", "resource.host.name": "h", min_duration_ns: "5000000", max_duration_ns: "abc", view: "x" });

  test("an address says which spans are meant, and nothing else of it does", () => {
    expect(filterQuery(filter)).toEqual({
      service: "pay", operation: undefined, kind: undefined, status: "error", request_id: undefined,
      min_duration_ns: 5e6, max_duration_ns: undefined, "attr.order.id": "o'1", "resource.host.name": "h",
    });
  });

  test("values cannot leave their literals in SQL", () => {
    expect(filterSql(filter)).toEqual(["service = 'pay'", "status = 'error'", "duration_ns >= 5000000", "attributes['order.id'] = 'o''1'", "resource['host.name'] = 'h'"]);
    expect(filterSql({ attributes: { "a'b": "'; --" }, resource: {} })).toEqual(["attributes['a''b'] = '''; --'"]);
  });

  test("a box asks for its part of the window, its durations without the next row", () => {
    const all: TraceFilter = { attributes: {}, resource: {} };
    const chosen = { kind: "region" as const, region: { from: FROM, to: FROM + 1000, shortest: 1e6, longest: 2e6 } };
    expect(differencesQuestion({ from: "now-15m", to: "now" }, all, chosen)).toEqual({
      from: "now-15m", to: "now", within: all,
      selection: { from_ns: FROM * 1e6, to_ns: (FROM + 1000) * 1e6, min_duration_ns: 1e6, max_duration_ns: 2e6 - 1 },
    });
    expect(narrowed({ from: "now-15m", to: "now" }, { ...all, min_duration_ns: 1.5e6 }, chosen)).toEqual({
      window: { from: "2026-11-20T09:00:00.000Z", to: "2026-11-20T09:00:01.000Z" },
      filter: { ...all, min_duration_ns: 1.5e6, max_duration_ns: 2e6 - 1 },
    });
  });
});

describe("the heat map", () => {
  const rows = [
    ["2026-11-20T09:00:00.000000000Z", 48, 10, 0],
    ["2026-11-20T09:00:30.000000000Z", 48, 80, 1],
    ["2026-11-20T09:00:50.000000000Z", 72, 5, 5],
    ["2026-11-20T10:00:00.000000000Z", 60, 5, 5],
    [null, 48, 1, 0],
  ];
  const answer = { columns: [], rows, row_count: rows.length, complete: true } as never;
  const grid = heat(answer, MINUTE, 10);

  test("counts stand where their time and duration are; what is outside the window is left out", () => {
    expect(grid.columns).toBe(6);
    expect(grid.cells.map(({ column, row, count }) => [column, row, count])).toEqual([[0, 48, 10], [3, 48, 80], [5, 72, 5]]);
    expect(grid.lowest).toBeLessThan(48);
    expect(grid.lowest + grid.rows).toBeGreaterThan(72);
    expect([grid.most, grid.total]).toEqual([80, 95]);
  });

  test("a drag in any direction chooses the same box, and the box is drawn where it was chosen", () => {
    const there = region(grid, { column: 1, row: 50 }, { column: 3, row: 48 });
    expect(region(grid, { column: 3, row: 48 }, { column: 1, row: 50 })).toEqual(there);
    expect(there).toEqual({ from: FROM + 10e3, to: FROM + 40e3, shortest: edge(48), longest: edge(51) });
    const box = place(grid, there);
    expect([box.left, box.right]).toEqual([1, 4]);
    expect(box.bottom - box.top).toBeCloseTo(3, 3);
    expect(readRegion(writeRegion(there))).toEqual(there);
  });

  test.each(["", "1~2", "9~8~7~6", "a~b~c~d", "1795161600000~1795161500000~1~2", undefined])("the box %s of an address is none", (text) =>
    expect(readRegion(text)).toBeNull(),
  );

  test("the slowest share begins at the edge of a row that holds it", () => {
    expect(slowest(grid, 0.05)).toBe(edge(72));
    expect(slowest(grid, 0.5)).toBe(edge(48));
    expect(edge(6 * ROWS_PER_DECADE)).toBe(1e6);
  });

  test("an empty answer is an empty grid of a usual height", () => {
    const empty = heat({ columns: [], rows: [], row_count: 0, complete: true } as never, MINUTE, 10);
    expect(empty.cells).toEqual([]);
    expect(empty.rows).toBeGreaterThan(0);
  });

  test("columns are of a width that people read, and ticks stand at round times", () => {
    expect(widthOf({ from: 0, to: 15 * 60e3 })).toBe(10);
    expect(widthOf({ from: 0, to: 30 * 86_400e3 })).toBe(43_200);
    expect(timeTicks(grid, 3).map(({ time }) => time - FROM)).toEqual([0, 30e3]);
    expect(heatSql(10, ["time >= now()", "service = 'x'"])).toContain("WHERE time >= now() AND service = 'x'");
  });
});

const span = (id: string, depth: number, at: number, more: Partial<Span> = {}): Span =>
  ({
    span_id: id, service: "a", operation: `op ${id}`, kind: "internal", status: "unset", depth, time: `2026-11-20T09:00:00.${String(at).padStart(9, "0")}Z`,
    duration_ns: 100, self_ns: 50, critical_ns: 0, child_count: 0, parent_missing: false, parent_span_id: null, attributes: {}, attribute_types: {}, events: [], links: [], resource_id: "r", ...more,
  }) as Span;

describe("the waterfall", () => {
  const START = "2026-11-20T09:00:00.000000000Z";
  // root > (b > (c, d)), e; then f whose parent did not come, with its child g.
  const spans = [
    span("root", 0, 0),
    span("b", 1, 10),
    span("c", 2, 20, { service: "b" }),
    span("d", 2, 30, { status: "error" }),
    span("e", 1, 40),
    span("f", 1, 50, { parent_missing: true, parent_span_id: "lost" }),
    span("g", 2, 60),
  ];
  const all = placed(spans, START);
  const none = new Set<string>();
  const shown = (folded: ReadonlySet<string>) => lines(all, folded, null, exact(START)).map((line) => (line.kind === "span" ? spans[line.at]?.span_id : line.kind));

  test("each span knows what holds it, what is below it, and whether that failed", () => {
    expect(all.map(({ parent }) => parent)).toEqual([-1, 0, 1, 1, 0, -1, 5]);
    expect(all.map(({ below }) => below)).toEqual([4, 2, 0, 0, 0, 1, 0]);
    expect(all.map(({ failsBelow }) => failsBelow)).toEqual([true, true, false, false, false, false, false]);
    expect(all.map(({ offset }) => offset)).toEqual([0, 10, 20, 30, 40, 50, 60]);
  });

  test("a missing parent has a line of its own, and what is folded is not seen", () => {
    expect(shown(none)).toEqual(["root", "b", "c", "d", "e", "missing", "f", "g"]);
    expect(shown(new Set(["b", "f"]))).toEqual(["root", "b", "e", "missing", "f"]);
    expect(shown(new Set(["root"]))).toEqual(["root", "missing", "f", "g"]);
  });

  test("going to a span opens all that hides it and nothing else", () => {
    expect([...unfoldTo(all, 3, new Set(["root", "b", "f"]))]).toEqual(["f"]);
  });

  test("entries into services stay open when the insides are folded", () => {
    expect(insides(all)).toEqual(new Set(["f"]));
    expect(shown(insides(placed([span("x", 0, 0), span("y", 1, 1), span("z", 2, 2)], START)))).toContain("root");
  });

  test("records stand below their span, those that repeat an exception event do not", () => {
    const log = (id: string, body: string, same = false) => ({ span_id: id, body, time: START, same_as_event: same }) as unknown as TraceLog;
    const by = logsBySpan([log("c", "hello"), log("c", "again", true), log("", "of no span")]);
    expect(lines(all, none, by, exact(START)).map(({ kind }) => kind)).toEqual(["span", "span", "span", "log", "span", "span", "missing", "span", "span"]);
  });

  test("a text is found in names, attributes, messages and events, in any case", () => {
    const some = placed([span("a", 0, 0, { attributes: { "order.id": "O77" } }), span("b", 1, 1, { status_message: "No Space" }), span("c", 1, 2, { events: [{ name: "exception", attributes: { m: "Lock" }, attribute_types: {}, time: START }] })], START);
    expect(find(some, "o77")).toEqual([0]);
    expect(find(some, "no space")).toEqual([1]);
    expect(find(some, "LOCK")).toEqual([2]);
    expect(find(some, "  ")).toEqual([]);
  });

  test("a critical path too long to be listed is told by the spans without children", () => {
    const path = { after_root_ns: 0, duration_ns: 100, segment_count: 2, segments: [{ span_id: "c", service: "b", operation: "x", start: "2026-11-20T09:00:00.000000020Z", duration_ns: 5 }] };
    const on = placed(spans.map((one) => (one.span_id === "c" || one.span_id === "b" ? { ...one, critical_ns: 7 } : one)), START);
    expect(criticalStretches(on, path, exact(START))).toEqual(new Map([["c", [{ offset: 20, duration: 7 }]]]));
    expect(criticalStretches(on, { ...path, segment_count: 1 }, exact(START))).toEqual(new Map([["c", [{ offset: 20, duration: 5 }]]]));
  });

  test("a hundred thousand spans make their lines in one pass, however deep the tree is", () => {
    const many = Array.from({ length: 100_000 }, (_, at) => span(`s${at}`, at, at));
    const deep = placed(many, START);
    expect(deep[0]?.below).toBe(99_999);
    expect(lines(deep, none, null, exact(START)).length).toBe(100_000);
    expect(lines(deep, new Set(["s9"]), null, exact(START)).length).toBe(10);
    // Nothing is said about how long it takes; a machine with much else to do may take its time.
  }, 60_000);

  test("ticks are round and few; a zoom of the address stays within the trace", () => {
    expect(ticks(0, 100)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticks(0, 0)).toEqual([]);
    expect(ticks(3, 250e6).length).toBeLessThanOrEqual(7);
    expect(readZoom("10~20", 100)).toEqual({ from: 10, to: 20 });
    expect(readZoom("10~900", 100)).toEqual({ from: 10, to: 100 });
    for (const text of ["20~10", "x", undefined, "200~300"]) expect(readZoom(text, 100)).toEqual({ from: 0, to: 100 });
  });

  test("a neighbour is named once with all its reasons, in order of time", () => {
    const found = neighbours([
      { trace_id: "b", why: "link", time: "2026-11-20T09:00:02Z" },
      { trace_id: "a", why: "message", time: "2026-11-20T09:00:01Z" },
      { trace_id: "b", why: "request", time: "2026-11-20T09:00:02Z" },
    ]);
    expect(found.map(({ id, why }) => [id, why.length])).toEqual([["a", 1], ["b", 2]]);
  });
});
