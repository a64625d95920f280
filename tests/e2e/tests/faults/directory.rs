//! A11, A15: the data directory cannot be written, vanishes in part, or is taken twice.

use crate::load::{BUSY_STORE, WAL_ONLY, accepted_in, assert_no_panic, one_span, spans_seen};
use crate::mount::Mount;
use e2e::sender::Reply;
use e2e::{Sender, Server, Setup, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn a15_a_second_server_on_the_same_directory_is_refused_and_told_by_whom() {
    let mut first = Server::start(Setup::config(BUSY_STORE)).await;
    Sender::to(&first).send(Wire::Grpc, &one_span("first")).await.expect_accepted();
    let refused =
        Server::try_start(Setup::config(BUSY_STORE).in_dir(first.data_dir())).await.expect_err("one is enough");
    assert!(!refused.status.success());
    assert!(refused.output.contains(&format!("in use by process {}", first.pid())), "{}", refused.output);
    Sender::to(&first).send(Wire::Grpc, &one_span("still here")).await.expect_accepted();
    assert_eq!(spans_seen(&first).await, ["first", "still here"]);

    // The lock goes with the process, not with its file.
    first.kill9();
    let second = Server::start(Setup::config(BUSY_STORE).in_dir(first.data_dir())).await;
    assert_eq!(spans_seen(&second).await, ["first", "still here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_read_only_data_directory_stops_the_start_and_is_named() {
    const NAME: &str = "a11_a_read_only_data_directory_stops_the_start_and_is_named";
    let mount = match Mount::tmpfs(64) {
        Ok(mount) => mount,
        Err(why) => e2e::skip!(NAME, "{why}"),
    };
    let setup = Setup::config(BUSY_STORE).in_dir(&mount.data_dir());
    let mut server = Server::start(setup).await;
    Sender::to(&server).send(Wire::Grpc, &one_span("before")).await.expect_accepted();
    server.kill9();
    mount.remount("ro").expect("nobody writes to it any more");
    let refused = server.try_restart().await.expect_err("nothing can be kept here");
    assert!(!refused.status.success());
    assert!(refused.output.contains(&mount.data_dir().display().to_string()), "the path is named:\n{}", refused.output);
    assert!(!refused.output.contains("panicked at"), "{}", refused.output);
    mount.remount("rw").expect("it was writable before");
    server.restart().await;
    assert_eq!(spans_seen(&server).await, ["before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_wal_directory_deleted_under_a_server_is_noticed_before_the_next_acknowledgement() {
    let mut server = Server::start(Setup::config(WAL_ONLY)).await;
    let sender = Sender::to(&server);
    sender.send(Wire::Grpc, &one_span("before")).await.expect_accepted();
    std::fs::remove_dir_all(server.data_dir().join("wal")).expect("a WAL directory");
    let reply = sender.send(Wire::Grpc, &one_span("deleted")).await;
    assert!(matches!(reply, Reply::Busy { .. }), "an fsync of a deleted file keeps nothing: {reply:?}");
    assert_eq!(spans_seen(&server).await, ["before"]);
    // It makes the directory again by itself, and memory still has what the WAL has lost.
    accepted_in(&sender, &one_span("after")).await;
    server.flush().await;
    assert_no_panic(&server);
    server.kill9();
    server.restart().await;
    assert_eq!(spans_seen(&server).await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_parquet_directory_deleted_under_a_server_is_made_again_and_rows_in_memory_are_kept() {
    let mut server = Server::start(Setup::config(WAL_ONLY)).await;
    let sender = Sender::to(&server);
    sender.send(Wire::Grpc, &one_span("before")).await.expect_accepted();
    std::fs::remove_dir_all(server.data_dir().join("parquet")).expect("a directory for parts");
    sender.send(Wire::Grpc, &one_span("without it")).await.expect_accepted();
    server.flush().await;
    assert_eq!(spans_seen(&server).await, ["before", "without it"]);
    assert_no_panic(&server);
    server.kill9();
    server.restart().await;
    assert_eq!(spans_seen(&server).await, ["before", "without it"]);
}
