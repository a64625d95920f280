// What the base says: times, numbers, links, addresses and files.
import { describe, expect, test } from "vitest";
import { stretchOf } from "../src/api/covered";
import { refusals, samples } from "../src/api/own";
import type { SqlAnswer } from "../src/api/read";
import { redSeries, redSql } from "../src/api/red";
import { parseSearch, stringifySearch } from "../src/base/address";
import { cell, csv } from "../src/base/csv";
import { bytes, count, duration, percent, rate } from "../src/base/format";
import { guesses } from "../src/base/guess";
import { byHealth, worst, shareColour } from "../src/base/health";
import { entity, entityHref, safeHref, storyHref } from "../src/base/links";
import { type Place, SENDERS, addressOf, safeName, snippet } from "../src/base/snippets";
import { clock, before, instant, resolve, sqlWindow, step } from "../src/base/time";

const NOW = Date.UTC(2026, 10, 20, 9, 0, 0);

describe("times", () => {
  test.each([
    ["now", NOW],
    ["now-15m", NOW - 15 * 60e3],
    ["now+2h", NOW + 2 * 3600e3],
    ["now-7d", NOW - 7 * 86_400e3],
    ["2026-11-20T08:00:00Z", NOW - 3600e3],
    ["2026-11-20T08:00:00.123456789Z", NOW - 3600e3 + 123],
    ["1795161600000000000", 1795161600000],
    ["yesterday", null],
    ["now-15", null],
    ["", null],
  ])("%s is understood or refused", (text, expected) => expect(instant(text, NOW)).toBe(expected));

  test("a window that is turned round or unreadable becomes a quarter of an hour", () => {
    expect(resolve({ from: "now", to: "now-1h" }, NOW)).toEqual({ from: NOW - 75 * 60e3, to: NOW - 3600e3 });
    expect(resolve({ from: "rubbish", to: "now" }, NOW)).toEqual({ from: NOW - 15 * 60e3, to: NOW });
  });

  test("the window before has the same length", () => {
    expect(before({ from: "now-1h", to: "now" }, NOW)).toEqual({ from: "2026-11-20T07:00:00.000Z", to: "2026-11-20T08:00:00.000Z" });
  });

  test("relative words stay relative in SQL, and nothing typed reaches it unread", () => {
    expect(sqlWindow({ from: "now-15m", to: "now" })).toBe("time >= now() - INTERVAL '15 minutes' AND time < now()");
    expect(sqlWindow({ from: "2026-11-20T08:00:00Z", to: "now" })).toContain("TIMESTAMP '2026-11-20T08:00:00.000Z'");
    expect(sqlWindow({ from: "'; DROP TABLE spans --", to: "now" })).not.toContain("DROP");
  });

  test("buckets are whole tens of seconds and no more than asked for", () => {
    for (const hours of [0.1, 1, 6, 24, 24 * 30]) {
      const span = { from: NOW - hours * 3600e3, to: NOW };
      const width = step(span, 100);
      expect(width % 10).toBe(0);
      expect((span.to - span.from) / 1e3 / width).toBeLessThanOrEqual(100);
    }
  });
});

describe("numbers", () => {
  test.each([
    [0, "0 ns"],
    [999, "999 ns"],
    [1_500, "1.5 µs"],
    [4_079_616, "4.08 ms"],
    [999_600_000, "1 s"],
    [61e9, "1 min 1 s"],
    [3_600e9, "1 h"],
    [90_000e9, "25 h"],
    [4 * 86_400e9, "4 d"],
    [-5e6, "−5 ms"],
    [null, "–"],
  ])("%s ns reads %s", (ns, text) => expect(duration(ns)).toBe(text));

  test("a share never rounds a fault away, nor up to all", () => {
    expect(percent(0.00001)).toBe("< 0.01 %");
    expect(percent(0.999999)).toBe("> 99.99 %");
    expect(percent(0)).toBe("0 %");
    expect(percent(1)).toBe("100 %");
    expect(percent(0.0158)).toBe("1.58 %");
  });

  test("counts, rates and sizes are short", () => {
    expect(count(12_400)).toBe("12,400");
    expect(count(1_240_000)).toBe("1.24 M");
    expect(rate(0)).toBe("0/s");
    expect(rate(0.05)).toBe("3/min");
    expect(rate(23.14)).toBe("23.1/s");
    expect(bytes(1536)).toBe("1.5 KiB");
  });

  test("worst health comes first", () => {
    expect(worst(["healthy", "degraded", "unknown"])).toBe("degraded");
    expect((["healthy", "failing", "unknown", "degraded"] as const).toSorted(byHealth)).toEqual(["failing", "degraded", "unknown", "healthy"]);
    expect(worst([])).toBe("unknown");
  });
});

describe("links", () => {
  test("entities lead to their pages, names are encoded", () => {
    expect(entity("database:mysql/order")).toEqual({ kind: "database", name: "mysql/order" });
    expect(entityHref("service:a/b?c")).toBe("/services/a%2Fb%3Fc");
    expect(entityHref("operation:order-service/POST /orders")).toBe("/services/order-service?operation=POST+%2Forders");
    expect(entityHref("host:h1")).toBe("/map?level=infrastructure&node=h1");
    expect(storyHref({ key: "order.id", value: "A&B" })).toBe("/operations?key=order.id&value=A%26B");
  });

  test.each([
    ["javascript:alert(1)", undefined],
    ["JAVASCRIPT:alert(1)", undefined],
    ["data:text/html,x", undefined],
    ["//evil.example", undefined],
    ["https://example.com/a", "https://example.com/a"],
    [null, undefined],
  ])("the link %s is followed only to the web", (text, expected) => expect(safeHref(text)).toBe(expected));

  test("the search box understands ids, pairs and words", () => {
    const first = (text: string): string | undefined => guesses(text)[0]?.to;
    expect(first("0AF7651916CD43DD8448EB211C80319C")).toBe("/traces/0af7651916cd43dd8448eb211c80319c");
    expect(first("order.id=O123")).toBe("/operations?key=order.id&value=O123");
    expect(first("i-20261120-0001")).toBe("/incidents/I-20261120-0001");
    expect(guesses("no space left").map((guess) => guess.meaning)).toEqual(["logs"]);
    expect(guesses("  ")).toEqual([]);
  });

  test("an address gives back what it was made of", () => {
    const state = { from: "now-1h", node: "database:mysql/order", q: "a=b&c 中文" };
    expect(parseSearch(stringifySearch(state).slice(1))).toEqual(state);
    expect(stringifySearch({ a: "", b: undefined, c: null })).toBe("");
  });
});

