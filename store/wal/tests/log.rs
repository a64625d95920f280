//! What the log does when nothing, or nothing worse than a full or failing disk, is wrong.

#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use std::sync::Arc;
use wal::sim::{Fault, SimDisk};
use wal::{Disk, Durability, Lsn, RealDisk, Record, Settings, Wal, WalError};

const SEGMENT: u64 = 16 << 10;

fn settings() -> Settings {
    Settings { segment_bytes: SEGMENT, ..Settings::new("/wal") }
}

fn open_from(disk: &SimDisk, settings: Settings, from: Lsn) -> (Wal, Vec<Record>) {
    replayed(Arc::new(disk.clone()), settings, from)
}

fn replayed(disk: Arc<dyn Disk>, settings: Settings, from: Lsn) -> (Wal, Vec<Record>) {
    let (wal, mut replay) = Wal::open(disk, settings, from).unwrap();
    let mut records = Vec::new();
    while let Some(next) = replay.next() {
        records.push(next.unwrap());
    }
    (wal, records)
}

fn append_synced(wal: &mut Wal, payload: &[u8]) -> Lsn {
    let lsn = wal.append(&[payload]).unwrap();
    wal.sync().unwrap();
    lsn
}

#[test]
fn records_come_back_in_order_with_their_numbers_however_they_were_given() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 64 << 10, ..Settings::new(dir.path().join("wal")) };
    let (mut wal, found) = replayed(Arc::new(RealDisk), settings.clone(), Lsn::ZERO);
    assert!(found.is_empty());
    let mut sent = Vec::new();
    for i in 0..500_u32 {
        let payload: Vec<u8> = i.to_le_bytes().repeat(i as usize % 300);
        let (front, body) = payload.split_at(payload.len() / 3);
        let lsn = match i % 3 {
            0 => wal.append(&[&payload]),
            1 => wal.append(&[front, &[], body]),
            _ => wal.append_shared(front, Bytes::copy_from_slice(body)),
        };
        sent.push(Record { lsn: lsn.unwrap(), payload });
        if i % 7 == 0 {
            wal.sync().unwrap();
        }
    }
    wal.sync().unwrap();
    let stats = wal.stats();
    assert_eq!((stats.records, stats.failed_syncs, wal.next_lsn()), (500, 0, Lsn(500)));
    assert!(stats.segments_live > 3, "{stats:?}");
    drop(wal);
    let (wal, found) = replayed(Arc::new(RealDisk), settings, Lsn(17));
    assert_eq!(found, sent[17..]);
    assert_eq!(wal.next_lsn(), Lsn(500));
}

#[test]
fn a_hundred_thousand_small_records_come_back() {
    let disk = SimDisk::new(1);
    let settings = Settings { segment_bytes: 4 << 20, ..settings() };
    let (mut wal, _) = open_from(&disk, settings.clone(), Lsn::ZERO);
    for i in 0..100_000_u32 {
        wal.append(&[&i.to_le_bytes()]).unwrap();
        if i % 10_000 == 9_999 {
            wal.sync().unwrap();
        }
    }
    drop(wal);
    disk.crash();
    let (_, found) = open_from(&disk, settings, Lsn::ZERO);
    assert_eq!(found.len(), 100_000);
    assert!(found.iter().zip(0_u32..).all(|(r, i)| r.lsn == Lsn(i.into()) && r.payload == i.to_le_bytes()));
}

#[test]
fn a_record_larger_than_a_segment_gets_its_own_and_that_one_is_not_kept() {
    let disk = SimDisk::new(2);
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    let sizes = [100, SEGMENT as usize, 100, 3 * SEGMENT as usize + 1, 5 * SEGMENT as usize, 100];
    for (i, size) in sizes.iter().enumerate() {
        append_synced(&mut wal, &vec![i as u8; *size]);
    }
    drop(wal);
    disk.crash();
    let (mut wal, found) = open_from(&disk, settings(), Lsn::ZERO);
    assert_eq!(found.iter().map(|r| r.payload.len()).collect::<Vec<_>>(), sizes);
    wal.append(&[b"x"]).unwrap();
    wal.sync().unwrap();
    wal.release(wal.next_lsn()).unwrap();
    let stats = wal.stats();
    assert_eq!((stats.segments_live, stats.file_bytes_live), (1, SEGMENT));
    assert_eq!(stats.file_bytes_spare, stats.segments_spare * SEGMENT);
    assert_eq!(wal.bytes_live(), 0);
}

