//! One process per data directory.
//!
//! The lock is the operating system's (`flock`): it goes with the process, however that dies, and
//! the file that carries it may stay. The process id inside is for the sentence only.

use crate::LockError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Holds `DATA_DIR/LOCK` until dropped.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Takes the directory, creating it when missing. A second process gets [`LockError::InUse`].
    pub fn acquire(data_dir: &Path) -> Result<Self, LockError> {
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| LockError::Io { action, path, source }
        };
        std::fs::create_dir_all(data_dir).map_err(io("create", data_dir))?;
        let path = data_dir.join("LOCK");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                // An unreadable or empty file only makes the sentence poorer.
                let _ = file.read_to_string(&mut pid);
                let pid = if pid.trim().is_empty() { "(unknown)".to_owned() } else { pid.trim().to_owned() };
                return Err(LockError::InUse { dir: data_dir.to_owned(), pid });
            }
            Err(e) => return Err(io("lock", &path)(e.into())),
        }
        // On a full disk the id stays unwritten, and the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_refused_with_the_first_ones_process_id() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("made/on/the/way");
        let first = DataDirLock::acquire(&data_dir).unwrap();
        let refused = DataDirLock::acquire(&data_dir).unwrap_err().to_string();
        assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
        drop(first);
        DataDirLock::acquire(&data_dir).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a-file");
        std::fs::write(&file, "").unwrap();
        let refused = DataDirLock::acquire(&file.join("below")).unwrap_err().to_string();
        assert!(refused.contains("a-file/below"), "{refused}");
    }
}
