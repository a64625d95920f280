//! An OpenTelemetry Collector between senders and server: batches, compresses, forwards by both transports.

use crate::{assert_all_shown, free_port};
use e2e::compare::Counts;
use e2e::content;
use e2e::relay::Relay;
use e2e::{Reply, Sender, Server, Wire, environment, installed, random, skip};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

fn start(program: &Path, server: &Server, relay: &Relay, exporter: &str) -> (tokio::process::Child, String, String) {
    let (grpc, http) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let (kind, endpoint, compression) = match exporter {
        "otlp" => ("otlp", relay.grpc.clone(), "gzip"),
        _ => ("otlphttp", format!("http://{}", relay.http), "zstd"),
    };
    let config = format!(
        "receivers:\n  otlp:\n    protocols:\n      grpc:\n        endpoint: {grpc}\n      http:\n        endpoint: {http}\n\
         exporters:\n  {kind}:\n    endpoint: {endpoint}\n    compression: {compression}\n    tls:\n      insecure: true\n\
         service:\n  telemetry:\n    metrics:\n      level: none\n  pipelines:\n{}",
        ["traces", "logs", "metrics"]
            .map(|s| format!("    {s}:\n      receivers: [otlp]\n      exporters: [{kind}]\n"))
            .concat()
    );
    let path = server.home().join(format!("collector-{exporter}.yaml"));
    std::fs::write(&path, config).unwrap();
    let log = std::fs::File::create(server.home().join(format!("collector-{exporter}.log"))).unwrap();
    let mut command = tokio::process::Command::new(program);
    command
        .arg("--config")
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true);
    (command.spawn().unwrap(), grpc, http)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_in_between_changes_nothing() {
    let home = match installed::find("collector") {
        Ok(home) => home,
        Err(why) => skip!("a_collector_in_between_changes_nothing", "{why}"),
    };
    let server = Server::default().await;
    for exporter in ["otlp", "otlphttp"] {
        let relay = Relay::to(&server).await;
        let (_collector, grpc, http) = start(&home.join("bin/collector"), &server, &relay, exporter);
        let sender = Sender::at(&grpc, &http);
        let mut random = random::generator(60);
        for wire in Wire::ALL {
            let now = environment::now();
            let span = content::full_span(&mut random, now);
            let service = format!("{exporter}-{wire:?}");
            for request in [
                content::logs(&service, vec![content::full_record(&span, now)]),
                content::metrics(&service, content::every_metric(&span, now)),
                content::traces(&service, vec![span]),
            ] {
                until_accepted(&sender, wire, &request).await;
            }
        }
        let expected = Counts { spans: 3, logs: 3, points: 15 };
        until_relayed(&relay, 9).await;
        assert_eq!(assert_all_shown(&server, &relay).await, expected, "{exporter}");
    }
}

/// The Collector says nothing when its ports are open: it is tried until it answers.
async fn until_accepted(sender: &Sender, wire: Wire, request: &e2e::sender::Request) {
    let accepted = async {
        loop {
            match sender.send(wire, request).await {
                Reply::Accepted { .. } => return,
                Reply::Unknown(_) | Reply::Busy { .. } => tokio::time::sleep(Duration::from_millis(100)).await,
                refused => panic!("{refused:?}"),
            }
        }
    };
    tokio::time::timeout(environment::PATIENCE, accepted).await.expect("the Collector opens its ports");
}

async fn until_relayed(relay: &Relay, requests: usize) {
    let relayed = async {
        while relay.requests().len() < requests {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, relayed).await.expect("the Collector forwards what it took");
}
