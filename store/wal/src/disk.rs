//! The disk as the log sees it: a trait, so that a simulated one can lie, tear and fail.
//!
//! A successful write promises nothing. Bytes are on stable storage after `fdatasync` of their file,
//! a file's name after `fsync_dir` of its directory.

mod real;
pub mod sim;

pub use real::RealDisk;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::path::Path;

/// Names, and the way to files.
pub trait Disk: Send + Sync + Debug {
    /// Creates `dir` and its missing parents and makes their names durable.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Names of the plain files directly in `dir`, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// A new empty file, readable and writable; an existing one is an error.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// An existing file, readable and writable.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Replaces `to` if it exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn unlink(&self, path: &Path) -> io::Result<()>;
    fn fsync_dir(&self, dir: &Path) -> io::Result<()>;
    /// A number nobody can foresee (a simulated disk: the next of its seed).
    fn entropy(&self) -> u64;
}

/// One open file. Reads and writes may be short, as in POSIX.
#[expect(clippy::len_without_is_empty, reason = "the size of a file, not of a collection")]
pub trait DiskFile: Send + Debug {
    fn len(&self) -> io::Result<u64>;
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    fn write_at(&mut self, from: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;
    fn fdatasync(&mut self) -> io::Result<()>;
    /// Whether the file still has a name: what is synced to a deleted file is gone with the process.
    fn is_named(&self) -> io::Result<bool>;
    /// Claims the space for the first `bytes` bytes, or fails at once for want of it. A file system
    /// that cannot claim claims nothing.
    fn reserve(&mut self, bytes: u64) -> io::Result<()>;
}

/// Writes all of `from`, continuing after short writes and interrupts.
pub(crate) fn write_all_at(file: &mut dyn DiskFile, mut from: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    // The most buffers Linux takes in one call (IOV_MAX).
    const BUFFERS_MAX: usize = 1024;
    IoSlice::advance_slices(&mut from, 0);
    while !from.is_empty() {
        match file.write_at(&from[..from.len().min(BUFFERS_MAX)], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                offset += n as u64;
                IoSlice::advance_slices(&mut from, n);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Fills as much of `into` as the file has from `offset` on; returns how much.
pub(crate) fn read_full_at(file: &dyn DiskFile, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read_at(&mut into[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}
