// Who is signed in: the session of the browser, first start, and whether the server can be reached.
import { type QueryClient, type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { Problem, listen, readJson, send, setCsrf } from "./client";

export interface Session {
  user: string | null;
  role: "viewer" | "support" | "operator" | "admin";
  workspace: string;
  /** Nobody needs to sign in here. */
  open: boolean;
  by: "session" | "token" | "open";
  csrf: string | null;
  expires_at: string | null;
}

const OPEN: Session = { user: null, role: "admin", workspace: "default", open: true, by: "open", csrf: null, expires_at: null };

async function readSession(signal?: AbortSignal): Promise<Session> {
  try {
    const session = await readJson<Session>("/api/v1/session", signal);
    setCsrf(session.csrf);
    return session;
  } catch (reason) {
    // A server without people answers that it knows no such address: everything is open to who reaches it.
    if (reason instanceof Problem && reason.trouble === "missing") return OPEN;
    throw reason;
  }
}

export function useSession(): UseQueryResult<Session, Error> {
  return useQuery<Session, Error>({ queryKey: ["session"], queryFn: ({ signal }) => readSession(signal), retry: false, staleTime: 60_000 });
}

export const useSetupNeeded = (when: boolean): UseQueryResult<{ needed: boolean }, Error> =>
  useQuery<{ needed: boolean }, Error>({
    queryKey: ["setup"],
    queryFn: ({ signal }) => readJson<{ needed: boolean }>("/api/v1/setup", signal),
    enabled: when,
    retry: false,
  });

async function enter(client: QueryClient, session: Session): Promise<void> {
  setCsrf(session.csrf);
  client.setQueryData(["session"], session);
  standing.set({ ...standing.get(), expired: false });
  await client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "session" });
}

export interface SignIn {
  signIn: (user: string, password: string) => Promise<void>;
  setUp: (token: string, user: string, password: string) => Promise<void>;
  signOut: () => Promise<void>;
}

export function useSignIn(): SignIn {
  const client = useQueryClient();
  return {
    signIn: async (user, password) => enter(client, await send<Session>("POST", "/api/v1/session", { user, password })),
    setUp: async (token, user, password) => enter(client, await send<Session>("POST", "/api/v1/setup", { token, user, password })),
    signOut: async () => {
      await send("DELETE", "/api/v1/session");
      setCsrf(null);
      await client.resetQueries();
    },
  };
}

interface Standing {
  reachable: boolean;
  expired: boolean;
}

/** What the last requests told: one small store for the whole app. */
const standing = (() => {
  let now: Standing = { reachable: true, expired: false };
  const watchers = new Set<() => void>();
  const set = (next: Standing): void => {
    if (next.reachable === now.reachable && next.expired === now.expired) return;
    now = next;
    watchers.forEach((watcher) => watcher());
  };
  listen((reachable, expired) => set({ reachable, expired: expired || (now.expired && !reachable) || now.expired }));
  return {
    get: () => now,
    set,
    subscribe: (watcher: () => void) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
})();

const KNOCK_MS = 2_000;

/** Knocks while the server is away; when it is back, everything shown is asked again. */
export function useStanding(): Standing {
  const client = useQueryClient();
  const now = useSyncExternalStore(standing.subscribe, standing.get);
  useEffect(() => {
    if (now.reachable) return undefined;
    const knock = setInterval(() => {
      fetch("/healthz", { cache: "no-store" })
        .then((response) => {
          if (!response.ok) return;
          standing.set({ ...standing.get(), reachable: true });
          void client.invalidateQueries();
        })
        .catch(() => undefined);
    }, KNOCK_MS);
    return () => clearInterval(knock);
  }, [now.reachable, client]);
  return now;
}
