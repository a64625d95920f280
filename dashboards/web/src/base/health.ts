// Health, and how bad is worse: one order, one shape and one colour each, so that colour never speaks alone.

export type Health = "failing" | "degraded" | "healthy" | "unknown";

const ORDER: Health[] = ["failing", "degraded", "unknown", "healthy"];

export const asHealth = (text: string | null | undefined): Health =>
  text === "failing" || text === "degraded" || text === "healthy" ? text : "unknown";

/** Worst first. */
export const byHealth = (a: Health, b: Health): number => ORDER.indexOf(a) - ORDER.indexOf(b);

export const worst = (all: Health[]): Health => [...all].sort(byHealth)[0] ?? "unknown";

/** From these shares of failed calls on the server calls a thing degraded, and failing. */
const DEGRADED_SHARE = 0.01;
const FAILING_SHARE = 0.05;

/** A few failures are daily life: only what makes a thing unhealthy has a colour. */
export const shareColour = (share: number | null | undefined): string | undefined =>
  (share ?? 0) >= FAILING_SHARE ? "var(--failing)" : (share ?? 0) >= DEGRADED_SHARE ? "var(--degraded)" : undefined;

export type Severity = "critical" | "high" | "medium" | "low";

const SEVERITIES: Severity[] = ["critical", "high", "medium", "low"];

export const asSeverity = (text: string | null | undefined): Severity =>
  SEVERITIES.find((severity) => severity === text) ?? "low";

export const bySeverity = (a: Severity, b: Severity): number => SEVERITIES.indexOf(a) - SEVERITIES.indexOf(b);
