//! What it costs to take telemetry in: CPU, memory, start-up, freshness - and whether all of it is there.

use crate::child::Server;
use crate::memory::Watch;
use crate::progress::Stage;
use crate::replay::replay;
use crate::report::{Goal, Row};
use crate::storage::columns;
use crate::workload::{Signal, Workload};
use crate::{Settings, generate};
use anyhow::{Result, ensure};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Spans that are taken in after all others are in Parquet, and before the next flush can begin: what acknowledging
/// alone costs a server that has been at work. The first ones of a fresh process pay for its memory and its log as well.
const ACKNOWLEDGED_ONLY: u64 = 120_000;
const PROBES: usize = 100;
/// Sent and not flushed when the server is killed.
const UNFLUSHED: u64 = 100_000;
const MB: f64 = 1e6;
/// What the operator of this workload would write, and nothing against the rules.
const WITH_RULES: &str = r#"
[operations]
request_id_keys = ["app.request.id"]
business_keys = ["app.order.id"]
"#;

pub(crate) async fn measure(settings: &Settings, spans: &Arc<Workload>, now: u64) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut server = Server::start(&settings.exe)?;
    rows.push(Row::new("start, clean data directory", "s", Goal::AtMost(1.0), server.ready_after.as_secs_f64()));
    server.tree().quiet(Duration::from_secs(10)).await?;
    rows.push(Row::new(
        "memory idle, all processes (PSS)",
        "MB",
        Goal::AtMost(60.0),
        server.tree().pss_bytes()? as f64 / MB,
    ));

    take_spans(&server, spans, settings, &mut rows).await?;
    let stage = Stage::new(settings.progress, "logs", generate::LOGS);
    let logs = Arc::new(generate::workload(Signal::Logs, scaled(generate::LOGS, settings), now));
    take(&server, &logs, &stage, ("log records in, to Parquet", 2.5), ("log record under parquet/", 35.0), &mut rows)
        .await?;
    let stage = Stage::new(settings.progress, "metric points", generate::POINTS);
    let points = Arc::new(generate::workload(Signal::Points, scaled(generate::POINTS, settings), now));
    take(
        &server,
        &points,
        &stage,
        ("metric points in, to Parquet", 0.8),
        ("metric point under parquet/", 4.0),
        &mut rows,
    )
    .await?;

    rows.push(freshness(&server, now).await?);
    restart(&mut server, spans.items, now, &mut rows).await?;
    drop(server);
    rows.push(with_rules(settings, spans).await?);
    Ok(rows)
}

fn scaled(items: u64, settings: &Settings) -> u64 {
    (items as f64 * settings.scale) as u64
}

async fn take_spans(server: &Server, spans: &Arc<Workload>, settings: &Settings, rows: &mut Vec<Row>) -> Result<()> {
    let tree = server.tree();
    let stage = Stage::new(settings.progress, "spans", spans.items);
    let memory = Watch::start(tree);
    let before = tree.cpu_seconds()?;

    let (mut tail, mut tail_items) = (spans.len(), 0);
    while tail > 0 && tail_items < ACKNOWLEDGED_ONLY {
        tail -= 1;
        tail_items += spans.frame(tail)?.items;
    }
    let most = replay(server, spans, 0..tail, stage.bar()).await?;
    server.flush(false).await?;
    let from = tree.cpu_seconds()?;
    let last = replay(server, spans, tail..spans.len(), stage.bar()).await?;
    let acknowledged = tree.cpu_seconds()? - from;
    server.flush(false).await?;
    let stored = tree.cpu_seconds()? - before;
    let peak = memory.peak_bytes();
    drop(memory);
    server.flush(true).await?;
    let compacted = tree.cpu_seconds()? - before;

    let items = most.items + last.items;
    ensure!(items == spans.items, "{items} spans of {} were sent", spans.items);
    let million = items as f64 / 1e6;
    let found = count(server, "spans").await?;
    rows.push(Row::new("spans found by SQL", "spans", Goal::Equal(items as f64), found as f64));
    rows.push(Row::new(
        format!("acknowledge path alone (last {} spans)", last.items),
        "CPU-s/M",
        Goal::AtMost(1.2),
        acknowledged / (last.items as f64 / 1e6),
    ));
    rows.push(Row::new("spans in, fsynced, to sorted Parquet", "CPU-s/M", Goal::AtMost(3.1), stored / million));
    rows.push(Row::new("spans in, compaction included", "CPU-s/M", Goal::AtMost(4.7), compacted / million));
    rows.push(Row::new("memory peak while ingesting (PSS)", "MB", Goal::AtMost(500.0), peak as f64 / MB));
    rows.push(Row::new("answers that said come back later", "answers", Goal::None, (most.busy + last.busy) as f64));
    Ok(())
}

