// From a metric and how it is looked at to SQL, and from its rows to lines. Counters are differences of neighbours
// of one series, so that restarts do not show as falls; quantiles of histograms are interpolated in their bucket.
import { literal, type SqlAnswer } from "../../api/read";
import { type Span, type Window, instant, sqlWindow } from "../../base/time";

export interface Metric {
  name: string;
  type: string;
  unit: string;
  monotonic: boolean;
  services: number;
  description: string;
}

export type View = "avg" | "max" | "min" | "total" | "rate" | "increase" | "mean" | "p50" | "p95" | "p99";

export const namesSql = (window: Window): string =>
  [
    "SELECT name, min(type) AS type, min(unit) AS unit, bool_or(monotonic) AS monotonic,",
    "  count(DISTINCT service) AS services, min(description) AS description",
    `FROM metrics WHERE ${sqlWindow(window)}`,
    "GROUP BY name ORDER BY name",
  ].join("\n");

export const metricsOf = ({ rows }: SqlAnswer): Metric[] =>
  rows.map(([name, type, unit, monotonic, services, description]) => ({
    name: String(name),
    type: String(type ?? ""),
    unit: String(unit ?? ""),
    monotonic: monotonic === true,
    services: Number(services),
    description: String(description ?? ""),
  }));

/** How a metric can be looked at; the first is what it is best looked at as. */
export function viewsOf({ type, monotonic }: Pick<Metric, "type" | "monotonic">): View[] {
  if (type === "histogram") return ["p95", "p50", "p99", "mean", "rate"];
  if (type === "exponential_histogram" || type === "summary") return ["mean", "rate"];
  if (type === "sum" && monotonic) return ["rate", "increase"];
  return ["avg", "max", "min", "total"];
}

export interface Look {
  metric: Metric;
  view: View;
  /** `service`, `attr.KEY`, `resource.KEY`, or empty for one line. */
  by: string;
  service?: string;
  /** Seconds per point. */
  width: number;
}

/** The label of a point as SQL. */
export function labelSql(by: string): string {
  if (by === "") return "''";
  if (by.startsWith("attr.")) return `coalesce(attributes[${literal(by.slice(5))}], '')`;
  if (by.startsWith("resource.")) return `coalesce(resource[${literal(by.slice(9))}], '')`;
  return "service";
}

const BUCKETS_MAX = 40;
/** What a counter grew by since the point before of the same series; after a restart all that it shows. */
const GREW = "CASE WHEN temporality = 'delta' THEN v WHEN before IS NULL THEN 0 WHEN v < before THEN v ELSE v - before END";

function conditions({ metric, service }: Look, window: Window): string {
  return [`name = ${literal(metric.name)}`, sqlWindow(window), ...(service ? [`service = ${literal(service)}`] : [])].join(" AND ");
}

function grown(look: Look, window: Window, column: string): string {
  const value = `CAST(${column} AS DOUBLE)`;
  return `SELECT time, temporality, ${labelSql(look.by)} AS label, ${value} AS v,\n    lag(${value}) OVER (PARTITION BY series_id ORDER BY time) AS before\n  FROM metrics WHERE ${conditions(look, window)}`;
}

