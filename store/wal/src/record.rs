//! How one record lies in a segment.
//!
//! ```text
//! 0   u32  length of the payload
//! 4   u32  check of the head: crc32(salt, length, lsn, durable)
//! 8   u64  lsn
//! 16  u64  durable: when this was framed, every record before this lsn was on stable storage
//! 24  payload
//! ..  zeros, so that the record ends on a multiple of 8
//! -4  u32  crc32(salt, lsn, payload)
//! ```
//! All little-endian. The head has a check of its own, so that a search for the next record after a
//! damaged place costs 24 bytes of checksum per candidate and not a whole payload, and so that nobody
//! who does not know the salt can send a payload that looks like a record. The payload's checksum
//! comes last: what was written only in part, by whatever part, is not a record.

use bytes::Bytes;
use crc32fast::Hasher;
use std::fmt;

/// Running number of a record: one more for each, never used twice for different durable records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Lsn(pub u64);

impl Lsn {
    pub const ZERO: Lsn = Lsn(0);

    pub fn next(self) -> Lsn {
        Lsn(self.0 + 1)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A record as replay delivers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub lsn: Lsn,
    pub payload: Vec<u8>,
}

pub(crate) const ALIGN: u64 = 8;
pub(crate) const HEAD_BYTES: u64 = 24;
const CHECK_BYTES: u64 = 4;
pub(crate) const PAYLOAD_BYTES_MAX: u64 = u32::MAX as u64;

/// Bytes a payload of `payload` bytes takes in a segment.
pub(crate) fn framed_bytes(payload: u64) -> u64 {
    (HEAD_BYTES + payload + CHECK_BYTES).next_multiple_of(ALIGN)
}

/// The first 24 bytes of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) payload_bytes: u32,
    pub(crate) lsn: Lsn,
    pub(crate) durable: Lsn,
}

/// Checksums of one life of one segment.
#[derive(Clone, Debug)]
pub(crate) struct Salted(Hasher);

impl Salted {
    pub(crate) fn new(salt: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(&salt.to_le_bytes());
        Self(hasher)
    }

    fn of(&self, parts: &[&[u8]]) -> u32 {
        let mut hasher = self.0.clone();
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }

    pub(crate) fn payload_check(&self, lsn: Lsn, parts: &[&[u8]]) -> u32 {
        let mut hasher = self.0.clone();
        hasher.update(&lsn.0.to_le_bytes());
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

impl Head {
    pub(crate) fn encode(&self, salted: &Salted) -> [u8; HEAD_BYTES as usize] {
        let mut out = [0; HEAD_BYTES as usize];
        out[0..4].copy_from_slice(&self.payload_bytes.to_le_bytes());
        out[8..16].copy_from_slice(&self.lsn.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.durable.0.to_le_bytes());
        let check = salted.of(&[&out[0..4], &out[8..24]]);
        out[4..8].copy_from_slice(&check.to_le_bytes());
        out
    }

    /// The head at the start of `bytes`, if a whole record of that length could stand there.
    pub(crate) fn decode(bytes: &[u8], salted: &Salted) -> Option<Head> {
        let head = bytes.get(..HEAD_BYTES as usize)?;
        let payload_bytes = u32::from_le_bytes(head[0..4].try_into().ok()?);
        // The cheap test first: most of what a search looks at is text or zeros.
        if framed_bytes(u64::from(payload_bytes)) > bytes.len() as u64 || *head == [0; HEAD_BYTES as usize] {
            return None;
        }
        let check = u32::from_le_bytes(head[4..8].try_into().ok()?);
        if check != salted.of(&[&head[0..4], &head[8..24]]) {
            return None;
        }
        let lsn = Lsn(u64::from_le_bytes(head[8..16].try_into().ok()?));
        let durable = Lsn(u64::from_le_bytes(head[16..24].try_into().ok()?));
        Some(Head { payload_bytes, lsn, durable })
    }

    pub(crate) fn framed_bytes(&self) -> u64 {
        framed_bytes(u64::from(self.payload_bytes))
    }

    /// The payload of the record at the start of `bytes`, if its checksum is right.
    pub(crate) fn payload<'b>(&self, bytes: &'b [u8], salted: &Salted) -> Option<&'b [u8]> {
        let end = usize::try_from(self.framed_bytes()).ok()?;
        let payload = bytes.get(HEAD_BYTES as usize..HEAD_BYTES as usize + self.payload_bytes as usize)?;
        let check = u32::from_le_bytes(bytes.get(end - CHECK_BYTES as usize..end)?.try_into().ok()?);
        (check == salted.payload_check(self.lsn, &[payload])).then_some(payload)
    }
}

/// A record ready to be written, without its payload having been copied.
#[derive(Clone, Debug)]
pub(crate) struct Framed {
    head: [u8; HEAD_BYTES as usize],
    /// The payload in two parts: what the caller built for it, and what it already had.
    front: Bytes,
    body: Bytes,
    tail: [u8; (ALIGN + CHECK_BYTES) as usize],
    tail_bytes: usize,
}

impl Framed {
    /// `front` and `body` together are the payload, at most [`PAYLOAD_BYTES_MAX`].
    pub(crate) fn new(lsn: Lsn, durable: Lsn, front: Bytes, body: Bytes, salted: &Salted) -> Self {
        let payload_bytes = (front.len() + body.len()) as u64;
        debug_assert!(payload_bytes <= PAYLOAD_BYTES_MAX);
        let head = Head { payload_bytes: payload_bytes as u32, lsn, durable }.encode(salted);
        let tail_bytes = (framed_bytes(payload_bytes) - HEAD_BYTES - payload_bytes) as usize;
        let mut tail = [0; (ALIGN + CHECK_BYTES) as usize];
        let check = salted.payload_check(lsn, &[&front, &body]);
        tail[tail_bytes - CHECK_BYTES as usize..tail_bytes].copy_from_slice(&check.to_le_bytes());
        Self { head, front, body, tail, tail_bytes }
    }

    pub(crate) fn framed_bytes(&self) -> u64 {
        framed_bytes((self.front.len() + self.body.len()) as u64)
    }

    /// In the order they are written.
    pub(crate) fn parts(&self) -> [&[u8]; 4] {
        [&self.head, &self.front, &self.body, &self.tail[..self.tail_bytes]]
    }

    /// The payload, for being framed anew.
    pub(crate) fn take_payload(&mut self) -> (Bytes, Bytes) {
        (std::mem::take(&mut self.front), std::mem::take(&mut self.body))
    }
}
