//! The slow work on parts: merging, expiring, keeping below the bound on disk, deleting what was
//! replaced. One thing at a time, on a thread of low priority.
//!
//! A replaced part leaves `parquet/` at once, so that a listing is exact, and is kept under `replaced/`
//! until the longest query that may have seen it is over: readers look there when a path is gone.

use crate::compact::{self, Pick};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::failpoint::Place;
use crate::retention::{self, ClockDoubt, Verdict};
use crate::space::{self, PlannedDeletion, SpacePlan};
use catalog::{CatalogError, Checkpoint};
use model::UnixNanos;
use parts::Merge;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tables::rollups::Merging;
use tables::{PartId, PartMeta};

/// What the slow work remembers from one step to the next.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    /// Files to be deleted, with the moment (monotonic) from which nobody reads them.
    retired: VecDeque<(Duration, PartId, String)>,
    retention_at: Option<Duration>,
    /// Files of unfinished work on an object store, with the times of their last change.
    leftovers: Option<Vec<(String, UnixNanos)>>,
    plan: Option<ShownPlan>,
}

#[derive(Debug)]
struct ShownPlan {
    since: Duration,
    parts: Vec<PlannedDeletion>,
}

/// What a retention pass has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetentionReport {
    Nothing,
    /// So many parts have gone.
    Deleted(usize),
    /// Nothing was deleted: the clock is in doubt. Confirm by [`Engine::retention_now`].
    Held {
        due: usize,
        of: usize,
        why: &'static str,
    },
}

impl Engine {
    /// One round of the slow work. Called often; tests call it by hand.
    pub async fn tick_maintenance(&self) -> Result<(), EngineError> {
        let mut state = self.maintenance.lock().await;
        let now = self.clock.monotonic();
        self.remove_retired(&mut state, now).await?;
        if self.settings.compaction.enabled {
            self.compact_one(&mut state, false).await?;
        }
        if state.retention_at.is_none_or(|at| now >= at) {
            state.retention_at = Some(now + self.settings.retention.interval);
            self.retention_pass(&mut state, false).await?;
        }
        self.space_pass(&mut state, now).await?;
        self.sweep_bucket(&mut state).await
    }

    /// On an object store, leftovers are looked for once, when it first answers.
    async fn sweep_bucket(&self, state: &mut Maintenance) -> Result<(), EngineError> {
        if self.parts.local_root().is_some() {
            return Ok(());
        }
        let leftovers = match state.leftovers.take() {
            Some(leftovers) => leftovers,
            None => self.find_leftovers().await?,
        };
        state.leftovers = Some(self.remove_leftovers(leftovers).await?);
        Ok(())
    }

    /// Merges whatever can be merged, settled or not. Gives the number of merges.
    pub async fn compact_now(&self) -> Result<usize, EngineError> {
        let mut state = self.maintenance.lock().await;
        let mut merges = 0;
        while self.compact_one(&mut state, true).await? {
            merges += 1;
        }
        Ok(merges)
    }

    /// One merge, if one is due.
    async fn compact_one(&self, state: &mut Maintenance, asked: bool) -> Result<bool, EngineError> {
        let parts = self.picture.parts();
        let Some(pick) = compact::pick(&parts, self.clock.now(), &self.settings.compaction, asked) else {
            return Ok(false);
        };
        match self.merge(state, &pick).await {
            Ok(()) => {
                self.status.lock().compaction = None;
                Ok(true)
            }
            Err(error) => {
                self.counters.compaction_failures.add(1);
                self.status.lock().compaction = Some(error.to_string());
                tracing::warn!(%error, parts = pick.inputs.len(), "parts could not be merged; they stay as they are");
                Err(error)
            }
        }
    }

