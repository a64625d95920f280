// A result as lines over time: which columns are times, numbers and names, and the series they make.
import type { SqlAnswer } from "../../api/read";
import { instant } from "../../base/time";

export interface Columns {
  times: number[];
  numbers: number[];
  texts: number[];
}

const NUMERIC = /^(BIGINT|INTEGER|SMALLINT|TINYINT|DOUBLE|FLOAT|REAL|DECIMAL)/;

export function columnsOf({ columns }: SqlAnswer): Columns {
  const of = (fits: (type: string) => boolean): number[] => columns.flatMap(({ type }, at) => (fits(type) ? [at] : []));
  return { times: of((type) => /^(TIMESTAMP|DATE)/.test(type)), numbers: of((type) => NUMERIC.test(type)), texts: of((type) => /^(TEXT|BOOLEAN)/.test(type)) };
}

export interface Drawn {
  times: number[];
  series: { name: string; values: (number | null)[]; dashed: boolean }[];
  /** How many lines there are, drawn or not. */
  lines: number;
}

/** Beyond so many lines the colours begin again, dashed. */
const COLOURS = 6;
/** More lines than colours can be told apart by. */
export const LINES_MAX = 12;

/** One line per value of `by`, or one per number column without it; the largest first. */
export function drawn(answer: SqlAnswer, x: number, ys: number[], by: number | null): Drawn {
  const lines = new Map<string, Map<number, number>>();
  const times = new Set<number>();
  for (const row of answer.rows) {
    const time = instant(String(row[x]), 0);
    if (time === null) continue;
    times.add(time);
    for (const y of ys) {
      const value = row[y];
      if (typeof value !== "number") continue;
      const column = answer.columns[y]?.name ?? "";
      const name = by === null ? column : ys.length > 1 ? `${String(row[by])} ${column}` : String(row[by]);
      const line = lines.get(name) ?? new Map<number, number>();
      lines.set(name, line.set(time, value));
    }
  }
  const ordered = [...times].sort((a, b) => a - b);
  const weight = (line: Map<number, number>): number => [...line.values()].reduce((sum, value) => sum + Math.abs(value), 0);
  const largest = [...lines.entries()].sort(([, a], [, b]) => weight(b) - weight(a)).slice(0, LINES_MAX);
  return {
    times: ordered,
    lines: lines.size,
    series: largest.map(([name, line], at) => ({ name, values: ordered.map((time) => line.get(time) ?? null), dashed: at >= COLOURS })),
  };
}
