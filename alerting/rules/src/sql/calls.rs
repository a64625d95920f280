//! Queries over the counted calls: `red` and `service_edges`.

use super::{between, bucket, instant, literal, selected};
use crate::condition::{Absence, By, Slo};
use crate::{Rule, Selector};
use model::UnixNanos;
use std::time::Duration;

/// Spans by which a service is served to others.
const ENTRY: &str = "kind IN ('server', 'consumer')";
const WHERE_FROM: &str = "environment, namespace, lane, service";

/// Calls, errors and quantiles by bucket and series.
pub(crate) fn calls(selector: &Selector, by: By, bucket_ns: i64, from: UnixNanos, until: UnixNanos) -> String {
    let quantile =
        |share: f64, name: &str| format!("sketch_quantile(sketch_merge(duration_sketch), {share}) AS {name}");
    let figures = format!(
        "sum(calls) AS calls, sum(errors) AS errors, {}, {}, {}",
        quantile(0.5, "p50_ns"),
        quantile(0.95, "p95_ns"),
        quantile(0.99, "p99_ns")
    );
    let (table, series, condition) = source(selector, by, from, until);
    let time = if bucket_ns == by.bucket_ns() { "time".to_owned() } else { bucket(bucket_ns) };
    let numbers: Vec<String> = (1..=series.split(", ").count() + 1).map(|n| n.to_string()).collect();
    format!(
        "SELECT {time} AS time, {series}, {figures} FROM {table} WHERE {}{condition} GROUP BY {} HAVING sum(calls) > 0",
        between(from, until),
        numbers.join(", ")
    )
}

/// Table, columns of a series, and ` AND ...` of what is looked at.
fn source(selector: &Selector, by: By, from: UnixNanos, until: UnixNanos) -> (&'static str, String, String) {
    let environment = ("environment", selector.environment.as_slice());
    let namespace = ("namespace", selector.namespace.as_slice());
    match by {
        By::Service | By::Operation => {
            let operation = if by == By::Operation { ", operation" } else { "" };
            let of = [environment, namespace, ("service", &selector.service), ("operation", &selector.operation)];
            let condition = format!(" AND {ENTRY}{}", selected(selector, &of, "lane"));
            ("red", format!("{WHERE_FROM}{operation}"), condition)
        }
        peer => {
            let of = [environment, namespace, ("caller", &selector.service), ("callee", &selector.peer)];
            // A call whose answerer has not reported yet counts as one to a third party for a while.
            let strangers = match peer {
                By::ThirdParty => {
                    let lately = between(from.saturating_sub(Duration::from_secs(3_600)), until);
                    format!(" AND callee NOT IN (SELECT service FROM red WHERE {lately} AND {ENTRY})")
                }
                _ => String::new(),
            };
            let condition = format!(
                " AND kind = {} AND caller_type = 'service'{}{strangers}",
                literal(peer.as_str()),
                selected(selector, &of, "lane")
            );
            let series = "environment, namespace, lane, caller AS service, callee AS peer, callee_type AS peer_type";
            ("service_edges", series.to_owned(), condition)
        }
    }
}

/// Bad and all calls in each window of an objective, one row per series.
pub(crate) fn slo(rule: &Rule, c: &Slo, now: UnixNanos) -> String {
    let from = now.saturating_sub(c.longest());
    let (table, series, condition) = source(&rule.selector, c.by, from, now);
    let numbers: Vec<String> = (1..=series.split(", ").count() + 1).map(|n| n.to_string()).collect();
    let bad = match c.latency {
        None => "sum(errors)".to_owned(),
        Some(latency) => format!(
            "CASE WHEN sketch_quantile(sketch_merge(duration_sketch), 0.99) > {} THEN sum(calls) ELSE sum(errors) END",
            latency.as_nanos()
        ),
    };
    let mut figures = Vec::new();
    for (index, burn) in c.burn.iter().enumerate() {
        for (name, window) in [("long", burn.long), ("short", burn.short)] {
            let since = instant(now.saturating_sub(window));
            for column in ["calls", "bad"] {
                figures.push(format!("sum({column}) FILTER (WHERE time >= {since}) AS {name}{index}_{column}"));
            }
        }
    }
    let names: Vec<&str> = series.split(", ").map(|part| part.rsplit(" AS ").next().unwrap_or(part)).collect();
    let outer: Vec<String> = (1..=names.len()).map(|n| n.to_string()).collect();
    format!(
        "SELECT {}, {} FROM (SELECT time, {series}, sum(calls) AS calls, {bad} AS bad FROM {table} WHERE {}{condition} \
         GROUP BY {}) AS b GROUP BY {}",
        names.join(", "),
        figures.join(", "),
        between(from, now),
        numbers.join(", "),
        outer.join(", ")
    )
}

/// When each service, or a metric of it, was there last.
pub(crate) fn presence(rule: &Rule, c: &Absence, from: UnixNanos, until: UnixNanos) -> String {
    let window = between(from, until);
    match &c.metric {
        None => {
            let (table, series, condition) = source(&rule.selector, By::Service, from, until);
            format!(
                "SELECT {series}, max(time) AS last_seen, sum(calls) AS calls FROM {table} WHERE {window}{condition} \
                 GROUP BY 1, 2, 3, 4"
            )
        }
        Some(metric) => format!(
            "SELECT service, max(time) AS last_seen, count(*) AS calls FROM metrics WHERE name = {} AND {window}{} \
             GROUP BY 1",
            literal(metric),
            super::selected_by_attributes(&rule.selector)
        ),
    }
}
