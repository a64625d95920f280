//! The company at work: what happens when, one event after the other, and the telemetry of it.
//!
//! Pure: the same seed, opening time and faults give the same telemetry to the last byte. A piece of
//! telemetry leaves when it is finished, as an SDK would send it; until then it is held, in a bounded heap.

mod broker;
mod flows;
mod held;
mod places;
mod releases;

pub(crate) use releases::Rollout;

use crate::faults;
use crate::instruments::Instruments;
use crate::sources::Sources;
use crate::story::{Story, Told, Visit};
use crate::telemetry::Item;
use crate::world::{SECOND, World};
pub(crate) use broker::Broker;
use held::Held;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How often each source tells its metrics.
pub(crate) const METRICS_EVERY: u64 = 10 * SECOND;

/// What is to happen.
#[derive(Clone, PartialEq, Debug)]
enum Event {
    /// The next customer, shop or clerk of a flow.
    Arrive(usize),
    Pay(Box<Visit>),
    Look(Box<Visit>),
    Refund(Box<Visit>),
    Invoice(Box<Visit>),
    /// A consumer group looks at a queue.
    Consume {
        group: usize,
        queue: usize,
    },
    Job(usize),
    /// Shops' boxes say that they live.
    Beat(usize),
    /// A pod is replaced by one of another build.
    Replace {
        pod: usize,
        rollout: Rollout,
    },
    /// The gateway of the tills refuses every other version.
    Require(&'static str),
    /// The next ordinary release.
    Release(usize),
    Collect(usize),
}

#[derive(PartialEq, Debug)]
struct Due {
    at: u64,
    /// Events of one instant happen in the order in which they were planned.
    sequence: u64,
    event: Event,
}

impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// The company between two looks at the clock.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) world: World,
    pub(crate) sources: Sources,
    pub(crate) now: u64,
    opened: u64,
    plan: BinaryHeap<Reverse<Due>>,
    planned: u64,
    held: Held,
    broker: Broker,
    instruments: Instruments,
    acting: Vec<&'static str>,
    orders: u64,
    requests: u64,
    runs: u64,
    /// Orders that were paid, and when their bills may be settled; the oldest first.
    bills: VecDeque<(u64, Visit)>,
}

impl Company {
    /// `opened` (Unix nanoseconds) dates everything and is part of ids.
    pub(crate) fn open(seed: u64, speed: f64, opened: u64) -> Self {
        let speed = speed.max(0.001);
        let world = World::new(seed, opened, speed, &flows::usual());
        let sources = Sources::new();
        let mut company = Self {
            instruments: Instruments::new(sources.clone(), opened),
            world,
            sources,
            now: opened,
            opened,
            plan: BinaryHeap::new(),
            planned: 0,
            held: Held::default(),
            broker: Broker::new(),
            acting: Vec::new(),
            orders: 0,
            requests: 0,
            runs: 0,
            bills: VecDeque::new(),
        };
        company.plan_the_day();
        company
    }

    /// What the pods of all services run, by their place.
    pub(crate) fn version(&self, source: usize) -> &'static str {
        self.world.pods.get(source).map_or("", |pod| pod.version)
    }

    /// Lets time pass while these faults act, and gives what was finished meanwhile, in order of time.
    pub(crate) fn advance(&mut self, until: u64, acting: &[&'static str]) -> Vec<Item> {
        self.turn(acting);
        let mut out = Vec::new();
        while self.plan.peek().is_some_and(|Reverse(due)| due.at <= until) {
            let Some(Reverse(due)) = self.plan.pop() else { break };
            self.now = self.now.max(due.at);
            self.world.pass(self.now);
            self.release(due.at, &mut out);
            self.happen(due.event);
        }
        self.now = self.now.max(until);
        self.world.pass(self.now);
        self.release(until, &mut out);
        out
    }

    /// Whatever is still going on when the doors close, as if it were let finish.
    pub(crate) fn close(&mut self) -> Vec<Item> {
        let mut out = Vec::new();
        self.release(u64::MAX, &mut out);
        out
    }

    /// Somebody takes unreadable messages out of the queues.
    pub(crate) fn remove_poison(&mut self) {
        self.broker.remove_poison();
    }

    /// Telemetry that could not be held.
    pub(crate) fn dropped(&mut self) -> u64 {
        std::mem::take(&mut self.held.dropped) + std::mem::take(&mut self.broker.dropped)
    }

    /// Starts and ends faults as the switches say.
    fn turn(&mut self, acting: &[&'static str]) {
        let ended: Vec<_> = self.acting.iter().copied().filter(|name| !acting.contains(name)).collect();
        let begun: Vec<_> = acting.iter().copied().filter(|name| !self.acting.contains(name)).collect();
        for name in ended {
            faults::end(self, name);
        }
        for name in begun {
            faults::begin(self, name);
        }
        acting.clone_into(&mut self.acting);
    }

    fn release(&mut self, until: u64, out: &mut Vec<Item>) {
        while let Some(item) = self.held.next(until) {
            self.instruments.observe(&item);
            out.push(item);
        }
    }

    fn plan(&mut self, at: u64, event: Event) {
        self.planned += 1;
        self.plan.push(Reverse(Due { at, sequence: self.planned, event }));
    }

    pub(crate) fn write(&mut self, at: u64, item: Item) {
        self.held.put(at, item);
    }

    /// Takes over what a story left behind.
    fn take(&mut self, told: Told) {
        for (at, item) in told.items {
            self.held.put(at, item);
        }
        for (pod, shop, cents) in told.sold {
            self.instruments.sold(pod, shop, cents);
        }
        for (at, pod) in told.killed {
            self.kill(at, pod);
        }
        for message in told.messages {
            for (at, group, queue) in self.broker.put(message, &mut self.world) {
                self.plan(at, Event::Consume { group, queue });
            }
        }
    }

    fn tell_story(&mut self, visit: Visit, tell: impl FnOnce(&mut Story<'_>) -> bool) -> (Visit, bool) {
        let mut story = Story::new(&mut self.world, visit, self.now);
        let well = tell(&mut story);
        let (visit, told) = story.end();
        self.take(told);
        (visit, well)
    }
}

#[cfg(test)]
pub(crate) mod survey;
#[cfg(test)]
mod tests;
