// Business operations per minute in the band of what was expected of them, with what is expected next.
import { useMemo } from "react";
import { type SqlAnswer, useSql } from "../../api/read";
import { useWindow } from "../../base/address";
import { type Expected, evenly, expected } from "../../base/forecast";
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
/** So many windows before this one make what is expected. */
const REFERENCE_WINDOWS = 4;
const WIDTH_MIN = 30;
/** Buckets of what is expected next. */
const AHEAD = 6;

interface Operation {
  name: string;
  /** Per minute. */
  points: [number, number][];
  total: number;
  failed: number;
  band: Expected[];
}

function statement(window: Window, width: number): string {
  return [
    `SELECT date_bin(INTERVAL '${width} seconds', time) AS t, operation, count(*) AS operations,`,
    "  count(*) FILTER (WHERE outcome = 'failure') AS failed",
    `FROM business_events WHERE phase <> 'create' AND ${sqlWindow(window)}`,
    "GROUP BY 1, 2 ORDER BY 1",
  ].join("\n");
}

function operations(answer: SqlAnswer, width: number, from: number): Operation[] {
  const perMinute = 60 / width;
  const found = new Map<string, { counts: [number, number][]; seen: number; total: number; failed: number }>();
  const last = instant(String(answer.rows.at(-1)?.[0] ?? ""), 0);
  const first = instant(String(answer.rows[0]?.[0] ?? ""), 0);
  for (const [time, name, number, failed] of answer.rows) {
    const at = instant(String(time), 0);
    if (at === null || typeof name !== "string") continue;
    const entry = found.get(name) ?? { counts: [], seen: 0, total: 0, failed: 0 };
    found.set(name, entry);
    // The bucket that is still being filled would look like a fall, and the first of all like a rise.
    if (at !== last && at !== first) entry.counts.push([at, Number(number)]);
    // What has stopped stays where people look for it.
    entry.seen += Number(number);
    if (at >= from) {
      entry.total += Number(number);
      entry.failed += Number(failed);
    }
  }
  // What went on until now and is over ends in noughts.
  const end = last === null ? null : last - width * 1e3;
  return [...found]
    .filter(([, { counts }]) => counts.length > 0)
    .sort(([, a], [, b]) => b.seen - a.seen)
    .slice(0, SHOWN_MAX)
    .map(([name, { counts, total, failed }]) => {
      const whole = evenly(end !== null && (counts.at(-1)?.[0] ?? end) < end ? [...counts, [end, 0]] : counts, width * 1e3);
      const band = expected(whole, width * 1e3, AHEAD).map(({ time, low, middle, high }) => ({ time, low: low * perMinute, middle: middle * perMinute, high: high * perMinute }));
      return { name, total, failed, band, points: whole.filter(([time]) => time >= from).map(([time, value]): [number, number] => [time, value * perMinute]) };
    });
}

/** The newest value, and whether it is within what was expected of it. */
function Now({ of }: { of: Operation }) {
  const w = useOverviewWords();
  const [time, value] = of.points.at(-1) ?? [0, null];
  const wanted = of.band.find((one) => one.time === time);
  const tone = !wanted || value === null ? "plain" : value < wanted.low ? "low" : value > wanted.high ? "high" : "plain";
  return (
    <span className={`${style.now} num`} data-tone={tone}>
      <strong>{value === null ? "–" : w("perMinute", { count: count(Math.round(value)) })}</strong>
      <span className="small">
        {wanted ? w("expected", { low: count(Math.round(wanted.low)), high: count(Math.round(wanted.high)) }) : w("learning")}
      </span>
    </span>
  );
}

export function Business() {
  const w = useOverviewWords();
  const { window } = useWindow();
  const span = resolve(window, Date.now());
  const width = Math.max(WIDTH_MIN, step(span, 40));
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
                <Sparkline points={operation.points} band={operation.band} label={operation.name} width={240} height={38} colour="var(--series-3)" area={false} />
                <Now of={operation} />
                <span className="dim small num nowrap">
                  {w("inWindow", { count: count(operation.total) })}
                  {operation.failed > 0 && <span className={style.failed}> · {w("failed", { count: count(operation.failed) })}</span>}
                </span>
              </Go>
            ))}
          </div>
        )}
      </Answered>
    </Panel>
  );
}
