//! Incidents become one: members move, and what goes says where it went.
//!
//! It refuses to decide whether they should. Invariant: an incident has one episode of each alert, and every alert
//! stays in exactly one incident.

use super::live::COMES_BACK;
use super::{Book, Key, Live, Occasion};
use crate::incident::{IncidentId, JoinRule, Reason, State};
use crate::words;
use model::UnixNanos;

impl Book {
    /// Puts the younger incident into the older one; the answer is the one that stays.
    pub(super) fn merge(&mut self, one: IncidentId, two: IncidentId, now: UnixNanos) -> IncidentId {
        let first = |id: &IncidentId| self.live.get(id).map(|live| (live.incident.first_at, live.incident.id));
        let (stays, goes) = if first(&one) <= first(&two) { (one, two) } else { (two, one) };
        self.merge_into_as(goes, stays, None, now);
        stays
    }

    /// Puts one incident into another because a person wants it.
    pub(super) fn merge_into(&mut self, goes: IncidentId, stays: IncidentId, actor: &str, now: UnixNanos) {
        self.merge_into_as(goes, stays, Some(actor), now);
    }

    fn merge_into_as(&mut self, goes: IncidentId, stays: IncidentId, actor: Option<&str>, now: UnixNanos) {
        let Some(mut gone) = self.live.remove(&goes) else { return };
        let members = std::mem::take(&mut gone.members);
        for slot in members {
            self.move_member(slot, stays, if actor.is_some() { JoinRule::ByHand } else { JoinRule::Merged }, now);
        }
        if let Some(live) = self.live.get_mut(&stays) {
            let text =
                words::with("Took in {}: one cause explains both.", "并入 {}：同一根因可解释两者。", &goes.to_string());
            live.incident.note(now, "merged", text, actor);
            live.incident.clocks.notified_at = live.incident.clocks.notified_at.or(gone.incident.clocks.notified_at);
            live.comes_back.extend(gone.comes_back.iter().filter(|id| **id != stays));
            live.apart.extend(gone.apart.iter());
            live.comes_back.truncate(COMES_BACK);
        }
        let text = words::with("Became part of {}.", "已并入 {}。", &stays.to_string());
        gone.incident.note(now, "merged", text, actor);
        gone.incident.merged_into = Some(stays);
        gone.incident.state = State::Resolved;
        gone.incident.resolved_at = Some(now);
        (gone.active, gone.ended) = (0, 0);
        (gone.incident.alerts, gone.incident.firing, gone.incident.told) = (0, 0, 0);
        let was_announced = gone.incident.announced;
        for spot in gone.activity.keys() {
            if let Some(ids) = self.active.get_mut(spot) {
                ids.retain(|id| *id != goes);
            }
        }
        gone.activity.clear();
        gone.hurt.clear();
        gone.keys.clear();
        gone.unjudged = false;
        gone.unparted = false;
        self.live.insert(goes, gone);
        self.counters.merged += 1;
        self.touch(goes);
        if was_announced {
            self.say(goes, now, Occasion::Merged(stays));
        }
    }

    /// An incident has one episode of each alert: the earlier one of this identity gives way to the current one,
    /// which counts on. Answers whether the given one is it.
    pub(super) fn unite(&mut self, id: IncidentId, slot: u32) -> bool {
        let Some(episode) = self.episode_at(slot) else { return false };
        let (fingerprint, key) = (episode.alert.fingerprint, episode.kind_key());
        let Some(live) = self.live.get(&id).filter(|live| live.keys.contains(&key)) else { return true };
        let is_twin = |other: &u32| {
            *other != slot && self.episode_at(*other).is_some_and(|other| other.alert.fingerprint == fingerprint)
        };
        let Some(twin) = live.members.iter().copied().find(is_twin) else { return true };
        let (stays, goes) = if self.current.get(&fingerprint) == Some(&twin) { (twin, slot) } else { (slot, twin) };
        let Some(gone) = self.episodes.get_mut(goes as usize).and_then(Option::take) else { return true };
        self.free.push(goes);
        self.dirty.insert(Key::Episode(gone.incident, fingerprint));
        if let Some(episode) = self.episodes.get_mut(stays as usize).and_then(Option::as_mut) {
            episode.count += gone.count;
            episode.folded += gone.folded;
        }
        let Some(live) = self.live.get_mut(&id) else { return stays == slot };
        if goes == twin {
            live.members.retain(|other| *other != twin);
            live.active -= u64::from(gone.is_active()).min(live.active);
            live.ended -= u64::from(gone.ended_at.is_some()).min(live.ended);
            live.incident.firing -= u64::from(gone.is_firing()).min(live.incident.firing);
            live.incident.alerts = live.incident.alerts.saturating_sub(1);
            live.incident.told = live.incident.told.saturating_sub(gone.count);
        } else {
            live.incident.told += gone.count;
            self.touch_episode(stays);
            self.touch(id);
        }
        stays == slot
    }

    /// Moves a kept episode to another incident. The one it leaves must forget it itself.
    pub(super) fn move_member(&mut self, slot: u32, to: IncidentId, rule: JoinRule, now: UnixNanos) {
        if !self.unite(to, slot) {
            return;
        }
        let Some(episode) = self.episodes.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        self.dirty.insert(Key::Episode(episode.incident, episode.alert.fingerprint));
        episode.incident = to;
        if episode.reason.rule == JoinRule::First || rule != JoinRule::Merged {
            let text = words::joined(rule, episode.entity.as_ref(), None, None);
            episode.reason = Reason { rule, text, via: episode.entity.iter().cloned().collect(), affinity: 1.0 };
        }
        let spot = episode.entity.as_ref().and_then(|entity| self.terrain.find(entity));
        self.attach(to, slot, spot, now);
    }
}

/// Whether two incidents may become one without a person.
pub(super) fn may_be_one(one: &Live, two: &Live) -> bool {
    may_be_one_again(one, two) && !one.apart.contains(&two.incident.id) && !two.apart.contains(&one.incident.id)
}

/// Whether they may, even though they were parted before; what people have parted stays apart.
pub(super) fn may_be_one_again(one: &Live, two: &Live) -> bool {
    let by_others = match (&one.incident.assignee, &two.incident.assignee) {
        (Some(a), Some(b)) => a != b,
        _ => false,
    };
    !by_others
        && !one.incident.by_hand
        && !two.incident.by_hand
        && one.incident.merged_into.is_none()
        && two.incident.merged_into.is_none()
        && one.incident.is_live()
        && two.incident.is_live()
}
