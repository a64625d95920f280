//! Watches the memory of the server while something happens.

use crate::process::Tree;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(200);

/// Follows the proportional set size until dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    peak: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    pub(crate) fn start(tree: Tree) -> Self {
        let peak = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&peak);
        let task = tokio::task::spawn(async move {
            loop {
                // Reading a large map takes milliseconds of kernel time: not on the threads that send.
                let pss = tokio::task::spawn_blocking(move || tree.pss_bytes()).await;
                if let Ok(Ok(bytes)) = pss {
                    seen.fetch_max(bytes, Relaxed);
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { peak, task }
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak.load(Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
