//! S1, S3, B1, B2, B3: Parquet on an S3 server of somebody else's making, by one setting, and in trouble.

use crate::free_port;
use crate::toxic::{Mood, Toxic};
use e2e::compare::assert_shown;
use e2e::oracle::{Load, Oracle, statement};
use e2e::{Sender, Server, Setup, Wire, content, environment, installed, random, skip};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

const BUCKET: &str = "telemetry";
const KEYS: (&str, &str) = ("an-access-key", "a-secret-key");

/// The S3 server, over a folder in which buckets are folders and objects are files.
async fn start(program: &Path, root: &Path, port: u16) -> Child {
    std::fs::create_dir_all(root.join(BUCKET)).unwrap();
    let mut command = Command::new(program);
    command
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--access-key", KEYS.0, "--secret-key", KEYS.1])
        .arg(root);
    let child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let listening = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, listening).await.expect("the S3 server opens its port");
    child
}

fn settings(port: u16) -> Setup {
    let (access, secret) = KEYS;
    Setup::config(&format!(
        "[object_store]\nurl = \"s3://{BUCKET}/production\"\nendpoint = \"http://127.0.0.1:{port}\"\naccess_key = \"{access}\"\n\
         secret_key = \"{secret}\"\nallow_http = true\n[store]\nflush_rows = 2000\nflush_after = \"500ms\"\n"
    ))
}

fn objects(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(BUCKET)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push(path.strip_prefix(root.join(BUCKET)).unwrap().to_string_lossy().into_owned()),
            }
        }
    }
    found.into_iter().filter(|name| name.ends_with(".parquet")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_lies_in_a_bucket_and_outlives_kill_9() {
    let home = match installed::find("s3") {
        Ok(home) => home,
        Err(why) => skip!("parquet_lies_in_a_bucket_and_outlives_kill_9", "{why}"),
    };
    let (root, port) = (tempfile::tempdir().unwrap(), free_port());
    let _s3 = start(&home.join("bin/s3s-fs"), root.path(), port).await;
    let mut server = Server::start(settings(port)).await;
    let mut random = random::generator(70);
    let now = environment::now();
    let span = content::full_span(&mut random, now);
    let requests = [
        content::logs("shop", vec![content::full_record(&span, now)]),
        content::metrics("shop", content::every_metric(&span, now)),
        content::traces("shop", vec![span]),
    ];
    for request in &requests {
        Sender::to(&server).send(Wire::Grpc, request).await.expect_accepted();
    }
    server.flush().await;
    let stored = objects(root.path());
    assert!(stored.iter().any(|name| name.starts_with("production/default/spans/date=")), "{stored:?}");
    assert!(!server.data_dir().join("parquet").join("default").exists(), "nothing is kept twice");
    assert_shown(&server, &requests).await;

    server.kill9();
    server.restart().await;
    assert_shown(&server, &requests).await;
    let again = server.authorized(server.http().post(server.url("/api/v1/compact"))).send().await.unwrap();
    assert!(again.status().is_success(), "{}", again.text().await.unwrap());
    assert_shown(&server, &requests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_ingest_goes_on_while_the_object_store_is_away_and_nothing_is_lost() {
    const NAME: &str = "b2_object_store_outage";
    let home = match installed::find("s3") {
        Ok(home) => home,
        Err(why) => skip!("b2_ingest_goes_on_while_the_object_store_is_away_and_nothing_is_lost", "{why}"),
    };
    let (root, port) = (tempfile::tempdir().unwrap(), free_port());
    let program = home.join("bin/s3s-fs");
    let mut s3 = start(&program, root.path(), port).await;
    let mut server = Server::start(settings(port)).await;
    let oracle = Oracle::new(random::seed(NAME), Load::default());
    let (stop, stopped) = watch::channel(false);
    let outage = async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        s3.kill().await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        stop.send(true).unwrap();
    };
    tokio::join!(oracle.produce(&server, 0, stopped), outage);
    server.kill9();
    let _s3 = start(&program, root.path(), port).await;
    server.restart().await;
    server.flush().await;
    let findings = oracle.compare(&server).await;
    assert!(findings.is_clean() && findings.acknowledged > 100, "{findings}");
    println!("{}", statement(NAME, 1, &findings));
}

/// Load, flushes and merges over a store in trouble, a kill, and the oracle's word, which is given back.
async fn through_trouble(name: &str, program: &Path, mood: Mood, share: f64) -> String {
    let (root, port) = (tempfile::tempdir().unwrap(), free_port());
    let _s3 = start(program, root.path(), port).await;
    let seed = random::seed(name);
    let toxic = Toxic::before(port, mood, share, random::generator(seed)).await;
    let mut server = Server::start(settings(toxic.port)).await;
    let oracle = Oracle::new(seed, Load::default());
    let (stop, stopped) = watch::channel(false);
    let busy = async {
        // Long enough that the trouble is met many times, whatever else the machine does.
        let enough = async {
            while toxic.counts().harmed < 25 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(environment::PATIENCE, enough).await.expect("the trouble is met");
        stop.send(true).unwrap();
    };
    tokio::join!(oracle.produce(&server, 0, stopped), busy);
    let findings = oracle.compare(&server).await;
    assert!(findings.is_clean() && findings.acknowledged > 100, "{name}, still running: {findings}");
    server.kill9();
    server.restart().await;
    flushed_at_last(&server).await;
    let findings = oracle.compare(&server).await;
    assert!(findings.is_clean(), "{name}: {findings}");
    assert!(!server.output().contains("panicked at"), "{}", server.output());
    format!("{}; {:?}", statement(name, 1, &findings), toxic.counts())
}

/// A flush may meet the trouble often enough to give up: whoever asked asks again.
async fn flushed_at_last(server: &Server) {
    let flushed = async {
        while !server.command(&["flush"]).await.status.success() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, flushed).await.expect("a flush gets through");
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_an_object_store_that_refuses_three_requests_of_ten_loses_nothing() {
    const NAME: &str = "b1_an_object_store_that_refuses_three_requests_of_ten_loses_nothing";
    let home = match installed::find("s3") {
        Ok(home) => home,
        Err(why) => skip!(NAME, "{why}"),
    };
    println!("{}", through_trouble(NAME, &home.join("bin/s3s-fs"), Mood::Refuses, 0.3).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn b3_objects_that_were_stored_and_not_answered_make_no_second_row() {
    const NAME: &str = "b3_objects_that_were_stored_and_not_answered_make_no_second_row";
    let home = match installed::find("s3") {
        Ok(home) => home,
        Err(why) => skip!(NAME, "{why}"),
    };
    println!("{}", through_trouble(NAME, &home.join("bin/s3s-fs"), Mood::LosesAnswers, 0.5).await);
}
