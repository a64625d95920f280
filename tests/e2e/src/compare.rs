//! Whether SQL shows exactly what was sent: every item with every field, attribute, type and nanosecond.
//!
//! What was sent and what is shown are both written as a flat list of `field = value`; then the two
//! multisets of lists must be equal. Absent, empty and zero are one thing, as in protobuf.

mod sent;
mod shown;

use crate::ordered::Ordered;
use crate::sender::Request;
use crate::server::Server;
use std::collections::BTreeMap;

/// One item as `field = value`.
pub type Facts = BTreeMap<String, String>;

/// Items of each signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub spans: usize,
    pub logs: usize,
    pub points: usize,
}

/// Compares every item of the requests with what SQL shows of the services that sent them.
///
/// # Panics
/// When they differ, naming the field.
pub async fn assert_shown(server: &Server, requests: &[Request]) -> Counts {
    let sent = sent::facts(requests);
    let services = sent.services.iter().map(|s| format!("'{}'", s.replace('\'', "''"))).collect::<Vec<_>>().join(", ");
    let mut differences = Vec::new();
    for (table, expected, read) in [
        ("spans", &sent.spans, shown::span as fn(&Ordered) -> Facts),
        ("logs", &sent.logs, shown::log_record),
        ("metrics", &sent.points, shown::point),
    ] {
        let rows = ordered_rows(server, &format!("SELECT * FROM {table} WHERE service IN ({services})")).await;
        let shown: Vec<Facts> = rows.iter().map(read).collect();
        differences.extend(compare(table, expected, &shown));
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    Counts { spans: sent.spans.len(), logs: sent.logs.len(), points: sent.points.len() }
}

/// Rows as objects by column name, in the order of their keys.
async fn ordered_rows(server: &Server, sql: &str) -> Vec<Ordered> {
    let request = server.authorized(server.http().post(server.url("/api/v1/sql")));
    let answer = request.json(&serde_json::json!({ "sql": sql, "limit": 1_000_000 })).send().await.expect("an answer");
    let text = answer.text().await.expect("a body");
    let answer: Ordered = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{sql}: {e}: {text}"));
    assert_eq!(answer.get("complete"), &Ordered::Bool(true), "{sql}: {text}");
    let names: Vec<String> = answer.get("columns").list().iter().filter_map(|c| c.get("name").text()).collect();
    let row = |row: &Ordered| Ordered::Map(names.iter().cloned().zip(row.list().iter().cloned()).collect());
    answer.get("rows").list().iter().map(row).collect()
}

/// What is missing of `expected`, told by the nearest row, and what is shown beyond it.
fn compare(table: &str, expected: &[Facts], shown: &[Facts]) -> Vec<String> {
    let mut left: Vec<&Facts> = shown.iter().collect();
    let mut missing = Vec::new();
    for facts in expected {
        match left.iter().position(|row| *row == facts) {
            Some(at) => drop(left.swap_remove(at)),
            None => missing.push(facts),
        }
    }
    let mut differences: Vec<String> = missing
        .iter()
        .map(|facts| match nearest(facts, &left) {
            Some(row) => format!("{table}: {} differs: {}", name_of(facts), difference(facts, row)),
            None => format!("{table}: {} is not shown", name_of(facts)),
        })
        .collect();
    if left.len() > missing.len() {
        differences.push(format!("{table}: {} rows more than were sent", left.len() - missing.len()));
    }
    differences
}

fn nearest<'a>(facts: &Facts, rows: &[&'a Facts]) -> Option<&'a Facts> {
    rows.iter().copied().max_by_key(|row| facts.iter().filter(|(k, v)| row.get(*k) == Some(v)).count())
}

fn name_of(facts: &Facts) -> String {
    let of = |key: &str| facts.get(key).cloned().unwrap_or_default();
    format!("{} {}{}{}", of("service"), of("operation"), of("name"), of("body"))
}

fn difference(sent: &Facts, shown: &Facts) -> String {
    let keys = sent.keys().chain(shown.keys()).collect::<std::collections::BTreeSet<_>>();
    let differing = keys.into_iter().filter(|k| sent.get(*k) != shown.get(*k));
    differing.map(|k| format!("{k}: sent {:?}, shown {:?}", sent.get(k), shown.get(k))).collect::<Vec<_>>().join("; ")
}

/// A value by its type tag: doubles by their bits, arrays and maps by what their JSON means.
fn typed(tag: char, text: &str) -> String {
    match tag {
        'd' => format!("d:{:016x}", text.parse::<f64>().unwrap_or(f64::NAN).to_bits()),
        'a' | 'm' => format!("{tag}:{}", serde_json::from_str::<serde_json::Value>(text).unwrap_or_default()),
        tag => format!("{tag}:{text}"),
    }
}

/// Adds a fact unless it says nothing.
fn put(facts: &mut Facts, field: impl Into<String>, value: impl Into<String>) {
    let value = value.into();
    if !value.is_empty() && value != "0" {
        facts.insert(field.into(), value);
    }
}

/// Unix nanoseconds as SQL shows times.
fn time_text(nanos: u64) -> String {
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut day) = (1970, days);
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let months = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= months[month] {
        day -= months[month];
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z", month + 1, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn times_are_written_as_the_contract_has_them() {
        assert_eq!(time_text(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(time_text(1_709_210_096_000_000_007), "2024-02-29T12:34:56.000000007Z");
        assert_eq!(time_text(1_735_689_599_999_999_999), "2024-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn a_difference_names_its_field_and_each_row_counts_once() {
        let sent = [facts(&[("operation", "a"), ("x", "1")]), facts(&[("operation", "b")])];
        assert_eq!(compare("t", &sent, &sent), Vec::<String>::new());
        let shown = [facts(&[("operation", "a"), ("x", "2")]), facts(&[("operation", "b")])];
        assert_eq!(compare("t", &sent, &shown), vec![r#"t:  a differs: x: sent Some("1"), shown Some("2")"#]);
        let doubled = [sent[0].clone(), sent[1].clone(), sent[1].clone()];
        assert_eq!(compare("t", &sent, &doubled), vec!["t: 1 rows more than were sent"]);
        assert_eq!(compare("t", &sent, &sent[..1]), vec!["t:  b is not shown"]);
    }

    #[test]
    fn doubles_are_the_same_by_bits_and_json_by_meaning() {
        assert_eq!(typed('d', "3.0"), typed('d', "3"));
        assert_ne!(typed('d', "0.1"), typed('d', "0.10000000000000002"));
        assert_eq!(typed('a', "[1, \"x\"]"), typed('a', "[1,\"x\"]"));
        assert_ne!(typed('s', "1"), typed('i', "1"));
    }
}
