//! A9, A10: no room.

use crate::load::{accepted_in, assert_no_panic, assert_nothing_lost, load_while, one_span, tell};
use crate::mount::Mount;
use e2e::oracle::{Load, Oracle};
use e2e::sender::{Reply, Request};
use e2e::{Sender, Server, Setup, Wire, content, environment, random};
use rand::Rng;
use std::path::Path;
use std::time::{Duration, Instant};

/// A log record that does not compress, so that the disk is full soon.
fn heavy(number: usize) -> Request {
    let mut chance = random::generator(number as u64);
    let body: String = (0..400_000).map(|_| char::from(chance.random_range(b'!'..=b'~'))).collect();
    content::logs("heavy", vec![content::record(environment::now(), &body)])
}

/// Sends heavy records until the server asks to come back later; returns how many it took.
async fn fill(sender: &Sender) -> usize {
    for number in 0..1_000 {
        match sender.send(Wire::HttpProtobuf, &heavy(number)).await {
            Reply::Accepted { rejected: 0, .. } => {}
            Reply::Busy { code, retry_after } => {
                assert_eq!(code, 503);
                assert!(retry_after.is_some(), "a full server says when to come back");
                return number;
            }
            other => panic!("record {number}: {other:?}"),
        }
    }
    panic!("the disk is never full");
}

async fn heavy_seen(server: &Server) -> usize {
    server.sql("SELECT count(*) AS n FROM logs WHERE service = 'heavy'").await.count() as usize
}

