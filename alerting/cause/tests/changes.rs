//! The score on authored incidents with changes: is the culprit convicted, and nobody else?

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by a panic; a table is for a terminal"
)]

mod otlp;

use cause::{Case, Change, Window, judge};
use model::{Entity, TimeRange, UnixNanos};
use otlp::{Reader, shared};
use serde_json::Value;
use std::path::Path;

const MINUTE: i64 = 60 * UnixNanos::SECOND;

/// `2026-06-18T15:06:00Z`, as these files write times.
fn instant(text: &str) -> UnixNanos {
    let field = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    // Days since 1970 of a date of the Gregorian calendar, years beginning in March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719_468;
    UnixNanos((days * 86_400 + field(11, 13) * 3600 + field(14, 16) * 60 + field(17, 19)) * UnixNanos::SECOND)
}

fn changes(file: &Path) -> Vec<Change> {
    let read = |(number, line): (usize, &str)| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |keys: &[&str]| keys.iter().find_map(|key| row[*key].as_str()).unwrap_or_default().to_owned();
        let title = match row["flag"].as_str() {
            Some(flag) => format!("{flag} {}", text(&["change"])),
            None => text(&["message"]),
        };
        Change {
            id: number.to_string(),
            time: instant(row["time"].as_str().unwrap()),
            kind: text(&["kind"]),
            target: text(&["service"]),
            version: text(&["version"]),
            author: text(&["author", "actor"]),
            title,
            revision: text(&["commit_sha", "sha"]),
            files: row["files_changed"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|file| file.as_str().unwrap().to_owned())
                .collect(),
            diff: text(&["diff"]),
            ..Change::default()
        }
    };
    std::fs::read_to_string(file).unwrap().lines().enumerate().map(read).collect()
}

fn read_case(folder: &Path) -> Case {
    let alert: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("alert.json")).unwrap()).unwrap();
    let fired = instant(alert["fired_at"].as_str().unwrap());
    let mut reader = Reader::new();
    reader.folder(folder);
    let range = |from: i64, until: i64| TimeRange {
        from: UnixNanos(fired.0 + from * MINUTE),
        until: UnixNanos(fired.0 + until * MINUTE),
    };
    Case {
        records: reader.telemetry.finish(),
        window: Window { reference: vec![range(-75, -15)], current: range(-15, 5) },
        suffering: vec![Entity::service(alert["service"].as_str().unwrap()).into()],
        changes: changes(&folder.join("changes.jsonl")),
        ..Case::default()
    }
}

#[test]
fn the_culprit_is_convicted_and_nobody_else() {
    let Some(folder) = shared("changes") else { return };
    let labels: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("labels.json")).unwrap()).unwrap();
    let (mut cases, mut right, mut innocent) = (0, 0, 0);
    for label in labels.as_array().unwrap() {
        let name = label["case"].as_str().unwrap();
        let case = read_case(&folder.join(name));
        let verdict = judge(&case);
        let revision = |id: &str| {
            case.changes.iter().find(|change| change.id == id).map_or("", |change| change.revision.as_str()).to_owned()
        };
        let convicted: Vec<String> =
            verdict.changes.iter().filter(|change| change.suspect).map(|change| revision(&change.id)).collect();
        let root = label["root_commit"].as_str().unwrap();
        let found =
            if root == "none" { convicted.is_empty() } else { convicted.first().is_some_and(|first| first == root) };
        cases += 1;
        right += usize::from(found);
        innocent += convicted.iter().filter(|convicted| *convicted != root).count();
        println!(
            "{} {name} (root cause {})",
            if found { "right" } else { "WRONG" },
            verdict
                .causes
                .first()
                .map_or(String::new(), |cause| format!("{} {} {:.1}", cause.entity, cause.kind, cause.score))
        );
        for change in verdict
            .changes
            .iter()
            .filter(|change| change.score > 0.0 || change.suspect || revision(&change.id) == root)
            .take(5)
        {
            println!(
                "    {:5.2} {} {} {} \"{}\": {}",
                change.score,
                &revision(&change.id).get(..8).unwrap_or("-"),
                change.kind,
                change.target,
                change.title.as_deref().unwrap_or(""),
                change.reason.en
            );
        }
    }
    println!("culprit (or none) right in {right} of {cases}, innocent convicted {innocent}");
    assert!(right * 100 >= cases * 90, "{right} of {cases}");
    assert_eq!(innocent, 0);
}
