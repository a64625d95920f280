//! Bits that change while nobody looks: torn ends, flipped bits, lost blocks, lost files.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use wal::sim::SimDisk;
use wal::{Corruption, Lsn, Record, Settings, Wal};

const SEGMENT: u64 = 16 << 10;
const RECORDS_AT: usize = 8192;
/// Head and checksum around a payload.
const FRAME: usize = 28;

fn settings() -> Settings {
    Settings { segment_bytes: SEGMENT, ..Settings::new("/wal") }
}

fn open(disk: &SimDisk) -> Wal {
    Wal::open(Arc::new(disk.clone()), settings(), Lsn::ZERO).unwrap().0
}

fn replay(disk: &SimDisk) -> (Vec<Record>, Vec<Corruption>) {
    let (mut records, mut corruptions) = (Vec::new(), Vec::new());
    let (_, mut replay) = Wal::open(Arc::new(disk.clone()), settings(), Lsn::ZERO).unwrap();
    while let Some(next) = replay.next() {
        match next {
            Ok(record) => records.push(record),
            Err(corruption) => corruptions.push(corruption),
        }
    }
    (records, corruptions)
}

/// A log with these payloads, each synced by itself; the records as they should come back.
fn log_of(disk: &SimDisk, payloads: &[Vec<u8>]) -> Vec<Record> {
    let mut wal = open(disk);
    let mut records = Vec::new();
    for payload in payloads {
        let lsn = wal.append(&[payload]).unwrap();
        wal.sync().unwrap();
        records.push(Record { lsn, payload: payload.clone() });
    }
    records
}

fn payloads(count: usize, bytes: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| (0..bytes + i).map(|j| (i * 31 + j * 7) as u8).collect()).collect()
}

fn framed(payload: &[u8]) -> usize {
    (payload.len() + FRAME).next_multiple_of(8)
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    disk.paths()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "wal") && path.parent() == Some(Path::new("/wal")))
        .collect()
}

#[test]
fn a5_a_log_cut_at_every_offset_of_its_last_record_keeps_all_before_and_grows_elsewhere() {
    for size in [0, 1, 4, 5, 100, 700] {
        let disk = SimDisk::new(size as u64);
        let records = log_of(&disk, &payloads(5, size));
        let path = segments(&disk).remove(0);
        let whole = disk.contents(&path).unwrap();
        let last = &records[4].payload;
        let end = RECORDS_AT + records.iter().map(|r| framed(&r.payload)).sum::<usize>();
        for cut in end - framed(last)..end {
            for fill in [None, Some(0), Some(0xa5)] {
                let mut bytes = whole[..cut].to_vec();
                if let Some(fill) = fill {
                    bytes.resize(whole.len(), fill);
                }
                if bytes == whole {
                    continue; // the byte cut off was zero
                }
                disk.put(&path, bytes.clone());
                let (found, corruptions) = replay(&disk);
                assert_eq!((&found[..], &corruptions[..]), (&records[..4], &[][..]), "cut at {cut}, {fill:?}");
                let mut wal = open(&disk);
                let lsn = wal.append(&[b"after the tear"]).unwrap();
                wal.sync().unwrap();
                assert_eq!(disk.contents(&path).unwrap(), bytes, "nothing is written behind a torn tail");
                let (found, corruptions) = replay(&disk);
                assert_eq!((found.len(), found[4].lsn, corruptions.len()), (5, lsn, 0), "cut at {cut}, {fill:?}");
                for path in segments(&disk).iter().skip(1) {
                    wal::Disk::unlink(&disk, path).unwrap();
                }
            }
        }
    }
}

