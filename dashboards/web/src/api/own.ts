// What the server says of itself: its counters in Prometheus' text form, and what it refused.
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { request } from "./client";

export interface Sample {
  name: string;
  labels: string;
  value: number;
}

/** Lines of the text form; comments and lines that are none are left out. */
export function samples(text: string): Sample[] {
  const found: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!match || line.startsWith("#")) continue;
    const [, name = "", labels = "", value = ""] = match;
    found.push({ name, labels, value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value) });
  }
  return found;
}

export const useOwnMetrics = (every: number): UseQueryResult<Sample[], Error> =>
  useQuery<Sample[], Error>({
    queryKey: ["/metrics"],
    queryFn: async ({ signal }) => samples(await (await request("GET", "/metrics", undefined, signal)).text()),
    refetchInterval: every,
  });

const REFUSED = "stormglass_receive_refused_requests_total";

/** Refused requests by reason. */
export function refusals(all: Sample[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const sample of all) {
    const reason = sample.name === REFUSED ? /reason="([^"]+)"/.exec(sample.labels)?.[1] : undefined;
    if (reason) found[reason] = (found[reason] ?? 0) + sample.value;
  }
  return found;
}
