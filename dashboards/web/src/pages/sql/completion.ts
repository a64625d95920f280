// What to offer while a statement is typed: tables after FROM, attribute keys between brackets, columns of the
// tables that the statement names, functions and keywords elsewhere.
import type { Schema } from "../../api/tables";

export interface Offer {
  label: string;
  /** What is put in the place of what was typed; the label when not given. */
  insert?: string;
  kind: "table" | "column" | "key" | "function" | "keyword";
  detail?: string;
}

export interface Offers {
  /** Where what was typed begins. */
  from: number;
  /** How much behind the place is replaced too: brackets that closed themselves. */
  behind: number;
  options: Offer[];
}

const KEYWORDS = [
  "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "HAVING", "JOIN", "LEFT JOIN", "ON", "AS", "AND", "OR", "NOT", "IN", "IS NULL",
  "IS NOT NULL", "LIKE", "ILIKE", "BETWEEN", "DISTINCT", "CASE", "WHEN", "THEN", "ELSE", "END", "DESC", "ASC", "INTERVAL", "UNION ALL", "WITH",
  "FILTER (WHERE", "OVER (PARTITION BY", "EXPLAIN", "DESCRIBE", "SHOW TABLES",
];
const FUNCTIONS = [
  "count(*)", "count(", "sum(", "avg(", "min(", "max(", "p50(", "p95(", "p99(", "date_bin(INTERVAL '1 minute', time)", "now()", "coalesce(", "round(",
  "approx_distinct(", "sketch_quantile(", "sketch_merge(", "service_graph(", "trace_tree(", "critical_path(", "operation_timeline(", "unnest(",
  "map_keys(", "lower(", "upper(", "substr(", "regexp_match(", "date_trunc('hour', time)", "lag(", "row_number()",
];

/** Tables that a statement names after FROM or JOIN. */
export function tablesOf(statement: string, schema: Schema): string[] {
  const named = [...statement.matchAll(/\b(?:from|join)\s+([a-z_][a-z0-9_]*)/gi)].map(([, name]) => (name ?? "").toLowerCase());
  return [...new Set(named)].filter((name) => name in schema.tables);
}

const starts = (label: string, typed: string): boolean => label.toLowerCase().startsWith(typed.toLowerCase());

function keys(schema: Schema, column: string, tables: string[]): string[] {
  if (column === "resource") return schema.resource;
  const of = tables.length > 0 ? tables : Object.keys(schema.attributes);
  return [...new Set(of.flatMap((table) => schema.attributes[table] ?? []))];
}

/** Offers at a place of the statement; null when nothing is to be offered, inside texts and comments. */
export function offers(statement: string, at: number, schema: Schema): Offers | null {
  const before = statement.slice(0, at);
  const tables = tablesOf(statement, schema);
  const bracket = /\b(attributes|resource)\s*\[\s*'?([^'\]\n]*)$/i.exec(before);
  if (bracket?.[1]) {
    const typed = bracket[2] ?? "";
    const closers = /^'?\]?/.exec(statement.slice(at))?.[0] ?? "";
    const quote = before.slice(0, at - typed.length).endsWith("'") ? "" : "'";
    const found = keys(schema, bracket[1].toLowerCase(), tables).filter((key) => key.toLowerCase().includes(typed.toLowerCase()));
    const options = found.map((label) => ({ label, insert: `${quote}${label.replaceAll("'", "''")}']`, kind: "key" as const }));
    return { from: at - typed.length, behind: closers.length, options };
  }
  if (inText(before)) return null;
  const word = /[a-z_][a-z0-9_]*$/i.exec(before)?.[0] ?? "";
  const from = at - word.length;
  if (/\b(?:from|join|describe|table)\s+$/i.test(before.slice(0, from))) {
    return { from, behind: 0, options: Object.keys(schema.tables).filter((name) => starts(name, word)).map((label) => ({ label, kind: "table" })) };
  }
  if (word === "") return null;
  const columns = (tables.length > 0 ? tables : ["spans"]).flatMap((table) => (schema.tables[table] ?? []).map(({ name, type }) => ({ name, type, table })));
  const seen = new Set<string>();
  const options: Offer[] = [];
  for (const { name, type, table } of columns) {
    if (seen.has(name) || !starts(name, word)) continue;
    seen.add(name);
    options.push({ label: name, insert: /^Map/.test(type) && name !== "attribute_types" ? `${name}['` : name, kind: "column", detail: `${table} · ${short(type)}` });
  }
  options.push(...FUNCTIONS.filter((name) => starts(name, word)).map((label) => ({ label, kind: "function" as const })));
  options.push(...KEYWORDS.filter((name) => starts(name, word)).map((label) => ({ label, kind: "keyword" as const })));
  options.push(...Object.keys(schema.tables).filter((name) => starts(name, word) && !seen.has(name)).map((label) => ({ label, kind: "table" as const })));
  return options.length > 0 ? { from, behind: 0, options } : null;
}

/** Whether a place is inside a quoted text or a comment. */
function inText(before: string): boolean {
  let quote = false;
  for (let at = 0; at < before.length; at += 1) {
    if (before[at] === "'") quote = !quote;
    else if (!quote && before.startsWith("--", at)) {
      const end = before.indexOf("\n", at);
      if (end < 0) return true;
      at = end;
    }
  }
  return quote;
}

/** Types in a few letters. */
export function short(type: string): string {
  if (/^Timestamp/.test(type)) return "time";
  if (/^Utf8/.test(type)) return "text";
  if (/^(Int|UInt)/.test(type)) return "integer";
  if (/^Float/.test(type)) return "number";
  if (/^Map/.test(type)) return "map";
  if (/^List/.test(type)) return "list";
  return type.toLowerCase();
}
