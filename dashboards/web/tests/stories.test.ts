// Business operations: what a bare number means, the order of steps, the verdict, and values before and after.
import { describe, expect, test } from "vitest";
import { type BusinessEvent, type StoryItem, counted, ranked } from "../src/api/stories";
import { fieldChanges } from "../src/base/fields";
import { storyOf } from "../src/pages/operations/Start";
import { fold } from "../src/pages/operations/fold";
import { bounds, isTelling, reasons, steps, verdict } from "../src/pages/operations/story";
import { inChinese } from "../src/pages/operations/Why";

const item = (kind: string, second: number, more: Partial<StoryItem> = {}): StoryItem =>
  ({ kind, time: `2026-11-20T09:00:${String(second).padStart(2, "0")}.000000000Z`, why: "bears order.id O1", confidence: 1, source: "spans", service: "s", name: kind, ...more }) as StoryItem;

describe("a bare number", () => {
  test("is what its rows say, the most telling first", () => {
    // order.id, payment.id, user.id, member.id, coupon.id, sku.id, store.id, tenant.id, request id
    expect(counted([[2, 0, 0, 0, 0, 0, 900, 0, 0], [14, 0, 0, 0, 0, 0, 0, 0, 3]])).toEqual([
      { key: "order.id", seen: 16 },
      { key: "store.id", seen: 900 },
      { key: "request_id", seen: 3 },
    ]);
    expect(ranked([{ key: "store.id", seen: 900 }, { key: "order.id", seen: 2 }]).map(({ key }) => key)).toEqual(["order.id", "store.id"]);
    expect(counted([])).toEqual([]);
  });
});

describe("steps", () => {
  test("stand in order of time, business first where times are equal, with the long waits between", () => {
    const told = steps([item("span", 20), item("request", 3), item("business", 3), item("log", 40, { status: "INFO" })], true);
    expect(told.map(({ item: { kind } }) => kind)).toEqual(["business", "request", "span", "log"]);
    expect(told.map(({ after }) => after / 1e9)).toEqual([0, 0, 17, 37]);
    expect(told.map(({ waited }) => waited && waited / 1e9)).toEqual([null, null, 17, 20]);
  });

  test("technical steps wait until they are asked for, failed ones do not", () => {
    const all = [item("span", 1), item("span", 2, { status: "error" }), item("log", 3, { status: "INFO" }), item("log", 4, { status: "WARN" }), item("message", 5)];
    expect(all.map(isTelling)).toEqual([false, true, false, true, true]);
    expect(steps(all, false)).toHaveLength(3);
    expect(steps(all, true)).toHaveLength(5);
  });

  test("a change from before does not make the story longer", () => {
    const all = [item("change", 1), item("request", 30)];
    expect(bounds(all)?.first.nanos).toBe(0);
    expect(steps(all, true).map(({ after, waited }) => [after / 1e9, waited])).toEqual([[-29, null], [0, null]]);
    expect(bounds([item("change", 7)])).not.toBeNull();
    expect(bounds([])).toBeNull();
  });

  test("alerts of one incident are one step, before and after the story, and do not make it longer", () => {
    const alert = (second: number, incident: string | null, source = "alerts") => item("alert", second, { source, name: `${source}-${second}`, keys: incident ? { "incident.id": incident } : {} } as Partial<StoryItem>);
    const all = [alert(1, "I-1"), alert(2, "I-1"), alert(3, null), item("request", 20), item("request", 21), alert(40, "I-1"), alert(5, "I-1", "incidents"), alert(50, "I-2")];
    const folded = fold(all);
    const incidents = folded.filter(({ alerts }) => alerts);
    expect(incidents.map(({ name, alerts }) => [name, alerts?.length])).toEqual([["incidents-5", 3], ["I-2", 1]]);
    expect(folded).toHaveLength(5);
    expect(steps(folded, true).map(({ after }) => after / 1e9)).toEqual([-17, -15, 0, 1, 30]);
    const { first, last } = bounds(all) ?? {};
    expect(last && first && steps(folded, true).at(-1)?.waited).toBe(29e9);
  });

  test("a release that was told and seen is one change", () => {
    const change = (second: number, version: string) => item("change", second, { change: { kind: "release", target: "payment", version, previous_version: null } } as Partial<StoryItem>);
    expect(fold([change(1, "2"), change(4, "2"), change(9, "3")]).map(({ change: of }) => of?.version)).toEqual(["2", "3"]);
  });
});

