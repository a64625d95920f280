//! Verdicts come in: they name the cause, give roles, part what needs two causes, join what needs one.
//!
//! It refuses to find causes itself. Invariant: a verdict moves alerts only where it is sure; a suspicion is
//! shown, never acted on.

use super::live::Live;
use super::merge::may_be_one;
use super::{Book, Occasion};
use crate::episode::Role;
use crate::incident::{IncidentId, JoinRule, SHOWN, State};
use crate::terrain::Spot;
use crate::verdict::{Cause, Confidence, Verdict};
use crate::words;
use hashbrown::{HashMap, HashSet};
use model::{Bilingual, Entity, EntityKind, UnixNanos};
use std::time::Duration;

/// A young incident is judged this often, an older one less.
const JUDGE_YOUNG: Duration = Duration::from_secs(5);
const JUDGE_OLD: Duration = Duration::from_secs(30);
const YOUNG: Duration = Duration::from_secs(120);
/// Incidents judged in one go.
pub(super) const JUDGED_AT_ONCE: usize = 64;

/// Whether a verdict only tells that there is less to see by now. A fault that is over leaves ever less of itself
/// beside the time that is well again: what was found while it lasted stands, until something new asks for more.
fn has_faded(verdict: &Verdict, stands: &Verdict, has_news: bool) -> bool {
    let score = |verdict: &Verdict| verdict.causes.first().map_or(0.0, |cause| cause.score);
    let was_sure = stands.undetermined.is_none() && !stands.causes.is_empty();
    let is_less = !has_news || score(verdict) * 2.0 < score(stands);
    verdict.causes.is_empty() || was_sure && verdict.undetermined.is_some() && is_less
}

impl Book {
    /// The incidents that should be judged now: those in which something happened since they last were.
    pub fn to_judge(&self, now: UnixNanos) -> Vec<IncidentId> {
        let due = |live: &Live| {
            let wait = if now < live.incident.opened_at.saturating_add(YOUNG) { JUDGE_YOUNG } else { JUDGE_OLD };
            live.unjudged && live.incident.is_live() && live.judged_at.is_none_or(|at| now >= at.saturating_add(wait))
        };
        self.live.iter().rev().filter(|(_, live)| due(live)).map(|(id, _)| *id).take(JUDGED_AT_ONCE).collect()
    }

    /// The incidents from which a ranker may learn now what usually fires, each once: those that are over, that
    /// took in nothing for the idle gap, or that the next wave has followed.
    pub fn to_learn(&mut self, now: UnixNanos) -> Vec<IncidentId> {
        let waves = self.live.values().filter(|live| live.members.len() >= super::wave::WAVE);
        let followed: HashSet<IncidentId> = waves.flat_map(|live| live.comes_back.iter().copied()).collect();
        let is_done = |live: &Live| {
            !live.incident.learnt
                && live.incident.alerts > 0
                && (!live.incident.is_live()
                    || now > live.incident.last_at.saturating_add(self.settings.idle_gap)
                    || followed.contains(&live.incident.id))
        };
        let ids: Vec<IncidentId> = self.live.iter().filter(|(_, live)| is_done(live)).map(|(id, _)| *id).collect();
        for id in &ids {
            if let Some(live) = self.live.get_mut(id) {
                live.incident.learnt = true;
            }
            self.touch(*id);
        }
        ids
    }

