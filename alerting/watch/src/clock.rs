//! Up to when the data of a workspace is in, and which instants are to be judged next.
//!
//! Judging goes by event time. While services send, that is nearly the wall clock; an import of a past
//! incident into a workspace that nothing sends to plays on the times of its own data, and waits until it is
//! in: files of a past come in any order. Nothing here waits or asks what time it is.

use crate::Settings;
use model::{TimeRange, UnixNanos};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The workspace's event clock. Stored, so that a restart judges nothing twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct EventClock {
    /// Everything before it has been judged.
    pub(crate) judged: Option<UnixNanos>,
    /// Latest event time that was seen since the clock was set.
    pub(crate) seen: Option<UnixNanos>,
    /// Wall time at which telemetry came last.
    pub(crate) heard: UnixNanos,
    /// Nothing of this period has been judged yet.
    #[serde(default)]
    pub(crate) fresh: bool,
}

/// The instants of one round, at equal steps; the last one is `until`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Due {
    pub(crate) from: UnixNanos,
    pub(crate) until: UnixNanos,
    pub(crate) step: Duration,
    /// Whether data still comes, so that silence means something.
    pub(crate) live: bool,
}

/// Looks within a step, at most, for data that is late.
const LOOKS: u32 = 5;
/// Further apart than this, two stretches of data are two periods.
const GAP: Duration = Duration::from_secs(3_600);

impl EventClock {
    /// Takes in the range of event times of telemetry that came since the last call.
    pub(crate) fn hear(&mut self, new: TimeRange, wall: UnixNanos, settings: &Settings) {
        self.heard = wall;
        self.hear_of(new, wall, settings);
    }

    /// Takes in the range of event times of anything that came; alerts do not say that more is on its way.
    pub(crate) fn hear_of(&mut self, new: TimeRange, wall: UnixNanos, settings: &Settings) {
        let live = |at: UnixNanos| at >= wall.saturating_sub(GAP);
        match (self.judged, self.seen) {
            (Some(judged), Some(seen)) => {
                let is_past = new.until <= judged.saturating_sub(GAP);
                let is_apart = new.from >= seen.saturating_add(GAP);
                if is_apart || (is_past && !live(seen)) {
                    // Another period begins: what lies between has no data and is not gone through.
                    self.set(new, settings);
                } else {
                    let seen = seen.max(new.until);
                    self.seen = Some(seen);
                    if self.fresh && !is_past {
                        // What is still coming in of this period may begin before what came first.
                        self.judged = Some(judged.min(new.from).max(seen.saturating_sub(settings.catch_up)));
                    }
                }
            }
            _ => self.set(new, settings),
        }
    }

    fn set(&mut self, new: TimeRange, settings: &Settings) {
        self.judged = Some(new.from.max(new.until.saturating_sub(settings.catch_up)));
        self.seen = Some(new.until);
        self.fresh = true;
    }

    /// How much event time is in and not judged yet.
    pub(crate) fn behind(&self) -> Duration {
        let behind = self.judged.zip(self.seen).map_or(0, |(judged, seen)| seen.0.saturating_sub(judged.0));
        Duration::from_nanos(u64::try_from(behind).unwrap_or_default())
    }

    /// What is to be judged now; up to the newest alert that waits, which is in already.
    pub(crate) fn due(&self, alerts: Option<UnixNanos>, wall: UnixNanos, settings: &Settings) -> Option<Due> {
        let (judged, seen) = (self.judged?, self.seen?);
        let idle = wall.saturating_sub(settings.idle) >= self.heard;
        let live = wall.saturating_sub(GAP) <= seen;
        // Who has fallen silent holds nothing up: live, the wall clock goes on in his place.
        let until = match (idle, live) {
            (false, true) => seen.saturating_sub(settings.lateness),
            // A past is judged when it is in; of one that goes on for long, what lies far enough back.
            (false, false) => seen.saturating_sub(settings.catch_up),
            (true, true) => wall.saturating_sub(settings.lateness),
            (true, false) => seen.saturating_add(settings.step),
        };
        let waits = !idle && !live;
        let until = alerts.filter(|_| !waits).map_or(until, |at| until.max(at.saturating_add(settings.step)));
        let step = coarse(judged, until, settings.step);
        let until = UnixNanos(until.0 - until.0.rem_euclid(nanos(step)));
        (until > judged).then_some(Due { from: judged, until, step, live })
    }

