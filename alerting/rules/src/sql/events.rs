//! Queries over logs, heartbeats, business events and the ledger.

use super::{between, bucket, fits, literal, selected_by_attributes};
use crate::Rule;
use crate::condition::{Deadline, Heartbeat, LogPattern};
use model::UnixNanos;

/// Letters of a log body that make its pattern.
const PATTERN_LETTERS: usize = 300;

fn records(rule: &Rule, c: &LogPattern, from: UnixNanos, until: UnixNanos) -> String {
    let severity = format!(" AND severity >= {}", c.min_severity);
    let pattern = c.pattern.as_ref().map(|pattern| format!(" AND regexp_like(body, {})", literal(pattern)));
    format!(
        "FROM logs WHERE {}{severity}{}{}",
        between(from, until),
        pattern.unwrap_or_default(),
        selected_by_attributes(&rule.selector)
    )
}

pub(crate) fn log_counts(rule: &Rule, c: &LogPattern, width: i64, from: UnixNanos, until: UnixNanos) -> String {
    let records = records(rule, c, from, until);
    format!("SELECT {} AS time, service, count(*) AS value {records} GROUP BY 1, 2", bucket(width))
}

/// Texts of errors with ids and numbers taken out.
pub(crate) fn log_patterns(rule: &Rule, c: &LogPattern, from: UnixNanos, until: UnixNanos) -> String {
    let id = literal("[0-9a-fA-F]{8,}(-[0-9a-fA-F]{4,})*");
    format!(
        "SELECT service, pattern, count(*) AS value, min(time) AS first_seen FROM (SELECT service, time, \
         regexp_replace(regexp_replace(substr(body, 1, {PATTERN_LETTERS}), {id}, '<id>', 'g'), '[0-9]+', '<n>', 'g') \
         AS pattern {}) AS p WHERE pattern IS NOT NULL GROUP BY 1, 2 ORDER BY value DESC",
        records(rule, c, from, until)
    )
}

/// Who wrote anything to the logs, and since when in this stretch of time.
pub(crate) fn speakers(rule: &Rule, from: UnixNanos, until: UnixNanos) -> String {
    format!(
        "SELECT service, count(*) AS value, min(time) AS first_seen FROM logs WHERE {}{} GROUP BY 1",
        between(from, until),
        selected_by_attributes(&rule.selector)
    )
}

/// The beats of each job in a stretch of time: first, last, how it stands, and the longest gap between two.
pub(crate) fn heartbeats(c: &Heartbeat, from: UnixNanos, until: UnixNanos) -> String {
    let names = if c.names.is_empty() { String::new() } else { format!(" AND {}", fits("name", &c.names)) };
    let last = |column: &str| format!("last_value({column} ORDER BY time) AS {column}");
    format!(
        "SELECT name AS heartbeat, {}, {}, {}, min(time) AS first_beat, max(time) AS last_beat, count(*) AS beats, \
         max(gap) AS gap_max FROM (SELECT name, service, status, text, time, CAST(time AS BIGINT) - \
         lag(CAST(time AS BIGINT)) OVER (PARTITION BY name ORDER BY time) AS gap FROM heartbeats WHERE {} AND status \
         IN ('ok', 'fail'){names}) AS b GROUP BY name",
        last("service"),
        last("status"),
        last("text"),
        between(from, until)
    )
}

/// When anything came last from each service, of whatever signal.
pub(crate) fn senders(from: UnixNanos, until: UnixNanos) -> String {
    format!(
        "SELECT service, max(time) AS last_seen, sum(received) AS received FROM ledger WHERE {} AND received > 0 GROUP BY 1",
        between(crate::watermark::floor_to(from, 60 * UnixNanos::SECOND), until)
    )
}

/// Operations that were created, not completed, and are past their deadline.
pub(crate) fn stuck(c: &Deadline, from: UnixNanos, until: UnixNanos) -> String {
    let names =
        if c.operations.is_empty() { String::new() } else { format!(" AND {}", fits("operation", &c.operations)) };
    let allowed = match c.within {
        Some(within) => format!("coalesce(allowed, {})", within.as_nanos()),
        None => "allowed".to_owned(),
    };
    format!(
        "SELECT operation AS business_operation, service, count(*) AS value, min(operation_id) AS example, \
         min(created) AS oldest FROM (SELECT operation_id, operation, min(service) AS service, min(time) AS created, \
         max(deadline_ns) AS allowed, count(*) FILTER (WHERE phase = 'complete') AS done FROM business_events WHERE {} \
         AND operation_id IS NOT NULL AND phase IN ('create', 'complete'){names} GROUP BY 1, 2) AS o WHERE done = 0 AND \
         CAST(created AS BIGINT) + {allowed} < {} GROUP BY 1, 2",
        between(from, until),
        until.0
    )
}
