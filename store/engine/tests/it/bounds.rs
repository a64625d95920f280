//! Rows A9, A12, B2: at every bound a refusal with a reason, and after it everything goes on.

use crate::house::{House, Sent, rows, send};
use engine::RefusalReason;
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn reason(house: &House, engine: &engine::Engine, first: u64) -> Option<RefusalReason> {
    send(house, engine, &rows(first, 10, house.now())).await.err().map(|r| r.reason)
}

#[tokio::test]
async fn a9_the_disk_reserve_is_not_for_ingest_and_ingest_comes_back_by_itself() {
    let house = House::new();
    let engine = house.open().await;
    assert_eq!(reason(&house, &engine, 0).await, None);
    house.free.store(house.settings.space.disk_reserve_bytes + 10, Ordering::SeqCst);
    engine.measure_space();
    let refusal = send(&house, &engine, &rows(10, 10, 0)).await.unwrap_err();
    assert_eq!((refusal.reason, refusal.retry_after), (RefusalReason::DiskReserve, Some(Duration::from_secs(10))));
    // Queries go on, and the rows that are there are written.
    house.assert_exactly(&engine, 0..10);
    engine.flush().await.unwrap();
    assert_eq!(engine.readiness().len(), 0, "zero bytes would still come in");
    house.free.store(0, Ordering::SeqCst);
    engine.measure_space();
    assert_eq!(engine.readiness().len(), 1);
    house.free.store(1 << 40, Ordering::SeqCst);
    engine.measure_space();
    assert_eq!(reason(&house, &engine, 20).await, None);
    house.assert_exactly(&engine, (0..10).chain(20..30));
}

#[tokio::test]
async fn a9_a_full_log_disk_refuses_and_loses_nothing() {
    let house = House::new();
    let engine = house.open().await;
    let mut stored = Vec::new();
    house.disk.set_capacity(Some(200 * 1024));
    for i in 0..40 {
        match send(&house, &engine, &rows(i * 1_000, 1_000, house.now())).await {
            Ok(_) => stored.extend(i * 1_000..(i + 1) * 1_000),
            Err(refusal) => {
                assert!(matches!(refusal.reason, RefusalReason::WalFull | RefusalReason::ReadOnly), "{refusal:?}")
            }
        }
    }
    assert!(!stored.is_empty() && stored.len() < 40_000);
    house.assert_exactly(&engine, stored.iter().copied());
    house.crash(engine).await;
    let engine = house.open().await;
    house.assert_exactly(&engine, stored.iter().copied());
    house.disk.set_capacity(None);
    assert!(matches!(send(&house, &engine, &rows(900_000, 1, 0)).await, Ok(Sent::Stored(_))));
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, stored.into_iter().chain([900_000]));
}

#[tokio::test]
async fn rows_in_memory_are_bounded_while_flush_lags() {
    let house = House::with(|s| {
        s.memtable_bytes_max = 4_000;
        s.row_bytes_min = 1;
        s.chunk_overhead_bytes = 0;
    });
    let engine = house.open().await;
    let mut first = 0;
    let refused = loop {
        match reason(&house, &engine, first).await {
            None => first += 10,
            Some(reason) => break reason,
        }
        assert!(first < 10_000, "never refused");
    };
    assert_eq!(refused, RefusalReason::Flush);
    assert!(engine.readiness().is_empty() || engine.readiness()[0].contains("memory"));
    engine.flush().await.unwrap();
    assert_eq!(reason(&house, &engine, first).await, None);
    house.assert_exactly(&engine, 0..first + 10);
}

#[tokio::test]
async fn the_log_is_bounded_while_parts_cannot_be_written() {
    let house = House::with(|s| s.wal_bytes_max = 100_000);
    let engine = house.open().await;
    let mut sent = 0;
    while reason(&house, &engine, sent).await.is_none() {
        sent += 10;
        assert!(sent < 100_000, "never refused");
    }
    assert_eq!(reason(&house, &engine, sent).await, Some(RefusalReason::WalFull));
    house.assert_exactly(&engine, 0..sent);
    engine.flush().await.unwrap();
    // The log's thread recycles its segments in its own time.
    let mut tries = 0;
    while reason(&house, &engine, sent).await.is_some() {
        tries += 1;
        assert!(tries < 10_000, "never taken in again");
        tokio::task::yield_now().await;
    }
    house.assert_exactly(&engine, 0..sent + 10);
}

#[tokio::test]
async fn a_request_that_can_never_fit_is_told_so() {
    let house = House::with(|s| s.inflight_bytes_max = 1_000);
    let engine = house.open().await;
    let refusal = send(&house, &engine, &rows(0, 100, 0)).await.unwrap_err();
    assert_eq!((refusal.reason, refusal.retry_after), (RefusalReason::TooLarge, None));
}

#[tokio::test]
async fn what_is_refused_after_decoding_is_in_the_ledger_and_in_the_metrics() {
    let house = House::with(|s| s.append_queue_max = 0);
    let engine = house.open().await;
    assert_eq!(reason(&house, &engine, 0).await, Some(RefusalReason::Queue));
    assert_eq!(["received", "refused", "stored"].map(|c| house.ledger(&engine, c)), [10, 10, 0]);
    let value = |name: &str, label: &str| -> f64 {
        engine
            .stats()
            .iter()
            .filter(|m| m.name == name && m.labels.iter().any(|(_, v)| v == label))
            .map(|m| m.value)
            .sum()
    };
    assert_eq!(value("stormglass_engine_refused_requests_total", "queue"), 1.0);
    assert_eq!(value("stormglass_ledger_items_total", "refused"), 10.0);
}