    /// How long to wait until the next instant may be due: while data comes, until that instant's
    /// is in; never longer than a step.
    pub(crate) fn wait(&self, wall: UnixNanos, settings: &Settings) -> Duration {
        let (step, shortest) = (settings.step, settings.step / LOOKS);
        let is_idle = wall.saturating_sub(settings.idle) >= self.heard;
        let Some(judged) = self.judged.filter(|_| !is_idle) else { return step };
        let due = judged.saturating_add(step).saturating_add(settings.lateness);
        let left = u64::try_from(due.0.saturating_sub(wall.0)).unwrap_or_default();
        Duration::from_nanos(left).clamp(shortest, step)
    }

    pub(crate) fn judged_until(&mut self, until: UnixNanos) {
        self.judged = Some(until);
        self.fresh = false;
    }
}

/// Live, instants follow each other at the step of the settings; what has to be caught up with is gone
/// through in larger steps, so that an import of hours is judged in moments.
fn coarse(from: UnixNanos, until: UnixNanos, step: Duration) -> Duration {
    const STEPS_MAX: i64 = 24;
    let span = until.0.saturating_sub(from.0);
    let wider = [step, Duration::from_secs(15), Duration::from_secs(30)];
    let fits = |step: &&Duration| span / nanos(**step) <= STEPS_MAX;
    wider.iter().find(fits).copied().unwrap_or(Duration::from_secs(60)).max(step)
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX).max(1)
}

