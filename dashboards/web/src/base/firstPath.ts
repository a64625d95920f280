// The first ten minutes with the demo as five steps, from what the company and the reader have done. Pure.

export const STEPS = ["break", "message", "cause", "order", "verdict"] as const;
export type Step = (typeof STEPS)[number];

/** One fault of the scorecard, as far as the path needs it. */
export interface Broken {
  started_at: string;
  verdict: string;
  shown?: { incident: string } | null;
}

export interface Path {
  /** What was broken last, once it was. */
  broken: Broken | null;
  /** The incident of it that has been shown with a verdict to read. */
  incident: string | null;
  done: ReadonlySet<Step>;
  /** The first step that is not done; null at the end of the path. */
  next: Step | null;
  /** The next step waits for the product, not for the reader. */
  waits: boolean;
  /** A verdict equals the answer key. */
  right: boolean;
}

/** Steps that the reader takes by looking: they are done once the page was opened. */
const LOOKED: readonly Step[] = ["message", "cause", "order"];

export function pathOf(scored: readonly Broken[], looked: ReadonlySet<Step>): Path {
  const newest = [...scored].sort((a, b) => b.started_at.localeCompare(a.started_at));
  const broken = newest[0] ?? null;
  // Of several faults the one that is furthest leads: a stranger breaks more than one thing.
  const incident = newest.find((one) => one.shown)?.shown?.incident ?? null;
  const done = new Set<Step>();
  if (broken) done.add("break");
  if (incident) for (const step of LOOKED) if (looked.has(step)) done.add(step);
  const right = newest.some((one) => one.verdict === "right");
  if (right && looked.has("verdict")) done.add("verdict");
  const next = STEPS.find((step) => !done.has(step)) ?? null;
  const waits = next !== null && next !== "break" && (incident === null || (next === "verdict" && !right));
  return { broken, incident, done, next, waits, right };
}

/** The steps that looking at an address is. The card counts as looked at when all else is done and its verdict is right. */
export function lookedAt(pathname: string, search: Readonly<Record<string, string | undefined>>, { next, right }: Pick<Path, "next" | "right">): Step[] {
  if (pathname === "/demo") return next === "verdict" && right ? ["verdict"] : [];
  if (/^\/incidents\/[^/]+/.test(pathname)) return search.message ? ["message", "cause"] : ["cause"];
  if (pathname === "/operations" && (search.value || search.request_id)) return ["order"];
  return [];
}
