//! A2: killed again while it recovers.

use crate::load::{WAL_ONLY, assert_no_panic, assert_nothing_lost, load_while};
use e2e::oracle::{Load, Oracle};
use e2e::{Server, Setup, random};
use rand::Rng;
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::Path;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a2_five_kills_during_recovery_lose_nothing_and_grow_no_file() {
    const NAME: &str = "a2_five_kills_during_recovery_lose_nothing_and_grow_no_file";
    let seed = random::seed(NAME);
    let (oracle, mut chance) = (Oracle::new(seed, Load::default()), random::generator(seed));
    let mut server = Server::start(Setup::config(WAL_ONLY)).await;
    load_while(&oracle, &server, 0, tokio::time::sleep(Duration::from_secs(2))).await;
    server.kill9();
    let wal = server.data_dir().join("wal");
    let before = bytes_below(&wal);
    for _ in 0..5 {
        let mut child = server.spawn();
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..500))).await;
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().expect("a killed child can be waited for");
    }
    assert!(bytes_below(&wal) <= before, "recovery made the WAL grow from {before} to {} bytes", bytes_below(&wal));
    server.restart().await;
    assert_no_panic(&server);
    assert_nothing_lost(NAME, 5, &oracle, &server).await;
}

fn bytes_below(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(
            |entry| {
                if entry.path().is_dir() { bytes_below(&entry.path()) } else { entry.metadata().map_or(0, |m| m.len()) }
            },
        )
        .sum()
}
