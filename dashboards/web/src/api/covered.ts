// How much of a window has telemetry at all. A server that was begun in the middle of it has counted less, and a rate
// over the whole window would be too low beside the charts.
import { useMemo } from "react";
import { useWindow } from "../base/address";
import { type Span, instant, resolve, sqlWindow } from "../base/time";
import { useSql } from "./read";

/** The beginning of telemetry does not move: it is asked for seldom. */
const EVERY_MS = 60_000;
/** Less is too little to say how often something happens. */
const COVERED_MIN_MS = 10_000;

/** What rates over the window are to be multiplied by, when telemetry began at `since`; 1 where it began before. */
export function stretchOf({ from, to }: Span, since: number | null): number {
  if (since === null || since <= from) return 1;
  const covered = to - since;
  return covered < COVERED_MIN_MS ? 1 : (to - from) / covered;
}

export function useStretch(): number {
  const { window } = useWindow();
  const answer = useSql(`SELECT min(time) AS since FROM red WHERE ${sqlWindow(window)}`, { every: EVERY_MS });
  const since = answer.data?.rows[0]?.[0];
  return useMemo(() => stretchOf(resolve(window, Date.now()), typeof since === "string" ? instant(since, 0) : null), [since, window, answer.dataUpdatedAt]);
}
