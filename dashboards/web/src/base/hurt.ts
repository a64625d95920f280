// Requests that an incident hurt: the question for them, and each once, by the business key that names it best. Pure.
import { storyHref } from "./links";
import { literal } from "./sql";
import { sqlInstant } from "./time";

/** Keys by which people ask for their own, the most telling first. */
const KEYS = ["order.id", "payment.id", "refund.id", "coupon.id", "shipment.id", "member.id"] as const;
const PLACES = ["tenant.id", "store.id"] as const;
const OPERATIONS_MAX = 5;
const ROWS_MAX = 200;
export const SHOWN_MAX = 6;

export interface Hurt {
  time: string;
  what: string;
  /** `order.id` and so on; a request or trace id where no business key is known. */
  key: string;
  value: string;
  place: string;
  to: string;
}

/** `operation:SERVICE/NAME` taken apart. */
const place = (entity: string): [string, string] | null => {
  const found = /^operation:([^/]+)\/(.*)$/s.exec(entity);
  return found ? [found[1] ?? "", found[2] ?? ""] : null;
};

/** Failed requests of the operations that were hurt most, newest first, so many at most (null: all); null where none is known. */
export function hurtQuestion(operations: readonly { entity: string }[], from: string, until: string | null, most: number | null = ROWS_MAX): string | null {
  const places = operations.slice(0, OPERATIONS_MAX).flatMap(({ entity }) => {
    const found = place(entity);
    return found ? [`(service = ${literal(found[0])} AND operation = ${literal(found[1])})`] : [];
  });
  if (places.length === 0) return null;
  const columns = [...KEYS, ...PLACES].map((key) => `attributes['${key}'] AS "${key}"`).join(", ");
  const end = until ? ` AND time <= ${sqlInstant(until)}` : "";
  return `SELECT time, service, operation, request_id, trace_id, ${columns} FROM spans WHERE status = 'error' AND (${places.join(" OR ")}) AND time >= ${sqlInstant(from)}${end} ORDER BY time DESC${most === null ? "" : ` LIMIT ${most}`}`;
}

/** Each order, request or trace once. */
export function hurtOf(rows: readonly (readonly unknown[])[]): Hurt[] {
  const found = new Map<string, Hurt>();
  for (const row of rows) {
    const [time, service, operation, request, trace, ...attributes] = row.map((value) => (value === null || value === undefined ? "" : String(value)));
    const at = KEYS.findIndex((_, index) => attributes[index]);
    const where = attributes.slice(KEYS.length).filter(Boolean).join(" · ");
    const by = at >= 0 ? { key: KEYS[at] as string, value: attributes[at] ?? "" } : request ? { key: "request_id", value: request } : { key: "trace_id", value: trace ?? "" };
    if (!by.value || found.has(`${by.key}=${by.value}`)) continue;
    const to = at >= 0 ? storyHref(by) : request ? storyHref({ request_id: request }) : storyHref({ trace_id: trace ?? "" });
    found.set(`${by.key}=${by.value}`, { time: time ?? "", what: `${service} ${operation}`, ...by, place: where, to });
    if (found.size >= SHOWN_MAX) break;
  }
  return [...found.values()];
}
