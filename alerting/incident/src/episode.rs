//! One alert while it lasts: from its first word to its end, through repeats, expiry and flapping.
//!
//! It refuses to know other alerts. Invariant: a repeat changes a counter and an expiry, nothing else; an end
//! counts only after the hold, so that a refire within it is the same episode.

use crate::alert::Alert;
use crate::harm::{Harm, Suffering};
use crate::incident::{IncidentId, Reason};
use crate::severity::Severity;
use model::{Entity, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// So many changes within [`FLAP_WINDOW`] are one flapping state.
pub(crate) const FLAP_TRANSITIONS: usize = 4;
pub(crate) const FLAP_WINDOW: Duration = Duration::from_secs(900);
/// Without a change for so many holds, flapping is over.
pub(crate) const FLAP_STABLE_HOLDS: u32 = 2;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It says that it begins in a moment.
    Pending,
    Firing,
    Flapping,
    Resolved,
}

/// What an alert is within its incident.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Cause,
    Symptom,
}

/// What hearing or waiting changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing that matters: told once more.
    Repeat,
    /// Told once more, as worse than before.
    Raised,
    /// It ended; the hold begins.
    Ended,
    /// It fires again within the hold.
    Refired,
    FlapBegan,
    FlapEnded,
    /// The hold is over.
    Resolved,
    Began,
}

/// See the module. The document kind `episode`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Episode {
    pub incident: IncidentId,
    pub alert: Alert,
    /// What the alert is about, where its labels tell.
    pub entity: Option<Entity>,
    pub service: Option<Entity>,
    pub node: Option<Entity>,
    pub phase: Phase,
    /// The worst it was told as.
    pub severity: Severity,
    pub starts_at: UnixNanos,
    /// When it last ended; it may still be held.
    pub ended_at: Option<UnixNanos>,
    pub expires_at: Option<UnixNanos>,
    /// Times told.
    pub count: u64,
    /// Ends and refires since it began.
    pub flaps: u32,
    pub transitions: VecDeque<UnixNanos>,
    /// Event time when it was last told.
    pub told_at: UnixNanos,
    pub role: Role,
    /// The cause that makes it a symptom.
    pub explained_by: Option<Entity>,
    pub reason: Reason,
    pub joined_at: UnixNanos,
    /// Other alerts that were folded into this one because names were too many.
    pub folded: u64,
}

impl Episode {
    /// Whether it still counts, held or flapping included.
    pub fn is_active(&self) -> bool {
        self.phase != Phase::Resolved
    }

    /// Whether it fires right now as far as it was told.
    pub fn is_firing(&self) -> bool {
        self.is_active() && self.ended_at.is_none()
    }

    /// How it hurts what it is about.
    pub fn harm(&self) -> Harm {
        Harm::of_name(&self.alert.name)
    }

    /// What suffers by it, and how; `None` where nobody knows what it is about.
    pub fn suffering(&self) -> Option<Suffering> {
        Some(Suffering { entity: self.entity.clone()?, harm: self.harm() })
    }

    /// What alerts at the same place under the same name have in common.
    pub fn kind_key(&self) -> crate::Fingerprint {
        let place = self.entity.as_ref().map(ToString::to_string).unwrap_or_default();
        crate::Fingerprint::of_words(&[&self.alert.name, &place])
    }

    /// Takes in the same alert told again, at event time `now`.
    pub fn hear(&mut self, alert: &Alert, now: UnixNanos) -> Change {
        self.count += 1;
        self.told_at = self.told_at.max(now);
        if let Some(ended_at) = alert.ended_at {
            return self.end(ended_at);
        }
        // Told out of order: an older start than the end we know of is about a time that is over.
        if self.ended_at.is_some_and(|ended| alert.starts_at <= ended && alert.told_at <= ended) {
            return Change::Repeat;
        }
        self.expires_at = later(self.expires_at, expiry(alert, now));
        self.starts_at = self.starts_at.min(alert.starts_at);
        let raised = alert.severity > self.severity;
        self.severity = self.severity.max(alert.severity);
        match self.ended_at.take() {
            Some(ended) => self.turn(ended.max(alert.starts_at), Change::Refired),
            None if raised => Change::Raised,
            None => Change::Repeat,
        }
    }

