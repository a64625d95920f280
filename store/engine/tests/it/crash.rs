//! Rows A1, A2, A3: killed anywhere, in recovery too, nothing acknowledged is lost and nothing doubled.

use crate::house::{House, rows, send};
use crate::rows::{Row, UNDECODABLE};
use engine::failpoint::{ALL, Death, Failpoint, Place};
use engine::{Engine, EngineError};
use std::collections::BTreeSet;
use std::time::Duration;
use tables::TableId;

/// What became of what was sent.
#[derive(Debug, Default)]
struct Oracle {
    acknowledged: BTreeSet<u64>,
    unknown: BTreeSet<u64>,
    /// May have expired.
    old: BTreeSet<u64>,
}

impl Oracle {
    async fn send(&mut self, house: &House, engine: &Engine, rows: &[Row]) {
        let numbers = rows.iter().map(|r| r.number);
        match send(house, engine, rows).await {
            Ok(_) => self.acknowledged.extend(numbers),
            Err(_) => self.unknown.extend(numbers),
        }
    }

    fn check(&self, house: &House, engine: &Engine, when: &str) {
        let found = house.numbers(engine);
        let doubled: Vec<_> = found.iter().filter(|(_, n)| **n > 1).collect();
        let lost: Vec<_> =
            self.acknowledged.iter().filter(|n| !found.contains_key(n) && !self.old.contains(n)).collect();
        let phantoms: Vec<_> =
            found.keys().filter(|n| !self.acknowledged.contains(n) && !self.unknown.contains(n)).collect();
        assert!(
            doubled.is_empty() && lost.is_empty() && phantoms.is_empty(),
            "{when}: doubled {doubled:?}, lost {lost:?}, phantoms {phantoms:?}"
        );
        assert_eq!(house.counted(engine), house.recent(engine), "{when}: each span that is there is counted once");
    }
}

const OLD: u64 = 1_000_000;

fn house(failpoint: Option<Failpoint>) -> House {
    House::with(|s| {
        s.failpoint = failpoint;
        s.retention.age = [(TableId::Spans, Duration::from_secs(30 * 86_400))].into();
    })
}

/// A life with everything in it: appends, flushes, a merge, an expiry. Ends early where the engine dies.
async fn live(house: &House, engine: &Engine, oracle: &mut Oracle) -> Result<(), EngineError> {
    oracle.old.extend(OLD..OLD + 10);
    oracle.send(house, engine, &rows(OLD, 10, house.now())).await;
    engine.flush().await?;
    // The clock goes on evenly, so it is believed.
    house.clock.advance(Duration::from_secs(31 * 86_400));
    for round in 0..4 {
        for request in 0..6 {
            // Large enough that the log begins new segments.
            oracle.send(house, engine, &rows(round * 6_000 + request * 1_000, 1_000, house.now())).await;
        }
        if round < 3 {
            engine.flush().await?;
        }
    }
    engine.retention_now(false).await?;
    engine.compact_now().await?;
    Ok(())
}

