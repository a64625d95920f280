//! Sends a workload over keep-alive connections, each waiting for its answer before it sends again.

use crate::child::Server;
use crate::workload::Workload;
use anyhow::{Result, bail};
use indicatif::ProgressBar;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

const CONNECTIONS: usize = 4;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What a replay came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    /// Answers that said to come back later; each was sent again.
    pub(crate) busy: u64,
}

#[derive(Debug, Default)]
struct Progress {
    next: AtomicUsize,
    items: AtomicU64,
    bytes: AtomicU64,
    busy: AtomicU64,
}

/// Sends frames `from..until` of the workload; every one is acknowledged when this returns.
pub(crate) async fn replay(
    server: &Server,
    workload: &Arc<Workload>,
    frames: std::ops::Range<usize>,
    bar: &ProgressBar,
) -> Result<Replayed> {
    let progress = Arc::new(Progress { next: AtomicUsize::new(frames.start), ..Progress::default() });
    let url = format!("{}{}", server.otlp_http(), workload.signal.path());
    let senders = (0..CONNECTIONS).map(|_| {
        let (client, url, workload, progress, bar) =
            (server.client().clone(), url.clone(), Arc::clone(workload), Arc::clone(&progress), bar.clone());
        tokio::spawn(async move { sender(&client, &url, &workload, frames.end, &progress, &bar).await })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await??;
    }
    Ok(Replayed {
        items: progress.items.load(Relaxed),
        bytes: progress.bytes.load(Relaxed),
        busy: progress.busy.load(Relaxed),
    })
}

async fn sender(
    client: &reqwest::Client,
    url: &str,
    workload: &Workload,
    end: usize,
    progress: &Progress,
    bar: &ProgressBar,
) -> Result<()> {
    loop {
        let i = progress.next.fetch_add(1, Relaxed);
        if i >= end {
            return Ok(());
        }
        let frame = workload.frame(i)?;
        loop {
            let post = client.post(url).header("content-type", "application/x-protobuf").body(frame.body.clone());
            let response = post.send().await?;
            match response.status().as_u16() {
                200 => break,
                429 | 503 => {
                    progress.busy.fetch_add(1, Relaxed);
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                status => bail!("a frame was refused: {status}: {}", response.text().await.unwrap_or_default()),
            }
        }
        progress.items.fetch_add(frame.items, Relaxed);
        progress.bytes.fetch_add(frame.body.len() as u64, Relaxed);
        bar.inc(frame.items);
    }
}
