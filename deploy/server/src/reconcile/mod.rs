//! Finds the parents that memory did not know, among stored spans, and has their edges counted.
//!
//! A span whose parent had not come when its rows were written is a row of `edges_pending`. Its parent may
//! come later than memory reaches, or have come before a restart. So each such row is looked for a few
//! times, at growing ages and in growing surroundings. What is found is given to the engine, which counts
//! each row once however often it is found; what is never found stays `unresolved` and is shown as that.
//!
//! While nothing waits, nothing is asked: no query worker is kept awake by this.

mod read;
mod schedule;
mod search;

use client::{QueryClient, QueryRequest};
use engine::Engine;
use model::{Clock, UnixNanos, Workspace};
use schedule::{Depth, Round, Window};
use std::sync::Arc;
use std::time::Duration;
use tables::TableId;

pub(crate) use schedule::Settings;

/// How long one search may take: less than the engine remembers what was resolved.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Reconciler {
    pub(crate) engine: Arc<Engine>,
    pub(crate) client: Arc<QueryClient>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) lane_keys: Vec<String>,
}

impl Reconciler {
    /// Searches from time to time, for as long as it is polled.
    pub(crate) async fn run(self) {
        let mut last = None;
        loop {
            tokio::time::sleep(self.settings.every).await;
            let now = self.clock.now();
            // What could not be searched now is searched with what comes next.
            if self.round(last, now).await {
                last = Some(now);
            }
        }
    }

    /// One look at all that has come of age; false if it has to be repeated.
    async fn round(&self, last: Option<UnixNanos>, now: UnixNanos) -> bool {
        let mut done = true;
        for round in schedule::rounds(last, now, &self.settings) {
            for workspace in self.engine.workspaces(TableId::EdgesPending) {
                if !self.waits(&workspace, &round) {
                    continue;
                }
                match self.search(&workspace, &round).await {
                    Ok(complete) => done &= complete,
                    Err(error) => {
                        tracing::warn!(%error, %workspace, "late edges could not be looked for; they are looked for again");
                        done = false;
                    }
                }
            }
        }
        done
    }

    /// Whether there may be rows in the windows of a round.
    fn waits(&self, workspace: &Workspace, round: &Round) -> bool {
        let view = self.engine.view(workspace, &[TableId::EdgesPending]);
        let parts = view.parts.iter().map(|part| (part.time_min.0, part.time_max.0));
        let hot = view.hot.iter().map(|chunk| (chunk.batch.time_min, chunk.batch.time_max));
        let meets = |(min, max): (i64, i64)| round.windows.iter().any(|w| max > w.after.0 && min <= w.until.0);
        parts.chain(hot).any(meets)
    }

    /// False if not all could be looked at.
    async fn search(&self, workspace: &Workspace, round: &Round) -> anyhow::Result<bool> {
        let moment = self.engine.moment();
        let hours = self.ask(workspace, search::hours(&round.windows)).await?;
        let mut complete = hours.complete;
        for around in surroundings(&read::hours(&hours.batches)?, &round.depth) {
            let answer = self.ask(workspace, search::parents(&round.windows, &around, &self.lane_keys)).await?;
            complete &= answer.complete;
            let found = read::found(&answer.batches)?;
            let looked_at = found.len();
            let resolved = self.engine.resolve(workspace, found, moment);
            complete &= resolved.put_off == 0;
            tracing::debug!(%workspace, looked_at, ?resolved, "parents looked for among stored spans");
        }
        Ok(complete)
    }

    async fn ask(&self, workspace: &Workspace, sql: String) -> anyhow::Result<Answer> {
        let request = QueryRequest { timeout: Some(SEARCH_TIMEOUT), ..QueryRequest::new(workspace.clone(), sql) };
        let (_, batches, end) = self.client.query(request).await?.collect().await?;
        Ok(Answer { batches, complete: end.complete })
    }
}

struct Answer {
    batches: Vec<arrow::array::RecordBatch>,
    complete: bool,
}

/// Spans to be looked at for the rows whose minute lies in `minutes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Around {
    pub(crate) minutes: Window,
    pub(crate) spans: Window,
}

/// Neighbouring hours are searched at once; those far apart are not, or the search would go over all
/// between them.
fn surroundings(hours: &[UnixNanos], depth: &Depth) -> Vec<Around> {
    const HOUR: Duration = Duration::from_secs(3_600);
    let mut all: Vec<Around> = Vec::new();
    for hour in hours {
        let minutes = Window { after: UnixNanos(hour.0.saturating_sub(1)), until: hour.saturating_add(HOUR) };
        let spans = Window {
            after: minutes.after.saturating_sub(depth.before),
            until: minutes.until.saturating_add(depth.after),
        };
        match all.last_mut().filter(|last| last.spans.until >= spans.after) {
            Some(last) => (last.minutes.until, last.spans.until) = (minutes.until, spans.until),
            None => all.push(Around { minutes, spans }),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_lie_together_are_one_search_and_a_year_apart_are_two() {
        const HOUR: i64 = 3_600 * UnixNanos::SECOND;
        let depth = Depth { before: Duration::from_secs(900), after: Duration::from_secs(900) };
        let hours = [0, 1, 2, 9_000].map(|n| UnixNanos(n * HOUR));
        let all = surroundings(&hours, &depth);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].minutes.after.0, all[0].minutes.until.0), (-1, 3 * HOUR));
        assert_eq!(all[0].spans.after.0, -1 - HOUR / 4);
        assert_eq!(all[1].spans.until.0, 9_001 * HOUR + HOUR / 4);
    }
}
