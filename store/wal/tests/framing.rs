//! Any payloads, any bytes.

#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;
use wal::sim::SimDisk;
use wal::{Lsn, Settings, Wal, fuzz_replay};

const RECORDS_AT: usize = 8192;

/// The bytes of a segment that holds these payloads.
fn segment_of(payloads: &[Vec<u8>]) -> Vec<u8> {
    let disk = SimDisk::new(payloads.len() as u64);
    let settings = Settings { segment_bytes: 1 << 20, ..Settings::new("/wal") };
    let (mut wal, _) = Wal::open(Arc::new(disk.clone()), settings, Lsn::ZERO).unwrap();
    for payload in payloads {
        wal.append(&[payload]).unwrap();
    }
    wal.sync().unwrap();
    disk.contents(Path::new("/wal/0000000000000001.wal")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..20_000)) {
        prop_assert_eq!(fuzz_replay(&bytes), 0);
    }

    #[test]
    fn any_payloads_are_found(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..40)) {
        prop_assert_eq!(fuzz_replay(&segment_of(&payloads)), payloads.len() as u64);
    }

    #[test]
    fn any_damage_costs_only_what_it_touches(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..40),
        at in 0_usize..8_000,
        with in proptest::collection::vec(any::<u8>(), 1..600),
    ) {
        let mut bytes = segment_of(&payloads);
        let at = RECORDS_AT + at;
        bytes[at..at + with.len()].copy_from_slice(&with);
        let mut end = RECORDS_AT;
        let untouched = payloads.iter().filter(|payload| {
            let start = end;
            end += (28 + payload.len()).next_multiple_of(8);
            end <= at || start >= at + with.len()
        });
        let (untouched, found) = (untouched.count() as u64, fuzz_replay(&bytes));
        // A touched record may have got its own bytes, or only its padding was touched.
        prop_assert!(found >= untouched && found <= payloads.len() as u64, "{} of {}", found, untouched);
    }

    #[test]
    fn any_insertion_or_cut_is_read_without_panic(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..20),
        at in 0_usize..12_000,
        cut in 0_usize..2_000,
        with in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut bytes = segment_of(&payloads);
        bytes.splice(at..at + cut, with);
        prop_assert!(fuzz_replay(&bytes) <= payloads.len() as u64);
    }
}
