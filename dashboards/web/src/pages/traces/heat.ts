// Counts of spans by start and duration as a grid: which cell a point lies in, and what a drag has chosen.
import type { SqlAnswer } from "../../api/read";
import type { Region } from "../../api/traces";
import { instant, type Span } from "../../base/time";

/** Rows per factor of ten in duration. */
export const ROWS_PER_DECADE = 8;
/** Fewer rows than this would make few spans look like walls. */
const ROWS_MIN = 16;

export interface Cell {
  column: number;
  row: number;
  count: number;
  errors: number;
}

export interface Heat {
  /** Milliseconds since 1970 of the first column's start. */
  from: number;
  /** Milliseconds per column. */
  width: number;
  columns: number;
  /** The number of the lowest row; row `r` covers `edge(r)` to `edge(r + 1)`. */
  lowest: number;
  rows: number;
  cells: Cell[];
  most: number;
  total: number;
}

/** The shortest duration of a row, nanoseconds. */
export const edge = (row: number): number => Math.round(10 ** (row / ROWS_PER_DECADE));

/** Widths that people can read, seconds. */
const WIDTHS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];

export const widthOf = (span: Span, columns = 100): number =>
  WIDTHS.find((width) => width * columns * 1e3 >= span.to - span.from) ?? 86_400;

/** SQL of the grid; `conditions` are those of the search. */
export const heatSql = (width: number, conditions: string[]): string =>
  [
    `SELECT date_bin(INTERVAL '${width} seconds', time) AS t,`,
    `  CAST(floor(log10(greatest(duration_ns, 1)) * ${ROWS_PER_DECADE}) AS INT) AS d,`,
    "  count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS failed",
    `FROM spans WHERE ${conditions.join(" AND ")}`,
    "GROUP BY 1, 2",
  ].join("\n");

export function heat(answer: SqlAnswer, span: Span, width: number): Heat {
  const from = Math.floor(span.from / 1e3 / width) * width * 1e3;
  const columns = Math.max(1, Math.ceil((span.to - from) / (width * 1e3)));
  const found = answer.rows.flatMap(([time, row, count, errors]) => {
    const at = instant(String(time), 0);
    if (at === null || typeof row !== "number") return [];
    const column = Math.round((at - from) / (width * 1e3));
    return column < 0 || column >= columns ? [] : [{ column, row, count: Number(count), errors: Number(errors) }];
  });
  const rows = found.map(({ row }) => row);
  const low = rows.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = rows.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const empty = found.length === 0;
  const lowest = empty ? 3 * ROWS_PER_DECADE : Math.max(0, Math.min(low - 1, Math.floor((low + high) / 2) - ROWS_MIN / 2));
  return {
    from,
    width: width * 1e3,
    columns,
    lowest,
    rows: empty ? 4 * ROWS_PER_DECADE : Math.max(ROWS_MIN, high + 2 - lowest),
    cells: found,
    most: found.reduce((most, { count }) => Math.max(most, count), 0),
    total: found.reduce((sum, { count }) => sum + count, 0),
  };
}

/** The box that a drag from one cell to another has chosen. */
export function region(of: Heat, a: { column: number; row: number }, b: { column: number; row: number }): Region {
  const [left, right] = a.column < b.column ? [a.column, b.column] : [b.column, a.column];
  const [low, high] = a.row < b.row ? [a.row, b.row] : [b.row, a.row];
  return { from: of.from + left * of.width, to: of.from + (right + 1) * of.width, shortest: edge(low), longest: edge(high + 1) };
}

/** Where a box stands on the grid, in columns and rows from its upper left corner. */
export function place(of: Heat, box: Region): { left: number; right: number; top: number; bottom: number } {
  const row = (ns: number): number => Math.log10(Math.max(ns, 1)) * ROWS_PER_DECADE - of.lowest;
  const clamp = (value: number, most: number): number => Math.max(0, Math.min(most, value));
  return {
    left: clamp((box.from - of.from) / of.width, of.columns),
    right: clamp((box.to - of.from) / of.width, of.columns),
    top: of.rows - clamp(row(box.longest), of.rows),
    bottom: of.rows - clamp(row(box.shortest), of.rows),
  };
}

/** The shortest duration of the slowest spans that make up at least this share of all; an edge of a row. */
export function slowest(of: Heat, share: number): number {
  const byRow = new Map<number, number>();
  for (const { row, count } of of.cells) byRow.set(row, (byRow.get(row) ?? 0) + count);
  let sum = 0;
  for (const row of [...byRow.keys()].sort((a, b) => b - a)) {
    sum += byRow.get(row) ?? 0;
    if (sum >= of.total * share) return edge(row);
  }
  return edge(of.lowest);
}

/** `from~to~shortest~longest` for the address. */
export const writeRegion = ({ from, to, shortest, longest }: Region): string => [from, to, shortest, longest].join("~");

export function readRegion(text: string | undefined): Region | null {
  const found = /^(\d{12,14})~(\d{12,14})~(\d{1,16})~(\d{1,16})$/.exec(text ?? "");
  if (!found) return null;
  const [from, to, shortest, longest] = found.slice(1).map(Number) as [number, number, number, number];
  return from < to && shortest < longest ? { from, to, shortest, longest } : null;
}

/** Columns that begin at a round time, at most so many. */
export function timeTicks(of: Heat, most: number): { column: number; time: number }[] {
  const wanted = (of.columns * of.width) / Math.max(1, most);
  const step = WIDTHS.map((seconds) => seconds * 1e3).find((width) => width >= wanted && width % of.width === 0) ?? wanted;
  const all: { column: number; time: number }[] = [];
  for (let time = Math.ceil(of.from / step) * step; time < of.from + of.columns * of.width; time += step) all.push({ column: (time - of.from) / of.width, time });
  return all;
}
