//! The searches as SQL.
//!
//! A row waits as long as no row with `resolved` answers it. A parent is any stored span with the id that
//! the row names; of several with one id, one of the child's own service comes first, then the one that
//! serves before the one that calls (as `rollup` has it).

use super::Around;
use super::schedule::Window;

/// Rows of one search; more are found by the next.
const ROWS_MAX: usize = 20_000;
const HOURS_MAX: usize = 1_000;

fn within(column: &str, window: &Window) -> String {
    format!("{column} > {} AND {column} <= {}", time(window.after.0), time(window.until.0))
}

fn time(nanoseconds: i64) -> String {
    format!("to_timestamp_nanos(CAST({nanoseconds} AS BIGINT))")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn any_of(column: &str, windows: &[Window]) -> String {
    let each: Vec<String> = windows.iter().map(|window| format!("({})", within(column, window))).collect();
    format!("({})", each.join(" OR "))
}

/// The rows that wait.
fn open(windows: &[Window], more: &str) -> String {
    format!(
        "SELECT trace_id AS w_trace, parent_span_id AS w_parent, span_id AS w_span, kind, \
         CAST(time AS BIGINT) AS received, CAST(minute AS BIGINT) AS minute, environment, namespace, lane, service, \
         error, limited, duration_ns FROM edges_pending WHERE {}{more} \
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 \
         HAVING sum(CASE WHEN resolved THEN -1 ELSE 1 END) > 0",
        any_of("time", windows)
    )
}

/// The hours in which there are spans that wait: `hour`, nanoseconds since 1970.
pub(super) fn hours(windows: &[Window]) -> String {
    let hour = "minute / 3600000000000 * 3600000000000";
    format!("SELECT DISTINCT {hour} AS hour FROM ({}) AS open ORDER BY hour LIMIT {HOURS_MAX}", open(windows, ""))
}

/// The first of some attributes of a span that says something.
fn first_of<'a>(attributes: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let each: Vec<String> = attributes.map(|(map, key)| format!("nullif(s.{map}[{}], '')", quoted(key))).collect();
    if each.is_empty() { "''".to_owned() } else { format!("coalesce({}, '')", each.join(", ")) }
}

/// Attributes that are read of a parent, and what they are called in the answer.
const ATTRIBUTES: [(&str, &str, &str); 9] = [
    ("resource", "deployment.environment.name", "p_environment"),
    ("resource", "service.namespace", "p_namespace"),
    ("attributes", "resilience.outcome", "p_outcome"),
    ("attributes", "db.system.name", "db_system"),
    ("attributes", "db.namespace", "db_namespace"),
    ("attributes", "messaging.system", "messaging_system"),
    ("attributes", "messaging.destination.name", "messaging_destination"),
    ("attributes", "service.peer.name", "peer_service"),
    ("attributes", "server.address", "server_address"),
];

/// Those that wait and whose parent is found, a row each, with the parent. `children` counts the spans of
/// other services that name the parent, `waiting` those of them that wait, whenever they came.
pub(super) fn parents(windows: &[Window], around: &Around, lane_keys: &[String]) -> String {
    let open = open(windows, &format!(" AND {}", within("minute", &around.minutes)));
    // Of rows in the windows that wait or have waited; `open` says which still do.
    let near = format!(
        "NOT e.resolved AND {} AND {} AND {}",
        any_of("e.time", windows),
        within("e.minute", &around.minutes),
        within("s.time", &around.spans)
    );
    let keys = || lane_keys.iter().map(String::as_str);
    let lane = first_of(keys().map(|key| ("attributes", key)).chain(keys().map(|key| ("resource", key))));
    let attributes: Vec<String> = ATTRIBUTES
        .iter()
        .map(|(map, key, name)| format!("{} AS {name}", first_of([(*map, *key)].into_iter())))
        .collect();
    format!(
        "WITH open AS ({open} LIMIT {ROWS_MAX}), \
         parents AS (SELECT DISTINCT s.trace_id AS p_trace, s.span_id AS p_span, s.service AS p_service, \
             s.kind AS p_kind, CAST(s.time AS BIGINT) AS p_time, s.duration_ns AS p_duration_ns, \
             CASE WHEN s.status = 'error' THEN 1 ELSE 0 END AS p_error, {lane} AS p_lane, {}, \
             attr_int(s.attributes, 'server.port') AS server_port \
           FROM spans s JOIN edges_pending e ON s.trace_id = e.trace_id AND s.span_id = e.parent_span_id \
           WHERE {near}), \
         children AS (SELECT s.trace_id AS c_trace, s.parent_span_id AS c_parent, s.service AS c_service, \
             count(DISTINCT s.span_id) AS spans \
           FROM spans s JOIN edges_pending e ON s.trace_id = e.trace_id AND s.parent_span_id = e.parent_span_id \
           WHERE {near} GROUP BY 1, 2, 3), \
         all_waiting AS (SELECT e.trace_id AS c_trace, e.parent_span_id AS c_parent, e.service AS c_service, \
             sum(CASE WHEN e.resolved THEN -1 ELSE 1 END) AS spans \
           FROM edges_pending e WHERE {} GROUP BY 1, 2, 3), \
         callers AS (SELECT DISTINCT p_trace, p_span, p_service FROM parents), \
         named AS (SELECT p_trace AS n_trace, p_span AS n_span, p_service AS n_service, sum(spans) AS children \
           FROM callers JOIN children ON p_trace = c_trace AND p_span = c_parent WHERE p_service <> c_service \
           GROUP BY 1, 2, 3), \
         awaited AS (SELECT p_trace AS a_trace, p_span AS a_span, p_service AS a_service, sum(spans) AS waiting \
           FROM callers JOIN all_waiting ON p_trace = c_trace AND p_span = c_parent WHERE p_service <> c_service \
           GROUP BY 1, 2, 3), \
         pairs AS (SELECT o.*, p.*, row_number() OVER (PARTITION BY w_trace, w_parent, w_span, o.kind \
             ORDER BY CASE WHEN p_service = o.service THEN 0 ELSE 1 END, \
               CASE p_kind WHEN 'server' THEN 0 WHEN 'consumer' THEN 1 WHEN 'internal' THEN 2 WHEN 'client' THEN 3 \
                 ELSE 4 END, p_service, p_time) AS choice \
           FROM open o JOIN parents p ON w_trace = p_trace AND w_parent = p_span) \
         SELECT pairs.*, coalesce(children, 0) AS children, coalesce(waiting, 0) AS waiting FROM pairs \
         LEFT JOIN named ON n_trace = p_trace AND n_span = p_span AND n_service = p_service \
         LEFT JOIN awaited ON a_trace = p_trace AND a_span = p_span AND a_service = p_service WHERE choice = 1",
        attributes.join(", "),
        within("e.minute", &around.spans),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UnixNanos;

    #[test]
    fn keys_of_the_configuration_are_quoted_and_every_window_is_asked() {
        let window = |from, to| Window { after: UnixNanos(from), until: UnixNanos(to) };
        let around = Around { minutes: window(5, 6), spans: window(1, 9) };
        let sql = parents(&[window(10, 20), window(30, 40)], &around, &["la'ne".to_owned()]);
        assert!(sql.contains("nullif(s.attributes['la''ne'], '')"), "{sql}");
        assert!(sql.contains("time <= to_timestamp_nanos(CAST(40 AS BIGINT))"), "{sql}");
        assert!(sql.len() < 16_384, "{}", sql.len());
    }
}
