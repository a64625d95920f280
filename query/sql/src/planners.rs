//! Threads with room for deep recursion, on which statements are parsed and planned.
//!
//! A plan cannot be stopped while it is made; so the threads are counted, and a query counts as
//! running until they have ended.

use crate::error::SqlError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Stack of such a thread. Only what is used becomes memory.
const STACK_BYTES: usize = 256 << 20;

/// The planner threads of one query.
#[derive(Clone, Debug, Default)]
pub struct Planners {
    threads: TaskTracker,
    cpu_ns: Arc<AtomicU64>,
}

impl Planners {
    /// Runs `work` on a thread of its own.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, SqlError> {
        let (done, result) = tokio::sync::oneshot::channel();
        let (token, cpu_ns) = (self.threads.token(), self.cpu_ns.clone());
        std::thread::Builder::new()
            .name("planner".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let made = work();
                cpu_ns.fetch_add(thread_cpu("/proc/thread-self").as_nanos() as u64, Ordering::Relaxed);
                // Whoever asked may be gone; the token says when the thread is.
                drop(done.send(made));
                drop(token);
            })
            .map_err(|e| SqlError::Internal(format!("no thread to plan on: {e}")))?;
        result.await.map_err(|_| SqlError::Internal("the planner panicked".into()))
    }

    /// Returns when no thread of the query is left.
    pub async fn ended(&self) {
        self.threads.close();
        self.threads.wait().await;
    }

    /// CPU time of the threads that have ended.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed))
    }
}

/// CPU time of a thread, from its directory under `/proc`.
fn thread_cpu(dir: &str) -> Duration {
    let text = std::fs::read_to_string(format!("{dir}/schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split_ascii_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

/// CPU time of this process's living threads.
pub fn living_cpu() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.map(|thread| thread_cpu(&thread.path().to_string_lossy())).sum()
}
