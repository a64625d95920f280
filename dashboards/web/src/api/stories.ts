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

function statement(text: string): string {
  const value = literal(text);
  const of = (table: string): string[] =>
    KEYS.map((key) => `SELECT ${literal(key)} AS key, count(*) AS seen FROM ${table} WHERE time >= now() - ${BACK} AND attributes[${literal(key)}] = ${value}`);
  return [
    "SELECT key, sum(seen) AS seen FROM (",
    [
      ...of("business_events"),
      ...of("spans"),
      `SELECT 'request_id' AS key, count(*) AS seen FROM spans WHERE time >= now() - ${BACK} AND request_id = ${value}`,
    ].join("\nUNION ALL "),
    ") GROUP BY key HAVING sum(seen) > 0 ORDER BY seen DESC",
  ].join("\n");
}

async function meanings(text: string, signal: AbortSignal): Promise<Meaning[]> {
  const answer = await askSql(statement(text), 50, signal);
  const found = answer.rows.map(([key, seen]) => ({ key: String(key), seen: Number(seen) }));
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
