//! Lists the files of the built web UI for `include_bytes!`, each with the variants that its build compressed.
//! It runs again only when `dashboards/web/dist` changed, and never runs Node itself.
//!
//! Invariant: what is listed here is all that can be served; without a build the list is empty.

#![allow(clippy::disallowed_methods, reason = "cargo speaks to a build script by its environment")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// A build has some dozens of files; more is a mistake that should not end in the binary.
const FILES_MAX: usize = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let dist = home.join("../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let files = if dist.join("index.html").is_file() { files(&dist)? } else { BTreeMap::new() };
    let mut table = String::from("pub(crate) static FILES: &[File] = &[\n");
    for (name, path) in &files {
        writeln!(table, "{}", entry(name, path)?)?;
    }
    table.push_str("];\n");
    fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("files.rs"), table)?;
    Ok(())
}

/// Files by their name under `dist` with `/` between folders, without those that are a variant of another.
fn files(dist: &Path) -> Result<BTreeMap<String, PathBuf>, Box<dyn std::error::Error>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dist.canonicalize()?];
    let root = folders[0].clone();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root)?.to_str().ok_or("a file name is not UTF-8")?.replace('\\', "/");
            if !name.starts_with('.') && !name.ends_with(".br") && !name.ends_with(".gz") {
                found.insert(name, path);
            }
        }
        if found.len() > FILES_MAX {
            return Err(format!("more than {FILES_MAX} files in {}", root.display()).into());
        }
    }
    Ok(found)
}

fn entry(name: &str, path: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut hasher = DefaultHasher::new();
    fs::read(path)?.hash(&mut hasher);
    let variant = |suffix: &str| {
        let compressed = PathBuf::from(format!("{}.{suffix}", path.display()));
        if compressed.is_file() { format!("Some(include_bytes!({compressed:?}))") } else { "None".to_owned() }
    };
    Ok(format!(
        "    File {{ name: {name:?}, tag: \"\\\"{:016x}\\\"\", plain: include_bytes!({path:?}), gzip: {}, brotli: {} }},",
        hasher.finish(),
        variant("gz"),
        variant("br"),
    ))
}
