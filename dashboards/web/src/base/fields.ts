// What a write changed: values before and after, field by field where they are records.

export interface FieldChange {
  field: string;
  before: string;
  after: string;
  changed: boolean;
}

function record(text: string | null | undefined): Record<string, unknown> | null {
  if (!text || !/^\s*\{/.test(text)) return null;
  try {
    const read: unknown = JSON.parse(text);
    return read !== null && typeof read === "object" && !Array.isArray(read) ? (read as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

const shown = (value: unknown): string => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

/** Values before and after side by side: field by field where both are records, else as they stand. */
export function fieldChanges({ before, after }: { before?: string | null; after?: string | null }): FieldChange[] {
  const [old, now] = [record(before), record(after)];
  if (!old && !now) return [{ field: "", before: before ?? "", after: after ?? "", changed: (before ?? "") !== (after ?? "") }];
  const fields = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])];
  return fields
    .map((field) => ({ field, before: shown(old?.[field]), after: shown(now?.[field]), changed: shown(old?.[field]) !== shown(now?.[field]) }))
    .sort((a, b) => Number(b.changed) - Number(a.changed));
}
