// Small pictures out of the evidence's own SQL, the order of evidence, changes told twice, and written groups.
import { describe, expect, test } from "vitest";
import type { Change } from "../src/api/types";
import { once } from "../src/components/ChangeList";
import { seriesOf, varied } from "../src/pages/incident/picture";
import { lettering } from "../src/pages/map/layout";
import { written } from "../src/pages/map/model";

const MINUTE = 60e3;
const START = Date.parse("2026-11-20T19:00:00Z");
const at = (minute: number): string => new Date(START + minute * MINUTE).toISOString();
const answer = (names: string[], rows: (string | number | null)[][]) => ({ columns: names.map((name) => ({ name, type: "x" })), rows });

describe("pictures of evidence", () => {
  test("a part of a whole is drawn as a share, and a minute without a whole is a gap", () => {
    const found = seriesOf(answer(["minute", "calls", "failed"], [[at(0), 10, 0], [at(1), 0, 0], [at(2), 10, 9]]), null);
    expect(found?.share).toBe(true);
    expect(found?.points.map(([, value]) => value)).toEqual([0, null, 0.9]);
  });

  test("what is measured is drawn as it is, and not what was counted beside it", () => {
    const found = seriesOf(answer(["minute", "p50_ns", "calls"], [[at(0), 3e6, 12], [at(1), 3e9, 12]]), null);
    expect(found?.points.map(([, value]) => value)).toEqual([3e6, 3e9]);
    expect(found?.share).toBe(false);
  });

  test("counts by minute are nought where no row is, from before it began", () => {
    const found = seriesOf(answer(["minute", "traces"], [[at(30), 5], [at(32), 7]]), START + 30 * MINUTE);
    expect(found?.points.length).toBe(23);
    expect(found?.points.slice(-3).map(([, value]) => value)).toEqual([5, 0, 7]);
    expect(found?.points[0]?.[1]).toBe(0);
  });

  test("no rows, or rows without numbers, are no picture", () => {
    expect(seriesOf(answer(["minute", "traces"], []), null)).toBeNull();
    expect(seriesOf(answer(["text", "body"], [["a", "b"]]), null)).toBeNull();
  });

  test("no more than two of a kind stand before another kind", () => {
    const kinds = varied(["log", "log", "log", "log", "metric", "trace"].map((kind, place) => ({ kind, place })));
    expect(kinds.map(({ kind }) => kind)).toEqual(["log", "log", "metric", "trace", "log", "log"]);
    expect(kinds.map(({ place }) => place).slice(0, 2)).toEqual([0, 1]);
  });
});

describe("changes", () => {
  const change = (minute: number, target: string, version: string | null, author: string | null): Change =>
    ({ time: at(minute), kind: "release", target, version, author, attributes: {}, instances: [], source: "x" }) as Change;

  test("one that was told and seen stands once, as it was signed", () => {
    const found = once([change(1, "pay", "2", null), change(0, "pay", "2", "li"), change(0, "order", "2", null)]);
    expect(found.map(({ target, author }) => [target, author])).toEqual([["pay", "li"], ["order", null]]);
  });

  test("the same version long after, or no version at all, is a change of its own", () => {
    expect(once([change(0, "pay", "2", "li"), change(40, "pay", "2", "li")]).length).toBe(2);
    expect(once([change(0, "pay", null, "li"), change(1, "pay", null, "li")]).length).toBe(2);
  });
});

describe("what the map writes and reads", () => {
  test.each([
    [{ kind: "operation", name: "mp-gateway/GET /a/{b}" }, { above: "mp-gateway", name: "GET /a/{b}", long: false }],
    [{ kind: "operation", name: "coupon/com.retail.coupon.CouponService/redeem" }, { above: "coupon", name: "CouponService/redeem", long: true }],
    [{ kind: "queue", name: "rocketmq/ORDER_CREATED" }, { above: null, name: "rocketmq/ORDER_CREATED", long: true }],
    [{ kind: "third_party", name: "api.pay.example.com" }, { above: null, name: "api.pay.example.com", long: false }],
  ])("%o is written as %o", (node, letters) => expect(lettering(node)).toEqual(letters));

  test.each([
    ["lane=gray", ["lane", "gray"]],
    [" tenant.id = T=1 ", ["tenant.id", "T=1"]],
    ["lane", null],
    ["=gray", null],
    ["lane=", null],
    [undefined, null],
  ])("a group %s is read as %o", (text, group) => expect(written(text)).toEqual(group));
});
