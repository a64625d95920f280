// What is known to be wrong with a trace: spans that did not come, and who most likely lost them; clocks that differ.
import type { Analysis, Trace } from "../../api/traces";
import { duration } from "../../base/format";
import style from "./Trust.module.css";
import { useTraceWords } from "./words";

const SHOWN = 5;

export function Trust({ trace, analysis }: { trace: Trace; analysis: Analysis }) {
  const w = useTraceWords();
  const parents = analysis.missing_parents.slice(0, SHOWN);
  const skews = analysis.clock_skew.slice(0, SHOWN);
  if (analysis.whole && skews.length === 0) return null;
  return (
    <div className={style.box} role="note">
      {!analysis.whole && (
        <strong>
          {w("incomplete")}
          {analysis.missing_parent_count > 0 && `: ${w("missing", { count: analysis.missing_parent_count })}`}
          {!trace.root && `; ${w("noRootAbout")}`}
        </strong>
      )}
      <ul>
        {parents.map((parent) => (
          <li key={parent.span_id} className="wrap">
            <span className="mono">{parent.span_id}</span>
            {parent.lost_by.length > 0 && (
              <>
                {" "}
                · {w("lostBy")} <strong>{parent.lost_by.map(({ service }) => service).join(", ")}</strong> <span className="dim">({parent.lost_by[0]?.said})</span>
              </>
            )}
          </li>
        ))}
        {analysis.dropped_by_senders.map(({ service, dropped_by_sender: count }) => (
          <li key={service}>{w("dropped", { service, count })}</li>
        ))}
        {skews.map((skew) => (
          <li key={`${skew.parent_service} ${skew.child_service}`}>
            {w("skew", { a: skew.parent_service, b: skew.child_service, by: duration(Math.max(skew.starts_before_ns, skew.ends_after_ns)) })}
          </li>
        ))}
      </ul>
    </div>
  );
}
