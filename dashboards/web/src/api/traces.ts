// Traces: which spans are meant, their list, one of them in pages, and what sets some apart from others.
import { type UseInfiniteQueryResult, type InfiniteData, useInfiniteQuery, useQuery, keepPreviousData, type UseQueryResult } from "@tanstack/react-query";
import type { AddressState } from "../base/address";
import { type Window, instant } from "../base/time";
import { type Query, address, readJson, request } from "./client";
import { LIVE_MS, literal } from "./read";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Span = Schemas["SpanItem"];
export type SpanName = Schemas["SpanName"];
export type Trace = Schemas["Trace"];
export type TraceLog = Schemas["TraceLog"];
export type TraceSummary = Schemas["Summary"];
export type TracePage = Schemas["Page_Summary"];
export type Analysis = Schemas["Analysis"];
export type Segment = Schemas["SegmentItem"];
export type Related = Schemas["Related"];
export type Compared = Schemas["Compared"];
export type Differences = Schemas["Differences"];
export type ValueDifference = Schemas["ValueDifference"];

/** Which spans are meant. The names are those of the API and of our addresses. */
export interface TraceFilter {
  service?: string;
  operation?: string;
  kind?: string;
  status?: string;
  min_duration_ns?: number;
  max_duration_ns?: number;
  request_id?: string;
  attributes: Record<string, string>;
  resource: Record<string, string>;
}

const family = (search: AddressState, prefix: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(search).flatMap(([key, value]) => (key.startsWith(prefix) && value !== undefined ? [[key.slice(prefix.length), value]] : [])),
  );

const number = (text: string | undefined): number | undefined => (text !== undefined && /^\d{1,19}$/.test(text) ? Number(text) : undefined);

/** The filter that an address speaks of. */
export function filterOf(search: AddressState): TraceFilter {
  return {
    service: search.service,
    operation: search.operation,
    kind: search.kind,
    status: search.status,
    min_duration_ns: number(search.min_duration_ns),
    max_duration_ns: number(search.max_duration_ns),
    request_id: search.request_id,
    attributes: family(search, "attr."),
    resource: family(search, "resource."),
  };
}

const prefixed = (prefix: string, of: Record<string, string>): Query =>
  Object.fromEntries(Object.entries(of).map(([key, value]) => [prefix + key, value]));

/** As parameters of `GET /api/v1/traces`. */
export function filterQuery({ attributes, resource, ...plain }: TraceFilter): Query {
  return { ...plain, ...prefixed("attr.", attributes), ...prefixed("resource.", resource) };
}

/** As a condition of SQL on `spans`; empty when everything is meant. */
export function filterSql({ attributes, resource, min_duration_ns: min, max_duration_ns: max, ...equal }: TraceFilter): string[] {
  return [
    ...Object.entries(equal).flatMap(([column, value]) => (value ? [`${column} = ${literal(String(value))}`] : [])),
    ...(min === undefined ? [] : [`duration_ns >= ${min}`]),
    ...(max === undefined ? [] : [`duration_ns <= ${max}`]),
    ...Object.entries(attributes).map(([key, value]) => `attributes[${literal(key)}] = ${literal(value)}`),
    ...Object.entries(resource).map(([key, value]) => `resource[${literal(key)}] = ${literal(value)}`),
  ];
}

/** Whether anything but the window of time is asked for. */
export const isFiltered = (filter: TraceFilter): boolean => filterSql(filter).length > 0;

const TRACES_PER_PAGE = 50;

export const tracesUrl = (window: Window, filter: TraceFilter, cursor?: string): string =>
  address("/api/v1/traces", { ...window, ...filterQuery(filter), limit: TRACES_PER_PAGE, cursor });

