// Instants and windows of time: what a person may type, what the address holds, and how both read.
import { locale } from "./language";

const UNITS: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 7 * 86_400e3 };

export interface Window {
  /** As in the address: `now-15m`, RFC 3339 or Unix nanoseconds. */
  from: string;
  to: string;
}

export const DEFAULT_WINDOW: Window = { from: "now-15m", to: "now" };
export const QUICK = ["now-5m", "now-15m", "now-1h", "now-6h", "now-24h", "now-7d"] as const;

/** Milliseconds since 1970 of `now`, `now-15m`, RFC 3339 or Unix nanoseconds; null for anything else. */
export function instant(text: string, now: number): number | null {
  const relative = /^now(?:([+-])(\d{1,6})([smhdw]))?$/.exec(text.trim());
  if (relative) {
    const [, sign, amount, unit] = relative;
    const shift = amount && unit ? Number(amount) * (UNITS[unit] ?? 0) : 0;
    return now + (sign === "-" ? -shift : shift);
  }
  if (/^\d{18,19}$/.test(text)) return Number(BigInt(text) / 1_000_000n);
  const parsed = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(parsed) ? null : parsed;
}

export interface Span {
  from: number;
  to: number;
}

/** The window in milliseconds; one that cannot be read or is turned round becomes the last quarter of an hour. */
export function resolve(window: Window, now: number): Span {
  const to = instant(window.to, now) ?? now;
  const from = instant(window.from, now) ?? to - 15 * 60e3;
  return from < to ? { from, to } : { from: to - 15 * 60e3, to };
}

/** Whether the window ends at the present, so that it should move on. */
export const isLive = (window: Window): boolean => window.to === "now";

export const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** The window of the same length just before. */
export function before(window: Window, now: number): Window {
  const { from, to } = resolve(window, now);
  return { from: iso(from - (to - from)), to: iso(from) };
}

/** A window around an instant, for links from a moment to what happened near it. */
export function around(time: string, margin = 5 * 60e3): Window {
  const at = instant(time, Date.now()) ?? Date.now();
  return { from: iso(at - margin), to: iso(at + margin) };
}

/** A width for time buckets that gives a chart at most `points`, in seconds, from a list that divides hours. */
export function step(span: Span, points = 120): number {
  const wanted = (span.to - span.from) / 1e3 / points;
  const steps = [10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
  return steps.find((width) => width >= wanted) ?? 86_400;
}

export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** `UTC+08:00`, for places where the zone's name is too long. */
export function offset(at = new Date()): string {
  const minutes = -at.getTimezoneOffset();
  const part = (value: number): string => String(value).padStart(2, "0");
  return `UTC${minutes < 0 ? "−" : "+"}${part(Math.floor(Math.abs(minutes) / 60))}:${part(Math.abs(minutes) % 60)}`;
}

const asDate = (time: string | number): Date | null => {
  const milliseconds = typeof time === "number" ? time : instant(time, Date.now());
  return milliseconds === null ? null : new Date(milliseconds);
};

/** `16:04:05` today, `19 Nov, 16:04:05` on another day, with the year when that is another; local time. */
export function clock(time: string | number, now = Date.now()): string {
  const date = asDate(time);
  if (!date) return String(time);
  const today = new Date(now).toDateString() === date.toDateString();
  const hour: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  const year = new Date(now).getFullYear() === date.getFullYear() ? undefined : "numeric";
  return date.toLocaleString(locale(), today ? hour : { year, month: "short", day: "numeric", ...hour });
}

/** Date and time to the millisecond with the zone, for titles. */
export function full(time: string | number): string {
  const date = asDate(time);
  if (!date) return String(time);
  const text = date.toLocaleString(locale(), {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hour12: false,
  });
  return `${text} ${zone()} (${offset(date)})`;
}

/** `3 min ago`, `in 2 h`, in the language of the page. */
export function ago(time: string | number, now = Date.now()): string {
  const date = asDate(time);
  if (!date) return String(time);
  const seconds = (date.getTime() - now) / 1e3;
  const size = Math.abs(seconds);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "auto", style: "short" });
  if (size < 45) return format.format(Math.round(seconds), "second");
  if (size < 45 * 60) return format.format(Math.round(seconds / 60), "minute");
  if (size < 22 * 3600) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86_400), "day");
}

/** The window as a condition of SQL: relative words stay relative, so that the statement can be kept. */
export function sqlWindow(window: Window, column = "time"): string {
  return `${column} >= ${sqlInstant(window.from)} AND ${column} < ${sqlInstant(window.to)}`;
}

const SQL_UNITS: Record<string, string> = { s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks" };

export function sqlInstant(text: string): string {
  const relative = /^now(?:([+-])(\d{1,6})([smhdw]))?$/.exec(text.trim());
  if (!relative) return `TIMESTAMP '${iso(instant(text, Date.now()) ?? Date.now())}'`;
  const [, sign, amount, unit] = relative;
  return amount && unit ? `now() ${sign} INTERVAL '${amount} ${SQL_UNITS[unit]}'` : "now()";
}
