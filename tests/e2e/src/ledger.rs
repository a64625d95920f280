//! The oracle's own book: what was sent and what the server said, fsynced on another file system
//! than the data directory, before anything is believed.

use crate::environment;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// What the server said of a request, as far as the sender knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Acknowledged: its spans must be found, once.
    Ok,
    /// Refused for good: its spans must never be found.
    Fail,
    /// No answer: its spans may be found, once, and only whole.
    Unknown,
}

/// A request of the load: spans `first .. first + count` of a producer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Batch {
    pub cycle: u64,
    pub producer: u32,
    pub first: u64,
    pub count: u64,
}

/// Appended to as things happen; the newest word about a batch counts.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    path: PathBuf,
    entries: Vec<(Batch, Verdict)>,
}

impl Ledger {
    pub fn create(run: u64) -> Self {
        let path = environment::other_file_system().join(format!("stormglass-oracle-{run:016x}.ledger"));
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        Self { file: file.unwrap_or_else(|e| panic!("{}: {e}", path.display())), path, entries: Vec::new() }
    }

    /// Before the first byte goes out: the batch counts as unknown from here on.
    pub fn sent(&mut self, batch: Batch) {
        self.write("sent", batch);
        self.entries.push((batch, Verdict::Unknown));
    }

    pub fn answered(&mut self, batch: Batch, verdict: Verdict) {
        let word = match verdict {
            Verdict::Ok => "ok",
            Verdict::Fail => "fail",
            Verdict::Unknown => "unknown",
        };
        self.write(word, batch);
        let entry =
            self.entries.iter_mut().rev().find(|(b, _)| *b == batch).expect("it was sent before it was answered");
        entry.1 = verdict;
    }

    pub fn entries(&self) -> &[(Batch, Verdict)] {
        &self.entries
    }

    fn write(&mut self, word: &str, b: Batch) {
        writeln!(self.file, "{word} {} {} {} {}", b.cycle, b.producer, b.first, b.count)
            .expect("the ledger can be written");
        self.file.sync_data().expect("the ledger can be synced");
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
