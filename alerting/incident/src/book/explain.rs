//! What the cause of an incident leaves room for: an incident that has spread takes in what its cause can explain.
//!
//! It refuses to act on a cause that nobody is sure of. Invariant: where the graph is silent, the answer is yes.

use super::{Book, Live};
use crate::terrain::Spot;
use crate::verdict::Confidence;
use hashbrown::HashSet;
use model::{EntityKind, UnixNanos};
use std::time::Duration;

/// For so long after its beginning an incident takes in whatever hangs together with it: symptoms take their time,
/// and so do the conditions of rules. After it, what a sure cause does not explain is trouble of its own.
const SPREADS: Duration = Duration::from_secs(120);
/// Places that are asked whether they wait for a cause.
const ASKED: usize = 500;

impl Book {
    /// Whether what began there and then may come of the cause that stands. While an incident is young, or nobody is
    /// sure of its cause, everything may.
    pub(super) fn is_explained_in(&self, live: &Live, spot: Spot, at: UnixNanos) -> bool {
        if at <= live.incident.first_at.saturating_add(SPREADS) {
            return true;
        }
        let Some(cause) = live.incident.determined().filter(|cause| cause.confidence == Confidence::High) else {
            return true;
        };
        let Some(cause) = self.terrain.find(&cause.entity) else { return true };
        self.may_come_of(spot, cause, at) || self.is_loaded_by_the_hurt(live, spot)
    }

    /// Whether something that piles up (a queue, a database, a cache, or who is fed by a queue) hangs on what is hurt.
    fn is_loaded_by_the_hurt(&self, live: &Live, spot: Spot) -> bool {
        let kind = |spot: Spot| self.terrain.entity(spot).kind;
        let place = self.terrain.service_of(spot);
        let piles_up = matches!(kind(place), EntityKind::Queue | EntityKind::Database | EntityKind::Cache);
        let mut callers = self.terrain.callers(place).iter();
        callers.any(|caller| live.hurt.contains_key(caller) && (piles_up || kind(*caller) == EntityKind::Queue))
    }

    /// Whether trouble at a place may come of a cause elsewhere: it waits for it, is called by it, or shares its
    /// machine's fate. What the graph says nothing of may come of anything.
    fn may_come_of(&self, spot: Spot, cause: Spot, at: UnixNanos) -> bool {
        let (from, to) = (self.terrain.service_of(spot), self.terrain.service_of(cause));
        let kind = self.terrain.entity(to).kind;
        let is_placed = !self.terrain.callees(from).is_empty() || !self.terrain.callers(from).is_empty();
        if !is_placed || matches!(kind, EntityKind::Traffic | EntityKind::Change | EntityKind::Operation) {
            return true;
        }
        let mut met: HashSet<Spot> = [from].into_iter().collect();
        let mut next = vec![from];
        while let Some(waits) = next.pop() {
            let stands_on = |host: Spot| {
                let mut parts = self.terrain.members(waits).iter().copied().chain([waits]);
                parts.any(|part| self.terrain.hosts(part, at).any(|own| own == host))
            };
            let is_called_by_it = waits == from && self.terrain.callers(waits).contains(&to);
            if waits == to || is_called_by_it || stands_on(to) {
                return true;
            }
            for callee in self.terrain.callees(waits) {
                if met.len() < ASKED && met.insert(*callee) {
                    next.push(*callee);
                }
            }
        }
        // Not every one that it waits for was asked: it may.
        met.len() >= ASKED
    }
}
