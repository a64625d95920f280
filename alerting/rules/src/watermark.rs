//! Up to when the data of each service is in, so that a window is judged when it is whole.
//!
//! A service's own progress counts; one that has been silent for half a minute no longer holds anything up.
//! Invariant: the watermark of a service never goes back.

use crate::{Answer, Question, Stream};
use model::UnixNanos;
use std::collections::BTreeMap;
use std::time::Duration;

/// Services remembered; those that have been silent longest are forgotten first.
const SENDERS_MAX: usize = 20_000;
/// Silence of everybody after which nothing is said of anybody.
const DEAF_AFTER: Duration = Duration::from_secs(60);
const BUCKET_NS: i64 = 10_000_000_000;

#[derive(Clone, Copy, Debug)]
struct Sender {
    /// Start of the newest bucket seen.
    newest: UnixNanos,
    /// When it was seen first.
    advanced: UnixNanos,
    closed: UnixNanos,
}

/// The state: rebuilt from the newest data after a restart, so it is not stored.
#[derive(Clone, Debug)]
pub struct Watermark {
    senders: BTreeMap<String, Sender>,
    /// How long after its end a bucket may still get data while its sender is at work.
    lateness: Duration,
    /// Silence after which a sender leaves the watermark.
    idle_after: Duration,
    forgotten: u64,
    /// The past is replayed: everything is in.
    is_replay: bool,
}

impl Default for Watermark {
    fn default() -> Self {
        Self::new(Duration::from_secs(5), Duration::from_secs(30))
    }
}

impl Watermark {
    pub fn new(lateness: Duration, idle_after: Duration) -> Self {
        Self { senders: BTreeMap::new(), lateness, idle_after, forgotten: 0, is_replay: false }
    }

    /// For times that are long over: all their data is in.
    pub fn of_the_past() -> Self {
        Self { is_replay: true, ..Self::default() }
    }

    /// The query whose answer [`Watermark::observe`] takes; to be run before the rules of each step.
    pub fn question(&self, now: UnixNanos) -> Question {
        Question::newest_by_service(now)
    }

    /// Takes the newest bucket of each service. Buckets in the future do not count.
    pub fn observe(&mut self, answer: &Answer, now: UnixNanos) {
        for row in &answer.rows {
            let Some(service) = row.labels.get("service") else { continue };
            self.saw(service, row.time, now);
        }
        self.advance(now);
        while self.senders.len() > SENDERS_MAX {
            let Some(stalest) = self.senders.iter().min_by_key(|(_, s)| s.advanced).map(|(name, _)| name.clone())
            else {
                break;
            };
            self.senders.remove(&stalest);
            self.forgotten += 1;
        }
    }

    /// That a bucket of a service has data.
    pub fn saw(&mut self, service: &str, bucket: UnixNanos, now: UnixNanos) {
        if bucket > now {
            return;
        }
        match self.senders.get_mut(service) {
            Some(sender) if bucket > sender.newest => (sender.newest, sender.advanced) = (bucket, now),
            Some(_) => {}
            None => {
                let sender = Sender { newest: bucket, advanced: now, closed: UnixNanos(i64::MIN) };
                self.senders.insert(service.to_owned(), sender);
            }
        }
    }

    fn advance(&mut self, now: UnixNanos) {
        let late = floor(now.saturating_sub(self.lateness));
        let idle = floor(now.saturating_sub(self.idle_after));
        for sender in self.senders.values_mut() {
            let closed =
                if sender.advanced.saturating_add(self.idle_after) <= now { idle } else { sender.newest.min(late) };
            sender.closed = sender.closed.max(closed);
        }
    }

    /// Everything of this service before this is in. A service never heard of is idle.
    pub fn of(&self, service: &str, now: UnixNanos) -> UnixNanos {
        match self.senders.get(service) {
            _ if self.is_replay => floor(now),
            Some(sender) if sender.closed.0 > i64::MIN => sender.closed.max(floor(now.saturating_sub(self.patience()))),
            _ => floor(now.saturating_sub(self.idle_after)),
        }
    }

