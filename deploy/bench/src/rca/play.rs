//! Plays a case through a server of its own: its baseline, its changes, its telemetry in the order of event
//! time, the page that woke somebody up.

use super::labels::{Labelled, files};
use super::minutes::{MINUTE_NS, by_minute};
use super::otlp::{Request, Signal};
use super::verdict::{self, Answer, Quiet};
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
/// Between the end of the baseline and the first row of the case: points come by the minute.
const APART_NS: u64 = MINUTE_NS;

/// Settings under which a past is judged when it is in.
fn config(back: Duration) -> String {
    let back = back.as_secs();
    // Where many cases run at once a question may take long; what is measured is what is found, not how soon.
    format!(
        "[alerting]\nstep = \"1s\"\nlateness = \"1s\"\nidle = \"3s\"\ncatch_up = \"{back}s\"\nrule_timeout = \"300s\"\n"
    )
}

/// Plays a case and reads what became of it.
pub(super) async fn case(exe: &Path, case: &Labelled) -> Result<Answer> {
    let paged = case.paged()?;
    let server = Server::start_with(exe, &config(if paged.is_some() { PAGED_BACK } else { CASE_BACK }))?;
    let mut requests = read_all(&files(&case.folder)?)?;
    let first = requests.iter_mut().filter_map(Request::range).map(|(first, _)| first).min();
    let first = first.context("the case has no telemetry")?;
    let mut healthy = read_all(&case.baselines)?;
    // A system that sends no traces in the case sends none before it.
    healthy.retain(|request| requests.iter().any(|of_case| of_case.signal() == request.signal()));
    healthy.iter_mut().for_each(|request| request.end_at(first - APART_NS));
    send(&server, healthy, None).await?;
    changes(&server, &case.folder).await?;
    let end = paged.as_ref().map(|page| page.at + PAGED_ON.as_nanos() as u64);
    send(&server, requests, end).await?;
    if let Some(page) = paged {
        server.post("/api/v1/alerts", &page.alert).await?;
    }
    settled(&server).await?;
    verdict::read(&server, case).await
}

/// Incidents that a baseline by itself opens: false ones, and those within the times of labelled faults, which
/// some baselines hold.
pub(super) async fn baseline_alone(exe: &Path, baselines: &[PathBuf], faults: &[(i64, i64)]) -> Result<Quiet> {
    let server = Server::start_with(exe, &config(BASELINE_BACK))?;
    let mut requests = read_all(baselines)?;
    // Metrics keep their times, for the labels'; borrowed minutes of traces end with them.
    let metrics = requests.iter_mut().filter(|request| request.signal() == Signal::Metrics);
    if let Some((_, last)) = metrics.filter_map(Request::range).max_by_key(|(_, last)| *last) {
        let others = requests.iter_mut().filter(|request| request.signal() != Signal::Metrics);
        others.for_each(|request| request.end_at(last));
    }
    send(&server, requests, None).await?;
    settled(&server).await?;
    verdict::quiet(&server, faults).await
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Request>> {
    files.iter().map(|file| Request::read(file)).collect()
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
