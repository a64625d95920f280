//! Crashes, failing operations and full disks at every point of seeded lives of a log, judged by a
//! model that knows what was promised.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use wal::sim::{Fault, SimDisk};
use wal::{Lsn, Replay, Settings, Wal, WalError};

const SEGMENT: u64 = 16 << 10;

fn settings() -> Settings {
    Settings { segment_bytes: SEGMENT, pool_segments_max: 2, ..Settings::new("/wal") }
}

/// SplitMix64, so that a seed is a whole life.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn payload(&mut self) -> Vec<u8> {
        let len = match self.below(20) {
            0 => 0,
            1 => SEGMENT + self.below(2 * SEGMENT),
            2..=6 => self.below(SEGMENT / 2),
            _ => self.below(600),
        };
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

/// What the users of the log were told.
#[derive(Default)]
struct Promises {
    /// Must be replayed.
    kept: BTreeMap<Lsn, Vec<u8>>,
    /// Appended, no answer yet: may be replayed.
    open: BTreeMap<Lsn, Vec<u8>>,
    /// Refused after a failed sync. May be replayed until a new segment says otherwise.
    void: BTreeMap<Lsn, Vec<u8>>,
    released: Lsn,
    acknowledged: u64,
}

impl Promises {
    fn void_open(&mut self) {
        self.void.append(&mut self.open);
    }

    /// Appends, syncs, releases as chance has it, for about `steps` steps or until the power is gone.
    fn live(&mut self, wal: &mut Wal, chance: &mut Chance, steps: u64) {
        for _ in 0..steps {
            match chance.below(10) {
                0..=5 => {
                    let payload = chance.payload();
                    match wal.append(&[&payload[..payload.len() / 2], &payload[payload.len() / 2..]]) {
                        Ok(lsn) => {
                            // A record that makes the log begin a new segment makes those before it durable;
                            // nobody is told so, so they stay open.
                            assert!(self.kept.last_key_value().is_none_or(|(last, _)| *last < lsn), "numbers rise");
                            self.open.insert(lsn, payload);
                        }
                        Err(WalError::ReadOnly { .. }) => self.void_open(),
                        Err(WalError::Full { .. }) => {}
                        Err(e) => panic!("{e}"),
                    }
                }
                6..=7 => match wal.sync() {
                    Ok(()) => {
                        self.acknowledged += self.open.len() as u64;
                        self.kept.append(&mut self.open);
                    }
                    Err(_) => self.void_open(),
                },
                8 => {
                    let durable = self.kept.last_key_value().map_or(self.released, |(last, _)| last.next());
                    let before = Lsn(self.released.0 + chance.below(durable.0.saturating_sub(self.released.0) + 1));
                    self.released = self.released.max(before);
                    self.kept = self.kept.split_off(&before);
                    let _ = wal.release(before);
                }
                _ if wal.stats().read_only => {
                    if wal.reopen_writable().is_ok() {
                        self.void.clear();
                    }
                }
                _ => {
                    let _ = wal.shrink_idle();
                }
            }
        }
    }

    /// Checks a replay against the promises; what it delivered is promised from now on.
    fn judge(&mut self, replay: &mut Replay, what: &str) {
        let mut delivered = BTreeMap::new();
        while let Some(next) = replay.next() {
            match next {
                Ok(record) => {
                    assert!(record.lsn >= self.released, "{what}: {} was released", record.lsn);
                    let in_order = delivered.last_key_value().is_none_or(|(last, _)| *last < record.lsn);
                    assert!(in_order, "{what}: {} out of order or twice", record.lsn);
                    delivered.insert(record.lsn, record.payload);
                }
                Err(corruption) => assert!(!corruption.was_durable, "{what}: {corruption} {corruption:?}"),
            }
        }
        for (lsn, payload) in &self.kept {
            assert_eq!(delivered.get(lsn), Some(payload), "{what}: record {lsn} was acknowledged");
        }
        for (lsn, payload) in &delivered {
            let known = [&self.kept, &self.open, &self.void].into_iter().any(|told| told.get(lsn) == Some(payload));
            assert!(known, "{what}: record {lsn} was never appended, or its group was given up");
        }
        self.kept = delivered;
        self.open.clear();
        self.void.clear();
    }
}

