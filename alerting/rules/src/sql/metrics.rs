//! Queries over `metrics`, and business figures over time.

use super::{attribute, between, bucket, fits, literal, quoted, selected_by_attributes};
use crate::Rule;
use crate::condition::{Aggregate, Forecast, Precursor, Threshold};
use model::UnixNanos;
use std::collections::BTreeMap;

pub(crate) fn threshold(rule: &Rule, c: &Threshold, width: i64, from: UnixNanos, until: UnixNanos) -> String {
    let source = Source {
        rule,
        metric: &c.metric,
        filter: &c.filter,
        of: c.of.as_deref().map(|of| (of, &c.of_filter)),
        by: &c.by,
        width,
        from,
        until,
    };
    match c.aggregate {
        Aggregate::Avg => source.flat("avg"),
        Aggregate::Max => source.flat("max"),
        Aggregate::Min => source.flat("min"),
        Aggregate::Sum => source.nested("avg(value)"),
        Aggregate::Increase => {
            source.nested("CASE WHEN max(temporality) = 'delta' THEN sum(value) ELSE max(value) - min(value) END")
        }
    }
}

pub(crate) fn precursor(rule: &Rule, c: &Precursor, width: i64, from: UnixNanos, until: UnixNanos) -> String {
    let of = c.of.as_deref().map(|of| (of, &c.of_filter));
    let source = Source { rule, metric: &c.metric, filter: &c.filter, of, by: &c.by, width, from, until };
    source.flat(if c.expires { "min" } else { "avg" })
}

struct Source<'r> {
    rule: &'r Rule,
    metric: &'r str,
    filter: &'r BTreeMap<String, String>,
    of: Option<(&'r str, &'r BTreeMap<String, String>)>,
    by: &'r [String],
    width: i64,
    from: UnixNanos,
    until: UnixNanos,
}

impl Source<'_> {
    /// `key AS "key", ` for each label.
    fn labels(&self) -> String {
        self.by.iter().map(|key| format!("{} AS {}, ", attribute(key), quoted(key))).collect()
    }

    fn groups(&self, more: usize) -> String {
        (1..=self.by.len() + 1 + more).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
    }

    fn names(&self) -> String {
        match self.of {
            None => format!("name = {}", literal(self.metric)),
            Some((of, _)) => format!("name IN ({}, {})", literal(self.metric), literal(of)),
        }
    }

    fn condition(&self) -> String {
        let alone = if self.of.is_none() { only(self.filter) } else { String::new() };
        let window = between(self.from, self.until);
        format!("{} AND {window}{}{alone}", self.names(), selected_by_attributes(&self.rule.selector))
    }

    /// One pass: all points of a bucket together.
    fn flat(&self, aggregate: &str) -> String {
        let value = match self.of {
            None => format!("{aggregate}(value) AS value"),
            Some((of, of_filter)) => format!(
                "{aggregate}(CASE WHEN name = {}{} THEN value END) AS value, avg(CASE WHEN name = {}{} THEN value END) AS of",
                literal(self.metric),
                only(self.filter),
                literal(of),
                only(of_filter)
            ),
        };
        format!(
            "SELECT {} AS time, {}{value} FROM metrics WHERE {} GROUP BY {}",
            bucket(self.width),
            self.labels(),
            self.condition(),
            self.groups(0)
        )
    }

    /// First within each series, then the sum over them.
    fn nested(&self, within: &str) -> String {
        let outer: String = self.by.iter().map(|key| format!("{}, ", quoted(key))).collect();
        let is = |name: &str, filter| format!("name = {}{}", literal(name), only(filter));
        // Every series is either counted or divided by.
        let (sums, divides) = match self.of {
            None => ("sum(v) AS value", "false".to_owned()),
            Some((of, filter)) => (
                "sum(CASE WHEN NOT divides THEN v END) AS value, sum(CASE WHEN divides THEN v END) AS of",
                is(of, filter),
            ),
        };
        let counted = match self.of {
            None => String::new(),
            Some((of, filter)) => format!(" AND (({}) OR ({}))", is(self.metric, self.filter), is(of, filter)),
        };
        format!(
            "SELECT time, {outer}{sums} FROM (SELECT {} AS time, {}{divides} AS divides, series_id, {within} AS v \
             FROM metrics WHERE {}{counted} GROUP BY {}) AS s GROUP BY {}",
            bucket(self.width),
            self.labels(),
            self.condition(),
            self.groups(2),
            self.groups(0)
        )
    }
}

/// ` AND attribute = value` for each.
fn only(filter: &BTreeMap<String, String>) -> String {
    filter.iter().map(|(key, value)| format!(" AND {}", fits(&attribute(key), &[crate::Glob::new(value)]))).collect()
}

/// A business figure by bucket and series.
pub(crate) fn business(rule: &Rule, c: &Forecast, width: i64, from: UnixNanos, until: UnixNanos) -> String {
    let key = |key: &String| match (&c.operation, key.as_str()) {
        (Some(_), "service") => "service".to_owned(),
        // Business events have no resource.
        (Some(_), key) => format!("attributes[{}]", literal(key)),
        (None, key) => attribute(key),
    };
    let labels: String = c.by.iter().map(|name| format!("{} AS {}, ", key(name), quoted(name))).collect();
    let groups = |more: usize| (1..=c.by.len() + 1 + more).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let window = between(from, until);
    if let Some(operation) = &c.operation {
        let filter: String =
            c.filter.iter().map(|(name, value)| format!(" AND {} = {}", key(name), literal(value))).collect();
        return format!(
            "SELECT {} AS time, {labels}count(*) AS value FROM business_events WHERE {} AND phase IN ('complete', 'whole') \
             AND {window}{filter} GROUP BY {}",
            bucket(width),
            fits("operation", &[crate::Glob::new(operation)]),
            groups(0)
        );
    }
    let outer: String = c.by.iter().map(|name| format!("{}, ", quoted(name))).collect();
    format!(
        "SELECT time, {outer}sum(v) AS value FROM (SELECT {} AS time, {labels}series_id, CASE WHEN max(type) <> 'sum' OR \
         min(CASE WHEN monotonic THEN 1 ELSE 0 END) = 0 THEN avg(value) WHEN max(temporality) = 'delta' THEN sum(value) ELSE max(value) - min(value) END AS v \
         FROM metrics WHERE name = {} AND {window}{}{} GROUP BY {}) AS s GROUP BY {}",
        bucket(width),
        literal(c.metric.as_deref().unwrap_or_default()),
        selected_by_attributes(&rule.selector),
        only(&c.filter),
        groups(1),
        groups(0)
    )
}
