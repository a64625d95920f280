//! C5, C6: old data is as welcome as new; impossible times are kept, flagged, and make no partition of their own.

use e2e::{Sender, Server, Wire, content, environment, random};
use std::collections::BTreeSet;

const DAY: u64 = 86_400_000_000_000;

/// The date folders under `parquet/default/TABLE`.
fn partitions(server: &Server, table: &str) -> BTreeSet<String> {
    let dir = server.data_dir().join("parquet/default").join(table);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_late_and_old_data_lies_under_its_own_day() {
    let server = Server::default().await;
    let mut random = random::generator(7);
    // 2022-08-22, 2023-01-29, and 30 days, a day and an hour ago.
    let now = environment::now();
    let times = [1_661_140_800_000_000_000, 1_674_950_400_000_000_000, now - 30 * DAY, now - DAY, now - DAY / 24, now];
    let spans = times.map(|t| content::span(&mut random, "late", t, 1_000)).to_vec();
    Sender::to(&server).send(Wire::Grpc, &content::traces("shop", spans)).await.expect_accepted();
    server.flush().await;
    let found = partitions(&server, "spans");
    assert!(found.contains("date=2022-08-22") && found.contains("date=2023-01-29"), "{found:?}");
    assert!((5..=6).contains(&found.len()), "{found:?}");
    let rows = server.sql("SELECT CAST(time AS BIGINT) AS t, flags FROM spans ORDER BY time").await;
    assert_eq!(rows.texts("t"), times.map(|t| t.to_string()));
    assert!(rows.texts("flags").iter().all(String::is_empty), "old is not odd: {rows:?}");
    let of_2022 = "SELECT count(*) FROM spans WHERE time >= '2022-08-22T00:00:00Z' AND time < '2022-08-23T00:00:00Z'";
    assert_eq!(server.sql(of_2022).await.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_impossible_times_are_kept_flagged_and_lie_under_the_day_of_receipt() {
    let server = Server::default().await;
    let mut random = random::generator(8);
    let now = environment::now();
    let mut spans: Vec<_> = [0, 1, 86_400_000_000_000, now + 3 * DAY, now + 36_500 * DAY, u64::MAX, 1 << 63]
        .map(|t| content::span(&mut random, "implausible", t, 5))
        .to_vec();
    let mut backwards = content::span(&mut random, "backwards", now, 0);
    backwards.end_time_unix_nano = now - 1_000;
    spans.push(backwards);
    let sent = spans.len() as u64;
    Sender::to(&server).send(Wire::HttpProtobuf, &content::traces("shop", spans)).await.expect_accepted();
    server.flush().await;
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), sent);
    let flagged = server.sql("SELECT operation, flags, duration_ns FROM spans ORDER BY operation, time").await;
    assert!(flagged.texts("flags")[0].contains("ends_before_start"), "{flagged:?}");
    assert_eq!(flagged.texts("duration_ns")[0], "-1000");
    assert!(flagged.texts("flags")[1..].iter().all(|f| f.contains("time")), "{flagged:?}");
    // Around midnight the test may span two days of receipt.
    assert!(partitions(&server, "spans").len() <= 2, "{:?}", partitions(&server, "spans"));
    let exact = "SELECT attributes['stormglass.start_time_unix_nano'] FROM spans \
                 WHERE attributes['stormglass.start_time_unix_nano'] = '18446744073709551615'";
    assert_eq!(server.sql(exact).await.rows.len(), 1, "what does not fit is kept as text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_record_without_a_time_bears_that_of_its_observation_or_receipt() {
    let server = Server::default().await;
    let before = environment::now();
    let mut observed = content::record(before - DAY, "observed");
    observed.time_unix_nano = 0;
    let mut neither = content::record(0, "neither");
    neither.observed_time_unix_nano = 0;
    Sender::to(&server).send(Wire::HttpJson, &content::logs("shop", vec![observed, neither])).await.expect_accepted();
    let rows = server.sql("SELECT body, CAST(time AS BIGINT) AS t, flags FROM logs ORDER BY body").await;
    let times: Vec<u64> = rows.texts("t").iter().map(|t| t.parse().unwrap()).collect();
    assert!(times[0] >= before, "received at {} after {before}", times[0]);
    assert_eq!(times[1], before - DAY);
    assert!(rows.texts("flags")[0].contains("time_missing"), "{rows:?}");
}
