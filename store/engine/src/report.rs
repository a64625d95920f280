//! What the engine tells about itself: readiness, warnings, figures.

use crate::engine::Engine;
use crate::space::SpacePlan;
use crate::stats::{Levels, Metric, metrics, rollup_metrics};
use std::sync::atomic::Ordering;

/// What is wrong at the moment, in sentences.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) flush: Option<String>,
    pub(crate) compaction: Option<String>,
    pub(crate) retention: Option<String>,
    pub(crate) space_plan: Option<SpacePlan>,
    pub(crate) unknown_files: u64,
}

impl Engine {
    /// Why no data would be taken in at the moment, or is not being written; empty when all is well.
    pub fn readiness(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.admission.verdict().err().map(|r| r.detail).into_iter().collect();
        let status = self.status.lock();
        reasons.extend(status.flush.as_ref().map(|why| format!("rows cannot be written to Parquet: {why}")));
        reasons
    }

    /// What an operator should know though data is taken in.
    pub fn warnings(&self) -> Vec<String> {
        let status = self.status.lock();
        let merging = status.compaction.as_ref().map(|why| format!("parts cannot be merged: {why}"));
        let plan = status
            .space_plan
            .as_ref()
            .map(|p| format!("{} parts ({} bytes) will be deleted to make room", p.parts.len(), p.bytes));
        let durability = match self.settings.durability {
            wal::Durability::Fsync => None,
            wal::Durability::Os => Some("durability is `os`: a power cut loses acknowledged data".to_owned()),
            wal::Durability::None => {
                Some("durability is `none`: a crash of this process loses what is not in Parquet yet".to_owned())
            }
        };
        let unknown = (status.unknown_files > 0).then(|| {
            format!(
                "{} part files are unknown to the catalog and not read: see `stormglass fsck`",
                status.unknown_files
            )
        });
        let all = [merging, status.retention.clone(), plan, unknown, durability];
        all.into_iter().flatten().collect()
    }

    /// What will be deleted to stay below the bound on disk use.
    pub fn space_plan(&self) -> Option<SpacePlan> {
        self.status.lock().space_plan.clone()
    }

    /// Counters and levels for `/metrics`.
    pub fn stats(&self) -> Vec<Metric> {
        let (gauges, memory, parts) = (&self.admission.gauges, self.picture.in_memory(), self.picture.parts());
        let now = Levels {
            inflight_bytes: gauges.inflight_bytes.load(Ordering::Relaxed),
            inflight_requests: gauges.inflight_requests.load(Ordering::Relaxed),
            queue_requests: self.queue.len() as u64,
            memtable_bytes: memory.charge,
            memtable_rows: memory.rows,
            memtable_chunks: memory.chunks,
            wal_bytes: gauges.wal_bytes.load(Ordering::Relaxed),
            disk_free: gauges.disk_free(),
            disk_used: gauges.disk_used.load(Ordering::Relaxed),
            parts: parts.len() as u64,
            parts_level0: parts.iter().filter(|p| p.level == 0).count() as u64,
            parts_bytes: parts.iter().map(|p| p.bytes).sum(),
            parts_rows: parts.iter().map(|p| p.rows).sum(),
            repeat_entries: self.repeats.entries() as u64,
            ready: self.readiness().is_empty(),
        };
        let mut all = metrics(&self.counters, &now);
        all.extend(self.picture.ledger_metrics());
        all.extend(rollup_metrics(&self.picture.rollup_stats()));
        all
    }

    /// Whether a fault test has stopped the engine; see [`crate::failpoint`].
    pub fn halted(&self) -> bool {
        self.points.halted()
    }

    /// Asks the file system how much room there is. Called often; tests call it by hand.
    pub fn measure_space(&self) {
        let gauges = &self.admission.gauges;
        match (self.disk_free.0)(&self.settings.data_dir) {
            Ok(free) => gauges.set_disk_free(Some(free)),
            Err(error) => {
                tracing::warn!(%error, dir = %self.settings.data_dir.display(), "the free space cannot be told");
                gauges.set_disk_free(None);
            }
        }
        let parts: u64 = self.picture.parts().iter().map(|p| p.bytes).sum();
        let wal = gauges.wal_bytes.load(Ordering::Relaxed) + self.counters.wal.bytes_spare.get();
        gauges.disk_used.store(parts + wal, Ordering::Relaxed);
    }
}
