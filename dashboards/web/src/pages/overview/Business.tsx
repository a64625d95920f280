// Business operations per minute beside what was usual in the windows before this one.
import { useMemo } from "react";
import { type SqlAnswer, useSql } from "../../api/read";
import { useWindow } from "../../base/address";
import { count } from "../../base/format";
import { type Window, instant, iso, resolve, sqlWindow, step } from "../../base/time";
import { Answered } from "../../components/Answered";
import { Go } from "../../components/Go";
import { Panel } from "../../components/Panel";
import { Source } from "../../components/Source";
import { Sparkline } from "../../components/Sparkline";
import { href } from "../../base/links";
import style from "./Business.module.css";
import { useOverviewWords } from "./words";

const SHOWN_MAX = 6;
/** So many windows before this one make what is usual. */
const REFERENCE_WINDOWS = 4;
/** Fewer buckets than this make no band. */
const REFERENCE_MIN = 12;

interface Operation {
  name: string;
  points: [number, number][];
  total: number;
  failed: number;
  usual: { low: number; high: number; middle: number } | null;
}

function statement(window: Window, width: number): string {
  return [
    `SELECT date_bin(INTERVAL '${width} seconds', time) AS t, operation, count(*) AS operations,`,
    "  count(*) FILTER (WHERE outcome = 'failure') AS failed",
    `FROM business_events WHERE phase <> 'create' AND ${sqlWindow(window)}`,
    "GROUP BY 1, 2 ORDER BY 1",
  ].join("\n");
}

const quantile = (sorted: number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;

function operations(answer: SqlAnswer, width: number, from: number): Operation[] {
  const perMinute = 60 / width;
  const names = new Map<string, Operation & { earlier: number[] }>();
  const last = instant(String(answer.rows.at(-1)?.[0] ?? ""), 0);
  for (const [time, name, number, failed] of answer.rows) {
    const at = instant(String(time), 0);
    if (at === null || typeof name !== "string") continue;
    const entry = names.get(name) ?? { name, points: [], total: 0, failed: 0, usual: null, earlier: [] };
    names.set(name, entry);
    if (at < from) entry.earlier.push(Number(number) * perMinute);
    else {
      // The bucket that is still being filled would look like a fall.
      if (at !== last) entry.points.push([at, Number(number) * perMinute]);
      entry.total += Number(number);
      entry.failed += Number(failed);
    }
  }
  return [...names.values()]
    .filter((entry) => entry.total > 0 || entry.earlier.length > 0)
    .sort((a, b) => b.total - a.total)
    .slice(0, SHOWN_MAX)
    .map(({ earlier, ...entry }) => {
      const sorted = earlier.sort((a, b) => a - b);
      const usual = sorted.length >= REFERENCE_MIN ? { low: quantile(sorted, 0.05), middle: quantile(sorted, 0.5), high: quantile(sorted, 0.95) } : null;
      return { ...entry, usual };
    });
}

export function Business() {
  const w = useOverviewWords();
  const { window } = useWindow();
  const span = resolve(window, Date.now());
  const width = Math.max(60, step(span, 40));
  const wide: Window = {
    from: window.from.startsWith("now-")
      ? `now-${Math.round(((span.to - span.from) / 60e3) * (REFERENCE_WINDOWS + 1))}m`
      : iso(span.from - (span.to - span.from) * REFERENCE_WINDOWS),
    to: window.to,
  };
  const sql = statement(wide, width);
  const answer = useSql(sql, { every: "live" });
  const shown = useMemo(() => (answer.data ? operations(answer.data, width, span.from) : []), [answer.data, width, window.from, window.to]);
  return (
    <Panel title={w("business")} about={w("businessAbout")} actions={<Source sql={sql} />}>
      <Answered
        of={answer}
        isEmpty={(data) => data.rows.length === 0}
        missing={{ title: w("noBusiness"), about: w("noBusinessAbout"), command: "stormglass demo" }}
      >
        {() => (
          <div className={style.list}>
            {shown.map((operation) => (
              <Go key={operation.name} to={href("/operations", { operation: operation.name })} className={style.line}>
                <span className="clip" title={operation.name}>
                  {operation.name}
                </span>
                <Sparkline points={operation.points} band={operation.usual} label={operation.name} width={150} height={34} colour="var(--series-3)" area={false} />
                <span className="num nowrap">
                  {count(operation.total)}
                  {operation.failed > 0 && <span className={style.failed}> · {w("failed", { count: operation.failed })}</span>}
                </span>
                <span className="dim small num nowrap">
                  {operation.usual && `${w("usual")} ${count(operation.usual.low)}–${count(operation.usual.high)}/min`}
                </span>
              </Go>
            ))}
          </div>
        )}
      </Answered>
    </Panel>
  );
}
