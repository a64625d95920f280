//! P4: over its bounds the server says so, loses nothing that it acknowledged, and recovers by itself.

use e2e::oracle::{Load, Oracle, statement};
use e2e::{Reply, Sender, Server, Setup, Wire, content, environment, random};
use std::time::Duration;
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_answered_with_come_back_later_and_all_that_was_acknowledged_is_there() {
    // Bounds so narrow that a few clients reach them.
    let config = "[ingest]\nbody_bytes_max = \"128KiB\"\nmessage_bytes_max = \"128KiB\"\ninflight_bytes_max = \"128KiB\"\n\
                  [store]\ngroup_commit_wait = \"20ms\"\n";
    let server = Server::start(Setup::config(config)).await;
    let load = Load { producers: 12, spans_per_request_max: 120, pace: Duration::ZERO };
    let oracle = Oracle::new(random::seed("overload"), load);
    let (stop, stopped) = watch::channel(false);
    let busy = async {
        let sender = Sender::to(&server);
        let mut random = random::generator(50);
        loop {
            let spans = (0..200).map(|_| content::span(&mut random, "more", environment::now(), 1)).collect();
            let request = content::traces("more", spans);
            for wire in [Wire::HttpProtobuf, Wire::Grpc] {
                if let Reply::Busy { code, retry_after } = sender.send(wire, &request).await {
                    assert!(retry_after.is_some(), "{code} says when to come back");
                    return;
                }
            }
        }
    };
    let reached = async {
        tokio::time::timeout(environment::PATIENCE, busy).await.expect("the bound is reached");
        stop.send(true).expect("the load listens");
    };
    tokio::join!(oracle.produce(&server, 0, stopped), reached);
    let findings = oracle.compare(&server).await;
    println!("{}", statement("overload", 1, &findings));
    assert!(findings.is_clean() && findings.acknowledged > 0, "{findings}");
}
