//! A12: a disk that takes its time. Acknowledgements wait for it in groups, memory stays within its
//! bounds, and nothing is lost when the process dies before its backlog is written.

use crate::injection::Injection;
use crate::load::{BUSY_STORE, assert_no_panic, assert_nothing_lost, load_while};
use e2e::oracle::{Load, Oracle};
use e2e::{Server, Setup, random};
use std::time::Duration;

/// How long a sync takes: strace makes it wait.
const SYNC: Duration = Duration::from_millis(250);
const PRODUCERS: u32 = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a12_a_slow_disk_makes_senders_wait_together_and_loses_nothing() {
    let name = "a12_a_slow_disk_makes_senders_wait_together_and_loses_nothing";
    let load = Load { producers: PRODUCERS, spans_per_request_max: 20, pace: Duration::ZERO };
    let oracle = Oracle::new(random::seed(name), load);
    let mut server = Server::start(Setup::config(BUSY_STORE)).await;
    let delay = format!("delay_enter={}", SYNC.as_micros());
    let injection = match Injection::into(server.pid(), "fdatasync", &delay) {
        Ok(injection) => injection,
        Err(why) => return e2e::skip::say(name, &why),
    };
    let syncs_before = server.metric("stormglass_wal_fdatasync_total").await.unwrap_or_default();
    load_while(&oracle, &server, 0, tokio::time::sleep(Duration::from_secs(4))).await;
    let syncs = server.metric("stormglass_wal_fdatasync_total").await.unwrap() - syncs_before;
    let appended = server.metric("stormglass_engine_appended_requests_total").await.unwrap();
    // Sixteen senders wait for one disk: were each to have a sync of its own, there would be as many.
    assert!(syncs > 0.0 && appended >= 2.0 * syncs, "{appended} records in {syncs} syncs are no groups");
    let inflight = server.metric("stormglass_engine_inflight_requests").await.unwrap();
    assert!(inflight <= f64::from(PRODUCERS), "{inflight} requests in flight of {PRODUCERS} senders");
    assert_no_panic(&server);
    assert_nothing_lost(&format!("{name}, still running"), 1, &oracle, &server).await;

    load_while(&oracle, &server, 1, tokio::time::sleep(Duration::from_millis(1_200))).await;
    drop(injection);
    server.kill9();
    server.restart().await;
    assert_nothing_lost(name, 2, &oracle, &server).await;
}
