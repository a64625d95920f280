// Addresses of our pages. Every part of the app makes its links here, so that an address has one spelling.
import type { Window } from "./time";

type Search = Record<string, string | number | null | undefined>;

/** A path and its search; empty values are left out. */
export function href(path: string, search: Search = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(key, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

const part = encodeURIComponent;

export const serviceHref = (name: string): string => `/services/${part(name)}`;
export const traceHref = (id: string, search: Search = {}): string => href(`/traces/${part(id)}`, search);
export const tracesHref = (search: Search): string => href("/traces", search);
export const logsHref = (search: Search): string => href("/logs", search);
export const metricsHref = (search: Search): string => href("/metrics-explorer", search);
export const sqlHref = (sql: string): string => href("/sql", { q: sql });
export const incidentHref = (id: string): string => `/incidents/${part(id)}`;
export const mapHref = (search: Search = {}): string => href("/map", search);

/** The story of one business key, request id or trace. */
export const storyHref = (by: { key: string; value: string } | { request_id: string } | { trace_id: string }): string =>
  href("/operations", by);

/** The history of one business entity: an order, a SKU, a member. */
export const historyHref = (type: string, id: string): string => href("/operations/entity", { type, id });

export const during = (window: Window): Search => ({ from: window.from, to: window.to });

export interface EntityName {
  kind: string;
  name: string;
}

/** `kind:name` taken apart; a text without a kind is a service. */
export function entity(text: string): EntityName {
  const at = text.indexOf(":");
  return at > 0 ? { kind: text.slice(0, at), name: text.slice(at + 1) } : { kind: "service", name: text };
}

/** The page that shows an entity best; things that are only on the map are found there. */
export function entityHref(text: string): string {
  const { kind, name } = entity(text);
  if (kind === "service") return serviceHref(name);
  if (kind === "operation") {
    const slash = name.indexOf("/");
    return href(serviceHref(slash > 0 ? name.slice(0, slash) : name), {
      operation: slash > 0 ? name.slice(slash + 1) : undefined,
    });
  }
  if (kind === "host" || kind === "node" || kind === "instance" || kind === "device" || kind === "site") {
    return mapHref({ level: "infrastructure", node: name });
  }
  return mapHref({ node: name });
}

/** Links that telemetry or people gave us: only to the web, never `javascript:` and its like. */
export function safeHref(text: string | null | undefined): string | undefined {
  if (!text) return undefined;
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}
