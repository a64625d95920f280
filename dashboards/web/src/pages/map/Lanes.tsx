// Calls that left their lane or lost it, by the hop where it happened.
import type { Graph } from "../../api/types";
import { count } from "../../base/format";
import { serviceHref } from "../../base/links";
import { Go } from "../../components/Go";
import { Panel } from "../../components/Panel";
import { Tag } from "../../components/Tag";
import style from "./Details.module.css";
import { useMapWords } from "./words";

const SHOWN_MAX = 30;

export function Lanes({ of }: { of: Graph["lanes"] }) {
  const w = useMapWords();
  if (of.length === 0) return null;
  return (
    <Panel title={w("lanes")} about={w("lanesAbout")}>
      <ul className={style.list}>
        {of.slice(0, SHOWN_MAX).map((hop) => (
          <li key={`${hop.caller}${hop.caller_operation}${hop.callee}${hop.callee_operation}${hop.lane}${hop.finding}`} className="row">
            <Tag tone="warn">{hop.finding === "lost" ? w("laneLost") : w("laneCrossed")}</Tag>
            <Go to={serviceHref(hop.caller)}>{hop.caller}</Go>
            <span className="mono small wrap">{hop.caller_operation}</span>
            <Tag>{hop.caller_lane || "–"}</Tag>→<Go to={serviceHref(hop.callee)}>{hop.callee}</Go>
            <span className="mono small wrap">{hop.callee_operation}</span>
            <Tag>{hop.lane || "–"}</Tag>
            <span className="dim num">{count(hop.calls)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
