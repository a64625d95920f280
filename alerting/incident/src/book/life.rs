//! Time passes: episodes end, incidents are told, part, are mitigated, resolved, opened again, put away.
//!
//! It refuses to ask a clock. Invariant: an event is given out once, when what it says has become so.

use super::docs::Key;
use super::live::Live;
use super::{Book, Event, Occasion};
use crate::cover::parted;
use crate::episode::Role;
use crate::incident::{IncidentId, JoinRule, State};
use crate::severity::Severity;
use crate::verdict::Confidence;
use crate::words;
use hashbrown::HashSet;
use model::{Bilingual, UnixNanos};
use std::time::Duration;

/// The structure of a growing incident is asked again after this long.
const PART_AGAIN: Duration = Duration::from_secs(10);
/// An incident that did not grow for this long is complete enough to be told.
const STILL: Duration = Duration::from_secs(2);
/// A symptom that stays this long after its cause is told for itself.
const PROMOTE: Duration = Duration::from_secs(600);
/// Alerts that may come back without a verdict saying it is the same trouble: a few are told apart by name.
const FEW: u64 = 5;

impl Book {
    /// Lets time pass until event time `now`. The events are what people may have to be told, oldest first.
    pub fn step(&mut self, now: UnixNanos) -> Vec<Event> {
        self.let_episodes_end(now);
        let ids: Vec<IncidentId> = self.live.keys().copied().collect();
        for id in ids {
            self.part_by_structure(id, now);
            self.announce(id, now);
            self.tell_changes(id, now);
            self.promote(id, now);
            self.settle_state(id, now);
            self.put_away(id, now);
        }
        std::mem::take(&mut self.pending)
    }

