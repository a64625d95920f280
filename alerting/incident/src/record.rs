//! How quick people and machine were, by month, against 2-5-10: a fault is told within 2 minutes, its cause located
//! within 5, stopped within 10.
//!
//! It refuses to judge incidents that are not over: a clock that has not stopped counts in no figure. Invariant:
//! every incident counts in exactly one month, that of its fault (UTC), unless it became part of another.

use crate::incident::{Clocks, Incident};
use crate::severity::Severity;
use model::UnixNanos;
use model::time::date_text;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000_000_000;
pub const TOLD_WITHIN: i64 = 2 * MINUTE;
pub const LOCATED_WITHIN: i64 = 5 * MINUTE;
pub const STOPPED_WITHIN: i64 = 10 * MINUTE;

/// One clock over the incidents in which it has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clocked {
    pub count: usize,
    /// Those that stopped in time.
    pub within: usize,
    /// Nanoseconds from the fault on; `None` where nothing was clocked. Percentiles are values that occurred.
    pub mean: Option<i64>,
    pub p50: Option<i64>,
    pub p95: Option<i64>,
}

/// The incidents of one month.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Month {
    pub incidents: usize,
    pub by_severity: BTreeMap<Severity, usize>,
    pub reopened: usize,
    /// People were told a cause; they said of it that it was right, or wrong (the newest word counts).
    pub named: usize,
    pub right: usize,
    pub wrong: usize,
    pub told: Clocked,
    pub located: Clocked,
    pub stopped: Clocked,
}

/// Months (`YYYY-MM`) with the incidents whose fault began in them.
pub fn by_month<'a>(incidents: impl IntoIterator<Item = &'a Incident>) -> BTreeMap<String, Month> {
    let mut months: BTreeMap<String, Vec<&Incident>> = BTreeMap::new();
    for incident in incidents.into_iter().filter(|incident| incident.merged_into.is_none()) {
        months.entry(month(began(incident))).or_default().push(incident);
    }
    months.into_iter().map(|(name, incidents)| (name, recorded(&incidents))).collect()
}

fn began(incident: &Incident) -> UnixNanos {
    incident.clocks.fault_at.unwrap_or(incident.first_at)
}

fn month(time: UnixNanos) -> String {
    let day = time.0.div_euclid(UnixNanos::DAY);
    let mut date = date_text(i32::try_from(day).unwrap_or_default());
    date.truncate(7);
    date
}

fn recorded(incidents: &[&Incident]) -> Month {
    let clock = |within, stopped: fn(&Clocks) -> Option<UnixNanos>| {
        let took = incidents.iter().filter_map(|incident| {
            // A clock of people and one of events may differ by a little: never below nothing.
            stopped(&incident.clocks).map(|at| at.0.saturating_sub(began(incident).0).max(0))
        });
        clocked(took.collect(), within)
    };
    let mut month = Month {
        incidents: incidents.len(),
        reopened: incidents.iter().filter(|incident| incident.reopened > 0).count(),
        named: incidents.iter().filter(|incident| incident.determined().is_some()).count(),
        told: clock(TOLD_WITHIN, |clocks| clocks.notified_at),
        located: clock(LOCATED_WITHIN, |clocks| clocks.located_at),
        stopped: clock(STOPPED_WITHIN, |clocks| clocks.mitigated_at.or(clocks.resolved_at)),
        ..Month::default()
    };
    for incident in incidents {
        *month.by_severity.entry(incident.severity).or_default() += 1;
        match said(incident) {
            Some("right") => month.right += 1,
            Some("wrong") => month.wrong += 1,
            _ => {}
        }
    }
    month
}

/// The newest word of a person on the verdict.
fn said(incident: &Incident) -> Option<&str> {
    let words = incident.feedback.iter().rev().map(|feedback| feedback.verdict.as_str());
    words.into_iter().find(|word| matches!(*word, "right" | "wrong"))
}