#[test]
fn released_segments_are_used_again_and_what_they_held_is_never_replayed() {
    let disk = SimDisk::new(3);
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    // Records of one size: those of the former life stand exactly where the new ones end.
    for round in 0..50_u8 {
        for i in 0..20_u8 {
            append_synced(&mut wal, &[round, i].repeat(400));
        }
        let before = wal.next_lsn();
        wal.release(before).unwrap();
        let in_the_middle = round % 7;
        for i in 0..in_the_middle {
            append_synced(&mut wal, &[round, i, 1].repeat(300));
        }
        if round % 5 == 0 {
            drop(wal);
            disk.crash();
            let found;
            (wal, found) = open_from(&disk, settings(), before);
            assert_eq!(found.len(), in_the_middle.into());
            assert!(found.iter().all(|r| r.payload.len() == 900 && r.payload[0] == round));
        }
    }
    assert!(wal.stats().segments_recycled > 5, "{:?}", wal.stats());
    let files = disk.paths().len();
    assert!(files <= 7, "{files} files of a log that needs two");
}

#[test]
fn after_a_restart_nothing_is_appended_to_an_old_segment_and_nothing_is_written_before_it_must() {
    let disk = SimDisk::new(4);
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    append_synced(&mut wal, b"first life");
    drop(wal);
    let before = (disk.paths(), disk.used());
    for _ in 0..5 {
        let (_, found) = open_from(&disk, settings(), Lsn::ZERO);
        assert_eq!(found.len(), 1);
        assert_eq!((disk.paths(), disk.used()), before, "opening changes nothing");
    }
    let old = disk.contents(&before.0[0]);
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    append_synced(&mut wal, b"second life");
    assert_eq!(disk.contents(&before.0[0]), old);
    assert_eq!(disk.paths().len(), 2);
}

#[test]
fn a_checkpointed_log_opens_empty_and_goes_on_counting() {
    let disk = SimDisk::new(5);
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    for _ in 0..30 {
        append_synced(&mut wal, &[7; 2000]);
    }
    drop(wal);
    let (wal, found) = open_from(&disk, settings(), Lsn(30));
    assert!(found.is_empty());
    assert_eq!((wal.next_lsn(), wal.stats().segments_live, wal.bytes_live()), (Lsn(30), 0, 0));
    assert!(wal.stats().segments_spare > 0, "the old segments are kept for use");
    let (wal, _) = open_from(&disk, settings(), Lsn(1000));
    assert_eq!(wal.next_lsn(), Lsn(1000), "a checkpoint beyond the log is believed");
}

#[test]
fn the_pool_is_bounded_and_shrinks_when_idle() {
    let disk = SimDisk::new(6);
    let settings = Settings { pool_segments_max: 3, ..settings() };
    let (mut wal, _) = open_from(&disk, settings.clone(), Lsn::ZERO);
    for _ in 0..60 {
        append_synced(&mut wal, &[7; 2000]);
    }
    wal.release(wal.next_lsn()).unwrap();
    assert_eq!(wal.stats().segments_spare, 3);
    drop(wal);
    let fewer = Settings { pool_segments_max: 1, ..settings.clone() };
    let (mut wal, _) = open_from(&disk, fewer, Lsn(60));
    assert_eq!(wal.stats().segments_spare, 1, "a smaller pool takes effect at start");
    wal.shrink_idle().unwrap();
    assert_eq!((wal.stats().segments_spare, disk.used()), (0, 0));
    let (mut wal, _) = open_from(&disk, settings.clone(), Lsn(60));
    append_synced(&mut wal, b"x");
    let larger = Settings { segment_bytes: 2 * SEGMENT, ..settings };
    let (mut wal, found) = open_from(&disk, larger, Lsn(60));
    append_synced(&mut wal, b"y");
    assert_eq!((found.len(), wal.stats().file_bytes_live), (1, 3 * SEGMENT), "segments of both sizes live together");
}

#[test]
fn a9_at_its_bound_the_log_refuses_visibly_and_accepts_again_after_a_release() {
    let disk = SimDisk::new(7);
    let settings = Settings { total_bytes_max: 3 * SEGMENT, ..settings() };
    let (mut wal, _) = open_from(&disk, settings, Lsn::ZERO);
    let mut accepted = 0;
    let refusal = loop {
        match wal.append(&[&[7; 3000]]) {
            Ok(_) => accepted += 1,
            Err(e) => break e,
        }
    };
    assert!(
        matches!(refusal, WalError::Full { .. }) && refusal.to_string().contains("no room for 3032 more bytes"),
        "{refusal}"
    );
    assert_eq!(wal.append(&[b"small"]).unwrap(), Lsn(accepted), "what still fits is taken");
    wal.sync().unwrap();
    assert_eq!((wal.stats().refused_full, wal.stats().file_bytes_live), (1, 3 * SEGMENT));
    wal.release(wal.next_lsn()).unwrap();
    append_synced(&mut wal, &[7; 3000]);
    assert!(
        matches!(wal.append(&[&[7; 60_000]]), Err(WalError::Full { .. })),
        "a giant is measured against the bound too"
    );
    wal.release(wal.next_lsn()).unwrap();
    let giant = wal.append(&[&[7; 20_000]]).unwrap();
    wal.sync().unwrap();
    assert!(giant > Lsn(accepted) && wal.stats().file_bytes_live + wal.stats().file_bytes_spare <= 3 * SEGMENT);
}