/** The list, newest first; asked again while only its first page is shown. */
export function useTraces(window: Window, filter: TraceFilter, live: boolean): UseInfiniteQueryResult<InfiniteData<TracePage>, Error> {
  return useInfiniteQuery({
    queryKey: ["traces", tracesUrl(window, filter)],
    queryFn: ({ pageParam, signal }) => readJson<TracePage>(tracesUrl(window, filter, pageParam), signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (live && (query.state.data?.pages.length ?? 0) <= 1 ? LIVE_MS : false),
  });
}

/** The first page is small so that something is seen at once; the rest comes in large ones. */
const FIRST_SPANS = 400;
const NEXT_SPANS = 20_000;
/** Beyond this a trace is not put together in a browser; SQL still answers. */
export const TRACE_SPANS_MAX = 200_000;

export const traceUrl = (id: string, offset = 0): string =>
  address("/api/v1/traces/{id}", { offset: offset || undefined, limit: offset === 0 ? FIRST_SPANS : NEXT_SPANS }, { id });

export function useTracePages(id: string): UseInfiniteQueryResult<InfiniteData<Trace>, Error> {
  return useInfiniteQuery({
    queryKey: ["trace", id],
    queryFn: ({ pageParam, signal }) => readJson<Trace>(traceUrl(id, pageParam), signal),
    initialPageParam: 0,
    getNextPageParam: (page) => (page.next_offset && page.next_offset < TRACE_SPANS_MAX ? page.next_offset : undefined),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** A box on the heat map: a part of the window and a range of durations. */
export interface Region {
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  /** Nanoseconds; the upper edge belongs to the next row. */
  shortest: number;
  longest: number;
}

export type Chosen = { kind: "region"; region: Region } | { kind: "failed" } | { kind: "slow"; atLeast: number };

const nanoseconds = (ms: number): number => Math.round(ms) * 1e6;

/** The question that asks how the chosen spans differ from all others of the filter and window. */
export function differencesQuestion(window: Window, filter: TraceFilter, chosen: Chosen): object {
  const selection =
    chosen.kind === "failed"
      ? { status: "error" }
      : chosen.kind === "slow"
        ? { min_duration_ns: chosen.atLeast }
        : {
            from_ns: nanoseconds(chosen.region.from),
            to_ns: nanoseconds(chosen.region.to),
            min_duration_ns: chosen.region.shortest,
            max_duration_ns: chosen.region.longest - 1,
          };
  return { from: window.from, to: window.to, within: filter, selection };
}

export function useDifferences(window: Window, filter: TraceFilter, chosen: Chosen | null): UseQueryResult<Differences, Error> {
  const question = chosen ? differencesQuestion(window, filter, chosen) : null;
  return useQuery({
    queryKey: ["differences", question],
    queryFn: async ({ signal }) => (await (await request("POST", "/api/v1/traces/differences", question, signal)).json()) as Differences,
    enabled: question !== null,
    staleTime: 60_000,
  });
}

/** Filter and window of the list that shows the chosen spans only. */
export function narrowed(window: Window, filter: TraceFilter, chosen: Chosen | null): { window: Window; filter: TraceFilter } {
  if (!chosen) return { window, filter };
  if (chosen.kind === "failed") return { window, filter: { ...filter, status: "error" } };
  if (chosen.kind === "slow") return { window, filter: { ...filter, min_duration_ns: Math.max(chosen.atLeast, filter.min_duration_ns ?? 0) } };
  const { from, to, shortest, longest } = chosen.region;
  return {
    window: { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
    filter: {
      ...filter,
      min_duration_ns: Math.max(shortest, filter.min_duration_ns ?? 0),
      max_duration_ns: Math.min(longest - 1, filter.max_duration_ns ?? Number.MAX_SAFE_INTEGER),
    },
  };
}

/** The link to what happened around a trace. */
export function windowOf(start: string, durationNs: number, margin = 5 * 60e3): Window {
  const from = instant(start, Date.now()) ?? Date.now();
  return { from: new Date(from - margin).toISOString(), to: new Date(from + durationNs / 1e6 + margin).toISOString() };
}
