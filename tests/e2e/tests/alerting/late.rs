//! F9: telemetry that comes late ends nothing. While a fault lasts and its data is held up on the way, nobody is told
//! that it is over; when the data comes it is the same incident.

use crate::{estate, items, until};
use e2e::environment::now;
use e2e::random;
use e2e::sender::Sender;
use e2e::server::{Server, Setup};
use serde_json::Value;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;
/// How long the data is held up: many times what an alert is held for.
const HELD_UP: u64 = 45;

/// What is told to be over: alerts and incidents.
async fn over(server: &Server) -> Vec<String> {
    let alerts = server.get_json("/api/v1/alerts?state=resolved").await;
    let incidents = server.get_json("/api/v1/incidents?state=resolved").await;
    [alerts, incidents].iter().flat_map(|page| items(page).clone()).map(|item| item.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_data_that_is_held_up_resolves_nothing() {
    let quick = "[alerting]\nstep = \"1s\"\nlateness = \"1s\"\nidle = \"2s\"\nkeep_firing = \"5s\"\n";
    let server = Server::start(Setup::config(quick)).await;
    let (sender, mut random) = (Sender::to(&server), random::generator(9));
    estate::trade(&sender, &mut random, now() - 600 * SECOND, 599, false).await;
    let (mut from, mut firing) = (now(), Value::Null);
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seconds = (now() - from) / SECOND;
        estate::trade(&sender, &mut random, from, seconds, true).await;
        from += seconds * SECOND;
        firing = server.get_json("/api/v1/alerts?state=firing").await;
        if items(&firing).len() >= 2 {
            break;
        }
    }
    assert!(items(&firing).len() >= 2, "{firing:#}\n{}", server.output());

    let held_up = now();
    while now() - held_up < HELD_UP * SECOND {
        assert_eq!(over(&server).await, Vec::<String>::new(), "{} s held up", (now() - held_up) / SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for _ in 0..15 {
        let seconds = (now() - from) / SECOND;
        estate::trade(&sender, &mut random, from, seconds, true).await;
        from += seconds * SECOND;
        assert_eq!(over(&server).await, Vec::<String>::new(), "the data is there again, and bad");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let page = until(&server, "/api/v1/incidents", |page| !items(page).is_empty()).await;
    assert_eq!(items(&page).len(), 1, "it is one incident all the time: {page:#}");
    assert_eq!(items(&page)[0]["reopened"], 0, "{page:#}");
}
