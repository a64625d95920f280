//! Segment files: made of real zeros, taken into use, given back.
//!
//! A file whose blocks are all written before the first record comes costs an fdatasync of data alone,
//! no journal commit for its growth: that is why segments are preallocated, and why a released one
//! is kept for its next life.

use crate::Lsn;
use crate::disk::{Disk, DiskFile, write_all_at};
use crate::record::Salted;
use crate::segment::{self, COPIES_AT, Header, Kind, RECORDS_AT};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The segment that records are written to. Everything before `at` is durable.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) id: u64,
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) bytes: u64,
    pub(crate) at: u64,
    pub(crate) salted: Salted,
}

/// The spare files, and the numbering of all files.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    segment_bytes: u64,
    spares_max: usize,
    spares: Vec<u64>,
    next_id: u64,
    pub(crate) created: u64,
    pub(crate) recycled: u64,
}

impl Pool {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, segment_bytes: u64, spares_max: usize) -> Self {
        let (spares, next_id) = (Vec::new(), 1);
        Self { disk, dir: dir.to_owned(), segment_bytes, spares_max, spares, next_id, created: 0, recycled: 0 }
    }

    /// Tells of a file found at start, so that its number is not given again.
    pub(crate) fn saw(&mut self, id: u64) {
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    /// Takes in a spare file that already has its name.
    pub(crate) fn adopt(&mut self, id: u64) {
        self.spares.push(id);
    }

    pub(crate) fn spares(&self) -> usize {
        self.spares.len()
    }

    pub(crate) fn spare_bytes(&self) -> u64 {
        self.spares.len() as u64 * self.segment_bytes
    }

    /// Size of a segment for `record_bytes` of records: the usual one, or its own if they need more.
    pub(crate) fn bytes_for(&self, record_bytes: u64) -> u64 {
        self.segment_bytes.max((RECORDS_AT + record_bytes).next_multiple_of(RECORDS_AT))
    }

    /// Whether a segment of that size can be had without taking room on the disk.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        bytes == self.segment_bytes && !self.spares.is_empty()
    }

    /// A segment whose name and header are durable. Leaves nothing behind when it fails.
    pub(crate) fn start(&mut self, bytes: u64, first: Lsn, after: Lsn, run: u64) -> io::Result<Active> {
        let id = self.next_id;
        self.next_id += 1;
        let path = segment::path(&self.dir, id, Kind::Live);
        let started = self.start_at(&path, id, bytes, Header { id, salt: self.disk.entropy(), first, after, run });
        if started.is_err() {
            // Nothing was promised about it; what cannot be deleted now is found unused at the next start.
            let _ = self.disk.unlink(&path);
        }
        started
    }

    fn start_at(&mut self, path: &Path, id: u64, bytes: u64, header: Header) -> io::Result<Active> {
        let spare = if self.has(bytes) { self.spares.pop() } else { None };
        let mut file = match spare {
            Some(spare) => {
                let renamed = self.disk.rename(&segment::path(&self.dir, spare, Kind::Spare), path);
                renamed.inspect_err(|_| self.spares.push(spare))?;
                self.recycled += 1;
                self.disk.open(path)?
            }
            None => {
                let mut file = self.disk.create(path)?;
                file.reserve(bytes)?;
                fill_with_zeros(&mut *file, bytes)?;
                file.fdatasync()?;
                self.created += 1;
                file
            }
        };
        self.disk.fsync_dir(&self.dir)?;
        let copy = header.encode();
        write_all_at(&mut *file, &mut [IoSlice::new(&copy)], COPIES_AT[0])?;
        file.fdatasync()?;
        // The second copy becomes durable with the first records.
        write_all_at(&mut *file, &mut [IoSlice::new(&copy)], COPIES_AT[1])?;
        Ok(Active { id, file, bytes, at: RECORDS_AT, salted: Salted::new(header.salt) })
    }

    /// Takes back a segment whose records nobody needs any more; deletes it if the pool is full or
    /// it is not fit for another life. The name it leaves needs no fsync: a segment that comes back
    /// after a power cut holds only records that replay skips.
    pub(crate) fn give_back(&mut self, id: u64, bytes: u64, fit: bool) -> io::Result<()> {
        let path = segment::path(&self.dir, id, Kind::Live);
        if fit && bytes == self.segment_bytes && self.spares.len() < self.spares_max {
            self.disk.rename(&path, &segment::path(&self.dir, id, Kind::Spare))?;
            self.spares.push(id);
            return Ok(());
        }
        unlink(&*self.disk, &path)
    }

    /// Deletes spare files until `keep` are left.
    pub(crate) fn shrink(&mut self, keep: usize) -> io::Result<()> {
        while self.spares.len() > keep {
            if let Some(id) = self.spares.pop() {
                unlink(&*self.disk, &segment::path(&self.dir, id, Kind::Spare))?;
            }
        }
        Ok(())
    }
}

/// Deletes a file; that it is gone already is as good.
pub(crate) fn unlink(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.unlink(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        deleted => deleted,
    }
}

fn fill_with_zeros(file: &mut dyn DiskFile, bytes: u64) -> io::Result<()> {
    const CHUNK: usize = 1 << 20;
    let zeros = vec![0; CHUNK];
    let mut at = 0;
    while at < bytes {
        let n = (bytes - at).min(CHUNK as u64);
        write_all_at(file, &mut [IoSlice::new(&zeros[..n as usize])], at)?;
        at += n;
    }
    Ok(())
}
