// Counts of records by time and gravity, laid on top of each other: the gravest at the foot.
import type { SqlAnswer } from "../../api/read";
import { type SeverityName, severityName } from "../../api/records";
import { type Span, instant } from "../../base/time";

export type Level = SeverityName | "other";

/** From the foot upwards. */
export const LEVELS: Level[] = ["fatal", "error", "warn", "info", "debug", "trace", "other"];

export interface Bin {
  /** Milliseconds since 1970. */
  time: number;
  counts: Partial<Record<Level, number>>;
  total: number;
}

export const binsSql = (width: number, conditions: string[]): string =>
  [
    `SELECT date_bin(INTERVAL '${width} seconds', time) AS t, severity, count(*) AS records`,
    `FROM logs WHERE ${conditions.join(" AND ")}`,
    "GROUP BY 1, 2 ORDER BY 1",
  ].join("\n");

/** One bin per width from the window's start to its end; those without records are empty. */
export function bins(answer: SqlAnswer, span: Span, width: number): Bin[] {
  const step = width * 1e3;
  const first = Math.floor(span.from / step) * step;
  const all: Bin[] = [];
  for (let time = first; time < span.to; time += step) all.push({ time, counts: {}, total: 0 });
  for (const [time, severity, records] of answer.rows) {
    const at = instant(String(time), 0);
    const bin = at === null ? undefined : all[Math.round((at - first) / step)];
    if (!bin) continue;
    const level = severityName(typeof severity === "number" ? severity : null) ?? "other";
    bin.counts[level] = (bin.counts[level] ?? 0) + Number(records);
    bin.total += Number(records);
  }
  return all;
}