/// All that must hold after any crash, however often.
async fn recover_and_check(house: &mut House, oracle: &Oracle, place: Place) {
    house.settings.failpoint = None;
    for start in 0..3 {
        let engine = house.open().await;
        oracle.check(house, &engine, &format!("{place}, start {start}"));
        house.crash(engine).await;
    }
    let engine = house.open().await;
    engine.flush().await.unwrap();
    house.assert_files_are_live_parts(&engine);
    oracle.check(house, &engine, &format!("{place}, flushed"));
    engine.compact_now().await.unwrap();
    house.assert_files_are_live_parts(&engine);
    oracle.check(house, &engine, &format!("{place}, merged"));
    // And it lives: what comes now is stored too.
    send(house, &engine, &rows(500_000, 10, house.now())).await.unwrap();
    assert_eq!((500_000..500_010).filter(|n| house.numbers(&engine).get(n) == Some(&1)).count(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_killed_once_at_every_place_nothing_is_lost_or_doubled() {
    for place in ALL.iter().filter(|p| **p != Place::RecoverReplay) {
        for after in [0, 2] {
            let mut house = house(Some(Failpoint { at: *place, after, death: Death::Halt }));
            let engine = house.open().await;
            let mut oracle = Oracle::default();
            let _ = live(&house, &engine, &mut oracle).await;
            if after == 0 {
                assert!(engine.halted(), "{place} was never reached");
            }
            if *place != Place::WalAppend {
                assert!(!oracle.acknowledged.is_empty() || after == 0);
            }
            house.crash(engine).await;
            recover_and_check(&mut house, &oracle, *place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_killed_in_recovery_again_and_again_nothing_changes() {
    let mut house = house(None);
    // Recovery has to write checkpoints on its way.
    house.settings.flush_rows = 2_500;
    let engine = house.open().await;
    let mut oracle = Oracle::default();
    for i in 0..12 {
        oracle.send(&house, &engine, &rows(i * 1_000, 1_000, house.now())).await;
    }
    assert_eq!(oracle.acknowledged.len(), 12_000);
    house.crash(engine).await;
    let deaths = [
        (Place::RecoverReplay, 0),
        (Place::RecoverReplay, 5),
        (Place::PartWrite, 1),
        (Place::BeforeCommit, 0),
        (Place::AfterCommit, 1),
        (Place::Seal, 1),
    ];
    for (place, after) in deaths {
        house.settings.failpoint = Some(Failpoint { at: place, after, death: Death::Halt });
        match house.try_open().await {
            Err(EngineError::Halted(_)) => house.disk.crash(),
            Err(other) => panic!("{place}: {other}"),
            // What was left to replay did not reach that far.
            Ok(engine) => house.crash(engine).await,
        }
    }
    recover_and_check(&mut house, &oracle, Place::RecoverReplay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_the_power_cut_at_any_moment_of_the_log_loses_nothing() {
    for cut in (0..120).step_by(7) {
        let mut house = house(None);
        let engine = house.open().await;
        house.disk.power_off_at(house.disk.ops() + cut);
        let mut oracle = Oracle::default();
        for i in 0..20 {
            oracle.send(&house, &engine, &rows(i * 700, 700, house.now())).await;
        }
        house.crash(engine).await;
        recover_and_check(&mut house, &oracle, Place::WalAppend).await;
    }
}

#[tokio::test]
async fn a_record_that_no_longer_decodes_is_put_aside_and_every_view_says_so() {
    let house = House::new();
    let engine = house.open().await;
    send(&house, &engine, &rows(0, 10, house.now())).await.unwrap();
    crate::house::send_bytes(&house, &engine, UNDECODABLE.to_vec()).await.unwrap();
    send(&house, &engine, &rows(10, 10, house.now())).await.unwrap();
    house.crash(engine).await;
    let engine = house.open().await;
    house.assert_exactly(&engine, 0..20);
    let view = engine.view(&model::Workspace::default(), &[TableId::Spans]);
    assert!(!view.complete);
    assert_eq!(view.incomplete_reason.as_deref(), Some("1 records that do not decode are put aside"));
    let aside = house.disk.paths().into_iter().find(|p| p.to_str().unwrap().contains("undecodable")).unwrap();
    assert!(house.disk.contents(&aside).unwrap().ends_with(UNDECODABLE));
    engine.flush().await.unwrap();
    house.crash(engine).await;
    let engine = house.open().await;
    assert!(engine.view(&model::Workspace::default(), &[TableId::Spans]).complete, "it is not in the WAL any more");
    house.assert_exactly(&engine, 0..20);
}

#[tokio::test]
async fn damage_in_the_middle_of_the_log_is_stepped_over_and_said() {
    let house = House::new();
    let engine = house.open().await;
    for i in 0..10 {
        send(&house, &engine, &rows(i * 10, 10, house.now())).await.unwrap();
    }
    house.crash(engine).await;
    let segment = house.disk.paths().into_iter().find(|p| p.extension().is_some_and(|e| e == "wal")).unwrap();
    let mut bytes = house.disk.contents(&segment).unwrap();
    let needle = 50_u64.to_le_bytes();
    let at = bytes.windows(9).position(|w| w[..8] == needle && w[8] == (50 % 3) as u8).unwrap();
    bytes[at] ^= 0xff;
    house.disk.put(&segment, bytes);
    let engine = house.open().await;
    house.assert_exactly(&engine, (0..50).chain(60..100));
    let view = engine.view(&model::Workspace::default(), &[TableId::Spans]);
    assert_eq!(view.incomplete_reason.as_deref(), Some("1 damaged places in the write-ahead log are in quarantine"));
}

#[tokio::test]
async fn a_catalog_older_than_the_log_is_refused_and_nothing_is_thrown_away() {
    let house = House::new();
    let engine = house.open().await;
    send(&house, &engine, &rows(0, 10, house.now())).await.unwrap();
    engine.shutdown().await.unwrap();
    house.crash(engine).await;
    let old = std::fs::read(house.catalog_path()).unwrap();
    let engine = house.open().await;
    for i in 1..20 {
        send(&house, &engine, &rows(i * 1_000, 1_000, house.now())).await.unwrap();
        engine.flush().await.unwrap();
    }
    engine.shutdown().await.unwrap();
    house.crash(engine).await;
    let files = house.files();
    std::fs::write(house.catalog_path(), old).unwrap();
    let refused = house.try_open().await.map(|_| ()).unwrap_err();
    let expected = matches!(refused, EngineError::CatalogTooOld { .. } | EngineError::CatalogBehindParts { .. });
    assert!(expected && refused.to_string().contains("fsck --rebuild"), "{refused}");
    assert_eq!(house.files(), files);
}
