// What was to be expected of a count over time: its level as it was just before, in the rhythm of the day where
// days are known, with a band as wide as it usually strays. Each value is held against what was known before it.

export interface Expected {
  time: number;
  low: number;
  middle: number;
  high: number;
}

/** Weight of the newest value in the level, and in how far values stray. */
const LEVEL_WEIGHT = 0.25;
/** Weight of a value outside the band: it may be a fault, and only what lasts becomes usual. */
const OUTSIDE_WEIGHT = 0.03;
const SPREAD_WEIGHT = 0.12;
/** Values further out than so many spreads move the level no more than that: a fault must not become usual. */
const STRAY_MAX = 3;
/** The band in spreads: about 99 of 100 values. */
const BAND = 2.6;
/** Values before the first band. */
export const LEARNING = 6;
const DAY = 86_400e3;
const DAYS_MIN = 2;
const POINTS_MAX = 5_000;

/** Buckets in which nothing was counted are noughts. */
export function evenly(points: readonly (readonly [number, number])[], width: number): [number, number][] {
  const all: [number, number][] = [];
  for (const [time, value] of points) {
    for (let next = (all.at(-1)?.[0] ?? time) + width; next < time && all.length > 0 && all.length < POINTS_MAX; next += width) all.push([next, 0]);
    all.push([time, value]);
  }
  return all;
}

/** How much of the mean is usual at a time of the day; 1 everywhere until two days are known. */
function rhythm(points: readonly (readonly [number, number])[], width: number): (time: number) => number {
  const [first, last] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0];
  if (last - first < DAYS_MIN * DAY) return () => 1;
  const byTime = new Map<number, { sum: number; count: number }>();
  let sum = 0;
  for (const [time, value] of points) {
    const key = Math.floor((time % DAY) / width);
    const entry = byTime.get(key) ?? { sum: 0, count: 0 };
    entry.sum += value;
    entry.count += 1;
    byTime.set(key, entry);
    sum += value;
  }
  const mean = sum / points.length;
  return (time) => {
    const entry = byTime.get(Math.floor((time % DAY) / width));
    return entry && mean > 0 ? Math.max(0.05, entry.sum / entry.count / mean) : 1;
  };
}

/**
 * One expectation for each point after the first few, made of the points before it, and `ahead` more into the
 * future. `points` are counts in buckets of `width` milliseconds, in rising time.
 */
export function expected(points: readonly (readonly [number, number])[], width: number, ahead: number): Expected[] {
  const even = evenly(points, width);
  const usual = rhythm(even, width);
  const told: Expected[] = [];
  let [level, spread, seen] = [0, 0, 0];
  const tell = (time: number, steps: number): void => {
    const middle = level * usual(time);
    // Counts stray by their root even where all else is even.
    const reach = BAND * Math.max(spread * usual(time), Math.sqrt(Math.max(1, middle))) * Math.sqrt(1 + 0.15 * steps);
    told.push({ time, low: Math.max(0, middle - reach), middle, high: middle + reach });
  };
  for (const [time, value] of even) {
    if (seen >= LEARNING) tell(time, 0);
    const plain = value / usual(time);
    if (seen < LEARNING) {
      level = (level * seen + plain) / (seen + 1);
      spread = Math.max(spread, Math.abs(plain - level) / 2);
    } else {
      const most = STRAY_MAX * Math.max(spread, Math.sqrt(Math.max(1, level)));
      const stray = Math.max(-most, Math.min(most, plain - level));
      const inside = Math.abs(stray) <= (most * BAND) / STRAY_MAX;
      if (inside) spread = Math.sqrt((1 - SPREAD_WEIGHT) * spread ** 2 + SPREAD_WEIGHT * stray ** 2);
      level += (inside ? LEVEL_WEIGHT : OUTSIDE_WEIGHT) * stray;
    }
    seen += 1;
  }
  const last = even.at(-1)?.[0];
  if (last !== undefined && seen > LEARNING) for (let step = 1; step <= ahead; step += 1) tell(last + step * width, step);
  return told;
}
