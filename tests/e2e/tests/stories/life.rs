//! G5, G6, O1, O3, I7: starting, stopping, refusing to start, and telling about itself.

use e2e::server::{both, run};
use e2e::{Reply, Sender, Server, Setup, Wire, content, environment, random};
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn g5_sigterm_answers_what_is_under_way_and_keeps_what_was_acknowledged() {
    let mut server = Server::default().await;
    let sender = Sender::to(&server);
    let mut random = random::generator(30);
    let mut acknowledged = 0;
    let stream = |i: u64, random: &mut _| {
        content::traces(&format!("s{i}"), vec![content::span(random, "drained", environment::now(), 1)])
    };
    for i in 0..50 {
        sender.send(Wire::HttpProtobuf, &stream(i, &mut random)).await.expect_accepted();
        acknowledged += 1;
    }
    let under_way: Vec<_> = (50..60)
        .map(|i| {
            let (sender, request) = (sender.clone(), stream(i, &mut random));
            tokio::spawn(async move { sender.send(Wire::Grpc, &request).await })
        })
        .collect();
    assert!(server.stop().await.success(), "SIGTERM is a good end");
    for reply in under_way {
        match reply.await.unwrap() {
            Reply::Accepted { .. } => acknowledged += 1,
            Reply::Busy { .. } | Reply::Unknown(_) => {}
            Reply::Refused { code, message } => panic!("{code} {message}: a stopping server never says never"),
        }
    }
    server.restart().await;
    let count = server.sql("SELECT count(*) FROM spans").await.count();
    assert!((acknowledged..=60).contains(&count), "{count} are there, {acknowledged} were acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_readiness_ends_before_the_doors_and_whoever_asks_twice_is_obeyed_at_once() {
    let mut server = Server::start(Setup::config("[net]\ndrain = \"20s\"\n")).await;
    let span = content::span(&mut random::generator(35), "kept", environment::now(), 1);
    Sender::to(&server).send(Wire::Grpc, &content::traces("shop", vec![span])).await.expect_accepted();
    // A sender in the middle of its body keeps the doors from closing.
    let mut half = TcpStream::connect(server.address("otlp_http")).await.unwrap();
    let head =
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9999\r\n\r\nx";
    half.write_all(head.as_bytes()).await.unwrap();
    server.signal(Signal::TERM);
    let unready = async {
        while server.get("/readyz").await.status() != 503 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, unready).await.expect("readiness ends first");
    assert!(server.stop().await.success(), "the second SIGTERM is a good end too");
    drop(half);
    server.restart().await;
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_wrong_configuration_on_reload_changes_nothing_and_says_so() {
    let mut server = Server::start(Setup::config("[log]\nlevel = \"info\"\n")).await;
    for (config, told) in [
        ("[log]\nlevel = \"debug\"\n[store]\nflush_rows = \"many\"\n", "4:1"),
        ("[log]\nlevel = \"info\"\n[store]\nflush_rows = 5000\n", "store.flush_rows"),
    ] {
        std::fs::write(server.home().join("stormglass.toml"), config).unwrap();
        server.signal(Signal::HUP);
        let said = async {
            while !server.output().contains(told) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(environment::PATIENCE, said).await.unwrap_or_else(|_| panic!("{}", server.output()));
        assert!(!server.output().contains("DEBUG"), "half of a wrong configuration is not taken:\n{}", server.output());
    }
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_wrong_configuration_is_refused_with_line_column_and_what_would_be_right() {
    for (config, expected) in [
        ("[listen]\nhttp = \"nonsense\"\n", ["2:1", "IP:PORT"]),
        ("[listen]\nhttpp = \"127.0.0.1:0\"\n", ["2:1", "http"]),
        ("[store]\nflush_rows = \"many\"\n", ["2:1", "whole number"]),
        ("[listen\n", ["1:", "]"]),
        ("[retention]\nspans = 30\n", ["2:1", "30d"]),
    ] {
        let refused = Server::try_start(Setup::config(config)).await.expect_err(config);
        assert_eq!(refused.status.code(), Some(2), "{config}: {}", refused.output);
        assert!(expected.iter().all(|e| refused.output.contains(e)), "{config}: {}", refused.output);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config).unwrap();
        let checked = run(&["check-config", file.path().to_str().unwrap()], &[]).await;
        assert_eq!(checked.status.code(), Some(2), "{config}: {}", both(&checked));
    }
    let wrong = run(&["serve", "--no-such-flag"], &[]).await;
    assert_eq!(wrong.status.code(), Some(2), "{}", both(&wrong));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_subcommand_has_help_with_an_example() {
    for command in [
        "serve",
        "demo",
        "sql",
        "import",
        "verify",
        "flush",
        "fsck",
        "bench",
        "check-config",
        "token",
        "token create",
        "token list",
        "token revoke",
        "user",
        "user add",
        "user list",
        "user passwd",
        "rules",
        "routes",
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = run(&words, &[]).await;
        let text = String::from_utf8_lossy(&help.stdout);
        assert!(help.status.success() && text.contains("Example"), "{command}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_types_wrong_is_answered_by_2_and_what_would_be_right_and_leaves_nothing_behind() {
    let nowhere = tempfile::tempdir().unwrap();
    let (empty, gone) = (nowhere.path().to_str().unwrap(), nowhere.path().join("gone"));
    let gone = gone.to_str().unwrap();
    let at_most = "http://127.0.0.1:1";
    for (words, code, said) in [
        (&["verify", "--cycles", "0", "--url", at_most][..], 2, "1.."),
        (&["flush", "--url", "localhost"], 2, "http://127.0.0.1:8080"),
        (&["sql", "SELECT 1", "--url", "ftp://localhost"], 2, "http://127.0.0.1:8080"),
        (&["sql", "SELECT 1", "--url", at_most], 1, "stormglass serve"),
        (&["sql", "SELECT 1", "--format", "xml"], 2, "parquet"),
        (&["serve", "--role", "collector"], 2, "all"),
        (&["token", "list", "--data-dir", empty], 2, "--data-dir"),
        (&["token", "revoke", "x", "--data-dir", gone], 2, "--data-dir"),
        (&["user", "list", "--data-dir", gone], 2, "--data-dir"),
        (&["token", "create", "--name", "x", "--scope", "ingest:tracs", "--data-dir", gone], 2, "ingest:traces"),
        (&["fsck", "--data-dir", gone], 1, "no such folder"),
        (&["check-config", gone], 2, "gone"),
    ] {
        let answer = run(words, &[]).await;
        let text = both(&answer);
        assert_eq!(answer.status.code(), Some(code), "{words:?}: {text}");
        assert!(text.contains(said) && !text.contains("panicked"), "{words:?}: {text}");
    }
    assert_eq!(std::fs::read_dir(nowhere.path()).unwrap().count(), 0, "nothing was made of a mistyped folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_are_printed_health_is_told_and_metrics_count() {
    let server = Server::default().await;
    for listener in ["otlp_grpc", "otlp_http", "http"] {
        assert!(server.output().contains(server.address(listener)), "{}", server.output());
    }
    assert!(server.get("/healthz").await.status().is_success());
    assert_eq!(server.get_json("/readyz").await["ready"], true);
    let span = content::span(&mut random::generator(31), "counted", environment::now(), 1);
    Sender::to(&server).send(Wire::Grpc, &content::traces("shop", vec![span])).await.expect_accepted();
    let text = server.get("/metrics").await.text().await.unwrap();
    let ours = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    assert!(ours.clone().count() > 10 && ours.clone().all(|l| l.starts_with("stormglass_")), "{text}");
    assert!(ours.clone().all(|l| l.rsplit(' ').next().is_some_and(|n| n.parse::<f64>().is_ok())), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i7_received_equals_stored_equals_queryable_in_the_api_in_sql_and_in_metrics() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut random = random::generator(32);
    for i in 0..3 {
        let now = environment::now();
        let spans: Vec<_> = (0..7).map(|_| content::span(&mut random, "one", now, 1)).collect();
        let full = content::full_span(&mut random, now);
        sender
            .send(Wire::HttpProtobuf, &content::metrics("shop", content::every_metric(&full, now + i)))
            .await
            .expect_accepted();
        sender
            .send(Wire::HttpJson, &content::logs("shop", vec![content::record(now + i, "said")]))
            .await
            .expect_accepted();
        sender.send(Wire::Grpc, &content::traces("shop", spans)).await.expect_accepted();
    }
    let expected = [("logs", 3), ("metrics", 15), ("traces", 21)];
    for moment in ["hot", "flushed"] {
        let ledger = server.get_json("/api/v1/ledger").await;
        assert_eq!(ledger["complete"], true, "{ledger}");
        let rows = server.sql(
            "SELECT signal, CAST(sum(received) AS BIGINT) AS r, CAST(sum(stored) AS BIGINT) AS s, CAST(sum(queryable) AS BIGINT) AS q \
             FROM ledger WHERE service = 'shop' GROUP BY signal ORDER BY signal",
        );
        let rows = rows.await;
        for (i, (signal, count)) in expected.into_iter().enumerate() {
            let item =
                ledger["items"].as_array().unwrap().iter().find(|e| e["signal"] == signal && e["service"] == "shop");
            let item = item.unwrap_or_else(|| panic!("no {signal} in {ledger}"));
            for column in ["received", "stored", "queryable"] {
                assert_eq!(item[column], Value::from(count), "{moment} {signal} {column}: {item}");
            }
            assert_eq!(rows.texts("signal")[i], signal, "{moment}");
            for column in ["r", "s", "q"] {
                assert_eq!(rows.texts(column)[i], count.to_string(), "{moment} {signal}");
            }
        }
        server.flush().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_visible_at_once() {
    let server = Server::default().await;
    let sender = Sender::to(&server);
    let mut random = random::generator(33);
    for i in 0..50 {
        let span = content::span(&mut random, "fresh", environment::now(), 1);
        let id = hex::encode(&span.trace_id);
        sender.send(Wire::ALL[i % 3], &content::traces("shop", vec![span])).await.expect_accepted();
        assert_eq!(server.sql(&format!("SELECT count(*) FROM spans WHERE trace_id = '{id}'")).await.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_writes_reads_back_and_compares() {
    let server = Server::default().await;
    let verified = server.command(&["verify", "--cycles", "3"]).await;
    assert!(verified.status.success(), "{}", both(&verified));
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_a_second_process_on_the_same_directory_is_refused() {
    let server = Server::default().await;
    let refused =
        Server::try_start(Setup::default().in_dir(server.data_dir())).await.expect_err("the directory is taken");
    assert!(refused.output.contains(server.data_dir().to_str().unwrap()), "{}", refused.output);
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), 0, "the first serves on");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_each_table_is_kept_is_shown_beside_what_it_holds() {
    let server = Server::start(Setup::config("[retention]\nspans = \"7d\"\nlogs = \"forever\"\n")).await;
    let mut random = random::generator(34);
    let request = content::traces("shop", vec![content::span(&mut random, "kept", environment::now(), 1)]);
    Sender::to(&server).send(Wire::Grpc, &request).await.expect_accepted();
    server.flush().await;
    let answer = server.get_json("/api/v1/retention").await;
    let of = |table: &str| answer["items"].as_array().unwrap().iter().find(|kept| kept["table"] == table).cloned();
    let (spans, logs) = (of("spans").unwrap(), of("logs").unwrap());
    assert_eq!((&spans["age_ns"], &spans["rows"]), (&Value::from(7 * 86_400_000_000_000_i64), &Value::from(1)));
    assert!(spans["oldest"].is_string() && spans["bytes"].as_u64().unwrap() > 0, "{spans}");
    assert_eq!((&logs["age_ns"], &logs["files"], &logs["newest"]), (&Value::Null, &Value::from(0), &Value::Null));
    assert_eq!(of("incidents"), None, "they are not kept in files");
}
