//! Reads the source tree for `tests/tidy.rs`, which holds it to the rules of ARCHITECTURE.md and
//! CONTRIBUTING.md. It knows nothing of what the code does.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap_or_else(|_| PathBuf::from("."))
}

/// One member of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Crate name, which is the last part of its folder.
    pub name: String,
    /// Folder below the root, such as `store/wal`.
    pub folder: String,
    /// Names under `[dependencies]` (not those of tests).
    pub dependencies: BTreeSet<String>,
}

/// All members as the root manifest lists them.
pub fn packages(root: &Path) -> Result<Vec<Package>> {
    let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let members = manifest["workspace"]["members"].as_array().context("workspace.members is a list")?;
    members
        .iter()
        .map(|member| {
            let folder = member.as_str().context("a member is a path")?.to_owned();
            let path = root.join(&folder).join("Cargo.toml");
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let manifest: toml::Table = text.parse().with_context(|| path.display().to_string())?;
            let name = manifest["package"]["name"].as_str().context("package.name is text")?.to_owned();
            let dependencies = match manifest.get("dependencies") {
                Some(toml::Value::Table(table)) => table.keys().cloned().collect(),
                _ => BTreeSet::new(),
            };
            Ok(Package { name, folder, dependencies })
        })
        .collect()
}

/// Every file below `folder` that ends in one of `endings`, build output and vendored trees left out.
pub fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "node_modules", "stormglass-data"].contains(&name.as_str()) {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Whether a source file is test code: a `tests` folder, a `tests.rs`, an example, a fuzz target.
pub fn is_test(path: &Path) -> bool {
    path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "examples" | "benches" | "fuzz")))
        || path.file_name().is_some_and(|name| name == "tests.rs" || name == "test.rs")
}

/// The part of a source file before its first `#[cfg(test)]`.
pub fn without_unit_tests(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod ").next().unwrap_or(source)
}
