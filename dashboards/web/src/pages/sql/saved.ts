// Statements that a person keeps in this browser: a few, by name; and the one that is being written.

export interface Saved {
  name: string;
  sql: string;
}

const KEPT = "stormglass-saved-sql";
const DRAFT = "stormglass-draft-sql";
/** What a browser keeps is small; the oldest goes first. */
const SAVED_MAX = 100;
const DRAFT_CHARS_MAX = 100_000;

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // A browser that keeps nothing, or is full: what is on the page stays until it is closed.
  }
}

export function readSaved(text = read(KEPT)): Saved[] {
  try {
    const kept: unknown = JSON.parse(text ?? "[]");
    if (!Array.isArray(kept)) return [];
    return kept.filter((one): one is Saved => typeof one?.name === "string" && typeof one?.sql === "string");
  } catch {
    return [];
  }
}

/** The newest first; a name stands once. */
export const withSaved = (all: Saved[], one: Saved): Saved[] => [one, ...all.filter(({ name }) => name !== one.name)].slice(0, SAVED_MAX);

export const keep = (all: Saved[]): void => write(KEPT, JSON.stringify(all));
export const readDraft = (): string => read(DRAFT) ?? "";
export const keepDraft = (sql: string): void => write(DRAFT, sql.slice(0, DRAFT_CHARS_MAX));
