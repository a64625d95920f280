//! Rows A7, A10, A11, B1, B2, B9: whatever fails below, rows stay in memory and in the WAL until it works again.

use crate::house::{House, Sent, rows, send};
use sqlx::Connection;
use std::time::Duration;
use wal::sim::Fault;

/// Puts a file where the parts' directory is, and back.
struct NoParquet<'h>(&'h House);

impl<'h> NoParquet<'h> {
    fn begin(house: &'h House) -> Self {
        std::fs::rename(house.parquet(), house.dir.path().join("parquet.away")).unwrap();
        std::fs::write(house.parquet(), "in the way").unwrap();
        Self(house)
    }

    fn end(self) {
        std::fs::remove_file(self.0.parquet()).unwrap();
        std::fs::rename(self.0.dir.path().join("parquet.away"), self.0.parquet()).unwrap();
    }
}

#[tokio::test]
async fn a10_b2_while_parts_cannot_be_written_rows_stay_and_are_written_later() {
    let house = House::new();
    let engine = house.open().await;
    send(&house, &engine, &rows(0, 100, house.now())).await.unwrap();
    let outage = NoParquet::begin(&house);
    let error = engine.flush().await.unwrap_err();
    assert!(engine.readiness()[0].contains("rows cannot be written to Parquet"), "{error}");
    // Ingest goes on into the next generation.
    send(&house, &engine, &rows(100, 100, house.now())).await.unwrap();
    for _ in 0..5 {
        house.clock.advance(Duration::from_millis(20));
        assert!(engine.tick_flush().await.is_err());
    }
    outage.end();
    house.clock.advance(Duration::from_millis(20));
    let first = engine.tick_flush().await.unwrap().unwrap();
    assert_eq!(first.rows, 100 + 3 + 3 + 3);
    assert!(engine.readiness().is_empty());
    house.assert_exactly(&engine, 0..200);
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, 0..200);
    house.assert_files_are_live_parts(&engine);
}

#[tokio::test]
async fn a_crash_during_an_outage_loses_nothing() {
    let house = House::new();
    let engine = house.open().await;
    send(&house, &engine, &rows(0, 100, house.now())).await.unwrap();
    let outage = NoParquet::begin(&house);
    assert!(engine.flush().await.is_err());
    send(&house, &engine, &rows(100, 100, house.now())).await.unwrap();
    outage.end();
    house.crash(engine).await;
    let engine = house.open().await;
    house.assert_exactly(&engine, 0..200);
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, 0..200);
    house.assert_files_are_live_parts(&engine);
}

#[tokio::test]
async fn b9_while_the_catalog_is_locked_acknowledging_goes_on_and_no_part_is_written_twice() {
    let mut house = House::new();
    house.catalog_busy = Duration::from_millis(20);
    let engine = house.open().await;
    send(&house, &engine, &rows(0, 100, house.now())).await.unwrap();
    let url = format!("sqlite://{}", house.catalog_path().display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    for i in 0..3 {
        assert!(engine.flush().await.is_err());
        assert!(matches!(send(&house, &engine, &rows(100 + i * 10, 10, house.now())).await, Ok(Sent::Stored(_))));
    }
    let written = house.files().len();
    assert_eq!(written, 4, "spans, resources, ledger, request rates: once each");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, 0..130);
    house.assert_files_are_live_parts(&engine);
}

#[tokio::test]
async fn a7_after_a_failed_fsync_nothing_of_its_group_is_acknowledged_unless_it_is_safe_elsewhere() {
    for failures in 1..=3 {
        for start in 0..12 {
            let house = House::new();
            let engine = house.open().await;
            send(&house, &engine, &rows(0, 10, house.now())).await.unwrap();
            (0..failures).for_each(|i| house.disk.fail_at(house.disk.ops() + start + i, Fault::Broken));
            let mut stored: Vec<u64> = (0..10).collect();
            for i in 1..8 {
                if send(&house, &engine, &rows(i * 10, 10, house.now())).await.is_ok() {
                    stored.extend(i * 10..i * 10 + 10);
                }
            }
            house.assert_exactly(&engine, stored.iter().copied());
            house.crash(engine).await;
            let engine = house.open().await;
            let found = house.numbers(&engine);
            assert!(found.values().all(|n| *n == 1), "{failures} {start}: {found:?}");
            let lost: Vec<_> = stored.iter().filter(|n| !found.contains_key(n)).collect();
            assert!(lost.is_empty(), "{failures} failures from operation {start}: lost {lost:?}");
        }
    }
}
