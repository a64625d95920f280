// The tree of alerts and the map as values.
import { describe, expect, test } from "vitest";
import type { IncidentAlert } from "../src/api/incidents";
import type { GraphEdge, GraphNode } from "../src/api/types";
import { DEPTH_MAX, lines, reasons, tree } from "../src/pages/incident/tree";
import { places, size } from "../src/pages/map/layout";
import { collapse, drawn, read, upstream } from "../src/pages/map/model";

const alert = (entity: string | null, via: string[], rule = "calls"): IncidentAlert => ({
  fingerprint: `${entity}${via.length}`,
  name: "SlowResponses",
  entity,
  severity: "high",
  state: "firing",
  starts_at: "2026-11-20T09:00:00.000000000Z",
  ends_at: null,
  count: 1,
  source: "stormglass",
  incident: "I-20261120-0001",
  role: "symptom",
  reason: { rule, text: { en: `by ${rule}`, zh: rule }, via, affinity: 0.9 },
  joined_at: "2026-11-20T09:00:01.000000000Z",
  labels: {},
  annotations: {},
});
const cause = (entity: string) => ({ rank: 1, entity, kind: "release", score: 9, confidence: "high", since: null, later: false, change: null, evidence: [], against: [] });
const outline = (root: ReturnType<typeof tree>): string[] => lines(root, new Set()).map((branch) => `${branch.depth} ${branch.entity} ${branch.total}`);

describe("why many are one", () => {
  test("alerts hang on the ways by which they joined, from the cause outwards", () => {
    const alerts = [
      alert("service:pay", []),
      alert("service:order", ["service:order", "service:pay"]),
      alert("service:gateway", ["service:gateway", "service:order"]),
      alert("operation:gateway/POST", ["operation:gateway/POST", "service:gateway"]),
      alert("service:print", ["service:print", "queue:paid", "service:pay"]),
    ];
    expect(outline(tree({ causes: [cause("service:pay")], alerts }))).toEqual([
      "0 service:pay 5",
      "1 service:order 3",
      "2 service:gateway 2",
      "3 operation:gateway/POST 1",
      "1 queue:paid 1",
      "2 service:print 1",
    ]);
  });

  test("no alert is lost: without place, in circles, on ways without end", () => {
    const long = Array.from({ length: 500 }, (_, at) => `service:s${at}`);
    const alerts = [alert(null, []), alert("service:a", ["service:a", "service:b"]), alert("service:b", ["service:b", "service:a"]), alert("service:s0", long)];
    const root = tree({ causes: [cause("service:root")], alerts });
    const all = lines(root, new Set());
    expect(all.reduce((sum, branch) => sum + branch.alerts.length, 0)).toBe(alerts.length);
    expect(Math.max(...all.map((branch) => branch.depth))).toBeLessThan(DEPTH_MAX);
    expect(root.total).toBe(4);
  });

  test("without a cause the first alert's place is the root, and nothing at all is an empty root", () => {
    expect(tree({ causes: [], alerts: [alert("service:a", [])] }).entity).toBe("service:a");
    expect(outline(tree({ causes: [], alerts: [] }))).toEqual(["0  0"]);
  });

  test("a closed branch hides what is under it, and reasons are counted", () => {
    const root = tree({ causes: [cause("service:pay")], alerts: [alert("service:order", ["service:order", "service:pay"], "calls"), alert("service:pay", [], "same_entity")] });
    expect(lines(root, new Set([root.key])).length).toBe(1);
    expect(reasons([alert("a:b", [], "calls"), alert("a:c", [], "calls"), alert("a:d", [], "time")]).map(({ rule, count }) => [rule, count])).toEqual([["calls", 2], ["time", 1]]);
  });

  test("names that programs know as their own are names like others", () => {
    const alerts = ["__proto__", "constructor", "service:"].map((name) => alert(name, [name, "service:pay"]));
    expect(tree({ causes: [cause("service:pay")], alerts }).children.length).toBe(3);
  });
});

const node = (name: string, more: Partial<GraphNode> = {}): GraphNode =>
  ({ name, kind: "service", health: "healthy", x: 0, y: 0, declared: false, calls: 10, errors: 0, limited: 0, rate: 1, ...more }) as GraphNode;
