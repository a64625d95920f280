//! Entry points for fuzzing: any bytes in, no panic and no false claim out.

use crate::Lsn;
use crate::record::Salted;
use crate::scan::{Found, Scan, scan};
use crate::segment::{Header, HeaderState};

/// Reads arbitrary bytes as a segment file, as replay would; returns the number of records found.
/// Panics if what it found contradicts itself, which is what a fuzzer looks for.
pub fn fuzz_replay(bytes: &[u8]) -> u64 {
    let id = bytes.get(8..16).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
    let (salt, first) = match Header::decode(id, bytes) {
        HeaderState::Valid { header, .. } => (header.salt, header.first),
        _ => (0, Lsn::ZERO),
    };
    let scan = scan(bytes, &Salted::new(salt), first, Lsn(u64::MAX), Lsn::ZERO);
    assert_consistent(bytes, first, &scan)
}

/// Records lie within the bytes, one behind the other, with rising numbers; gaps fill the rest.
fn assert_consistent(bytes: &[u8], first: Lsn, scan: &Scan) -> u64 {
    let (mut expected, mut at, mut records) = (first, 0, 0);
    for found in &scan.found {
        match found {
            Found::Record { lsn, payload } => {
                assert_eq!(*lsn, expected, "numbers rise by one but for reported gaps");
                assert!(payload.start >= at && payload.end <= bytes.len(), "records lie one behind the other");
                (expected, at) = (lsn.next(), payload.end);
                records += 1;
            }
            Found::Damage { bytes: gap, missing, .. } => {
                assert!(missing.start == expected && missing.end >= missing.start, "a gap follows what was found");
                assert!(gap.start < gap.end && gap.end <= bytes.len() as u64, "a gap has bytes");
                expected = missing.end;
            }
        }
    }
    let doubtful = scan.doubtful(Lsn::ZERO);
    assert!(
        doubtful.start <= doubtful.end && doubtful.end <= bytes.len().max(doubtful.start),
        "what is in doubt is there"
    );
    assert!(scan.end == expected && scan.seen >= scan.end, "the end is behind the last record");
    records
}