/// The same spans into a server that judges its rules meanwhile, as a fresh install does.
async fn with_rules(settings: &Settings, spans: &Arc<Workload>) -> Result<Row> {
    let server = Server::start_with(&settings.exe, WITH_RULES)?;
    let tree = server.tree();
    let stage = Stage::new(settings.progress, "spans, with rules", spans.items);
    let before = tree.cpu_seconds()?;
    replay(&server, spans, 0..spans.len(), stage.bar()).await?;
    server.flush(false).await?;
    let used = tree.cpu_seconds()? - before;
    Ok(Row::new("spans in, to sorted Parquet, rules judged", "CPU-s/M", Goal::None, used / (spans.items as f64 / 1e6)))
}

async fn take(
    server: &Server,
    load: &Arc<Workload>,
    stage: &Stage,
    cpu: (&str, f64),
    size: (&str, f64),
    rows: &mut Vec<Row>,
) -> Result<()> {
    let tree = server.tree();
    let before = tree.cpu_seconds()?;
    let sent = replay(server, load, 0..load.len(), stage.bar()).await?;
    server.flush(false).await?;
    let used = tree.cpu_seconds()? - before;
    server.flush(true).await?;
    let table = load.signal.table();
    let found = count(server, table).await?;
    rows.push(Row::new(format!("{table} found by SQL"), "rows", Goal::Equal(sent.items as f64), found as f64));
    let axis = format!("{} ({:.0} B as OTLP)", cpu.0, load.bytes_per_item());
    rows.push(Row::new(axis, "CPU-s/M", Goal::AtMost(cpu.1), used / (sent.items as f64 / 1e6)));
    let bytes = server.parquet_bytes(Some(table))? as f64;
    rows.push(Row::new(size.0, "B", Goal::AtMost(size.1), bytes / sent.items as f64));
    rows.extend(columns(&server.parquet_files(Some(table))?, sent.items as f64)?);
    Ok(())
}

/// From the acknowledgement of a span until SQL shows it, the 99th percentile of many.
async fn freshness(server: &Server, now: u64) -> Result<Row> {
    let mut delays = Vec::new();
    for probe in 0..PROBES {
        let (trace, body) = generate::probe(probe as u64, now);
        let url = format!("{}/v1/traces", server.otlp_http());
        let post = server.client().post(url).header("content-type", "application/x-protobuf").body(body);
        ensure!(post.send().await?.status().is_success(), "a probe was refused");
        let acknowledged = Instant::now();
        let sql = format!("SELECT count(*) FROM spans WHERE trace_id = '{trace}'");
        while server.sql(&sql).await?["rows"][0][0] != 1 {
            ensure!(
                acknowledged.elapsed() < Duration::from_secs(60),
                "an acknowledged span is not visible after a minute"
            );
        }
        delays.push(acknowledged.elapsed().as_secs_f64());
    }
    delays.sort_by(f64::total_cmp);
    Ok(Row::new("freshness: acknowledged to seen in SQL, p99", "s", Goal::AtMost(1.0), delays[PROBES * 99 / 100]))
}

/// Kill -9 with rows that are in the WAL only, and start again.
async fn restart(server: &mut Server, spans: u64, now: u64, rows: &mut Vec<Row>) -> Result<()> {
    let held = count(server, "spans").await?;
    ensure!(held == spans + PROBES as u64, "{held} spans are held, {} were sent", spans + PROBES as u64);
    // A minute apart from the first workload, so that these are not the same bytes again.
    let more = Arc::new(generate::workload(Signal::Spans, UNFLUSHED, now + 60_000_000_000));
    let sent = replay(server, &more, 0..more.len(), &indicatif::ProgressBar::hidden()).await?;
    server.kill_and_restart()?;
    let allowed = ((5.0 + sent.bytes as f64 / 500e6) * 10.0).round() / 10.0;
    let axis = format!("start after kill -9 with {:.0} MB unflushed", sent.bytes as f64 / MB);
    rows.push(Row::new(axis, "s", Goal::AtMost(allowed), server.ready_after.as_secs_f64()));
    let found = count(server, "spans").await?;
    rows.push(Row::new("spans found after kill -9", "spans", Goal::Equal((held + sent.items) as f64), found as f64));
    Ok(())
}

async fn count(server: &Server, table: &str) -> Result<u64> {
    let answer = server.sql(&format!("SELECT count(*) FROM {table}")).await?;
    answer["rows"][0][0].as_u64().ok_or_else(|| anyhow::anyhow!("not a count: {}", answer["rows"]))
}
