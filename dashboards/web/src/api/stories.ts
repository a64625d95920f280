// The story of an order, request or trace; the history of an entity or a person; business events; experience.
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { askSql, literal } from "./read";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Story = Schemas["Story"];
export type StoryItem = Schemas["Item"];
export type StoryOperation = Schemas["OperationItem"];
export type StoryEntity = Schemas["EntityItem"];
export type OtherStory = Schemas["OtherItem"];
export type HistoryItem = Schemas["HistoryItem"];
export type BusinessEvent = Schemas["BusinessEventItem"];
export type Experience = Schemas["Group"];

/** What a bare text may name. */
export interface Meaning {
  /** A business key such as `order.id`, or `request_id`, or `trace_id`. */
  key: string;
  /** How many business events, or spans, say so. */
  seen: number;
}

/** Keys that the server looks up quickly. */
const KEYS = ["order.id", "payment.id", "user.id", "member.id", "coupon.id", "sku.id", "store.id", "tenant.id"] as const;
/** How far back a text without a key is looked for. */
const BACK = "INTERVAL '30 days'";

/** One pass over each table: how many rows bear the value, by key. */
function statement(text: string): string {
  const is = (key: string): string => `attributes[${literal(key)}] = ${literal(text)}`;
  const counts = KEYS.map((key, at) => `count(*) FILTER (WHERE ${is(key)}) AS k${at}`).join(", ");
  const within = `time >= now() - ${BACK} AND (${KEYS.map(is).join(" OR ")}`;
  const request = `request_id = ${literal(text)}`;
  return [
    `SELECT ${counts}, 0 AS requests FROM business_events WHERE ${within})`,
    `SELECT ${counts}, count(*) FILTER (WHERE ${request}) AS requests FROM spans WHERE ${within} OR ${request})`,
  ].join("\nUNION ALL\n");
}

/** The counts of all rows, for the keys that were seen at all. */
export function counted(rows: unknown[][]): Meaning[] {
  const keys = [...KEYS, "request_id"];
  return keys.map((key, at) => ({ key, seen: rows.reduce((sum, row) => sum + Number(row[at] ?? 0), 0) })).filter(({ seen }) => seen > 0);
}

async function meanings(text: string, signal: AbortSignal): Promise<Meaning[]> {
  const answer = await askSql(statement(text), undefined, signal);
  const found = counted(answer.rows);
  if (/^[0-9a-f]{32}$/i.test(text)) found.unshift({ key: "trace_id", seen: 1 });
  return ranked(found);
}

/** What names the fewest things says most: an order before its shop. */
export function ranked(found: Meaning[]): Meaning[] {
  const order = ["trace_id", "request_id", ...KEYS] as string[];
  return [...found].sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
}

/** What an unnamed text may be, the most telling first. */
export const useMeanings = (text: string, when: boolean): UseQueryResult<Meaning[], Error> =>
  useQuery({ queryKey: ["meanings", text], queryFn: ({ signal }) => meanings(text, signal), enabled: when && text !== "", staleTime: 30_000 });