    /// Takes a verdict on an incident at event time `now`. One that is gone or merged is not judged any more, and
    /// a verdict that has merely faded leaves what was said.
    pub fn judged(&mut self, id: IncidentId, verdict: Verdict, now: UnixNanos) {
        let Some(live) = self.live.get_mut(&id).filter(|live| live.incident.merged_into.is_none()) else { return };
        live.judged_at = Some(now);
        let has_news = std::mem::replace(&mut live.unjudged, false);
        if let Some(stands) = live.incident.verdict.as_mut().filter(|stands| has_faded(&verdict, stands, has_news)) {
            stands.judged_at = verdict.judged_at;
            return;
        }
        let top = verdict.causes.first().map(|cause| (cause.entity.clone(), cause.kind));
        let undetermined = verdict.undetermined.is_some();
        let incident = &mut live.incident;
        let before = incident.cause().map(|cause| (cause.entity.clone(), cause.kind));
        let was_undetermined = incident.verdict.as_ref().is_some_and(|verdict| verdict.undetermined.is_some());
        if let Some((entity, kind)) = &top {
            if incident.shown.len() < SHOWN {
                incident.shown.entry(entity.to_string()).or_insert(now);
            }
            if top != before || undetermined != was_undetermined {
                incident.note(now, "cause", words::cause_shown(entity, *kind, undetermined), None);
            }
        }
        incident.clocks.fault_at = verdict.onset.or(incident.clocks.fault_at).map(|at| at.min(incident.first_at));
        let is_same = incident.verdict.as_ref().is_some_and(|known| is_alike(known, &verdict));
        incident.verdict = Some(verdict);
        self.locate(id);
        self.give_roles(id, now);
        if !is_same {
            self.retitle(id);
            self.touch(id);
        }
        self.part_by_verdict(id, now);
        self.join_by_verdict(id, now);
    }

