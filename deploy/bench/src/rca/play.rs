//! Plays a case through a server of its own: its baseline, its changes, its telemetry in the order of event
//! time, the page that woke somebody up.

use super::labels::{Labelled, files};
use super::minutes::{MINUTE_NS, by_minute};
use super::otlp::Request;
use super::verdict::{self, Answer};
use crate::child::Server;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How far back the past of a case is judged: it, and the gap before it; a baseline is judged whole, by itself.
const CASE_BACK: Duration = Duration::from_secs(12 * 60);
const BASELINE_BACK: Duration = Duration::from_secs(4 * 3_600);
/// Where a page woke somebody up, half an hour before it is judged, and a quarter of an hour after it.
const PAGED_BACK: Duration = Duration::from_secs(45 * 60);
const PAGED_ON: Duration = Duration::from_secs(15 * 60);
/// Between the end of the baseline and the first row of the case.
const APART_NS: u64 = 5 * 60 * 1_000_000_000;

/// Settings under which a past is judged when it is in.
fn config(back: Duration) -> String {
    let back = back.as_secs();
    format!("[alerting]\nstep = \"1s\"\nlateness = \"1s\"\nidle = \"3s\"\ncatch_up = \"{back}s\"\n")
}

/// Plays a case and reads what became of it.
pub(super) async fn case(exe: &Path, case: &Labelled) -> Result<Answer> {
    let paged = case.paged()?;
    let server = Server::start_with(exe, &config(if paged.is_some() { PAGED_BACK } else { CASE_BACK }))?;
    let requests: Result<Vec<Request>> = files(&case.folder)?.iter().map(|file| Request::read(file)).collect();
    let mut requests = requests?;
    let first = requests.iter_mut().filter_map(Request::range).map(|(first, _)| first).min();
    let first = first.context("the case has no telemetry")?;
    baseline(&server, &case.baselines, Some(first - APART_NS)).await?;
    changes(&server, &case.folder).await?;
    let end = paged.as_ref().map(|page| page.at + PAGED_ON.as_nanos() as u64);
    send(&server, requests, end).await?;
    if let Some(page) = paged {
        server.post("/api/v1/alerts", &page.alert).await?;
    }
    settled(&server).await?;
    verdict::read(&server, case).await
}

/// Incidents that a baseline by itself opens.
pub(super) async fn baseline_alone(exe: &Path, baselines: &[PathBuf]) -> Result<Vec<String>> {
    let server = Server::start_with(exe, &config(BASELINE_BACK))?;
    baseline(&server, baselines, None).await?;
    settled(&server).await?;
    verdict::titles(&server).await
}

/// Sends healthy telemetry, every file moved in time to end at `end`; else where the last of them ends.
async fn baseline(server: &Server, baselines: &[PathBuf], end: Option<u64>) -> Result<()> {
    let requests: Result<Vec<Request>> = baselines.iter().map(|file| Request::read(file)).collect();
    let mut requests = requests?;
    let last = requests.iter_mut().filter_map(Request::range).map(|(_, last)| last).max();
    if let Some(end) = end.or(last) {
        requests.iter_mut().for_each(|request| request.end_at(end));
    }
    send(server, requests, None).await
}

/// Sends requests minute by minute, as their senders would have; nothing that was told after `end`, ns.
async fn send(server: &Server, requests: Vec<Request>, end: Option<u64>) -> Result<()> {
    let mut minutes: Vec<(u64, Request)> = requests.into_iter().flat_map(by_minute).collect();
    minutes.sort_by_key(|(minute, _)| *minute);
    for (minute, request) in &minutes {
        if end.is_none_or(|end| minute * MINUTE_NS < end) {
            request.send(server.client(), &server.otlp_http()).await?;
        }
    }
    Ok(())
}

/// Tells the server of the changes of a case, line by line as they are.
async fn changes(server: &Server, folder: &Path) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(folder.join("changes.jsonl")) else { return Ok(()) };
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    server.post("/api/v1/changes", &Value::Array(lines?)).await.map(drop)
}

/// Returns when all that came in has been judged.
async fn settled(server: &Server) -> Result<()> {
    const STILL: usize = 8;
    const FIGURES: [&str; 3] =
        ["stormglass_watch_behind_seconds", "stormglass_watch_rounds_running", "stormglass_watch_inbox_alerts"];
    let mut still = 0;
    while still < STILL {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut works = 0.0;
        for figure in FIGURES {
            works += server.figure(figure).await?;
        }
        still = if works == 0.0 { still + 1 } else { 0 };
    }
    Ok(())
}
