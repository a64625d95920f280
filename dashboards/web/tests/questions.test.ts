// Logs, metrics and SQL: their questions, what is offered while typing, and what becomes of rows.
import { describe, expect, test } from "vitest";
import { comparedSql, eventsSql, experienceSql, graphSql, historySql, hurtSql, incidentSql, storySql } from "../src/base/sameInSql";
import { recordQuery, recordSql, severityName } from "../src/api/records";
import type { SqlAnswer } from "../src/api/read";
import type { Schema } from "../src/api/tables";
import { parameter } from "../src/components/FilterBar";
import { bins } from "../src/pages/logs/bins";
import { type Metric, labelSql, linesOf, lookSql, measureOf, quantile, viewsOf } from "../src/pages/metrics/question";
import { offers, short, tablesOf } from "../src/pages/sql/completion";
import { LINES_MAX, columnsOf, drawn } from "../src/pages/sql/drawn";
import { readSaved, withSaved } from "../src/pages/sql/saved";

const FROM = Date.UTC(2026, 10, 20, 9, 0, 0);
const answer = (columns: [string, string][], rows: unknown[][]): SqlAnswer =>
  ({ columns: columns.map(([name, type]) => ({ name, type })), rows, row_count: rows.length, complete: true }) as SqlAnswer;

describe("logs", () => {
  const search = { q: "50% of_it's", service: "pay", severity: "warn", "attr.order.id": "O1", record: "x", from: "now-1h" };
  test("API and SQL are asked for the same records", () => {
    expect(recordQuery(search)).toEqual({ q: "50% of_it's", service: "pay", severity: "warn", "attr.order.id": "O1" });
    expect(recordSql(search)).toEqual(["service = 'pay'", "body ILIKE '%50\\% of\\_it''s%'", "severity >= 13", "attributes['order.id'] = 'O1'"]);
  });
  test.each([[1, "trace"], [9, "info"], [12, "info"], [13, "warn"], [24, "fatal"], [0, null], [null, null]])("severity %s is %s", (number, name) =>
    expect(severityName(number)).toBe(name),
  );
  test("bins stand side by side without holes, severities in their class", () => {
    const found = bins(answer([], [["2026-11-20T09:00:20.000000000Z", 9, 5], ["2026-11-20T09:00:20.000000000Z", 10, 2], ["2026-11-20T09:00:20.000000000Z", null, 1], ["2026-11-20T08:00:00Z", 9, 99]]), { from: FROM, to: FROM + 60e3 }, 20);
    expect(found.map(({ total }) => total)).toEqual([0, 8, 0]);
    expect(found[1]?.counts).toEqual({ info: 7, other: 1 });
  });
});

test.each([
  ["order.id", "spans", "attr.order.id"],
  ["request.id", "spans", "request_id"],
  ["trace_id", "logs", "trace_id"],
  ["trace_id", "spans", "attr.trace_id"],
  ["resource.host.name", "logs", "resource.host.name"],
] as const)("the key %s typed for %s is %s of the address", (key, table, name) => expect(parameter(key, table)).toBe(name));

