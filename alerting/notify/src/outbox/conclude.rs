//! What an answer means: told, tried again, left to a stand-in, dead.

use super::entry::{Content, Entry, EntryId, Phase};
use super::ledger::{LedgerRow, Standing};
use super::thread::Told;
use super::{Outbox, channel_of, seconds};
use crate::channel::Outcome;
use crate::message::{Message, Occasion, State};
use crate::policy::Policy;
use model::UnixNanos;
use std::time::Duration;

/// The longest pause between two attempts (times 0.8 to 1.2): a receiver that is back is told within a minute.
const PAUSE_MAX: Duration = seconds(40);
/// How many stand in for each other in a row.
const STAND_INS_MAX: usize = 3;

impl Outbox {
    /// What became of a dispatch. Wall time. Answers of entries that are not being sent are ignored.
    pub fn conclude(&mut self, policy: &Policy, id: &EntryId, outcome: Outcome, now: UnixNanos) {
        let Some(entry) = self.entries.get(id).filter(|entry| entry.phase == Phase::Sending) else { return };
        let target = policy.target(&entry.receiver).cloned();
        let endpoint = target.as_ref().map(|target| target.endpoint.clone());
        if let Some(endpoint) = &endpoint {
            self.endpoints.entry(endpoint.clone()).or_default().answers(id, now);
            self.touch_endpoint(endpoint);
        }
        let limited = target.as_ref().map_or(seconds(60), |target| target.limits.penalty);
        match outcome {
            Outcome::Delivered { reference } => {
                self.works(policy, endpoint.as_deref(), now);
                self.delivered(policy, id, reference, now);
            }
            Outcome::Retry { after, reason } => {
                self.fails(endpoint.as_deref(), id, now);
                self.again(policy, id, after, reason, now);
            }
            Outcome::InDoubt { reason } => {
                self.fails(endpoint.as_deref(), id, now);
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.doubt = true;
                }
                match target.is_none_or(|target| target.resends()) {
                    true => self.again(policy, id, None, reason, now),
                    false => self.leave_in_doubt(policy, id, now),
                }
            }
            Outcome::Limited { after, reason } => {
                // A rest is asked for, not a failure counted: the robot works.
                if let Some(endpoint) = &endpoint {
                    let rest = after.unwrap_or(limited).clamp(seconds(1), seconds(3600));
                    self.endpoints.entry(endpoint.clone()).or_default().is_blocked_for(rest, now);
                }
                self.again(policy, id, Some(Duration::ZERO), reason, now);
            }
            Outcome::TooLong { reason } if self.entries.get(id).is_some_and(|entry| !entry.plain) => {
                self.works(policy, endpoint.as_deref(), now);
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.plain = true;
                }
                self.again(policy, id, Some(Duration::ZERO), reason, now);
            }
            Outcome::TooLong { reason } | Outcome::Refused { reason } => self.bury(policy, id, reason, now),
        }
    }

    fn works(&mut self, policy: &Policy, endpoint: Option<&str>, now: UnixNanos) {
        let Some(name) = endpoint else { return };
        if !self.endpoints.get_mut(name).is_some_and(super::Endpoint::works) {
            return;
        }
        // It is back: what waits for its next attempt need not wait longer.
        let behind = |receiver: &String| policy.target(receiver).is_some_and(|target| target.endpoint == name);
        let ids: Vec<EntryId> =
            self.waiting.iter().filter(|(receiver, _)| behind(receiver)).flat_map(|(_, ids)| ids.clone()).collect();
        for id in ids {
            if let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.attempts > 0 && entry.due_at > now) {
                entry.due_at = now;
                self.touch_entry(&id);
            }
        }
    }

    fn fails(&mut self, endpoint: Option<&str>, id: &EntryId, now: UnixNanos) {
        let share = self.share(&id.0, 0);
        if let Some(endpoint) = endpoint {
            self.endpoints.entry(endpoint.to_owned()).or_default().fails(now, share);
        }
    }

    fn delivered(&mut self, policy: &Policy, id: &EntryId, reference: Option<String>, now: UnixNanos) {
        self.row(id, policy, Standing::Delivered, now);
        let Some(entry) = self.remove(id) else { return };
        match entry.content {
            Some(Content::Incident(message)) => {
                self.knows(policy, &entry.receiver, id, &message, entry.occasion, reference, false, now);
            }
            Some(Content::Digest(digest)) => {
                for item in digest.items {
                    self.told_by_digest(policy, &item.entry, id, now);
                }
            }
            None => {}
        }
    }

    fn told_by_digest(&mut self, policy: &Policy, id: &EntryId, digest: &EntryId, now: UnixNanos) {
        let Some(entry) = self.remove(id) else { return };
        let channel = channel_of(policy, &entry.receiver);
        let row = LedgerRow::of(&entry, channel, Standing::InDigest, now);
        self.rows.push(LedgerRow { digest: Some(digest.clone()), ..row });
        let message = match &entry.content {
            Some(Content::Incident(message)) => Some((**message).clone()),
            _ => entry.incident.as_ref().and_then(|i| self.threads.get(i)).map(|thread| thread.message.clone()),
        };
        if let Some(message) = message {
            self.knows(policy, &entry.receiver, id, &message, entry.occasion, None, true, now);
        }
    }

    /// A receiver now knows what the message says.
    #[expect(clippy::too_many_arguments, reason = "what is known: by whom, from what, of what, when")]
    fn knows(
        &mut self,
        policy: &Policy,
        receiver: &str,
        id: &EntryId,
        message: &Message,
        occasion: Occasion,
        reference: Option<String>,
        by_digest: bool,
        now: UnixNanos,
    ) {
        let Some(thread) = self.threads.get_mut(&message.incident) else { return };
        let repeat = repeat_at(policy, &thread.message, receiver, now);
        let told = thread.told.entry(receiver.to_owned()).or_default();
        told.head = told.head.take().filter(|head| head != id);
        told.at = Some(now);
        told.by_digest = by_digest && (told.by_digest || told.episode != message.episode || told.severity.is_none());
        told.episode = message.episode;
        told.severity = Some(message.severity);
        told.had_cause = message.cause.is_some();
        told.over = occasion == Occasion::Resolved || message.state == State::Resolved;
        told.reference = told.reference.take().or(reference);
        told.repeat_at = repeat.filter(|_| !told.over);
        self.touch_thread(&message.incident);
        self.wake(&message.incident);
    }

    /// It is tried again after a while: what asked for it, or the usual pause.
    fn again(&mut self, policy: &Policy, id: &EntryId, after: Option<Duration>, reason: String, now: UnixNanos) {
        let attempt = self.entries.get(id).map_or(0, |entry| entry.attempts);
        let pause = after.unwrap_or_else(|| self.pause(id, attempt));
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.error = Some(reason);
        entry.phase = Phase::Waiting;
        entry.due_at = now.saturating_add(pause);
        let since = *entry.failing_since.get_or_insert(now);
        if now > since.saturating_add(seconds(self.settings.give_up_after_seconds)) {
            let reason = entry.error.clone().unwrap_or_default();
            return self.bury(policy, id, reason, now);
        }
        self.queue(id);
        self.touch_entry(id);
        self.row(id, policy, Standing::Retrying, now);
        self.reopen(policy, id, now);
    }

    fn pause(&self, id: &EntryId, attempt: u32) -> Duration {
        let doubled = seconds(1) * 2_u32.saturating_pow(attempt.saturating_sub(1).min(10));
        doubled.min(PAUSE_MAX).mul_f64(0.8 + 0.4 * self.share(&id.0, attempt))
    }

    /// What surely did not arrive may take newer news along, instead of being sent as it looked then. A key
    /// that an endpoint may have seen stands for its content, so there nothing joins.
    fn reopen(&mut self, policy: &Policy, id: &EntryId, now: UnixNanos) {
        let Some(entry) = self.entries.get(id) else { return };
        let keeps = policy.target(&entry.receiver).is_none_or(|target| target.is_idempotent());
        let Some(incident) = entry.incident.clone().filter(|_| !entry.doubt && !keeps) else { return };
        let (receiver, occasion) = (entry.receiver.clone(), entry.occasion);
        let Some(told) = self.told_mut(&incident, &receiver).filter(|told| told.head.as_ref() == Some(id)) else {
            return;
        };
        told.head = None;
        let next = told.next.clone();
        match next.as_ref().and_then(|next| self.entries.get_mut(next)) {
            Some(newer) => {
                newer.occasion = occasion.merged(newer.occasion);
                let newer = newer.id.clone();
                self.inherit(&newer, id);
                self.row(id, policy, Standing::Merged, now);
                self.remove(id);
            }
            None => {
                if let Some(told) = self.told_mut(&incident, &receiver) {
                    told.next = Some(id.clone());
                }
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.content = None;
                }
            }
        }
        self.touch_thread(&incident);
    }

    /// The newer entry goes on where the older one stood: its pauses, its stand-in.
    fn inherit(&mut self, newer: &EntryId, older: &EntryId) {
        let Some(older) = self.entries.get(older).cloned() else { return };
        if let Some(entry) = self.entries.get_mut(newer) {
            entry.attempts = older.attempts;
            entry.failing_since = older.failing_since;
            entry.error = older.error;
            entry.due_at = older.due_at;
            entry.created_at = entry.created_at.min(older.created_at);
            entry.settles_at = entry.settles_at.min(older.settles_at);
            entry.stood_in |= older.stood_in;
            entry.plain |= older.plain;
        }
        self.touch_entry(newer);
    }

    /// Nobody knows whether it arrived, and nobody shall be told twice.
    pub(super) fn leave_in_doubt(&mut self, policy: &Policy, id: &EntryId, now: UnixNanos) {
        self.row(id, policy, Standing::InDoubt, now);
        let Some(entry) = self.remove(id) else { return };
        match entry.content {
            Some(Content::Incident(message)) => {
                self.knows(policy, &entry.receiver, id, &message, entry.occasion, None, false, now);
            }
            Some(Content::Digest(digest)) => {
                for item in digest.items {
                    self.told_by_digest(policy, &item.entry, id, now);
                }
            }
            None => {}
        }
    }

    /// The dead letter: visible, and told by the stand-in where there is one.
    fn bury(&mut self, policy: &Policy, id: &EntryId, reason: String, now: UnixNanos) {
        self.tell_stand_in(policy, id, now);
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.phase = Phase::Dead;
        entry.error = Some(reason);
        let (receiver, incident) = (entry.receiver.clone(), entry.incident.clone());
        let items: Vec<EntryId> = entry.items().iter().map(|item| item.entry.clone()).collect();
        self.unqueue(&receiver, id);
        self.touch_entry(id);
        self.row(id, policy, Standing::Dead, now);
        for place in items.iter().chain([id]) {
            self.release(place);
        }
        if let Some(incident) = incident {
            self.wake(&incident);
        }
    }

    /// Lets newer entries of the same incident pass.
    fn release(&mut self, id: &EntryId) {
        let Some((receiver, Some(incident))) =
            self.entries.get(id).map(|entry| (entry.receiver.clone(), entry.incident.clone()))
        else {
            return;
        };
        if let Some(told) = self.told_mut(&incident, &receiver) {
            told.head = told.head.take().filter(|head| head != id);
            told.next = told.next.take().filter(|next| next != id);
        }
        self.touch_thread(&incident);
    }

    /// Entries of a receiver that the policy no longer knows.
    pub(super) fn bury_all(&mut self, policy: &Policy, receiver: &str, now: UnixNanos) {
        for id in self.waiting.get(receiver).cloned().unwrap_or_default() {
            self.bury(policy, &id, format!("there is no receiver `{receiver}` any more"), now);
        }
    }

    /// Tells the stand-in of what has been failing for long, or waits behind a robot that must rest although
    /// it is critical.
    pub(super) fn stand_in(&mut self, policy: &Policy, endpoint: &str, receivers: &[String], now: UnixNanos) {
        let patience = seconds(self.settings.fallback_after_seconds);
        let blocked = self.endpoints.get(endpoint).and_then(|endpoint| endpoint.blocked_until(now));
        let long_blocked = blocked.is_some_and(|until| until > now.saturating_add(seconds(60)));
        let failing = self.endpoints.get(endpoint).is_some_and(super::Endpoint::is_failing);
        let waits_long = |entry: &Entry| {
            let since = entry.failing_since.or((failing || long_blocked).then_some(entry.due_at));
            since.is_some_and(|since| now > since.saturating_add(patience))
        };
        let urgent = |entry: &Entry| long_blocked && entry.due_at <= now && self.critical(entry);
        let tells: Vec<EntryId> = receivers
            .iter()
            .filter(|receiver| policy.fallback(receiver).is_some())
            .filter_map(|receiver| self.waiting.get(receiver))
            .flatten()
            .filter_map(|id| self.entries.get(id))
            .filter(|entry| !entry.stood_in && entry.hold.is_none() && (waits_long(entry) || urgent(entry)))
            .map(|entry| entry.id.clone())
            .collect();
        for id in tells {
            self.tell_stand_in(policy, &id, now);
        }
    }

    fn critical(&self, entry: &Entry) -> bool {
        let thread = entry.incident.as_ref().and_then(|incident| self.threads.get(incident));
        thread.is_some_and(|thread| thread.message.severity == incident::Severity::Critical)
    }

    /// The same news for the fallback receiver.
    fn tell_stand_in(&mut self, policy: &Policy, id: &EntryId, now: UnixNanos) {
        let Some(entry) = self.entries.get_mut(id).filter(|entry| !entry.stood_in) else { return };
        let Some(fallback) = policy.fallback(&entry.receiver) else { return };
        if entry.stands_for.len() >= STAND_INS_MAX || entry.stands_for.iter().any(|name| name == fallback) {
            return;
        }
        entry.stood_in = true;
        let mut stands_for = entry.stands_for.clone();
        stands_for.push(entry.receiver.clone());
        let (occasion, incident) = (entry.occasion, entry.incident.clone());
        let items: Vec<EntryId> = entry.items().iter().map(|item| item.entry.clone()).collect();
        self.touch_entry(id);
        match incident {
            Some(incident) => {
                let episode = self.threads.get(&incident).map(|thread| thread.message.episode);
                let knows = self.told(&incident, fallback).zip(episode).is_some_and(|(told, n)| told.knows(n));
                if knows && matches!(occasion, Occasion::Opened | Occasion::Reopened) {
                    return;
                }
                let to = super::tell::destination(fallback.to_owned());
                self.plan(policy, &incident, &to, occasion, now);
                let next = self.told(&incident, fallback).and_then(|told| told.next.clone());
                if let Some(entry) = next.and_then(|next| self.entries.get_mut(&next)) {
                    entry.stands_for = stands_for;
                    entry.due_at = entry.due_at.min(now);
                    entry.settles_at = entry.settles_at.min(now);
                }
                self.touch_thread(&incident);
            }
            // A digest's members are told one by one there, or in a digest of its own.
            None => items.iter().for_each(|item| self.tell_stand_in(policy, item, now)),
        }
    }
}

/// When an open incident is told again.
fn repeat_at(policy: &Policy, message: &Message, receiver: &str, now: UnixNanos) -> Option<UnixNanos> {
    if message.state != State::Open {
        return None;
    }
    let destinations = policy.destinations(message, now);
    let to = destinations.iter().find(|to| to.receiver == receiver)?;
    Some(now.saturating_add(to.timing.repeat_interval.0))
}

impl Told {
    /// For tests and the API: whether somebody at this receiver knows that it is open.
    pub fn knows_it_is_open(&self) -> bool {
        self.at.is_some() && !self.over
    }
}