fn open(disk: &SimDisk, from: Lsn, what: &str) -> (Wal, Replay) {
    Wal::open(Arc::new(disk.clone()), settings(), from).unwrap_or_else(|e| panic!("{what}: {e}"))
}

/// Opens twice, crashing in between: the second recovery must find what the first found, in no more space.
fn recover(disk: &SimDisk, promises: &mut Promises, what: &str) -> Wal {
    let (wal, mut replay) = open(disk, promises.released, what);
    promises.judge(&mut replay, what);
    drop(wal);
    let used = disk.used();
    disk.crash();
    let (wal, mut replay) = open(disk, promises.released, what);
    promises.judge(&mut replay, &format!("{what}, second recovery"));
    assert!(disk.used() <= used, "{what}: recovery made the files grow");
    wal
}

/// One life from an empty disk: undisturbed or not, then a crash, then two recoveries and another life.
fn life(seed: u64, steps: u64, disturb: impl Fn(&SimDisk)) -> (u64, u64) {
    let what = format!("seed {seed}");
    let disk = SimDisk::new(seed);
    let mut chance = Chance(!seed);
    let mut promises = Promises::default();
    let (mut wal, _) = open(&disk, Lsn::ZERO, &what);
    disturb(&disk);
    promises.live(&mut wal, &mut chance, steps);
    let ops = disk.ops();
    drop(wal);
    disk.crash();
    let mut wal = recover(&disk, &mut promises, &what);
    promises.live(&mut wal, &mut chance, steps / 2);
    drop(wal);
    disk.crash();
    recover(&disk, &mut promises, &format!("{what}, second life"));
    (ops, promises.acknowledged)
}

#[test]
fn a_crash_at_every_operation_loses_nothing_acknowledged_and_invents_nothing() {
    for seed in 0..6 {
        let (ops, acknowledged) = life(seed, 60, |_| {});
        assert!(ops > 30 && acknowledged > 5, "seed {seed} does too little: {ops} operations, {acknowledged} records");
        for op in 0..ops {
            life(seed, 60, |disk| disk.power_off_at(op));
        }
    }
}

#[test]
fn any_failing_operation_loses_nothing_acknowledged() {
    for seed in 10..13 {
        let (ops, _) = life(seed, 60, |_| {});
        for op in 0..ops {
            for fault in [Fault::Broken, Fault::Full, Fault::Short, Fault::Interrupted] {
                life(seed, 60, |disk| disk.fail_at(op, fault));
            }
        }
    }
}

