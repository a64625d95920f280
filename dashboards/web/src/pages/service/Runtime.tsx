// Gauges that a service sends of itself: memory, threads, pools, whatever arrives, as small pictures.
import { useMemo } from "react";
import { type SqlAnswer, literal, useSql } from "../../api/read";
import { useWindow } from "../../base/address";
import { type Unit, digits, measure } from "../../base/format";
import { metricsHref } from "../../base/links";
import { instant, resolve, sqlWindow, step } from "../../base/time";
import { Answered } from "../../components/Answered";
import { Go } from "../../components/Go";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Sparkline } from "../../components/Sparkline";
import style from "./service.module.css";
import { useServiceWords } from "./words";

const SHOWN_MAX = 20;
/** Labels by which one name is several series that must not be averaged. */
const PARTS = ["db.client.connection.state", "jvm.memory.type", "state"];
const PART = `coalesce(${PARTS.map((key) => `attributes[${literal(key)}]`).join(", ")}, '')`;

interface Gauge {
  name: string;
  /** The state or type that this series is of. */
  part: string;
  unit: string;
  points: [number, number][];
}

function gauges(answer: SqlAnswer): Gauge[] {
  const found = new Map<string, Gauge>();
  for (const [time, name, unit, part, value] of answer.rows) {
    const at = instant(String(time), 0);
    if (at === null || typeof value !== "number") continue;
    const key = `${String(name)} ${String(part ?? "")}`;
    const gauge = found.get(key) ?? { name: String(name), part: String(part ?? ""), unit: String(unit ?? ""), points: [] };
    gauge.points.push([at, value]);
    found.set(key, gauge);
  }
  const moves = ({ points }: Gauge): number => (points.some(([, value]) => value !== points[0]?.[1]) ? 0 : 1);
  return [...found.values()].sort((a, b) => moves(a) - moves(b) || a.name.localeCompare(b.name) || a.part.localeCompare(b.part)).slice(0, SHOWN_MAX);
}

/** A value of a UCUM unit as people read it. */
function reading(value: number | undefined, unit: string): string {
  if (value === undefined) return "–";
  const known: Record<string, [Unit, number]> = { By: ["bytes", 1], s: ["duration", 1e9], ms: ["duration", 1e6], ns: ["duration", 1], "1": ["share", 1], "%": ["share", 0.01] };
  const found = known[unit];
  return found ? measure(value * found[1], found[0]) : `${digits(value)}${unit && !unit.startsWith("{") ? ` ${unit}` : ""}`;
}

export function Runtime({ service }: { service: string }) {
  const w = useServiceWords();
  const { window } = useWindow();
  const width = Math.max(30, step(resolve(window, Date.now()), 40));
  const sql = [
    `SELECT date_bin(INTERVAL '${width} seconds', time) AS t, name, unit, ${PART} AS part, avg(value) AS value`,
    `FROM metrics WHERE service = ${literal(service)} AND (type = 'gauge' OR (type = 'sum' AND NOT monotonic)) AND ${sqlWindow(window)}`,
    "GROUP BY 1, 2, 3, 4 ORDER BY 2, 4, 1 LIMIT 5000",
  ].join("\n");
  const answer = useSql(sql, { every: "live" });
  const shown = useMemo(() => (answer.data ? gauges(answer.data) : []), [answer.data]);
  return (
    <Panel
      title={w("runtime")}
      about={w("runtimeAbout")}
      actions={
        <>
          <Source sql={sql} />
          <Go to={metricsHref({ service })}>{w("more")}</Go>
        </>
      }
    >
      <Answered of={answer} isEmpty={(data) => data.rows.length === 0} missing={{ title: w("noRuntime"), about: w("noRuntimeAbout") }}>
        {() => (
          <div className={style.gauges}>
            {shown.map((gauge) => (
              <Go key={gauge.name + gauge.part} to={metricsHref({ service, name: gauge.name })} className={style.gauge}>
                <span className="mono wrap small">
                  {gauge.name}
                  {gauge.part && <span className="dim"> {gauge.part}</span>}
                </span>
                <Sparkline points={gauge.points} label={gauge.name} width={210} height={34} />
                <strong className="num">{reading(gauge.points.at(-1)?.[1], gauge.unit)}</strong>
              </Go>
            ))}
          </div>
        )}
      </Answered>
    </Panel>
  );
}