    async fn merge(&self, state: &mut Maintenance, pick: &Pick) -> Result<(), EngineError> {
        let Some(first) = pick.inputs.first() else { return Ok(()) };
        let inputs: Vec<PartMeta> = pick.inputs.iter().map(|p| PartMeta::clone(p)).collect();
        let rows: u64 = inputs.iter().map(|p| p.rows).sum();
        // What such rows say together is conserved, and checked where they are put together.
        let adds_up = first.table.merging() != Merging::Kept;
        let merge = Merge {
            spec: self.specs.get(first.table).clone(),
            promoted: self.specs.promoted_version(),
            inputs,
            level: 1,
            generation: self.catalog_generation.load(Ordering::SeqCst),
            combine: adds_up.then_some(rollup::combine),
        };
        let outputs = self.parts.merge(merge).await?;
        self.points.hit(Place::CompactWrite)?;
        let found: u64 = outputs.iter().map(|p| p.rows).sum();
        if found != rows && !(adds_up && found < rows) {
            self.remove_outputs(&outputs).await;
            return Err(EngineError::RowsDiffer { table: first.table, expected: rows, found });
        }
        match self.replace(state, &pick.inputs, outputs.clone()).await {
            Err(EngineError::Catalog(error @ CatalogError::NotLive(_))) => {
                self.remove_outputs(&outputs).await;
                return Err(error.into());
            }
            other => other?,
        }
        self.counters.compactions.add(1);
        self.counters.compacted_rows.add(rows);
        self.counters.compacted_parts.add(pick.inputs.len() as u64);
        self.counters.compacted_bytes.add(outputs.iter().map(|p| p.bytes).sum());
        tracing::debug!(inputs = pick.inputs.len(), rows, why = ?pick.why, "parts merged");
        Ok(())
    }

    async fn remove_outputs(&self, outputs: &[PartMeta]) {
        for part in outputs {
            if let Err(error) = self.parts.remove(&part.path).await {
                tracing::warn!(%error, path = part.path, "the output of a dropped merge stays until the next start");
            }
        }
    }

    /// Ends the life of some parts, in favour of others or of none: catalog, picture, files.
    async fn replace(
        &self,
        state: &mut Maintenance,
        removed: &[Arc<PartMeta>],
        added: Vec<PartMeta>,
    ) -> Result<(), EngineError> {
        let ids: Vec<PartId> = removed.iter().map(|p| p.id).collect();
        let merged = !added.is_empty();
        let checkpoint =
            Checkpoint { added: added.clone(), removed: ids.clone(), now: self.clock.now(), ..Checkpoint::default() };
        let generation = self.catalog.commit(&checkpoint).await?;
        self.points.hit(if merged { Place::CompactCommit } else { Place::RetentionDelete })?;
        self.catalog_generation.fetch_max(generation, Ordering::SeqCst);
        let added: Vec<Arc<PartMeta>> = added.into_iter().map(Arc::new).collect();
        self.picture.replace_parts(&ids, &added);
        let gone_at = self.clock.monotonic() + self.settings.compaction.replaced_keep;
        for part in removed {
            // Readers find it in either place; a failure leaves it where it was, until it is deleted.
            if let Err(error) = self.parts.retire(&part.path).await {
                tracing::warn!(%error, path = part.path, "a replaced part could not be moved away");
            }
            state.retired.push_back((gone_at, part.id, part.path.clone()));
            if merged {
                self.points.hit(Place::CompactMove)?;
            }
        }
        Ok(())
    }

    /// Deletes replaced files that no query can be reading any more.
    async fn remove_retired(&self, state: &mut Maintenance, now: Duration) -> Result<(), EngineError> {
        while let Some((_, id, path)) = state.retired.front().filter(|(at, ..)| now >= *at) {
            self.parts.remove(path).await?;
            self.catalog.forget_retired(&[*id]).await?;
            self.counters.replaced_removed.add(1);
            state.retired.pop_front();
        }
        Ok(())
    }

