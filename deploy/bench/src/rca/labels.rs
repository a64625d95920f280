//! Labelled incidents on disk: what belongs to each, and its truth.
//!
//! A label is read here and by [`super::verdict`], after the fact; nothing of it is ever sent.

use super::nanos;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A case with its truth.
#[derive(Clone, Debug)]
pub(super) struct Labelled {
    pub(super) name: String,
    pub(super) system: String,
    pub(super) fault: String,
    pub(super) folder: PathBuf,
    /// Telemetry of healthy times of the same system.
    pub(super) baselines: Vec<PathBuf>,
    pub(super) root: Root,
    /// From when to when the fault lasted, Unix nanoseconds.
    pub(super) lasted: (i64, i64),
}

/// What is held to be true of a case.
#[derive(Clone, Debug)]
pub(super) enum Root {
    Service(String),
    /// The culprit's revision; `none` where no change did it.
    Revision(String),
}

/// A page, as the alert it is.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Unix nanoseconds.
    pub(super) at: u64,
    pub(super) alert: Value,
}

/// Unix nanoseconds.
fn unix(text: &str) -> Option<u64> {
    nanos(text).and_then(|at| u64::try_from(at).ok())
}

impl Labelled {
    /// Whether it belongs to the half that nobody looks at while rules are made: by its name alone, so that
    /// it stays in its half when others come.
    pub(super) fn is_held_back(&self) -> bool {
        // FNV-1a, its bits folded onto each other.
        let hash = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash.count_ones() % 2 == 1
    }

    /// The page that woke somebody up, where one did.
    pub(super) fn paged(&self) -> Result<Option<Page>> {
        let file = self.folder.join("alert.json");
        if !file.is_file() {
            return Ok(None);
        }
        let page = read(&file)?;
        let at = page["fired_at"].as_str().and_then(unix).context("the page has no time")?;
        let alert = json!([{
            "labels": {"alertname": page["monitor"], "service": page["service"], "severity": page["severity"]},
            "annotations": {"summary": page["summary"]},
            "startsAt": page["fired_at"],
        }]);
        Ok(Some(Page { at, alert }))
    }

    /// Whether a text is part of its name, system or fault.
    pub(super) fn matches(&self, text: &str) -> bool {
        [&self.name, &self.system, &self.fault].iter().any(|of| of.contains(text))
    }
}

pub(super) fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// Every case below a folder.
pub(super) fn all(data: &Path) -> Result<Vec<Labelled>> {
    let mut cases = Vec::new();
    let nezha = data.join("nezha");
    if nezha.is_dir() {
        for case in read(&nezha.join("labels.json"))?["cases"].as_array().into_iter().flatten() {
            cases.push(of_nezha(&nezha, case)?);
        }
    }
    let changes = data.join("changes");
    if changes.is_dir() {
        for case in read(&changes.join("labels.json"))?.as_array().into_iter().flatten() {
            cases.push(of_changes(&changes, case)?);
        }
    }
    anyhow::ensure!(!cases.is_empty(), "{} has neither nezha/ nor changes/", data.display());
    Ok(cases)
}

fn text(value: &Value, key: &str) -> Result<String> {
    value[key].as_str().map(str::to_owned).with_context(|| format!("a label has no {key}"))
}

fn of_nezha(folder: &Path, case: &Value) -> Result<Labelled> {
    let name = text(case, "case")?;
    let baseline = folder.join(text(case, "baseline")?);
    let mut baselines = files(&baseline)?;
    // A day without fault-free traces borrows those of the next.
    let is_traces = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("traces"));
    if !baselines.iter().any(is_traces) {
        baselines.extend(files(&folder.join("baseline/2022-08-23"))?.into_iter().filter(is_traces));
    }
    let time = |key: &str| case[key].as_i64().with_context(|| format!("{name} has no {key}"));
    Ok(Labelled {
        folder: folder.join("cases").join(&name),
        system: text(case, "system")?,
        fault: text(case, "fault_type")?,
        root: Root::Service(text(case, "root_service")?),
        lasted: (time("fault_start_unix_nano")?, time("fault_end_unix_nano")?),
        baselines,
        name,
    })
}

/// A page comes so long after its fault at most.
const PAGE_AFTER_NS: i64 = 15 * 60 * 1_000_000_000;

fn of_changes(folder: &Path, case: &Value) -> Result<Labelled> {
    let name = text(case, "case")?;
    let fired = text(case, "fired_at")?;
    let fired = nanos(&fired).with_context(|| format!("{name}: {fired:?} is no time"))?;
    Ok(Labelled {
        folder: folder.join(&name),
        system: "changes".into(),
        fault: text(case, "difficulty").unwrap_or_else(|_| "change".into()),
        root: Root::Revision(text(case, "root_commit")?),
        lasted: (fired - PAGE_AFTER_NS, fired),
        baselines: Vec::new(),
        name,
    })
}

/// Export requests of a folder in the order of their names.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "gz"));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Labelled {
        Labelled {
            name: name.into(),
            system: "shop".into(),
            fault: "cpu".into(),
            folder: PathBuf::new(),
            baselines: Vec::new(),
            root: Root::Service("cart".into()),
            lasted: (0, 0),
        }
    }

    #[test]
    fn about_half_of_all_cases_is_held_back_and_a_case_stays_in_its_half() {
        let held_back = (0..1_000).filter(|n| named(&format!("case-{n:04}")).is_held_back()).count();
        assert!((400..600).contains(&held_back), "{held_back}");
        assert_eq!(named("case-0001").is_held_back(), named("case-0001").is_held_back());
    }

    #[test]
    fn a_case_is_chosen_by_a_part_of_its_name_its_system_or_its_fault() {
        let case = named("case-0001");
        assert!(case.matches("0001") && case.matches("shop") && case.matches("cpu"));
        assert!(!case.matches("0002"));
    }
}
