//! The SQL of every kind of rule, over the tables of the contract. Names and values that come from rules or
//! telemetry are always quoted.

mod calls;
mod events;
mod metrics;

pub(crate) use calls::{calls, presence, slo};
pub(crate) use events::{heartbeats, log_counts, log_patterns, senders, speakers, stuck};
pub(crate) use metrics::{business, precursor, threshold};

use crate::selector::PRODUCTION;
use crate::{Glob, Selector};
use model::UnixNanos;

/// A text literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

/// A column name.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

/// An instant in UTC with nanoseconds.
pub(crate) fn instant(time: UnixNanos) -> String {
    let (second, nano) = (time.0.div_euclid(UnixNanos::SECOND), time.0.rem_euclid(UnixNanos::SECOND));
    let of_day = second.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let date = model::time::date_text(time.day());
    format!("TIMESTAMP '{date}T{hour:02}:{minute:02}:{second:02}.{nano:09}Z'")
}

/// `time` between two instants.
pub(crate) fn between(from: UnixNanos, until: UnixNanos) -> String {
    format!("time >= {} AND time < {}", instant(from), instant(until))
}

/// An author's query with its window put in.
pub(crate) fn written(query: &str, from: UnixNanos, until: UnixNanos) -> String {
    let query = query.trim().trim_end_matches(';');
    query.replace("$from", &instant(from)).replace("$to", &instant(until))
}

/// That an expression fits one of the globs.
pub(crate) fn fits(expression: &str, globs: &[Glob]) -> String {
    let one = |glob: &Glob| match glob.is_plain() {
        true => format!("{expression} = {}", literal(glob.as_str())),
        false => {
            let like: String = glob
                .as_str()
                .chars()
                .map(|c| match c {
                    '*' => "%".to_owned(),
                    '?' => "_".to_owned(),
                    '%' | '_' | '\\' => format!("\\{c}"),
                    other => other.to_string(),
                })
                .collect();
            format!("{expression} LIKE {}", literal(&like))
        }
    };
    match globs {
        [glob] => one(glob),
        globs => format!("({})", globs.iter().map(one).collect::<Vec<_>>().join(" OR ")),
    }
}

/// ` AND ...` for each part of a selector that names something; the lane always.
pub(crate) fn selected(selector: &Selector, expressions: &[(&str, &[Glob])], lane: &str) -> String {
    let mut sql = match selector.lane.is_empty() {
        true => {
            let names: Vec<String> = PRODUCTION.iter().map(|name| literal(name)).collect();
            format!(" AND {lane} IN ({})", names.join(", "))
        }
        false => format!(" AND {}", fits(lane, &selector.lane)),
    };
    for (expression, globs) in expressions {
        if !globs.is_empty() {
            sql.push_str(&format!(" AND {}", fits(expression, globs)));
        }
    }
    sql
}

/// Lane, environment and namespace of rows that have them as attributes only.
pub(crate) fn selected_by_attributes(selector: &Selector) -> String {
    let lanes = ["lane", "env.tag", "gray", "load_test"].map(attribute);
    let lane = format!("coalesce({}, '')", lanes.join(", "));
    selected(
        selector,
        &[
            ("coalesce(resource['deployment.environment.name'], '')", &selector.environment),
            ("coalesce(resource['service.namespace'], '')", &selector.namespace),
            ("service", &selector.service),
        ],
        &lane,
    )
}

/// A column, an attribute or a resource attribute by its name.
pub(crate) fn attribute(key: &str) -> String {
    match key {
        "service" | "service.name" => "service".to_owned(),
        key => format!("coalesce(attributes[{0}], resource[{0}])", literal(key)),
    }
}

/// Buckets of time.
pub(crate) fn bucket(width: i64) -> String {
    format!("date_bin(INTERVAL '{} seconds', time)", width / UnixNanos::SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        assert_eq!(literal("a'; DROP TABLE x; --\0"), "'a''; DROP TABLE x; --'");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(fits("service", &[Glob::new("a_%*")]), "service LIKE 'a\\_\\%%'");
    }

    #[test]
    fn instants_keep_their_nanoseconds() {
        assert_eq!(instant(UnixNanos(1_709_553_600_000_000_007)), "TIMESTAMP '2024-03-04T12:00:00.000000007Z'");
        assert_eq!(instant(UnixNanos(-1)), "TIMESTAMP '1969-12-31T23:59:59.999999999Z'");
    }
}