impl Due {
    /// The instants, ascending; the last is `until`.
    pub(crate) fn instants(self) -> impl Iterator<Item = UnixNanos> {
        let step = nanos(self.step);
        let first = self.from.0 - self.from.0.rem_euclid(step) + step;
        (0..).map(move |n| UnixNanos(first + n * step)).take_while(move |at| *at <= self.until)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    const S: i64 = UnixNanos::SECOND;
    const NOW: i64 = 1_800_000_000 * S;

    fn range(from: i64, until: i64) -> TimeRange {
        TimeRange { from: UnixNanos(from * S), until: UnixNanos(until * S) }
    }

    fn settings() -> Settings {
        Settings { step: Duration::from_secs(5), lateness: Duration::from_secs(2), ..Settings::default() }
    }

    fn heard(ranges: &[(i64, i64)], wall: i64) -> EventClock {
        let mut clock = EventClock::default();
        ranges.iter().for_each(|(from, until)| clock.hear(range(*from, *until), UnixNanos(wall * S), &settings()));
        clock
    }

    #[test]
    fn nothing_is_due_before_something_came() {
        assert_eq!(EventClock::default().due(None, UnixNanos(NOW), &settings()), None);
    }

    #[test]
    fn live_data_is_judged_up_to_its_lateness_and_no_instant_twice() {
        let wall = NOW / S;
        let mut clock = heard(&[(wall - 20, wall)], wall);
        let due = clock.due(None, UnixNanos(NOW), &settings()).unwrap();
        let instants: Vec<i64> = due.instants().map(|at| at.0 / S - wall).collect();
        assert_eq!((instants, due.live), (vec![-15, -10, -5], true));
        clock.judged_until(due.until);
        assert_eq!(clock.due(None, UnixNanos(NOW), &settings()), None);
    }

    #[test]
    fn the_next_instant_is_waited_for_as_long_as_its_data_needs() {
        let mut clock = heard(&[(0, 1)], NOW / S);
        clock.judged_until(UnixNanos(NOW));
        let wait = |after: i64| clock.wait(UnixNanos(NOW + after * S), &settings()).as_secs();
        // The instant five seconds on is due two seconds after it.
        assert_eq!([wait(2), wait(4), wait(6), wait(9)], [5, 3, 1, 1]);
        assert_eq!(wait(100), 5, "who sends nothing is not looked for");
        assert_eq!(EventClock::default().wait(UnixNanos(NOW), &settings()), settings().step);
    }

    #[test]
    fn who_falls_silent_holds_nothing_up() {
        let wall = NOW / S;
        let clock = heard(&[(wall - 20, wall)], wall);
        let due = clock.due(None, UnixNanos((wall + 60) * S), &settings()).unwrap();
        assert_eq!(due.until.0 / S, wall + 55);
    }

    #[test]
    fn an_alert_that_waits_is_not_kept_waiting_for_telemetry() {
        let wall = NOW / S;
        let mut clock = heard(&[(wall, wall + 1)], wall);
        let due = clock.due(Some(UnixNanos(NOW)), UnixNanos(NOW), &settings()).unwrap();
        assert!(due.until >= UnixNanos(NOW), "{due:?}");
        clock.judged_until(due.until);
        assert_eq!(clock.due(None, UnixNanos(NOW), &settings()), None);
    }

    #[test]
    fn an_old_incident_plays_on_its_own_times_and_ends_with_its_data() {
        let wall = NOW / S;
        let clock = heard(&[(1_000_000, 1_000_300)], wall);
        let due = clock.due(None, UnixNanos((wall + 60) * S), &settings()).unwrap();
        assert_eq!((due.from.0 / S, due.until.0 / S, due.live), (1_000_000, 1_000_305, false));
    }

    #[test]
    fn the_files_of_a_past_are_waited_for_whatever_their_order() {
        let wall = NOW / S;
        let mut clock = heard(&[(1_000_200, 1_000_300), (1_000_000, 1_000_250)], wall);
        assert_eq!(clock.due(None, UnixNanos(wall * S), &settings()), None, "more may be on its way");
        let alert = Some(UnixNanos(1_000_290 * S));
        assert_eq!(clock.due(alert, UnixNanos(wall * S), &settings()), None, "an alert of that past waits with it");
        let due = clock.due(None, UnixNanos((wall + 60) * S), &settings()).unwrap();
        assert_eq!((due.from.0 / S, due.until.0 / S), (1_000_000, 1_000_305));
        clock.judged_until(due.until);
        assert_eq!(clock.behind(), Duration::ZERO);
    }

    #[test]
    fn a_past_that_goes_on_for_long_is_judged_as_it_goes() {
        let wall = NOW / S;
        let hour = Settings::default().catch_up.as_secs() as i64;
        let clock = heard(&[(1_000_000, 1_000_060), (1_000_060, 1_000_900 + hour)], wall);
        let due = clock.due(None, UnixNanos(wall * S), &Settings { idle: Duration::from_secs(60), ..settings() });
        assert!(due.is_none(), "what lies further back than the catch-up is not gone through at first");
        let mut clock = heard(&[(1_000_000, 1_000_060)], wall);
        clock.judged_until(UnixNanos(1_000_000 * S));
        clock.hear(range(1_000_060, 1_000_900 + hour), UnixNanos(wall * S), &settings());
        let due = clock.due(None, UnixNanos(wall * S), &settings()).unwrap();
        let until = due.until.0 / S;
        assert!((1_000_840..=1_000_900).contains(&until), "{until}: the catch-up behind, by whole steps");
    }

    #[test]
    fn alerts_without_telemetry_wait_for_nothing() {
        let mut clock = EventClock::default();
        clock.hear_of(range(1_000_000, 1_000_060), UnixNanos(NOW), &settings());
        let due = clock.due(Some(UnixNanos(1_000_060 * S)), UnixNanos(NOW), &settings()).unwrap();
        assert!(due.until.0 / S >= 1_000_060);
    }

    #[test]
    fn a_period_before_the_judged_one_is_judged_too_unless_the_workspace_is_live() {
        let wall = NOW / S;
        let late = heard(&[(2_000_000, 2_000_060), (1_000_000, 1_000_300)], wall);
        assert_eq!(late.judged, Some(UnixNanos(1_000_000 * S)));
        let live = heard(&[(wall - 60, wall), (1_000_000, 1_000_300)], wall);
        assert_eq!(live.judged, Some(UnixNanos((wall - 60) * S)), "an import disturbs nobody");
    }

    #[test]
    fn hours_without_data_are_not_gone_through() {
        let clock = heard(&[(1_000_000, 1_000_060), (1_090_000, 1_090_060)], NOW / S);
        assert_eq!(clock.judged, Some(UnixNanos(1_090_000 * S)));
    }

    #[test]
    fn two_hours_at_once_are_judged_in_larger_steps() {
        let due =
            heard(&[(1_000_000, 1_007_200)], NOW / S).due(None, UnixNanos((NOW / S + 60) * S), &settings()).unwrap();
        assert!(due.instants().count() <= 121, "{:?}", due.step);
    }
}
