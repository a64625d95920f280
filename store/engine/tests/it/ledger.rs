//! Row A1 for the loss ledger: what was refused or repeated is counted once, whatever crashes.

use crate::house::{House, Sent, rows, send};
use engine::{Durability, Engine, Source};
use model::{Signal, Workspace};
use std::time::Duration;
use tables::SenderCount;

fn refuse(house: &House, engine: &Engine, count: u64) {
    let workspace = Workspace::default();
    let received = model::Clock::now(&*house.clock);
    let source = Source { workspace: &workspace, token: None, signal: Signal::Traces, received };
    let sender = SenderCount { service: "shop".into(), refused: count, ..SenderCount::default() };
    engine.count_refused(&source, &[sender]);
}

fn counts(house: &House, engine: &Engine) -> [i64; 3] {
    ["stored", "refused", "repeated"].map(|column| house.ledger(engine, column))
}

/// Something stored, something refused, a repeat; then a moment later a request whose group takes the
/// tally along.
async fn live(house: &House, engine: &Engine, first: u64) {
    let sent = rows(first, 10, house.now());
    send(house, engine, &sent).await.unwrap();
    assert_eq!(send(house, engine, &sent).await, Ok(Sent::Repeat));
    refuse(house, engine, 3);
    house.clock.advance(Duration::from_secs(2));
    send(house, engine, &rows(first + 10, 1, house.now())).await.unwrap();
}

#[tokio::test]
async fn counts_of_what_was_refused_and_repeated_survive_crashes_and_checkpoints_exactly_once() {
    let house = House::new();
    let mut engine = house.open().await;
    for round in 1..=4_i64 {
        live(&house, &engine, round as u64 * 100).await;
        let expected = [11 * round, 3 * round, 10 * round];
        assert_eq!(counts(&house, &engine), expected, "round {round}, live");
        if round % 2 == 0 {
            engine.flush().await.unwrap();
            assert_eq!(counts(&house, &engine), expected, "round {round}, in Parquet");
        }
        for start in 0..2 {
            house.crash(engine).await;
            engine = house.open().await;
            assert_eq!(counts(&house, &engine), expected, "round {round}, start {start}");
        }
    }
    engine.flush().await.unwrap();
    assert_eq!(counts(&house, &engine), [44, 12, 40]);
}

#[tokio::test]
async fn counts_that_no_record_says_yet_are_in_views_and_in_the_next_checkpoint() {
    let house = House::new();
    let engine = house.open().await;
    live(&house, &engine, 0).await;
    // Too soon after the last tally for another.
    refuse(&house, &engine, 5);
    assert_eq!(counts(&house, &engine), [11, 8, 10]);
    engine.flush().await.unwrap();
    house.crash(engine).await;
    let engine = house.open().await;
    assert_eq!(counts(&house, &engine), [11, 8, 10]);
}

#[tokio::test]
async fn while_the_log_cannot_be_written_counts_wait_in_memory_and_none_is_lost_or_doubled() {
    let house = House::new();
    let engine = house.open().await;
    live(&house, &engine, 0).await;
    // Every operation of the next group fails: it is refused, and its tally is taken back.
    let ops = house.disk.ops();
    (0..40).for_each(|op| house.disk.fail_at(ops + op, wal::sim::Fault::Broken));
    refuse(&house, &engine, 5);
    house.clock.advance(Duration::from_secs(2));
    send(&house, &engine, &rows(50, 10, house.now())).await.unwrap_err();
    assert_eq!(counts(&house, &engine), [11, 18, 10], "three, five, and the ten of the refused request");
    engine.flush().await.unwrap();
    assert_eq!(counts(&house, &engine), [11, 18, 10]);
    house.crash(engine).await;
    let engine = house.open().await;
    assert_eq!(counts(&house, &engine), [11, 18, 10]);
}

#[tokio::test]
async fn without_durability_what_is_in_parquet_survives_and_the_operator_is_warned() {
    let house = House::with(|s| s.durability = Durability::None);
    let engine = house.open().await;
    assert!(engine.warnings().iter().any(|w| w.contains("durability is `none`")), "{:?}", engine.warnings());
    send(&house, &engine, &rows(0, 10, house.now())).await.unwrap();
    engine.flush().await.unwrap();
    send(&house, &engine, &rows(10, 10, house.now())).await.unwrap();
    house.assert_exactly(&engine, 0..20);
    house.crash(engine).await;
    let engine = house.open().await;
    house.assert_exactly(&engine, 0..10);
    // The numbers of lost records are given again; nothing takes the new ones for the old.
    send(&house, &engine, &rows(20, 10, house.now())).await.unwrap();
    engine.flush().await.unwrap();
    house.crash(engine).await;
    let engine = house.open().await;
    house.assert_exactly(&engine, (0..10).chain(20..30));
}
