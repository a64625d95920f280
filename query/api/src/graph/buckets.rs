//! Durations in buckets whose borders grow by a fiftieth: counts of slices add up, and a quantile is
//! right to a hundredth.

use super::gathered::{call, end, traffic};
use crate::Problem;
use crate::ask::Rows;
use graph::{CallRow, Entity, Measure, NodeRow, Quantiles, Traffic};
use model::UnixNanos;
use std::collections::{BTreeMap, HashMap};

/// The bucket of `duration_ns`: below one nanosecond -1.
pub(super) const SQL: &str =
    "CASE WHEN duration_ns < 1 THEN -1 ELSE CAST(floor(ln(CAST(duration_ns AS DOUBLE)) / ln(1.02)) AS BIGINT) END";
/// Most rows of one slice: edges times buckets.
pub(super) const BUCKET_ROWS_MAX: usize = 500_000;
const GROWTH: f64 = 1.02;

/// Calls of one edge or node.
#[derive(Clone, PartialEq, Debug, Default)]
struct Counted {
    traffic: Traffic,
    last_seen: Option<UnixNanos>,
    durations: BTreeMap<i64, u64>,
}

impl Counted {
    fn add(&mut self, bucket: i64, traffic: Traffic, last_seen: Option<UnixNanos>) {
        self.traffic += traffic;
        self.last_seen = self.last_seen.max(last_seen);
        *self.durations.entry(bucket).or_default() += traffic.calls;
    }

    fn measure(&self) -> Measure {
        let quantile = |share: f64| {
            // Nearest rank: the smallest value that at least this share is not above.
            let rank = (share * self.traffic.calls as f64 * (1.0 - 2.0 * f64::EPSILON)).ceil().max(1.0) as u64;
            let mut below = 0;
            let bucket = self.durations.iter().find(|(_, calls)| {
                below += **calls;
                below >= rank
            });
            bucket.map(|(bucket, _)| middle(*bucket))
        };
        let quantiles = match (quantile(0.5), quantile(0.95), quantile(0.99)) {
            (Some(p50_ns), Some(p95_ns), Some(p99_ns)) => Some(Quantiles { p50_ns, p95_ns, p99_ns }),
            _ => None,
        };
        Measure::seen(self.traffic, quantiles, self.last_seen)
    }
}

/// A duration that is within a hundredth of all of its bucket.
fn middle(bucket: i64) -> i64 {
    if bucket < 0 { 0 } else { GROWTH.powf(bucket as f64 + 0.5).round() as i64 }
}

/// Edges and nodes, counted slice by slice.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    calls: HashMap<(Entity, Entity, String), Counted>,
    /// What is called and is no operation: databases, queues, third parties.
    called: HashMap<Entity, Counted>,
}

impl Buckets {
    /// Adds rows of [`super::spans::Spans::operations`].
    pub(super) fn add(&mut self, rows: &Rows) -> Result<(), Problem> {
        for row in rows.iter() {
            let (bucket, last_seen) = (row.int("bucket")?, row.opt_time("last_seen")?);
            let CallRow { caller, callee, kind, .. } = call(&row, Measure::default())?;
            let traffic = traffic(&row)?;
            if row.text("callee_type")? != "operation" {
                let called = self.called.entry(end(&row, "callee_type", "callee")?).or_default();
                called.add(bucket, traffic, last_seen);
            }
            self.calls.entry((caller, callee, kind)).or_default().add(bucket, traffic, last_seen);
        }
        Ok(())
    }

    /// What was counted, as rows of a graph.
    pub(super) fn rows(self) -> (Vec<CallRow>, Vec<NodeRow>) {
        let calls = self.calls.into_iter().map(|((caller, callee, kind), counted)| CallRow {
            caller,
            callee,
            kind,
            measure: counted.measure(),
        });
        let nodes = self.called.into_iter().map(|(entity, counted)| NodeRow { entity, measure: counted.measure() });
        (calls.collect(), nodes.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_of_buckets_is_right_to_a_hundredth_however_the_window_was_sliced() {
        let durations: Vec<i64> = (1..=10_000_i64).map(|n| n * n * 7 + 3).collect();
        let bucket = |duration: i64| ((duration as f64).ln() / GROWTH.ln()).floor() as i64;
        let one = Traffic { calls: 1, ..Traffic::default() };
        let mut counted = Counted::default();
        for duration in durations.iter().rev() {
            counted.add(bucket(*duration), one, None);
        }
        let found = counted.measure().quantiles.unwrap();
        for (share, found) in [(0.5, found.p50_ns), (0.95, found.p95_ns), (0.99, found.p99_ns)] {
            let exact = durations[(share * 10_000.0) as usize - 1] as f64;
            assert!((found as f64 - exact).abs() <= 0.01 * exact, "p{share}: {found} is not near {exact}");
        }
        counted.add(-1, one, None);
        assert_eq!(counted.durations[&-1], 1);
        assert_eq!(Counted::default().measure().quantiles, None);
        assert_eq!(middle(-1), 0);
    }
}
