//! C4: a client that sends the same bytes again makes no second row.

use e2e::sender::Compression;
use e2e::{Sender, Server, Wire, content, environment, random};

#[tokio::test(flavor = "multi_thread")]
async fn c4_the_same_bytes_again_make_no_second_row_even_after_kill_9_and_flush() {
    let mut server = Server::default().await;
    let mut random = random::generator(random::seed("c4"));
    let spans = (0..10).map(|_| content::span(&mut random, "once", environment::now(), 1)).collect();
    let request = content::traces("shop", spans);
    let found = "SELECT count(*) FROM spans";
    // What is counted at ingest does not count them again either.
    let rates = "SELECT CAST(sum(calls) AS BIGINT) FROM red";

    Sender::to(&server).send(Wire::HttpProtobuf, &request).await.expect_accepted();
    // An exporter compresses anew on each attempt, and may change its transport on the way through a proxy.
    Sender::to(&server).send_compressed(Wire::HttpProtobuf, Compression::Gzip, &request).await.expect_accepted();
    Sender::to(&server).send(Wire::Grpc, &request).await.expect_accepted();
    assert_eq!(server.sql(found).await.count(), 10, "while it runs");
    assert_eq!(server.sql(rates).await.count(), 10, "while it runs");
    let repeated = server.sql("SELECT CAST(sum(repeated) AS BIGINT) FROM ledger").await.count();
    assert_eq!(repeated, 20, "every repeat is counted");

    server.kill9();
    server.restart().await;
    Sender::to(&server).send(Wire::HttpProtobuf, &request).await.expect_accepted();
    assert_eq!(server.sql(found).await.count(), 10, "after kill -9, from the WAL");
    assert_eq!(server.sql(rates).await.count(), 10, "after kill -9, from the WAL");

    server.flush().await;
    server.kill9();
    server.restart().await;
    Sender::to(&server).send(Wire::HttpProtobuf, &request).await.expect_accepted();
    assert_eq!(server.sql(found).await.count(), 10, "after a flush and kill -9, from the catalog");
    assert_eq!(server.sql(rates).await.count(), 10, "after a flush and kill -9, from the catalog");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_with_the_same_bytes_at_once_make_one_set_of_rows() {
    let server = Server::default().await;
    let span = content::span(&mut random::generator(6), "at once", environment::now(), 1);
    let request = content::traces("shop", vec![span]);
    let senders = (0..16).map(|_| {
        let (sender, request) = (Sender::to(&server), request.clone());
        tokio::spawn(async move { sender.send(Wire::HttpProtobuf, &request).await })
    });
    for reply in senders.collect::<Vec<_>>() {
        reply.await.unwrap().expect_accepted();
    }
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), 1);
}
