//! The corpus of deadly queries, and what it is read by.

use crate::scripts::folder;

/// Statements of `tests/sql/qod.sql`, with `{{TEXT*N}}` and `{{TEXT*N:SEPARATOR}}` written out: some
/// must be long to be deadly. `--` lines are remarks; `;` at the end of a line ends a statement.
pub(crate) fn statements() -> Vec<String> {
    let text = std::fs::read_to_string(folder().join("qod.sql")).unwrap();
    let lines: String = text.lines().filter(|l| !l.starts_with("--")).map(|l| format!("{l}\n")).collect();
    lines.split(";\n").map(str::trim).filter(|s| !s.is_empty()).map(written_out).collect()
}

fn written_out(statement: &str) -> String {
    let mut out = String::new();
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}").unwrap();
        let (text, count) = inside.rsplit_once('*').unwrap();
        let (count, separator) = count.split_once(':').unwrap_or((count, ""));
        out.push_str(before);
        out.push_str(&vec![text; count.parse().unwrap()].join(separator));
        rest = after;
    }
    out + rest
}

#[test]
fn there_are_a_hundred_deadly_queries() {
    assert!(statements().len() >= 100, "{}", statements().len());
    assert_eq!(written_out("SELECT {{1*3:+}}, '{{ab*2}}'"), "SELECT 1+1+1, 'abab'");
}
