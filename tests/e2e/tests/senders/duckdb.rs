//! S1: DuckDB reads each table's Parquet in one line, and agrees with our SQL.

use e2e::{Sender, Server, Wire, content, environment, installed, random, skip};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_reads_every_table_and_agrees_with_our_sql() {
    let home = match installed::find("python") {
        Ok(home) => home,
        Err(why) => skip!("duckdb_reads_every_table_and_agrees_with_our_sql", "{why}"),
    };
    let server = Server::default().await;
    fill(&server).await;
    server.flush().await;
    let parquet = server.data_dir().join("parquet");
    let script = installed::script("duckdb/read.py");
    let output =
        installed::run(&home.join("python/bin/python"), &[script.to_str().unwrap(), parquet.to_str().unwrap()], &[])
            .await;
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (table, figures) in FIGURES {
        let rows = server.sql(&format!("SELECT {figures} FROM {table}")).await;
        let ours: Vec<String> = rows.rows[0].iter().map(e2e::rows::text).collect();
        let theirs: Vec<String> = found[table].as_array().unwrap().iter().map(e2e::rows::text).collect();
        assert_eq!(ours, theirs, "{table}: {figures}");
        assert_ne!(ours[0], "0", "{table} is not empty");
    }
    for table in ["spans", "logs", "metrics"] {
        let rows = server
            .sql(&format!("SELECT service, CAST(count(*) AS TEXT) AS n FROM {table} GROUP BY service ORDER BY service"))
            .await;
        let ours: Vec<Value> = rows.rows.into_iter().map(Value::from).collect();
        assert_eq!(Value::from(ours), found[format!("{table} by service")], "{table}");
    }
}

/// The same figures as `read.py`, in our dialect and over our columns.
const FIGURES: [(&str, &str); 6] = [
    (
        "spans",
        "count(*), count(DISTINCT trace_id), sum(duration_ns), sum(CAST(time AS BIGINT) % 1000000007), \
         sum(CASE WHEN status = 'error' THEN 1 ELSE 0 END), sum(cardinality(events)), sum(cardinality(links)), \
         sum(CASE WHEN attributes['plain'] IS NULL THEN 0 ELSE 1 END) + sum(CASE WHEN attributes['t.text'] IS NULL THEN 0 ELSE 10 END)",
    ),
    (
        "logs",
        "count(*), count(DISTINCT trace_id), sum(severity), sum(CAST(time AS BIGINT) % 1000000007), \
         sum(CASE WHEN event_name = 'business.operation' THEN 1 ELSE 0 END), sum(character_length(body))",
    ),
    (
        "metrics",
        "count(*), count(DISTINCT series_id), sum(count), sum(CAST(time AS BIGINT) % 1000000007), count(value), \
         sum(cardinality(bucket_counts))",
    ),
    ("resources", "count(DISTINCT resource_id)"),
    ("series", "count(DISTINCT series_id)"),
    ("ledger", "sum(received), sum(stored), sum(queryable)"),
];

/// Every kind of telemetry, spread over 40 hours.
pub(crate) async fn fill(server: &Server) {
    let sender = Sender::to(server);
    let mut random = random::generator(61);
    for i in 0..40_u64 {
        let now = environment::now() - i * 3_600_000_000_000;
        let service = format!("service-{}", i % 5);
        let full = content::full_span(&mut random, now);
        let mut spans: Vec<_> =
            (0..20).map(|n| content::span(&mut random, &format!("op-{n}"), now + n, n * 1_000)).collect();
        spans.iter_mut().for_each(|s| s.attributes = vec![content::label("plain", "x")]);
        let mut event = content::record(now, "paid 面");
        event.event_name = "business.operation".into();
        for request in [
            content::logs(&service, vec![content::full_record(&full, now), event]),
            content::metrics(&service, content::every_metric(&full, now)),
            content::traces(&service, spans.into_iter().chain([full]).collect()),
        ] {
            sender.send(Wire::HttpProtobuf, &request).await.expect_accepted();
        }
    }
}
