//! The rules of the house, as a test: who may depend on whom, what a module head says, which names
//! and calls are banned. A failure lists every offender with what would be right.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tidy::{Package, files, is_test, packages, root, without_unit_tests};

/// Allowed arrows between our crates. A new arrow is a design decision: it is drawn here and in
/// ARCHITECTURE.md in the same commit.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("tables", &["model"]),
    ("wal", &["model"]),
    ("parts", &["model", "tables"]),
    ("sqlite", &[]),
    ("catalog", &["model", "tables", "sqlite"]),
    ("metastore", &["model", "sqlite"]),
    ("rollup", &["model", "tables"]),
    ("engine", &["model", "tables", "rollup", "wal", "parts", "catalog"]),
    ("decode", &["model", "tables"]),
    ("receive", &["model", "tables", "decode", "engine"]),
    ("client", &["model", "tables", "engine"]),
    ("sql", &["model", "tables", "rollup", "parts", "client", "traces"]),
    ("graph", &["model"]),
    ("traces", &["model"]),
    ("timeline", &["model"]),
    ("api", &["model", "tables", "client", "engine", "rollup", "graph", "traces", "timeline", "metastore"]),
    ("rules", &["model"]),
    ("incident", &["model"]),
    ("cause", &["model", "incident"]),
    ("notify", &["model", "incident"]),
    (
        "watch",
        &["model", "tables", "engine", "client", "api", "metastore", "graph", "rules", "incident", "cause", "notify"],
    ),
    ("assets", &[]),
    ("access", &["model", "metastore"]),
    ("demo", &["model"]),
    ("bench", &["model"]),
];

/// Crates that take values and return values: no runtime, no file, no network.
const PURE: &[&str] =
    &["model", "tables", "decode", "rollup", "graph", "traces", "timeline", "rules", "incident", "cause"];
const IMPURE: &[&str] = &["tokio", "object_store", "sqlx", "reqwest", "hyper", "axum", "tonic", "rustix", "tracing"];

fn check(what: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{what}:\n  {}", offenders.join("\n  "));
}

fn all() -> Vec<Package> {
    packages(&root()).unwrap()
}

#[test]
fn dependencies_follow_the_drawn_arrows() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let packages = all();
    let ours: Vec<_> = packages.iter().map(|p| p.name.clone()).collect();
    let mut offenders = Vec::new();
    for package in packages.iter().filter(|p| p.name != "server" && !p.folder.starts_with("tests/")) {
        let Some(allowed) = arrows.get(package.name.as_str()) else {
            offenders.push(format!("{}: not drawn; add it to ARROWS and ARCHITECTURE.md", package.name));
            continue;
        };
        for used in package.dependencies.iter().filter(|d| ours.contains(d)) {
            if !allowed.contains(&used.as_str()) {
                offenders.push(format!("{} -> {used}: not an allowed arrow", package.name));
            }
        }
    }
    check("arrows", &offenders);
}

#[test]
fn a_folder_is_named_like_its_crate() {
    let offenders: Vec<_> = all()
        .iter()
        .filter(|p| p.folder.rsplit('/').next() != Some(&p.name))
        .map(|p| format!("{} in {}", p.name, p.folder))
        .collect();
    check("folder name = crate name", &offenders);
}

#[test]
fn pure_crates_have_no_runtime_and_no_files() {
    let mut offenders = Vec::new();
    for package in all().iter().filter(|p| PURE.contains(&p.name.as_str())) {
        offenders.extend(
            package
                .dependencies
                .iter()
                .filter(|d| IMPURE.contains(&d.as_str()))
                .map(|d| format!("{} uses {d}", package.name)),
        );
    }
    check("pure crates", &offenders);
}

#[test]
fn datafusion_lives_in_the_query_worker_only() {
    let offenders: Vec<_> = all()
        .iter()
        .filter(|p| p.name != "sql" && !p.folder.starts_with("tests/") && p.dependencies.contains("datafusion"))
        .map(|p| format!("{}: ask through `client`", p.name))
        .collect();
    check("the process that acknowledges has no DataFusion in it", &offenders);
    let offenders: Vec<_> = all()
        .iter()
        .filter(|p| p.name != "server" && p.dependencies.contains("sql"))
        .map(|p| format!("{}: only `server` links the worker", p.name))
        .collect();
    check("only server links sql", &offenders);
}

/// Unit tests beside their module speak for themselves; a fuzz target has `#![no_main]` above its head.
fn is_head_said(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    path.ends_with("tests.rs") || text.trim_start_matches("#![no_main]").trim_start().starts_with("//!")
}

#[test]
fn every_module_says_what_it_is() {
    let root = root();
    let offenders: Vec<_> = files(&root, &[".rs"])
        .into_iter()
        .filter(|path| !is_head_said(path))
        .map(|path| format!("{}: first line is not `//!`", path.strip_prefix(&root).unwrap().display()))
        .collect();
    check("module heads", &offenders);
}

#[test]
fn file_names_say_something() {
    let root = root();
    let banned = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "lib2"];
    let offenders: Vec<_> = files(&root, &[".rs", ".ts", ".tsx", ".py", ".mjs"])
        .into_iter()
        .filter(|path| path.file_stem().is_some_and(|stem| banned.contains(&stem.to_string_lossy().as_ref())))
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect();
    check("name the idea, not the drawer", &offenders);
}

