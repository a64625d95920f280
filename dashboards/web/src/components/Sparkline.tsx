// A small picture of a series: its line, a dashed reference, the band of what was expected with what is expected
// next, and a mark where something began.
import type { Expected } from "../base/forecast";

interface SparklineProps {
  points: readonly (readonly [time: number, value: number | null])[];
  width?: number;
  height?: number;
  reference?: number | null;
  /** What was expected, over the times of the points and beyond. */
  band?: readonly Expected[];
  /** In the same unit as the points' times. */
  mark?: number | null;
  colour?: string;
  /** What it shows, for those who do not see it. */
  label: string;
  area?: boolean;
  /** A value holds until the next one: what was judged step by step. */
  stepped?: boolean;
}

/** Each value once more just before the next. */
export const steps = (points: readonly (readonly [number, number])[]): (readonly [number, number])[] =>
  points.flatMap((point, at) => {
    const next = points[at + 1];
    return next ? [point, [next[0], point[1]] as const] : [point];
  });

export function Sparkline({ points, width = 120, height = 28, reference, band, mark, colour = "var(--series-1)", label, area = true, stepped = false }: SparklineProps) {
  const known = points.filter((point): point is readonly [number, number] => point[1] !== null && Number.isFinite(point[1]));
  if (known.length < 2) return <svg width={width} height={height} role="img" aria-label={label} />;
  const start = Math.min(...known.map(([time]) => time));
  const shown = (band ?? []).filter(({ time }) => time >= start);
  const times = known.map(([time]) => time).concat(shown.map(({ time }) => time));
  const values = known.map(([, value]) => value).concat(reference ?? [], shown.map(({ high }) => high));
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const [low, high] = [Math.min(0, ...values), Math.max(...values)];
  const x = (time: number): number => ((time - from) / (to - from || 1)) * (width - 2) + 1;
  const y = (value: number): number => height - 2 - ((value - low) / (high - low || 1)) * (height - 4);
  const edge = (points: (readonly [number, number])[], begin = "M"): string =>
    points.map(([time, value], at) => `${at === 0 ? begin : "L"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const line = edge(stepped ? steps(known) : known);
  const last = known.at(-1)?.[0] ?? to;
  const coming = shown.filter(({ time }) => time >= last);
  const marked = mark !== null && mark !== undefined && mark >= from && mark <= to;
  return (
    <svg width={width} height={height} role="img" aria-label={label} style={{ display: "block", maxWidth: "100%" }}>
      {area && <path d={`${line}L${x(last).toFixed(1)} ${height}L${x(from).toFixed(1)} ${height}Z`} fill={colour} opacity={0.12} />}
      {shown.length > 1 && <path d={`${edge(shown.map(({ time, high }) => [time, high]))}${edge(shown.map(({ time, low }): [number, number] => [time, low]).reverse(), "L")}Z`} fill="var(--ink-3)" opacity={0.18} />}
      {coming.length > 1 && <path d={edge(coming.map(({ time, middle }) => [time, middle]))} fill="none" stroke={colour} strokeWidth={1.2} strokeDasharray="2 3" opacity={0.8} />}
      {reference !== null && reference !== undefined && (
        <line x1={0} x2={width} y1={y(reference)} y2={y(reference)} stroke="var(--ink-3)" strokeDasharray="3 3" opacity={0.7} />
      )}
      {marked && <line x1={x(mark)} x2={x(mark)} y1={0} y2={height} stroke="var(--failing-fill)" strokeWidth={1.5} />}
      <path d={line} fill="none" stroke={colour} strokeWidth={1.5} strokeLinejoin="round" />
    </svg>
  );
}
