// The map drawn by React Flow at the places that the server computed, and what pointer and clicks do on it.
import { Controls, ReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { type CSSProperties, useRef } from "react";
import { Call, type FlowEdge } from "./Call";
import style from "./Canvas.module.css";
import { POINTED_MAX, useDrawing } from "./drawing";
import { Emphasis, Lit, useAnyLit } from "./emphasis";
import { type MapGraph, upstream } from "./model";
import { type FlowNode, Thing } from "./Thing";
import { type Flow, WHOLE, ZOOM, useInView, useSizes } from "./view";

const NODE_TYPES = { thing: Thing };
const EDGE_TYPES = { call: Call };
/** Of more nodes than this only those in sight are drawn. */
const ALL_DRAWN_MAX = 120;

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
  const flow = useRef<Flow | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const lit = useAnyLit(emphasis);
  const { larger, letters, onZoom } = useSizes();
  const wanted = found.trim().toLowerCase();
  const { nodes, edges, placed } = useDrawing(graph, selected, wanted, differences);
  useInView({ flow, box, nodes: graph.nodes, placed, scene, selected, wanted });
  return (
    <Lit.Provider value={emphasis}>
      <div
        ref={box}
        className={style.canvas}
        data-lit={lit || undefined}
        data-far={larger > 0 || undefined}
        data-dense={graph.edges.length > POINTED_MAX || undefined}
        style={{ "--larger": larger, "--letters": letters } as CSSProperties}
        role="application"
        aria-label={label}
      >
        <ReactFlow<FlowNode, FlowEdge>
          nodes={nodes}
          edges={edges}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          onInit={(instance) => {
            flow.current = instance;
            void instance.fitView(WHOLE);
          }}
          onMove={(_, { zoom }) => onZoom(zoom)}
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
          onlyRenderVisibleElements={graph.nodes.length > ALL_DRAWN_MAX}
          proOptions={{ hideAttribution: true }}
          {...ZOOM}
        >
          <Controls showInteractive={false} />
        </ReactFlow>
      </div>
    </Lit.Provider>
  );
}