describe("rates over time", () => {
  const answer = (rows: (string | number | null)[][]): SqlAnswer => ({ columns: [], rows, row_count: rows.length, complete: true });

  test("silent buckets are zero calls without durations, the one being filled is left out", () => {
    const series = redSeries(
      answer([
        ["2026-11-20T09:00:00.000000000Z", 100, 5, 1e6, 2e6, 3e6],
        ["2026-11-20T09:00:30.000000000Z", 10, 0, 1e6, 2e6, 3e6],
        ["2026-11-20T09:00:40.000000000Z", 1, 0, 1e6, 2e6, 3e6],
      ]),
      10,
      NOW + 45e3,
    );
    expect(series.rate).toEqual([10, 0, 0, 1]);
    expect(series.errorShare).toEqual([0.05, null, null, 0]);
    expect(series.p99).toEqual([3e6, null, null, 3e6]);
    expect(series.times[0]).toBe(NOW);
  });

  test("names of services cannot leave their quotes", () => {
    expect(redSql({ from: "now-1h", to: "now" }, 30, { service: "a' OR 'b" })).toContain("service = 'a'' OR ''b'");
  });
});

test("a time of another year says which", () => {
  const now = Date.UTC(2026, 5, 1);
  expect(clock(Date.UTC(2027, 2, 3), now)).toContain("2027");
  expect(clock(Date.UTC(2026, 2, 3), now)).not.toContain("2026");
});

describe("rates over a window that telemetry does not fill", () => {
  const window = { from: 0, to: 900_000 };
  test.each([
    [null, 1],
    [-5, 1],
    [600_000, 3],
    [895_000, 1],
  ])("since %s they are multiplied by %s", (since, times) => expect(stretchOf(window, since)).toBe(times));
});

test("only a share of errors that makes a thing unhealthy has a colour", () => {
  expect([null, 0, 0.009, 0.01, 0.06].map(shareColour)).toEqual([undefined, undefined, undefined, "var(--degraded)", "var(--failing)"]);
});

describe("snippets", () => {
  const place: Place = { address: "http://[::1]:8080", service: "checkout", token: true };

  test.each(SENDERS)("%s is told the address, and a token where one is wanted", (sender) => {
    const text = snippet(sender, place, NOW);
    expect(text).toContain("[::1]:8080");
    expect(text).toContain("YOUR_TOKEN");
    expect(snippet(sender, { ...place, token: false }, NOW)).not.toContain("YOUR_TOKEN");
  });

  test.each([
    ["", "http://127.0.0.1:8080"],
    ["10.0.0.7", "http://10.0.0.7:8080"],
    ["10.0.0.7:14318", "http://10.0.0.7:14318"],
    ["[::1]:9", "http://[::1]:9"],
    ["https://watch.example.com/", "https://watch.example.com"],
    ["https://watch.example.com:8443/path?x#y", "https://watch.example.com:8443"],
    ["two words", "http://127.0.0.1:8080"],
    ["host/$(reboot)", "http://127.0.0.1:8080"],
    ["user:word@host", "http://127.0.0.1:8080"],
  ])("the typed address %j becomes %s", (typed, address) => expect(addressOf(typed, "http://127.0.0.1:8080")).toBe(address));

  test("Prometheus is promised what the server speaks: alerts, and metrics by a Collector", () => {
    const text = snippet("prometheus", { ...place, address: "https://watch.example.com" }, NOW);
    expect(text).toContain("path_prefix: /alertmanager");
    expect(text).toContain("scheme: https");
    expect(text).toContain("job_name: checkout");
    expect(text).not.toContain("remote_write");
  });

  test("a name cannot become a command", () => {
    expect(safeName('x"; rm -rf / #')).toBe("x---rm--rf----");
    expect(safeName("订单-服务")).toBe("订单-服务");
    expect(safeName("")).toBe("my-service");
  });
});

describe("own counters", () => {
  test("lines are read, refusals are summed by reason", () => {
    const read = samples('# HELP x\nstormglass_receive_refused_requests_total{reason="busy",signal="traces"} 2\nstormglass_receive_refused_requests_total{reason="busy"} 1\nup 1\nrubbish\n');
    expect(read.length).toBe(3);
    expect(refusals(read)).toEqual({ busy: 3 });
  });
});

describe("files", () => {
  test.each([
    ["=HYPERLINK(1)", "'=HYPERLINK(1)"],
    ["+1+2", "'+1+2"],
    ["@x", "'@x"],
    ["-5.2", "-5.2"],
    ['say "hi", you', '"say ""hi"", you"'],
    [null, ""],
    [{ a: 1 }, '"{""a"":1}"'],
  ])("the cell %s cannot run", (value, text) => expect(cell(value)).toBe(text));

  test("rows end as spreadsheets want them", () => expect(csv(["a", "b"], [[1, "x"]])).toBe("a,b\r\n1,x"));
});
