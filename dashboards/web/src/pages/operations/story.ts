// A story as people read it: what happened in business words, what went wrong first, and the steps in order with
// the long waits between them.
import type { StoryItem } from "../../api/stories";
import { type Instant, between, exact } from "../../base/nanos";
import { type Folded, isAround } from "./fold";

export type Kind = "business" | "request" | "span" | "log" | "message" | "job" | "change" | "alert" | "repair";

/** Kinds that say something to people who did not write the software. */
const TELLING: ReadonlySet<string> = new Set(["business", "message", "job", "change", "alert", "repair"]);
/** Logs from here on are shown without asking. */
const GRAVE = /^(warn|error|fatal|critical)/i;

export const isFailed = (item: StoryItem): boolean =>
  item.status === "error" || item.business?.outcome === "failure" || (item.kind === "log" && /^(error|fatal|critical)/i.test(item.status ?? ""));

/** Whether a step is shown before technical steps are asked for. */
export function isTelling(item: StoryItem): boolean {
  if (TELLING.has(item.kind) || isFailed(item)) return true;
  if (item.kind === "log") return GRAVE.test(item.status ?? "");
  return item.kind === "request";
}

export interface Step {
  item: Folded;
  /** Nanoseconds after the first step of the story; below zero for a change or an incident that was there before it. */
  after: number;
  /** Nanoseconds since the step shown before, when it is long enough to be said. */
  waited: number | null;
}

/** A pause that is worth a line of its own. */
const PAUSE_NS = 5e9;

/** When the story's own first step was and its last: changes and alerts that may explain it can be older, and younger. */
export function bounds(items: StoryItem[]): { first: Instant; last: Instant } | null {
  const own = items.filter((item) => !isAround(item));
  const times = (own.length > 0 ? own : items).map(({ time }) => exact(time)).sort((a, b) => between(b, a));
  const [first, last] = [times[0], times.at(-1)];
  return first && last ? { first, last } : null;
}

/** Steps by time; of equal times the order of the server stays. Business events of one instant come first. */
export function steps(items: Folded[], all: boolean): Step[] {
  const ordered = items
    .map((item, place) => ({ item, place, at: exact(item.time) }))
    .sort((a, b) => between(b.at, a.at) || Number(b.item.kind === "business") - Number(a.item.kind === "business") || a.place - b.place);
  const first = bounds(items)?.first;
  let before = first;
  return ordered
    .filter(({ item }) => all || isTelling(item))
    .map(({ item, at }) => {
      const since = before ? between(before, at) : 0;
      if (since >= 0) before = at;
      return { item, after: first ? between(first, at) : 0, waited: since >= PAUSE_NS ? since : null };
    });
}

export interface Verdict {
  /** failed: it went wrong; stuck: steps failed and it is not completed; open: not completed yet; troubled: completed,
   * but steps failed; well: nothing is against it. */
  kind: "failed" | "stuck" | "open" | "troubled" | "well";
  /** The first step that failed, and the deepest of those at that time. */
  first: StoryItem | null;
  failures: number;
}

/** What one would answer to "what happened to it?" in one breath. */
export function verdict(items: StoryItem[], open: boolean, outcomes: string[]): Verdict {
  const failed = items.filter(isFailed).sort((a, b) => between(exact(b.time), exact(a.time)));
  // A call fails because what it called failed: of the first failing trace the innermost span is the cause.
  const earliest = failed[0];
  const sameTrace = failed.filter((item) => item.trace_id && item.trace_id === earliest?.trace_id);
  const parents = new Set(sameTrace.map((item) => item.parent_span_id));
  const innermost = sameTrace.find((item) => item.span_id && !parents.has(item.span_id) && item.kind !== "log") ?? earliest;
  const bad = outcomes.includes("failure");
  const some = failed.length > 0;
  const kind = bad || (some && outcomes.length === 0) ? "failed" : open ? (some ? "stuck" : "open") : some ? "troubled" : "well";
  return { kind, first: failed.length > 0 ? (innermost ?? null) : null, failures: failed.length };
}

/** The telling part of why a step belongs: the server names the strongest evidence first. */
export function reasons(why: string): string[] {
  return why.split("; ").map((reason) => reason.trim()).filter(Boolean);
}
