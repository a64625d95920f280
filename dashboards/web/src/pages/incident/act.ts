// What a person can do with an incident, each a small change on the server after which it is read again.
import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { send } from "../../api/client";

export interface Act {
  what: "ack" | "resolve" | "assign" | "comment" | "split" | "merge" | "feedback";
  body?: Record<string, unknown>;
}

export type Acting = UseMutationResult<unknown, Error, Act>;

export function useAct(id: string): Acting {
  const client = useQueryClient();
  return useMutation<unknown, Error, Act>({
    mutationFn: ({ what, body }) => send("POST", `/api/v1/incidents/${encodeURIComponent(id)}/${what}`, body ?? {}),
    onSuccess: () => client.invalidateQueries({ predicate: (query) => String(query.queryKey[0]).startsWith("/api/v1/incidents") }),
  });
}
