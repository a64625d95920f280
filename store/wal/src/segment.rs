//! Names and headers of segment files.
//!
//! A segment file is called `<id>.wal` while it may hold records, `<id>.spare` while it waits in the
//! pool; ids rise and are never used twice. Its header stands twice, in two blocks of the disk, for
//! without the salt no record of the segment can be told from garbage. The first copy is durable
//! before the second is written, so that at most one of them is ever torn by a crash:
//!
//! ```text
//! 0   magic "SGLSWAL1" (the last character is the format's version)
//! 8   u64  id, equal to the name's: a recycled file whose new header was never written is known by it
//! 16  u64  salt of this life
//! 24  u64  first: the lsn of its first record
//! 32  u64  after: every lsn in after..first was given up without having been acknowledged, and no
//!          record from `after` on that stands in an earlier segment counts any more
//! 40  u64  run: drawn at each opening of the log; what one run knows to be durable proves nothing
//!          about the gaps that an earlier one left
//! 48  u32  crc32 of the 48 bytes before
//! ```

use crate::Lsn;
use std::path::{Path, PathBuf};

/// Where records begin: behind the two copies of the header, each in a 4 KiB block of its own.
pub(crate) const RECORDS_AT: u64 = 2 * COPY_BYTES as u64;
pub(crate) const COPIES_AT: [u64; 2] = [0, COPY_BYTES as u64];
const COPY_BYTES: usize = 4096;
const HEADER_BYTES: usize = 52;
const MAGIC: [u8; 8] = *b"SGLSWAL1";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) id: u64,
    pub(crate) salt: u64,
    pub(crate) first: Lsn,
    pub(crate) after: Lsn,
    pub(crate) run: u64,
}

/// What the first blocks of a `.wal` file say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeaderState {
    /// `twice`: both copies are whole.
    Valid { header: Header, twice: bool },
    /// The second copy is zeros or of a former life, and the first is not whole: the crash came before
    /// any record was written.
    Unused,
    /// Written by a later version of this program, whose digit this is.
    Newer(u8),
    /// Both copies are damaged.
    Unreadable,
}

impl Header {
    /// One copy; they stand at [`COPIES_AT`].
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut copy = vec![0; COPY_BYTES];
        copy[..8].copy_from_slice(&MAGIC);
        for (i, field) in [self.id, self.salt, self.first.0, self.after.0, self.run].into_iter().enumerate() {
            copy[8 + 8 * i..16 + 8 * i].copy_from_slice(&field.to_le_bytes());
        }
        let check = crc32fast::hash(&copy[..HEADER_BYTES - 4]);
        copy[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&check.to_le_bytes());
        copy
    }

    /// Reads the header of segment `id` from the start of its bytes.
    pub(crate) fn decode(id: u64, bytes: &[u8]) -> HeaderState {
        let second = bytes.get(COPY_BYTES..).unwrap_or_default();
        let copies = [bytes, second].map(Self::decode_copy);
        let own = copies.map(|copy| copy.filter(|header| header.id == id && header.after <= header.first));
        if let Some(header) = own[0].or(own[1]) {
            return HeaderState::Valid { header, twice: own[0] == own[1] };
        }
        if let Some(version) = newer_version(bytes) {
            return HeaderState::Newer(version);
        }
        let second_unwritten = second[..second.len().min(COPY_BYTES)].iter().all(|b| *b == 0);
        match copies[1].is_some() || second_unwritten {
            true => HeaderState::Unused,
            false => HeaderState::Unreadable,
        }
    }

    fn decode_copy(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let check = u32::from_le_bytes(bytes[HEADER_BYTES - 4..].try_into().ok()?);
        if bytes[..8] != MAGIC || check != crc32fast::hash(&bytes[..HEADER_BYTES - 4]) {
            return None;
        }
        let field = |i: usize| bytes[8 + 8 * i..16 + 8 * i].try_into().map(u64::from_le_bytes).ok();
        Some(Header { id: field(0)?, salt: field(1)?, first: Lsn(field(2)?), after: Lsn(field(3)?), run: field(4)? })
    }
}

