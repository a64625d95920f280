//! What is appended and not yet synced, kept in memory until it is durable, so that it can be
//! written once more, elsewhere, when a disk refuses.

use crate::Lsn;
use crate::disk::{DiskFile, write_all_at};
use crate::record::{Framed, Salted};
use bytes::Bytes;
use std::io::{self, IoSlice};

#[derive(Debug, Default)]
pub(crate) struct Group {
    records: Vec<Framed>,
    bytes: u64,
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn records(&self) -> u64 {
        self.records.len() as u64
    }

    /// Bytes its records take in a segment.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn push(&mut self, record: Framed) {
        self.bytes += record.framed_bytes();
        self.records.push(record);
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
    }

    /// Frames the same payloads for another segment; the first keeps its number `first`.
    pub(crate) fn reframe(&mut self, first: Lsn, durable: Lsn, salted: &Salted) {
        for (lsn, record) in (first.0..).zip(&mut self.records) {
            let (front, body): (Bytes, Bytes) = record.take_payload();
            *record = Framed::new(Lsn(lsn), durable, front, body, salted);
        }
    }

    /// Writes all records one behind the other, from `at` on.
    pub(crate) fn write(&self, file: &mut dyn DiskFile, at: u64) -> io::Result<()> {
        let mut parts = Vec::with_capacity(4 * self.records.len());
        for record in &self.records {
            parts.extend(record.parts().into_iter().filter(|part| !part.is_empty()).map(IoSlice::new));
        }
        write_all_at(file, &mut parts, at)
    }
}
