// A small picture of a series: its line, a dashed reference, and a mark where something began.

interface SparklineProps {
  points: readonly (readonly [time: number, value: number | null])[];
  width?: number;
  height?: number;
  reference?: number | null;
  /** What is usual, as a band. */
  band?: { low: number; high: number } | null;
  /** In the same unit as the points' times. */
  mark?: number | null;
  colour?: string;
  /** What it shows, for those who do not see it. */
  label: string;
  area?: boolean;
}

export function Sparkline({ points, width = 120, height = 28, reference, band, mark, colour = "var(--series-1)", label, area = true }: SparklineProps) {
  const known = points.filter((point): point is readonly [number, number] => point[1] !== null && Number.isFinite(point[1]));
  if (known.length < 2) return <svg width={width} height={height} role="img" aria-label={label} />;
  const times = known.map(([time]) => time);
  const values = known.map(([, value]) => value).concat(reference ?? [], band?.high ?? []);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const [low, high] = [Math.min(0, ...values), Math.max(...values)];
  const x = (time: number): number => ((time - from) / (to - from || 1)) * (width - 2) + 1;
  const y = (value: number): number => height - 2 - ((value - low) / (high - low || 1)) * (height - 4);
  const line = known.map(([time, value], at) => `${at === 0 ? "M" : "L"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const marked = mark !== null && mark !== undefined && mark >= from && mark <= to;
  return (
    <svg width={width} height={height} role="img" aria-label={label} style={{ display: "block", maxWidth: "100%" }}>
      {area && <path d={`${line}L${x(to).toFixed(1)} ${height}L${x(from).toFixed(1)} ${height}Z`} fill={colour} opacity={0.12} />}
      {band && <rect x={0} width={width} y={y(band.high)} height={Math.max(1, y(band.low) - y(band.high))} fill="var(--ink-3)" opacity={0.22} />}
      {reference !== null && reference !== undefined && (
        <line x1={0} x2={width} y1={y(reference)} y2={y(reference)} stroke="var(--ink-3)" strokeDasharray="3 3" opacity={0.7} />
      )}
      {marked && <line x1={x(mark)} x2={x(mark)} y1={0} y2={height} stroke="var(--failing-fill)" strokeWidth={1.5} />}
      <path d={line} fill="none" stroke={colour} strokeWidth={1.5} strokeLinejoin="round" />
    </svg>
  );
}