/// Names of types that stand in the description of the API.
fn described_types(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !(line.trim_start().starts_with("#[derive(") && line.contains("ToSchema")) {
            continue;
        }
        let declared = lines.find(|line| line.contains("struct ") || line.contains("enum ")).unwrap_or_default();
        let mut words = declared.split(|c: char| !c.is_alphanumeric()).skip_while(|w| *w != "struct" && *w != "enum");
        names.extend(words.nth(1).map(str::to_owned));
    }
    names
}

#[test]
fn a_type_of_the_description_has_a_name_of_its_own() {
    let root = root();
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files(&root.join("query"), &[".rs"]) {
        for name in described_types(&fs::read_to_string(&path).unwrap()) {
            homes.entry(name).or_default().push(path.strip_prefix(&root).unwrap().display().to_string());
        }
    }
    assert!(homes.len() > 20, "{} types found", homes.len());
    let offenders: Vec<_> =
        homes.iter().filter(|(_, at)| at.len() > 1).map(|(name, at)| format!("{name}: {at:?}")).collect();
    check("the description knows types by name alone: one would stand for the other", &offenders);
}

/// Calls that have one home. (needle, where it may stand, what would be right)
const CALLS: &[(&str, &[&str], &str)] = &[
    ("std::env::", &["deploy/server", "deploy/bench", "tests/"], "settings are read once, in deploy/server"),
    ("env::var", &["deploy/server", "deploy/bench", "tests/"], "settings are read once, in deploy/server"),
    ("SystemTime::now", &["store/model/src/clock.rs"], "take a model::Clock"),
    ("unbounded_channel", &[], "every queue has a named bound"),
    ("todo!(", &[], "finish it"),
    ("unimplemented!(", &[], "finish it"),
    ("unsafe {", &[], "no unsafe in our crates"),
    ("danger_accept_invalid", &[], "certificates are checked"),
];

#[test]
fn calls_with_one_home_stay_at_home() {
    let root = root();
    let mut offenders = Vec::new();
    for path in files(&root, &[".rs"]).into_iter().filter(|p| !is_test(p.strip_prefix(&root).unwrap())) {
        let shown = path.strip_prefix(&root).unwrap().display().to_string();
        let source = fs::read_to_string(&path).unwrap();
        for (number, line) in without_unit_tests(&source).lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            // A build script is told by the environment what it builds for.
            for (needle, homes, right) in CALLS.iter().filter(|_| !shown.ends_with("build.rs")) {
                if code.contains(needle) && !homes.iter().any(|home| shown.starts_with(home)) {
                    offenders.push(format!("{shown}:{}: {needle} ({right})", number + 1));
                }
            }
        }
    }
    check("calls", &offenders);
}

/// The rows of the fault matrix that are tried; the name of a test that tries one begins with it.
const FAULTS: &str = "a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18 b1 b2 b3 b9 b11 b12 b13 c1 c4 c5 c6 \
    c7 c8 c9 c10 d1 d2 d3 d4 d5 d6 d7 d13 d14 e1 e2 e3 e4 f6 g4 g5 g6";

#[test]
fn every_fault_that_is_survived_has_a_test_that_names_it() {
    let root = root();
    let sources: Vec<_> = files(&root, &[".rs"]).iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    let untried = FAULTS.split_whitespace().filter(|row| !sources.iter().any(|s| s.contains(&format!("fn {row}_"))));
    let offenders: Vec<_> = untried.map(|row| format!("{row}: no test is called {row}_...")).collect();
    check("faults without a test", &offenders);
}

#[test]
fn no_test_is_ignored() {
    let root = root();
    let needle = concat!("#[", "ignore");
    let offenders: Vec<_> = files(&root, &[".rs"])
        .into_iter()
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(needle)))
        .map(|path| format!("{}: print SKIPPED with the reason instead", path.strip_prefix(&root).unwrap().display()))
        .collect();
    check("ignored tests", &offenders);
}

#[test]
fn text_files_have_no_trailing_spaces_and_no_tabs() {
    let root = root();
    let mut offenders = Vec::new();
    for path in files(&root, &[".rs", ".toml", ".md"]) {
        let source = fs::read_to_string(&path).unwrap();
        for (number, line) in source.lines().enumerate() {
            if line.ends_with([' ', '\t']) || (line.contains('\t') && !path.ends_with("Makefile")) {
                offenders.push(format!("{}:{}", path.strip_prefix(&root).unwrap().display(), number + 1));
            }
        }
    }
    check("white space", &offenders);
}

#[test]
fn crates_share_versions_through_the_workspace() {
    let root = root();
    let mut offenders = Vec::new();
    for package in all() {
        let path = root.join(&package.folder).join("Cargo.toml");
        let manifest: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        for section in ["dependencies", "dev-dependencies"] {
            let Some(toml::Value::Table(table)) = manifest.get(section) else { continue };
            for (name, value) in table {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    offenders.push(format!("{}: {name} names its own version", package.folder));
                }
            }
        }
    }
    check("workspace dependencies only", &offenders);
}
