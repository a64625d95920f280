//! What is to be told, to whom and when: new entries, and newer news joined to those that wait.

use super::entry::{Entry, EntryId, Phase};
use super::ledger::{LedgerRow, Standing};
use super::thread::{Thread, Told};
use super::{DocumentKind, Outbox, seconds};
use crate::message::{Message, Occasion, State};
use crate::policy::Policy;
use crate::routing::{Destination, Timing};
use model::{ContentHash, UnixNanos};
use std::collections::BTreeSet;

/// Threads looked at by one tick; the rest follow at the next.
const WAKES_PER_TICK: usize = 10_000;

impl Outbox {
    /// An incident has news: its occasion says which. A revision that is known already is ignored, so that a
    /// step may be repeated. Wall time.
    pub fn tell(&mut self, policy: &Policy, message: Message, now: UnixNanos) {
        let message = message.bounded();
        if self.threads.get(&message.incident).is_some_and(|known| message.revision <= known.message.revision) {
            return;
        }
        let (incident, occasion) = (message.incident.clone(), message.occasion);
        let destinations = policy.destinations(&message, now);
        if !self.picture(message, now) {
            return self.refuse(&incident, occasion, now);
        }
        if occasion == Occasion::Resolved {
            self.tell_over(policy, &incident, now);
        } else {
            if destinations.is_empty() {
                self.nobody(&incident, occasion, now);
            }
            for to in &destinations {
                self.plan(policy, &incident, to, occasion, now);
            }
            if matches!(occasion, Occasion::Opened | Occasion::Reopened) {
                self.schedule_escalations(&incident, &destinations, now);
            }
        }
        self.wake(&incident);
        self.touch_thread(&incident);
    }

    /// An incident looks different, but nobody is told for that: it was acknowledged, a figure moved. What
    /// waits is told as it looks now. Incidents that were never told are not kept.
    pub fn note(&mut self, message: Message) {
        let message = message.bounded();
        let incident = message.incident.clone();
        let Some(thread) = self.threads.get_mut(&incident) else { return };
        if message.revision < thread.message.revision || thread.message == message {
            return;
        }
        // Someone has taken it on: repetitions and escalations stop.
        if message.state != State::Open {
            thread.escalations.clear();
        }
        thread.message = message;
        self.touch_thread(&incident);
        self.wake(&incident);
    }

    /// What time brings about: repetitions, escalations, stand-ins for receivers that fail. Wall time.
    pub fn tick(&mut self, policy: &Policy, now: UnixNanos) {
        for _ in 0..WAKES_PER_TICK {
            let Some((at, incident)) = self.wakes.first().cloned() else { break };
            if at > now {
                break;
            }
            self.wakes.pop_first();
            self.repeat(policy, &incident, now);
            self.escalate(policy, &incident, now);
            self.wake(&incident);
        }
        self.forget(now);
    }

    /// Keeps the newest picture. `false`: there is no room for another incident.
    fn picture(&mut self, message: Message, now: UnixNanos) -> bool {
        let incident = message.incident.clone();
        let is_over = message.state == State::Resolved;
        if let Some(thread) = self.threads.get_mut(&incident) {
            thread.message = message;
            thread.closed_at = None;
        } else {
            if self.threads.len() >= self.settings.threads_max {
                return false;
            }
            self.threads.insert(incident.clone(), Thread::new(message));
        }
        if let Some(thread) = self.threads.get_mut(&incident).filter(|_| is_over) {
            thread.closed_at = Some(now);
            thread.escalations.clear();
            self.forgets.insert((now.saturating_add(seconds(self.settings.thread_kept_seconds)), incident));
        }
        true
    }

    /// Everybody who knows that it began, or is about to be told, is told that it is over.
    fn tell_over(&mut self, policy: &Policy, incident: &str, now: UnixNanos) {
        let Some(thread) = self.threads.get(incident) else { return };
        let episode = thread.message.episode;
        let knowing: Vec<String> = thread
            .told
            .iter()
            .filter(|(_, told)| !told.is_idle() || (told.knows(episode) && !told.over))
            .map(|(receiver, _)| receiver.clone())
            .collect();
        for receiver in knowing {
            let tells = policy.target(&receiver).is_none_or(|target| target.tells_resolved());
            let waits = self.told(incident, &receiver).is_some_and(|told| told.next.is_some());
            if tells || waits {
                let to = destination(receiver);
                self.plan(policy, incident, &to, Occasion::Resolved, now);
            }
        }
    }

