//! `demo`: the live company, whose telemetry is all there when it closes.

use e2e::server::{both, run};
use e2e::{Server, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn the_company_trades_for_a_while_and_everything_it_sent_is_found() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let listen = ["OTLP_GRPC", "OTLP_HTTP", "HTTP"].map(|l| (format!("STORMGLASS_LISTEN__{l}"), "127.0.0.1:0"));
    let listen: Vec<(&str, &str)> = listen.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let ended = run(
        &["demo", "--for", "8s", "--history", "30s", "--speed", "2", "--data-dir", data.to_str().unwrap()],
        &listen,
    )
    .await;
    assert!(ended.status.success(), "{}", both(&ended));

    let server = Server::start(Setup::default().in_dir(&data)).await;
    assert!(
        server.sql("SELECT count(DISTINCT service) FROM spans").await.count() >= 26,
        "nearly every service was asked"
    );
    assert!(server.sql("SELECT count(DISTINCT resource['host.name']) FROM metrics").await.count() >= 20);
    assert!(server.sql("SELECT count(*) FROM heartbeats WHERE name LIKE 'printer-%'").await.count() > 10);
    assert!(server.sql("SELECT count(*) FROM spans WHERE cardinality(links) > 0").await.count() > 5);
    assert!(server.sql("SELECT count(*) FROM logs WHERE event_name = 'business.operation'").await.count() > 5);
    assert!(server.sql("SELECT count(DISTINCT name) FROM metrics").await.count() >= 30);
    let orphans = "SELECT count(*) FROM spans c LEFT JOIN spans p ON c.parent_span_id = p.span_id AND c.trace_id = p.trace_id \
                   WHERE c.parent_span_id IS NOT NULL AND p.span_id IS NULL";
    assert_eq!(server.sql(orphans).await.count(), 0, "every child has its parent");
    let ledger = "SELECT count(*) FROM (SELECT sum(received) AS r, sum(stored) AS s, sum(queryable) AS q FROM ledger \
                  GROUP BY sender, signal) WHERE r <> s OR s <> q";
    assert_eq!(server.sql(ledger).await.count(), 0, "received = stored = queryable");
}
