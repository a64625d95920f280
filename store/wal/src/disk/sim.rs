//! A disk in memory that keeps exactly what a real one promises, and no more.
//!
//! What was not synced is lost, kept or torn at [`SimDisk::crash`], as its seed will have it: bytes
//! sector by sector in any order, names in the order they were changed. A failed fdatasync behaves as
//! Linux does: the pages count as clean afterwards, whether they arrived or not. Operations that change
//! something are numbered from 0, so that a test can fail or cut the power at each.

mod state;

use super::{Disk, DiskFile};
use state::{Allowed, NameChange, State};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How an operation goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// EIO; a write may have got half-way.
    Broken,
    /// ENOSPC; a write may have got half-way.
    Full,
    /// A write that takes fewer bytes than it was given, and says so.
    Short,
    /// EINTR: nothing happened, try again.
    Interrupted,
}

/// A handle; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed))) }
    }

    /// Operations so far; the next one has this number.
    pub fn ops(&self) -> u64 {
        self.state().ops()
    }

    pub fn fail_at(&self, op: u64, fault: Fault) {
        self.state().fail_at(op, fault);
    }

    /// The power goes while operation `op` is under way; everything fails until [`SimDisk::crash`].
    pub fn power_off_at(&self, op: u64) {
        self.state().power_off_at(op);
    }

    /// The process dies before operation `op`: it and all later ones fail and do nothing, until
    /// [`SimDisk::restart`]. What was written stays readable, synced or not.
    pub fn die_at(&self, op: u64) {
        self.state().die_at(op);
    }

    /// Another process begins, on a machine that never stopped; faults still to come do not.
    pub fn restart(&self) {
        self.state().restart();
    }

    /// Loses what nobody synced, as chance has it, and comes up again without faults.
    pub fn crash(&self) {
        self.state().crash();
    }

    /// Room for file contents; `None` is no bound.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Bytes of all named files.
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().paths()
    }

    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.state().contents(path)
    }

    /// Replaces or creates a file, durably; for tests that damage one.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        self.state().put(path, bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        self.state().alive()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive()?;
        let files = state.paths().into_iter().filter(|path| path.parent() == Some(dir));
        Ok(files.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.begin()?.whole()?;
        if state.inode(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.new_inode();
        state.change_name(NameChange::Link(path.to_owned(), inode));
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        state.alive()?;
        Ok(Box::new(SimFile { disk: self.clone(), inode: state.inode(path)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin()?.whole()?;
        state.inode(from)?;
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin()?.whole()?;
        state.inode(path)?;
        state.change_name(NameChange::Unlink(path.to_owned()));
        Ok(())
    }

    fn fsync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin()?.whole()?;
        state.sync_names(dir);
        Ok(())
    }

    fn entropy(&self) -> u64 {
        self.state().random()
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: u64,
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.alive()?;
        Ok(state.file(self.inode)?.current.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.alive()?;
        let current = &state.file(self.inode)?.current;
        let rest = current.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn write_at(&mut self, from: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let bytes: Vec<u8> = from.iter().flat_map(|part| part.iter().copied()).collect();
        let mut state = self.disk.state();
        let allowed = state.begin()?;
        let room = state.room_at(self.inode, offset)?;
        if room == 0 && !bytes.is_empty() && matches!(allowed, Allowed::Whole) {
            return Err(Fault::Full.error());
        }
        let taken = match allowed {
            Allowed::Whole => bytes.len().min(room),
            Allowed::Part(_) => state.below(bytes.len() as u64) as usize,
        };
        // A short write takes at least one byte.
        let taken = if allowed == Allowed::Part(Fault::Short) { taken.max(1).min(bytes.len()) } else { taken };
        state.file(self.inode)?.write(&bytes[..taken], offset);
        match allowed {
            Allowed::Part(fault) if fault != Fault::Short => Err(fault.error()),
            _ => Ok(taken),
        }
    }

    fn fdatasync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        match state.begin()? {
            Allowed::Whole | Allowed::Part(Fault::Short) => {
                state.file(self.inode)?.sync();
                Ok(())
            }
            Allowed::Part(fault) => {
                state.lose_or_keep(self.inode);
                Err(fault.error())
            }
        }
    }

    fn is_named(&self) -> io::Result<bool> {
        let state = self.disk.state();
        state.alive()?;
        Ok(state.is_named(self.inode))
    }

    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.alive()?;
        let room = state.room_at(self.inode, 0)? as u64;
        if bytes > room { Err(Fault::Full.error()) } else { Ok(()) }
    }
}
