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
