// Who was hurt, by order or request, and what a change's title adds.
import { expect, test } from "vitest";
import { SHOWN_MAX, hurtOf, hurtQuestion } from "../src/base/hurt";
import { saysMore } from "../src/components/ChangeList";
import { steps } from "../src/components/Sparkline";

const row = (...values: (string | null)[]): (string | null)[] => [...values, ...Array<null>(13 - values.length).fill(null)];

test("the question names the operations that were hurt, with their quotes kept inside", () => {
  expect(hurtQuestion([{ entity: "service:x" }], "2026-11-20T06:00:00Z", null)).toBeNull();
  const sql = hurtQuestion([{ entity: "operation:it's/POST /a/b" }], "2026-11-20T06:00:00Z", "2026-11-20T06:10:00Z") ?? "";
  expect(sql).toContain("(service = 'it''s' AND operation = 'POST /a/b')");
  expect(sql).toContain("TIMESTAMP '2026-11-20T06:00:00");
  expect(sql).toContain("time <= TIMESTAMP '2026-11-20T06:10:00");
  expect(sql).toContain(`attributes['order.id'] AS "order.id"`);
  expect(sql).toMatch(/LIMIT \d+$/);
  expect(hurtQuestion([{ entity: "operation:a/b" }], "2026-11-20T06:00:00Z", null, null)).toMatch(/ORDER BY time DESC$/);
});

test("each order stands once, by its number; requests without one by their id", () => {
  const found = hurtOf([
    row("t3", "gw", "POST /o", "r1", "a", "O1"),
    row("t2", "gw", "POST /o", "r2", "b", "O1"),
    row("t1", "gw", "POST /o", "r3", "c"),
    row("t0", "gw", "POST /o", null, "d"),
    row("t0", "gw", "POST /o"),
  ]);
  expect(found.map(({ key, value, to }) => [key, value, to])).toEqual([
    ["order.id", "O1", "/operations?key=order.id&value=O1"],
    ["request_id", "r3", "/operations?request_id=r3"],
    ["trace_id", "d", "/operations?trace_id=d"],
  ]);
  expect(hurtOf(Array.from({ length: 50 }, (_, at) => row("t", "s", "o", `r${at}`, "x")))).toHaveLength(SHOWN_MAX);
});

test("a title is said where it says more than place and versions", () => {
  const change = { target: "pay", version: "5.1.0", previous_version: "5.0.7" };
  expect(saysMore({ ...change, title: "pay goes from 5.0.7 to 5.1.0" })).toBe(false);
  expect(saysMore({ ...change, title: "pay 5.1.0 was first seen, after 5.0.7" })).toBe(false);
  expect(saysMore({ ...change, title: "pay 5.1.0: retries on timeout" })).toBe(true);
  expect(saysMore({ ...change, title: "关闭缓存" })).toBe(true);
  expect(saysMore({ ...change, title: null })).toBe(false);
});

test("a judged value holds until the next", () => {
  expect(steps([[0, 1], [10, 5]])).toEqual([[0, 1], [10, 1], [10, 5]]);
  expect(steps([[3, 1]])).toEqual([[3, 1]]);
});
