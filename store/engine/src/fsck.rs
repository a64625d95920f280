//! Catalog, files and WAL against each other; and the catalog anew from the files.
//!
//! Runs while no engine does: whoever calls it holds the lock of the data directory. A check changes
//! nothing, and makes no catalog where there is none. A rebuild keeps the old catalog aside and moves what is not part of the new one away
//! instead of deleting it.

use crate::error::EngineError;
use crate::orphans::{Orphan, Stock, judge};
use crate::recover::released_by_another;
use crate::settings::Settings;
use catalog::{Catalog, CatalogState, Checkpoint, Discarded, Rebuilt};
use parts::{ListedFile, PartStore};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tables::{PartFile, PartMeta};
use wal::{DataDirLock, Disk, Lsn, Wal};

/// How far to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FsckOptions {
    /// Read every value of every part, not only footers, sizes and checksums.
    pub deep: bool,
    /// Write the catalog anew.
    pub rebuild: bool,
}

/// What was found, in paths below the store's root.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FsckReport {
    pub files: u64,
    pub parts: u64,
    pub rows: u64,
    /// Live parts without a file: their rows are gone.
    pub missing: Vec<String>,
    /// Files that the catalog does not know, and what they are.
    pub orphans: Vec<(String, Orphan)>,
    /// The catalog is gone or an older copy: files were made under a later one, or the WAL begins behind
    /// it. No engine starts.
    pub catalog_behind: bool,
    /// Files that are not what was written, with what is wrong.
    pub damaged: Vec<(String, String)>,
    /// Records of the WAL that are not in parts yet, and damaged places in it.
    pub wal_records: u64,
    pub wal_damage: Vec<String>,
    pub rebuilt: Option<RebuildReport>,
}

/// What a rebuild did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RebuildReport {
    pub parts: u64,
    pub rows: u64,
    pub checkpoint: u64,
    /// Files moved away because their rows are elsewhere, with why.
    pub discarded: Vec<(String, &'static str)>,
    /// Records that are neither in parts nor in the WAL: `[from, until)`.
    pub lost_records: Option<(u64, u64)>,
}

impl FsckReport {
    /// True if nothing is wrong. Unknown files are no fault by themselves.
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.damaged.is_empty() && self.wal_damage.is_empty() && !self.catalog_behind
    }
}

/// Checks, and rebuilds if asked. `catalog_path` need not exist for a rebuild.
pub async fn fsck(
    _lock: &DataDirLock,
    settings: &Settings,
    store: &PartStore,
    catalog_path: &Path,
    disk: Arc<dyn Disk>,
    options: FsckOptions,
) -> Result<FsckReport, EngineError> {
    let listed = store.list(None).await?;
    let mut report = FsckReport { files: listed.len() as u64, ..FsckReport::default() };
    let files = read_footers(store, &listed, &mut report).await;
    if options.rebuild {
        report.rebuilt = Some(rebuild(settings, store, catalog_path, disk.clone(), files.clone(), &report).await?);
    }
    let state = load(catalog_path).await?;
    compare(&state, &files, &mut report);
    if options.deep {
        verify(store, &state, &mut report).await;
    }
    let wal = read_wal(settings, disk, Lsn(state.checkpoint), &mut report)?;
    report.orphans = orphans(&state, &files, &wal, &report);
    report.catalog_behind |= report.orphans.iter().any(|(_, what)| *what == Orphan::OfLaterCatalog);
    Ok(report)
}

/// What the catalog says; of one that is not there, nothing, as of before its first opening.
async fn load(path: &Path) -> Result<CatalogState, EngineError> {
    if !path.exists() {
        return Ok(CatalogState::default());
    }
    let catalog = Catalog::open(path, catalog::Settings::default()).await?;
    let state = catalog.load().await?;
    catalog.close().await;
    Ok(state)
}

async fn read_footers(store: &PartStore, listed: &[ListedFile], report: &mut FsckReport) -> Vec<PartFile> {
    let mut files = Vec::with_capacity(listed.len());
    for file in listed {
        match store.read_footer(&file.path).await {
            Ok(footer) => files.push(footer),
            Err(error) => report.damaged.push((file.path.clone(), error.to_string())),
        }
    }
    files
}

fn compare(state: &CatalogState, files: &[PartFile], report: &mut FsckReport) {
    let by_path: HashMap<&str, &PartMeta> = files.iter().map(|f| (f.meta.path.as_str(), &f.meta)).collect();
    report.parts = state.parts.len() as u64;
    report.rows = state.parts.iter().map(|p| p.rows).sum();
    for part in &state.parts {
        let Some(found) = by_path.get(part.path.as_str()) else {
            if !report.damaged.iter().any(|(path, _)| *path == part.path) {
                report.missing.push(part.path.clone());
            }
            continue;
        };
        if (part.rows, part.bytes, part.crc32) != (found.rows, found.bytes, found.crc32) {
            let what = format!(
                "the catalog says {} rows, {} bytes, checksum {:08x}; the file {}, {}, {:08x}",
                part.rows, part.bytes, part.crc32, found.rows, found.bytes, found.crc32
            );
            report.damaged.push((part.path.clone(), what));
        }
    }
}