#[test]
fn a9_a_full_disk_refuses_without_a_trace_and_accepts_again_when_there_is_room() {
    let disk = SimDisk::new(8);
    disk.set_capacity(Some(2 * SEGMENT + 100));
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    let mut accepted = 0;
    while wal.append(&[&[7; 3000]]).is_ok() {
        accepted += 1;
    }
    wal.sync().unwrap();
    assert_eq!(disk.paths().len(), 2, "the segment that could not be made is gone");
    disk.set_capacity(None);
    append_synced(&mut wal, b"room again");
    drop(wal);
    disk.crash();
    let (_, found) = open_from(&disk, settings(), Lsn::ZERO);
    assert_eq!(found.len(), accepted + 1);
}

#[test]
fn the_unsynced_group_is_bounded() {
    let disk = SimDisk::new(9);
    let (mut wal, _) = open_from(&disk, Settings { unsynced_bytes_max: 5000, ..settings() }, Lsn::ZERO);
    wal.append(&[&[7; 3000]]).unwrap();
    let refusal = wal.append(&[&[7; 3000]]).unwrap_err();
    assert!(matches!(refusal, WalError::Unsynced { unsynced: 3032, max: 5000 }), "{refusal}");
    wal.sync().unwrap();
    wal.append(&[&[7; 9000]]).unwrap();
}

#[test]
fn a7_after_a_failed_fsync_the_group_goes_to_a_new_segment_and_the_old_one_is_left_alone() {
    let disk = SimDisk::new(10);
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    append_synced(&mut wal, b"before");
    let first = disk.paths();
    // The next operations: the write of the group, then its fdatasync.
    disk.fail_at(disk.ops() + 1, Fault::Broken);
    wal.append(&[b"one"]).unwrap();
    wal.append(&[b"two"]).unwrap();
    wal.sync().unwrap();
    let stats = wal.stats();
    assert_eq!((stats.failed_syncs, stats.segments_abandoned, stats.segments_live, stats.read_only), (1, 1, 2, false));
    let abandoned = disk.contents(&first[0]);
    append_synced(&mut wal, b"after");
    assert_eq!(disk.contents(&first[0]), abandoned);
    disk.crash();
    let (mut wal, found) = open_from(&disk, settings(), Lsn::ZERO);
    let texts: Vec<_> = found.iter().map(|r| String::from_utf8(r.payload.clone()).unwrap()).collect();
    assert_eq!(texts, ["before", "one", "two", "after"]);
    assert!(found.iter().zip(0..).all(|(r, i)| r.lsn == Lsn(i)));
    append_synced(&mut wal, b"x");
    wal.release(wal.next_lsn()).unwrap();
}

#[test]
fn a7_after_two_failed_fsyncs_nothing_is_accepted_until_a_new_segment_can_be_made() {
    let disk = SimDisk::new(11);
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    append_synced(&mut wal, b"kept");
    wal.append(&[b"void"]).unwrap();
    let ops = disk.ops();
    (ops..ops + 30).for_each(|op| disk.fail_at(op, Fault::Broken));
    assert!(matches!(wal.sync(), Err(WalError::ReadOnly { .. })));
    for _ in 0..3 {
        assert!(matches!(wal.sync(), Err(WalError::ReadOnly { .. })), "an empty group is no success either");
        assert!(matches!(wal.append(&[b"no"]), Err(WalError::ReadOnly { .. })));
        assert!(matches!(wal.reopen_writable(), Err(WalError::ReadOnly { .. })));
    }
    assert!(wal.stats().read_only && wal.stats().refused_read_only >= 6);
    while wal.reopen_writable().is_err() {}
    let after = append_synced(&mut wal, b"again");
    assert_eq!(after, Lsn(2), "the number of a void record is not given again");
    disk.crash();
    let (_, found) = open_from(&disk, settings(), Lsn::ZERO);
    assert_eq!(found.iter().map(|r| &r.payload[..]).collect::<Vec<_>>(), [&b"kept"[..], b"again"]);
}