    fn let_episodes_end(&mut self, now: UnixNanos) {
        while let Some((at, slot)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, slot));
            let Some(episode) = self.episodes.get_mut(slot as usize).and_then(Option::as_mut) else { continue };
            let was = (episode.is_active(), episode.is_firing());
            // An episode that was told again since has a later deadline: nothing changes, it waits anew.
            if let Some(change) = episode.step(now, self.settings.keep_firing) {
                self.changed_episode(slot, was, change, now);
            }
            self.schedule(slot);
        }
    }

    /// Parts an incident whose alerts, by the graph, need two causes.
    fn part_by_structure(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let is_due = live.parted_at.is_none_or(|at| now >= at.saturating_add(PART_AGAIN));
        if !live.unparted || !is_due || live.incident.by_hand || !live.incident.is_live() {
            return;
        }
        // Its first moments say little: wait until it is about to be told.
        if now < live.incident.opened_at.saturating_add(self.settings.group_wait) {
            return;
        }
        // Who is sure of the cause knows more than the graph does.
        if live.incident.determined().is_some_and(|cause| cause.confidence == Confidence::High) {
            return;
        }
        live.unparted = false;
        live.parted_at = Some(now);
        let sufferers = live.sufferers();
        let Some(parts) = parted(&self.terrain, &sufferers) else { return };
        for part in parts.iter().skip(1) {
            let theirs: HashSet<_> = part.explains.iter().map(|index| sufferers[*index].spot).collect();
            let cause = words::entity(self.terrain.entity(sufferers[part.index].spot));
            let going: Vec<u32> = self.live.get(&id).map(|live| live.members.clone()).unwrap_or_default();
            let going: Vec<u32> = going
                .into_iter()
                .filter(|slot| {
                    let entity = self.episode_at(*slot).and_then(|episode| episode.entity.as_ref());
                    let spot = entity.and_then(|entity| self.terrain.find(entity));
                    spot.is_some_and(|spot| theirs.contains(&self.terrain.service_of(spot)))
                })
                .collect();
            self.split_off(id, &going, JoinRule::Split, &cause, None, now);
        }
    }

    /// Tells an incident when it has waited for what belongs to it, unless it is an old one come back.
    fn announce(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get(&id) else { return };
        if live.incident.announced || live.incident.merged_into.is_some() || live.incident.alerts == 0 {
            return;
        }
        if !self.is_ready(live, now) {
            return;
        }
        if let Some(before) = self.same_again(live, now) {
            self.come_back(before, id, now);
            return;
        }
        let Some(live) = self.live.get_mut(&id) else { return };
        live.incident.announced = true;
        mark_told(live);
        self.touch(id);
        self.say(id, now, Occasion::Opened);
    }

    fn is_ready(&self, live: &Live, now: UnixNanos) -> bool {
        let opened = live.incident.opened_at;
        let confidence = live.incident.determined().map(|cause| cause.confidence);
        if live.incident.severity >= Severity::High && confidence == Some(Confidence::High) {
            return true;
        }
        if now < opened.saturating_add(self.settings.group_wait) {
            return false;
        }
        let longest = match live.incident.severity {
            Severity::Critical => self.settings.group_wait * 2,
            Severity::High => self.settings.group_wait * 4,
            Severity::Medium => self.settings.group_wait * 6,
            Severity::Low => self.settings.group_wait_longest,
        };
        let is_judged = !self.settings.judged || live.judged_at.is_some();
        // Where the cause is known, further symptoms are none of the first message's business.
        let is_told_apart = confidence >= Some(Confidence::Medium) || now >= live.grew_at.saturating_add(STILL);
        is_judged && is_told_apart || now >= opened.saturating_add(longest.min(self.settings.group_wait_longest))
    }

    /// The incident that this one continues: what fires had fired there, lately, and it has the same cause.
    fn same_again(&self, live: &Live, now: UnixNanos) -> Option<IncidentId> {
        live.comes_back.iter().rev().copied().find(|id| {
            let Some(before) = self.live.get(id) else { return false };
            let recent =
                before.incident.resolved_at.is_none_or(|at| now <= at.saturating_add(self.settings.reopen_within));
            if !recent || before.incident.merged_into.is_some() || before.incident.by_hand || live.apart.contains(id) {
                return false;
            }
            let common = live.keys.iter().filter(|key| before.keys.contains(*key)).count() * 2 >= live.keys.len();
            let (then, now) = (before.incident.determined(), live.incident.determined());
            match (then, now) {
                (Some(then), Some(now)) => {
                    then.entity == now.entity && then.confidence.min(now.confidence) >= Confidence::Medium
                }
                // Nobody knows the cause: a few of the same alerts are the same trouble, a wave is not.
                _ => {
                    common
                        && live.incident.alerts <= FEW
                        && (before.incident.is_live() || before.incident.alerts <= FEW)
                }
            }
        })
    }

    fn come_back(&mut self, before: IncidentId, id: IncidentId, now: UnixNanos) {
        let was_over = self.live.get(&before).is_some_and(|live| !live.incident.is_live());
        let since = self.live.get(&id).map(|live| live.incident.first_at);
        if let Some(live) = self.live.get_mut(&before) {
            if was_over {
                live.incident.reopened += 1;
            }
            live.incident.state = if live.incident.clocks.acknowledged_at.is_some() && !was_over {
                State::Acknowledged
            } else {
                State::Open
            };
            live.incident.resolved_at = None;
            live.incident.clocks.resolved_at = None;
            live.incident.clocks.mitigated_at = None;
            live.cause_over = None;
            live.followed_at = None;
            live.returned_at = since;
        }
        let members = self.live.get_mut(&id).map(|live| std::mem::take(&mut live.members)).unwrap_or_default();
        for slot in members {
            self.move_member(slot, before, JoinRule::Refired, now);
        }
        self.forget(id);
        self.counters.opened = self.counters.opened.saturating_sub(1);
        if was_over {
            self.counters.reopened += 1;
            if let Some(live) = self.live.get_mut(&before) {
                let text = Bilingual::new("Opened again: the same trouble came back.", "重新打开：同一问题再次出现。");
                live.incident.note(now, "reopened", text, None);
            }
            self.say(before, now, Occasion::Reopened);
        }
        self.touch(before);
    }

    /// What has become worse or clearer since people were last told.
    fn tell_changes(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let incident = &mut live.incident;
        if !incident.announced || !incident.is_live() {
            return;
        }
        let services = incident.services.len() as u64 + incident.more_services;
        let cause = incident.determined().map(|cause| cause.entity.clone());
        let mut occasions = Vec::new();
        if incident.severity > incident.announced_severity {
            let text = words::severity_is(incident.severity);
            incident.note(now, "severity", text, None);
            occasions.push(Occasion::SeverityRaised);
        }
        if services >= incident.announced_services.max(1) * 2 && services >= incident.announced_services + 2 {
            let text = words::with("{} services are affected now.", "受影响的服务已达 {} 个。", &services.to_string());
            incident.note(now, "scope", text, None);
            occasions.push(Occasion::ScopeDoubled);
        }
        if cause.is_some() && cause != incident.announced_cause {
            occasions.push(Occasion::CauseChanged);
        }
        if occasions.is_empty() {
            return;
        }
        mark_told(live);
        self.touch(id);
        for occasion in occasions {
            self.say(id, now, occasion);
        }
    }

    /// When the cause is over and symptoms stay, they are what is told.
    fn promote(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get(&id).filter(|live| live.incident.is_live() && live.incident.firing > 0) else {
            return;
        };
        if live.cause_over.is_none() && live.ended == 0 {
            return;
        }
        let of_cause =
            live.members.iter().filter_map(|slot| self.episode_at(*slot)).filter(|episode| episode.role == Role::Cause);
        let (mut any, mut fires, mut over) = (false, false, UnixNanos(i64::MIN));
        for episode in of_cause {
            any = true;
            fires |= episode.ended_at.is_none();
            over = over.max(episode.ended_at.unwrap_or(over));
        }
        let Some(live) = self.live.get_mut(&id) else { return };
        live.cause_over = (any && !fires).then_some(over);
        if live.cause_over.is_none_or(|at| now < at.saturating_add(PROMOTE)) {
            return;
        }
        live.cause_over = None;
        live.unjudged = true;
        let text = Bilingual::new(
            "The cause is over, symptoms stay: they are told for themselves.",
            "根因已恢复但症状仍在，症状升级为独立告警。",
        );
        live.incident.note(now, "promoted", text, None);
        for slot in live.members.clone() {
            if let Some(episode) = self.episodes.get_mut(slot as usize).and_then(Option::as_mut)
                && episode.is_firing()
            {
                episode.role = Role::Cause;
                episode.explained_by = None;
                self.touch_episode(slot);
            }
        }
        self.touch(id);
        self.say(id, now, Occasion::Promoted);
    }

    /// Mitigated when nothing fires, resolved when every end has stood its hold.
    fn settle_state(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if !live.incident.is_live() || live.incident.alerts == 0 {
            return;
        }
        let (active, all_ended) = (live.active, live.incident.firing == 0);
        if active == 0 {
            let over =
                live.members.iter().filter_map(|slot| self.episodes.get(*slot as usize)?.as_ref()?.ended_at).max();
            self.resolve(id, over.unwrap_or(now), None, now);
            return;
        }
        let incident = &mut live.incident;
        if all_ended && incident.state != State::Mitigated {
            incident.state = State::Mitigated;
            incident.clocks.mitigated_at.get_or_insert(now);
            incident.note(now, "mitigated", Bilingual::new("Nothing fires any more.", "所有告警均已停止。"), None);
            self.touch(id);
            self.say(id, now, Occasion::Mitigated);
        } else if !all_ended && incident.state == State::Mitigated {
            incident.state = if incident.clocks.acknowledged_at.is_some() { State::Acknowledged } else { State::Open };
            incident.clocks.mitigated_at = None;
            incident.note(now, "open", Bilingual::new("It fires again.", "告警再次触发。"), None);
            self.touch(id);
        }
    }

    /// Closes an incident whose trouble was over at `over`.
    pub(super) fn resolve(&mut self, id: IncidentId, over: UnixNanos, actor: Option<&str>, now: UnixNanos) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let incident = &mut live.incident;
        incident.state = State::Resolved;
        incident.resolved_at = Some(over);
        incident.clocks.mitigated_at = incident.clocks.mitigated_at.map(|at| at.min(over)).or(Some(over));
        incident.clocks.resolved_at = Some(over);
        incident.note(now, "resolved", Bilingual::new("Resolved.", "已恢复。"), actor);
        let mut hurt: Vec<(UnixNanos, String)> =
            live.hurt.iter().map(|(spot, at)| (*at, self.terrain.entity(*spot).to_string())).collect();
        hurt.sort_unstable();
        let hurt: Vec<String> = hurt.into_iter().map(|(_, name)| name).collect();
        for entity in self.learnt.learn(&hurt) {
            self.dirty.insert(Key::Together(entity));
        }
        self.dirty.insert(Key::Past(id));
        for gone in self.learnt.remember(&live.incident, now) {
            self.dirty.insert(Key::Past(gone));
        }
        // What was never told (it opened and closed before people were told) is told once, as over.
        let announced = std::mem::replace(&mut live.incident.announced, true);
        self.touch(id);
        if !announced {
            self.say(id, now, Occasion::Opened);
        }
        self.say(id, now, Occasion::Resolved);
    }

    /// An incident that can no longer be opened again leaves memory as one document.
    fn put_away(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get(&id).filter(|live| !live.incident.is_live()) else { return };
        let over = live.incident.resolved_at.unwrap_or(now).max(live.incident.updated_at);
        let crowded = self.live.len() > self.settings.incidents;
        if now <= over.saturating_add(self.settings.reopen_within) && !crowded {
            return;
        }
        self.archive(id);
        self.counters.archived += 1;
    }

    /// Lets an incident and its episodes go, with everything that points to them.
    pub(super) fn forget(&mut self, id: IncidentId) {
        let Some(live) = self.live.remove(&id) else { return };
        for spot in live.activity.keys() {
            if let Some(ids) = self.active.get_mut(spot) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.active.remove(spot);
                }
            }
        }
        for slot in live.members {
            let Some(episode) = self.episodes.get_mut(slot as usize).and_then(Option::take) else { continue };
            let fingerprint = episode.alert.fingerprint;
            self.dirty.insert(Key::Episode(id, fingerprint));
            if self.current.get(&fingerprint) == Some(&slot) {
                self.current.remove(&fingerprint);
            }
            self.free.push(slot);
        }
        self.dirty.insert(Key::Incident(id));
    }
}

/// People know it as it is now.
fn mark_told(live: &mut Live) {
    let incident = &mut live.incident;
    incident.announced_severity = incident.severity;
    incident.announced_services = incident.services.len() as u64 + incident.more_services;
    incident.announced_cause =
        incident.determined().map(|cause| cause.entity.clone()).or(incident.announced_cause.take());
}
