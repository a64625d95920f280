// From the answer of an evidence's own SQL to the small picture beside it: a share where a part of a whole was
// counted, else the first number; minutes without a row are nought where things were counted.
import type { SqlAnswer } from "../../api/read";
import { instant } from "../../base/time";

export interface Series {
  points: [time: number, value: number | null][];
  /** Shares can be held against the usual share of the evidence. */
  share: boolean;
}

const MINUTE = 60e3;
/** What is shown of the time before it began. */
const BEFORE_MS = 20 * MINUTE;
/** Columns that are a part of the column before them. */
const PARTS = new Set(["failed", "with_it", "errors", "slow"]);
/** Columns that are measured and not counted. */
const MEASURED = /_ns$|^(value|avg|mean|share|ratio|p\d+)/;
const POINTS_MAX = 240;

/** Null where the answer holds no series of numbers over time. */
export function seriesOf({ columns, rows }: Pick<SqlAnswer, "columns" | "rows">, since: number | null): Series | null {
  const part = columns.findIndex(({ name }, at) => at > 1 && PARTS.has(name));
  const measured = columns.findIndex(({ name }, at) => at > 0 && MEASURED.test(name));
  const shown = part > 0 ? part : measured > 0 ? measured : 1;
  const found: [number, number | null][] = [];
  for (const row of rows) {
    const time = instant(String(row[0]), Number.NaN);
    const value = Number(row[shown]);
    if (time === null || Number.isNaN(time) || row[shown] === null || !Number.isFinite(value)) continue;
    const whole = part > 0 ? Number(row[part - 1]) : 1;
    found.push([time, part > 0 ? (whole > 0 ? value / whole : null) : value]);
  }
  const last = found.at(-1)?.[0];
  if (last === undefined) return null;
  const first = since === null ? (found[0]?.[0] ?? last) : since - BEFORE_MS;
  const near = found.filter(([time]) => time >= first);
  return { points: part > 0 || measured > 0 ? near : filled(near, first, last), share: part > 0 };
}

/** Counted by the minute: where no row is, nothing was. */
function filled(points: [number, number | null][], first: number, last: number): [number, number | null][] {
  const byMinute = new Map(points.map(([time, value]) => [Math.floor(time / MINUTE), value]));
  const from = Math.max(Math.floor(first / MINUTE), Math.floor(last / MINUTE) - POINTS_MAX);
  const all: [number, number | null][] = [];
  for (let minute = from; minute <= Math.floor(last / MINUTE); minute += 1) all.push([minute * MINUTE, byMinute.get(minute) ?? 0]);
  return all;
}

/** The strongest first, yet no more than two of one kind before another kind has had its turn. */
export function varied<T extends { kind: string }>(evidence: readonly T[]): T[] {
  const seen = new Map<string, number>();
  const turn = evidence.map((one, at) => {
    const times = seen.get(one.kind) ?? 0;
    seen.set(one.kind, times + 1);
    return { one, at, turn: Math.floor(times / 2) };
  });
  return turn.sort((a, b) => a.turn - b.turn || a.at - b.at).map(({ one }) => one);
}
