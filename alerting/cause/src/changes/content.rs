//! What a change touches, by its own words: which tokens it brought in or took away, which mechanisms it
//! meddles with, and whether it can matter at run time at all.

use super::tokens;
use crate::Change;
use std::collections::{BTreeMap, BTreeSet};

/// Mechanisms, by words of evidence and by words of changed lines (or of paths and titles).
const MECHANISMS: &[(&[&str], &[&str])] = &[
    (
        &["query", "querie", "sql", "relation", "row", "statement", "select", "table"],
        &[
            "select",
            "insert",
            "delete",
            "limit",
            "join",
            "queryrowcontext",
            "querycontext",
            "execute",
            "migration",
            "repository",
        ],
    ),
    (
        &["deadline", "timeout", "timed", "exceeded", "deadlineexceeded"],
        &["timeout", "withtimeout", "deadline", "millisecond", "retry", "backoff"],
    ),
    (
        &["mapping", "field", "column", "schema", "relation", "unknown", "parse"],
        &["mapping", "schema", "column", "migration", "properties", "propertie", "field"],
    ),
    (
        &["pointer", "dereference", "null", "nullpointer", "undefined", "nonetype", "panic"],
        &["nil", "null", "none", "undefined", "optional", "unwrap"],
    ),
    (
        &["disk", "space", "filesystem", "volume", "throughput"],
        &["debug", "level", "sample", "sample_rate", "retention", "rotate"],
    ),
    (
        &["capacity", "throttle", "throttled", "provisioned", "throughput", "throughputexceeded"],
        &["batch", "batchwriteitem", "putitem", "bulk", "chunk", "capacity"],
    ),
    (&["pool", "connection", "pending"], &["pool", "maxconn", "max_connection", "connection"]),
    (&["memory", "heap", "oom", "gc"], &["cache", "buffer", "heap", "limit", "memory"]),
    (&["certificate", "tls", "x509", "expired"], &["certificate", "tls", "cert"]),
    (&["lock", "deadlock"], &["lock", "transaction", "mutex", "isolation"]),
];

/// Files that no running service reads.
const INERT_EXTENSIONS: &[&str] = &["md", "css", "scss", "less", "txt.license", "svg", "png", "rst", "html"];
const INERT_PARTS: &[&str] = &[
    "/test/",
    "/tests/",
    "_test.",
    ".test.",
    ".spec.",
    "/docs/",
    "docs/",
    "documentation/",
    ".github/",
    ".circleci/",
    "codeowners",
    "theme.",
    "readme",
];

/// A change's words.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Brought in or taken away, not merely moved; lines that only report errors count a third.
    touched: BTreeMap<String, f64>,
    /// Words of the title and of paths.
    about: BTreeSet<String>,
    /// Words of changed lines, moved ones too.
    lines: BTreeSet<String>,
    /// Nothing it touches is read at run time.
    pub(super) inert: bool,
}

impl Content {
    pub(super) fn of(change: &Change) -> Self {
        let (mut added, mut removed, mut reporting) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut lines = BTreeSet::new();
        for line in change.diff.lines() {
            let (side, text) = match (line.strip_prefix('+'), line.strip_prefix('-')) {
                (Some(text), _) if !line.starts_with("+++") => (&mut added, text),
                (_, Some(text)) if !line.starts_with("---") => (&mut removed, text),
                _ => continue,
            };
            let text = uncommented(text);
            let reports = is_report(text);
            for (token, count) in tokens::of(text) {
                if reports {
                    reporting.insert(token.clone());
                }
                lines.insert(token.clone());
                *side.entry(token).or_insert(0_u32) += count;
            }
        }
        let mut touched = BTreeMap::new();
        for token in &lines {
            let (plus, minus) = (added.get(token).copied().unwrap_or(0), removed.get(token).copied().unwrap_or(0));
            if (plus == 0) != (minus == 0) {
                touched.insert(token.clone(), if reporting.contains(token) { 1.0 / 3.0 } else { 1.0 });
            }
        }
        let about = tokens::of(&change.title)
            .into_keys()
            .chain(change.files.iter().flat_map(|file| tokens::of(file).into_keys()))
            .collect();
        let inert = !change.files.is_empty() && change.files.iter().all(|file| is_inert(file));
        Self { touched, about, lines, inert }
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &String> {
        self.touched.keys().chain(&self.about)
    }

    /// How well what was touched fits what was seen, and the words that fit. `rarity` weighs a word by
    /// how few changes use it.
    pub(super) fn fit(&self, seen: &BTreeMap<String, u32>, rarity: impl Fn(&str) -> f64) -> (f64, Vec<String>) {
        const FIT_MAX: f64 = 5.0;
        const ABOUT_WEIGHT: f64 = 0.3;
        const MECHANISM_WEIGHT: f64 = 2.0;
        let mut fit = 0.0;
        let mut words = Vec::new();
        for token in seen.keys() {
            if let Some(weight) = self.touched.get(token) {
                fit += weight * rarity(token);
                words.push(token.clone());
            } else if self.about.contains(token) {
                fit += ABOUT_WEIGHT * rarity(token);
            }
        }
        for (evidence, change) in MECHANISMS {
            let speaks = evidence.iter().any(|word| seen.contains_key(*word));
            let meddles = change.iter().find(|word| {
                self.touched.contains_key(**word)
                    || self.about.contains(**word)
                    || (self.changes_figures() && self.lines.contains(**word))
            });
            if let (true, Some(word)) = (speaks, meddles) {
                fit += MECHANISM_WEIGHT;
                words.push((*word).to_owned());
            }
        }
        words.dedup();
        (fit.min(FIT_MAX), words)
    }

    /// A figure was replaced by another.
    fn changes_figures(&self) -> bool {
        self.touched.keys().any(|token| token.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// A line of code without its comment.
fn uncommented(line: &str) -> &str {
    let start = line.trim_start();
    if ["//", "# ", "/*", "* "].iter().any(|mark| start.starts_with(mark)) {
        return "";
    }
    line.split_once(" // ").map_or(line, |(code, _)| code)
}

/// A line that only words an error: evidence echoes it, whoever wrote it last.
fn is_report(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["error(", "errorf(", "error:", "log.", "logger.", "status(", "throw ", "panic(", "printf("]
        .iter()
        .any(|part| line.contains(part))
}

fn is_inert(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    INERT_EXTENSIONS.contains(&extension) || INERT_PARTS.iter().any(|part| file.contains(part))
}