/// The last heavy record did not fit; soon the lighter load does not either, and `/readyz` says so.
async fn not_ready(server: &Server) {
    let started = Instant::now();
    loop {
        let readiness = server.get("/readyz").await;
        if readiness.status() == 503 {
            let reasons = readiness.text().await.expect("a body");
            assert!(reasons.contains("disk") || reasons.contains("No space left"), "{reasons}");
            return;
        }
        assert!(started.elapsed() < environment::PATIENCE, "a full server calls itself ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn setup(mount: &Mount, reserve: &str) -> Setup {
    let config = format!(
        "[store]\nwal_segment_bytes = \"1MiB\"\ndisk_reserve = \"{reserve}\"\nflush_rows = 2000\nflush_after = \"1s\"\n"
    );
    Setup::config(&config).in_dir(&mount.data_dir())
}

/// A server on a small disk under load that fills up, answers questions meanwhile, and goes on when
/// `ballast` is deleted.
async fn full_and_free_again(name: &str, ballast: &Path, oracle: &Oracle, server: &Server) {
    let sender = Sender::to(server);
    let mut taken = 0;
    load_while(oracle, server, 0, async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        taken = fill(&sender).await;
        assert!(server.get("/healthz").await.status().is_success());
        assert!(heavy_seen(server).await >= taken, "{name}: queries go on, and show what was taken");
        not_ready(server).await;
        std::fs::remove_file(ballast).expect("the ballast is there");
        let took = accepted_in(&sender, &one_span("room again")).await;
        tell(&format!("{name}: full after {taken} heavy records, accepting {took:.1?} after there was room"));
    })
    .await;
    assert!(taken > 5, "{name}: full from the start");
    assert!(heavy_seen(server).await >= taken, "{name}");
    assert_no_panic(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a9_before_the_reserve_is_touched_the_server_refuses_and_recovers_by_itself() {
    const NAME: &str = "a9_before_the_reserve_is_touched_the_server_refuses_and_recovers_by_itself";
    let mount = match Mount::tmpfs(64) {
        Ok(mount) => mount,
        Err(why) => e2e::skip!(NAME, "{why}"),
    };
    let ballast = mount.ballast(24);
    let oracle = Oracle::new(random::seed(NAME), Load::default());
    let mut server = Server::start(setup(&mount, "12MiB")).await;
    full_and_free_again(NAME, &ballast, &oracle, &server).await;
    assert_nothing_lost(NAME, 1, &oracle, &server).await;
    server.kill9();
    server.restart().await;
    assert_nothing_lost(NAME, 1, &oracle, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a9_a_file_system_without_a_file_left_keeps_what_it_takes_and_recovers_by_itself() {
    const NAME: &str = "a9_a_file_system_without_a_file_left_keeps_what_it_takes_and_recovers_by_itself";
    let mount = match Mount::tmpfs(128).and_then(|mount| mount.remount("nr_inodes=60").map(|()| mount)) {
        Ok(mount) => mount,
        Err(why) => e2e::skip!(NAME, "{why}"),
    };
    let oracle = Oracle::new(random::seed(NAME), Load::default());
    let mut server = Server::start(setup(&mount, "8MiB")).await;
    load_while(&oracle, &server, 0, async {
        not_ready(&server).await;
        mount.remount("nr_inodes=10000").expect("a tmpfs can be given more");
        let took = accepted_in(&Sender::to(&server), &one_span("room again")).await;
        tell(&format!("{NAME}: accepting {took:.1?} after there was room"));
    })
    .await;
    assert_no_panic(&server);
    server.flush().await;
    assert_nothing_lost(&format!("{NAME}, still running"), 1, &oracle, &server).await;
    server.kill9();
    server.restart().await;
    assert_nothing_lost(NAME, 1, &oracle, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_a_disk_that_is_full_to_the_last_byte_loses_nothing_acknowledged() {
    const NAME: &str = "a10_a_disk_that_is_full_to_the_last_byte_loses_nothing_acknowledged";
    let mount = match Mount::tmpfs(48) {
        Ok(mount) => mount,
        Err(why) => e2e::skip!(NAME, "{why}"),
    };
    let ballast = mount.ballast(20);
    let oracle = Oracle::new(random::seed(NAME), Load::default());
    let mut server = Server::start(setup(&mount, "0")).await;
    let sender = Sender::to(&server);
    let mut taken = 0;
    load_while(&oracle, &server, 0, async {
        taken = fill(&sender).await;
        // Flushes fail meanwhile, each is tried again, and the WAL keeps what they could not write.
        tokio::time::sleep(Duration::from_secs(2)).await;
    })
    .await;
    assert_no_panic(&server);
    assert!(heavy_seen(&server).await >= taken, "{NAME}: queries go on");
    server.kill9();
    std::fs::remove_file(&ballast).expect("the ballast is there");
    server.restart().await;
    assert_nothing_lost(NAME, 1, &oracle, &server).await;
    assert!(heavy_seen(&server).await >= taken, "{NAME}: what was taken while the disk filled is there");
    accepted_in(&Sender::to(&server), &one_span("room again")).await;
    server.flush().await;
    assert_nothing_lost(NAME, 1, &oracle, &server).await;
    assert_no_panic(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_a_full_file_system_under_parquet_alone_delays_flushes_and_loses_nothing() {
    const NAME: &str = "a10_a_full_file_system_under_parquet_alone_delays_flushes_and_loses_nothing";
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    std::fs::create_dir_all(data.join("parquet")).expect("a fresh folder");
    let mount = match Mount::tmpfs_over(&data.join("parquet"), 24) {
        Ok(mount) => mount,
        Err(why) => e2e::skip!(NAME, "{why}"),
    };
    let ballast = mount.ballast(22);
    let config = "[store]\nflush_rows = 2000\nflush_after = \"1s\"\n";
    let mut server = Server::start(Setup::config(config).in_dir(&data)).await;
    let sender = Sender::to(&server);
    for number in 0..20 {
        sender.send(Wire::HttpProtobuf, &heavy(number)).await.expect_accepted();
    }
    not_ready(&server).await;
    assert_eq!(heavy_seen(&server).await, 20, "{NAME}: queries go on");
    // The log has room: what comes meanwhile is taken in.
    sender.send(Wire::HttpProtobuf, &heavy(20)).await.expect_accepted();
    server.kill9();
    server.restart().await;
    assert_eq!(heavy_seen(&server).await, 21, "{NAME}: the log kept what could not be written");
    std::fs::remove_file(&ballast).expect("the ballast is there");
    server.flush().await;
    assert_no_panic(&server);
    server.kill9();
    server.restart().await;
    assert_eq!(heavy_seen(&server).await, 21, "{NAME}: once there is room, each row once");
}
