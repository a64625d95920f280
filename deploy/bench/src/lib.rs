//! What `stormglass bench` measures: CPU seconds, memory, bytes and exactness of the built server.
//!
//! It starts the server as a child process and knows it only by its command line, its ports and
//! `/proc`; it links nothing of the store or of the query engine. Every figure stands beside its goal.

mod child;
mod demo;
mod generate;
mod ingest;
mod machine;
mod memory;
mod process;
mod progress;
mod query;
mod rca;
mod replay;
mod report;
pub mod scores;
mod storage;
mod storm;
mod workload;

pub use demo::{Asked, DemoReport, DemoSettings, FaultScore, Played};
pub use rca::{Answer, Cases, Half, Outcome, PlayedCase, RcaReport, Score, System};
pub use report::{Goal, Report, Row, Verdict};
pub use storm::{StormCost, StormReport, StormSystem};

use anyhow::Result;
use model::{Clock, SystemClock};
use std::path::PathBuf;
use std::sync::Arc;
use workload::{Signal, Workload};

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// Cost of taking spans, logs and metric points in: CPU, memory, start-up, freshness.
    Ingest,
    /// Bytes on disk per item and per column, write amplification.
    Storage,
    /// Cost of the look-ups and searches people make, and whether the answers are right.
    Query,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub subject: Subject,
    /// The server to measure: the running executable.
    pub exe: PathBuf,
    /// A workload file (frames: u32 LE body length, u32 LE span count, body) or a folder with `traces.otlp`.
    /// Without it, the built-in generator makes all three signals.
    pub data: Option<PathBuf>,
    /// Size of the generated workload: 1.0 is 200,000 spans, 200,000 log records and 2,000,000 points.
    pub scale: f64,
    /// Draw a progress bar on standard error.
    pub progress: bool,
}

/// How often incidents name the true cause, over labelled incidents (`DIR/nezha`, `DIR/changes`).
///
/// # Errors
/// When a file does not read, or the server fails.
pub async fn run_rca(settings: &Settings, cases: &Cases) -> Result<RcaReport> {
    rca::measure(settings, cases).await
}

/// How often the verdict on a fault of the demo company equals its answer key, and how soon people are told.
///
/// # Errors
/// When a demo does not start or does not answer, or a name is no fault's.
pub async fn run_demo(settings: &DemoSettings) -> Result<DemoReport> {
    demo::measure(settings).await
}

/// How labelled alerts (`DIR/alerts`) are grouped and explained, and what a storm costs.
///
/// # Errors
/// When a file does not read, or the server fails.
pub async fn run_storm(settings: &Settings) -> Result<StormReport> {
    storm::measure(settings).await
}

/// Measures, and says what came out. The data directory is a temporary one and is removed.
///
/// # Errors
/// When the server does not start, refuses what it must take, or answers incompletely; a missed goal is a
/// row of the report and no error.
pub async fn run(settings: Settings) -> Result<Report> {
    // Generated telemetry bears today's times, as a sender's would.
    let now = SystemClock::new().now().0 as u64;
    let spans = Arc::new(match &settings.data {
        Some(path) => Workload::open(path)?,
        None => generate::workload(Signal::Spans, (generate::SPANS as f64 * settings.scale) as u64, now),
    });
    let (subject, rows) = match settings.subject {
        Subject::Ingest => ("ingest", ingest::measure(&settings, &spans, now).await?),
        Subject::Storage => ("storage", storage::measure(&settings, &spans).await?),
        Subject::Query => ("query", query::measure(&settings, &spans).await?),
    };
    let source = settings.data.as_ref().map_or("generated".to_owned(), |path| path.display().to_string());
    let workload = format!("{} spans of {:.1} B as OTLP ({source})", spans.items, spans.bytes_per_item());
    Ok(Report { subject, workload, machine: machine::describe(), rows })
}
