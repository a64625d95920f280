//! `stormglass fsck`: catalog, files and write-ahead log against each other.

use super::serve::settings;
use crate::Outcome;
use crate::cli::Fsck;
use crate::telemetry::say;
use crate::wiring::part_settings;
use engine::{FsckOptions, FsckReport, Orphan};
use std::fmt::Write;
use std::sync::Arc;

pub(super) async fn run(args: Fsck) -> Outcome {
    let settings = settings(&args.local, None)?;
    if !settings.data_dir.is_dir() {
        return Err(anyhow::anyhow!("{}: there is no such folder", settings.data_dir.display()).into());
    }
    let lock = wal::DataDirLock::acquire(&settings.data_dir).map_err(anyhow::Error::from)?;
    let store = parts::PartStore::open(part_settings(&settings)).map_err(anyhow::Error::from)?;
    let catalog = settings.data_dir.join("catalog.sqlite");
    let options = FsckOptions { deep: args.deep, rebuild: args.rebuild };
    let report = engine::fsck(&lock, &settings.engine, &store, &catalog, Arc::new(wal::RealDisk), options).await;
    let report = report.map_err(anyhow::Error::from)?;
    say(shown(&report, args.deep).trim_end());
    if report.is_clean() { Ok(()) } else { Err(anyhow::anyhow!("something is wrong; see above").into()) }
}

/// The report in lines, each of which says what it means.
fn shown(report: &FsckReport, deep: bool) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    if let Some(rebuilt) = &report.rebuilt {
        line(format!(
            "catalog made anew: {} parts, {} rows, WAL from record {}",
            rebuilt.parts, rebuilt.rows, rebuilt.checkpoint
        ));
        for (path, why) in &rebuilt.discarded {
            line(format!("moved away: {path}: {why}"));
        }
        if let Some((from, until)) = rebuilt.lost_records {
            line(format!("LOST: records {from} to {until} of the write-ahead log are neither there nor in files"));
        }
    }
    line(format!("{} files, of which {} are live, with {} rows", report.files, report.parts, report.rows));
    line(format!("{} records wait in the write-ahead log", report.wal_records));
    for path in &report.missing {
        line(format!("MISSING: {path}: the catalog lists it, and there is no file; its rows are gone"));
    }
    for (path, what) in &report.damaged {
        line(format!("DAMAGED: {path}: {what}"));
    }
    for what in &report.wal_damage {
        line(format!("DAMAGED: write-ahead log: {what}"));
    }
    for (path, what) in &report.orphans {
        let what = match what {
            Orphan::Leftover => "of unfinished work, whose rows are elsewhere: the server removes it",
            Orphan::OfLaterCatalog => "it was made under a later catalog than this one",
            Orphan::Unknown => "it is left alone and not read",
        };
        line(format!("unknown: {path}: the catalog does not list it; {what}"));
    }
    if report.catalog_behind {
        line("DAMAGED: catalog: it is gone, or an older copy: run `stormglass fsck --rebuild`".to_owned());
    }
    if report.is_clean() {
        let how =
            if deep { "every value was read" } else { "footers and sizes were compared; --deep reads every value" };
        line(format!("clean: {how}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_every_fault_and_says_clean_only_when_it_is() {
        let clean = FsckReport { files: 2, parts: 2, rows: 9, ..FsckReport::default() };
        assert!(shown(&clean, false).contains("clean: footers and sizes were compared"));
        let bad = FsckReport {
            missing: vec!["default/spans/a".into()],
            damaged: vec![("default/spans/b".into(), "bad footer".into())],
            wal_damage: vec!["segment 3".into()],
            catalog_behind: true,
            orphans: vec![
                ("default/logs/c".into(), Orphan::OfLaterCatalog),
                ("default/logs/d".into(), Orphan::Leftover),
            ],
            ..clean
        };
        let text = shown(&bad, true);
        for part in [
            "MISSING: default/spans/a",
            "DAMAGED: default/spans/b: bad footer",
            "DAMAGED: write-ahead log: segment 3",
            "logs/c: the catalog does not list it; it was made under a later catalog",
            "logs/d: the catalog does not list it; of unfinished work",
            "DAMAGED: catalog: it is gone, or an older copy: run `stormglass fsck --rebuild`",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("clean"));
    }
}
