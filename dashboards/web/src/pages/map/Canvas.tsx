// The map drawn by React Flow at the places that the server computed.
import {
  BaseEdge,
  Controls,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  type ReactFlowInstance,
  getBezierPath,
} from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { type CSSProperties, createContext, memo, useContext, useEffect, useMemo, useRef, useState } from "react";
import { duration, percent, rate } from "../../base/format";
import { HealthShape, healthColour } from "../../components/HealthMark";
import { Emphasis, useAnyLit, useLitEdge, useLitNode } from "./emphasis";
import { KindGlyph } from "./KindGlyph";
import style from "./Canvas.module.css";
import { COLUMN, ROW, lettering, places, size } from "./layout";
import { type MapEdge, type MapGraph, type MapNode, drawn, upstream } from "./model";

type FlowNode = Node<{ node: MapNode; size: number; difference?: string; found: boolean }, "thing">;
type FlowEdge = Edge<{ edge: MapEdge; width: number; pointed: boolean; difference?: string }, "call">;

const Lit = createContext(new Emphasis());

const Thing = memo(function Thing({ id, data, selected }: NodeProps<FlowNode>) {
  const { node, size: diameter, difference, found } = data;
  const lit = useLitNode(useContext(Lit), id);
  const letters = lettering(node);
  return (
    <div className={style.node} data-lit={lit || undefined} data-selected={selected || undefined} data-found={found || undefined} data-gone={node.gone ? true : undefined}>
      <Handle type="target" position={Position.Left} className={style.handle} style={{ left: inset(diameter), top: diameter / 2 }} isConnectable={false} />
      <div
        className={style.disc}
        data-declared={node.declared || undefined}
        data-health={node.health}
        style={{ width: diameter, height: diameter, borderColor: healthColour(node.health) }}
      >
        <KindGlyph kind={node.kind} size={Math.max(11, diameter * 0.46)} />
        {(node.health === "failing" || node.health === "degraded") && (
          <span className={style.badge}>
            <HealthShape health={node.health} size={12} />
          </span>
        )}
      </div>
      {letters.above && <div className={style.above}>{letters.above}</div>}
      <div className={style.name} title={node.name} data-long={letters.long || undefined}>
        {letters.name}
        {node.members > 1 && <span className="dim"> ×{node.members}</span>}
      </div>
      <div className={style.facts}>
        {rate(node.rate)}
        {(node.errorRate ?? 0) > 0 && <span className={style.errors}> {percent(node.errorRate)}</span>}
        {node.p99 !== null && ` · ${duration(node.p99)}`}
      </div>
      {difference && <div className={style.difference}>{difference}</div>}
      <Handle type="source" position={Position.Right} className={style.handle} style={{ right: inset(diameter), top: diameter / 2 }} isConnectable={false} />
    </div>
  );
});

