//! Worker processes: this program again, running the one test that is a worker.

use crate::corpus;
use crate::fixture::{self, Store};
use client::{ClientStats, QueryClient, QueryError, QueryRequest, Settings, StoreLocation};
use model::Workspace;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where a process that is to be a worker finds its socket.
const SOCKET: &str = "STORMGLASS_TEST_SOCKET";

/// Not a test in itself: the worker that the others start.
#[test]
fn worker() {
    if let Some(socket) = std::env::var_os(SOCKET) {
        sql::run_worker(sql::WorkerSettings { socket: PathBuf::from(socket) }).unwrap();
    }
}

pub(crate) struct Site {
    pub(crate) client: QueryClient,
    _run: tempfile::TempDir,
}

/// A client whose workers are this program.
pub(crate) fn site(store: &Arc<Store>, adjust: impl FnOnce(&mut Settings)) -> Site {
    let run = tempfile::tempdir().unwrap();
    let location = StoreLocation::Local { parquet: store.parquet(), replaced: store.replaced() };
    let mut settings = Settings::new("/bin/sh".into(), run.path().join("run"), location);
    let become_worker = format!("{SOCKET}=\"$2\" exec \"$0\" process::worker --exact");
    let exe = std::env::current_exe().unwrap().into_os_string();
    settings.worker_args = vec!["-c".into(), become_worker.into(), exe];
    adjust(&mut settings);
    Site { client: QueryClient::new(settings, store.clone()), _run: run }
}

impl Site {
    async fn ask(&self, sql: &str) -> Result<usize, QueryError> {
        self.ask_within(sql, Duration::from_secs(60)).await
    }

    async fn ask_within(&self, sql: &str, timeout: Duration) -> Result<usize, QueryError> {
        let mut request = QueryRequest::new(Workspace::default(), sql);
        request.timeout = Some(timeout);
        let (_, batches, _) = self.client.query(request).await?.collect().await?;
        Ok(batches.iter().map(|b| b.num_rows()).sum())
    }

    async fn until(&self, what: impl Fn(&ClientStats) -> bool) {
        while !what(&self.client.stats()) {
            tokio::task::yield_now().await;
        }
    }
}

