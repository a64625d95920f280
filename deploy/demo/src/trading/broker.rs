//! The broker: queues of each topic, and the groups that take from them, one message of a queue at a time.
//!
//! A message that cannot be handled is tried again where it stands: the ones behind it wait.

use crate::estate::stores::{GROUPS, Group, QUEUES, TOPICS};
use crate::story::Message;
use crate::world::{SECOND, World};
use std::collections::VecDeque;

/// Messages that one queue keeps for one group; the oldest goes first, and is counted.
const BACKLOG_MAX: usize = 20_000;
/// How long a group leaves a queue alone after a failure.
pub(super) const AGAIN_AFTER: u64 = SECOND;
/// What the way through the broker takes.
const TRANSIT: f64 = 8e6;

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Message>,
    /// Whether the group is at it, or will be.
    awake: bool,
}

#[derive(Debug)]
pub(crate) struct Broker {
    /// By group, then queue.
    queues: Vec<Vec<Queue>>,
    pub(crate) sent: Vec<u64>,
    pub(crate) handled: Vec<u64>,
    pub(super) dropped: u64,
}

impl Broker {
    pub(super) fn new() -> Self {
        let queues = GROUPS.iter().map(|_| (0..QUEUES).map(|_| Queue::default()).collect()).collect();
        Self { queues, sent: vec![0; TOPICS.len()], handled: vec![0; GROUPS.len()], dropped: 0 }
    }

    /// A message arrives: which queues of which groups wake up for it, and when.
    pub(super) fn put(&mut self, mut message: Message, world: &mut World) -> Vec<(u64, usize, usize)> {
        self.sent[message.topic.id] += 1;
        let queue = (message.queue % QUEUES as u64) as usize;
        let at = message.sent_at + world.around(TRANSIT, 0.5) as u64;
        let mut woken = Vec::new();
        for group in GROUPS.iter().filter(|group| group.topic.id == message.topic.id) {
            // Every group has its own copy; one that only counts does not look inside.
            message.poison = world.business.poison && group.id == POISONED && self.is_clean(group, queue);
            let of = &mut self.queues[group.id][queue];
            if of.waiting.len() == BACKLOG_MAX {
                of.waiting.pop_front();
                self.dropped += 1;
            }
            of.waiting.push_back(message.clone());
            if !std::mem::replace(&mut of.awake, true) {
                woken.push((at, group.id, queue));
            }
        }
        woken
    }

    /// One unreadable message a queue is enough; half of the queues get one.
    fn is_clean(&self, group: &Group, queue: usize) -> bool {
        queue.is_multiple_of(2) && self.queues[group.id][queue].waiting.iter().all(|message| !message.poison)
    }

    pub(super) fn first(&self, group: usize, queue: usize) -> Option<&Message> {
        self.queues[group][queue].waiting.front()
    }

    /// The first message was handled, or must be tried again: when the group is back at this queue.
    pub(super) fn after(&mut self, group: usize, queue: usize, done: u64, handled: bool) -> Option<u64> {
        let of = &mut self.queues[group][queue];
        if handled {
            of.waiting.pop_front();
            self.handled[group] += 1;
        } else if let Some(message) = of.waiting.front_mut() {
            message.attempts += 1;
        }
        let next = of.waiting.front().map(|message| message.sent_at);
        of.awake = next.is_some();
        // Stories are told ahead of the clock: what is next may not have been sent yet.
        next.map(|sent_at| sent_at.max(if handled { done } else { done + AGAIN_AFTER }))
    }

    /// Somebody takes what cannot be read out of the queues.
    pub(crate) fn remove_poison(&mut self) {
        for of in self.queues.iter_mut().flatten() {
            of.waiting.iter_mut().for_each(|message| message.poison = false);
        }
    }

    /// Messages that wait for a group, and since when the oldest does.
    pub(crate) fn backlog(&self, group: usize, queue: usize) -> (usize, Option<u64>) {
        let of = &self.queues[group][queue];
        (of.waiting.len(), of.waiting.front().map(|message| message.sent_at))
    }
}

/// The group whose messages can be spoilt: the one that makes and delivers.
const POISONED: usize = 1;
