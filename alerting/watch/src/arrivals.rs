//! What has come in since the last look, as ranges of event times.
//!
//! The engine's view names every chunk of rows in memory and every part on disk by a number of its own;
//! whatever was not there at the last look is new. Nothing is read for this.

use engine::Engine;
use model::{TimeRange, UnixNanos, Workspace};
use std::collections::HashSet;
use std::time::Duration;
use tables::TableId;

/// Signals by which time goes on.
const SIGNALS: [TableId; 3] = [TableId::Spans, TableId::Logs, TableId::Metrics];

/// How far ahead of its receipt an event time may lie.
const AHEAD: Duration = Duration::from_secs(60);

/// What was there at the last look.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    chunks: HashSet<u64>,
    /// Latest receipt seen: parts written by compaction hold nothing newer.
    received: Option<UnixNanos>,
}

impl Arrivals {
    /// Whether any telemetry was ever there, as far as the last look tells.
    pub(crate) fn any(&self) -> bool {
        self.received.is_some()
    }

    /// The range of event times of what is new, if anything is.
    pub(crate) fn look(&mut self, engine: &Engine, workspace: &Workspace) -> Option<TimeRange> {
        let view = engine.view(workspace, &SIGNALS);
        let before = self.received;
        let mut range: Option<TimeRange> = None;
        // A clock that runs ahead must not carry the workspace's clock along.
        let mut add = |min: i64, max: i64, received: UnixNanos| {
            let until = UnixNanos(max.saturating_add(1)).min(received.saturating_add(AHEAD));
            let from = UnixNanos(min).min(until);
            let wider = range.map_or(TimeRange { from, until }, |range| TimeRange {
                from: range.from.min(from),
                until: range.until.max(until),
            });
            range = Some(wider);
        };
        let chunks: HashSet<u64> = view.hot.iter().map(|chunk| chunk.id).collect();
        for chunk in view.hot.iter().filter(|chunk| !self.chunks.contains(&chunk.id)) {
            // Chunks that were merged have a new number and nothing new: receipt tells them apart.
            if before.is_none_or(|before| chunk.received > before) {
                add(chunk.batch.time_min, chunk.batch.time_max, chunk.received);
            }
            self.received = self.received.max(Some(chunk.received));
        }
        for part in view.parts.iter().filter(|part| before.is_none_or(|before| part.received_max > before)) {
            add(part.time_min.0, part.time_max.0, part.received_max);
            self.received = self.received.max(Some(part.received_max));
        }
        self.chunks = chunks;
        range
    }
}
