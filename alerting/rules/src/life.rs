//! The life of one series: inactive, pending, firing, resolved. One verdict moves it by one step.
//!
//! Invariant: only data that is complete resolves. What is not known holds everything as it is, until it has
//! been unknown for so long that nothing can be said.

use crate::alert::{What, Why};
use crate::judge::{Holds, Verdict};
use crate::state::Phase;
use model::UnixNanos;
use std::time::Duration;

/// A firing series of which nothing has been heard for so long is resolved, with the reason that there is no data.
pub(crate) const NO_DATA_AFTER: Duration = Duration::from_secs(900);
/// A pending one is given up earlier.
const PENDING_NO_DATA_AFTER: Duration = Duration::from_secs(300);

/// How long a condition must hold, and how long an alert goes on after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) hold: Duration,
    pub(crate) keep_firing: Duration,
}

/// The next phase, and what is to be told: `starts_at` and, of resolved ones, `ends_at`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Step {
    pub(crate) phase: Phase,
    pub(crate) told: Option<Told>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Told {
    pub(crate) what: What,
    pub(crate) why: Why,
    pub(crate) ends_at: Option<UnixNanos>,
}

/// One step. `at` of the verdict is the event time up to which it speaks; it does not go back.
pub(crate) fn step(phase: &Phase, verdict: &Verdict, pace: Pace) -> Step {
    match verdict.holds {
        Holds::Yes => holds(phase, verdict, pace),
        Holds::No if verdict.closed => ceased(phase, verdict.at, pace),
        // An open window may still get the data that makes it true.
        Holds::No => stay(phase),
        Holds::Unknown => unknown(phase, verdict.at),
    }
}

fn stay(phase: &Phase) -> Step {
    Step { phase: phase.clone(), told: None }
}

fn holds(phase: &Phase, verdict: &Verdict, pace: Pace) -> Step {
    let at = verdict.at;
    let since = match phase {
        Phase::Inactive => verdict.since.unwrap_or(at).min(at),
        Phase::Pending { since, .. } => *since,
        Phase::Firing { since, heard, .. } => {
            let phase = Phase::Firing { since: *since, clear: None, heard: at.max(*heard) };
            return Step { phase, told: None };
        }
    };
    if since.saturating_add(pace.hold) > at {
        return Step { phase: Phase::Pending { since, heard: at }, told: None };
    }
    let told = Told { what: What::Fired, why: Why::Condition, ends_at: None };
    Step { phase: Phase::Firing { since, clear: None, heard: at }, told: Some(told) }
}

fn ceased(phase: &Phase, at: UnixNanos, pace: Pace) -> Step {
    match phase {
        Phase::Inactive | Phase::Pending { .. } => Step { phase: Phase::Inactive, told: None },
        // What is older than the last word says nothing: an open window fired ahead of the closed ones.
        Phase::Firing { clear: None, heard, .. } if at < *heard => stay(phase),
        Phase::Firing { since, clear, heard } => {
            let since_clear = clear.unwrap_or(at);
            if since_clear.saturating_add(pace.keep_firing) > at {
                let phase = Phase::Firing { since: *since, clear: Some(since_clear), heard: at.max(*heard) };
                return Step { phase, told: None };
            }
            let told = Told { what: What::Resolved, why: Why::Recovered, ends_at: Some(since_clear) };
            Step { phase: Phase::Inactive, told: Some(told) }
        }
    }
}

fn unknown(phase: &Phase, at: UnixNanos) -> Step {
    match phase {
        Phase::Pending { heard, .. } if heard.saturating_add(PENDING_NO_DATA_AFTER) <= at => {
            Step { phase: Phase::Inactive, told: None }
        }
        Phase::Firing { heard, .. } if heard.saturating_add(NO_DATA_AFTER) <= at => {
            let told = Told { what: What::Resolved, why: Why::NoData, ends_at: Some(*heard) };
            Step { phase: Phase::Inactive, told: Some(told) }
        }
        phase => stay(phase),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Pace = Pace { hold: Duration::from_secs(20), keep_firing: Duration::from_secs(30) };

    fn at(second: i64) -> UnixNanos {
        UnixNanos(second * UnixNanos::SECOND)
    }

    fn verdict(holds: Holds, closed: bool, second: i64) -> Verdict {
        Verdict { closed, ..Verdict::new(holds, at(second)) }
    }

    /// Plays (holds, closed, second) and gives what was told.
    fn play(steps: &[(Holds, bool, i64)]) -> Vec<(i64, What, Why)> {
        let mut phase = Phase::Inactive;
        let mut told = Vec::new();
        for (holds, closed, second) in steps {
            let step = step(&phase, &verdict(*holds, *closed, *second), PACE);
            phase = step.phase;
            told.extend(step.told.map(|t| (*second, t.what, t.why)));
        }
        told
    }

    #[test]
    fn the_life_of_a_series() {
        use Holds::*;
        let fired = (20, What::Fired, Why::Condition);
        for (sentence, steps, told) in [
            (
                "a condition that holds long enough fires once",
                vec![(Yes, true, 0), (Yes, true, 10), (Yes, true, 20), (Yes, true, 30)],
                vec![fired],
            ),
            ("one that ceases before does not", vec![(Yes, true, 0), (No, true, 10), (Yes, true, 20)], vec![]),
            ("open windows may fire", vec![(Yes, false, 0), (Yes, false, 20)], vec![fired]),
            (
                "open windows never resolve",
                vec![(Yes, true, 0), (Yes, true, 20), (No, false, 30), (No, false, 90)],
                vec![fired],
            ),
            (
                "it goes on firing for a while",
                vec![(Yes, true, 0), (Yes, true, 20), (No, true, 30), (No, true, 50)],
                vec![fired],
            ),
            (
                "then it is resolved",
                vec![(Yes, true, 0), (Yes, true, 20), (No, true, 30), (No, true, 60)],
                vec![fired, (60, What::Resolved, Why::Recovered)],
            ),
            (
                "when it comes back meanwhile it is the same alert",
                vec![(Yes, true, 0), (Yes, true, 20), (No, true, 30), (Yes, true, 40), (No, true, 60), (No, true, 80)],
                vec![fired],
            ),
            (
                "a gap in the data resolves nothing",
                vec![(Yes, true, 0), (Yes, true, 20), (Unknown, true, 100), (Unknown, true, 900)],
                vec![fired],
            ),
            (
                "a long gap does, and says so",
                vec![(Yes, true, 0), (Yes, true, 20), (Unknown, true, 1_000)],
                vec![fired, (1_000, What::Resolved, Why::NoData)],
            ),
            (
                "closed windows that lag behind an open one that fired do not clear it",
                vec![(Yes, false, 0), (Yes, false, 20), (No, true, 10), (No, true, 15)],
                vec![fired],
            ),
        ] {
            assert_eq!(play(&steps), told, "{sentence}");
        }
    }

    proptest! {
        #[test]
        fn fired_and_resolved_take_turns(steps in prop::collection::vec((0u8..3, any::<bool>(), 0i64..400), 1..200)) {
            let mut now = 0;
            let steps: Vec<_> = steps
                .into_iter()
                .map(|(holds, closed, by)| {
                    now += by;
                    ([Holds::Yes, Holds::No, Holds::Unknown][holds as usize], closed, now)
                })
                .collect();
            let told = play(&steps);
            for (index, (_, what, _)) in told.iter().enumerate() {
                prop_assert_eq!(*what, if index % 2 == 0 { What::Fired } else { What::Resolved });
            }
        }
    }
}
