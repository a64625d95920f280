// Questions to the server as hooks: typed by its own description, kept while they are asked again.
import { type UseQueryResult, keepPreviousData, useQuery } from "@tanstack/react-query";
import { useWindow } from "../base/address";
import { type Query, address, readJson, request } from "./client";
import type { paths } from "./schema";

type Json<R> = R extends { responses: { 200: { content: { "application/json": infer T } } } } ? T : never;

/** Paths that can be read, with the type of their answer. */
export type Readable = { [P in keyof paths]: paths[P] extends { get: infer G } ? (Json<G> extends never ? never : P) : never }[keyof paths];
export type Answer<P extends Readable> = paths[P] extends { get: infer G } ? Json<G> : never;

export interface Asking {
  query?: Query;
  /** Values of `{name}` in the path. */
  place?: Record<string, string>;
  /** Not asked while false. */
  when?: boolean;
  /** Asked again after so many milliseconds; `live` follows the window's clock. */
  every?: number | "live" | false;
}

/** How often a live page asks again. */
export const LIVE_MS = 10_000;

export function useAnswer<T>(path: string, asking: Asking = {}): UseQueryResult<T, Error> {
  const { live } = useWindow();
  const url = address(path, asking.query, asking.place);
  const every = asking.every === "live" ? (live ? LIVE_MS : false) : (asking.every ?? false);
  return useQuery<T, Error>({
    queryKey: [url],
    queryFn: ({ signal }) => readJson<T>(url, signal),
    enabled: asking.when ?? true,
    refetchInterval: every,
    placeholderData: keepPreviousData,
  });
}

/** An answer of a path that the server describes. */
export const useRead = <P extends Readable>(path: P, asking: Asking = {}): UseQueryResult<Answer<P>, Error> =>
  useAnswer<Answer<P>>(path, asking);

export type SqlValue = string | number | boolean | null | SqlValue[] | { [key: string]: SqlValue };

export interface SqlAnswer {
  columns: { name: string; type: string }[];
  rows: SqlValue[][];
  row_count: number;
  complete: boolean;
  incomplete_reason?: string | null;
  statistics?: Record<string, number> | null;
}

export async function askSql(sql: string, limit?: number, signal?: AbortSignal): Promise<SqlAnswer> {
  const response = await request("POST", "/api/v1/sql", { sql, ...(limit ? { limit } : {}) }, signal);
  return (await response.json()) as SqlAnswer;
}

/** Rows of a statement; `key` names the question where the text changes with every moment. */
export function useSql(sql: string, asking: { when?: boolean; every?: Asking["every"]; limit?: number } = {}): UseQueryResult<SqlAnswer, Error> {
  const { live } = useWindow();
  const every = asking.every === "live" ? (live ? LIVE_MS : false) : (asking.every ?? false);
  return useQuery<SqlAnswer, Error>({
    queryKey: ["sql", sql, asking.limit],
    queryFn: ({ signal }) => askSql(sql, asking.limit, signal),
    enabled: asking.when ?? true,
    refetchInterval: every,
    placeholderData: keepPreviousData,
  });
}

export { literal } from "../base/sql";
