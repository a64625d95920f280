// The map as React Flow takes it: where each node stands and how large it is, how wide each edge is.
import { useMemo } from "react";
import type { FlowEdge } from "./Call";
import { NODE_HEIGHT, NODE_WIDTH, places, size } from "./layout";
import { type MapGraph, drawn } from "./model";
import type { FlowNode } from "./Thing";

/** More edges than this are drawn without a wider path for the pointer: that doubles them. */
export const POINTED_MAX = 400;
const WIDTH_MIN = 1;
const WIDTH_MORE = 2.5;

/** By the logarithm of its calls a minute against the busiest. */
const widthOf = (rate: number, busiest: number): number => WIDTH_MIN + WIDTH_MORE * Math.min(1, Math.log1p(rate * 60) / Math.log1p(busiest * 60 || 1));

interface Drawn {
  nodes: FlowNode[];
  edges: FlowEdge[];
  placed: Map<string, { x: number; y: number }>;
}

/** `wanted` is in lower case; nothing is found when it is empty. */
export function useDrawing(graph: MapGraph, selected: string | null, wanted: string, differences: Map<string, string>): Drawn {
  const busiest = useMemo(() => graph.nodes.reduce((most, node) => Math.max(most, node.rate), 0), [graph]);
  const placed = useMemo(() => places(graph.nodes), [graph]);
  const nodes = useMemo<FlowNode[]>(
    () =>
      graph.nodes.map((node) => ({
        id: node.id,
        type: "thing",
        position: placed.get(node.id) ?? { x: node.x, y: node.y },
        data: { node, size: size(node.rate, busiest), difference: differences.get(node.id), found: wanted.length > 0 && node.name.toLowerCase().includes(wanted) },
        selected: node.id === selected,
        width: NODE_WIDTH,
        height: NODE_HEIGHT,
        ariaLabel: `${node.kind} ${node.name}`,
      })),
    [graph, placed, busiest, selected, wanted, differences],
  );
  const edges = useMemo<FlowEdge[]>(
    () =>
      drawn(graph.edges).map((edge) => ({
        id: edge.id,
        source: edge.from,
        target: edge.to,
        type: "call",
        focusable: false,
        data: { edge, pointed: graph.edges.length <= POINTED_MAX, width: widthOf(edge.rate, busiest), difference: differences.get(edge.id) },
        selected: edge.id === selected,
      })),
    [graph, busiest, selected, differences],
  );
  return { nodes, edges, placed };
}
