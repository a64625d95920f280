//! The oracle's load while something happens to the server, and the oracle's word afterwards.

use e2e::environment::PATIENCE;
use e2e::oracle::{self, Findings, Oracle};
use e2e::sender::{Reply, Request};
use e2e::{Server, Wire, content, random};
use std::io::Write;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Small segments and frequent flushes, so that a second of load meets every step of the store.
pub(crate) const BUSY_STORE: &str = r#"
[store]
wal_segment_bytes = "1MiB"
disk_reserve = "8MiB"
flush_rows = 3000
flush_after = "1s"
"#;

/// Nothing is flushed by itself: what was acknowledged is in the WAL and nowhere else.
pub(crate) const WAL_ONLY: &str = r#"
[store]
wal_segment_bytes = "1MiB"
disk_reserve = "8MiB"
flush_rows = 10000000
flush_after = "1h"
"#;

/// Sends until `happening` is over.
pub(crate) async fn load_while(oracle: &Oracle, server: &Server, cycle: u64, happening: impl Future<Output = ()>) {
    let (stop, stopped) = watch::channel(false);
    let story = async {
        happening.await;
        let _ = stop.send(true);
    };
    tokio::join!(oracle.produce(server, cycle, stopped), story);
}

/// What the oracle finds over all cycles must be clean and must be something.
pub(crate) async fn assert_nothing_lost(test: &str, cycles: u64, oracle: &Oracle, server: &Server) -> Findings {
    let findings = oracle.compare(server).await;
    let statement = oracle::statement(test, cycles, &findings);
    assert!(findings.is_clean(), "{statement}");
    assert!(findings.acknowledged > 0, "nothing was acknowledged at all: {statement}");
    tell(&statement);
    findings
}

/// A figure for whoever reads the run; past the capture of the test harness, which hides those of tests that pass.
pub(crate) fn tell(figure: &str) {
    let _ = writeln!(std::io::stdout().lock(), "\n{figure}");
}

/// One span of that name.
pub(crate) fn one_span(name: &str) -> Request {
    let start = e2e::environment::now();
    content::traces("faults", vec![content::span(&mut random::generator(start), name, start, 1_000)])
}

/// Names of the spans of [`one_span`] that SQL shows, sorted; the answer must be complete.
pub(crate) async fn spans_seen(server: &Server) -> Vec<String> {
    let (names, gap) = spans_and_gap(server).await;
    assert_eq!(gap, None, "the answer is complete");
    names
}

/// The same, and why the answer is not complete, if so.
pub(crate) async fn spans_and_gap(server: &Server) -> (Vec<String>, Option<String>) {
    let rows = server.try_sql("SELECT operation FROM spans WHERE service = 'faults' ORDER BY operation").await;
    let rows = rows.unwrap_or_else(|(status, text)| panic!("{status}: {text}"));
    assert_eq!(rows.complete, rows.incomplete_reason.is_none());
    (rows.texts("operation"), rows.incomplete_reason)
}

/// Sends until it is accepted; a server that recovers by itself lets this end.
pub(crate) async fn accepted_in(sender: &e2e::Sender, request: &Request) -> Duration {
    let started = Instant::now();
    loop {
        let reply = sender.send(Wire::HttpProtobuf, request).await;
        if reply.accepted() {
            return started.elapsed();
        }
        assert!(matches!(reply, Reply::Busy { .. }), "a server in trouble asks to come back later: {reply:?}");
        assert!(started.elapsed() < PATIENCE, "the server never recovered: {reply:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A panic anywhere is a fault of ours, whatever the disk did.
pub(crate) fn assert_no_panic(server: &Server) {
    let output = server.output();
    assert!(!output.contains("panicked at"), "{output}");
}
