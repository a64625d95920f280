// Rules, silences, receivers and deliveries as the server answers them, and how they are changed.
import { type UseMutationResult, type UseQueryResult, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Bilingual } from "../base/language";
import { Typed, address, send } from "./client";
import type { Page, Told } from "./incidents";
import { useAnswer } from "./read";
import type { components } from "./schema";

type Described = components["schemas"];

/** `rule` is the rule as it is written. */
export type Rule = Omit<Described["RuleShown"], "rule"> & { rule: Record<string, unknown> };
export type Silence = Described["SilenceShown"];
export type Matcher = Described["MatcherShown"];

/** Where a text of rules is wrong; the description leaves the inside of this and of a replay open. */
export interface RuleProblem {
  line: number | null;
  column: number | null;
  at: string;
  what: string;
}

export interface Firing {
  labels: Record<string, string>;
  entity: string | null;
  severity: string;
  summary: Bilingual;
  starts_at: string | number;
  fired_at: string | number;
  ends_at: string | number | null;
  peak: number;
  threshold: number;
  unit: string;
  points: [string | number, number][];
  query: string;
}

export interface Replay {
  rule: string;
  firings: Firing[];
  unlisted: number;
  complete: boolean;
  incomplete_reason: string | null;
  sentence: Bilingual;
}

export type Receiver = { name: string } & Record<string, unknown>;

export const RULES = "/api/v1/rules";
export const SILENCES = "/api/v1/silences";
export const ROUTES = "/api/v1/routes";
export const RECEIVERS = "/api/v1/receivers";
export const NOTIFICATIONS = "/api/v1/notifications";

export const useRules = (): UseQueryResult<Page<Rule>, Error> => useAnswer<Page<Rule>>(RULES, { every: 5_000 });
export const useSilences = (): UseQueryResult<Page<Silence>, Error> => useAnswer<Page<Silence>>(SILENCES, { every: 5_000 });
export const useReceivers = (): UseQueryResult<Page<Receiver>, Error> => useAnswer<Page<Receiver>>(RECEIVERS, { every: 10_000 });
export const useRoutes = (): UseQueryResult<Record<string, unknown>, Error> => useAnswer<Record<string, unknown>>(ROUTES);
export const useNotifications = (query: Record<string, string | undefined>): UseQueryResult<Page<Told>, Error> =>
  useAnswer<Page<Told>>(NOTIFICATIONS, { query: { ...query, limit: 200 }, every: 5_000 });

/** What is wrong with the text of rules while it is typed. */
export const useCheckedRules = (text: string): UseQueryResult<{ good: string[]; problems: RuleProblem[] }, Error> =>
  useQuery<{ good: string[]; problems: RuleProblem[] }, Error>({
    queryKey: ["rules-check", text],
    queryFn: () => send("POST", `${RULES}/check`, new Typed(text)),
    enabled: text.trim().length > 0,
  });

export const usePreview = (matchers: string): UseQueryResult<{ alerts: number; incidents: string[] }, Error> =>
  useAnswer<{ alerts: number; incidents: string[] }>(`${SILENCES}/preview`, { query: { matchers }, when: matchers.trim().length > 0 });

export interface Change {
  method: "POST" | "PUT" | "DELETE";
  path: string;
  body?: unknown;
}

/** Changes something of alerting; every list that it may touch is read again. */
export function useChange<T = unknown>(): UseMutationResult<T, Error, Change> {
  const client = useQueryClient();
  return useMutation<T, Error, Change>({
    mutationFn: ({ method, path, body }) => send<T>(method, path, body),
    onSuccess: () =>
      client.invalidateQueries({
        predicate: ({ queryKey }) => [RULES, SILENCES, ROUTES, RECEIVERS, NOTIFICATIONS].some((path) => String(queryKey[0]).startsWith(path)),
      }),
  });
}

/** Plays rules over the past. */
export const useReplay = (): UseMutationResult<{ from: string; to: string; results: Replay[] }, Error, { text: string; from: string }> =>
  useMutation({ mutationFn: ({ text, from }) => send("POST", address(`${RULES}/backtest`, { from }), new Typed(text)) });