#[test]
fn a8_short_and_interrupted_writes_are_continued() {
    for fault in [Fault::Short, Fault::Interrupted] {
        let disk = SimDisk::new(12);
        let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
        append_synced(&mut wal, b"first");
        let ops = disk.ops();
        (ops..ops + 4).for_each(|op| disk.fail_at(op, fault));
        wal.append(&[&[9; 5000]]).unwrap();
        let _ = wal.sync();
        assert_eq!(wal.stats().failed_writes, 0, "{fault:?}");
        disk.crash();
        let (_, found) = open_from(&disk, settings(), Lsn::ZERO);
        assert_eq!(found.len(), 2, "{fault:?}");
    }
}

#[test]
fn without_fsync_a_record_survives_the_process_and_costs_no_fdatasync() {
    let disk = SimDisk::new(13);
    let settings = Settings { durability: Durability::Os, ..settings() };
    let (mut wal, _) = open_from(&disk, settings.clone(), Lsn::ZERO);
    append_synced(&mut wal, b"with the system");
    assert_eq!(wal.stats().fdatasyncs, 0);
    drop(wal);
    assert_eq!(open_from(&disk, settings, Lsn::ZERO).1.len(), 1);
}

#[test]
fn a11_a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("occupied");
    std::fs::write(&file, "").unwrap();
    let refused = Wal::open(Arc::new(RealDisk), Settings::new(file.join("wal")), Lsn::ZERO).unwrap_err().to_string();
    assert!(refused.contains("occupied"), "{refused}");
}

#[test]
fn a11_a_deleted_directory_is_noticed_before_the_next_promise_and_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 64 << 10, ..Settings::new(dir.path().join("wal")) };
    let (mut wal, _) = replayed(Arc::new(RealDisk), settings.clone(), Lsn::ZERO);
    append_synced(&mut wal, b"deleted");
    std::fs::remove_dir_all(dir.path().join("wal")).unwrap();
    wal.append(&[b"void"]).unwrap();
    let refused = wal.sync().unwrap_err().to_string();
    assert!(refused.contains("somebody deleted the segment"), "{refused}");
    wal.reopen_writable().unwrap();
    append_synced(&mut wal, b"kept");
    let (_, mut replay) = Wal::open(Arc::new(RealDisk), settings, Lsn::ZERO).unwrap();
    assert_eq!(replay.next().unwrap().unwrap_err().missing, Lsn(0)..Lsn(1));
    assert_eq!(replay.next().unwrap().unwrap().payload, b"kept");
}

#[test]
fn a16_a_segment_of_a_later_version_stops_the_start_and_says_what_to_do() {
    let disk = SimDisk::new(14);
    let (mut wal, _) = open_from(&disk, settings(), Lsn::ZERO);
    append_synced(&mut wal, b"x");
    let path = disk.paths().remove(0);
    let mut bytes = disk.contents(&path).unwrap();
    (bytes[7], bytes[4096 + 7]) = (b'2', b'2');
    disk.put(&path, bytes);
    let refused = Wal::open(Arc::new(disk), settings(), Lsn::ZERO).unwrap_err();
    assert!(
        matches!(refused, WalError::Newer { version: '2', .. }) && refused.to_string().contains("start that version")
    );
}

#[test]
fn without_durability_numbers_go_on_rising_and_nothing_is_written_or_comes_back() {
    let disk = SimDisk::new(5);
    let unsafe_settings = Settings { durability: Durability::None, ..settings() };
    let (mut wal, _) = open_from(&disk, unsafe_settings.clone(), Lsn::ZERO);
    for i in 0..100 {
        assert_eq!(append_synced(&mut wal, &[7; 900]), Lsn(i), "more than a segment would hold");
    }
    assert_eq!((wal.stats().written_bytes, wal.stats().fdatasyncs, wal.bytes_live()), (0, 0, 0));
    drop(wal);
    // A checkpoint had come as far as record 60 before the process died.
    let (mut wal, found) = open_from(&disk, unsafe_settings, Lsn(60));
    assert!(found.is_empty());
    assert_eq!(append_synced(&mut wal, b"again"), Lsn(60));
    drop(wal);
    // From the next start on it is meant to last.
    let (mut wal, found) = open_from(&disk, settings(), Lsn(60));
    assert!(found.is_empty());
    let lsn = append_synced(&mut wal, b"kept");
    drop(wal);
    disk.crash();
    let (_, found) = open_from(&disk, settings(), Lsn(60));
    assert_eq!(found, [Record { lsn, payload: b"kept".to_vec() }]);
}
