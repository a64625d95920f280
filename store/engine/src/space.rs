//! How much disk there is, and what goes first when the operator's bound is reached.
//!
//! Nothing is deleted unannounced: a plan is made and shown when use nears the bound, and carried out
//! when it is reached and the plan has been shown for a while.

use crate::retention::age_from;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tables::{PartId, PartMeta, TableId};

/// Free bytes of the file system that holds a directory. An argument of the engine, so that tests own it.
pub type DiskFree = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

/// Asks the operating system.
pub fn disk_free(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// What will be deleted to stay below the bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpacePlan {
    pub parts: Vec<PlannedDeletion>,
    pub bytes: u64,
    /// Bytes used when the plan was made, and the bound.
    pub used: u64,
    pub bound: u64,
    /// How much longer it is shown before it may be carried out.
    pub notice_left: Duration,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedDeletion {
    pub id: PartId,
    pub path: String,
    pub bytes: u64,
    pub rows: u64,
}

/// Share of the bound at which a plan is shown.
const SHOWN_AT: f64 = 0.9;
/// Share of the bound to which a plan goes down.
const DOWN_TO: f64 = 0.85;

/// The oldest parts whose going brings use down, or `None` while there is room. What others refer to
/// (resources, series) and the ledger are small and stay.
pub(crate) fn choose(parts: &[Arc<PartMeta>], used: u64, bound: u64) -> Option<Vec<PlannedDeletion>> {
    if (used as f64) < bound as f64 * SHOWN_AT {
        return None;
    }
    let mut oldest: Vec<&Arc<PartMeta>> =
        parts.iter().filter(|p| matches!(p.table, TableId::Spans | TableId::Logs | TableId::Metrics)).collect();
    oldest.sort_unstable_by_key(|p| (age_from(p), p.id));
    let target = (bound as f64 * DOWN_TO) as u64;
    let (mut left, mut chosen) = (used, Vec::new());
    for part in oldest {
        if left <= target {
            break;
        }
        left = left.saturating_sub(part.bytes);
        chosen.push(PlannedDeletion { id: part.id, path: part.path.clone(), bytes: part.bytes, rows: part.rows });
    }
    (!chosen.is_empty()).then_some(chosen)
}

/// Whether a plan shown for `shown_for` is carried out now.
pub(crate) fn is_due(used: u64, bound: u64, shown_for: Duration, notice: Duration) -> bool {
    used >= bound && shown_for >= notice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::part;
    use model::UnixNanos;

    #[test]
    fn the_oldest_go_first_and_only_as_many_as_needed() {
        let aged = |number: u8, age: i64| {
            let mut part = part(&number.to_string(), number);
            part.received_max = UnixNanos(part.received_max.0 - age);
            part.time_max = part.received_max;
            Arc::new(part)
        };
        let mut parts = vec![aged(1, 10), aged(2, 30), aged(3, 20)];
        parts.push(Arc::new(PartMeta { table: TableId::Resources, ..(*aged(4, 1_000)).clone() }));
        let ids = |used, bound| choose(&parts, used, bound).map(|c| c.iter().map(|p| p.id.0.0[0]).collect::<Vec<_>>());
        assert_eq!(ids(8_900, 10_000), None);
        assert_eq!(ids(9_000, 10_000), Some(vec![2]));
        assert_eq!(ids(10_000, 10_000), Some(vec![2, 3]));
        assert_eq!(ids(90_000, 10_000), Some(vec![2, 3, 1]), "resources stay whatever happens");
    }

    #[test]
    fn a_plan_is_carried_out_at_the_bound_and_after_its_notice() {
        let second = Duration::from_secs(1);
        for (used, shown_for, due) in [(99, 60, false), (100, 59, false), (100, 60, true)] {
            assert_eq!(is_due(used, 100, second * shown_for, second * 60), due, "{used} {shown_for}");
        }
    }
}
