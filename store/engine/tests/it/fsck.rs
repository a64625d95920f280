//! The catalog from the files alone: no row lost, none counted twice.

use crate::house::{House, rows, send};
use engine::{FsckOptions, FsckReport, Orphan, fsck};
use std::sync::Arc;
use wal::DataDirLock;

async fn run(house: &House, options: FsckOptions) -> FsckReport {
    let lock = DataDirLock::acquire(house.dir.path()).unwrap();
    let disk = Arc::new(house.disk.clone());
    fsck(&lock, &house.settings, &house.part_store(), &house.catalog_path(), disk, options).await.unwrap()
}

const CHECK: FsckOptions = FsckOptions { deep: true, rebuild: false };
const REBUILD: FsckOptions = FsckOptions { deep: false, rebuild: true };

/// Flushed, merged, flushed again, and some rows in the WAL only.
async fn lived_in() -> House {
    let house = House::new();
    let engine = house.open().await;
    for i in 0..4 {
        send(&house, &engine, &rows(i * 100, 100, house.now())).await.unwrap();
        engine.flush().await.unwrap();
    }
    engine.compact_now().await.unwrap();
    for i in 4..6 {
        send(&house, &engine, &rows(i * 100, 100, house.now())).await.unwrap();
        engine.flush().await.unwrap();
    }
    send(&house, &engine, &rows(600, 100, house.now())).await.unwrap();
    house.crash(engine).await;
    house
}

#[tokio::test]
async fn a_sound_store_is_clean() {
    let house = lived_in().await;
    let report = run(&house, CHECK).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.wal_records, report.orphans.len()), (1, 0));
    assert_eq!(report.parts, report.files);
}

#[tokio::test]
async fn a_lost_catalog_is_rebuilt_and_every_row_is_there_once() {
    let house = lived_in().await;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", house.catalog_path().display()));
    }
    let report = run(&house, CHECK).await;
    assert!(report.catalog_behind && !report.is_clean(), "{report:?}");
    assert!(!house.catalog_path().exists(), "a check makes no catalog");
    let report = run(&house, REBUILD).await;
    assert_eq!(report.rebuilt.as_ref().unwrap().lost_records, None, "{report:?}");
    let engine = house.open().await;
    house.assert_exactly(&engine, 0..700);
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, 0..700);
    house.assert_files_are_live_parts(&engine);
}

#[tokio::test]
async fn missing_damaged_and_unknown_files_are_named() {
    let house = lived_in().await;
    let files: Vec<String> = house.files().into_iter().filter(|f| f.contains("/spans/")).collect();
    std::fs::remove_file(house.parquet().join(&files[0])).unwrap();
    let damaged = house.parquet().join(&files[1]);
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    std::fs::copy(house.parquet().join(&files[2]), house.parquet().join("default/spans/stray.parquet")).unwrap();
    let report = run(&house, CHECK).await;
    assert!(!report.is_clean());
    assert_eq!(report.missing, [files[0].clone()]);
    assert_eq!(report.damaged.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(), [files[1].clone()]);
    assert_eq!(report.orphans, [("default/spans/stray.parquet".to_owned(), Orphan::Unknown)]);
}

/// Puts back a copy of the catalog, as an operator may who restores one file of many.
fn put_back(house: &House, copy: &std::path::Path) {
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", house.catalog_path().display()));
    }
    std::fs::copy(copy, house.catalog_path()).unwrap();
}

#[tokio::test]
async fn b11_an_older_copy_of_the_catalog_costs_no_row_however_often_it_is_started_over() {
    let house = House::new();
    let copy = house.dir.path().join("copy.sqlite");
    let engine = house.open().await;
    for i in 0..4 {
        send(&house, &engine, &rows(i * 100, 100, house.now())).await.unwrap();
        engine.flush().await.unwrap();
    }
    house.crash(engine).await;
    assert!(run(&house, CHECK).await.is_clean());
    std::fs::copy(house.catalog_path(), &copy).unwrap();

    let engine = house.open().await;
    engine.compact_now().await.unwrap();
    send(&house, &engine, &rows(400, 100, house.now())).await.unwrap();
    engine.flush().await.unwrap();
    house.crash(engine).await;
    put_back(&house, &copy);

    // Each opening moves the copy's generation on, until it passes that of the files.
    let mut refused = 0;
    for _ in 0..12 {
        match house.try_open().await {
            Ok(engine) => house.crash(engine).await,
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0, "the files tell that the catalog is older than they are");
    let report = run(&house, CHECK).await;
    assert!(!report.is_clean(), "{report:?}");
    run(&house, REBUILD).await;
    assert!(run(&house, CHECK).await.is_clean());
    let engine = house.open().await;
    house.assert_exactly(&engine, 0..500);
}