/// What a start would make of the files that the catalog does not know.
fn orphans(state: &CatalogState, files: &[PartFile], wal: &Range<u64>, report: &FsckReport) -> Vec<(String, Orphan)> {
    let stock = Stock {
        // What the WAL does not have is no leftover, whatever the catalog says.
        checkpoint: state.checkpoint.max(wal.start),
        wal_end: wal.end,
        catalog_generation: state.generation,
        live: state.parts.iter().map(|part| part.id).collect(),
    };
    let listed = state.parts.iter().map(|p| p.path.as_str()).chain(state.retired.iter().map(|r| r.path.as_str()));
    let moved = report.rebuilt.iter().flat_map(|rebuilt| rebuilt.discarded.iter().map(|(path, _)| path.as_str()));
    let known: HashSet<&str> = listed.chain(moved).collect();
    let unknown = files.iter().filter(|file| !known.contains(file.meta.path.as_str()));
    let without_file = state.parts.iter().filter(|part| report.missing.contains(&part.path));
    let missing = without_file.map(|part| part.id).collect();
    let mut orphans: Vec<_> = unknown.map(|file| (file.meta.path.clone(), judge(file, &stock, &missing))).collect();
    orphans.sort_unstable();
    orphans
}

async fn verify(store: &PartStore, state: &CatalogState, report: &mut FsckReport) {
    for part in &state.parts {
        if report.missing.contains(&part.path) || report.damaged.iter().any(|(path, _)| *path == part.path) {
            continue;
        }
        if let Err(error) = store.verify(part).await {
            report.damaged.push((part.path.clone(), error.to_string()));
        }
    }
}

/// The WAL as a start would read it. Opening it leaves the directory as it is, but for segments that
/// the checkpoint has made superfluous.
fn open_wal(settings: &Settings, disk: Arc<dyn Disk>, from: Lsn) -> Result<(Wal, wal::Replay), EngineError> {
    let wal_settings = wal::Settings {
        segment_bytes: settings.wal_segment_bytes,
        ..wal::Settings::new(settings.data_dir.join("wal"))
    };
    Ok(Wal::open(disk, wal_settings, from)?)
}

/// Counts what waits in the WAL; gives the records it has from there on.
fn read_wal(
    settings: &Settings,
    disk: Arc<dyn Disk>,
    from: Lsn,
    report: &mut FsckReport,
) -> Result<Range<u64>, EngineError> {
    let mut first = None;
    let (wal, mut replay) = open_wal(settings, disk, from)?;
    while let Some(next) = replay.next() {
        match next {
            Ok(record) => {
                report.wal_records += 1;
                first.get_or_insert(record.lsn.0);
            }
            Err(damage) if first.is_none() && released_by_another(&damage, from.0).is_some() => {
                report.catalog_behind = true;
            }
            Err(damage) => report.wal_damage.push(damage.to_string()),
        }
    }
    let end = wal.next_lsn().0;
    Ok(first.unwrap_or(end)..end)
}

/// The oldest record that can be replayed; the end of the WAL if it has none.
fn oldest_record(settings: &Settings, disk: Arc<dyn Disk>) -> Result<u64, EngineError> {
    let (wal, mut replay) = open_wal(settings, disk, Lsn::ZERO)?;
    while let Some(next) = replay.next() {
        if let Ok(record) = next {
            return Ok(record.lsn.0);
        }
    }
    Ok(wal.next_lsn().0)
}

async fn rebuild(
    settings: &Settings,
    store: &PartStore,
    path: &Path,
    disk: Arc<dyn Disk>,
    files: Vec<PartFile>,
    report: &FsckReport,
) -> Result<RebuildReport, EngineError> {
    let wal_oldest = oldest_record(settings, disk)?;
    let rebuilt = Catalog::rebuild(path, files, Some(wal_oldest)).await?;
    for (part, _) in &rebuilt.discarded {
        store.retire(&part.path).await?;
    }
    for (path, _) in &report.damaged {
        store.retire(path).await?;
    }
    let lost_records = skip_to(path, &rebuilt, wal_oldest).await?;
    Ok(RebuildReport {
        parts: rebuilt.live.len() as u64,
        rows: rebuilt.live.iter().map(|p| p.rows).sum(),
        checkpoint: rebuilt.checkpoint.max(wal_oldest),
        discarded: rebuilt.discarded.iter().map(|(part, why)| (part.path.clone(), reason(*why))).collect(),
        lost_records,
    })
}

/// Where neither parts nor WAL have what lies between them, the catalog goes on from the WAL, or no
/// engine would ever start again.
async fn skip_to(path: &Path, rebuilt: &Rebuilt, wal_oldest: u64) -> Result<Option<(u64, u64)>, EngineError> {
    if wal_oldest <= rebuilt.checkpoint {
        return Ok(None);
    }
    let catalog = Catalog::open(path, catalog::Settings::default()).await?;
    catalog.commit(&Checkpoint { wal_until: Some(wal_oldest), ..Checkpoint::default() }).await?;
    catalog.close().await;
    Ok(Some((rebuilt.checkpoint, wal_oldest)))
}

fn reason(why: Discarded) -> &'static str {
    match why {
        Discarded::Replaced => "another part has its rows",
        Discarded::Uncommitted => "its checkpoint was never committed: the WAL has its rows",
        Discarded::UnfinishedMerge => "its merge was never committed: the inputs have its rows",
    }
}
