//! What the simulated disk holds: every file and name twice, as programs see it and as it is safe.

use super::Fault;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

const SECTOR: usize = 512;

/// How much of an operation takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allowed {
    Whole,
    Part(Fault),
}

impl Allowed {
    /// For operations that happen or do not.
    pub(super) fn whole(self) -> io::Result<()> {
        match self {
            Allowed::Whole | Allowed::Part(Fault::Short) => Ok(()),
            Allowed::Part(fault) => Err(fault.error()),
        }
    }
}

impl Fault {
    pub(super) fn error(self) -> io::Error {
        match self {
            Fault::Broken | Fault::Short => io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()),
            Fault::Full => io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()),
            Fault::Interrupted => io::Error::from_raw_os_error(rustix::io::Errno::INTR.raw_os_error()),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) current: Vec<u8>,
    stable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl File {
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        overwrite(&mut self.current, offset as usize, bytes);
        self.unsynced.push((offset as usize, bytes.to_vec()));
    }

    pub(super) fn sync(&mut self) {
        for (offset, bytes) in self.unsynced.drain(..) {
            overwrite(&mut self.stable, offset, &bytes);
        }
    }
}

fn overwrite(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Link(PathBuf, u64),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            NameChange::Link(path, inode) => {
                names.insert(path, inode);
            }
            NameChange::Unlink(path) => {
                names.remove(&path);
            }
            NameChange::Rename(from, to) => {
                if let Some(inode) = names.remove(&from) {
                    names.insert(to, inode);
                }
            }
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let (NameChange::Link(path, _) | NameChange::Unlink(path) | NameChange::Rename(_, path)) = self;
        path.parent() == Some(dir)
    }
}

#[derive(Debug)]
pub(super) struct State {
    seed: u64,
    files: BTreeMap<u64, File>,
    names: BTreeMap<PathBuf, u64>,
    stable_names: BTreeMap<PathBuf, u64>,
    unsynced_names: Vec<NameChange>,
    next_inode: u64,
    ops: u64,
    faults: BTreeMap<u64, Fault>,
    power_off_at: Option<u64>,
    dies_at: Option<u64>,
    pub(super) capacity: Option<u64>,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            stable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            next_inode: 0,
            ops: 0,
            faults: BTreeMap::new(),
            power_off_at: None,
            dies_at: None,
            capacity: None,
        }
    }

    /// SplitMix64.
    pub(super) fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random() % bound.max(1)
    }

    pub(super) fn ops(&self) -> u64 {
        self.ops
    }

    pub(super) fn fail_at(&mut self, op: u64, fault: Fault) {
        self.faults.insert(op, fault);
    }

    pub(super) fn power_off_at(&mut self, op: u64) {
        self.power_off_at = Some(op);
    }

    pub(super) fn die_at(&mut self, op: u64) {
        self.dies_at = Some(op);
    }

    pub(super) fn restart(&mut self) {
        self.dies_at = None;
        self.faults.clear();
    }

    /// Whether the disk answers at all.
    pub(super) fn alive(&self) -> io::Result<()> {
        let off = self.power_off_at.is_some_and(|op| self.ops > op);
        let dead = self.dies_at.is_some_and(|op| self.ops >= op);
        if off || dead { Err(Fault::Broken.error()) } else { Ok(()) }
    }

    /// Counts an operation and says how it goes.
    pub(super) fn begin(&mut self) -> io::Result<Allowed> {
        self.alive()?;
        let op = self.ops;
        self.ops += 1;
        if self.power_off_at == Some(op) {
            return Ok(Allowed::Part(Fault::Broken));
        }
        Ok(self.faults.remove(&op).map_or(Allowed::Whole, Allowed::Part))
    }

    pub(super) fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.files.insert(self.next_inode, File::default());
        self.next_inode
    }

    pub(super) fn inode(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn is_named(&self, inode: u64) -> bool {
        self.names.values().any(|named| *named == inode)
    }

    pub(super) fn file(&mut self, inode: u64) -> io::Result<&mut File> {
        self.files.get_mut(&inode).ok_or_else(|| Fault::Broken.error())
    }

    pub(super) fn change_name(&mut self, change: NameChange) {
        change.clone().apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    pub(super) fn sync_names(&mut self, dir: &Path) {
        let (synced, kept) = std::mem::take(&mut self.unsynced_names).into_iter().partition(|change| change.is_in(dir));
        self.unsynced_names = kept;
        let synced: Vec<NameChange> = synced;
        for change in synced {
            change.apply(&mut self.stable_names);
        }
    }

    /// How many bytes a write at `offset` may bring before the disk is full.
    pub(super) fn room_at(&mut self, inode: u64, offset: u64) -> io::Result<usize> {
        let Some(capacity) = self.capacity else { return Ok(usize::MAX) };
        let free = capacity.saturating_sub(self.used());
        let allocated = (self.file(inode)?.current.len() as u64).saturating_sub(offset);
        Ok((allocated + free) as usize)
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().filter_map(|inode| self.files.get(inode)).map(|file| file.current.len() as u64).sum()
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.names.get(path).and_then(|inode| self.files.get(inode)).map(|file| file.current.clone())
    }

    pub(super) fn put(&mut self, path: &Path, bytes: Vec<u8>) {
        let inode = self.new_inode();
        self.files.insert(inode, File { current: bytes.clone(), stable: bytes, unsynced: Vec::new() });
        self.names.insert(path.to_owned(), inode);
        self.stable_names.insert(path.to_owned(), inode);
    }

    /// Decides for each unsynced sector whether it reached the medium. Programs see no difference.
    pub(super) fn lose_or_keep(&mut self, inode: u64) {
        let unsynced = self.files.get_mut(&inode).map(|file| std::mem::take(&mut file.unsynced)).unwrap_or_default();
        let mood = self.below(4);
        for (offset, bytes) in unsynced {
            let mut at = 0;
            while at < bytes.len() {
                let end = (((offset + at) / SECTOR + 1) * SECTOR - offset).min(bytes.len());
                // Nothing, everything, any sectors, or even parts of sectors.
                let kept = match mood {
                    0 => 0,
                    1 => end - at,
                    2 => (end - at) * (self.below(2) as usize),
                    _ => self.below((end - at) as u64 + 1) as usize,
                };
                if let Some(file) = self.files.get_mut(&inode) {
                    overwrite(&mut file.stable, offset + at, &bytes[at..at + kept]);
                }
                at = end;
            }
        }
    }

    pub(super) fn crash(&mut self) {
        let kept = self.below(self.unsynced_names.len() as u64 + 1) as usize;
        for change in std::mem::take(&mut self.unsynced_names).into_iter().take(kept) {
            change.apply(&mut self.stable_names);
        }
        self.names = self.stable_names.clone();
        for inode in self.files.keys().copied().collect::<Vec<_>>() {
            self.lose_or_keep(inode);
        }
        let named: Vec<u64> = self.names.values().copied().collect();
        self.files.retain(|inode, _| named.contains(inode));
        for file in self.files.values_mut() {
            file.current.clone_from(&file.stable);
        }
        self.faults.clear();
        self.power_off_at = None;
        self.dies_at = None;
    }
}
