//! A5, A6: bits that change in the WAL of a server that was killed.

use crate::load::{WAL_ONLY, assert_no_panic, one_span, spans_and_gap, spans_seen};
use e2e::{Sender, Server, Setup, Wire};
use std::path::{Path, PathBuf};

const SPANS: usize = 20;

fn name(number: usize) -> String {
    format!("wal-record-{number:02}-of-{SPANS}")
}

fn names(without: &[usize]) -> Vec<String> {
    (0..SPANS).filter(|number| !without.contains(number)).map(name).collect()
}

/// A killed server whose WAL, and nothing else, holds one record for each span.
async fn killed() -> Server {
    let mut server = Server::start(Setup::config(WAL_ONLY)).await;
    let sender = Sender::to(&server);
    for number in 0..SPANS {
        sender.send(Wire::HttpProtobuf, &one_span(&name(number))).await.expect_accepted();
    }
    server.kill9();
    server
}

/// The segment file that holds span `number`, and where in it its name stands.
fn place_of(server: &Server, number: usize) -> (PathBuf, usize) {
    let wal = server.data_dir().join("wal");
    for entry in std::fs::read_dir(&wal).expect("a WAL directory").flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        let wanted = name(number).into_bytes();
        if let Some(at) = bytes.windows(wanted.len()).position(|window| window == wanted) {
            return (entry.path(), at);
        }
    }
    panic!("span {number} is in no file of {}", wal.display());
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("a segment");
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).expect("a segment can be written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_a_flipped_bit_in_the_middle_of_the_wal_costs_its_record_and_is_reported() {
    let mut server = killed().await;
    for number in [4, 11] {
        let (path, at) = place_of(&server, number);
        flip(&path, at);
    }
    server.restart().await;
    let (seen, gap) = spans_and_gap(&server).await;
    assert_eq!(seen, names(&[4, 11]), "both sides of the damage are kept");
    assert!(gap.is_some_and(|gap| gap.contains("2 damaged places")), "an answer that lacks something says so");
    assert_eq!(server.metric("stormglass_wal_corruption_total").await, Some(2.0));
    let quarantine = server.data_dir().join("wal/quarantine");
    assert_eq!(std::fs::read_dir(&quarantine).expect("a quarantine").count(), 1, "one segment, one copy");
    assert!(server.output().contains("damaged"), "an operator is told:\n{}", server.output());
    assert_no_panic(&server);

    server.kill9();
    server.restart().await;
    assert_eq!(spans_and_gap(&server).await.0, names(&[4, 11]), "no crash loop, and no second opinion");
    Sender::to(&server).send(Wire::Grpc, &one_span(&name(4))).await.expect_accepted();
    assert_eq!(spans_and_gap(&server).await.0, names(&[11]), "the sender may send again what was damaged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_a_torn_last_record_is_the_end_and_later_records_are_kept_behind_it() {
    let mut server = killed().await;
    let (path, at) = place_of(&server, SPANS - 1);
    let whole = std::fs::read(&path).expect("a segment");
    for (round, cut) in [at, at + 3, at - 1, at - 40].into_iter().enumerate() {
        let mut torn = whole[..cut].to_vec();
        if round % 2 == 0 {
            torn.resize(whole.len(), 0);
        }
        std::fs::write(&path, &torn).expect("a segment can be written");
        server.restart().await;
        assert_eq!(spans_seen(&server).await, names(&[SPANS - 1]), "cut at {cut}");
        server.kill9();
    }
    server.restart().await;
    let sender = Sender::to(&server);
    sender.send(Wire::HttpProtobuf, &one_span(&name(SPANS - 1))).await.expect_accepted();
    server.kill9();
    server.restart().await;
    assert_eq!(spans_seen(&server).await, names(&[]));
    assert_no_panic(&server);
}
