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
    Hold {
        due: usize,
        of: usize,
        why: &'static str,
    },
}

/// When the age of a part begins: the later of event and receipt, where the event time can be true.
pub(crate) fn age_from(part: &PartMeta) -> UnixNanos {
    if part.time_max.is_plausible(part.received_max) { part.time_max.max(part.received_max) } else { part.received_max }
}

/// Decides over all live parts. `confirmed`: a person has said that the clock is right.
pub(crate) fn decide(
    parts: &[Arc<PartMeta>],
    now: UnixNanos,
    settings: &RetentionSettings,
    doubt: &ClockDoubt,
    confirmed: bool,
) -> Verdict {
    let expired =
        |p: &&Arc<PartMeta>| settings.age_of(p.table).is_some_and(|age| age_from(p) < now.saturating_sub(age));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::part;
    use tables::TableId;

    const DAY: Duration = Duration::from_secs(86_400);

    fn parts() -> Vec<Arc<PartMeta>> {
        let received = part("a", 1).received_max;
        let old_event = PartMeta {
            time_min: UnixNanos(received.0 - 400 * UnixNanos::DAY),
            time_max: UnixNanos(received.0 - 400 * UnixNanos::DAY),
            ..part("import", 2)
        };
        let future = PartMeta { time_max: UnixNanos(i64::MAX), ..part("future", 3) };
        let ledger = PartMeta { table: TableId::Ledger, ..part("ledger", 4) };
        [part("a", 1), old_event, future, ledger].map(Arc::new).to_vec()
    }

    fn deleted(days: u32, doubt: ClockDoubt, confirmed: bool) -> Result<usize, &'static str> {
        let now = part("a", 1).received_max.saturating_add(DAY * days).saturating_add(Duration::from_nanos(1));
        match decide(&parts(), now, &RetentionSettings::default(), &doubt, confirmed) {
            Verdict::Nothing => Ok(0),
            Verdict::Delete(due) => Ok(due.len()),
            Verdict::Hold { why, .. } => Err(why),
        }
    }

    #[test]
    fn age_counts_from_the_later_of_event_and_receipt_and_impossible_times_do_not_count() {
        let sure = ClockDoubt::default();
        for (days, expected) in [(29, 0), (30, 3), (364, 3), (365, 4)] {
            assert_eq!(deleted(days, sure, false), Ok(expected), "{days}");
        }
    }

    #[test]
    fn a_doubtful_clock_deletes_nothing_much_until_a_person_confirms() {
        let jumped = ClockDoubt { jumped: 90 * DAY, ..ClockDoubt::default() };
        let long_stop = ClockDoubt { gap_at_open: 90 * DAY, ..ClockDoubt::default() };
        let long_ago = ClockDoubt { open_for: 2 * DAY, ..long_stop };
        for (name, doubt, confirmed, held) in [
            ("the clock was set", jumped, false, true),
            ("and a person says it is right", jumped, true, false),
            ("a long stop or a wrong clock", long_stop, false, true),
            ("it has gone evenly for long", long_ago, false, false),
            ("set by a minute", ClockDoubt { jumped: Duration::from_secs(60), ..ClockDoubt::default() }, false, false),
        ] {
            assert_eq!(deleted(90, doubt, confirmed).is_err(), held, "{name}");
        }
    }

    #[test]
    fn what_others_refer_to_outlives_them() {
        let mut settings = RetentionSettings::default();
        assert_eq!(settings.age_of(TableId::Series), Some(91 * DAY));
        assert_eq!(settings.age_of(TableId::Resources), Some(91 * DAY));
        settings.age.remove(&TableId::Logs);
        assert_eq!(settings.age_of(TableId::Resources), None, "logs are kept for ever, and so are their resources");
    }
}