    /// It ended then, as its sender says or as its next firing shows.
    pub(crate) fn end(&mut self, at: UnixNanos) -> Change {
        if self.ended_at.is_some() || self.phase == Phase::Resolved {
            return Change::Repeat;
        }
        let at = at.max(self.starts_at);
        // An end that a refire has already overtaken, told again: by a second replica of the sender, say.
        if self.transitions.back().is_some_and(|last| at <= *last) {
            return Change::Repeat;
        }
        self.ended_at = Some(at);
        self.turn(at, Change::Ended)
    }

    /// Counts a change; the fourth within the window begins the flapping, later ones are part of it.
    fn turn(&mut self, at: UnixNanos, change: Change) -> Change {
        self.flaps += 1;
        self.transitions.push_back(at);
        if self.transitions.len() > FLAP_TRANSITIONS {
            self.transitions.pop_front();
        }
        if self.phase == Phase::Flapping {
            return Change::Repeat;
        }
        if self.phase == Phase::Resolved {
            self.phase = Phase::Firing;
        }
        let first = self.transitions.front().copied().unwrap_or(at);
        if self.transitions.len() == FLAP_TRANSITIONS && at <= first.saturating_add(FLAP_WINDOW) {
            self.phase = Phase::Flapping;
            return Change::FlapBegan;
        }
        change
    }

    /// When [`Self::step`] has something to do at the earliest; an end must stand for `hold` before it counts.
    pub fn deadline(&self, hold: Duration) -> Option<UnixNanos> {
        match (self.phase, self.ended_at) {
            (Phase::Resolved, _) => None,
            (Phase::Pending, _) => Some(self.starts_at),
            (Phase::Flapping, Some(_)) => self.stable_at(hold),
            (Phase::Flapping, None) => self.stable_at(hold).into_iter().chain(self.expires_at).min(),
            (Phase::Firing, Some(ended)) => Some(ended.saturating_add(hold)),
            (Phase::Firing, None) => self.expires_at,
        }
    }

    fn stable_at(&self, hold: Duration) -> Option<UnixNanos> {
        self.transitions.back().map(|last| last.saturating_add(hold.saturating_mul(FLAP_STABLE_HOLDS)))
    }

    /// Lets time pass: one change at most; call again until there is none.
    pub fn step(&mut self, now: UnixNanos, hold: Duration) -> Option<Change> {
        if self.deadline(hold).is_none_or(|at| now < at) {
            return None;
        }
        if self.phase == Phase::Pending {
            self.phase = Phase::Firing;
            return Some(Change::Began);
        }
        if self.ended_at.is_none() && self.expires_at.is_some_and(|at| now >= at) {
            let at = self.expires_at.take().unwrap_or(now);
            return Some(self.end(at.max(self.told_at)));
        }
        match (self.phase, self.ended_at) {
            (Phase::Flapping, None) => {
                self.phase = Phase::Firing;
                self.transitions.clear();
                Some(Change::FlapEnded)
            }
            (Phase::Flapping | Phase::Firing, Some(_)) => {
                self.phase = Phase::Resolved;
                Some(Change::Resolved)
            }
            _ => None,
        }
    }
}

/// When an alert told at event time `now` counts as ended unless it is told again.
pub(crate) fn expiry(alert: &Alert, now: UnixNanos) -> Option<UnixNanos> {
    let heard = now.max(alert.starts_at);
    match (alert.expires_at, alert.silent_after) {
        // Lives on another clock than ours where it was told long ago: what remained then remains now.
        (Some(at), _) => Some(UnixNanos(heard.0.saturating_add(at.0.saturating_sub(alert.told_at.0).max(0)))),
        (None, Some(after)) => Some(heard.saturating_add(after)),
        (None, None) => None,
    }
}

