//! Row C4: a client's retry of the same bytes makes no second row.

use crate::house::{House, Sent, rows, send};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_repeats_one_is_stored_and_all_are_told_so() {
    let house = House::new();
    let engine = house.open().await;
    for round in 0..20 {
        let rows = rows(round * 10, 10, house.now());
        let attempts = (0..8).map(|_| send(&house, &engine, &rows));
        let outcomes = futures::future::join_all(attempts).await;
        let stored = outcomes.iter().filter(|o| matches!(o, Ok(Sent::Stored(_)))).count();
        assert_eq!(stored, 1, "{outcomes:?}");
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    house.assert_exactly(&engine, 0..200);
    assert_eq!(house.ledger(&engine, "repeated"), 20 * 7 * 10);
}

#[tokio::test]
async fn a_repeat_is_known_over_restarts_from_the_wal_and_from_the_catalog() {
    let house = House::new();
    let engine = house.open().await;
    let (flushed, unflushed) = (rows(0, 10, house.now()), rows(10, 10, house.now()));
    send(&house, &engine, &flushed).await.unwrap();
    engine.flush().await.unwrap();
    send(&house, &engine, &unflushed).await.unwrap();
    house.crash(engine).await;
    house.clock.advance(Duration::from_secs(14 * 60));
    let engine = house.open().await;
    for rows in [&flushed, &unflushed] {
        assert_eq!(send(&house, &engine, rows).await, Ok(Sent::Repeat));
    }
    house.assert_exactly(&engine, 0..20);
}

#[tokio::test]
async fn after_the_window_the_same_bytes_are_new_data_after_a_crash_too() {
    let house = House::new();
    let engine = house.open().await;
    let same = rows(0, 1, house.now());
    assert!(matches!(send(&house, &engine, &same).await, Ok(Sent::Stored(_))));
    house.clock.advance(house.settings.repeat_window + Duration::from_secs(1));
    assert!(matches!(send(&house, &engine, &same).await, Ok(Sent::Stored(_))));
    assert_eq!(house.numbers(&engine)[&0], 2);
    house.crash(engine).await;
    let engine = house.open().await;
    assert_eq!(house.numbers(&engine)[&0], 2, "both were acknowledged");
}

#[tokio::test]
async fn a_sender_that_goes_away_before_its_append_leaves_the_way_free() {
    let house = House::new();
    let engine = house.open().await;
    let rows = rows(0, 1, 0);
    let head = crate::house::head(crate::house::NOON, &crate::rows::body(&rows));
    let ticket = engine.repeat_of(&head.workspace, head.body_hash).await;
    assert!(matches!(ticket, engine::Repeat::New(_)));
    drop(ticket);
    assert!(matches!(send(&house, &engine, &rows).await, Ok(Sent::Stored(_))));
}