    /// Deletes what is too old, now. `confirmed`: a person has said that the clock is right.
    pub async fn retention_now(&self, confirmed: bool) -> Result<RetentionReport, EngineError> {
        let mut state = self.maintenance.lock().await;
        self.retention_pass(&mut state, confirmed).await
    }

    async fn retention_pass(&self, state: &mut Maintenance, confirmed: bool) -> Result<RetentionReport, EngineError> {
        let (parts, doubt) = (self.picture.parts(), self.clock_doubt());
        let verdict = retention::decide(&parts, self.clock.now(), &self.settings.retention, &doubt, confirmed);
        self.status.lock().retention = None;
        match verdict {
            Verdict::Nothing => Ok(RetentionReport::Nothing),
            Verdict::Delete(due) => {
                tracing::info!(
                    parts = due.len(),
                    rows = due.iter().map(|p| p.rows).sum::<u64>(),
                    "parts have reached their age"
                );
                self.replace(state, &due, vec![]).await?;
                self.counters.retention_parts.add(due.len() as u64);
                Ok(RetentionReport::Deleted(due.len()))
            }
            Verdict::Hold { due, of, why } => {
                self.counters.retention_holds.add(1);
                self.status.lock().retention =
                    Some(format!("{due} of {of} parts seem too old, but {why}: nothing is deleted"));
                tracing::warn!(due, of, why, "retention deletes nothing while the clock is in doubt");
                Ok(RetentionReport::Held { due, of, why })
            }
        }
    }

    fn clock_doubt(&self) -> ClockDoubt {
        let open_for = self.clock.monotonic().saturating_sub(self.opened.monotonic);
        let expected = self.opened.wall.saturating_add(open_for);
        let jumped = Duration::from_nanos(self.clock.now().0.abs_diff(expected.0));
        ClockDoubt { jumped, open_for, gap_at_open: self.opened.gap }
    }

    /// Shows or carries out a plan to stay below the bound on disk use.
    async fn space_pass(&self, state: &mut Maintenance, now: Duration) -> Result<(), EngineError> {
        let Some(bound) = self.settings.space.disk_use_max.filter(|_| self.settings.space.by_space) else {
            return Ok(());
        };
        let (used, parts) = (self.admission.gauges.disk_used.load(Ordering::Relaxed), self.picture.parts());
        let Some(chosen) = space::choose(&parts, used, bound) else {
            state.plan = None;
            self.status.lock().space_plan = None;
            return Ok(());
        };
        let notice = self.settings.space.notice;
        let since = match &state.plan {
            Some(plan) => plan.since,
            None => {
                for part in &chosen {
                    tracing::warn!(
                        path = part.path,
                        bytes = part.bytes,
                        rows = part.rows,
                        used,
                        bound,
                        "will be deleted to make room"
                    );
                }
                now
            }
        };
        if !space::is_due(used, bound, now.saturating_sub(since), notice) {
            let bytes = chosen.iter().map(|p| p.bytes).sum();
            let notice_left = notice.saturating_sub(now.saturating_sub(since));
            self.status.lock().space_plan = Some(SpacePlan { parts: chosen.clone(), bytes, used, bound, notice_left });
            state.plan = Some(ShownPlan { since, parts: chosen });
            return Ok(());
        }
        // Only what was announced goes; what has come of age since waits for a notice of its own.
        let shown: Vec<PartId> =
            state.plan.take().map(|p| p.parts).unwrap_or(chosen).into_iter().map(|p| p.id).collect();
        let due: Vec<Arc<PartMeta>> = parts.into_iter().filter(|p| shown.contains(&p.id)).collect();
        self.status.lock().space_plan = None;
        if due.is_empty() {
            return Ok(());
        }
        tracing::warn!(parts = due.len(), used, bound, "oldest parts deleted to make room");
        self.replace(state, &due, vec![]).await?;
        self.counters.space_parts.add(due.len() as u64);
        self.measure_space();
        Ok(())
    }
}
