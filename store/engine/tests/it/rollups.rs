//! Counts have the fate of the rows they were counted from: hot, sealed, written, replayed, merged.

use crate::house::{House, NOON, rows, send};
use crate::rows::{Row, sum};
use engine::Engine;
use model::{Clock, Workspace};
use std::time::Duration;
use tables::TableId;

fn red_rows(house: &House, engine: &Engine) -> usize {
    let view = engine.view(&Workspace::default(), &[TableId::Red]);
    house.read(&view).iter().map(|batch| batch.num_rows()).sum()
}

#[tokio::test]
async fn every_view_counts_each_span_once_from_acknowledgement_to_the_merge_and_over_crashes() {
    let house = House::new();
    let mut engine = house.open().await;
    let mut sent = 0;
    for round in 0..6 {
        send(&house, &engine, &rows(sent, 100, house.now())).await.unwrap();
        sent += 100;
        assert_eq!(house.counted(&engine), sent, "hot, round {round}");
        if round % 2 == 0 {
            engine.flush().await.unwrap();
            assert_eq!(house.counted(&engine), sent, "written, round {round}");
        }
        house.crash(engine).await;
        engine = house.open().await;
        assert_eq!(house.counted(&engine), sent, "replayed, round {round}");
    }
    engine.flush().await.unwrap();
    let before = red_rows(&house, &engine);
    engine.compact_now().await.unwrap();
    assert_eq!(house.counted(&engine), sent, "merged");
    assert_eq!((before, red_rows(&house, &engine)), (4 * 3, 3), "three services in one bucket of ten seconds");
}

#[tokio::test]
async fn copies_and_late_spans_are_counted_once_and_in_their_own_bucket() {
    let house = House::new();
    let engine = house.open().await;
    let late = NOON.0 - 5 * 86_400_000_000_000;
    let rows = [Row { number: 1, service: 0, time: house.now() }, Row { number: 2, service: 0, time: late }];
    send(&house, &engine, &rows).await.unwrap();
    engine.flush().await.unwrap();
    // The same spans in another body: no repeat of a request, but copies.
    send(&house, &engine, &[rows[1], rows[0]]).await.unwrap();
    house.clock.advance(Duration::from_secs(3_600));
    engine.flush().await.unwrap();
    let view = engine.view(&Workspace::default(), &[TableId::Red]);
    let red = house.read(&view);
    assert_eq!(red.iter().map(|batch| sum(batch, "calls")).sum::<i64>(), 2);
    let days: Vec<&str> = view.parts.iter().filter_map(|p| p.path.split("date=").nth(1)?.get(..10)).collect();
    assert_eq!(days.iter().filter(|day| **day == "2023-11-09").count(), 1, "{days:?}");
    assert!(house.clock.now() > NOON);
}
