// What can be asked for in SQL: tables, columns, and the attribute keys that were seen; and files of results.
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { request } from "./client";
import { askSql } from "./read";

export interface Schema {
  /** Columns with their types, by table. */
  tables: Record<string, { name: string; type: string }[]>;
  /** Keys of `attributes` by table, and of `resource`. */
  attributes: Record<string, string[]>;
  resource: string[];
}

/** Enough of the newest rows to see the keys that matter. */
const ROWS_LOOKED_AT = 20_000;
const KEYS_MAX = 500;
const KEYED = ["spans", "logs", "metrics", "business_events"];

const keysSql = (table: string, column: string): string =>
  `SELECT key, count(*) AS n FROM (SELECT unnest(map_keys(${column})) AS key FROM (SELECT ${column} FROM ${table} WHERE time >= now() - INTERVAL '6 hours' LIMIT ${ROWS_LOOKED_AT})) GROUP BY key ORDER BY n DESC LIMIT ${KEYS_MAX}`;

const texts = (rows: unknown[][]): string[] => rows.map(([text]) => String(text));

async function keys(table: string, column: string, signal: AbortSignal): Promise<string[]> {
  // Keys are a help while typing; without them tables and columns are still offered.
  return askSql(keysSql(table, column), KEYS_MAX, signal).then(({ rows }) => texts(rows), () => []);
}

async function readSchema(signal: AbortSignal): Promise<Schema> {
  const columns = await askSql("SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position", 10_000, signal);
  const tables: Schema["tables"] = {};
  for (const [table, name, type] of columns.rows) (tables[String(table)] ??= []).push({ name: String(name), type: String(type) });
  const attributes: Schema["attributes"] = {};
  for (const table of KEYED) if (tables[table]) attributes[table] = await keys(table, "attributes", signal);
  return { tables, attributes, resource: await keys("spans", "resource", signal) };
}

export const useSchema = (when = true): UseQueryResult<Schema, Error> =>
  useQuery({ queryKey: ["schema"], queryFn: ({ signal }) => readSchema(signal), enabled: when, staleTime: 5 * 60_000 });

/** Attribute keys of one table, for fields that filter. */
export const useAttributeKeys = (table: "spans" | "logs" | "metrics", when = true): UseQueryResult<string[], Error> =>
  useQuery({ queryKey: ["keys", table], queryFn: ({ signal }) => keys(table, "attributes", signal), enabled: when, staleTime: 5 * 60_000 });

/** The whole result as a file of the server's making. */
export async function resultFile(sql: string, format: "csv" | "parquet", signal?: AbortSignal): Promise<Blob> {
  const response = await request("POST", "/api/v1/sql", { sql, format }, signal);
  return response.blob();
}
