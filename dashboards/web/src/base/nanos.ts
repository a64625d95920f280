// Nanoseconds: instants finer than the clock of the browser, and durations as people type them.

export interface Instant {
  /** Whole seconds since 1970. */
  seconds: number;
  nanos: number;
}

let lastText = "";
let lastSeconds = 0;

/** RFC 3339 in UTC with up to nine digits after the point, as the server writes it. */
export function exact(text: string): Instant {
  const head = text.slice(0, 19);
  if (head !== lastText) {
    lastSeconds = Date.parse(`${head}Z`) / 1e3;
    lastText = head;
  }
  const digits = text[19] === "." ? text.slice(20).replace(/\D.*$/, "") : "";
  return { seconds: lastSeconds, nanos: digits ? Number(digits.slice(0, 9).padEnd(9, "0")) : 0 };
}

/** Nanoseconds from one instant to another. */
export const between = (from: Instant, to: Instant): number => (to.seconds - from.seconds) * 1e9 + (to.nanos - from.nanos);

export const milliseconds = (at: Instant): number => at.seconds * 1e3 + at.nanos / 1e6;

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9 };

/** `250ms`, `1.5 s`, `2m`; a number alone is milliseconds. Null for anything else. */
export function parseDuration(text: string): number | null {
  const found = /^(\d+(?:\.\d+)?)\s*([a-zµμ]*)$/i.exec(text.trim());
  if (!found) return null;
  const unit = UNITS[(found[2] || "ms").toLowerCase()];
  return unit === undefined ? null : Math.round(Number(found[1]) * unit);
}

/** A duration that `parseDuration` reads back, for fields: `250ms`, `1.5s`. */
export function writeDuration(ns: number): string {
  for (const [unit, size] of [["h", 3600e9], ["m", 60e9], ["s", 1e9], ["ms", 1e6], ["us", 1e3]] as const) {
    const value = ns / size;
    if (value >= 1 && Number(value.toPrecision(6)) * size === ns) return `${Number(value.toPrecision(6))}${unit}`;
  }
  return ns >= 1e6 ? `${Number((ns / 1e6).toPrecision(4))}ms` : `${ns}ns`;
}
