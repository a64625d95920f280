// A node of the map: a disc by traffic and health with what it is, and below it the name and the figures.
import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo, useContext } from "react";
import { duration, percent, rate } from "../../base/format";
import { shareColour } from "../../base/health";
import { HealthShape, healthColour } from "../../components/HealthMark";
import { Lit, useLitNode } from "./emphasis";
import { KindGlyph } from "./KindGlyph";
import style from "./Canvas.module.css";
import { NODE_WIDTH, lettering } from "./layout";
import type { MapNode } from "./model";
import { useMapWords } from "./words";

export type FlowNode = Node<{ node: MapNode; size: number; difference?: string; found: boolean }, "thing">;

/** The smallest sign of what it is that can be made out. */
const GLYPH_MIN = 11;

/** From the edge of a node's box to its disc, where edges begin and end. */
const inset = (diameter: number): number => (NODE_WIDTH - diameter) / 2;

/** Calls, errors and the slowest; of one that is never called, how much it calls. */
function Facts({ node }: { node: MapNode }) {
  const w = useMapWords();
  const failed = node.errorRate ?? 0;
  return (
    <div className={style.facts}>
      {node.callsOnly === undefined ? rate(node.rate) : w("callsOut", { rate: rate(node.callsOnly) })}
      {failed > 0 && <span className={style.errors} style={{ color: shareColour(failed) }}> {percent(failed)}</span>}
      {node.p99 !== null && ` · ${duration(node.p99)}`}
    </div>
  );
}

export const Thing = memo(function Thing({ id, data, selected }: NodeProps<FlowNode>) {
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
        <KindGlyph kind={node.kind} size={Math.max(GLYPH_MIN, diameter * 0.46)} />
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
      <Facts node={node} />
      {difference && <div className={style.difference}>{difference}</div>}
      <Handle type="source" position={Position.Right} className={style.handle} style={{ right: inset(diameter), top: diameter / 2 }} isConnectable={false} />
    </div>
  );
});