    /// The located clock: when the cause that stands, or the one a person confirmed, was first shown.
    pub(super) fn locate(&mut self, id: IncidentId) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let incident = &mut live.incident;
        let confirmed =
            incident.feedback.iter().rev().find(|said| said.verdict == "right").and_then(|said| said.entity.as_ref());
        let standing = confirmed.or_else(|| incident.determined().map(|cause| &cause.entity));
        incident.clocks.located_at = standing.and_then(|entity| incident.shown.get(&entity.to_string()).copied());
    }

    pub(super) fn retitle(&mut self, id: IncidentId) {
        let Some(live) = self.live.get(&id) else { return };
        let first = live.members.first().and_then(|slot| self.episode_at(*slot));
        let (name, at) = first.map(|first| (first.alert.name.as_str(), first.entity.as_ref())).unwrap_or_default();
        let services = live.incident.services.len() as u64 + live.incident.more_services;
        let cause = live.incident.determined().map(|cause| (&cause.entity, cause.kind));
        let title = words::title(cause, name, at, services);
        if let Some(live) = self.live.get_mut(&id) {
            live.incident.title = title;
        }
    }

    /// Cause: what fires at the cause or at a part of it. Symptom: the rest, with what explains it.
    fn give_roles(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get(&id) else { return };
        let Some(verdict) = live.incident.verdict.as_ref() else { return };
        let Some(top) = verdict.causes.first() else { return };
        let at_cause = self.parts_of(&top.entity, now);
        let by: HashMap<&Entity, &Entity> = verdict.explained.iter().map(|found| (&found.entity, &found.by)).collect();
        let mut changes = Vec::new();
        for slot in &live.members {
            let Some(episode) = self.episode_at(*slot) else { continue };
            let spot = episode.entity.as_ref().and_then(|entity| self.terrain.find(entity));
            let is_cause = spot.is_some_and(|spot| at_cause.contains(&spot));
            let lifted = spot.map(|spot| self.terrain.entity(self.terrain.service_of(spot)));
            let explained =
                [episode.entity.as_ref(), lifted].into_iter().flatten().find_map(|entity| by.get(entity).copied());
            let (role, explained_by) = match (is_cause, explained) {
                (true, _) => (Role::Cause, None),
                (false, Some(by)) => (Role::Symptom, Some(by.clone())),
                (false, None) => (Role::Symptom, Some(top.entity.clone())),
            };
            if (role, &explained_by) != (episode.role, &episode.explained_by) {
                changes.push((*slot, role, explained_by));
            }
        }
        drop(by);
        for (slot, role, explained_by) in changes {
            if let Some(episode) = self.episodes.get_mut(slot as usize).and_then(Option::as_mut) {
                episode.role = role;
                episode.explained_by = explained_by;
            }
            self.touch_episode(slot);
        }
    }

    /// An entity and what is part of it: a service's instances; of a machine only itself.
    fn parts_of(&self, entity: &Entity, now: UnixNanos) -> HashSet<Spot> {
        let entity = match (entity.kind, entity.name.split_once('/')) {
            (EntityKind::Operation, Some((service, _))) => Entity::service(service),
            _ => entity.clone(),
        };
        let Some(spot) = self.terrain.find(&entity) else { return HashSet::new() };
        let mut parts: HashSet<Spot> = self.terrain.members(spot).iter().copied().collect();
        parts.insert(spot);
        if matches!(entity.kind, EntityKind::Site | EntityKind::Region) {
            parts.extend(self.terrain.guests(spot, now));
        }
        parts
    }

    /// Splits where the verdict is sure of two causes that began with the incident and explain different things.
    fn part_by_verdict(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get(&id).filter(|live| !live.incident.by_hand) else { return };
        let Some(verdict) = live.incident.verdict.as_ref().filter(|verdict| verdict.undetermined.is_none()) else {
            return;
        };
        let sure: Vec<&Cause> = verdict.causes.iter().filter(|cause| cause.confidence == Confidence::High).collect();
        let [first, others @ ..] = sure.as_slice() else { return };
        let mut parts: Vec<(Entity, Vec<u32>)> = Vec::new();
        for other in others.iter().filter(|other| other.entity != first.entity) {
            let near = self.terrain.find(&first.entity).zip(self.terrain.find(&other.entity));
            if near.is_none_or(|(a, b)| self.is_one_thing(a, b, now)) {
                continue;
            }
            let own = self.parts_of(&other.entity, now);
            let going = live.members.iter().copied().filter(|slot| {
                self.episode_at(*slot).is_some_and(|episode| {
                    let spot = episode.entity.as_ref().and_then(|entity| self.terrain.find(entity));
                    spot.is_some_and(|spot| own.contains(&spot)) || episode.explained_by.as_ref() == Some(&other.entity)
                })
            });
            let going: Vec<u32> = going.collect();
            if !going.is_empty() && going.len() < live.members.len() {
                parts.push((other.entity.clone(), going));
            }
        }
        for (entity, going) in parts {
            let why = words::entity(&entity);
            self.split_off(id, &going, JoinRule::Split, &why, None, now);
        }
    }

    /// An instance and its service, or a machine and what runs on it, are not two causes.
    fn is_one_thing(&self, one: Spot, two: Spot, now: UnixNanos) -> bool {
        self.terrain.service_of(one) == self.terrain.service_of(two)
            || self.terrain.hosts(one, now).any(|host| host == two)
            || self.terrain.hosts(two, now).any(|host| host == one)
            || self.terrain.members(one).iter().any(|member| self.terrain.hosts(*member, now).any(|host| host == two))
            || self.terrain.members(two).iter().any(|member| self.terrain.hosts(*member, now).any(|host| host == one))
    }

    /// Two incidents of which verdicts name one cause are one.
    fn join_by_verdict(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get(&id) else { return };
        let Some(cause) = live.incident.determined().map(|cause| cause.entity.clone()) else { return };
        let from = live.incident.first_at.saturating_sub(self.settings.idle_gap);
        let until = live.incident.last_at.saturating_add(self.settings.idle_gap);
        let twin = self.live.values().find(|other| {
            other.incident.id != id
                && may_be_one(live, other)
                && other.incident.determined().is_some_and(|theirs| theirs.entity == cause)
                && self.is_explained(live, &cause)
                && self.is_explained(other, &cause)
                && other.incident.last_at >= from
                && other.incident.first_at <= until
                && !live.comes_back.contains(&other.incident.id)
        });
        if let Some(twin) = twin.map(|twin| twin.incident.id) {
            self.merge(id, twin, now);
        }
    }

    /// Whether the incident's verdict hangs most of what is hurt in it on the cause. A verdict may name what is
    /// worst in the whole system, which need not be what hurts here.
    fn is_explained(&self, live: &Live, cause: &Entity) -> bool {
        let Some(verdict) = &live.incident.verdict else { return false };
        let by_cause = verdict.explained.iter().filter(|found| found.by == *cause).map(|found| &found.entity);
        let explained: HashSet<Spot> = by_cause
            .chain([cause])
            .filter_map(|entity| self.terrain.find(entity))
            .map(|spot| self.terrain.service_of(spot))
            .collect();
        let count = live.hurt.keys().filter(|spot| explained.contains(*spot)).count();
        count * 2 >= live.hurt.len()
    }

    /// Makes an incident of its own of some members. Answers its id.
    pub(super) fn split_off(
        &mut self,
        id: IncidentId,
        going: &[u32],
        rule: JoinRule,
        why: &Bilingual,
        actor: Option<&str>,
        now: UnixNanos,
    ) -> Option<IncidentId> {
        let first_at = going.iter().filter_map(|slot| self.episode_at(*slot)).map(|episode| episode.starts_at).min()?;
        let new = self.open(first_at, now);
        for slot in going {
            self.move_member(*slot, new, rule, now);
        }
        self.rebuild(id, now);
        let (left, came) = (format!("{new} ({})", why.en), format!("{new}（{}）", why.zh));
        let left = Bilingual::new(format!("Split off {left}."), format!("拆分出 {came}。"));
        let came = Bilingual::new(format!("Split from {id} ({}).", why.en), format!("由 {id}（{}）拆分而来。", why.zh));
        for (at, text) in [(id, left), (new, came)] {
            if let Some(live) = self.live.get_mut(&at) {
                live.incident.note(now, "split", text, actor);
            }
        }
        if let Some(old) = self.live.get_mut(&id) {
            old.apart.insert(new);
            old.unjudged = true;
        }
        let announced = self.live.get(&id).is_some_and(|live| live.incident.announced);
        if let Some(live) = self.live.get_mut(&new) {
            live.apart.insert(id);
            live.incident.split_from = Some(id);
            live.incident.by_hand = actor.is_some();
        }
        self.give_first_role(new);
        self.counters.split += 1;
        if announced {
            self.say(id, now, Occasion::Split(new));
        }
        Some(new)
    }

    fn give_first_role(&mut self, id: IncidentId) {
        let first = self.live.get(&id).and_then(|live| live.members.first().copied());
        if let Some(episode) = first.and_then(|slot| self.episodes.get_mut(slot as usize)?.as_mut()) {
            episode.role = Role::Cause;
            episode.explained_by = None;
        }
    }

    /// Derives an incident's sums again after members left it.
    pub(super) fn rebuild(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let members = std::mem::take(&mut live.members);
        for spot in live.activity.keys() {
            if let Some(ids) = self.active.get_mut(spot) {
                ids.retain(|other| *other != id);
            }
        }
        let incident =
            std::mem::replace(&mut live.incident, crate::incident::Incident::new(id, UnixNanos(i64::MAX), now));
        let (told, story) = (incident.told, incident);
        *live = Live {
            apart: std::mem::take(&mut live.apart),
            comes_back: std::mem::take(&mut live.comes_back),
            judged_at: live.judged_at,
            parted_at: live.parted_at,
            ..Live::new(story)
        };
        let sums = &mut live.incident;
        (sums.told, sums.alerts, sums.firing, sums.more_services) = (0, 0, 0, 0);
        sums.services.clear();
        let last_at = sums.last_at;
        for slot in members {
            let Some(episode) = self.episode_at(slot).filter(|episode| episode.incident == id) else { continue };
            let spot = episode.entity.as_ref().and_then(|entity| self.terrain.find(entity));
            self.attach(id, slot, spot, now);
        }
        if let Some(live) = self.live.get_mut(&id) {
            live.incident.told = live.incident.told.min(told);
            live.incident.last_at = last_at;
            if live.incident.alerts == 0 {
                live.incident.state = State::Resolved;
                live.incident.resolved_at = Some(now);
            }
        }
        self.touch(id);
    }
}

/// Whether people would see no difference worth writing down.
fn is_alike(one: &Verdict, two: &Verdict) -> bool {
    one.undetermined == two.undetermined
        && one.causes == two.causes
        && one.explained == two.explained
        && one.changes == two.changes
}