    fn schedule_escalations(&mut self, incident: &str, destinations: &[Destination], now: UnixNanos) {
        let Some(thread) = self.threads.get_mut(incident) else { return };
        thread.escalations = destinations
            .iter()
            .filter_map(|to| to.escalate.as_ref())
            .map(|escalation| (now.saturating_add(escalation.after.0), escalation.receivers.clone()))
            .collect();
        thread.escalations.dedup();
    }

    fn repeat(&mut self, policy: &Policy, incident: &str, now: UnixNanos) {
        let Some(thread) = self.threads.get(incident).filter(|thread| thread.is_unacknowledged()) else { return };
        let due: Vec<String> = thread
            .told
            .iter()
            .filter(|(_, told)| told.is_idle() && told.repeat_at.is_some_and(|at| at <= now))
            .map(|(receiver, _)| receiver.clone())
            .collect();
        if due.is_empty() {
            return;
        }
        let destinations = policy.destinations(&thread.message, now);
        for receiver in due {
            match destinations.iter().find(|to| to.receiver == receiver) {
                Some(to) => self.plan(policy, incident, to, Occasion::Repeat, now),
                // The route no longer leads there: it is told the end, but not reminded.
                None => {
                    if let Some(told) = self.told_mut(incident, &receiver) {
                        told.repeat_at = None;
                    }
                }
            }
        }
        self.touch_thread(incident);
    }

    fn escalate(&mut self, policy: &Policy, incident: &str, now: UnixNanos) {
        let Some(thread) = self.threads.get_mut(incident).filter(|thread| thread.is_unacknowledged()) else { return };
        let (due, later) = std::mem::take(&mut thread.escalations).into_iter().partition(|(at, _)| *at <= now);
        thread.escalations = later;
        let due: Vec<(UnixNanos, Vec<String>)> = due;
        let receivers: BTreeSet<String> = due.into_iter().flat_map(|(_, receivers)| receivers).collect();
        for receiver in receivers {
            self.plan(policy, incident, &destination(receiver), Occasion::Escalated, now);
            self.touch_thread(incident);
        }
    }

    fn forget(&mut self, now: UnixNanos) {
        while let Some((at, incident)) = self.forgets.first().cloned().filter(|(at, _)| *at <= now) {
            self.forgets.pop_first();
            let kept = seconds(self.settings.thread_kept_seconds);
            let Some(thread) = self.threads.get(&incident) else { continue };
            if thread.closed_at.is_none_or(|closed| closed.saturating_add(kept) > at) {
                continue;
            }
            if thread.told.values().all(Told::is_idle) {
                self.threads.remove(&incident);
                self.touch_thread(&incident);
            } else {
                // It is still being told: later.
                self.forgets.insert((now.saturating_add(seconds(3600)), incident.clone()));
            }
        }
        let idle: Vec<String> =
            self.endpoints.iter().filter(|(_, e)| e.is_idle(now)).map(|(name, _)| name.clone()).collect();
        for name in idle {
            self.endpoints.remove(&name);
            self.touch_endpoint(&name);
        }
    }

    /// An occasion for one receiver: it joins what waits, or becomes an entry.
    pub(super) fn plan(
        &mut self,
        policy: &Policy,
        incident: &str,
        to: &Destination,
        occasion: Occasion,
        now: UnixNanos,
    ) {
        let Some(thread) = self.threads.get(incident) else { return };
        let told = thread.told.get(&to.receiver).cloned().unwrap_or_default();
        let knows = told.knows(thread.message.episode) || told.head.is_some();
        // Who has not heard of it yet hears of it as new.
        let occasion = match occasion {
            Occasion::CauseChanged | Occasion::SeverityRaised | Occasion::ScopeDoubled if !knows => Occasion::Opened,
            Occasion::Opened if told.knows(thread.message.episode) && !told.over => Occasion::CauseChanged,
            other => other,
        };
        match told.next.clone() {
            Some(next) => self.join(policy, incident, &next, occasion, to, now),
            None => self.enter(policy, incident, to, occasion, &told, now),
        }
    }

