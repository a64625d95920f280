//! Row B12: while rows come in, are written and merged, every view holds each acknowledged row once.

use crate::house::{House, rows, send};
use engine::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tables::TableId;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b12_every_view_is_exact_while_ingest_flush_and_merges_run() {
    let house = Arc::new(House::with(|s| {
        s.flush_rows = 300;
        s.compaction.parts = 4;
        // Files are replaced under the readers' hands, and kept just as long as a reader needs.
        s.compaction.enabled = true;
    }));
    let engine = house.open().await;
    let progress = Arc::new(Progress::default());
    let upkeep = tokio::spawn(keep_up(engine.clone(), house.clone(), progress.clone()));
    let sender = tokio::spawn(keep_sending(engine.clone(), house.clone(), progress.clone()));
    let mut looks = 0;
    while !sender.is_finished() {
        let before = progress.acked.load(Ordering::SeqCst);
        let view = engine.view(&model::Workspace::default(), &[TableId::Spans]);
        let house = house.clone();
        let numbers = tokio::task::spawn_blocking(move || {
            let mut numbers = BTreeMap::new();
            house.read(&view).iter().for_each(|batch| crate::rows::count_numbers(batch, &mut numbers));
            numbers
        });
        let numbers = numbers.await.unwrap();
        // The sender numbers its rows in order: whatever was acknowledged before the look is there, once.
        let missing: Vec<u64> = (0..before).filter(|n| !numbers.contains_key(n)).collect();
        assert!(missing.is_empty(), "{missing:?} of {before} are missing");
        assert!(numbers.values().all(|n| *n == 1), "a row is seen twice");
        assert!(numbers.keys().copied().eq(0..numbers.len() as u64), "a hole");
        looks += 1;
    }
    let sent = sender.await.unwrap();
    upkeep.await.unwrap();
    assert!(looks > 5, "{looks} looks, {progress:?}");
    engine.flush().await.unwrap();
    house.assert_exactly(&engine, 0..sent);
    assert_eq!(house.counted(&engine), sent);
    house.assert_files_are_live_parts(&engine);
}

/// What has been done so far.
#[derive(Debug, Default)]
struct Progress {
    acked: AtomicU64,
    flushes: AtomicU64,
    merges: AtomicU64,
    sending_done: AtomicBool,
}

impl Progress {
    fn enough(&self) -> bool {
        self.flushes.load(Ordering::SeqCst) >= 12 && self.merges.load(Ordering::SeqCst) >= 2
    }
}

async fn keep_up(engine: Arc<Engine>, house: Arc<House>, progress: Arc<Progress>) {
    let flushing = async {
        while !progress.sending_done.load(Ordering::SeqCst) {
            let flushed = engine.tick_flush().await.unwrap().is_some();
            progress.flushes.fetch_add(u64::from(flushed), Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    };
    let merging = async {
        while !progress.sending_done.load(Ordering::SeqCst) {
            engine.tick_maintenance().await.unwrap();
            house.clock.advance(Duration::from_millis(1));
            let merges =
                engine.stats().iter().find(|m| m.name == "stormglass_engine_compactions_total").map(|m| m.value as u64);
            progress.merges.store(merges.unwrap(), Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(flushing, merging);
}

/// Sends until enough has happened around it; gives how many rows it were.
async fn keep_sending(engine: Arc<Engine>, house: Arc<House>, progress: Arc<Progress>) -> u64 {
    let mut next = 0;
    for request in 0.. {
        if request >= 300 && progress.enough() {
            break;
        }
        assert!(request < 100_000, "flush or merge does not come about: {progress:?}");
        let count = 1 + request % 37;
        send(&house, &engine, &rows(next, count, house.now())).await.unwrap();
        next += count;
        progress.acked.store(next, Ordering::SeqCst);
    }
    progress.sending_done.store(true, Ordering::SeqCst);
    next
}
