// What of the map is in view: all of it at a new scene, what was found, and what was chosen, pulled out from under the
// panel of details; and how large discs and names are drawn at a zoom.
import type { ReactFlowInstance } from "@xyflow/react";
import { type RefObject, useEffect, useState } from "react";
import type { FlowEdge } from "./Call";
import { NODE_WIDTH } from "./layout";
import type { MapNode } from "./model";
import type { FlowNode } from "./Thing";

export type Flow = ReactFlowInstance<FlowNode, FlowEdge>;

export const ZOOM = { minZoom: 0.05, maxZoom: 2 };
export const WHOLE = { padding: 0.04, maxZoom: 1.1 };
const FOUND = { padding: 0.5, maxZoom: 1.1, duration: 300 };
/** Below this the names could not be read: they are left out, and discs are drawn larger. */
const FAR_ZOOM = 0.42;
/** From here on names have their own size. */
const NEAR_ZOOM = 0.85;
/** What the panel of details covers at the right, where it does not lie below. */
const COVERED_PX = 340;
const BESIDE_PX = 900;
/** New nodes are placed before they are brought into view, and the panel is there before they are pulled from under it. */
const PLACED_MS = 30;
const OPENED_MS = 350;

/** How much larger discs are drawn at a zoom, in halves; 0 where names can be read. */
export const magnified = (zoom: number): number => (zoom >= FAR_ZOOM ? 0 : Math.min(4, Math.round((FAR_ZOOM / zoom) * 2) / 2));
/** Between near and far, names grow against the zoom, so that they can be read for longer; in tenths. */
export const lettered = (zoom: number): number => (zoom >= NEAR_ZOOM || zoom < FAR_ZOOM ? 1 : Math.min(1.1, Math.round((NEAR_ZOOM / zoom) * 10) / 10));

/** Sizes for the zoom; drawn again only where they change. */
export function useSizes(): { larger: number; letters: number; onZoom: (zoom: number) => void } {
  const [larger, setLarger] = useState(0);
  const [letters, setLetters] = useState(1);
  const onZoom = (zoom: number): void => {
    setLarger(magnified(zoom));
    setLetters(lettered(zoom));
  };
  return { larger, letters, onZoom };
}

function later(work: () => void, ms: number): () => void {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
}

interface InView {
  flow: RefObject<Flow | null>;
  box: RefObject<HTMLDivElement | null>;
  nodes: MapNode[];
  placed: Map<string, { x: number; y: number }>;
  scene: string;
  selected: string | null;
  /** In lower case; nothing is looked for when it is empty. */
  wanted: string;
}

export function useInView({ flow, box, nodes, placed, scene, selected, wanted }: InView): void {
  useEffect(() => later(() => void flow.current?.fitView({ ...WHOLE, duration: 250 }), PLACED_MS), [scene, nodes.length > 0]);
  useEffect(
    () =>
      later(() => {
        const at = selected ? placed.get(selected) : undefined;
        const right = box.current?.getBoundingClientRect().right;
        if (!at || !flow.current || right === undefined || window.innerWidth <= BESIDE_PX) return;
        const { x } = flow.current.flowToScreenPosition({ x: at.x + NODE_WIDTH, y: at.y });
        const view = flow.current.getViewport();
        if (x > right - COVERED_PX) void flow.current.setViewport({ ...view, x: view.x - (x - right + COVERED_PX) }, { duration: 200 });
      }, OPENED_MS),
    [selected],
  );
  useEffect(() => {
    const match = wanted ? nodes.filter(({ name }) => name.toLowerCase().includes(wanted)) : [];
    if (match.length > 0) void flow.current?.fitView({ nodes: match.map(({ id }) => ({ id })), ...FOUND });
  }, [wanted]);
}
