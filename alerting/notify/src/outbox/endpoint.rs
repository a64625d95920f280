//! One robot or server: what it has been sent lately, whether it answers.
//!
//! Invariant: whenever a delivery arrives between its departure and its answer, no minute sees more arrivals
//! than the limit, since a finished delivery is counted from its answer on and one under way always.

use super::entry::EntryId;
use crate::limits::{Limits, MINUTE, SECOND};
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Failures in a row after which an endpoint is left alone.
const FAILURES_MAX: u32 = 5;
/// For how long, before one delivery tries again (times 0.8 to 1.2). Short, so that people are told within a
/// minute after it is back.
const REST: Duration = Duration::from_secs(30);

/// The state of one endpoint.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Endpoint {
    /// When deliveries were answered, oldest first, within the last minute.
    sent: VecDeque<UnixNanos>,
    /// Deliveries under way.
    flying: BTreeMap<EntryId, UnixNanos>,
    failures: u32,
    /// Left alone until then; after it one delivery tries.
    open_until: Option<UnixNanos>,
    /// The platform has said "too fast".
    blocked_until: Option<UnixNanos>,
}

/// What may be sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Room {
    /// Messages this minute has left for what is urgent, and for the rest.
    pub(crate) urgent: u32,
    pub(crate) usual: u32,
}

impl Endpoint {
    /// How much may be sent now; `None`: nothing at all.
    pub(crate) fn room(&self, limits: &Limits, now: UnixNanos) -> Option<Room> {
        let is_resting = |until: Option<UnixNanos>| until.is_some_and(|until| now < until);
        if is_resting(self.blocked_until) || is_resting(self.open_until) || self.flying.len() >= limits.concurrent {
            return None;
        }
        // Half open: one at a time tries.
        if self.open_until.is_some() && !self.flying.is_empty() {
            return None;
        }
        let since = |window: Duration| {
            let from = now.saturating_sub(window);
            let sent = self.sent.iter().rev().take_while(|sent| **sent > from).count() + self.flying.len();
            u32::try_from(sent).unwrap_or(u32::MAX)
        };
        let left = limits.per_minute.saturating_sub(since(MINUTE));
        if left == 0 || since(SECOND) >= limits.per_second {
            return None;
        }
        Some(Room { urgent: left, usual: left.saturating_sub(limits.reserve) })
    }

    pub(crate) fn departs(&mut self, id: &EntryId, now: UnixNanos) {
        self.flying.insert(id.clone(), now);
    }

    /// An answer came, good or bad.
    pub(crate) fn answers(&mut self, id: &EntryId, now: UnixNanos) {
        self.flying.remove(id);
        self.sent.push_back(now);
        let from = now.saturating_sub(MINUTE);
        while self.sent.front().is_some_and(|sent| *sent <= from) {
            self.sent.pop_front();
        }
    }

    /// Counts a success. `true`: it had been failing, and is back.
    pub(crate) fn works(&mut self) -> bool {
        self.open_until = None;
        std::mem::take(&mut self.failures) > 0
    }

