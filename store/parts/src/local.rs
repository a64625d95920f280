//! Parts as files of a local directory: names appear whole and stay through a power cut.

use crate::draft::{Finished, TEMPORARY, disk, sync_dir};
use crate::{ListedFile, PartError};
use model::UnixNanos;
use std::collections::HashSet;
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

/// `DATA_DIR/parquet` and `DATA_DIR/replaced`.
#[derive(Debug)]
pub(crate) struct LocalFiles {
    pub(crate) parquet: PathBuf,
    replaced: PathBuf,
    /// Directories whose own entries this process has made durable.
    durable: Mutex<HashSet<PathBuf>>,
}

impl LocalFiles {
    pub(crate) fn open(parquet: PathBuf, replaced: PathBuf) -> Result<Self, PartError> {
        for dir in [&parquet, &replaced] {
            std::fs::create_dir_all(dir).map_err(disk("create directory", dir))?;
        }
        Ok(Self { parquet, replaced, durable: Mutex::default() })
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.parquet.join(path)
    }

    /// The place of a file that is to be written, its directories made and durable.
    pub(crate) fn place(&self, path: &str) -> Result<PathBuf, PartError> {
        let place = self.path(path);
        self.ensure_dirs(&self.parquet, place.parent().unwrap_or(&self.parquet))?;
        Ok(place)
    }

    pub(crate) fn publish(&self, finished: Finished, path: &str) -> Result<(), PartError> {
        finished.rename_to(&self.path(path))
    }

    pub(crate) fn retire(&self, path: &str) -> Result<(), PartError> {
        let (from, to) = (self.path(path), self.replaced.join(path));
        self.ensure_dirs(&self.replaced, to.parent().unwrap_or(&self.replaced))?;
        match std::fs::rename(&from, &to) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            moved => moved.map_err(disk("rename", &from)),
        }
    }

    pub(crate) fn remove(&self, path: &str) -> Result<(), PartError> {
        for root in [&self.parquet, &self.replaced] {
            let file = root.join(path);
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                removed => removed.map_err(disk("remove", &file))?,
            }
            self.remove_empty_dirs(root, &file);
        }
        Ok(())
    }

    /// All finished parts below `below` (a workspace, or the root).
    pub(crate) fn list(&self, below: &str) -> Result<Vec<ListedFile>, PartError> {
        let mut files = Vec::new();
        walk(&self.parquet.join(below), &mut |entry| {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "parquet") {
                let meta = entry.metadata()?;
                let age = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                let modified = UnixNanos(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
                let relative = path.strip_prefix(&self.parquet).unwrap_or(&path);
                files.push(ListedFile { path: relative.to_string_lossy().into_owned(), bytes: meta.len(), modified });
            }
            Ok(())
        })?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Removes unfinished files; says how many.
    pub(crate) fn clear_temporary(&self) -> Result<u64, PartError> {
        clear_temporary(&self.parquet)
    }

    /// Every directory from `root` down to `dir` exists and its entry is on stable storage. An earlier
    /// process may have made a directory and died before its fsync, so existence alone proves nothing.
    fn ensure_dirs(&self, root: &Path, dir: &Path) -> Result<(), PartError> {
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(dir) && dir.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(dir).map_err(disk("create directory", dir))?;
        for parent in dir.ancestors().skip(1) {
            sync_dir(parent)?;
            if parent == root {
                break;
            }
        }
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.to_owned());
        Ok(())
    }

    /// Directories that became empty go with their last file; a failure here is of no consequence.
    fn remove_empty_dirs(&self, root: &Path, file: &Path) {
        for dir in file.ancestors().skip(1).take_while(|dir| *dir != root) {
            self.durable.lock().unwrap_or_else(PoisonError::into_inner).remove(dir);
            if std::fs::remove_dir(dir).is_err() {
                break;
            }
        }
    }
}

/// Removes unfinished files below a directory; says how many.
pub(crate) fn clear_temporary(dir: &Path) -> Result<u64, PartError> {
    let mut cleared = 0;
    walk(dir, &mut |entry| {
        if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
            std::fs::remove_file(entry.path())?;
            cleared += 1;
        }
        Ok(())
    })?;
    Ok(cleared)
}

/// Calls `found` for every file below a directory; a missing directory has none.
fn walk(dir: &Path, found: &mut dyn FnMut(&DirEntry) -> std::io::Result<()>) -> Result<(), PartError> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(disk("list", dir))?,
    };
    for entry in entries {
        let entry = entry.map_err(disk("list", dir))?;
        let path = entry.path();
        if entry.file_type().map_err(disk("list", &path))?.is_dir() {
            walk(&path, found)?;
        } else {
            found(&entry).map_err(disk("list", &path))?;
        }
    }
    Ok(())
}
