// Users, tokens and the audit log, as the server answers them.
import { type UseMutationResult, type UseQueryResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { send } from "./client";
import type { Page } from "./incidents";
import { useAnswer } from "./read";

export const ROLES = ["viewer", "support", "operator", "admin"] as const;

export interface User {
  name: string;
  role: string;
  workspace: string;
  created: string;
  password_changed: string | null;
  last_login: string | null;
}

export interface Token {
  id: string;
  name: string;
  scopes: string[];
  workspace: string;
  created: string;
  expires: string | null;
  last_used: string | null;
  state: "valid" | "expired" | "revoked";
}

export interface Deed {
  seq: number;
  time: string;
  actor: string | null;
  actor_kind: string;
  role: string | null;
  ip: string | null;
  method: string;
  route: string;
  path: string;
  status: number;
  detail: string | null;
}

export interface Chain {
  intact: boolean;
  rows: number;
  broken_seq: number | null;
  reason: string | null;
}

export const USERS = "/api/v1/users";
export const TOKENS = "/api/v1/tokens";
export const AUDIT = "/api/v1/audit";

export const useUsers = (): UseQueryResult<Page<User>, Error> => useAnswer<Page<User>>(USERS);
export const useTokens = (): UseQueryResult<Page<Token>, Error> => useAnswer<Page<Token>>(TOKENS);
export const useAudit = (actor: string): UseQueryResult<Page<Deed>, Error> => useAnswer<Page<Deed>>(AUDIT, { query: { actor, limit: 200 }, every: 10_000 });
export const useChain = (): UseQueryResult<Chain, Error> => useAnswer<Chain>(`${AUDIT}/verify`);

export interface Order {
  method: "POST" | "PUT" | "DELETE";
  path: string;
  body?: unknown;
}

export function useOrder<T = unknown>(): UseMutationResult<T, Error, Order> {
  const client = useQueryClient();
  return useMutation<T, Error, Order>({
    mutationFn: ({ method, path, body }) => send<T>(method, path, body),
    onSuccess: () => client.invalidateQueries({ predicate: ({ queryKey }) => [USERS, TOKENS, AUDIT, "session"].some((path) => String(queryKey[0]).startsWith(path)) }),
  });
}
