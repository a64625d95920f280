//! The loops that call the ticks. Each ends when the engine is shut down or dropped.

use crate::engine::Engine;
use crate::error::EngineError;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often each loop looks.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
const MAINTAIN_EVERY: Duration = Duration::from_secs(1);
/// How long a shutdown waits for a file that is being merged.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);
/// Maintenance yields the processor to everything else.
const NICE: i32 = 10;

impl Engine {
    /// Starts flushing (on this runtime), watching the disk, and the slow work (on a thread of its own,
    /// of low priority, with a runtime of its own).
    pub fn start_background(self: &Arc<Self>) -> Result<(), EngineError> {
        tokio::spawn(flush_loop(Arc::downgrade(self)));
        tokio::spawn(watch_loop(Arc::downgrade(self)));
        let weak = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("stormglass-maintain".into()).spawn(move || maintain(weak));
        let path = self.settings.data_dir.clone();
        let thread = thread.map_err(|source| EngineError::Io { action: "start a thread for", path, source })?;
        self.background.lock().push(thread);
        Ok(())
    }
}

async fn flush_loop(engine: Weak<Engine>) {
    loop {
        let Some((stop, wanted)) = engine.upgrade().map(|e| (e.stop.clone(), e.flush_wanted.clone())) else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            () = wanted.notified() => {}
            () = tokio::time::sleep(FLUSH_EVERY) => {}
        }
        let Some(engine) = engine.upgrade() else { return };
        // Failures are counted, shown and repeated by the tick itself.
        let _ = engine.tick_flush().await;
    }
}

async fn watch_loop(engine: Weak<Engine>) {
    loop {
        let Some((stop, every)) = engine.upgrade().map(|e| (e.stop.clone(), e.settings.space.interval)) else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        let Some(engine) = engine.upgrade() else { return };
        engine.measure_space();
    }
}

fn maintain(engine: Weak<Engine>) {
    lower_priority();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_name("stormglass-maintain")
        .on_thread_start(lower_priority)
        .build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(maintain_loop(engine));
            // A merge that was cut short may still be at a file: not waited for long.
            runtime.shutdown_timeout(SHUTDOWN_WAIT);
        }
        Err(error) => tracing::error!(%error, "parts are neither merged nor expired: no runtime"),
    }
}

fn lower_priority() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "maintenance runs at normal priority");
    }
}

async fn maintain_loop(engine: Weak<Engine>) {
    loop {
        let Some(stop) = engine.upgrade().map(|e| e.stop.clone()) else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(MAINTAIN_EVERY) => {}
        }
        let Some(engine) = engine.upgrade() else { return };
        // A merge that is cut short by a shutdown leaves its inputs live and its output an orphan.
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = engine.tick_maintenance() => outcome,
        };
        if outcome.is_err() {
            // Counted and shown by the tick; a failing store is not asked every second.
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(10 * MAINTAIN_EVERY) => {}
            }
        }
    }
}