/// Counts for ever, without memory; yields where the engine yields.
const ENDLESS: &str = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r WHERE n < 0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_answers_from_parts_and_memory_and_says_what_it_read() {
    let store = Arc::new(fixture::shop().await);
    let site = site(&store, |_| ());
    let request = QueryRequest::new(
        Workspace::default(),
        "SELECT service, count(*) AS n FROM spans GROUP BY service ORDER BY service",
    );
    let (schema, batches, end) = site.client.query(request).await.unwrap().collect().await.unwrap();
    assert_eq!(schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(), ["service", "n"]);
    let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    for row in ["cart    | 3", "pay     | 5", "search  | 4"] {
        assert!(text.contains(row), "{text}");
    }
    assert!(end.complete);
    assert_eq!((end.statistics.hot_rows, end.statistics.parts_read), (4, 3));
    assert_eq!(site.client.stats().workers_started, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_larger_than_all_credit_arrive_whole() {
    let store = Arc::new(fixture::hours(1, 2_000).await);
    let site = site(&store, |_| ());
    assert_eq!(
        site.ask("SELECT a.span_id FROM spans a CROSS JOIN (SELECT 1 FROM spans LIMIT 100)").await.unwrap(),
        200_000
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_own_limits_are_kept_before_any_worker_starts() {
    let store = Arc::new(fixture::shop().await);
    let site = site(&store, |_| ());
    assert!(matches!(site.ask(&"x".repeat(70_000)).await, Err(QueryError::TooLarge { .. })));
    assert!(matches!(site.ask(" ").await, Err(QueryError::Invalid { .. })));
    assert!(matches!(site.ask_within("SELECT 1", Duration::from_secs(9_999)).await, Err(QueryError::Invalid { .. })));
    assert_eq!(site.client.stats().workers_started, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e3_a_query_ends_at_its_deadline_and_the_worker_stays() {
    let store = Arc::new(fixture::shop().await);
    let site = site(&store, |_| ());
    assert_eq!(site.ask("SELECT 1").await, Ok(1));
    let ended = site.ask_within(ENDLESS, Duration::from_millis(300)).await;
    assert_eq!(ended, Err(QueryError::Timeout { timeout_ms: 300 }));
    assert_eq!(site.ask("SELECT 1").await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e3_dropping_a_result_frees_its_place() {
    let store = Arc::new(fixture::hours(1, 2_000).await);
    let site = site(&store, |s| (s.workers_max, s.queries_per_worker_max) = (1, 1));
    let request = QueryRequest::new(Workspace::default(), "SELECT a.span_id FROM spans a CROSS JOIN spans b");
    let mut stream = site.client.query(request).await.unwrap();
    assert!(stream.next_batch().await.unwrap().is_ok());
    drop(stream);
    // The only place: this would wait for ever if the first query kept it.
    assert_eq!(site.ask("SELECT 1").await, Ok(1));
    site.until(|s| s.running == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e4_beyond_the_places_queries_wait_and_beyond_the_line_they_are_refused() {
    let store = Arc::new(fixture::shop().await);
    let site = Arc::new(site(&store, |s| (s.workers_max, s.queries_per_worker_max, s.waiting_max) = (1, 1, 0)));
    let endless = {
        let site = site.clone();
        tokio::spawn(async move { site.ask_within(ENDLESS, Duration::from_secs(2)).await })
    };
    site.until(|s| s.running == 1).await;
    assert!(matches!(site.ask("SELECT 1").await, Err(QueryError::Busy { .. })));
    assert!(matches!(endless.await.unwrap(), Err(QueryError::Timeout { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e1_a_worker_over_its_memory_is_stopped_and_the_next_query_gets_another() {
    let store = Arc::new(fixture::hours(1, 2_000).await);
    // Less than the program needs to stand still: the first look finds it too large.
    let site = site(&store, |s| s.memory_bytes_max = 1 << 20);
    let answer = site.ask_within("SELECT count(*) FROM spans a, spans b, spans c", Duration::from_secs(20)).await;
    assert!(matches!(answer, Err(QueryError::TooLarge { .. })), "{answer:?}");
    site.until(|s| s.workers_killed_memory >= 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_is_stopped() {
    let store = Arc::new(fixture::shop().await);
    let site = site(&store, |s| s.idle_stop = Duration::ZERO);
    assert_eq!(site.ask("SELECT 1").await, Ok(1));
    site.until(|s| s.workers_idled >= 1).await;
    assert_eq!(site.ask("SELECT 1").await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_cannot_start_is_said_so() {
    let store = Arc::new(fixture::shop().await);
    let site = site(&store, |s| s.worker_args = vec!["-c".into(), "exit 3".into()]);
    let error = site.ask("SELECT 1").await.unwrap_err();
    assert!(matches!(&error, QueryError::Unavailable { detail } if detail.contains("exit status: 3")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e1_every_deadly_query_ends_and_leaves_the_next_one_an_answer() {
    let store = Arc::new(fixture::hours(2, 2_000).await);
    let site = site(&store, |s| {
        (s.memory_bytes_max, s.pool_bytes_max, s.spill_bytes_max) = (1 << 30, 64 << 20, 64 << 20);
        s.kill_after = Duration::from_millis(500);
    });
    let timeout = Duration::from_millis(1_500);
    let mut faults = Vec::new();
    for statement in corpus::statements() {
        let shown: String = statement.chars().take(160).collect();
        match tokio::time::timeout(Duration::from_secs(60), site.ask_within(&statement, timeout)).await {
            Ok(Err(QueryError::Internal { detail })) => faults.push(format!("{shown}: {detail}")),
            Ok(_) => {}
            Err(_) => faults.push(format!("{shown}: no end")),
        }
        let next = site.ask("SELECT count(*) FROM spans").await;
        if next != Ok(1) {
            faults.push(format!("after {shown}: {next:?}"));
        }
    }
    assert!(faults.is_empty(), "{}\n{:?}", faults.join("\n"), site.client.stats());
}