    /// Newer news joins an entry of which nothing has been sent.
    fn join(
        &mut self,
        policy: &Policy,
        incident: &str,
        next: &EntryId,
        occasion: Occasion,
        to: &Destination,
        now: UnixNanos,
    ) {
        let Some((thread, told)) = self.threads.get(incident).zip(self.told(incident, &to.receiver)) else { return };
        let knew = told.knows(thread.message.episode) || told.head.is_some();
        let due_at = due_at(thread, told, occasion, &to.timing, now);
        let Some(entry) = self.entries.get_mut(next) else { return };
        let unsettled = now < entry.settles_at || entry.hold.is_some();
        if occasion == Occasion::Resolved && !knew && unsettled && entry.attempts == 0 && !entry.digest_only {
            entry.error = Some("it was over before it was told".to_owned());
            self.row(next, policy, Standing::Dropped, now);
            self.remove(next);
            if let Some(told) = self.told_mut(incident, &to.receiver) {
                told.next = None;
            }
            return;
        }
        entry.occasion = entry.occasion.merged(occasion);
        if entry.attempts == 0 && !entry.digest_only {
            entry.due_at = entry.due_at.min(due_at.max(entry.settles_at));
        }
        self.touch_entry(next);
        self.reprieve(policy, incident, next);
    }