fn later(one: Option<UnixNanos>, two: Option<UnixNanos>) -> Option<UnixNanos> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.max(two)),
        // The sender promised to resolve it now: no expiry any more.
        (_, two) => two,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Told;

    const T0: i64 = 1_700_000_000;
    const HOLD: Duration = Duration::from_secs(300);

    fn at(seconds: i64) -> UnixNanos {
        UnixNanos((T0 + seconds) * UnixNanos::SECOND)
    }

    fn told(seconds: i64, resolved: bool, silent: Option<u64>) -> Alert {
        let told = Told {
            starts_at: Some(at(seconds)),
            resolved,
            silent_after: silent.map(Duration::from_secs),
            ..Told::default()
        };
        Alert::read(told, at(seconds))
    }

    fn episode(silent: Option<u64>) -> Episode {
        let alert = told(0, false, silent);
        Episode {
            incident: IncidentId { day: 0, number: 1 },
            expires_at: expiry(&alert, at(0)),
            entity: None,
            service: None,
            node: None,
            phase: Phase::Firing,
            severity: alert.severity,
            starts_at: alert.starts_at,
            ended_at: None,
            count: 1,
            flaps: 0,
            transitions: VecDeque::new(),
            told_at: at(0),
            role: Role::Cause,
            explained_by: None,
            reason: Reason::first(),
            joined_at: at(0),
            folded: 0,
            alert,
        }
    }

    #[test]
    fn a_refire_within_the_hold_is_the_same_episode() {
        let mut episode = episode(None);
        assert_eq!(episode.hear(&told(60, true, None), at(60)), Change::Ended);
        assert!(episode.is_active() && !episode.is_firing());
        assert_eq!(episode.step(at(359), HOLD), None);
        assert_eq!(episode.hear(&told(200, false, None), at(200)), Change::Refired);
        assert_eq!(episode.step(at(10_000), HOLD), None);
        assert_eq!((episode.phase, episode.count), (Phase::Firing, 3));
    }

    #[test]
    fn a_silent_sender_ends_it_and_the_hold_resolves_it() {
        let mut episode = episode(Some(300));
        assert_eq!(episode.hear(&told(100, false, Some(300)), at(100)), Change::Repeat);
        assert_eq!(episode.step(at(399), HOLD), None);
        assert_eq!(episode.step(at(400), HOLD), Some(Change::Ended));
        assert_eq!(episode.ended_at, Some(at(400)));
        assert_eq!(episode.step(at(699), HOLD), None);
        assert_eq!(episode.step(at(700), HOLD), Some(Change::Resolved));
    }

    #[test]
    fn the_hold_is_as_long_as_it_is_said_to_be() {
        let mut episode = episode(None);
        episode.hear(&told(60, true, None), at(60));
        let hold = Duration::from_secs(20);
        assert_eq!(episode.deadline(hold), Some(at(80)));
        assert_eq!((episode.step(at(79), hold), episode.step(at(80), hold)), (None, Some(Change::Resolved)));
    }

    #[test]
    fn four_changes_in_a_quarter_of_an_hour_are_one_flapping() {
        let mut episode = episode(None);
        let changes: Vec<Change> = (1..8).map(|n| episode.hear(&told(n * 60, n % 2 == 1, None), at(n * 60))).collect();
        assert_eq!(changes[..4], [Change::Ended, Change::Refired, Change::Ended, Change::FlapBegan]);
        assert!(changes[4..].iter().all(|change| *change == Change::Repeat), "{changes:?}");
        assert_eq!((episode.flaps, episode.phase), (7, Phase::Flapping));
        assert_eq!(episode.step(at(7 * 60 + 599), HOLD), None);
        assert_eq!(episode.step(at(7 * 60 + 600), HOLD), Some(Change::Resolved));
    }

    #[test]
    fn two_replicas_that_disagree_do_not_flap() {
        let mut episode = episode(None);
        let (over, on) = (told(60, true, None), told(0, false, None));
        assert_eq!(episode.hear(&over, at(60)), Change::Ended);
        for n in 0..10 {
            episode.hear(&Alert { told_at: at(70 + n), ..on.clone() }, at(70 + n));
            episode.hear(&Alert { told_at: at(70 + n), ..over.clone() }, at(70 + n));
        }
        assert_eq!((episode.phase, episode.flaps), (Phase::Firing, 2));
    }

    #[test]
    fn slow_changes_are_no_flapping() {
        let mut episode = episode(None);
        for n in 1..8 {
            let change = episode.hear(&told(n * 301, n % 2 == 1, None), at(n * 301));
            assert_ne!(change, Change::FlapBegan);
            while episode.step(at(n * 301 + 300), HOLD).is_some() {}
        }
    }

    #[test]
    fn what_is_told_out_of_order_does_not_bring_it_back() {
        let mut episode = episode(None);
        episode.hear(&told(60, true, None), at(60));
        assert_eq!(episode.hear(&told(30, false, None), at(61)), Change::Repeat);
        assert!(!episode.is_firing());
    }
}