const edge = (caller: string, callee: string, more: Partial<GraphEdge> = {}): GraphEdge =>
  ({ caller, caller_kind: "service", callee, callee_kind: "service", kind: "call", health: "healthy", declared: false, calls: 10, errors: 0, limited: 0, rate: 1, ...more }) as GraphEdge;

describe("the map", () => {
  test("edges to what is not there are left out", () => {
    expect(read({ nodes: [node("a"), node("b")], edges: [edge("a", "b"), edge("a", "gone")] }).edges.length).toBe(1);
  });

  test("a collapse adds up edges between groups and drops those within", () => {
    const nodes = [node("a", { team: "one", x: 0 }), node("b", { team: "one", x: 10, health: "failing" }), node("c", { team: "two" }), node("d")];
    const edges = [edge("a", "b"), edge("a", "c", { calls: 5, error_rate: 0 }), edge("b", "c", { calls: 15, error_rate: 0.2 }), edge("c", "d")];
    const map = collapse({ nodes, edges }, "team");
    expect(map.nodes.map(({ id, members, health, x }) => [id, members, health, x])).toEqual([
      ["team:one", 2, "failing", 5],
      ["team:two", 1, "healthy", 0],
      ["service:d", 1, "healthy", 0],
    ]);
    expect(map.edges.map(({ from, to, calls }) => [from, to, calls])).toEqual([["team:one", "team:two", 20], ["team:two", "service:d", 10]]);
    expect(map.edges[0]?.errorRate).toBeCloseTo(0.15);
    expect(map.edges[0]?.p99).toBeNull();
  });

  test("who is hurt is everything upstream, once, also in circles", () => {
    const map = read({ nodes: ["a", "b", "c", "d"].map((name) => node(name)), edges: [edge("a", "b"), edge("b", "c"), edge("c", "a"), edge("c", "d")] });
    expect([...upstream(map, "service:d").nodes].sort()).toEqual(["service:a", "service:b", "service:c", "service:d"]);
    expect([...upstream(map, "service:unknown").nodes]).toEqual(["service:unknown"]);
  });

  test("few nodes stand as the server placed them, and a high layer is folded into columns", () => {
    const few = read({ nodes: [node("a", { x: 0, y: 40 }), node("b", { x: 260, y: -40 })], edges: [] });
    expect([...places(few.nodes).values()]).toEqual([{ x: 0, y: 35 }, { x: 164, y: -35 }]);
    const many = read({ nodes: Array.from({ length: 500 }, (_, at) => node(`n${at}`, { x: at < 400 ? 0 : 260, y: at * 80 })), edges: [] });
    const found = [...places(many.nodes).values()];
    const width = Math.max(...found.map(({ x }) => x)) - Math.min(...found.map(({ x }) => x));
    const height = Math.max(...found.map(({ y }) => y)) - Math.min(...found.map(({ y }) => y));
    expect(new Set(found.map(({ x, y }) => `${x} ${y}`)).size).toBe(500);
    expect(width / height).toBeGreaterThan(1.2);
    expect(width / height).toBeLessThan(2.6);
    const [lastOfFirst, firstOfSecond] = [places(many.nodes).get("service:n399"), places(many.nodes).get("service:n400")];
    expect((firstOfSecond?.x ?? 0) - (lastOfFirst?.x ?? 0)).toBeGreaterThan(0);
  });

  test("sizes are bounded, and the unhealthy is drawn before the busy", () => {
    expect(size(0, 100)).toBe(16);
    expect(size(100, 100)).toBe(34);
    expect(size(1e9, 100)).toBe(34);
    const many = read({
      nodes: [node("a"), node("b")],
      edges: Array.from({ length: 4_000 }, (_, at) => edge("a", "b", { kind: `k${at}`, calls: at, health: at === 0 ? "failing" : "healthy" })),
    });
    const shown = drawn(many.edges);
    expect(shown.length).toBe(3_000);
    expect(shown[0]?.health).toBe("failing");
  });
});