const Call = memo(function Call({ id, data, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, selected }: EdgeProps<FlowEdge>) {
  const lit = useLitEdge(useContext(Lit), id);
  const [path, labelX, labelY] = getBezierPath({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition });
  if (!data) return null;
  const { edge, width, pointed, difference } = data;
  const shown = lit || selected || difference;
  return (
    <>
      <BaseEdge
        id={id}
        path={path}
        interactionWidth={pointed ? 14 : 0}
        className={style.edge}
        data-lit={lit || undefined}
        style={{
          strokeWidth: lit || selected ? width + 1 : width,
          stroke: edge.health === "healthy" || edge.health === "unknown" ? undefined : healthColour(edge.health),
          strokeDasharray: edge.kind === "message" || edge.declared || edge.gone ? "5 4" : undefined,
        }}
      />
      {shown && (
        <EdgeLabelRenderer>
          <div className={style.label} data-lit={lit || undefined} style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}>
            {difference ?? (
              <>
                {rate(edge.rate)}
                {(edge.errorRate ?? 0) > 0 && <span className={style.errors}> {percent(edge.errorRate)}</span>}
                {edge.p99 !== null && ` · ${duration(edge.p99)}`}
              </>
            )}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  );
});

const NODE_TYPES = { thing: Thing };
const EDGE_TYPES = { call: Call };
const ZOOM = { minZoom: 0.05, maxZoom: 2 };
const NODE_WIDTH = COLUMN - 4;
/** Known beforehand, so that nothing is measured before it is drawn. */
const NODE_HEIGHT = ROW;
/** Below this the names could not be read: they are left out, and discs are drawn larger. */
const FAR_ZOOM = 0.42;
/** How much larger discs are drawn at a zoom, in halves; 0 where names can be read. */
const magnified = (zoom: number): number => (zoom >= FAR_ZOOM ? 0 : Math.min(4, Math.round((FAR_ZOOM / zoom) * 2) / 2));
/** Between near and far, names grow against the zoom, so that they can be read for longer; in tenths. */
const lettered = (zoom: number): number => (zoom >= 0.85 || zoom < FAR_ZOOM ? 1 : Math.min(1.1, Math.round((0.85 / zoom) * 10) / 10));
/** What the panel of details covers at the right. */
const COVERED = 340;
/** More edges than this are drawn without a wider path for the pointer: that doubles them. */
const POINTED_MAX = 400;
/** From the edge of a node's box to its disc, where edges begin and end. */
const inset = (diameter: number): number => (NODE_WIDTH - diameter) / 2;

interface CanvasProps {
  graph: MapGraph;
  selected: string | null;
  found: string;
  /** Words of what differs, by id of node or edge. */
  differences: Map<string, string>;
  onSelect: (id: string | null) => void;
  /** Changes when the whole map should be brought into view. */
  scene: string;
  label: string;
}

export default function Canvas({ graph, selected, found, differences, onSelect, scene, label }: CanvasProps) {
  const emphasis = useRef(new Emphasis()).current;
  const flow = useRef<ReactFlowInstance<FlowNode, FlowEdge> | null>(null);
  const lit = useAnyLit(emphasis);
  const [larger, setLarger] = useState(0);
  const [letters, setLetters] = useState(1);
  const box = useRef<HTMLDivElement>(null);
  const busiest = useMemo(() => graph.nodes.reduce((most, node) => Math.max(most, node.rate), 0), [graph]);
  const wanted = found.trim().toLowerCase();
  const placed = useMemo(() => places(graph.nodes), [graph]);
  const nodes = useMemo<FlowNode[]>(
    () =>
      graph.nodes.map((node) => ({
        id: node.id,
        type: "thing",
        position: placed.get(node.id) ?? { x: node.x, y: node.y },
        data: {
          node,
          size: size(node.rate, busiest),
          difference: differences.get(node.id),
          found: wanted.length > 0 && node.name.toLowerCase().includes(wanted),
        },
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
        data: { edge, pointed: graph.edges.length <= POINTED_MAX, width: 1 + 2.5 * Math.min(1, Math.log1p(edge.rate * 60) / Math.log1p(busiest * 60 || 1)), difference: differences.get(edge.id) },
        selected: edge.id === selected,
      })),
    [graph, busiest, selected, differences],
  );
  const ids = graph.nodes.length;
  useEffect(() => {
    const timer = setTimeout(() => void flow.current?.fitView({ padding: 0.04, maxZoom: 1.1, duration: 250 }), 30);
    return () => clearTimeout(timer);
  }, [scene, ids > 0]);
  // What was chosen is pulled out from under the panel that tells of it.
  useEffect(() => {
    const timer = setTimeout(() => {
      const at = selected ? placed.get(selected) : undefined;
      const right = box.current?.getBoundingClientRect().right;
      if (!at || !flow.current || right === undefined || window.innerWidth <= 900) return;
      const { x } = flow.current.flowToScreenPosition({ x: at.x + NODE_WIDTH, y: at.y });
      const view = flow.current.getViewport();
      if (x > right - COVERED) void flow.current.setViewport({ ...view, x: view.x - (x - right + COVERED) }, { duration: 200 });
    }, 350);
    return () => clearTimeout(timer);
  }, [selected]);
  useEffect(() => {
    const match = wanted ? graph.nodes.filter((node) => node.name.toLowerCase().includes(wanted)) : [];
    if (match.length > 0) void flow.current?.fitView({ nodes: match.map(({ id }) => ({ id })), padding: 0.5, maxZoom: 1.1, duration: 300 });
  }, [wanted]);
  return (
    <Lit.Provider value={emphasis}>
      <div className={style.canvas} data-lit={lit || undefined} data-far={larger > 0 || undefined} data-dense={graph.edges.length > POINTED_MAX || undefined} ref={box} style={{ "--larger": larger, "--letters": letters } as CSSProperties} role="application" aria-label={label}>
        <ReactFlow<FlowNode, FlowEdge>
          nodes={nodes}
          edges={edges}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          onInit={(instance) => {
            flow.current = instance;
            void instance.fitView({ padding: 0.04, maxZoom: 1.1 });
          }}
          onMove={(_, { zoom }) => {
            setLarger(magnified(zoom));
            setLetters(lettered(zoom));
          }}
          onNodeClick={(_, node) => onSelect(node.id)}
          onEdgeClick={(_, edge) => onSelect(edge.id)}
          onPaneClick={() => onSelect(null)}
          onNodeMouseEnter={(_, node) => emphasis.set(upstream(graph, node.id))}
          onNodeMouseLeave={() => emphasis.set(null)}
          onEdgeMouseEnter={(_, edge) => emphasis.set({ nodes: new Set([edge.source, edge.target]), edges: new Set([edge.id]) })}
          onEdgeMouseLeave={() => emphasis.set(null)}
          nodesDraggable={false}
          nodesConnectable={false}
          deleteKeyCode={null}
          selectionKeyCode={null}
          multiSelectionKeyCode={null}
          onlyRenderVisibleElements={graph.nodes.length > 120}
          proOptions={{ hideAttribution: true }}
          {...ZOOM}
        >
          <Controls showInteractive={false} />
        </ReactFlow>
      </div>
    </Lit.Provider>
  );
}