describe("the answer in a breath", () => {
  const failing = [
    item("request", 1, { trace_id: "t", span_id: "1", status: "error" }),
    item("span", 1, { trace_id: "t", span_id: "2", parent_span_id: "1", status: "error" }),
    item("request", 2, { trace_id: "t", span_id: "3", parent_span_id: "2", status: "error", service: "printer" }),
  ];
  test("names the innermost call that failed, not the calls above it", () => {
    expect(verdict(failing, false, ["success"])).toMatchObject({ kind: "troubled", failures: 3, first: { service: "printer" } });
  });
  test.each([
    [[], false, ["success"], "well"],
    [[], true, ["unknown"], "open"],
    [failing, false, ["failure"], "failed"],
    [failing, false, [], "failed"],
    [failing, true, ["unknown"], "stuck"],
  ] as const)("is one of five: case %#", (items, open, outcomes, kind) => expect(verdict([...items], open, [...outcomes]).kind).toBe(kind));
});

describe("reasons", () => {
  const why = "a span link joins the traces; the same message 92AC; the same request id req-1, 0.031 s apart; the same order.id O1, 2.5 min apart; the same store.id S1";
  test("come one by one", () => expect(reasons(why)).toHaveLength(5));
  test.each([
    ["a span link joins the traces", "span 链接关联了链路"],
    ["the same message 92AC", "同一条消息 92AC"],
    ["the same request id req-1, 0.031 s apart", "请求 ID 相同：req-1，相隔 0.031 秒"],
    ["the same order.id O1, at the same time", "order.id 相同：O1，同一时刻"],
    ["the same store.id S1", "store.id 相同：S1"],
    ["bears order.id O1", "带有 order.id O1"],
    ["in a trace that bears request id r 1", "所在链路带有请求 ID r 1"],
    ["handles it in a batch: the same message 9", "批量处理：同一条消息 9"],
    ["order-service took part, and was changed 15.6 min before the story", "order-service 参与其中，并且在此前 15.6 分钟发生变更"],
    ["of operation:order-service/POST /orders, which took part", "order-service/POST /orders 参与其中"],
    ["it stood since 1.6 min before the story", "始于在此前 1.6 分钟"],
    ["something that no form fits", "something that no form fits"],
  ])("%s is said in Chinese", (english, chinese) => expect(inChinese(english)).toBe(chinese));
});

describe("values before and after", () => {
  test("records are told apart field by field, what changed first", () => {
    expect(fieldChanges({ before: '{"a":1,"b":"x"}', after: '{"a":1,"b":"y","c":[1]}' })).toEqual([
      { field: "b", before: "x", after: "y", changed: true },
      { field: "c", before: "", after: "[1]", changed: true },
      { field: "a", before: "1", after: "1", changed: false },
    ]);
  });
  test.each([
    ["placed", "paid", true],
    [null, "placed", true],
    ["{broken", "{broken", false],
    ['["a list"]', '["a list"]', false],
  ])("%s to %s stands as it is", (before, after, changed) => {
    expect(fieldChanges({ before, after })).toEqual([{ field: "", before: before ?? "", after, changed }]);
  });
});

test("an event leads to the story of its order, else of its request, trace or entity", () => {
  const event = (more: object) => ({ attributes: {}, entities: [], ...more }) as unknown as BusinessEvent;
  expect(storyOf(event({ attributes: { "order.id": "O1" }, request_id: "r" }))).toBe("/operations?key=order.id&value=O1");
  expect(storyOf(event({ request_id: "r" }))).toBe("/operations?request_id=r");
  expect(storyOf(event({ trace_id: "t" }))).toBe("/operations?trace_id=t");
  expect(storyOf(event({ entities: [{ type: "sku", id: "S" }] }))).toBe("/operations/entity?type=sku&id=S");
});
