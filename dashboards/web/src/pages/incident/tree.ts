// Why many alerts are one incident, as a tree: from the cause over the ways that symptoms took.
// It walks with its own stack, never by recursion: names and depths come from telemetry.
import type { Incident, IncidentAlert } from "../../api/incidents";
import type { Bilingual } from "../../base/language";

export interface Branch {
  /** The way from the root, which names the branch. */
  key: string;
  entity: string;
  depth: number;
  alerts: IncidentAlert[];
  children: Branch[];
  /** Alerts here and further on. */
  total: number;
  /** Why what is here belongs to the incident. */
  reason: Bilingual | null;
}

const SEPARATOR = "\u0000";
/** A longer way is cut in its middle. */
export const DEPTH_MAX = 24;

/** The entity all hang on: the cause, or without one the place of the first alert. */
export function rootOf(incident: Pick<Incident, "causes" | "alerts">): string {
  const first = [...incident.alerts].sort((a, b) => a.starts_at.localeCompare(b.starts_at)).find((alert) => alert.entity);
  return incident.causes[0]?.entity ?? incident.alerts.find((alert) => alert.role === "cause" && alert.entity)?.entity ?? first?.entity ?? "";
}

/** Whether `ancestor` lies on the way up from `entity`. */
function isAbove(parents: Map<string, string>, ancestor: string, entity: string): boolean {
  const seen = new Set<string>();
  for (let at: string | undefined = entity; at !== undefined && !seen.has(at); at = parents.get(at)) {
    if (at === ancestor) return true;
    seen.add(at);
  }
  return false;
}

/** By what each entity hangs: the first way that was told, never in a circle, nothing above the root. */
export function hangings(alerts: IncidentAlert[], root: string): Map<string, string> {
  const parents = new Map<string, string>();
  for (const alert of alerts) {
    const via = alert.reason?.via ?? [];
    for (const [at, lower] of via.entries()) {
      const upper = via[at + 1];
      if (upper === undefined || upper === lower || lower === root || parents.has(lower) || isAbove(parents, lower, upper)) continue;
      parents.set(lower, upper);
    }
  }
  return parents;
}

/** From the root to an entity, both included. */
export function way(entity: string, root: string, parents: Map<string, string>): string[] {
  const steps = [entity];
  for (let at = parents.get(entity); at !== undefined && at !== root && steps.length < DEPTH_MAX - 1; at = parents.get(at)) steps.push(at);
  return entity === root ? [root] : [root, ...steps.reverse()];
}

export function tree(incident: Pick<Incident, "causes" | "alerts">): Branch {
  const entity = rootOf(incident);
  const root: Branch = { key: entity, entity, depth: 0, alerts: [], children: [], total: 0, reason: null };
  const byKey = new Map([[root.key, root]]);
  const parents = hangings(incident.alerts, entity);
  for (const alert of incident.alerts) {
    let at = root;
    at.total += 1;
    for (const step of way(alert.entity ?? entity, entity, parents).slice(1)) {
      const key = at.key + SEPARATOR + step;
      let next = byKey.get(key);
      if (!next) {
        next = { key, entity: step, depth: at.depth + 1, alerts: [], children: [], total: 0, reason: null };
        byKey.set(key, next);
        at.children.push(next);
      }
      next.total += 1;
      at = next;
    }
    at.alerts.push(alert);
    at.reason ??= alert.reason?.text ?? null;
  }
  for (const branch of byKey.values()) branch.children.sort((a, b) => b.total - a.total);
  return root;
}

/** Branches as lines from the root on; those under a closed one are left out. */
export function lines(root: Branch, closed: ReadonlySet<string>): Branch[] {
  const found: Branch[] = [];
  const waiting = [root];
  for (let branch = waiting.pop(); branch; branch = waiting.pop()) {
    found.push(branch);
    if (!closed.has(branch.key)) waiting.push(...[...branch.children].reverse());
  }
  return found;
}

/** How many alerts each reason joined, most first. */
export function reasons(alerts: IncidentAlert[]): { rule: string; count: number; text: Bilingual }[] {
  const found = new Map<string, { rule: string; count: number; text: Bilingual }>();
  for (const { reason } of alerts) {
    if (!reason) continue;
    const entry = found.get(reason.rule) ?? { rule: reason.rule, count: 0, text: reason.text };
    entry.count += 1;
    found.set(reason.rule, entry);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}