#[test]
fn several_failures_in_a_row_lose_nothing_acknowledged() {
    for seed in 20..23 {
        let (ops, _) = life(seed, 60, |_| {});
        for op in 0..ops {
            for length in [2, 3, 5, 9] {
                life(seed, 60, |disk| (op..op + length).for_each(|op| disk.fail_at(op, Fault::Broken)));
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_and_loses_nothing_acknowledged() {
    for seed in 30..60 {
        let capacity = SEGMENT * (1 + seed % 5) + seed * 97;
        let (_, acknowledged) = life(seed, 200, |disk| disk.set_capacity(Some(capacity)));
        assert!(seed % 5 == 0 || acknowledged > 0, "seed {seed}: nothing at all was accepted");
    }
}

#[test]
fn random_disasters_in_many_lives_lose_nothing_acknowledged() {
    for seed in 400..700 {
        let disk = SimDisk::new(seed);
        let mut chance = Chance(seed * 31);
        let mut promises = Promises::default();
        for round in 0..8 {
            let what = format!("seed {seed} round {round}");
            let (mut wal, mut replay) = open(&disk, promises.released, &what);
            promises.judge(&mut replay, &what);
            // Either the power goes or only the process dies, with faults before it; what a dead process had
            // not synced stays readable until some later power cut.
            let power_cut = chance.below(2) == 0;
            let last = disk.ops() + chance.below(120);
            for _ in 0..chance.below(4) {
                let fault = [Fault::Broken, Fault::Full, Fault::Short, Fault::Interrupted][chance.below(4) as usize];
                disk.fail_at(disk.ops() + chance.below(60), fault);
            }
            if power_cut {
                disk.power_off_at(last)
            } else {
                disk.die_at(last)
            }
            promises.live(&mut wal, &mut chance, 80);
            drop(wal);
            if power_cut { disk.crash() } else { disk.restart() }
        }
    }
}

#[test]
fn what_replay_delivers_after_the_death_of_a_process_survives_the_power_cut_that_follows() {
    for seed in 200..230 {
        let what = format!("seed {seed}");
        let disk = SimDisk::new(seed);
        let (mut wal, _) = open(&disk, Lsn::ZERO, &what);
        let mut promises = Promises::default();
        wal.append(&[b"first"]).unwrap();
        wal.sync().unwrap();
        promises.kept.insert(Lsn(0), b"first".to_vec());
        wal.append(&[b"written, not yet synced"]).unwrap();
        promises.open.insert(Lsn(1), b"written, not yet synced".to_vec());
        disk.die_at(disk.ops() + 1);
        wal.sync().unwrap_err();
        disk.restart();
        let (_, mut replay) = open(&disk, Lsn::ZERO, &what);
        promises.judge(&mut replay, &what);
        assert_eq!(promises.kept.len(), 2, "{what}: it is readable, so its sender may be told that we have it");
        disk.crash();
        let (_, mut replay) = open(&disk, Lsn::ZERO, &what);
        promises.judge(&mut replay, &what);
    }
}

#[test]
fn what_replay_delivers_after_a_failed_sync_and_the_death_of_the_process_survives_the_power_cut_that_follows() {
    let mut delivered = 0;
    for seed in 200..300 {
        let what = format!("seed {seed}");
        let disk = SimDisk::new(seed);
        let (mut wal, _) = open(&disk, Lsn::ZERO, &what);
        let mut promises = Promises::default();
        wal.append(&[b"first"]).unwrap();
        wal.sync().unwrap();
        promises.kept.insert(Lsn(0), b"first".to_vec());
        let second = vec![b's'; 3_000];
        wal.append(&[&second]).unwrap();
        promises.open.insert(Lsn(1), second);
        // Written, then the sync fails: its pages count as clean. No time to write them elsewhere.
        disk.fail_at(disk.ops() + 1, Fault::Broken);
        disk.die_at(disk.ops() + 2);
        wal.sync().unwrap_err();
        disk.restart();
        let (_, mut replay) = open(&disk, Lsn::ZERO, &what);
        promises.judge(&mut replay, &what);
        delivered += promises.kept.len() - 1;
        disk.crash();
        let (_, mut replay) = open(&disk, Lsn::ZERO, &what);
        promises.judge(&mut replay, &format!("{what}, after the power cut"));
    }
    assert_eq!(delivered, 100, "it was readable each time");
}

#[test]
fn a_segment_whose_start_failed_takes_nothing_away_when_a_crash_brings_it_back() {
    for seed in 300..330 {
        let what = format!("seed {seed}");
        let disk = SimDisk::new(seed);
        let (mut wal, _) = open(&disk, Lsn::ZERO, &what);
        let mut promises = Promises::default();
        let mut append = |wal: &mut Wal, payload: Vec<u8>| {
            let appended = wal.append(&[&payload]);
            appended.as_ref().ok().map(|lsn| promises.kept.insert(*lsn, payload));
            appended
        };
        append(&mut wal, vec![1; 7000]).unwrap();
        wal.sync().unwrap();
        // Made, filled, synced, named, the first copy of its header written and synced: the seventh fails.
        disk.fail_at(disk.ops() + 6, Fault::Full);
        assert!(matches!(append(&mut wal, vec![2; 7000]), Err(WalError::Full { .. })), "{what}");
        // It would fit into the old segment.
        append(&mut wal, vec![3; 100]).unwrap();
        wal.sync().unwrap();
        drop(wal);
        disk.crash();
        let (_, mut replay) = open(&disk, Lsn::ZERO, &what);
        promises.judge(&mut replay, &what);
    }
}