export function lookSql(look: Look, window: Window): string {
  const { view, metric, width } = look;
  const bin = `date_bin(INTERVAL '${width} seconds', time) AS t`;
  if (view === "p50" || view === "p95" || view === "p99") {
    const numbers = Array.from({ length: BUCKETS_MAX }, (_, at) => at + 1).join(", ");
    return [
      "WITH points AS (",
      `  SELECT time, temporality, ${labelSql(look.by)} AS label, i, explicit_bounds[i] AS bound, CAST(bucket_counts[i] AS DOUBLE) AS v,`,
      "    lag(CAST(bucket_counts[i] AS DOUBLE)) OVER (PARTITION BY series_id, i ORDER BY time) AS before",
      `  FROM metrics CROSS JOIN (SELECT unnest(make_array(${numbers})) AS i)`,
      `  WHERE ${conditions(look, window)} AND bucket_counts[i] IS NOT NULL`,
      ")",
      `SELECT ${bin}, label, i, min(bound) AS bound, sum(${GREW}) AS n FROM points`,
      "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    ].join("\n");
  }
  if (view === "mean") {
    return [
      "WITH points AS (",
      `  ${grown(look, window, "sum").replace("AS before", "AS before, CAST(count AS DOUBLE) AS c,\n    lag(CAST(count AS DOUBLE)) OVER (PARTITION BY series_id ORDER BY time) AS c_before")}`,
      ")",
      `SELECT ${bin}, label, sum(${GREW}) / nullif(sum(${GREW.replace(/\bv\b/g, "c").replaceAll("before", "c_before")}), 0) AS value FROM points`,
      "GROUP BY 1, 2 ORDER BY 1",
    ].join("\n");
  }
  if (view === "rate" || view === "increase") {
    const column = metric.type === "sum" || metric.type === "gauge" ? "value" : "count";
    return [`WITH points AS (`, `  ${grown(look, window, column)}`, ")", `SELECT ${bin}, label, sum(${GREW})${view === "rate" ? ` / ${width}` : ""} AS value FROM points`, "GROUP BY 1, 2 ORDER BY 1"].join("\n");
  }
  const combine = view === "total" ? "sum" : view;
  return [
    `SELECT t, label, ${combine}(v) AS value FROM (`,
    `  SELECT ${bin}, ${labelSql(look.by)} AS label, series_id, ${view === "max" || view === "min" ? view : "avg"}(value) AS v`,
    `  FROM metrics WHERE ${conditions(look, window)} GROUP BY 1, 2, 3`,
    ") GROUP BY 1, 2 ORDER BY 1",
  ].join("\n");
}

/** A quantile of a histogram: `counts[i]` lie at or below `bounds[i]`; the last bucket has no upper bound. */
export function quantile(counts: number[], bounds: (number | null)[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  const wanted = total * share;
  let below = 0;
  for (let at = 0; at < counts.length; at += 1) {
    const here = counts[at] ?? 0;
    if (below + here >= wanted && here > 0) {
      const low = at === 0 ? 0 : (bounds[at - 1] ?? 0);
      const high = bounds[at] ?? null;
      return high === null ? low : low + ((high - low) * (wanted - below)) / here;
    }
    below += here;
  }
  return null;
}

export interface Lines {
  times: number[];
  series: { name: string; values: (number | null)[]; dashed: boolean }[];
  /** How many there are, drawn or not. */
  count: number;
}

export const LINES_MAX = 12;
/** Beyond so many the colours begin again, dashed. */
const COLOURS = 6;

const SHARES: Partial<Record<View, number>> = { p50: 0.5, p95: 0.95, p99: 0.99 };

function values(answer: SqlAnswer, view: View): [time: number, label: string, value: number | null][] {
  const share = SHARES[view];
  if (share === undefined) return answer.rows.flatMap(([time, label, value]) => [[instant(String(time), 0) ?? 0, String(label), typeof value === "number" ? value : null]]);
  const groups = new Map<string, { time: number; label: string; counts: number[]; bounds: (number | null)[] }>();
  for (const [time, label, bucket, bound, n] of answer.rows) {
    const key = `${String(time)} ${String(label)}`;
    const group = groups.get(key) ?? { time: instant(String(time), 0) ?? 0, label: String(label), counts: [], bounds: [] };
    groups.set(key, group);
    group.counts[Number(bucket) - 1] = Number(n);
    group.bounds[Number(bucket) - 1] = typeof bound === "number" ? bound : null;
  }
  return [...groups.values()].map(({ time, label, counts, bounds }) => [time, label, quantile(Array.from(counts, (count) => count ?? 0), bounds, share)]);
}

/** What a counter grew by in a bin that is only in part within the window would look like a fall. */
const isPartial = (view: View, time: number, width: number, span: Span): boolean =>
  (view === "rate" || view === "increase") && (time < span.from || time + width * 1e3 > span.to);

/** Lines by label, the largest first; `scale` turns the metric's unit into that of the chart. */
export function linesOf(answer: SqlAnswer, { view, width }: Pick<Look, "view" | "width">, span: Span, scale: number, nameless: string): Lines {
  const lines = new Map<string, Map<number, number | null>>();
  const times = new Set<number>();
  for (const [time, label, value] of values(answer, view)) {
    if (isPartial(view, time, width, span)) continue;
    times.add(time);
    const line = lines.get(label) ?? new Map<number, number | null>();
    lines.set(label, line.set(time, value === null ? null : value * scale));
  }
  const ordered = [...times].sort((a, b) => a - b);
  const weight = (line: Map<number, number | null>): number => [...line.values()].reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
  const largest = [...lines].sort(([, a], [, b]) => weight(b) - weight(a)).slice(0, LINES_MAX);
  return {
    times: ordered,
    count: lines.size,
    series: largest.map(([name, line], at) => ({ name: name || nameless, values: ordered.map((time) => line.get(time) ?? null), dashed: at >= COLOURS })),
  };
}

export interface Measure {
  unit: "duration" | "bytes" | "share" | "number" | "rate";
  scale: number;
}

/** The unit of the chart for a unit of UCUM, and what values are multiplied with. */
export function measureOf({ unit }: Pick<Metric, "unit">, view: View): Measure {
  const counts = view === "rate" || view === "increase";
  const durations: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, min: 60e9, h: 3600e9 };
  const sizes: Record<string, number> = { By: 1, KiBy: 1024, MiBy: 1024 ** 2, GiBy: 1024 ** 3, kBy: 1e3, MBy: 1e6 };
  if (sizes[unit]) return { unit: "bytes", scale: sizes[unit] };
  if (counts) return { unit: view === "rate" ? "rate" : "number", scale: 1 };
  if (durations[unit]) return { unit: "duration", scale: durations[unit] };
  if (unit === "%") return { unit: "share", scale: 0.01 };
  return { unit: "number", scale: 1 };
}

export const exemplarsSql = (look: Look, window: Window): string =>
  [
    // A cumulative histogram tells the same example again with each export.
    "SELECT DISTINCT e['time'] AS t, e['value'] AS value, e['trace_id'] AS trace_id, e['span_id'] AS span_id, service",
    `FROM (SELECT service, unnest(exemplars) AS e FROM metrics WHERE ${conditions(look, window)} AND exemplars IS NOT NULL)`,
    "WHERE e['trace_id'] IS NOT NULL ORDER BY value DESC LIMIT 20",
  ].join("\n");

export const labelsSql = (name: string): string =>
  [
    `SELECT 'attr.' || key AS label FROM (SELECT unnest(map_keys(attributes)) AS key FROM series WHERE name = ${literal(name)}) GROUP BY key`,
    "UNION ALL",
    `SELECT 'resource.' || key AS label FROM (SELECT unnest(map_keys(resource)) AS key FROM series WHERE name = ${literal(name)}) GROUP BY key`,
  ].join("\n");
