//! Stories that statements read as tables: told outside, between two attempts.

use crate::fixture;
use crate::process::site;
use arrow::util::pretty::pretty_format_batches;
use client::{AuditLog, QueryError, QueryRequest, Stories, Story, StoryAsked, StoryRow};
use futures::future::BoxFuture;
use model::Workspace;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tells of every order that it was paid, and counts how often it is asked; of `cut` that there is more.
#[derive(Debug, Default)]
struct Teller(AtomicUsize);

impl Stories for Teller {
    fn tell(&self, _: Workspace, _: AuditLog, asked: StoryAsked) -> BoxFuture<'static, Result<Story, QueryError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if asked.value.is_empty() {
                return Err(QueryError::invalid("value is empty"));
            }
            let row = |item: i64, what: &str| StoryRow {
                item,
                time: fixture::NOON + item,
                kind: "span".into(),
                what: format!("{what} {}", asked.value),
                duration_ns: Some(item * 10),
                trace_id: Some("0af7651916cd43dd8448eb211c80319c".into()),
                ..StoryRow::default()
            };
            let incomplete_reason = (asked.value == "cut").then(|| "there is more".to_owned());
            Ok(Story { rows: vec![row(1, "place"), row(2, "pay")], asked, incomplete_reason })
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_story_is_told_once_and_read_like_any_table() {
    let store = Arc::new(fixture::shop().await);
    let site = site(&store, |_| ());
    let read = async |sql: &str| {
        let answer = site.client.query(QueryRequest::new(Workspace::default(), sql)).await?;
        let (_, batches, end) = answer.collect().await?;
        Ok::<_, QueryError>((pretty_format_batches(&batches).unwrap().to_string(), end))
    };
    let unknown = read("SELECT * FROM operation_timeline('order.id', 'o-9')").await.unwrap_err();
    assert!(matches!(unknown, QueryError::Unavailable { .. }), "{unknown}");

    let teller = Arc::new(Teller::default());
    site.client.stories_from(teller.clone());
    let (rows, end) = read(
        "SELECT a.what, b.duration_ns, a.time, (SELECT count(*) FROM spans) AS spans FROM \
         operation_timeline('order.id', 'o-9') AS a JOIN operation_timeline('order.id', 'o-9') b ON a.item = b.item \
         WHERE a.trace_id = '0af7651916cd43dd8448eb211c80319c' ORDER BY a.time DESC",
    )
    .await
    .unwrap();
    assert!(end.complete);
    assert_eq!(teller.0.load(Ordering::Relaxed), 1, "one story, however often it is read");
    let lines: Vec<&str> = rows.lines().collect();
    assert!(lines[3].starts_with("| pay o-9   | 20          | 2026-03-04T12:00:00.000000002Z | 12"), "{rows}");
    assert!(lines[4].starts_with("| place o-9 | 10          |"), "{rows}");

    let (_, end) = read("SELECT count(*) FROM operation_timeline('order.id', 'cut')").await.unwrap();
    assert_eq!((end.complete, end.incomplete_reason.as_deref()), (false, Some("there is more")));
    let empty = read("SELECT * FROM operation_timeline('order.id', '')").await.unwrap_err();
    assert_eq!(empty, QueryError::invalid("value is empty"));
    let many: Vec<String> = (0..5).map(|n| format!("SELECT what FROM operation_timeline('order.id', '{n}')")).collect();
    let refused = read(&many.join(" UNION ALL ")).await.unwrap_err();
    assert!(matches!(&refused, QueryError::TooLarge { detail } if detail.contains("5 stories")), "{refused}");

    site.client.shutdown().await;
    assert_eq!(Arc::strong_count(&teller), 1, "nobody is held for ever");
}