/// Flips every bit in `range` of the only segment and checks what replay makes of it.
fn flip_every_bit(disk: &SimDisk, records: &[Record], range: std::ops::Range<usize>) {
    let path = segments(disk).remove(0);
    let whole = disk.contents(&path).unwrap();
    let mut starts = vec![RECORDS_AT];
    starts.extend(records.iter().scan(RECORDS_AT, |at, record| {
        *at += framed(&record.payload);
        Some(*at)
    }));
    for bit in range.start * 8..range.end * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        disk.put(&path, bytes);
        let hit = starts.windows(2).position(|record| (record[0]..record[1]).contains(&(bit / 8)));
        let (found, corruptions) = replay(disk);
        // The zeros that fill a record up to a multiple of 8 mean nothing.
        if found == records {
            let in_padding = hit.is_none_or(|i| (bit / 8) >= starts[i] + 24 + records[i].payload.len());
            assert!(in_padding && corruptions.is_empty(), "bit {bit} must not go unnoticed");
            continue;
        }
        let hit = hit.unwrap_or_else(|| panic!("bit {bit} is in no record"));
        let kept: Vec<_> = records.iter().filter(|record| record.lsn != records[hit].lsn).cloned().collect();
        assert_eq!(found, kept, "bit {bit} costs record {hit} and no other");
        let last = hit + 1 == records.len();
        assert_eq!(corruptions.is_empty(), last, "bit {bit}: the end of a log may be torn, its middle may not");
        for corruption in corruptions {
            assert_eq!(corruption.missing, records[hit].lsn..records[hit].lsn.next());
            assert!(corruption.quarantined.is_some());
            assert!(corruption.was_durable, "bit {bit}: the next record knew that this one was synced");
        }
    }
    disk.put(&path, whole);
}

#[test]
fn a6_every_flipped_bit_of_a_small_segment_costs_at_most_its_own_record() {
    let disk = SimDisk::new(1);
    let records = log_of(&disk, &payloads(20, 0));
    flip_every_bit(&disk, &records, RECORDS_AT..RECORDS_AT + 1024);
}

#[test]
fn a6_every_flipped_bit_of_a_header_costs_nothing() {
    let disk = SimDisk::new(2);
    let records = log_of(&disk, &payloads(3, 40));
    flip_every_bit(&disk, &records, 0..64);
    flip_every_bit(&disk, &records, 4096..4096 + 64);
}

#[test]
fn a5_every_flipped_bit_of_a_4_kib_window_costs_at_most_its_own_record() {
    let disk = SimDisk::new(3);
    let records = log_of(&disk, &payloads(6, 1200));
    flip_every_bit(&disk, &records, RECORDS_AT + 600..RECORDS_AT + 600 + 4096);
}

/// Records over several segments; the middle one of three is damaged by `damage`.
fn damaged_middle(damage: impl Fn(&SimDisk, &Path)) -> (SimDisk, Vec<Record>, Vec<Record>, Vec<Corruption>) {
    let disk = SimDisk::new(4);
    let records = log_of(&disk, &payloads(10, 2000));
    let paths = segments(&disk);
    assert!(paths.len() >= 3, "{paths:?}");
    damage(&disk, &paths[1]);
    let (found, corruptions) = replay(&disk);
    (disk, records, found, corruptions)
}

fn missing(records: &[Record], found: &[Record]) -> Vec<Lsn> {
    records.iter().filter(|record| !found.contains(record)).map(|record| record.lsn).collect()
}

#[test]
fn a6_a_damaged_middle_is_reported_put_aside_once_and_both_sides_are_kept() {
    let (disk, records, found, corruptions) = damaged_middle(|disk, path| {
        let mut bytes = disk.contents(path).unwrap();
        bytes[RECORDS_AT + 10] ^= 1;
        disk.put(path, bytes);
    });
    let lost = missing(&records, &found);
    assert_eq!(lost.len(), 1);
    let [corruption] = &corruptions[..] else { panic!("{corruptions:?}") };
    assert_eq!((corruption.missing.clone(), corruption.was_durable), (lost[0]..lost[0].next(), true));
    let copy = corruption.quarantined.clone().unwrap();
    assert!(copy.starts_with("/wal/quarantine"), "{copy:?}");
    assert_eq!(disk.contents(&copy), disk.contents(&segments(&disk)[1]));

    let used = disk.used();
    let again = replay(&disk);
    assert_eq!((again.0, again.1, disk.used()), (found, corruptions, used), "a second start changes nothing");
}

#[test]
fn a6_a_segment_that_ends_early_is_damaged_not_torn_if_another_follows() {
    let (_, records, found, corruptions) = damaged_middle(|disk, path| {
        let mut bytes = disk.contents(path).unwrap();
        bytes.truncate(RECORDS_AT + 3000);
        disk.put(path, bytes);
    });
    let lost = missing(&records, &found);
    let [corruption] = &corruptions[..] else { panic!("{corruptions:?}") };
    assert_eq!(corruption.missing, lost[0]..lost[lost.len() - 1].next());
    assert!(corruption.was_durable);
}

