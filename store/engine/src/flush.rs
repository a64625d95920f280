//! When a generation is written, and what happens when that fails.
//!
//! One checkpoint at a time. A failed one keeps rows and WAL, and is tried again after a pause that
//! grows; meanwhile the next generation fills, and when that is full too, admission refuses.

use crate::checkpoint::{Attempt, FlushReport};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::failpoint::Place;
use catalog::Checkpoint;
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tables::PartMeta;

/// What one flush leaves for the next.
#[derive(Debug, Default)]
pub(crate) struct FlushState {
    attempt: Option<Attempt>,
    failures: u32,
    /// Not before this moment (monotonic).
    retry_at: Duration,
    /// WAL position of the last committed checkpoint.
    committed: u64,
}

impl FlushState {
    pub(crate) fn after(committed: u64) -> Self {
        Self { committed, ..Self::default() }
    }
}

/// The pause after so many failures in a row.
fn pause(failures: u32, (first, most): (Duration, Duration)) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most)
}

impl Engine {
    /// Everything acknowledged before the call is in Parquet and in the catalog when it returns.
    pub async fn flush(&self) -> Result<FlushReport, EngineError> {
        let mut state = self.flush.lock().await;
        let mut report = FlushReport::default();
        // What is sealed already first; then what has been filling since.
        for _ in 0..2 {
            let Some(done) = self.checkpoint(&mut state).await? else { break };
            report.rows += done.rows;
            report.parts.extend(done.parts);
        }
        report.wal_until = state.committed;
        Ok(report)
    }

    /// One look at whether something is to be written, and doing it. Called often; tests call it by hand.
    pub async fn tick_flush(&self) -> Result<Option<FlushReport>, EngineError> {
        let mut state = self.flush.lock().await;
        let now = self.clock.monotonic();
        let due = if self.picture.sealed().is_some() { now >= state.retry_at } else { self.picture.is_due(now) };
        if due { self.checkpoint(&mut state).await } else { Ok(None) }
    }

    /// Writes the sealed generation, sealing the filling one if none is; `None` if there is nothing.
    pub(crate) async fn checkpoint(&self, state: &mut FlushState) -> Result<Option<FlushReport>, EngineError> {
        if let Err(error) = self.seal_and_plan(state) {
            return Err(self.flush_failed(state, error));
        }
        let Some(attempt) = state.attempt.take() else { return Ok(None) };
        let (attempt, written) = self.write_and_commit(attempt, state.committed).await;
        match written {
            Ok(report) => {
                state.committed = report.wal_until;
                state.failures = 0;
                self.status.lock().flush = None;
                Ok(Some(report))
            }
            Err(error) => {
                state.attempt = attempt;
                Err(self.flush_failed(state, error))
            }
        }
    }

    fn seal_and_plan(&self, state: &mut FlushState) -> Result<(), EngineError> {
        if state.attempt.is_some() {
            return Ok(());
        }
        let Some(sealed) = self.picture.sealed().or_else(|| self.picture.seal()) else { return Ok(()) };
        self.points.hit(Place::Seal)?;
        let generation = self.catalog_generation.load(Ordering::SeqCst);
        state.attempt = Some(Attempt::plan(sealed, generation, &self.specs, &self.settings));
        Ok(())
    }

    fn flush_failed(&self, state: &mut FlushState, error: EngineError) -> EngineError {
        state.failures += 1;
        state.retry_at = self.clock.monotonic() + pause(state.failures, self.settings.flush_retry);
        self.counters.flush_failures.add(1);
        self.status.lock().flush = Some(error.to_string());
        tracing::warn!(%error, failures = state.failures, "rows could not be written to Parquet; they stay in memory and in the WAL");
        error
    }

    /// Gives the attempt back if it failed.
    async fn write_and_commit(
        &self,
        attempt: Attempt,
        committed: u64,
    ) -> (Option<Attempt>, Result<FlushReport, EngineError>) {
        let (attempt, written) = self.write_parts(attempt, committed).await;
        let Some(attempt) = attempt else { return (None, Err(EngineError::Task("sorting"))) };
        if let Err(error) = written {
            return (Some(attempt), Err(error));
        }
        match self.commit(&attempt).await {
            Ok(report) => (None, Ok(report)),
            Err(error) => (Some(attempt), Err(error)),
        }
    }

    /// Writes all parts that are not written yet, a few at a time. Every one that has begun is finished,
    /// whatever becomes of the others.
    async fn write_parts(&self, mut attempt: Attempt, committed: u64) -> (Option<Attempt>, Result<(), EngineError>) {
        let specs = self.specs.clone();
        let sorted = tokio::task::spawn_blocking(move || {
            let due = attempt.due(committed, &specs);
            (attempt, due)
        });
        let Ok((mut attempt, due)) = sorted.await else { return (None, Err(EngineError::Task("sorting"))) };
        let due = match due {
            Ok(due) => due,
            Err(error) => return (Some(attempt), Err(error)),
        };
        let writes = due.into_iter().map(|due| async {
            let (key, part) = due.split();
            let written = self.parts.write(part).await.map_err(EngineError::from);
            let written =
                written.and_then(|meta| self.points.hit(Place::PartWrite).map(|()| meta).map_err(EngineError::from));
            (key, written)
        });
        let mut writes = futures::stream::iter(writes).buffer_unordered(self.settings.flush_parallel.max(1));
        let mut outcome = Ok(());
        while let Some(((table, day), written)) = writes.next().await {
            match written {
                Ok(meta) => attempt.written(table, day, meta),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        drop(writes);
        (Some(attempt), outcome)
    }

    /// One transaction, then one change of the picture.
    async fn commit(&self, attempt: &Attempt) -> Result<FlushReport, EngineError> {
        let added = attempt.finish()?;
        let generation = &attempt.sealed().generation;
        let (wal_until, now) = (generation.wal.end, self.clock.now());
        self.points.hit(Place::BeforeCommit)?;
        let checkpoint = Checkpoint {
            wal_until: Some(wal_until),
            added: added.clone(),
            removed: vec![],
            now,
            body_hashes: generation.hashes.clone(),
            body_hashes_expired_before: now.saturating_sub(self.settings.repeat_window),
            promoted: None,
        };
        let catalog_generation = self.catalog.commit(&checkpoint).await?;
        self.points.hit(Place::AfterCommit)?;
        self.catalog_generation.fetch_max(catalog_generation, Ordering::SeqCst);
        let parts: Vec<Arc<PartMeta>> = added.into_iter().map(Arc::new).collect();
        self.picture.flushed(&parts);
        self.admission.gauges.memtable_bytes.store(self.picture.in_memory().charge, Ordering::Relaxed);
        self.queue.release(wal_until);
        let rows = parts.iter().map(|p| p.rows).sum();
        self.counters.flushes.add(1);
        self.counters.flushed_rows.add(rows);
        self.counters.flushed_parts.add(parts.len() as u64);
        self.counters.flush_partition_overflow_rows.add(attempt.overflow_rows());
        Ok(FlushReport { rows, parts, wal_until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound() {
        let bounds = (Duration::from_secs(1), Duration::from_secs(30));
        let seconds = |failures| pause(failures, bounds).as_secs();
        assert_eq!([1, 2, 3, 5, 6, 100].map(seconds), [1, 2, 4, 16, 30, 30]);
    }
}
