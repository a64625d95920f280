// What a person may mean by a text typed into the one search box.
import { href, incidentHref, storyHref, traceHref } from "./links";

export type Meaning = "trace" | "request" | "key" | "incident" | "logs";

export interface Guess {
  meaning: Meaning;
  text: string;
  to: string;
}

/** The most likely first. Every text can be a request id, a business key or words of a log line. */
export function guesses(typed: string): Guess[] {
  const text = typed.trim();
  if (!text) return [];
  const found: Guess[] = [];
  if (/^[0-9a-f]{32}$/i.test(text)) found.push({ meaning: "trace", text, to: traceHref(text.toLowerCase()) });
  if (/^I-\d{8}-\d+$/i.test(text)) found.push({ meaning: "incident", text, to: incidentHref(text.toUpperCase()) });
  if (!/\s/.test(text) && text.length >= 3) {
    const pair = /^([\w.]+)=(.+)$/.exec(text);
    if (pair?.[1] && pair[2]) found.unshift({ meaning: "key", text, to: storyHref({ key: pair[1], value: pair[2] }) });
    else {
      found.push({ meaning: "key", text, to: href("/operations", { q: text }) });
      found.push({ meaning: "request", text, to: storyHref({ request_id: text }) });
    }
  }
  found.push({ meaning: "logs", text, to: href("/logs", { q: text }) });
  return found;
}
