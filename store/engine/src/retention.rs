//! What is too old, and whether the clock may be believed when it says so.
//!
//! Age counts from the later of event and receipt: an import of old data stays for its full time. A
//! wrong clock must not wipe the store: when the clock is in doubt, a pass that would delete a large
//! share deletes nothing and says so.

use crate::settings::RetentionSettings;
use model::UnixNanos;
use std::sync::Arc;
use std::time::Duration;
use tables::PartMeta;

/// What is known of the clock beside the time it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClockDoubt {
    /// How far the wall clock has moved against the monotonic one since the engine was opened.
    pub(crate) jumped: Duration,
    /// How long the engine has been open (monotonic).
    pub(crate) open_for: Duration,
    /// By how much the wall clock at opening differed from the newest receipt in the store.
    pub(crate) gap_at_open: Duration,
}

/// A wall clock that has moved this much against the monotonic one has been set.
const JUMP: Duration = Duration::from_secs(300);
/// Data this much older than the clock at opening: a long stop, or a wrong clock.
const GAP: Duration = Duration::from_secs(7 * 86_400);
/// After a long stop the clock is believed once it has kept going evenly for this long: time enough
/// to be set right, or for a person to look.
const SETTLED: Duration = Duration::from_secs(86_400);

impl ClockDoubt {
    /// Why the clock cannot be believed; `None` if it can.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        if self.jumped > JUMP {
            Some("the wall clock was set while running")
        } else if self.gap_at_open > GAP && self.open_for < SETTLED {
            Some("the wall clock is far from the newest data")
        } else {
            None
        }
    }
}

/// What a pass does.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Nothing,
    Delete(Vec<Arc<PartMeta>>),
    /// Parts are due, but the clock is in doubt.
    Hold { due: usize, of: usize, why: &'static str },
}

/// When the age of a part begins: the later of event and receipt, where the event time can be true.
pub(crate) fn age_from(part: &PartMeta) -> UnixNanos {
    if part.time_max.is_plausible(part.received_max) { part.time_max.max(part.received_max) } else { part.received_max }
}

/// Decides over all live parts. `confirmed`: a person has said that the clock is right.
pub(crate) fn decide(parts: &[Arc<PartMeta>], now: UnixNanos, settings: &RetentionSettings, doubt: &ClockDoubt, confirmed: bool) -> Verdict {
    let expired = |p: &&Arc<PartMeta>| settings.age_of(p.table).is_some_and(|age| age_from(p) < now.saturating_sub(age));
    let due: Vec<Arc<PartMeta>> = parts.iter().filter(expired).cloned().collect();
    if due.is_empty() {
        return Verdict::Nothing;
    }
    match doubt.reason() {
        Some(why) if !confirmed && due.len() as f64 > parts.len() as f64 * settings.share_max => {
            Verdict::Hold { due: due.len(), of: parts.len(), why }
        }
        _ => Verdict::Delete(due),
    }
}