describe("metrics", () => {
  const counter: Metric = { name: "it's", type: "sum", unit: "1", monotonic: true, services: 1, description: "" };
  const histogram: Metric = { ...counter, type: "histogram", unit: "s", monotonic: false };
  const window = { from: "now-15m", to: "now" };

  test("each type is first looked at as what it is", () => {
    expect(viewsOf(counter)[0]).toBe("rate");
    expect(viewsOf({ type: "gauge", monotonic: false })[0]).toBe("avg");
    expect(viewsOf({ type: "sum", monotonic: false })[0]).toBe("avg");
    expect(viewsOf(histogram)[0]).toBe("p95");
    expect(viewsOf({ type: "exponential_histogram", monotonic: false })).not.toContain("p95");
  });

  test("counters are differences of neighbours of one series, restarts do not fall below zero", () => {
    const sql = lookSql({ metric: counter, view: "rate", by: "attr.http.route", width: 60 }, window);
    expect(sql).toContain("lag(CAST(value AS DOUBLE)) OVER (PARTITION BY series_id ORDER BY time)");
    expect(sql).toContain("WHEN v < before THEN v");
    expect(sql).toContain("name = 'it''s'");
    expect(sql).toContain("/ 60 AS value");
    expect(labelSql("attr.a'b")).toBe("coalesce(attributes['a''b'], '')");
    expect(lookSql({ metric: histogram, view: "mean", by: "", width: 60 }, window)).toContain("c - c_before");
  });

  test.each([
    [[10, 10, 0], [1, 2, null], 0.5, 1],
    [[10, 10, 0], [1, 2, null], 0.75, 1.5],
    [[0, 0, 5], [1, 2, null], 0.5, 2],
    [[4], [null], 0.9, 0],
    [[0, 0], [1, null], 0.5, null],
    [[], [], 0.5, null],
  ])("the quantile of %j within %j at %d is %s", (counts, bounds, share, expected) => expect(quantile(counts, bounds, share)).toBe(expected));

  test("rows of buckets become one line per label in the unit of the chart", () => {
    const rows = [["2026-11-20T09:00:00Z", "a", 1, 0.1, 10], ["2026-11-20T09:00:00Z", "a", 2, 0.2, 10], ["2026-11-20T09:01:00Z", "a", 2, 0.2, 0], ["2026-11-20T09:00:00Z", "", 1, 0.1, 1]];
    const lines = linesOf(answer([], rows), { view: "p50", width: 60 }, { from: FROM, to: FROM + 90e3 }, 1e9, "all");
    expect(lines.times).toEqual([FROM, FROM + 60e3]);
    expect(lines.series.map(({ name, values }) => [name, values])).toEqual([["a", [1e8, null]], ["all", [0.5e8, null]]]);
  });

  test("a counter's bin that is only in part within the window is not drawn", () => {
    const rows = [-60e3, 0, 60e3].map((after) => [new Date(FROM + after).toISOString(), "a", 5]);
    const span = { from: FROM - 30e3, to: FROM + 100e3 };
    expect(linesOf(answer([], rows), { view: "rate", width: 60 }, span, 1, "").times).toEqual([FROM]);
    expect(linesOf(answer([], rows), { view: "avg", width: 60 }, span, 1, "").times).toHaveLength(3);
  });

  test("units of the metric become those of charts", () => {
    expect(measureOf({ unit: "s" }, "p95")).toEqual({ unit: "duration", scale: 1e9 });
    expect(measureOf({ unit: "By" }, "avg")).toEqual({ unit: "bytes", scale: 1 });
    expect(measureOf({ unit: "s" }, "rate")).toEqual({ unit: "rate", scale: 1 });
    expect(measureOf({ unit: "{connection}" }, "avg")).toEqual({ unit: "number", scale: 1 });
  });
});

describe("completion of SQL", () => {
  const schema: Schema = {
    tables: { spans: [{ name: "time", type: "Timestamp(ns)" }, { name: "service", type: "Utf8View" }, { name: "attributes", type: "Map(x)" }, { name: "duration_ns", type: "Int64" }], logs: [{ name: "severity", type: "Int64" }, { name: "service", type: "Utf8View" }] },
    attributes: { spans: ["http.route", "order.id"], logs: ["logger"] },
    resource: ["host.name"],
  };
  /** What is offered where `|` stands. */
  const at = (text: string): string[] => offers(text.replace("|", ""), text.indexOf("|"), schema)?.options.map(({ label }) => label) ?? [];

  test.each([
    ["SELECT * FROM |", ["spans", "logs"]],
    ["SELECT * FROM sp|", ["spans"]],
    ["SELECT seve| FROM logs", ["severity"]],
    ["SELECT * FROM spans WHERE attributes['|", ["http.route", "order.id"]],
    ["SELECT * FROM spans WHERE attributes['ord|']", ["order.id"]],
    ["SELECT * FROM logs WHERE attributes['|", ["logger"]],
    ["SELECT resource['|", ["host.name"]],
    ["SELECT * FROM spans WHERE service = 'sp|'", []],
    ["SELECT 1 -- sp|", []],
    ["SELECT |", []],
  ])("%s", (text, expected) => expect(at(text)).toEqual(expected));

  test("columns come before functions and keywords, and a column stands once", () => {
    expect(at("SELECT se| FROM spans JOIN logs ON true")).toEqual(["service", "severity", "service_graph(", "SELECT"]);
    expect(at("SELECT du| FROM spans")[0]).toBe("duration_ns");
  });

  test("a key closes its bracket where none is closed, and quotes in it are doubled", () => {
    const insert = (text: string) => offers(text, text.length, schema)?.options[0]?.insert;
    expect(insert("SELECT attributes[")).toBe("'http.route']");
    expect(insert("SELECT attributes['")).toBe("http.route']");
    const closed = "SELECT attributes['']";
    expect(offers(closed, closed.length - 2, schema)).toMatchObject({ behind: 2, options: [{ insert: "http.route']" }, {}, {}] });
  });

  test("tables are those of the statement that exist; types are short", () => {
    expect(tablesOf("select * from spans s join nothing on true", schema)).toEqual(["spans"]);
    expect(["Timestamp(ns, \"UTC\")", "Utf8View", "UInt64", "Float64", "Map(x)", "List(y)", "Boolean"].map(short)).toEqual(["time", "text", "integer", "number", "map", "list", "boolean"]);
  });
});

