//! Verdicts come in: they name the cause, give roles, part what needs two causes, join what needs one.
//!
//! It refuses to find causes itself. Invariant: a verdict moves alerts only where it is sure; a suspicion is
//! shown, never acted on.

use super::live::Live;
use super::merge::{may_be_one, may_be_one_again};
use super::{Book, Occasion};
use crate::episode::{Episode, Role};
use crate::harm::Harm;
use crate::incident::{IncidentId, JoinRule, SHOWN, State};
use crate::terrain::Spot;
use crate::verdict::{Confidence, Verdict};
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
/// beside the time that is well again, and what makes up for it (a backlog worked off) looks like a cause of its own:
/// what was found while it lasted stands, until something is known that weighs half as much, or something new is told
/// and nothing sure was.
fn has_faded(verdict: &Verdict, stands: &Verdict, has_news: bool) -> bool {
    let weight = |verdict: &Verdict| verdict.causes.iter().map(|cause| cause.score).fold(0.0, f64::max);
    let was_sure = stands.undetermined.is_none() && !stands.causes.is_empty();
    let is_less = weight(verdict) * 2.0 < weight(stands) || verdict.undetermined.is_some() && !has_news;
    verdict.causes.is_empty() || was_sure && is_less
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
        let hanging = Hanging::of(verdict);
        let sure = verdict.causes.iter().skip(1).filter(|cause| cause.confidence == Confidence::High);
        let at_others: Vec<(&Entity, HashSet<Spot>)> =
            sure.map(|cause| (&cause.entity, self.parts_of(&cause.entity, now))).collect();
        let at_cause = self.parts_of(&top.entity, now);
        let mut changes = Vec::new();
        for slot in &live.members {
            let Some(episode) = self.episode_at(*slot) else { continue };
            let spot = episode.entity.as_ref().and_then(|entity| self.terrain.find(entity));
            let lifted = spot.map(|spot| self.terrain.entity(self.terrain.service_of(spot)));
            let is_at = |parts: &HashSet<Spot>| spot.is_some_and(|spot| parts.contains(&spot));
            let by = hanging.by(episode, lifted).or_else(|| {
                let at_other = at_others.iter().find(|(_, parts)| !is_at(&at_cause) && is_at(parts));
                at_other.map(|(cause, _)| *cause)
            });
            let (role, explained_by) = match by {
                // What shows at the cause may be the wake of another.
                Some(other) if *other != top.entity => (Role::Symptom, Some(other.clone())),
                _ if is_at(&at_cause) => (Role::Cause, None),
                _ => (Role::Symptom, Some(top.entity.clone())),
            };
            if (role, &explained_by) != (episode.role, &episode.explained_by) {
                changes.push((*slot, role, explained_by));
            }
        }
        drop(hanging);
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

    /// Parts an incident of which the verdict is sure that it needs more than one cause: what hangs on another goes to
    /// the incident of that one, if there is one, or becomes one.
    fn part_by_verdict(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get(&id).filter(|live| !live.incident.by_hand && live.incident.is_live()) else {
            return;
        };
        let Some(verdict) = live.incident.verdict.as_ref().filter(|verdict| verdict.undetermined.is_none()) else {
            return;
        };
        let [first, others @ ..] = verdict.causes.as_slice() else { return };
        let sure = others.iter().filter(|cause| cause.confidence == Confidence::High && cause.entity != first.entity);
        let mut parts: Vec<(Entity, Vec<u32>)> = Vec::new();
        for other in sure {
            let near = self.terrain.find(&first.entity).zip(self.terrain.find(&other.entity));
            if near.is_some_and(|(a, b)| self.terrain.service_of(a) == self.terrain.service_of(b)) {
                continue;
            }
            let hangs_on_it = |slot: &u32| {
                self.episode_at(*slot).is_some_and(|episode| episode.explained_by.as_ref() == Some(&other.entity))
            };
            let going: Vec<u32> = live.members.iter().copied().filter(hangs_on_it).collect();
            if !going.is_empty() && going.len() < live.members.len() {
                parts.push((other.entity.clone(), going));
            }
        }
        for (entity, going) in parts {
            let why = words::entity(&entity);
            match self.incident_of(&entity, id, &going) {
                Some(theirs) => self.hand_over(id, theirs, &going, &why, now),
                None => {
                    self.split_off(id, &going, JoinRule::Split, &why, None, now);
                }
            }
        }
    }

    /// The open incident of a cause, other than this one, that these alerts may join.
    fn incident_of(&self, cause: &Entity, besides: IncidentId, going: &[u32]) -> Option<IncidentId> {
        let starts = going.iter().filter_map(|slot| self.episode_at(*slot)).map(|episode| episode.starts_at);
        let (from, until) = (starts.clone().min()?, starts.max()?);
        let takes = |live: &&Live| {
            let incident = &live.incident;
            incident.id != besides
                && incident.is_live()
                && incident.merged_into.is_none()
                && !incident.by_hand
                && incident.determined().is_some_and(|own| own.entity == *cause)
                && incident.last_at >= from.saturating_sub(self.settings.idle_gap)
                && incident.first_at <= until.saturating_add(self.settings.idle_gap)
        };
        self.live.values().find(takes).map(|live| live.incident.id)
    }

    /// Two incidents of which verdicts name one cause are one. Where both are sure of it, it does not matter any more
    /// that they were parted when less was known.
    fn join_by_verdict(&mut self, id: IncidentId, now: UnixNanos) {
        let Some(live) = self.live.get(&id) else { return };
        let Some(cause) = live.incident.determined().map(|cause| cause.entity.clone()) else { return };
        let from = live.incident.first_at.saturating_sub(self.settings.idle_gap);
        let until = live.incident.last_at.saturating_add(self.settings.idle_gap);
        let twin = self.live.values().find(|other| {
            other.incident.id != id
                && (may_be_one(live, other) || both_are_sure(live, other) && may_be_one_again(live, other))
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

    /// Gives some members of an incident to another, whose cause explains them.
    fn hand_over(&mut self, id: IncidentId, to: IncidentId, going: &[u32], why: &Bilingual, now: UnixNanos) {
        for slot in going {
            self.move_member(*slot, to, JoinRule::Split, now);
        }
        self.rebuild(id, now);
        let (left, came) = (format!("{to} ({})", why.en), format!("{to}（{}）", why.zh));
        let left = Bilingual::new(
            format!("{} alerts went to {left}.", going.len()),
            format!("{} 条告警移至 {came}。", going.len()),
        );
        let came = Bilingual::new(
            format!("Took {} alerts of {id} ({}).", going.len(), why.en),
            format!("接收 {id} 的 {} 条告警（{}）。", going.len(), why.zh),
        );
        for (at, text) in [(id, left), (to, came)] {
            if let Some(live) = self.live.get_mut(&at) {
                live.incident.note(now, "split", text, None);
                live.unjudged = true;
            }
            self.touch(at);
        }
        for (one, two) in [(id, to), (to, id)] {
            if let Some(live) = self.live.get_mut(&one) {
                live.apart.insert(two);
            }
        }
        self.counters.split += 1;
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

/// Whether nobody doubts the causes of both.
fn both_are_sure(one: &Live, two: &Live) -> bool {
    [one, two].iter().all(|live| live.incident.determined().is_some_and(|cause| cause.confidence == Confidence::High))
}

/// What hangs on which cause, by how it suffers.
struct Hanging<'v>(HashMap<(&'v Entity, Option<Harm>), &'v Entity>);

impl<'v> Hanging<'v> {
    fn of(verdict: &'v Verdict) -> Self {
        let mut by = HashMap::new();
        for found in &verdict.explained {
            by.entry((&found.entity, found.harm)).or_insert(&found.by);
            by.entry((&found.entity, None)).or_insert(&found.by);
        }
        Self(by)
    }

    /// The cause that an alert hangs on by what it is about, else by its service; how it hurts comes before where.
    fn by(&self, episode: &Episode, service: Option<&Entity>) -> Option<&'v Entity> {
        let places = [episode.entity.as_ref(), service].into_iter().flatten();
        let mut hurt = places.flat_map(|entity| [(entity, Some(episode.harm())), (entity, None)]);
        hurt.find_map(|hurt| self.0.get(&hurt).copied())
    }
}

/// Whether people would see no difference worth writing down.
fn is_alike(one: &Verdict, two: &Verdict) -> bool {
    one.undetermined == two.undetermined
        && one.causes == two.causes
        && one.explained == two.explained
        && one.changes == two.changes
}
