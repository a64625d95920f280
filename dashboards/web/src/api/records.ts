// Log records: which are meant, their list, and how many of each gravity there were over time.
import { type InfiniteData, type UseInfiniteQueryResult, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import type { AddressState } from "../base/address";
import type { Window } from "../base/time";
import { type Query, address, readJson } from "./client";
import { LIVE_MS, literal } from "./read";
import type { components } from "./schema";

export type LogRecord = components["schemas"]["LogItem"];
export type LogPage = components["schemas"]["Page_LogItem"];

const PLAIN = ["service", "trace_id", "span_id", "request_id", "q", "severity"] as const;
const RECORDS_PER_PAGE = 200;

/** The least number of each severity, as OpenTelemetry counts. */
export const SEVERITIES = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const;
export type SeverityName = keyof typeof SEVERITIES;

export function severityName(number: number | null | undefined): SeverityName | null {
  if (!number) return null;
  return (Object.keys(SEVERITIES) as SeverityName[]).findLast((name) => number >= SEVERITIES[name]) ?? null;
}

export function recordQuery(search: AddressState): Query {
  const keys = Object.keys(search).filter((key) => (PLAIN as readonly string[]).includes(key) || key.startsWith("attr.") || key.startsWith("resource."));
  return Object.fromEntries(keys.map((key) => [key, search[key]]));
}

const escaped = (text: string): string => text.replace(/[\\%_]/g, (sign) => `\\${sign}`);

/** The same filter as conditions of SQL on `logs`. */
export function recordSql(search: AddressState): string[] {
  const { q, severity } = search;
  const least = severity && severity in SEVERITIES ? SEVERITIES[severity as SeverityName] : Number(severity);
  return [
    ...(["service", "trace_id", "span_id", "request_id"] as const).flatMap((key) => (search[key] ? [`${key} = ${literal(search[key] ?? "")}`] : [])),
    ...(q ? [`body ILIKE ${literal(`%${escaped(q)}%`)}`] : []),
    ...(severity && Number.isFinite(least) ? [`severity >= ${least}`] : []),
    ...Object.entries(search).flatMap(([key, value]) => {
      const family = /^(attr|resource)\.(.+)$/.exec(key);
      return family?.[2] && value !== undefined ? [`${family[1] === "attr" ? "attributes" : "resource"}[${literal(family[2])}] = ${literal(value)}`] : [];
    }),
  ];
}

export const recordsUrl = (window: Window, search: AddressState, cursor?: string): string =>
  address("/api/v1/logs", { ...window, ...recordQuery(search), limit: RECORDS_PER_PAGE, cursor });

export function useRecords(window: Window, search: AddressState, live: boolean): UseInfiniteQueryResult<InfiniteData<LogPage>, Error> {
  return useInfiniteQuery({
    queryKey: ["logs", recordsUrl(window, search)],
    queryFn: ({ pageParam, signal }) => readJson<LogPage>(recordsUrl(window, search, pageParam), signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (live && (query.state.data?.pages.length ?? 0) <= 1 ? LIVE_MS : false),
  });
}
