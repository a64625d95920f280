//! The plain way: in, seen, written, seen again.

use crate::house::{House, Sent, rows, send};
use engine::failpoint::{Death, Failpoint, Place};
use futures::{FutureExt, StreamExt};
use model::{UnixNanos, Workspace};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tables::TableId;

#[tokio::test]
async fn what_is_acknowledged_is_visible_at_once_and_after_a_flush_in_parquet() {
    let house = House::new();
    let engine = house.open().await;
    assert!(matches!(send(&house, &engine, &rows(0, 100, house.now())).await, Ok(Sent::Stored(_))));
    house.assert_exactly(&engine, 0..100);
    let view = engine.view(&Workspace::default(), &[TableId::Spans]);
    assert!(view.complete && view.parts.is_empty());

    let report = engine.flush().await.unwrap();
    let view = engine.view(&Workspace::default(), &[TableId::Spans]);
    assert!(view.hot.is_empty());
    assert_eq!(view.parts.len(), 1);
    assert_eq!(report.rows, 100 + 3 + 3 + 3, "spans, their resources, the ledger's senders, their request rates");
    house.assert_exactly(&engine, 0..100);
    house.assert_files_are_live_parts(&engine);
    assert_eq!(engine.flush().await.unwrap().parts, vec![], "nothing is left to flush");
}

#[tokio::test]
async fn workspaces_do_not_see_each_other() {
    let house = House::new();
    let engine = house.open().await;
    send(&house, &engine, &rows(0, 10, house.now())).await.unwrap();
    let other = Workspace::new("other").unwrap();
    for _ in 0..2 {
        let view = engine.view(&other, &TableId::ALL);
        assert!(view.hot.is_empty() && view.parts.is_empty());
        engine.flush().await.unwrap();
    }
}

#[tokio::test]
async fn a_generation_is_written_by_rows_by_bytes_and_by_age() {
    let by_rows = House::with(|s| s.flush_rows = 100);
    let by_bytes = House::with(|s| {
        // What is counted of the rows has its share.
        s.flush_bytes = 2_500;
        s.row_bytes_min = 1;
        s.chunk_overhead_bytes = 0;
    });
    for house in [by_rows, by_bytes] {
        let engine = house.open().await;
        send(&house, &engine, &rows(0, 40, house.now())).await.unwrap();
        assert_eq!(engine.tick_flush().await.unwrap(), None);
        send(&house, &engine, &rows(40, 60, house.now())).await.unwrap();
        assert!(engine.tick_flush().await.unwrap().is_some());
        house.assert_exactly(&engine, 0..100);
    }
    let by_age = House::new();
    let engine = by_age.open().await;
    send(&by_age, &engine, &rows(0, 1, by_age.now())).await.unwrap();
    by_age.clock.advance(by_age.settings.flush_after - Duration::from_nanos(1));
    assert_eq!(engine.tick_flush().await.unwrap(), None);
    by_age.clock.advance(Duration::from_nanos(1));
    assert!(engine.tick_flush().await.unwrap().is_some());
}

#[tokio::test]
async fn ten_thousand_tiny_requests_are_few_chunks() {
    let house = House::new();
    let engine = house.open().await;
    for i in 0..2_000 {
        send(&house, &engine, &rows(i * 10, 10, house.now())).await.unwrap();
    }
    let view = engine.view(&Workspace::default(), &[TableId::Spans]);
    assert!(view.hot.len() < 200, "{} chunks", view.hot.len());
    let ids: BTreeSet<u64> = view.hot.iter().map(|c| c.id).collect();
    assert_eq!(ids.len(), view.hot.len());
    house.assert_exactly(&engine, 0..20_000);
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, 0..20_000);
}

#[tokio::test]
async fn chunk_ids_are_never_used_again_in_no_later_process_either() {
    let house = House::new();
    let mut seen = BTreeSet::new();
    for start in 0..3 {
        let engine = house.open().await;
        send(&house, &engine, &rows(start * 10, 10, house.now())).await.unwrap();
        for chunk in engine.view(&Workspace::default(), &TableId::ALL).hot {
            assert!(seen.insert(chunk.id), "{} was used before", chunk.id);
        }
        house.crash(engine).await;
    }
}

#[tokio::test]
async fn a_resource_is_written_once_a_day() {
    let house = House::new();
    let engine = house.open().await;
    let resources = |engine: &engine::Engine| -> usize {
        let view = engine.view(&Workspace::default(), &[TableId::Resources]);
        house.read(&view).iter().map(|b| b.num_rows()).sum()
    };
    for i in 0..20 {
        send(&house, &engine, &rows(i * 3, 3, house.now())).await.unwrap();
    }
    assert_eq!(resources(&engine), 3);
    engine.flush().await.unwrap();
    send(&house, &engine, &rows(100, 3, house.now())).await.unwrap();
    assert_eq!(resources(&engine), 3);
    house.clock.advance(Duration::from_secs(86_400));
    send(&house, &engine, &rows(200, 3, house.now())).await.unwrap();
    assert_eq!(resources(&engine), 6);
}