    /// An entry that waits for a digest is told at once when its severity has become exempt.
    fn reprieve(&mut self, policy: &Policy, incident: &str, id: &EntryId) {
        let Some(message) = self.threads.get(incident).map(|thread| &thread.message) else { return };
        let exempt = message.team.as_deref().and_then(|team| policy.budget(team)).map(|budget| budget.exempt);
        let is_exempt = exempt.is_some_and(|exempt| message.severity >= exempt && message.state != State::Resolved);
        if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.digest_only && is_exempt) {
            entry.digest_only = false;
            entry.due_at = entry.settles_at;
        }
    }

    fn enter(
        &mut self,
        policy: &Policy,
        incident: &str,
        to: &Destination,
        occasion: Occasion,
        told: &Told,
        now: UnixNanos,
    ) {
        if self.entries.len() >= self.settings.entries_max {
            return self.refuse(incident, occasion, now);
        }
        let Some(thread) = self.threads.get_mut(incident) else { return };
        thread.sequence += 1;
        let name = format!("{incident}/{}/{}/{}", to.receiver, thread.sequence, occasion.as_str());
        let id = EntryId(format!("N-{}", ContentHash::of_identity(name.as_bytes())));
        let due_at = due_at(thread, told, occasion, &to.timing, now);
        let settles = matches!(occasion, Occasion::Opened | Occasion::Reopened);
        let entry = Entry {
            id: id.clone(),
            receiver: to.receiver.clone(),
            incident: Some(incident.to_owned()),
            occasion,
            phase: Phase::Waiting,
            content: None,
            created_at: now,
            due_at,
            settles_at: if settles { now.saturating_add(to.timing.group_wait.0) } else { now },
            attempts: 0,
            failing_since: None,
            doubt: false,
            plain: false,
            digest_only: false,
            quiet: to.quiet.clone(),
            hold: None,
            error: None,
            stands_for: Vec::new(),
            stood_in: false,
        };
        thread.told.entry(to.receiver.clone()).or_default().next = Some(id.clone());
        self.entries.insert(id.clone(), entry);
        self.spend(policy, incident, &id, told, now);
        self.queue(&id);
        self.touch_entry(&id);
        self.row(&id, policy, Standing::Waiting, now);
    }

    /// Takes a page from the team's budget, or sends the entry into the digest.
    fn spend(&mut self, policy: &Policy, incident: &str, id: &EntryId, told: &Told, now: UnixNanos) {
        let (Some(thread), Some(entry)) = (self.threads.get(incident), self.entries.get_mut(id)) else { return };
        let message = &thread.message;
        let takes_digests = policy.target(&entry.receiver).is_some_and(|target| target.limits.digest.0 > 0);
        let Some(team) = message.team.clone() else { return };
        let Some(budget) = policy.budget(&team).filter(|_| takes_digests) else { return };
        let by_digest = told.by_digest && told.knows(message.episode);
        let is_over = message.state == State::Resolved;
        if entry.occasion == Occasion::Escalated || (message.severity >= budget.exempt && !(is_over && by_digest)) {
            return;
        }
        let pages = matches!(entry.occasion, Occasion::Opened | Occasion::Reopened | Occasion::Repeat);
        if !pages && !by_digest {
            return;
        }
        let spent = self.spent.entry(team.clone()).or_default();
        let from = now.saturating_sub(budget.per.0);
        while spent.pages.front().is_some_and(|page| *page <= from) {
            spent.pages.pop_front();
        }
        if pages && !by_digest && spent.pages.len() < budget.pages as usize {
            spent.pages.push_back(now);
        } else {
            let at = spent.digest_at.filter(|at| *at > now).unwrap_or(now.saturating_add(budget.digest_every.0));
            spent.digest_at = Some(at);
            entry.digest_only = true;
            entry.due_at = entry.due_at.max(at);
        }
        self.dirty.insert((DocumentKind::Budget, team));
    }

    fn refuse(&mut self, incident: &str, occasion: Occasion, now: UnixNanos) {
        self.refused += 1;
        let why = "the outbox is full: nobody is told of this";
        self.unsent(incident, occasion, Standing::Refused, why, now);
    }

    fn nobody(&mut self, incident: &str, occasion: Occasion, now: UnixNanos) {
        self.unsent(incident, occasion, Standing::Nobody, "no receiver is configured", now);
    }

    /// A row for what never became an entry.
    fn unsent(&mut self, incident: &str, occasion: Occasion, state: Standing, why: &str, now: UnixNanos) {
        let name = format!("{incident}/{}/{}", state.as_str(), now.0);
        self.rows.push(LedgerRow {
            id: EntryId(format!("N-{}", ContentHash::of_identity(name.as_bytes()))),
            time: now,
            incident_id: Some(incident.to_owned()),
            receiver: String::new(),
            channel: String::new(),
            occasion,
            state,
            attempts: 0,
            planned_at: now,
            sent_at: None,
            error: Some(why.to_owned()),
            digest: None,
            stands_for: None,
        });
    }

    pub(super) fn told(&self, incident: &str, receiver: &str) -> Option<&Told> {
        self.threads.get(incident)?.told.get(receiver)
    }

    pub(super) fn told_mut(&mut self, incident: &str, receiver: &str) -> Option<&mut Told> {
        self.threads.get_mut(incident)?.told.get_mut(receiver)
    }
}

/// A receiver that is told whatever the routes say now.
pub(super) fn destination(receiver: String) -> Destination {
    let timing = Timing::default();
    Destination { receiver, route: String::new(), timing, quiet: Vec::new(), escalate: None }
}

/// When an occasion is due: the first telling waits for the picture to settle, smaller news for the interval,
/// what raises the alarm or ends it for nothing.
fn due_at(thread: &Thread, told: &Told, occasion: Occasion, timing: &Timing, now: UnixNanos) -> UnixNanos {
    let settled = now.saturating_add(timing.group_wait.0);
    let apart = |at: UnixNanos| told.at.map_or(at, |last| at.max(last.saturating_add(timing.group_interval.0)));
    match occasion {
        Occasion::Opened => settled,
        Occasion::Reopened => apart(settled),
        // The first cause is what everybody waits for; a change of mind can wait.
        Occasion::CauseChanged if !told.had_cause && thread.message.cause.is_some() => now,
        Occasion::CauseChanged | Occasion::ScopeDoubled => apart(now),
        _ => now,
    }
}
