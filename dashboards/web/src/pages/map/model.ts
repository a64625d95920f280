// The map as values: which nodes and edges are drawn, what lies upstream, what a collapse makes of them.
// It refuses to know how it is drawn.
import type { Graph, GraphEdge, GraphNode } from "../../api/types";
import { type Health, asHealth, worst } from "../../base/health";

export interface MapNode {
  id: string;
  name: string;
  kind: string;
  health: Health;
  calls: number;
  rate: number;
  /** Calls per second out of it, where nothing calls it. */
  callsOnly?: number;
  errorRate: number | null;
  p99: number | null;
  x: number;
  y: number;
  declared: boolean;
  gone: string | null;
  cycle: boolean;
  /** Nodes that a collapse put together. */
  members: number;
}

export interface MapEdge {
  id: string;
  from: string;
  to: string;
  kind: string;
  health: Health;
  calls: number;
  rate: number;
  errorRate: number | null;
  p99: number | null;
  declared: boolean;
  gone: string | null;
}

export interface MapGraph {
  nodes: MapNode[];
  edges: MapEdge[];
}

export const nodeId = (kind: string, name: string): string => `${kind}:${name}`;
export const edgeId = (from: string, to: string, kind: string): string => `${from}→${to}#${kind}`;

const toNode = (node: GraphNode, stretch: number): MapNode => ({
  id: nodeId(node.kind, node.name),
  name: node.name,
  kind: node.kind,
  health: asHealth(node.health),
  calls: node.calls,
  rate: node.rate * stretch,
  errorRate: node.error_rate ?? null,
  p99: node.p99_ns ?? null,
  x: node.x,
  y: node.y,
  declared: node.declared,
  gone: node.gone_since ?? null,
  cycle: node.cycle !== null && node.cycle !== undefined,
  members: 1,
});

const toEdge = (edge: GraphEdge, stretch: number): MapEdge => {
  const from = nodeId(edge.caller_kind, edge.caller);
  const to = nodeId(edge.callee_kind, edge.callee);
  return {
    id: edgeId(from, to, edge.kind),
    from,
    to,
    kind: edge.kind,
    health: asHealth(edge.health),
    calls: edge.calls,
    rate: edge.rate * stretch,
    errorRate: edge.error_rate ?? null,
    p99: edge.p99_ns ?? null,
    declared: edge.declared,
    gone: edge.gone_since ?? null,
  };
};

/** Who only calls is as busy as its calls. */
function withCallers(nodes: MapNode[], edges: MapEdge[]): MapNode[] {
  const out = new Map<string, number>();
  for (const edge of edges) out.set(edge.from, (out.get(edge.from) ?? 0) + edge.rate);
  return nodes.map((node) => (node.calls === 0 && out.has(node.id) ? { ...node, callsOnly: out.get(node.id) ?? 0 } : node));
}

/** What the server answered, with edges only between nodes that are there; rates multiplied by `stretch`. */
export function read(graph: Pick<Graph, "nodes" | "edges">, stretch = 1): MapGraph {
  const bare = graph.nodes.map((node) => toNode(node, stretch));
  const known = new Set(bare.map((node) => node.id));
  const edges = graph.edges.map((edge) => toEdge(edge, stretch)).filter((edge) => known.has(edge.from) && known.has(edge.to));
  return { nodes: withCallers(bare, edges), edges };
}

/**
 * One node for each group, in the middle of its members; edges within a group are gone, edges between are added up.
 * A quantile of sums cannot be had from quantiles, so there is none. Nodes without a group stay themselves.
 */
export function collapse(graph: Pick<Graph, "nodes" | "edges">, by: "namespace" | "team", stretch = 1): MapGraph {
  const whole = read(graph, stretch);
  const groupOf = new Map(graph.nodes.map((node) => [nodeId(node.kind, node.name), node.kind === "service" ? node[by] : null]));
  const place = (id: string): string => {
    const group = groupOf.get(id);
    return group ? nodeId(by, group) : id;
  };
  const members = new Map<string, MapNode[]>();
  for (const node of whole.nodes) members.set(place(node.id), [...(members.get(place(node.id)) ?? []), node]);
  const nodes = [...members].map(([id, inside]): MapNode => {
    const [only] = inside;
    if (only && only.id === id) return only;
    const mean = (value: (node: MapNode) => number): number => inside.reduce((sum, node) => sum + value(node), 0) / inside.length;
    const sum = (value: (node: MapNode) => number): number => inside.reduce((total, node) => total + value(node), 0);
    const calls = sum((node) => node.calls);
    return {
      id,
      name: id.slice(id.indexOf(":") + 1),
      kind: by,
      health: worst(inside.map((node) => node.health)),
      calls,
      rate: sum((node) => node.rate),
      errorRate: calls > 0 ? sum((node) => (node.errorRate ?? 0) * node.calls) / calls : null,
      p99: null,
      x: mean((node) => node.x),
      y: mean((node) => node.y),
      declared: false,
      gone: null,
      cycle: false,
      members: inside.length,
    };
  });
  const edges = new Map<string, MapEdge>();
  for (const edge of whole.edges) {
    const [from, to] = [place(edge.from), place(edge.to)];
    if (from === to) continue;
    if (from === edge.from && to === edge.to) {
      edges.set(edge.id, edge);
      continue;
    }
    const id = edgeId(from, to, edge.kind);
    const before = edges.get(id);
    const calls = (before?.calls ?? 0) + edge.calls;
    const failed = (before?.errorRate ?? 0) * (before?.calls ?? 0) + (edge.errorRate ?? 0) * edge.calls;
    edges.set(id, {
      ...edge,
      id,
      from,
      to,
      calls,
      rate: (before?.rate ?? 0) + edge.rate,
      errorRate: calls > 0 ? failed / calls : null,
      p99: null,
      health: worst(before ? [before.health, edge.health] : [edge.health]),
    });
  }
  return { nodes, edges: [...edges.values()] };
}

export interface Reach {
  nodes: Set<string>;
  edges: Set<string>;
}

/** Everything upstream of a node and the edges on the way: who is hurt if it fails. */
export function upstream(graph: MapGraph, id: string): Reach {
  const into = new Map<string, MapEdge[]>();
  for (const edge of graph.edges) into.set(edge.to, [...(into.get(edge.to) ?? []), edge]);
  const reach: Reach = { nodes: new Set([id]), edges: new Set() };
  const waiting = [id];
  while (waiting.length > 0) {
    const at = waiting.pop();
    for (const edge of (at && into.get(at)) || []) {
      reach.edges.add(edge.id);
      if (!reach.nodes.has(edge.from)) {
        reach.nodes.add(edge.from);
        waiting.push(edge.from);
      }
    }
  }
  return reach;
}

/** More edges than this are not drawn at once: the busiest and the unhealthy are. */
export const EDGES_DRAWN_MAX = 3_000;

export function drawn(edges: MapEdge[]): MapEdge[] {
  if (edges.length <= EDGES_DRAWN_MAX) return edges;
  const weight = (edge: MapEdge): number => (edge.health === "failing" ? 2e12 : edge.health === "degraded" ? 1e12 : 0) + edge.calls;
  return [...edges].sort((a, b) => weight(b) - weight(a)).slice(0, EDGES_DRAWN_MAX);
}

/** `key=value` taken apart at the first sign; null when either is missing. */
export function written(text: string | undefined): [key: string, value: string] | null {
  const at = (text ?? "").indexOf("=");
  const [key, value] = [(text ?? "").slice(0, Math.max(0, at)).trim(), (text ?? "").slice(at + 1).trim()];
  return at > 0 && key && value ? [key, value] : null;
}
