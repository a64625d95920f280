// Health, and how bad is worse: one order, one shape and one colour each, so that colour never speaks alone.

export type Health = "failing" | "degraded" | "healthy" | "unknown";

const ORDER: Health[] = ["failing", "degraded", "unknown", "healthy"];

export const asHealth = (text: string | null | undefined): Health =>
  text === "failing" || text === "degraded" || text === "healthy" ? text : "unknown";

/** Worst first. */
export const byHealth = (a: Health, b: Health): number => ORDER.indexOf(a) - ORDER.indexOf(b);

export const worst = (all: Health[]): Health => [...all].sort(byHealth)[0] ?? "unknown";

export type Severity = "critical" | "high" | "medium" | "low";

const SEVERITIES: Severity[] = ["critical", "high", "medium", "low"];

export const asSeverity = (text: string | null | undefined): Severity =>
  SEVERITIES.find((severity) => severity === text) ?? "low";

export const bySeverity = (a: Severity, b: Severity): number => SEVERITIES.indexOf(a) - SEVERITIES.indexOf(b);