    /// Counts a failure; `share` (0 to 1) spreads the rests.
    pub(crate) fn fails(&mut self, now: UnixNanos, share: f64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            self.open_until = Some(now.saturating_add(REST.mul_f64(0.8 + 0.4 * share)));
        }
    }

    pub(crate) fn is_blocked_for(&mut self, rest: Duration, now: UnixNanos) {
        let until = now.saturating_add(rest);
        self.blocked_until = Some(self.blocked_until.map_or(until, |known| known.max(until)));
    }

    /// After a restart: what was under way may have arrived as late as now.
    pub(crate) fn restarts(&mut self, now: UnixNanos) {
        let flying = std::mem::take(&mut self.flying);
        self.sent.extend(flying.keys().map(|_| now));
    }

    pub fn is_failing(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// "Too fast" was said, and this is when it is over.
    pub(crate) fn blocked_until(&self, now: UnixNanos) -> Option<UnixNanos> {
        self.blocked_until.filter(|until| now < *until)
    }

    /// When it may be tried again, as far as this endpoint alone says.
    pub(crate) fn opens_at(&self, limits: &Limits, now: UnixNanos) -> UnixNanos {
        let rests = [self.blocked_until, self.open_until].into_iter().flatten().max().unwrap_or(now);
        let (minute, second) = (limits.per_minute as usize, limits.per_second as usize);
        let frees = |limit: usize, window: Duration| {
            let nth = self.sent.len().checked_sub(limit)?;
            Some(self.sent.get(nth)?.saturating_add(window))
        };
        let freed = [frees(minute, MINUTE), frees(second, SECOND)].into_iter().flatten().max().unwrap_or(now);
        rests.max(freed).max(now)
    }

    pub(crate) fn is_idle(&self, now: UnixNanos) -> bool {
        let quiet = self.sent.back().is_none_or(|sent| *sent <= now.saturating_sub(MINUTE));
        quiet && self.flying.is_empty() && self.failures == 0 && self.blocked_until(now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        per_minute: 18,
        per_second: 18,
        reserve: 4,
        concurrent: 1,
        penalty: Duration::from_secs(600),
        digest: (50, 200),
    };

    fn at(seconds: f64) -> UnixNanos {
        UnixNanos((seconds * 1e9) as i64)
    }

    #[test]
    fn no_minute_sees_more_than_the_limit_whenever_deliveries_arrive() {
        let mut endpoint = Endpoint::default();
        let mut arrivals = Vec::new();
        for tenth in 0..6000 {
            let now = at(f64::from(tenth) / 10.0);
            let id = EntryId(tenth.to_string());
            if endpoint.room(&LIMITS, now).is_some() {
                endpoint.departs(&id, now);
                // Early ones arrive late, late ones early: the worst for a limit counted at departure.
                let late = if tenth % 2 == 0 { 0.09 } else { 0.0 };
                arrivals.push(f64::from(tenth) / 10.0 + late);
                endpoint.answers(&id, at(f64::from(tenth) / 10.0 + late));
            }
        }
        for first in &arrivals {
            let within = arrivals.iter().filter(|a| *a >= first && **a < first + 60.0).count();
            assert!(within <= 18, "{within} within a minute from {first}");
        }
        assert!(arrivals.len() >= 18 * 9, "{} in ten minutes", arrivals.len());
    }

    #[test]
    fn an_endpoint_that_fails_is_left_alone_and_tried_again_within_a_minute() {
        let mut endpoint = Endpoint::default();
        for n in 0..5 {
            assert!(endpoint.room(&LIMITS, at(f64::from(n))).is_some());
            endpoint.fails(at(f64::from(n)), 1.0);
        }
        assert_eq!(endpoint.room(&LIMITS, at(20.0)), None, "left alone");
        assert!(endpoint.room(&LIMITS, at(41.0)).is_some(), "one tries");
        endpoint.departs(&EntryId("a".into()), at(41.0));
        assert_eq!(endpoint.room(&Limits { concurrent: 4, ..LIMITS }, at(41.0)), None, "only one");
        assert!(endpoint.works());
        assert!(!endpoint.works());
    }

    #[test]
    fn some_room_is_kept_for_what_is_urgent() {
        let mut endpoint = Endpoint::default();
        for n in 0..14 {
            endpoint.answers(&EntryId(n.to_string()), at(0.0));
        }
        assert_eq!(endpoint.room(&LIMITS, at(5.0)), Some(Room { urgent: 4, usual: 0 }));
        assert_eq!(endpoint.room(&LIMITS, at(62.0)), Some(Room { urgent: 18, usual: 14 }));
    }

    #[test]
    fn what_was_under_way_at_a_restart_counts_as_sent_now() {
        let mut endpoint = Endpoint::default();
        endpoint.departs(&EntryId("a".into()), at(0.0));
        endpoint.restarts(at(50.0));
        let one = Limits { per_minute: 1, ..LIMITS };
        assert_eq!(endpoint.room(&one, at(100.0)), None);
        assert!(endpoint.room(&one, at(112.0)).is_some());
        assert_eq!(endpoint.opens_at(&one, at(100.0)), at(111.0));
    }
}
