// Request rates, errors and durations over time, out of the `red` table: counted while spans came in, exact.
import type { UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import { type Window, instant, resolve, sqlWindow, step } from "../base/time";
import { type SqlAnswer, literal, useSql } from "./read";

export interface RedSeries {
  /** Milliseconds since 1970, the start of each bucket. */
  times: number[];
  /** Seconds per bucket. */
  width: number;
  rate: number[];
  errorShare: (number | null)[];
  errorRate: number[];
  p50: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
}

export interface RedOf {
  service?: string;
  operation?: string;
}

export function redSql(window: Window, width: number, { service, operation }: RedOf): string {
  const of = [service && `service = ${literal(service)}`, operation && `operation = ${literal(operation)}`].filter(Boolean);
  return [
    `SELECT date_bin(INTERVAL '${width} seconds', time) AS t, sum(calls) AS calls, sum(errors) AS errors,`,
    "  sketch_quantile(sketch_merge(duration_sketch), 0.5) AS p50,",
    "  sketch_quantile(sketch_merge(duration_sketch), 0.95) AS p95,",
    "  sketch_quantile(sketch_merge(duration_sketch), 0.99) AS p99",
    `FROM red WHERE kind IN ('server', 'consumer')${of.map((condition) => ` AND ${condition}`).join("")}`,
    `  AND ${sqlWindow(window)}`,
    "GROUP BY 1 ORDER BY 1",
  ].join("\n");
}

/**
 * Buckets in which nothing was called are zero calls, and have no share and no durations. The bucket that is still
 * being filled at `until` (milliseconds) would look like a fall: it is left out.
 */
export function redSeries(answer: SqlAnswer, width: number, until: number): RedSeries {
  const series: RedSeries = { times: [], width, rate: [], errorShare: [], errorRate: [], p50: [], p95: [], p99: [] };
  const put = (time: number, calls: number, errors: number, p50: number | null, p95: number | null, p99: number | null): void => {
    series.times.push(time);
    series.rate.push(calls / width);
    series.errorRate.push(errors / width);
    series.errorShare.push(calls > 0 ? errors / calls : null);
    series.p50.push(p50);
    series.p95.push(p95);
    series.p99.push(p99);
  };
  const quantile = (value: unknown): number | null => (typeof value === "number" ? value : null);
  for (const [time, calls, errors, p50, p95, p99] of answer.rows) {
    const at = instant(String(time), 0);
    if (at === null) continue;
    let next = (series.times.at(-1) ?? at) + width * 1e3;
    while (next < at && series.times.length > 0 && series.times.length < 2_000) {
      put(next, 0, 0, null, null, null);
      next += width * 1e3;
    }
    if (at + width * 1e3 > until) break;
    put(at, Number(calls), Number(errors), quantile(p50), quantile(p95), quantile(p99));
  }
  return series;
}

export function useRed(window: Window, of: RedOf, points = 90): { answer: UseQueryResult<SqlAnswer, Error>; sql: string; series: RedSeries | null } {
  const width = step(resolve(window, Date.now()), points);
  const sql = redSql(window, width, of);
  const answer = useSql(sql, { every: "live" });
  const series = useMemo(() => (answer.data ? redSeries(answer.data, width, Date.now()) : null), [answer.data, width]);
  return { answer, sql, series };
}
