//! E1, E2, E3, Q1, Q5: questions, also those made to kill, and ingest that does not feel them.

use e2e::{Sender, Server, Setup, Wire, content, environment, random};
use serde_json::json;
use std::time::{Duration, Instant};

async fn with_spans(setup: Setup, spans: u64) -> Server {
    let server = Server::start(setup).await;
    let sender = Sender::to(&server);
    let mut random = random::generator(20);
    let now = environment::now();
    for request in 0..spans.div_ceil(1_000) {
        let one = |i| content::span(&mut random, &format!("op-{}", i % 50), now - i * 1_000_000, i);
        let spans = (request * 1_000..((request + 1) * 1_000).min(spans)).map(one).collect();
        sender.send(Wire::HttpProtobuf, &content::traces("shop", spans)).await.expect_accepted();
    }
    server
}

/// A statement of `tests/sql/qod.sql`: they are separated by lines of `--`, which may name what is meant.
fn queries_of_death() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../sql/qod.sql");
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let statements =
        text.split(';').map(|s| s.lines().filter(|l| !l.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n"));
    statements.map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn e1_queries_of_death_end_by_their_deadline_and_ingest_goes_on() {
    let server =
        with_spans(Setup::config("[query]\ntimeout_default = \"3s\"\nmemory_bytes_max = \"512MiB\"\n"), 20_000).await;
    let sender = Sender::to(&server);
    let pid = server.pid();
    let queries = queries_of_death();
    assert!(queries.len() >= 100, "{} queries", queries.len());
    let mut random = random::generator(21);
    let mut answered = 0;
    for (i, sql) in queries.iter().enumerate() {
        let asked = Instant::now();
        let answer = server.try_sql(sql).await;
        // The deadline, two seconds of grace, and a worker that is started anew.
        assert!(asked.elapsed() < Duration::from_secs(30), "{sql} took {:?}", asked.elapsed());
        match answer {
            Ok(_) => answered += 1,
            Err((status, problem)) => assert!((400..600).contains(&status), "{sql}\n{status} {problem}"),
        }
        let span = content::span(&mut random, "meanwhile", environment::now(), 1);
        sender.send(Wire::Grpc, &content::traces(&format!("meanwhile-{i}"), vec![span])).await.expect_accepted();
        assert_eq!(server.pid(), pid);
    }
    let count = server.sql("SELECT count(*) FROM spans").await.count();
    assert_eq!(count, 20_000 + queries.len() as u64, "{answered} of {} were answered", queries.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn e2_a_query_over_its_memory_is_refused_and_the_next_one_is_answered() {
    let config = "[query]\nmemory_bytes_max = \"300MiB\"\npool_bytes_max = \"32MiB\"\nspill_bytes_max = 0\n";
    let server = with_spans(Setup::config(config), 20_000).await;
    let greedy = "SELECT a.span_id, b.span_id, c.operation FROM spans a, spans b, spans c ORDER BY b.duration_ns, c.time, a.time";
    let (status, problem) = server.try_sql(greedy).await.expect_err("this cannot fit");
    assert!((400..600).contains(&status) && problem.contains("detail"), "{status} {problem}");
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn e3_the_work_of_a_query_whose_client_went_away_stops() {
    let server = with_spans(Setup::default(), 20_000).await;
    let endless = "SELECT count(*) FROM spans a, spans b, spans c WHERE a.duration_ns + b.duration_ns <> c.duration_ns";
    let request = server.http().post(server.url("/api/v1/sql")).json(&json!({ "sql": endless, "timeout_ms": 120_000 }));
    let asked = tokio::spawn(request.send());
    until(|| cpu_ticks(&server), |ticks, before| ticks > before + 30).await;
    asked.abort();
    // Quiet again: less than a fifth of a core over half a second.
    let quiet = async {
        loop {
            let before = cpu_ticks(&server);
            tokio::time::sleep(Duration::from_millis(500)).await;
            if cpu_ticks(&server) < before + 10 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), quiet).await.expect("a cancelled query stops working");
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), 20_000);
}

/// Waits until a figure has moved as `enough` says.
async fn until(figure: impl Fn() -> u64, enough: impl Fn(u64, u64) -> bool) {
    let before = figure();
    let moved = async {
        while !enough(figure(), before) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(environment::PATIENCE, moved).await.expect("the figure moves");
}

/// User and system time of the server's process group, in ticks.
fn cpu_ticks(server: &Server) -> u64 {
    let group = server.pid().to_string();
    let stats = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|e| std::fs::read_to_string(e.path().join("stat")).ok());
    let fields =
        stats.filter_map(|s| Some(s.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect::<Vec<_>>()));
    fields.filter(|f| f[2] == group).map(|f| f[11].parse::<u64>().unwrap() + f[12].parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_questions_are_answered_and_no_file_or_address_is_read() {
    let server = with_spans(Setup::default(), 10).await;
    for sql in [
        "DROP TABLE spans",
        "DELETE FROM spans",
        "INSERT INTO spans SELECT * FROM spans",
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY spans TO '/tmp/x.parquet'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM spans; SELECT 1",
        "SELEKT 1",
        "",
    ] {
        let (status, problem) = server.try_sql(sql).await.expect_err(sql);
        assert!((400..500).contains(&status), "{sql}: {status} {problem}");
        let problem: serde_json::Value =
            serde_json::from_str(&problem).unwrap_or_else(|e| panic!("{sql}: {e}: {problem}"));
        assert!(problem["detail"].as_str().is_some_and(|d| d.len() > 10), "{sql}: {problem}");
    }
    assert_eq!(server.sql("SELECT count(*) FROM spans").await.count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_as_json_csv_arrow_or_parquet() {
    let server = with_spans(Setup::default(), 100).await;
    let sql = "SELECT operation, count(*) AS n FROM spans GROUP BY operation ORDER BY operation LIMIT 3";
    assert_eq!(server.sql(sql).await.texts("n"), ["2", "2", "2"]);
    let command = server.command(&["sql", sql, "--format", "csv"]).await;
    let csv = String::from_utf8_lossy(&command.stdout);
    assert_eq!(csv.lines().collect::<Vec<_>>(), ["operation,n", "op-0,2", "op-1,2", "op-10,2"]);
    for (format, magic) in [("arrow", &[0xff, 0xff, 0xff, 0xff][..]), ("parquet", b"PAR1")] {
        let request = server.http().post(server.url("/api/v1/sql")).json(&json!({ "sql": sql, "format": format }));
        let body = request.send().await.unwrap().bytes().await.unwrap();
        assert!(body.starts_with(magic) || body.starts_with(b"ARROW1"), "{format}: {:?}", &body[..16.min(body.len())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_answer_says_so_and_newest_first_is_a_total_order() {
    let server = with_spans(Setup::default(), 5_000).await;
    let request = server.http().post(server.url("/api/v1/sql"));
    let request = request.json(&json!({ "sql": "SELECT span_id FROM spans", "limit": 10 }));
    let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["row_count"], &answer["complete"]), (&json!(10), &json!(false)), "{answer}");
    assert!(answer["incomplete_reason"].is_string());
    let newest = "SELECT duration_ns FROM spans ORDER BY time DESC LIMIT 5";
    assert_eq!(server.sql(newest).await.texts("duration_ns"), ["0", "1", "2", "3", "4"]);
    server.flush().await;
    assert_eq!(server.sql(newest).await.texts("duration_ns"), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn e4_two_hundred_heavy_queries_at_once_are_answered_or_asked_to_come_back_and_ingest_goes_on() {
    let server = with_spans(Setup::default(), 20_000).await;
    let heavy = "SELECT a.operation, count(*) FROM spans a JOIN spans b ON a.operation = b.operation GROUP BY 1";
    let ask = async |n: u64| {
        let question = json!({ "sql": heavy, "timeout_ms": 60_000 + n });
        let answer = server.http().post(server.url("/api/v1/sql")).json(&question).send().await.unwrap();
        let retry_after = answer.headers().contains_key("retry-after");
        (answer.status().as_u16(), retry_after, answer.bytes().await.unwrap().len())
    };
    let meanwhile = async {
        let (sender, mut random) = (Sender::to(&server), random::generator(29));
        for _ in 0..50 {
            let span = content::span(&mut random, "meanwhile", environment::now(), 1);
            sender.send(Wire::Grpc, &content::traces("meanwhile", vec![span])).await.expect_accepted();
        }
    };
    let (answers, ()) = tokio::join!(futures_of(200, ask), meanwhile);
    let answered = answers.iter().filter(|(status, ..)| *status == 200).count();
    assert!(answered > 0, "{answers:?}");
    for (status, retry_after, bytes) in answers {
        let come_back = status == 503 && retry_after;
        assert!(status == 200 || come_back || status == 504, "{status}, {bytes} bytes");
    }
    assert_eq!(server.sql("SELECT count(*) FROM spans WHERE service = 'meanwhile'").await.count(), 50);
}

async fn futures_of<T>(count: u64, ask: impl AsyncFn(u64) -> T) -> Vec<T> {
    futures::future::join_all((0..count).map(|number| ask(number))).await
}
