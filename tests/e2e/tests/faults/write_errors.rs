//! A7, A8: the disk refuses to sync or to write.

use crate::injection::Injection;
use crate::load::{BUSY_STORE, accepted_in, assert_no_panic, assert_nothing_lost, load_while, one_span, spans_seen};
use e2e::oracle::{Load, Oracle};
use e2e::sender::Reply;
use e2e::{Sender, Server, Setup, Wire, random};
use std::time::Duration;

/// Load while single calls fail, then a kill, then the oracle.
async fn single_failures(name: &str, calls: &str, errors: &[&str]) -> Option<Server> {
    let oracle = Oracle::new(random::seed(name), Load::default());
    let mut server = Server::start(Setup::config(BUSY_STORE)).await;
    let mut cycle = 0;
    for error in errors {
        for when in [1, 2, 5, 13] {
            let injection = match Injection::into(server.pid(), calls, &format!("error={error}:when={when}")) {
                Ok(injection) => injection,
                Err(why) => {
                    e2e::skip::say(name, &why);
                    return None;
                }
            };
            load_while(&oracle, &server, cycle, tokio::time::sleep(Duration::from_millis(700))).await;
            drop(injection);
            accepted_in(&Sender::to(&server), &one_span(&format!("after {error} {when}"))).await;
            cycle += 1;
        }
    }
    assert_no_panic(&server);
    assert_nothing_lost(&format!("{name}, still running"), cycle, &oracle, &server).await;
    let counted = (
        server.metric("stormglass_wal_failed_syncs_total").await,
        server.metric("stormglass_wal_failed_writes_total").await,
    );
    assert!(
        counted.0.unwrap_or_default() + counted.1.unwrap_or_default() > 0.0,
        "{name}: no failure was counted: {counted:?}"
    );
    server.kill9();
    server.restart().await;
    assert_nothing_lost(name, cycle, &oracle, &server).await;
    Some(server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_single_failed_syncs_lose_nothing_acknowledged() {
    single_failures("a7_single_failed_syncs_lose_nothing_acknowledged", "fsync,fdatasync", &["EIO"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a8_single_failed_writes_lose_nothing_acknowledged() {
    single_failures(
        "a8_single_failed_writes_lose_nothing_acknowledged",
        "pwritev,pwrite64",
        &["EIO", "ENOSPC", "EINTR"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_while_no_sync_succeeds_nothing_is_acknowledged_and_afterwards_it_is() {
    const NAME: &str = "a7_while_no_sync_succeeds_nothing_is_acknowledged_and_afterwards_it_is";
    let mut server = Server::start(Setup::config(BUSY_STORE)).await;
    let sender = Sender::to(&server);
    sender.send(Wire::Grpc, &one_span("before")).await.expect_accepted();
    let injection = match Injection::into(server.pid(), "fsync,fdatasync", "error=EIO:when=1+") {
        Ok(injection) => injection,
        Err(why) => e2e::skip!(NAME, "{why}"),
    };
    for attempt in 0..20 {
        let wire = Wire::ALL[attempt % Wire::ALL.len()];
        let reply = sender.send(wire, &one_span(&format!("refused {attempt}"))).await;
        assert!(matches!(&reply, Reply::Busy { retry_after: Some(_), .. }), "attempt {attempt} by {wire:?}: {reply:?}");
    }
    let readiness = server.get("/readyz").await;
    assert_eq!(readiness.status(), 503);
    let reasons = readiness.text().await.expect("a body");
    assert!(reasons.contains("read-only"), "{reasons}");
    assert!(server.get("/healthz").await.status().is_success(), "alive it is");
    assert_eq!(spans_seen(&server).await, ["before"], "queries go on");
    drop(injection);
    accepted_in(&sender, &one_span("after")).await;
    assert_eq!(spans_seen(&server).await, ["after", "before"]);
    assert_no_panic(&server);
    server.kill9();
    server.restart().await;
    assert_eq!(spans_seen(&server).await, ["after", "before"], "what was refused does not come back");
}
