// Numbers as people read them: durations, counts, rates, shares and sizes, with units and few digits.
import { language, locale } from "./language";

/** Three significant digits at most, grouped. */
export function digits(value: number, fraction = 3): string {
  return value.toLocaleString(locale(), { maximumSignificantDigits: Math.abs(value) >= 1000 ? 21 : fraction });
}

/** A duration in nanoseconds: `4.08 ms`, `1.2 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined || Number.isNaN(ns)) return "–";
  const sign = ns < 0 ? "−" : "";
  const size = Math.abs(ns);
  if (size < 1e3) return `${sign}${Math.round(size)} ns`;
  if (size < 999_500) return `${sign}${digits(size / 1e3)} µs`;
  if (size < 999.5e6) return `${sign}${digits(size / 1e6)} ms`;
  if (size < 60e9) return `${sign}${digits(size / 1e9)} s`;
  const seconds = Math.round(size / 1e9);
  if (seconds < 3600) return `${sign}${pair(seconds, 60, "min", "s")}`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${sign}${pair(minutes, 60, "h", "min")}`;
  return `${sign}${pair(Math.round(minutes / 60), 24, "d", "h")}`;
}

const IN_CHINESE: Record<string, string> = { s: "秒", min: "分", h: "小时", d: "天" };

function pair(value: number, size: number, large: string, small: string): string {
  const rest = value % size;
  const unit = (name: string): string => (language() === "zh" ? (IN_CHINESE[name] ?? name) : name);
  const whole = `${Math.floor(value / size)} ${unit(large)}`;
  return rest === 0 ? whole : `${whole} ${rest} ${unit(small)}`;
}

/** `812`, `12,400`, `1.24 M`. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) < 100_000) return value.toLocaleString(locale(), { maximumFractionDigits: 0 });
  const scales: [number, string][] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
  for (const [scale, unit] of scales) if (Math.abs(value) >= scale) return `${digits(value / scale)} ${unit}`;
  return digits(value);
}

/** Per second: `12.4/s`, and per minute below one in ten seconds. */
export function rate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return "–";
  if (perSecond === 0) return "0/s";
  if (perSecond < 0.1) return `${digits(perSecond * 60, 2)}/min`;
  return `${perSecond >= 1e5 ? count(perSecond) : digits(perSecond)}/s`;
}

/** A share of one as a percentage: `0.36 %`, `< 0.01 %`, `100 %`; never rounds a fault away or up to all. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  const value = share * 100;
  if (value > 0 && value < 0.01) return "< 0.01 %";
  if (value < 100 && value > 99.99) return "> 99.99 %";
  return `${value.toLocaleString(locale(), { maximumFractionDigits: Math.abs(value) < 10 || value > 99 ? 2 : 1 })} %`;
}

export function bytes(size: number | null | undefined): string {
  if (size === null || size === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = size;
  let at = 0;
  while (Math.abs(value) >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${digits(value)} ${units[at]}`;
}

/** Values of charts by unit. */
export type Unit = "count" | "rate" | "duration" | "share" | "bytes" | "number";

export function measure(value: number | null | undefined, unit: Unit): string {
  switch (unit) {
    case "count":
      return count(value);
    case "rate":
      return rate(value);
    case "duration":
      return duration(value);
    case "share":
      return percent(value);
    case "bytes":
      return bytes(value);
    default:
      return value === null || value === undefined ? "–" : digits(value, 4);
  }
}