/// A version above ours that both copies agree on; one flipped bit does not make it.
fn newer_version(bytes: &[u8]) -> Option<u8> {
    let (a, b) = (bytes.get(..8)?, bytes.get(COPY_BYTES..COPY_BYTES + 8)?);
    (a == b && a[..7] == MAGIC[..7] && a[7] > MAGIC[7]).then_some(a[7])
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Live,
    Spare,
}

pub(crate) fn path(dir: &Path, id: u64, kind: Kind) -> PathBuf {
    let extension = match kind {
        Kind::Live => "wal",
        Kind::Spare => "spare",
    };
    dir.join(format!("{id:016x}.{extension}"))
}

/// The id and kind that a file name states; `None` for files that are not ours.
pub(crate) fn parse_name(name: &str) -> Option<(u64, Kind)> {
    let (id, extension) = name.split_once('.')?;
    let kind = match extension {
        "wal" => Kind::Live,
        "spare" => Kind::Spare,
        _ => return None,
    };
    let plain = id.len() == 16 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    plain.then(|| u64::from_str_radix(id, 16).ok()).flatten().map(|id| (id, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { id: 7, salt: 0x1234_5678_9abc_def0, first: Lsn(41), after: Lsn(40), run: 3 };

    #[test]
    fn a_header_survives_any_flipped_bit_and_any_lost_copy() {
        let bytes = HEADER.encode().repeat(2);
        assert_eq!(Header::decode(7, &bytes), HeaderState::Valid { header: HEADER, twice: true });
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let state = Header::decode(7, &flipped);
            assert!(matches!(state, HeaderState::Valid { header: HEADER, .. }), "bit {bit}: {state:?}");
        }
        for lost in [0..COPY_BYTES, COPY_BYTES..2 * COPY_BYTES] {
            let mut torn = bytes.clone();
            torn[lost].fill(0xa5);
            assert_eq!(Header::decode(7, &torn), HeaderState::Valid { header: HEADER, twice: false });
        }
    }

    #[test]
    fn a_header_of_another_life_is_unused_and_rubbish_is_unreadable() {
        let own = HEADER.encode();
        let former = Header { id: 6, ..HEADER }.encode();
        let torn = [&own[..20], &vec![0xa5; COPY_BYTES - 20]].concat();
        let later = [b"SGLSWAL2", &own[8..]].concat();
        let cases: [(&str, Vec<u8>, HeaderState); 7] = [
            ("zeros", vec![0; 8192], HeaderState::Unused),
            ("an empty file", vec![], HeaderState::Unused),
            ("a former life", former.repeat(2), HeaderState::Unused),
            ("a first copy torn over zeros", [&torn[..], &[0; COPY_BYTES]].concat(), HeaderState::Unused),
            ("a first copy torn over a former life", [torn, former].concat(), HeaderState::Unused),
            ("rubbish", vec![0xa5; 8192], HeaderState::Unreadable),
            ("a later format", later.repeat(2), HeaderState::Newer(b'2')),
        ];
        for (name, bytes, state) in cases {
            assert_eq!(Header::decode(7, &bytes), state, "{name}");
        }
    }

    #[test]
    fn names_are_read_back_and_foreign_ones_are_not() {
        for (id, kind) in [(0, Kind::Live), (u64::MAX, Kind::Spare), (0xabc, Kind::Live)] {
            let path = path(Path::new("w"), id, kind);
            assert_eq!(parse_name(path.file_name().unwrap().to_str().unwrap()), Some((id, kind)));
        }
        for foreign in [
            "LOCK",
            "1.wal",
            "000000000000000G.wal",
            "0000000000000001.WAL",
            "0000000000000001.wal.bak",
            "+000000000000001.wal",
        ] {
            assert_eq!(parse_name(foreign), None, "{foreign}");
        }
    }
}
