// The first ten minutes: which step is next, and what looking at a page ticks off.
import { expect, test } from "vitest";
import { type Broken, type Step, lookedAt, pathOf } from "../src/base/firstPath";

const fault = (minute: number, verdict = "waiting", incident?: string): Broken => ({
  started_at: `2026-11-20T06:0${minute}:00.000000000Z`,
  verdict,
  shown: incident ? { incident } : null,
});
const looked = (...steps: Step[]): Set<Step> => new Set(steps);

test("a stranger is asked to break something, and then to wait for the incident", () => {
  expect(pathOf([], looked("cause"))).toMatchObject({ next: "break", waits: false, incident: null });
  expect(pathOf([fault(1)], looked("cause"))).toMatchObject({ next: "message", waits: true });
});

test("pages that were opened are done once there is an incident", () => {
  const path = pathOf([fault(1, "waiting", "I-1")], looked("message", "cause"));
  expect([...path.done]).toEqual(["break", "message", "cause"]);
  expect(path).toMatchObject({ next: "order", waits: false, incident: "I-1" });
});

test("the path ends with a right verdict, and the newest incident leads", () => {
  const all = looked("message", "cause", "order");
  expect(pathOf([fault(1, "wrong", "I-1")], all)).toMatchObject({ next: "verdict", waits: true });
  const right = [fault(1, "right", "I-1"), fault(2, "waiting", "I-2"), fault(3)];
  expect(pathOf(right, all)).toMatchObject({ next: "verdict", waits: false, incident: "I-2" });
  expect(pathOf(right, looked("message", "cause", "order", "verdict"))).toMatchObject({ next: null });
});

test("looking at an incident, its message or an order's story is a step", () => {
  const early = { next: "message", right: true } as const;
  expect(lookedAt("/incidents", {}, early)).toEqual([]);
  expect(lookedAt("/incidents/I-1", {}, early)).toEqual(["cause"]);
  expect(lookedAt("/incidents/I-1", { message: "shown" }, early)).toEqual(["message", "cause"]);
  expect(lookedAt("/operations", { key: "order.id", value: "O1" }, early)).toEqual(["order"]);
  expect(lookedAt("/operations", {}, early)).toEqual([]);
  expect(lookedAt("/demo", {}, early)).toEqual([]);
  expect(lookedAt("/demo", {}, { next: "verdict", right: false })).toEqual([]);
  expect(lookedAt("/demo", {}, { next: "verdict", right: true })).toEqual(["verdict"]);
});