#[tokio::test]
async fn the_ledger_adds_up_while_hot_while_flushed_and_after_a_restart() {
    let house = House::new();
    let engine = house.open().await;
    let start = house.now();
    for i in 0..5 {
        send(&house, &engine, &rows(i * 10, 10, start)).await.unwrap();
        house.clock.advance(Duration::from_secs(40));
    }
    send(&house, &engine, &rows(0, 10, start)).await.unwrap();
    let figures = |engine: &engine::Engine| {
        ["received", "stored", "queryable", "repeated", "refused"].map(|c| house.ledger(engine, c))
    };
    assert_eq!(figures(&engine), [50, 50, 50, 10, 0]);
    engine.flush().await.unwrap();
    assert_eq!(figures(&engine), [50, 50, 50, 10, 0]);
    send(&house, &engine, &rows(90, 10, house.now())).await.unwrap();
    assert_eq!(figures(&engine), [60, 60, 60, 10, 0]);
    house.crash(engine).await;
    let engine = house.open().await;
    assert_eq!(figures(&engine), [60, 60, 60, 10, 0]);
}

#[tokio::test]
async fn old_days_have_their_own_folder_and_impossible_ones_do_not() {
    let house = House::new();
    let engine = house.open().await;
    let day = UnixNanos::DAY;
    let times = [house.now(), house.now() - 400 * day, house.now() + 3 * day, 0, i64::MAX, i64::MIN];
    for (i, time) in times.into_iter().enumerate() {
        let row = crate::rows::Row { number: i as u64, service: 0, time };
        send(&house, &engine, &[row]).await.unwrap();
    }
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, 0..6);
    let folders: BTreeSet<String> = house
        .files()
        .iter()
        .filter(|f| f.contains("/spans/"))
        .map(|f| f.split('/').nth(2).unwrap().to_owned())
        .collect();
    assert_eq!(folders, ["date=2022-10-11", "date=2023-11-15"].map(String::from).into());
}

#[tokio::test]
async fn one_flush_touches_no_more_partitions_than_its_bound() {
    let house = House::with(|s| s.flush_partitions_max = 5);
    let engine = house.open().await;
    let spread: Vec<_> = (0..300)
        .map(|i| crate::rows::Row { number: i, service: 0, time: house.now() - i as i64 * UnixNanos::DAY })
        .collect();
    send(&house, &engine, &spread).await.unwrap();
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, 0..300);
    let view = engine.view(&Workspace::default(), &[TableId::Spans]);
    assert_eq!(view.parts.len(), 5);
}

#[tokio::test]
async fn a_shutdown_leaves_everything_in_parquet_and_nothing_to_replay() {
    let house = House::new();
    let engine = house.open().await;
    send(&house, &engine, &rows(0, 50, house.now())).await.unwrap();
    engine.shutdown().await.unwrap();
    assert_eq!(send(&house, &engine, &rows(50, 1, 0)).await.unwrap_err().reason, engine::RefusalReason::Closing);
    house.crash(engine).await;
    let engine = house.open().await;
    assert!(engine.view(&Workspace::default(), &TableId::ALL).hot.is_empty());
    house.assert_exactly(&engine, 0..50);
}

#[tokio::test]
async fn a_second_engine_on_the_same_directory_is_refused() {
    let house = House::new();
    let _engine = house.open().await;
    let refused = house.try_open().await.unwrap_err().to_string();
    assert!(refused.contains("in use by process"), "{refused}");
}

#[tokio::test]
async fn on_an_object_store_it_is_the_same_and_leftovers_go_when_they_are_a_day_old() {
    let bucket = Arc::new(InMemory::new());
    let mut house = House::new();
    house.bucket = Some(bucket.clone());
    house.settings.failpoint = Some(Failpoint { at: Place::BeforeCommit, after: 1, death: Death::Halt });
    let engine = house.open().await;
    for i in 0..2 {
        send(&house, &engine, &rows(i * 100, 100, house.now())).await.unwrap();
        let _ = engine.flush().await;
    }
    house.crash(engine).await;
    let objects = || bucket.list(None).collect::<Vec<_>>().now_or_never().unwrap().len();
    assert_eq!(objects(), 7, "four committed, three not: the resources are written once a day");

    house.settings.failpoint = None;
    let engine = house.open().await;
    house.assert_exactly(&engine, 0..200);
    engine.flush().await.unwrap();
    engine.compact_now().await.unwrap();
    house.assert_exactly(&engine, 0..200);
    engine.tick_maintenance().await.unwrap();
    assert!(objects() > engine.parts_of(&Workspace::default()).len(), "replaced and left over, all still there");
    // The objects carry today's date: by then they are years old.
    house.clock.advance(Duration::from_secs(20 * 365 * 86_400));
    engine.tick_maintenance().await.unwrap();
    assert_eq!(objects(), engine.parts_of(&Workspace::default()).len());
    house.assert_exactly(&engine, 0..200);
}
