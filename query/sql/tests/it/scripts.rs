//! SQL in, text out: the scripts in `tests/sql`.
//!
//! A script is a list of cases: `query`, `error` or `cost` (which prints what was read), the statement,
//! `----`, and what is expected; cases are separated by blank lines. With `STORMGLASS_UPDATE_SQL` set,
//! expectations are written instead of compared.

use crate::fixture::{self, Store, ask};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::path::PathBuf;

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/sql")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_there_once_and_every_key_reads_the_same_wherever_it_lies() {
    let store = fixture::shop().await;
    for script in ["tables", "attributes", "ids", "resources", "metrics", "functions", "refusals"] {
        run(&store, script).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_pruned_and_newest_rows_are_found_without_reading_the_rest() {
    let store = fixture::hours(12, 2_000).await;
    run(&store, "pruning").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_was_just_replaced_is_still_read() {
    let store = fixture::shop().await;
    let paths: Vec<String> = store.view.lock().unwrap().parts.iter().map(|p| p.path.clone()).collect();
    for path in paths {
        store.retire(&path).await;
    }
    run(&store, "tables").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_gone_is_an_error_not_a_smaller_answer() {
    let store = fixture::shop().await;
    std::fs::remove_dir_all(store.parquet()).unwrap();
    let error = ask(&store, &store.workshop(), "SELECT sum(duration_ns) FROM spans", 100).await.unwrap_err();
    assert!(error.starts_with("a data file cannot be read"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_are_fetched_once_and_forgotten_when_they_are_flushed() {
    let store = fixture::shop().await;
    let workshop = store.workshop();
    let counts = async |sql: &str| {
        let (batches, end) = ask(&store, &workshop, sql, 100).await.unwrap();
        (rendered(&batches).join(";"), end.statistics.hot_rows)
    };
    let hot = "SELECT count(*), max(span_id) FROM spans WHERE service = 'search'";
    assert_eq!(counts(hot).await, ("4 | b0b0b0b0b0b0b00b".into(), 4));
    // Another column of the same chunk, then the first again.
    assert_eq!(counts("SELECT max(operation) FROM spans WHERE service = 'search'").await, ("SELECT orders".into(), 4));
    assert_eq!(counts(hot).await, ("4 | b0b0b0b0b0b0b00b".into(), 4));
    store.view.lock().unwrap().hot.clear();
    assert_eq!(counts(hot).await, ("0 | NULL".into(), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_is_not_whole_marks_the_answer() {
    let store = fixture::shop().await;
    {
        let mut view = store.view.lock().unwrap();
        (view.complete, view.incomplete_reason) = (false, Some("recovering".into()));
    }
    let (_, end) = ask(&store, &store.workshop(), "SELECT count(*) FROM spans", 100).await.unwrap();
    assert_eq!((end.complete, end.incomplete_reason.as_deref()), (false, Some("recovering")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_is_cut_at_its_limit_and_says_so() {
    let store = fixture::shop().await;
    let (batches, end) = ask(&store, &store.workshop(), "SELECT span_id FROM spans", 5).await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 5);
    assert!(!end.complete && end.incomplete_reason.unwrap().contains("cut at 5 rows"));
    let (_, end) = ask(&store, &store.workshop(), "SELECT span_id FROM spans", 12).await.unwrap();
    assert!(end.complete);
}

async fn run(store: &Store, script: &str) {
    let path = folder().join(format!("{script}.slt"));
    let text = std::fs::read_to_string(&path).unwrap();
    let workshop = store.workshop();
    let (mut renewed, mut failures) = (Vec::new(), Vec::new());
    for case in text.split("\n\n").map(str::trim).filter(|c| !c.is_empty()) {
        let body: String = case.lines().filter(|l| !l.starts_with('#')).map(|l| format!("{l}\n")).collect();
        let Some((kind, rest)) = body.split_once('\n') else {
            renewed.push(case.to_owned());
            continue;
        };
        let (sql, expected) = rest.split_once("----").unwrap_or((rest, ""));
        let answer = match (kind, ask(store, &workshop, sql, 1_000).await) {
            ("query", Ok((batches, _))) => rendered(&batches).join("\n"),
            ("cost", Ok((_, end))) => {
                let s = end.statistics;
                format!(
                    "parts {} pruned {} read {}, hot rows {}",
                    s.parts_considered, s.parts_pruned, s.parts_read, s.hot_rows
                )
            }
            ("error", Err(error)) => error,
            (_, Ok((batches, _))) => format!("no error but\n{}", rendered(&batches).join("\n")),
            (_, Err(error)) => format!("error: {error}"),
        };
        if answer.trim() != expected.trim() {
            failures.push(format!("{}\n---- expected\n{}\n---- answered\n{answer}", sql.trim(), expected.trim()));
        }
        let remarks: String = case.lines().filter(|l| l.starts_with('#')).map(|l| format!("{l}\n")).collect();
        renewed.push(format!("{remarks}{kind}\n{}\n----\n{answer}", sql.trim()).trim_end().to_owned());
    }
    if std::env::var_os("STORMGLASS_UPDATE_SQL").is_some() {
        std::fs::write(&path, renewed.join("\n\n") + "\n").unwrap();
        return;
    }
    assert!(failures.is_empty(), "{script}.slt: {} differ\n\n{}", failures.len(), failures.join("\n\n"));
}

/// Rows as lines, values separated by ` | `.
fn rendered(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL").with_display_error(true);
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" | "));
        }
    }
    lines
}
