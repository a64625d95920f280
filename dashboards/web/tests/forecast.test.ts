// What was to be expected: from what was before, in the rhythm of the day, and not bent by a fault.
import { describe, expect, test } from "vitest";
import { LEARNING, evenly, expected } from "../src/base/forecast";

const WIDTH = 60e3;
const series = (values: number[], from = 0): [number, number][] => values.map((value, at) => [from + at * WIDTH, value]);
/** Small, even noise without chance. */
const noisy = (count: number, level: number): number[] => Array.from({ length: count }, (_, at) => level + ((at * 7) % 11) - 5);

describe("forecast", () => {
  test("nothing is expected before enough was seen, and something for each later point and ahead", () => {
    expect(expected([], WIDTH, 5)).toEqual([]);
    expect(expected(series(noisy(LEARNING, 100)), WIDTH, 5)).toEqual([]);
    const told = expected(series(noisy(30, 100)), WIDTH, 5);
    expect(told.length).toBe(30 - LEARNING + 5);
    expect(told.at(-1)?.time).toBe((29 + 5) * WIDTH);
  });

  test("an even count stays in its band, and the band holds the expectation", () => {
    const points = series(noisy(60, 100));
    for (const { time, low, middle, high } of expected(points, WIDTH, 0)) {
      const value = points.find(([at]) => at === time)?.[1] ?? Number.NaN;
      expect(low).toBeLessThanOrEqual(middle);
      expect(high).toBeGreaterThanOrEqual(middle);
      expect(value).toBeGreaterThanOrEqual(low);
      expect(value).toBeLessThanOrEqual(high);
    }
  });

  test("a fall lies below the band, and is not usual at once", () => {
    const told = expected(series([...noisy(40, 100), ...Array<number>(20).fill(20)]), WIDTH, 0);
    for (const { low } of told.slice(-20)) expect(low).toBeGreaterThan(20);
  });

  test("the band ahead grows wider", () => {
    const told = expected(series(noisy(40, 100)), WIDTH, 10).slice(-10);
    const width = (at: number): number => (told[at]?.high ?? 0) - (told[at]?.low ?? 0);
    expect(width(9)).toBeGreaterThan(width(0));
  });

  test("after two days the rhythm of the day is expected", () => {
    const hour = 3600e3;
    const points = Array.from({ length: 24 * 4 }, (_, at): [number, number] => [at * hour, at % 24 >= 8 && at % 24 < 20 ? 1000 : 100]);
    const told = expected(points, hour, 24);
    const at = (time: number): number => told.find((one) => one.time === time)?.middle ?? Number.NaN;
    expect(at((96 + 12) * hour)).toBeGreaterThan(3 * at((96 + 3) * hour));
  });

  test("buckets without a count are noughts", () => {
    expect(evenly([[0, 4], [3 * WIDTH, 5]], WIDTH)).toEqual([[0, 4], [WIDTH, 0], [2 * WIDTH, 0], [3 * WIDTH, 5]]);
  });
});
