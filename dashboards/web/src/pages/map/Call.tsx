// An edge of the map: a curve as wide as its traffic, in the colour of its health; its figures when it is pointed at.
import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from "@xyflow/react";
import { memo, useContext } from "react";
import { duration, percent, rate } from "../../base/format";
import { shareColour } from "../../base/health";
import { healthColour } from "../../components/HealthMark";
import { Lit, useLitEdge } from "./emphasis";
import style from "./Canvas.module.css";
import type { MapEdge } from "./model";

export type FlowEdge = Edge<{ edge: MapEdge; width: number; pointed: boolean; difference?: string }, "call">;

/** How near the pointer must come to an edge, in pixels. */
const POINTED_PX = 14;

export const Call = memo(function Call({ id, data, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, selected }: EdgeProps<FlowEdge>) {
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
        interactionWidth={pointed ? POINTED_PX : 0}
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
                {(edge.errorRate ?? 0) > 0 && <span className={style.errors} style={{ color: shareColour(edge.errorRate) }}> {percent(edge.errorRate)}</span>}
                {edge.p99 !== null && ` · ${duration(edge.p99)}`}
              </>
            )}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  );
});