    /// Everything of all services that are at work before this is in.
    pub fn of_all(&self, now: UnixNanos) -> UnixNanos {
        if self.is_replay {
            return floor(now);
        }
        let late = floor(now.saturating_sub(self.lateness));
        let at_work = self.senders.values().filter(|sender| sender.advanced.saturating_add(self.idle_after) > now);
        at_work
            .map(|sender| sender.newest.min(late))
            .min()
            .unwrap_or(late)
            .max(floor(now.saturating_sub(self.patience())))
    }

    /// Whether no service has sent anything for a minute: then it is the way of the data that is broken.
    pub fn is_deaf(&self, now: UnixNanos) -> bool {
        let newest = self.senders.values().map(|sender| sender.newest).max();
        !self.is_replay && newest.is_none_or(|newest| newest.saturating_add(DEAF_AFTER) < now)
    }

    /// The last data of any service; `None` when none has come.
    pub fn newest(&self) -> Option<UnixNanos> {
        self.senders.values().map(|sender| sender.newest).max()
    }

    /// Services beyond the bound that were forgotten.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// A sender whose clock is behind holds nothing up for longer than this.
    fn patience(&self) -> Duration {
        self.idle_after * 4
    }
}

/// Start of the 10-second bucket of a time.
pub(crate) fn floor(time: UnixNanos) -> UnixNanos {
    floor_to(time, BUCKET_NS)
}

pub(crate) fn floor_to(time: UnixNanos, width: i64) -> UnixNanos {
    UnixNanos(time.0.saturating_sub(time.0.rem_euclid(width)))
}

impl Question {
    fn newest_by_service(now: UnixNanos) -> Question {
        let from = floor(now.saturating_sub(Duration::from_secs(300)));
        let sql = format!(
            "SELECT service, max(time) AS time FROM red WHERE time >= {} GROUP BY service",
            crate::sql::instant(from)
        );
        Question {
            name: "newest",
            sql,
            stream: Stream::Calls,
            from,
            until: now,
            rows_max: SENDERS_MAX,
            ask: crate::Ask::Newest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> UnixNanos {
        UnixNanos((1_700_000_000 + seconds) * UnixNanos::SECOND)
    }

    #[test]
    fn a_bucket_is_closed_by_newer_data_and_a_little_time() {
        let mut mark = Watermark::default();
        mark.saw("a", at(0), at(3));
        mark.advance(at(3));
        assert_eq!(mark.of("a", at(3)), at(-10), "the bucket before is closed only after the lateness");
        mark.saw("a", at(10), at(12));
        mark.advance(at(12));
        assert_eq!(mark.of("a", at(12)), at(0), "newer data alone does not close what may still be late");
        mark.advance(at(15));
        assert_eq!(mark.of("a", at(15)), at(10));
    }

    #[test]
    fn an_idle_sender_leaves_the_watermark_after_half_a_minute() {
        let mut mark = Watermark::default();
        mark.saw("a", at(0), at(1));
        mark.saw("b", at(0), at(1));
        for second in [10, 20, 30] {
            mark.saw("b", at(second), at(second + 1));
            mark.advance(at(second + 1));
        }
        assert_eq!(mark.of("a", at(30)), at(0), "its own data decides while it may still speak");
        assert_eq!(mark.of_all(at(30)), at(0));
        mark.advance(at(31));
        assert_eq!(mark.of("a", at(31)), at(0));
        mark.saw("b", at(40), at(41));
        mark.advance(at(45));
        assert_eq!(mark.of("a", at(45)), at(10), "idle: thirty seconds behind the clock");
        assert_eq!(mark.of_all(at(45)), at(40), "only b is at work");
    }

    #[test]
    fn a_watermark_never_goes_back_and_the_future_does_not_count() {
        let mut mark = Watermark::default();
        mark.saw("a", at(100), at(101));
        mark.advance(at(140));
        let before = mark.of("a", at(140));
        mark.saw("a", at(100_000), at(141));
        mark.saw("a", at(20), at(141));
        mark.advance(at(141));
        assert!(mark.of("a", at(141)) >= before);
        assert!(mark.of("a", at(141)) <= at(141));
    }
}
