//! `import`: files of OTLP as they are; the labelled incidents of others, whole.

use e2e::{Server, environment, sender::Request, skip};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::metrics::v1::metric;
use prost::Message;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a folder's export requests hold, by a decoder that is not ours.
#[derive(Debug, Default, PartialEq)]
struct Held {
    spans: u64,
    logs: u64,
    points: u64,
}

fn files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, into),
            path if path.to_string_lossy().ends_with(".pb.gz") => into.push(path),
            _ => {}
        }
    }
}

fn held(files: &[PathBuf]) -> Held {
    let mut held = Held::default();
    for path in files {
        let mut body = Vec::new();
        GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut body).unwrap();
        match read(path, &body) {
            Request::Traces(r) => {
                held.spans +=
                    r.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len() as u64).sum::<u64>()
            }
            Request::Logs(r) => {
                held.logs +=
                    r.resource_logs.iter().flat_map(|r| &r.scope_logs).map(|s| s.log_records.len() as u64).sum::<u64>()
            }
            Request::Metrics(r) => {
                let metrics = r.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics);
                held.points += metrics.map(|m| points(&m.data) as u64).sum::<u64>();
            }
        }
    }
    held
}

fn read(path: &Path, body: &[u8]) -> Request {
    match path.file_name().unwrap().to_string_lossy().split(['-', '.']).next().unwrap() {
        "traces" => Request::Traces(Message::decode(body).unwrap()),
        "logs" => Request::Logs(Message::decode(body).unwrap()),
        _ => Request::Metrics(Message::decode(body).unwrap()),
    }
}

fn points(data: &Option<metric::Data>) -> usize {
    match data {
        Some(metric::Data::Gauge(g)) => g.data_points.len(),
        Some(metric::Data::Sum(s)) => s.data_points.len(),
        Some(metric::Data::Histogram(h)) => h.data_points.len(),
        Some(metric::Data::ExponentialHistogram(h)) => h.data_points.len(),
        Some(metric::Data::Summary(s)) => s.data_points.len(),
        None => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_labelled_incidents_import_whole() {
    let dir = environment::variable("STORMGLASS_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let dir = dir.join("nezha");
    if !dir.is_dir() {
        skip!("the_labelled_incidents_import_whole", "{} is not here: set STORMGLASS_TEST_DATA", dir.display());
    }
    let mut all = Vec::new();
    files(&dir, &mut all);
    let held = held(&all);
    assert!(held.spans > 10_000 && held.points > 10_000, "{held:?}");

    let server = Server::default().await;
    let imported = server.command(&["import", dir.to_str().unwrap()]).await;
    assert!(imported.status.success(), "{}", e2e::server::both(&imported));
    for moment in ["as imported", "flushed"] {
        let count = async |table: &str| server.sql(&format!("SELECT count(*) FROM {table}")).await.count();
        let found = Held { spans: count("spans").await, logs: count("logs").await, points: count("metrics").await };
        assert_eq!(found, held, "{moment}");
        server.flush().await;
    }
    let again = server.command(&["import", dir.to_str().unwrap()]).await;
    assert!(again.status.success(), "{}", e2e::server::both(&again));
    assert_eq!(
        server.sql("SELECT count(*) FROM spans").await.count(),
        held.spans,
        "the same bytes again are no second rows"
    );
}