describe("results", () => {
  const columns: [string, string][] = [["minute", "TIMESTAMP(ns, UTC)"], ["service", "TEXT"], ["calls", "BIGINT"], ["share", "DOUBLE"]];
  test("columns are known by their types", () => expect(columnsOf(answer(columns, []))).toEqual({ times: [0], numbers: [2, 3], texts: [1] }));
  test("one line per name, holes where a name has no row, the largest first and not too many", () => {
    const rows = [["2026-11-20T09:01:00Z", "a", 1, 0], ["2026-11-20T09:00:00Z", "b", 9, 0], ["not a time", "b", 9, 0], ["2026-11-20T09:01:00Z", "b", null, 0]];
    const picture = drawn(answer(columns, rows), 0, [2], 1);
    expect(picture.times).toEqual([FROM, FROM + 60e3]);
    expect(picture.series.map(({ name, values }) => [name, values])).toEqual([["b", [9, null]], ["a", [null, 1]]]);
    const many = Array.from({ length: 40 }, (_, n) => ["2026-11-20T09:00:00Z", `s${n}`, n, 0]);
    expect(drawn(answer(columns, many), 0, [2], 1)).toMatchObject({ lines: 40, series: { length: LINES_MAX } });
    expect(drawn(answer(columns, rows), 0, [2, 3], null).series.map(({ name }) => name)).toEqual(["calls", "share"]);
  });
  test("what a browser kept is read if it is ours, and a name is kept once", () => {
    expect(readSaved("[{\"name\":\"a\",\"sql\":\"x\"},{\"name\":1},null]")).toEqual([{ name: "a", sql: "x" }]);
    for (const text of ["", "{", "null", "{\"a\":1}"]) expect(readSaved(text)).toEqual([]);
    expect(withSaved([{ name: "a", sql: "1" }, { name: "b", sql: "2" }], { name: "b", sql: "3" })).toEqual([{ name: "b", sql: "3" }, { name: "a", sql: "1" }]);
  });
});

describe("the statements beside the calls", () => {
  const window = { from: "now-15m", to: "now" };
  const evil = "a' OR 1=1 --";
  test.each([
    ["graph", graphSql(window, evil)],
    ["hurt", hurtSql(window, evil)],
    ["experience", experienceSql(window, evil)],
    ["story", storySql("order.id", evil)],
    ["trace", storySql("trace_id", evil)],
    ["history", historySql("order", evil)],
    ["events", eventsSql(window, evil, evil)],
    ["compared", comparedSql(evil, evil)],
    ["incident", incidentSql(evil)],
  ])("%s holds a text as a text", (_, sql) => {
    expect(sql).toContain("a'' OR 1=1 --'");
    expect(sql).not.toMatch(/a' OR/);
  });

  test("a window stays as it was written, so that the statement can be kept", () => {
    expect(graphSql(window)).toContain("service_graph(now() - INTERVAL '15 minutes', now())");
    expect(eventsSql(window)).not.toContain("undefined");
  });
});