#[test]
fn a13_a_lost_file_is_reported_with_the_records_it_held() {
    let (_, records, found, corruptions) = damaged_middle(|disk, path| wal::Disk::unlink(disk, path).unwrap());
    let lost = missing(&records, &found);
    assert!(lost.len() > 1);
    let [corruption] = &corruptions[..] else { panic!("{corruptions:?}") };
    assert_eq!(corruption.missing, lost[0]..lost[lost.len() - 1].next());
}

#[test]
fn a6_without_a_readable_header_a_segment_is_lost_but_not_the_others_nor_the_start() {
    let rubbish = |disk: &SimDisk, path: &Path| {
        let mut bytes = disk.contents(path).unwrap();
        bytes[..RECORDS_AT].fill(0xa5);
        disk.put(path, bytes);
    };
    let (_, records, found, corruptions) = damaged_middle(rubbish);
    let lost = missing(&records, &found);
    assert_eq!(found.len() + lost.len(), records.len());
    let known: Vec<_> = corruptions.iter().filter(|c| !c.missing.is_empty()).map(|c| c.missing.clone()).collect();
    assert_eq!(known, [lost[0]..lost[lost.len() - 1].next()]);

    // The last segment: what it held is unknown, and new numbers keep clear of it.
    let disk = SimDisk::new(5);
    let records = log_of(&disk, &payloads(10, 2000));
    let last = segments(&disk).pop().unwrap();
    rubbish(&disk, &last);
    let (found, corruptions) = replay(&disk);
    assert_eq!(corruptions.len(), 1);
    assert!(corruptions[0].missing.is_empty() && !found.is_empty());
    let mut wal = open(&disk);
    let lsn = wal.append(&[b"new"]).unwrap();
    wal.sync().unwrap();
    assert!(lsn > records[9].lsn, "{lsn} may have been used");
    assert_eq!(replay(&disk).0.last().unwrap().lsn, lsn);
}

#[test]
fn the_quarantine_is_bounded_and_what_it_refuses_is_counted() {
    let disk = SimDisk::new(6);
    log_of(&disk, &payloads(40, 3000));
    for path in segments(&disk) {
        let mut bytes = disk.contents(&path).unwrap();
        bytes[RECORDS_AT + 100] ^= 1;
        disk.put(&path, bytes);
    }
    let settings = Settings { quarantine_segments_max: 3, ..settings() };
    let (_, mut replay) = Wal::open(Arc::new(disk.clone()), settings, Lsn::ZERO).unwrap();
    while replay.next().is_some() {}
    let stats = replay.stats();
    assert_eq!(stats.quarantined, 3);
    assert!(
        stats.quarantine_refused > 3 && stats.corruptions == stats.quarantined + stats.quarantine_refused,
        "{stats:?}"
    );
}

#[test]
fn a_payload_that_contains_the_logs_own_bytes_is_never_taken_for_records() {
    let disk = SimDisk::new(7);
    let mut wal = open(&disk);
    let mut records = Vec::new();
    let mut append = |payload: Vec<u8>| {
        let lsn = wal.append(&[&payload]).unwrap();
        wal.sync().unwrap();
        records.push(Record { lsn, payload });
    };
    payloads(3, 50).into_iter().for_each(&mut append);
    let path = segments(&disk).remove(0);
    // Records of this very segment, salt and all, at an aligned place within another record.
    let stolen = disk.contents(&path).unwrap()[RECORDS_AT..RECORDS_AT + 300].to_vec();
    append(stolen.clone());
    append(stolen.clone());
    append(b"last".to_vec());
    let mut bytes = disk.contents(&path).unwrap();
    let carrier = RECORDS_AT + records[..4].iter().map(|r| framed(&r.payload)).sum::<usize>();
    bytes[carrier..carrier + 24].fill(0);
    disk.put(&path, bytes);
    let (found, corruptions) = replay(&disk);
    assert_eq!(missing(&records, &found), [records[4].lsn]);
    assert_eq!((found.len(), corruptions.len()), (5, 1));
}
