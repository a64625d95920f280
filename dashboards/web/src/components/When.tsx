// An instant: how long ago, and on the title the local date and time with its zone.
import { useEffect, useState } from "react";
import { ago, clock, full } from "../base/time";
import { useLanguage } from "../base/language";

/** The present, again every so many milliseconds. */
export function useNow(every = 5_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

interface WhenProps {
  time: string | number | null | undefined;
  /** `ago` alone, the `clock` alone, or both. */
  as?: "ago" | "clock" | "both";
}

export function When({ time, as = "ago" }: WhenProps) {
  useLanguage();
  const now = useNow();
  if (time === null || time === undefined || time === "") return <span className="dim">–</span>;
  const attribute = typeof time === "number" ? new Date(time).toISOString() : time;
  return (
    <time dateTime={attribute} title={full(time)} className="nowrap num">
      {as === "ago" ? ago(time, now) : clock(time, now)}
      {as === "both" && <span className="dim small"> · {ago(time, now)}</span>}
    </time>
  );
}
