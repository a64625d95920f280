//! Merging, expiring, keeping below the bound on disk: counts are conserved, readers see no hole, and
//! nothing goes unannounced or by a wrong clock (row C1).

use crate::house::{House, rows, send};
use engine::{Engine, RetentionReport};
use model::Workspace;
use std::time::Duration;
use tables::TableId;

const DAY: Duration = Duration::from_secs(86_400);

async fn flushed(house: &House, engine: &Engine, first: u64, count: u64) {
    send(house, engine, &rows(first, count, house.now())).await.unwrap();
    engine.flush().await.unwrap();
}

fn spans(engine: &Engine) -> Vec<std::sync::Arc<tables::PartMeta>> {
    engine.view(&Workspace::default(), &[TableId::Spans]).parts
}

#[tokio::test]
async fn an_hour_that_is_over_becomes_one_part_with_the_same_rows() {
    let house = House::with(|s| s.compaction.enabled = true);
    let engine = house.open().await;
    for i in 0..5 {
        flushed(&house, &engine, i * 100, 100).await;
        house.clock.advance(Duration::from_secs(60));
    }
    engine.tick_maintenance().await.unwrap();
    assert_eq!(spans(&engine).len(), 5, "the hour is not over");
    house.clock.advance(Duration::from_secs(3_600));
    for _ in 0..4 {
        engine.tick_maintenance().await.unwrap();
    }
    let parts = spans(&engine);
    assert_eq!((parts.len(), parts[0].level, parts[0].rows, parts[0].replaces.len()), (1, 1, 500, 5));
    house.assert_exactly(&engine, 0..500);
    house.assert_files_are_live_parts(&engine);
    assert_eq!(engine.compact_now().await.unwrap(), 0, "each row is rewritten once");
}

#[tokio::test]
async fn a_query_that_began_before_a_merge_finds_its_files_until_its_deadline_is_over() {
    let house = House::new();
    let engine = house.open().await;
    for i in 0..3 {
        flushed(&house, &engine, i * 10, 10).await;
    }
    let old_view = engine.view(&Workspace::default(), &[TableId::Spans]);
    engine.compact_now().await.unwrap();
    house.assert_files_are_live_parts(&engine);
    let read = |view: &engine::View| house.read(view).iter().map(|b| b.num_rows()).sum::<usize>();
    assert_eq!(read(&old_view), 30);
    house.clock.advance(house.settings.compaction.replaced_keep - Duration::from_nanos(1));
    engine.tick_maintenance().await.unwrap();
    assert_eq!(read(&old_view), 30);
    house.clock.advance(Duration::from_nanos(1));
    engine.tick_maintenance().await.unwrap();
    let replaced = house.dir.path().join("replaced").join(&old_view.parts[0].path);
    assert!(!replaced.exists());
    house.assert_exactly(&engine, 0..30);
}

#[tokio::test]
async fn replaced_files_of_an_earlier_process_are_deleted_at_the_next_start() {
    let house = House::new();
    let engine = house.open().await;
    for i in 0..3 {
        flushed(&house, &engine, i * 10, 10).await;
    }
    let old = spans(&engine);
    engine.compact_now().await.unwrap();
    house.crash(engine).await;
    let engine = house.open().await;
    assert!(old.iter().all(|p| !house.dir.path().join("replaced").join(&p.path).exists()));
    house.assert_exactly(&engine, 0..30);
}

#[tokio::test]
async fn parts_expire_by_table_and_by_the_later_of_event_and_receipt() {
    let house = House::with(|s| s.retention.age = [(TableId::Spans, 10 * DAY)].into());
    let engine = house.open().await;
    send(&house, &engine, &rows(0, 10, house.now() - 400 * model::UnixNanos::DAY)).await.unwrap();
    engine.flush().await.unwrap();
    house.clock.advance(9 * DAY);
    flushed(&house, &engine, 100, 10).await;
    assert_eq!(engine.retention_now(false).await.unwrap(), RetentionReport::Nothing);
    house.clock.advance(DAY + Duration::from_nanos(1));
    assert_eq!(engine.retention_now(false).await.unwrap(), RetentionReport::Deleted(1));
    house.assert_exactly(&engine, 100..110);
    house.assert_files_are_live_parts(&engine);
    house.crash(engine).await;
    let engine = house.open().await;
    house.assert_exactly(&engine, 100..110);
}

#[tokio::test]
async fn c1_a_start_with_a_clock_far_ahead_wipes_nothing_until_a_person_confirms() {
    let house = House::with(|s| {
        s.retention.age = [(TableId::Spans, 10 * DAY)].into();
        s.retention.share_max = 0.2;
    });
    let engine = house.open().await;
    flushed(&house, &engine, 0, 10).await;
    house.crash(engine).await;
    house.clock.advance(90 * DAY);
    let engine = house.open().await;
    engine.tick_maintenance().await.unwrap();
    house.assert_exactly(&engine, 0..10);
    assert!(engine.warnings().iter().any(|w| w.contains("nothing is deleted")), "{:?}", engine.warnings());
    assert!(matches!(engine.retention_now(false).await.unwrap(), RetentionReport::Held { due: 1, .. }));
    assert_eq!(engine.retention_now(true).await.unwrap(), RetentionReport::Deleted(1));
    house.assert_exactly(&engine, []);
}

#[tokio::test]
async fn the_bound_on_disk_deletes_the_oldest_after_saying_so() {
    let bound = 40_000;
    let house = House::with(|s| {
        s.space.disk_use_max = Some(bound);
        s.space.by_space = true;
        s.wal_pool_segments_max = 0;
    });
    let engine = house.open().await;
    let mut first = 0;
    loop {
        flushed(&house, &engine, first, 200).await;
        first += 200;
        house.clock.advance(Duration::from_secs(1));
        engine.measure_space();
        engine.tick_maintenance().await.unwrap();
        if engine.space_plan().is_some_and(|p| p.used >= bound) {
            break;
        }
        assert!(first < 100_000, "never full");
    }
    let plan = engine.space_plan().unwrap();
    let before = house.numbers(&engine).len();
    assert_eq!(before as u64, first, "nothing has gone yet");
    assert!(engine.warnings().iter().any(|w| w.contains("will be deleted")));
    house.clock.advance(house.settings.space.notice);
    engine.tick_maintenance().await.unwrap();
    let gone: u64 = plan.parts.iter().map(|p| p.rows).sum();
    // Numbers grow with time: the oldest have gone, all others are there.
    house.assert_exactly(&engine, gone..first);
}
