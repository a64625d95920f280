//! A file that is being written: without its final name, gone when it is dropped.

use crate::PartError;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Ending of a file that is not finished; such files are never parts.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Bytes on their way into a file, counted and summed.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    out: BufWriter<File>,
    crc: crc32fast::Hasher,
    bytes: u64,
    kept: bool,
}

/// A draft that is whole and on stable storage, under its temporary name.
#[derive(Debug)]
pub(crate) struct Finished {
    path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) crc32: u32,
    kept: bool,
}

impl Draft {
    /// Begins the draft of `path`, in the same directory.
    pub(crate) fn begin(path: &Path) -> Result<Self, PartError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(TEMPORARY);
        let path = path.with_file_name(name);
        let file = File::create(&path).map_err(disk("create", &path))?;
        let out = BufWriter::with_capacity(256 << 10, file);
        Ok(Self { path, out, crc: crc32fast::Hasher::new(), bytes: 0, kept: false })
    }

    pub(crate) fn finish(mut self) -> Result<Finished, PartError> {
        self.out.flush().map_err(disk("write", &self.path))?;
        self.out.get_ref().sync_all().map_err(disk("fsync", &self.path))?;
        self.kept = true;
        Ok(Finished { path: self.path.clone(), bytes: self.bytes, crc32: self.crc.clone().finalize(), kept: false })
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            discard(&self.path);
        }
    }
}

impl Finished {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, for good.
    pub(crate) fn rename_to(mut self, path: &Path) -> Result<(), PartError> {
        std::fs::rename(&self.path, path).map_err(disk("rename", path))?;
        self.kept = true;
        path.parent().map_or(Ok(()), sync_dir)
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        if !self.kept {
            discard(&self.path);
        }
    }
}

/// What cannot be removed now is removed at the next start.
fn discard(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "unfinished part file stays until the next start");
    }
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), PartError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(disk("fsync directory", dir))
}

pub(crate) fn disk<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> PartError + 'a {
    move |source| PartError::Disk { doing, path: path.display().to_string(), source }
}
