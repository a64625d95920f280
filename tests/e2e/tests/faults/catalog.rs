//! B9, B11: the catalog is held by somebody else, damaged, gone, or an older copy of itself.

use crate::load::{BUSY_STORE, WAL_ONLY, assert_no_panic, assert_nothing_lost, load_while, one_span, spans_seen};
use e2e::oracle::{Load, Oracle};
use e2e::server::{both, run};
use e2e::{Sender, Server, Setup, Wire, environment, random};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Another process that holds the write lock of an SQLite file until dropped.
struct Holder(Child);

impl Holder {
    fn of(path: &Path) -> Self {
        const HOLD: &str = "import sqlite3, sys; \
             c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30); c.execute('BEGIN EXCLUSIVE'); \
             print('held', flush=True); sys.stdin.read()";
        let mut child = Command::new("python3")
            .args(["-c", HOLD, path.to_str().expect("temporary folders have plain names")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python is here");
        let mut said = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut said).expect("a line");
        assert_eq!(said.trim(), "held");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Until `/readyz` is as wanted; gives its text.
async fn readiness(server: &Server, status: u16) -> String {
    let reached = async {
        loop {
            let answer = server.get("/readyz").await;
            if answer.status() == status {
                return answer.text().await.expect("a body");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, reached).await.unwrap_or_else(|_| panic!("never {status}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_while_another_process_holds_the_catalog_ingest_goes_on_and_nothing_is_lost() {
    const NAME: &str = "b9_while_another_process_holds_the_catalog_ingest_goes_on_and_nothing_is_lost";
    let oracle = Oracle::new(random::seed(NAME), Load::default());
    let mut server = Server::start(Setup::config(BUSY_STORE)).await;
    let catalog = server.data_dir().join("catalog.sqlite");
    load_while(&oracle, &server, 0, async {
        let holder = Holder::of(&catalog);
        // The wait for the lock is bounded: the failure is told, and flushes are tried again.
        let reasons = readiness(&server, 503).await;
        assert!(reasons.contains("catalog is locked by another process"), "{reasons}");
        drop(holder);
        readiness(&server, 200).await;
    })
    .await;
    assert_nothing_lost(&format!("{NAME}, still running"), 1, &oracle, &server).await;
    server.flush().await;
    assert_no_panic(&server);
    server.kill9();
    server.restart().await;
    assert_nothing_lost(NAME, 1, &oracle, &server).await;
}

/// A stopped server with two spans in Parquet, and its catalog's file.
async fn at_rest() -> (Server, PathBuf) {
    let mut server = Server::start(Setup::config(WAL_ONLY)).await;
    for name in ["one", "two"] {
        Sender::to(&server).send(Wire::Grpc, &one_span(name)).await.expect_accepted();
        server.flush().await;
    }
    assert!(server.stop().await.success());
    let catalog = server.data_dir().join("catalog.sqlite");
    (server, catalog)
}

/// `fsck` with that flag: whether it was content, and what it said.
async fn fsck(server: &Server, flag: Option<&str>) -> (bool, String) {
    let folder = server.data_dir().to_str().expect("temporary folders have plain names");
    let arguments: Vec<&str> = ["fsck", "--data-dir", folder].into_iter().chain(flag).collect();
    let output = run(&arguments, &[]).await;
    (output.status.success(), both(&output))
}

/// No start and no clean check over this catalog; a rebuild brings everything back.
async fn refused_and_rebuilt(server: &mut Server, what: &str) {
    let refused = server.try_restart().await.expect_err(what);
    assert!(refused.output.contains("stormglass fsck --rebuild"), "{what}: {}", refused.output);
    assert!(!refused.output.contains("panicked at"), "{what}: {}", refused.output);
    let (clean, said) = fsck(server, None).await;
    assert!(!clean && said.contains("fsck --rebuild"), "{what}: {said}");
    let (clean, said) = fsck(server, Some("--rebuild")).await;
    assert!(clean, "{what}: {said}");
    server.restart().await;
    assert_eq!(spans_seen(server).await, ["one", "two"], "{what}");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_a_damaged_catalog_is_refused_with_the_sentence_that_helps_and_rebuilt_whole() {
    const PAGE: usize = 4096;
    let (mut server, catalog) = at_rest().await;
    for what in ["the head", "a page", "cut in half", "a bit in every page"] {
        let mut bytes = std::fs::read(&catalog).expect("a catalog");
        match what {
            "the head" => bytes[..100].fill(0x5a),
            "a page" => bytes[PAGE..2 * PAGE].fill(0x5a),
            "cut in half" => bytes.truncate(bytes.len() / 2),
            _ => bytes.iter_mut().skip(PAGE + PAGE - 6).step_by(PAGE).for_each(|byte| *byte ^= 0x10),
        }
        std::fs::write(&catalog, bytes).expect("a catalog can be written");
        refused_and_rebuilt(&mut server, what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b11_a_catalog_that_is_gone_or_an_older_copy_is_refused_and_rebuilt_whole() {
    let (mut server, catalog) = at_rest().await;
    let older = std::fs::read(&catalog).expect("a catalog");
    std::fs::remove_file(&catalog).expect("a catalog");
    // Asked before any start makes a new one in its place.
    let (clean, said) = fsck(&server, None).await;
    assert!(!clean && said.contains("it is gone, or an older copy") && !catalog.exists(), "{said}");
    assert!(fsck(&server, Some("--rebuild")).await.0);
    server.restart().await;
    assert_eq!(spans_seen(&server).await, ["one", "two"], "gone");
    assert!(server.stop().await.success());

    for name in ["three", "four", "five"] {
        server.restart().await;
        Sender::to(&server).send(Wire::Grpc, &one_span(name)).await.expect_accepted();
        server.flush().await;
        assert!(server.stop().await.success());
    }
    std::fs::write(&catalog, older).expect("a catalog can be written");
    let refused = server.try_restart().await.expect_err("an older copy");
    assert!(refused.output.contains("the catalog is an older copy"), "{}", refused.output);
    assert!(!fsck(&server, None).await.0);
    assert!(fsck(&server, Some("--rebuild")).await.0);
    server.restart().await;
    assert_eq!(spans_seen(&server).await, ["five", "four", "one", "three", "two"]);
}
