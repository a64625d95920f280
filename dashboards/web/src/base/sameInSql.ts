// The statement that answers what a page asks by another call: shown beside it, to be changed and asked again. Each is
// as the page's first rows are; scores and ranks of the server have no short statement and are told by their counts.
import { literal } from "./sql";
import { type Window, sqlInstant, sqlWindow } from "./time";

const where = (conditions: (string | false | undefined)[]): string => conditions.filter(Boolean).join(" AND ");

/** Who calls whom; of one service, its edges. */
export function graphSql(window: Window, service?: string): string {
  const of = service === undefined ? "" : `\nWHERE caller = ${literal(service)} OR callee = ${literal(service)}`;
  return `SELECT * FROM service_graph(${sqlInstant(window.from)}, ${sqlInstant(window.to)})${of}\nORDER BY calls DESC`;
}

/** Operations of the traces that failed at a service. */
export function hurtSql(window: Window, service: string): string {
  const failed = `SELECT trace_id FROM spans WHERE service = ${literal(service)} AND status = 'error' AND ${sqlWindow(window)}`;
  return [
    "SELECT service, operation, count(DISTINCT trace_id) AS traces FROM spans",
    `WHERE ${sqlWindow(window)} AND parent_span_id IS NULL`,
    `  AND trace_id IN (${failed})`,
    "GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20",
  ].join("\n");
}

/** Requests by a dimension, those that failed and those that were slow. */
export function experienceSql(window: Window, key: string, thresholdNs = 500_000_000): string {
  const value = `attributes[${literal(key)}]`;
  return [
    `SELECT ${value} AS value, count(*) AS calls,`,
    `  count(*) FILTER (WHERE status = 'error') AS failed, count(*) FILTER (WHERE duration_ns > ${thresholdNs}) AS slow`,
    `FROM spans WHERE kind = 'server' AND parent_span_id IS NULL AND ${value} IS NOT NULL AND ${sqlWindow(window)}`,
    "GROUP BY 1 ORDER BY failed DESC, slow DESC LIMIT 100",
  ].join("\n");
}

export const tracesSql = (window: Window, conditions: string[]): string =>
  [
    "SELECT trace_id, min(time) AS started, count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS errors",
    `FROM spans WHERE ${where([sqlWindow(window), ...conditions])}`,
    "GROUP BY 1 ORDER BY 2 DESC LIMIT 50",
  ].join("\n");

export const recordsSql = (window: Window, conditions: string[]): string =>
  `SELECT time, severity_text, service, body, trace_id FROM logs\nWHERE ${where([sqlWindow(window), ...conditions])}\nORDER BY time DESC LIMIT 100`;

export const storySql = (key: string, value: string): string => (key === "trace_id" ? `SELECT * FROM trace_tree(${literal(value)})` : `SELECT * FROM operation_timeline(${literal(key)}, ${literal(value)})`);

export const historySql = (type: string, id: string): string =>
  `SELECT time, operation, before, after, outcome, actor, service FROM entity_changes\nWHERE ${type === "actor" ? `actor = ${literal(id)}` : `entity_type = ${literal(type)} AND entity_id = ${literal(id)}`}\nORDER BY time DESC LIMIT 200`;

export const eventsSql = (window: Window, operation?: string, outcome?: string): string =>
  `SELECT time, operation, outcome, actor, entities, service FROM business_events\nWHERE ${where([sqlWindow(window), operation ? `operation = ${literal(operation)}` : undefined, outcome ? `outcome = ${literal(outcome)}` : undefined])}\nORDER BY time DESC LIMIT 100`;

/** Begun, and not ended by any event of the same operation. */
export const openSql = (window: Window): string =>
  [
    "SELECT operation_id, min(operation) AS operation, min(time) AS begun FROM business_events",
    `WHERE ${sqlWindow(window)} AND phase IN ('create', 'complete')`,
    "GROUP BY 1 HAVING count(*) FILTER (WHERE phase = 'complete') = 0 ORDER BY 3 LIMIT 100",
  ].join("\n");

export const comparedSql = (a: string, b: string): string =>
  [
    "SELECT b.service, b.operation, a.duration_ns AS a_ns, b.duration_ns AS b_ns, b.self_time_ns - a.self_time_ns AS own_difference_ns",
    `FROM trace_tree(${literal(a)}) a JOIN trace_tree(${literal(b)}) b`,
    "  ON a.service = b.service AND a.operation = b.operation AND a.kind = b.kind AND a.depth = b.depth",
    "ORDER BY abs(b.self_time_ns - a.self_time_ns) DESC LIMIT 100",
  ].join("\n");

export const incidentSql = (id: string): string => `SELECT * FROM incidents WHERE id = ${literal(id)}`;

export const MONTHS_SQL = "SELECT date_trunc('month', time) AS month, count(*) AS incidents, count(cause) AS cause_named\nFROM incidents GROUP BY 1 ORDER BY 1 DESC";
export const AUDIT_SQL = "SELECT * FROM audit ORDER BY time DESC LIMIT 100";
export const INCIDENTS_SQL = "SELECT * FROM incidents ORDER BY time DESC LIMIT 100";
