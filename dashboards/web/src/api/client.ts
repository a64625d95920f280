// One way to the server: a request, and an answer or a problem that says in words what is wrong.
// It refuses to know pages; who waits, tries again or shows is above.

export type Query = Record<string, string | number | boolean | null | undefined>;

/** What stands between us and an answer; each asks something else of the person. */
export type Trouble = "unreachable" | "slow" | "expired" | "forbidden" | "refused" | "missing" | "busy" | "failed";

export class Problem extends Error {
  constructor(
    readonly trouble: Trouble,
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

/** Longer than any answer of the server, which gives up by itself before. */
export const PATIENCE_MS = 60_000;

/** Path and query as they stand on the wire; empty values are left out. */
export function address(path: string, query: Query = {}, place: Record<string, string> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(place[name] ?? ""));
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(key, String(value));
  }
  const text = parameters.toString();
  return text ? `${filled}?${text}` : filled;
}

function trouble(status: number): Trouble {
  if (status === 401) return "expired";
  if (status === 403) return "forbidden";
  if (status === 404) return "missing";
  if (status === 408 || status === 504) return "slow";
  if (status === 429 || status === 503) return "busy";
  if (status === 502) return "unreachable";
  return status >= 500 ? "failed" : "refused";
}

async function problem(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => "");
  try {
    const said = JSON.parse(text) as { title?: string; detail?: string };
    return new Problem(trouble(response.status), response.status, said.title ?? response.statusText, said.detail ?? "");
  } catch {
    return new Problem(trouble(response.status), response.status, response.statusText, text.slice(0, 300));
  }
}

/** A value that the session gave us and every change must repeat. */
let csrf: string | null = null;
export const setCsrf = (token: string | null): void => {
  csrf = token;
};

/** Who wants to know whether the server answers: told after every request. */
type Listener = (reachable: boolean, expired: boolean) => void;
const listeners = new Set<Listener>();
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
const tell = (reachable: boolean, expired: boolean): void => listeners.forEach((listener) => listener(reachable, expired));

async function reach(url: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const either = signal ? AbortSignal.any([signal, patience]) : patience;
  try {
    return await fetch(url, { credentials: "same-origin", ...init, signal: either });
  } catch (reason) {
    if (signal?.aborted) throw reason;
    if (patience.aborted) throw new Problem("slow", 0, "", "");
    tell(false, false);
    throw new Problem("unreachable", 0, "", "");
  }
}

/** A text that goes as it was typed, in YAML or JSON. */
export class Typed {
  constructor(readonly text: string) {}
}

/** Sends and gives the response when it is good; throws a `Problem` else. */
export async function request(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = body instanceof Typed ? "application/yaml" : "application/json";
  if (csrf && method !== "GET") headers["x-csrf-token"] = csrf;
  const text = body === undefined ? undefined : body instanceof Typed ? body.text : JSON.stringify(body);
  const response = await reach(url, { method, headers, body: text }, signal);
  if (response.ok) {
    tell(true, false);
    return response;
  }
  const found = await problem(response);
  tell(found.trouble !== "unreachable", found.trouble === "expired");
  throw found;
}

export async function readJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  const response = await request("GET", url, undefined, signal);
  return (await response.json()) as T;
}

/** Changes something; an answer without content is null. */
export async function send<T>(method: "POST" | "PUT" | "DELETE", url: string, body?: unknown): Promise<T> {
  const response = await request(method, url, body);
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}

/** The same request for a terminal. */
export function curl(url: string, method = "GET", body?: unknown): string {
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const target = quote(new URL(url, window.location.origin).href);
  if (method === "GET") return `curl ${target}`;
  const json = body === undefined ? "" : ` -H 'content-type: application/json' -d ${quote(JSON.stringify(body))}`;
  return `curl -X ${method} ${target}${json}`;
}
