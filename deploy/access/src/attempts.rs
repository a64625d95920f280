//! How often somebody may be wrong: a bound per name and per address, decided without a clock of its own.
//!
//! Each attempt moves a mark into the future; when the mark is a whole window ahead, the next one is
//! refused and told when to come back. One number per name is all that is remembered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Whose attempts are counted together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Whose {
    /// Sign-ins under a name.
    Name(String),
    /// Sign-ins from an address.
    Address(IpAddr),
    /// Wrong tokens from an address: apart, because a machine that repeats an old token must not lock out
    /// the people beside it.
    Guesses(IpAddr),
    /// Refused changes of somebody known: so many are written to the audit log.
    Refused(String),
}

impl Whose {
    /// One customer has a whole /64 of IPv6.
    pub(crate) fn network(ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Attempts {
    window: Duration,
    remembered_max: usize,
    /// Monotonic times.
    marks: HashMap<Whose, Duration>,
}

impl Attempts {
    pub(crate) fn new(window: Duration, remembered_max: usize) -> Self {
        Self { window, remembered_max: remembered_max.max(1), marks: HashMap::new() }
    }

    /// Takes one of `max` attempts, or says how long to wait for one.
    pub(crate) fn take(&mut self, whose: Whose, max: u32, now: Duration) -> Result<(), Duration> {
        let mark = self.marks.get(&whose).copied().unwrap_or_default().max(now) + self.window / max.max(1);
        let latest = now + self.window;
        if mark > latest {
            return Err(mark - latest);
        }
        if !self.marks.contains_key(&whose) && self.marks.len() >= self.remembered_max {
            self.forget(now);
        }
        self.marks.insert(whose, mark);
        Ok(())
    }

    /// Gives one back that was no failure.
    pub(crate) fn give_back(&mut self, whose: &Whose, max: u32) {
        if let Some(mark) = self.marks.get_mut(whose) {
            *mark = mark.saturating_sub(self.window / max.max(1));
        }
    }

    /// Makes room: all that are forgiven, or the one that soonest will be.
    fn forget(&mut self, now: Duration) {
        let before = self.marks.len();
        self.marks.retain(|_, mark| *mark > now);
        if self.marks.len() == before
            && let Some(least) = self.marks.iter().min_by_key(|(_, mark)| **mark).map(|(whose, _)| whose.clone())
        {
            self.marks.remove(&least);
        }
    }

    pub(crate) fn remembered(&self) -> usize {
        self.marks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(300);

    fn name(name: &str) -> Whose {
        Whose::Name(name.to_owned())
    }

    #[test]
    fn so_many_failures_in_a_window_and_then_a_wait_that_is_told() {
        let mut attempts = Attempts::new(WINDOW, 100);
        let start = Duration::from_secs(7);
        for _ in 0..10 {
            attempts.take(name("alice"), 10, start).unwrap();
        }
        let wait = attempts.take(name("alice"), 10, start).unwrap_err();
        assert_eq!(wait, Duration::from_secs(30), "one is forgiven each thirtieth second");
        attempts.take(name("bob"), 10, start).unwrap();
        assert!(attempts.take(name("alice"), 10, start + wait - Duration::from_nanos(1)).is_err());
        attempts.take(name("alice"), 10, start + wait).unwrap();
        assert!(attempts.take(name("alice"), 10, start + wait).is_err());
        for _ in 0..10 {
            attempts.take(name("alice"), 10, start + wait + WINDOW).unwrap();
        }
    }

    #[test]
    fn success_costs_nothing() {
        let mut attempts = Attempts::new(WINDOW, 100);
        for _ in 0..1_000 {
            attempts.take(name("alice"), 3, Duration::ZERO).unwrap();
            attempts.give_back(&name("alice"), 3);
        }
        attempts.give_back(&name("nobody"), 3);
    }

    #[test]
    fn memory_is_bounded_and_the_guilty_are_not_forgotten_for_newcomers() {
        let mut attempts = Attempts::new(WINDOW, 50);
        let start = Duration::from_secs(1);
        for _ in 0..10 {
            attempts.take(name("guilty"), 10, start).unwrap();
        }
        for number in 0..10_000 {
            attempts.take(name(&number.to_string()), 10, start).unwrap();
            assert!(attempts.remembered() <= 50);
        }
        assert!(attempts.take(name("guilty"), 10, start).is_err());
        attempts.take(name("late"), 10, start + WINDOW * 2).unwrap();
        assert_eq!(attempts.remembered(), 1, "all the others are forgiven");
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let network = |text: &str| Whose::network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
    }
}