fn clocked(mut took: Vec<i64>, within: i64) -> Clocked {
    took.sort_unstable();
    let count = took.len();
    // Nearest rank: the smallest value that as many percent do not exceed.
    let percentile = |percent: usize| took.get((count * percent).div_ceil(100).saturating_sub(1)).copied();
    let sum: i128 = took.iter().map(|nanos| i128::from(*nanos)).sum();
    Clocked {
        count,
        within: took.partition_point(|nanos| *nanos <= within),
        mean: i128::try_from(count).ok().filter(|n| *n > 0).and_then(|n| i64::try_from(sum / n).ok()),
        p50: percentile(50),
        p95: percentile(95),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use crate::incident::{Feedback, IncidentId};

    /// 2026-11-30T23:59:00Z.
    const LATE_NOVEMBER: i64 = 1_796_083_140_000_000_000;

    fn incident(number: u32, fault_at: i64, minutes: [Option<i64>; 3]) -> Incident {
        let mut made = Incident::new(IncidentId { day: 0, number }, UnixNanos(fault_at), UnixNanos(fault_at + 1));
        let after = |minutes: i64| UnixNanos(fault_at + minutes * MINUTE);
        made.clocks.notified_at = minutes[0].map(after);
        made.clocks.located_at = minutes[1].map(after);
        made.clocks.mitigated_at = minutes[2].map(after);
        made
    }

    fn word(verdict: &str) -> Feedback {
        Feedback { time: UnixNanos(0), actor: "lin".to_owned(), verdict: verdict.to_owned(), entity: None, text: None }
    }

    #[test]
    fn each_incident_counts_in_the_month_of_its_fault_and_merged_ones_in_none() {
        let november = incident(1, LATE_NOVEMBER, [Some(1), Some(4), Some(12)]);
        let december = incident(2, LATE_NOVEMBER + 2 * MINUTE, [None; 3]);
        let mut merged = incident(3, LATE_NOVEMBER, [None; 3]);
        merged.merged_into = Some(november.id);
        let months = by_month([&november, &december, &merged]);
        let counts: Vec<(&str, usize)> = months.iter().map(|(name, month)| (name.as_str(), month.incidents)).collect();
        assert_eq!(counts, [("2026-11", 1), ("2026-12", 1)]);
    }

    #[test]
    fn clocks_are_held_against_two_five_and_ten_minutes_and_those_that_run_count_in_none() {
        let all = [
            incident(1, LATE_NOVEMBER, [Some(1), Some(5), Some(9)]),
            incident(2, LATE_NOVEMBER, [Some(3), Some(6), None]),
            incident(3, LATE_NOVEMBER, [Some(2), None, Some(30)]),
        ];
        let month = &by_month(&all)["2026-11"];
        assert_eq!((month.told.count, month.told.within), (3, 2));
        assert_eq!(
            (month.told.mean, month.told.p50, month.told.p95),
            (Some(2 * MINUTE), Some(2 * MINUTE), Some(3 * MINUTE))
        );
        assert_eq!((month.located.count, month.located.within, month.located.p50), (2, 1, Some(5 * MINUTE)));
        assert_eq!((month.stopped.count, month.stopped.within), (2, 1));
    }

    #[test]
    fn a_clock_that_ran_backwards_took_no_time() {
        let month = &by_month(&[incident(1, LATE_NOVEMBER, [Some(-3), None, None])])["2026-11"];
        assert_eq!((month.told.mean, month.told.within), (Some(0), 1));
        assert_eq!(month.stopped, Clocked::default());
    }

    #[test]
    fn the_newest_word_on_a_verdict_counts() {
        let mut judged = incident(1, LATE_NOVEMBER, [None; 3]);
        judged.feedback = vec![word("wrong"), word("right"), word("comment")];
        let mut missed = incident(2, LATE_NOVEMBER, [None; 3]);
        missed.feedback = vec![word("wrong")];
        let month = &by_month([&judged, &missed])["2026-11"];
        assert_eq!((month.right, month.wrong, month.named), (1, 1, 0));
    }
}
