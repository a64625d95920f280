//! Which incident an alert belongs to: the strongest tie that still binds at the alert's event time.
//!
//! It refuses to look at what an alert means; the structure and the verdict part and merge later. Invariant:
//! there is always an answer, and it has a reason.

use super::merge::may_be_one;
use super::{Book, Live};
use crate::alert::Alert;
use crate::cover::{Sufferer, one_explains_both, parted};
use crate::episode::{Change, Episode};
use crate::incident::{IncidentId, JoinRule, Reason, State};
use crate::place::Place;
use crate::terrain::{Spot, Tie};
use crate::words;
use model::{Entity, UnixNanos};
use std::time::Duration;

/// How far apart two alerts may begin that only time joins.
const BY_TIME: Duration = Duration::from_secs(60);
/// How far apart two incidents may begin that are one because nothing shows that they are two.
const TOGETHER: Duration = Duration::from_secs(10);
/// Told this long after it began, an alert is late.
const LATE: Duration = Duration::from_secs(120);

/// A candidate for joining.
struct Bond {
    incident: IncidentId,
    rule: JoinRule,
    to: Option<Spot>,
    via: Option<Spot>,
    affinity: f64,
}

impl Book {
    /// The incident an alert joins, opened if need be, and why.
    pub(super) fn choose(
        &mut self,
        alert: &Alert,
        place: &Place,
        spot: Option<Spot>,
        earlier: Option<&Episode>,
        now: UnixNanos,
    ) -> (IncidentId, Reason) {
        let left = earlier.filter(|earlier| !alert.is_resolved() && earlier.ended_at.is_some());
        let left = left.map(|earlier| earlier.incident).filter(|left| !self.has_returned(*left, alert.starts_at));
        let bonds = self.bonds(alert, place, spot, left);
        if let Some(bond) = bonds.first() {
            let id = match bonds.get(1) {
                Some(second) if self.may_merge(bond.incident, second.incident, spot, alert.starts_at) => {
                    self.merge(bond.incident, second.incident, now)
                }
                _ => bond.incident,
            };
            self.came_back(id, left, alert.starts_at);
            return (id, self.reason(alert, place, bond, now));
        }
        if let Some(id) = self.overflowing() {
            self.counters.overflowed += 1;
            let text = words::joined(JoinRule::Overflow, None, None, None);
            return (id, Reason { rule: JoinRule::Overflow, text, via: Vec::new(), affinity: 0.0 });
        }
        let id = self.open(alert.starts_at, now);
        self.came_back(id, left, alert.starts_at);
        if let Some(live) = self.live.get_mut(&id) {
            let text = words::opened(&alert.name, place.entity.as_ref(), alert.severity);
            live.incident.note(now, "opened", text, None);
        }
        (id, Reason::first())
    }

    fn reason(&mut self, alert: &Alert, place: &Place, bond: &Bond, now: UnixNanos) -> Reason {
        let entity = |spot: Option<Spot>| spot.map(|spot| self.terrain.entity(spot).clone());
        let (to, via) = (entity(bond.to), entity(bond.via));
        let is_late = now > alert.starts_at.saturating_add(LATE)
            && self.live.get(&bond.incident).is_some_and(|live| alert.starts_at < live.incident.last_at);
        if is_late {
            self.counters.late += 1;
        }
        let rule = if is_late { JoinRule::Late } else { bond.rule };
        let text = words::joined(rule, place.entity.as_ref(), to.as_ref(), via.as_ref());
        let mut path: Vec<Entity> = place.entity.iter().cloned().chain(via).chain(to).collect();
        path.dedup();
        Reason { rule, text, via: path, affinity: bond.affinity }
    }

    /// The incidents that an alert may join, best first; only the best bond of each.
    fn bonds(&mut self, alert: &Alert, place: &Place, spot: Option<Spot>, left: Option<IncidentId>) -> Vec<Bond> {
        let mut bonds: Vec<Bond> = Vec::new();
        let key = super::learn::key(&alert.name, place.entity.as_ref());
        let (tied, untied) = self.learnt.partners(&key);
        let allowed =
            |live: &Live| Some(live.incident.id) != left && untied.iter().all(|other| !live.keys.contains(other));
        for (id, live) in self.live.iter().rev().take(if tied.is_empty() { 0 } else { usize::MAX }) {
            if self.takes(live, alert) && allowed(live) && tied.iter().any(|other| live.keys.contains(other)) {
                offer(&mut bonds, Bond { incident: *id, rule: JoinRule::ByHand, to: None, via: None, affinity: 1.0 });
            }
        }
        for trace in &alert.traces {
            if let Some(live) = self.traces.get(trace).and_then(|id| self.live.get(id))
                && self.takes(live, alert)
                && allowed(live)
            {
                let incident = live.incident.id;
                offer(&mut bonds, Bond { incident, rule: JoinRule::SharedTrace, to: None, via: None, affinity: 0.95 });
            }
        }
        if let Some(spot) = spot {
            let barred = match untied.is_empty() {
                true => left.into_iter().collect(),
                false => self.live.iter().filter(|(_, live)| !allowed(live)).map(|(id, _)| *id).collect::<Vec<_>>(),
            };
            self.bonds_nearby(alert, spot, &barred, &mut bonds);
        }
        if bonds.is_empty() {
            self.bonds_of_habit(alert, spot, left, &mut bonds);
        }
        bonds.retain(|bond| bond.affinity >= self.settings.gate);
        bonds.sort_by(|a, b| b.affinity.total_cmp(&a.affinity).then(a.incident.cmp(&b.incident)));
        bonds
    }

    /// Ties of the graph, weakened by the time since the place was last active.
    fn bonds_nearby(&mut self, alert: &Alert, spot: Spot, barred: &[IncidentId], bonds: &mut Vec<Bond>) {
        let near = self.terrain.near(spot, alert.starts_at);
        for near in near.iter() {
            // Nothing further away can bind more strongly than what has been found twice.
            if bonds.len() >= 2 && bonds.iter().all(|bond| bond.affinity >= near.weight) {
                break;
            }
            self.counters.looked_at += 1;
            let Some(incidents) = self.active.get(&near.spot) else { continue };
            for id in incidents {
                let Some(live) = self.live.get(id) else { continue };
                if !self.takes(live, alert) || barred.contains(id) {
                    continue;
                }
                let is_part = matches!(near.tie, Tie::Same | Tie::SameService);
                if !is_part && !self.is_explained_in(live, spot, alert.starts_at) {
                    continue;
                }
                let Some(activity) = live.activity.get(&near.spot) else { continue };
                let affinity =
                    near.weight * decay(alert.starts_at, activity.first, activity.last, self.settings.idle_gap);
                let to = (near.tie != Tie::Same).then_some(near.spot);
                offer(bonds, Bond { incident: *id, rule: near.tie.into(), to, via: near.via, affinity });
            }
        }
    }

    /// What is left where the graph is silent: what has often been hurt together, then mere time.
    fn bonds_of_habit(&self, alert: &Alert, spot: Option<Spot>, left: Option<IncidentId>, bonds: &mut Vec<Bond>) {
        let Some(spot) = spot else { return };
        let entity = self.terrain.entity(spot);
        let mut by_time: Vec<(IncidentId, f64)> = Vec::new();
        for (id, live) in self.live.iter().rev().take(HABIT) {
            if !self.takes(live, alert) || Some(*id) == left {
                continue;
            }
            let near = decay(alert.starts_at, live.incident.first_at, live.incident.last_at, self.settings.idle_gap);
            let others = live.hurt.keys().take(HABIT).map(|spot| self.terrain.entity(*spot));
            let known = self.learnt.together(entity, others);
            if known * near >= self.settings.gate {
                let rule = JoinRule::CoOccurrence;
                offer(bonds, Bond { incident: *id, rule, to: None, via: None, affinity: known * near });
            } else if alert.starts_at <= live.incident.last_at.saturating_add(BY_TIME)
                && self.may_join_by_time(spot, live)
            {
                by_time.push((*id, 0.5 * near));
            }
        }
        // Where several incidents grow, time tells nothing.
        if let (true, [(incident, affinity)]) = (bonds.is_empty(), by_time.as_slice()) {
            let (incident, affinity) = (*incident, *affinity);
            offer(bonds, Bond { incident, rule: JoinRule::Time, to: None, via: None, affinity });
        }
    }

    /// Whether the graph is silent about how the two hang together: it knows no calls at all, or one side is a
    /// machine of which nobody knows what runs on it.
    fn may_join_by_time(&self, spot: Spot, live: &Live) -> bool {
        let is_bare = |spot: Spot| self.terrain.is_machine(spot) && !self.terrain.is_placed(spot);
        !self.terrain.knows_calls()
            || is_bare(spot)
            || live.hurt.keys().all(|spot| is_bare(*spot)) && !live.hurt.is_empty()
    }

    /// Whether an incident still takes in what began then.
    fn takes(&self, live: &Live, alert: &Alert) -> bool {
        let (incident, at) = (&live.incident, alert.starts_at);
        let over = incident.resolved_at.filter(|_| incident.state == State::Resolved);
        // Where nothing fires any more, what begins is the next trouble.
        let quiet = incident.clocks.mitigated_at.filter(|_| incident.state == State::Mitigated);
        incident.merged_into.is_none()
            && at >= incident.first_at.saturating_sub(self.settings.idle_gap)
            && at <= incident.last_at.saturating_add(self.settings.idle_gap)
            && at <= incident.first_at.saturating_add(self.settings.longest)
            && over.is_none_or(|over| at <= over)
            && quiet.is_none_or(|quiet| at <= quiet.saturating_add(BY_TIME))
            && live.followed_at.is_none_or(|followed| at < followed)
    }

    /// Whether the alert that ties both shows that one cause explains both.
    fn may_merge(&self, one: IncidentId, two: IncidentId, spot: Option<Spot>, at: UnixNanos) -> bool {
        let (Some(one), Some(two), Some(spot)) = (self.live.get(&one), self.live.get(&two), spot) else {
            return false;
        };
        if !may_be_one(one, two) || one.activity.contains_key(&spot) && two.activity.contains_key(&spot) {
            return false;
        }
        let mut with = one.sufferers();
        let lifted = self.terrain.service_of(spot);
        if with.iter().all(|sufferer| sufferer.spot != lifted) {
            with.push(Sufferer { spot: lifted, onset: at });
        }
        one_explains_both(&self.terrain, &with, &two.sufferers()) || self.began_as_one(one, two, with)
    }

    /// Whether two that began together, and of which nobody has been told yet, need no two causes.
    fn began_as_one(&self, one: &Live, two: &Live, mut both: Vec<Sufferer>) -> bool {
        let apart = one.incident.first_at.0.abs_diff(two.incident.first_at.0);
        if one.incident.announced || two.incident.announced || u128::from(apart) > TOGETHER.as_nanos() {
            return false;
        }
        both.extend(two.sufferers().into_iter().filter(|found| !one.hurt.contains_key(&found.spot)));
        parted(&self.terrain, &both).is_none()
    }

    fn overflowing(&mut self) -> Option<IncidentId> {
        if self.live.len() < self.settings.incidents {
            self.overflow = None;
            return None;
        }
        let known = self.overflow.filter(|id| self.live.get(id).is_some_and(|live| live.incident.is_live()));
        self.overflow = known
            .or_else(|| self.live.values().rev().find(|live| live.incident.is_live()).map(|live| live.incident.id));
        self.overflow
    }

    /// Makes a kept episode a member of an incident.
    pub(super) fn attach(&mut self, id: IncidentId, slot: u32, spot: Option<Spot>, now: UnixNanos) {
        let lifted = spot.map(|spot| self.terrain.service_of(spot));
        let service =
            lifted.map(|spot| self.terrain.entity(spot)).filter(|entity| entity.kind == model::EntityKind::Service);
        let service = service.map(|entity| entity.name.clone());
        let Some(episode) = self.episodes.get(slot as usize).and_then(Option::as_ref) else { return };
        let Some(live) = self.live.get_mut(&id) else { return };
        let (starts, key) = (episode.starts_at, episode.kind_key());
        live.members.push(slot);
        live.keys.insert(key);
        live.active += u64::from(episode.is_active());
        live.ended += u64::from(episode.ended_at.is_some());
        live.unjudged = true;
        let incident = &mut live.incident;
        incident.told += episode.count;
        incident.alerts += 1;
        incident.firing += u64::from(episode.is_firing());
        incident.first_at = incident.first_at.min(starts);
        incident.clocks.fault_at = Some(incident.clocks.fault_at.map_or(starts, |at| at.min(starts)));
        incident.last_at = incident.last_at.max(starts);
        incident.updated_at = incident.updated_at.max(now);
        incident.worsen(episode.severity);
        if let Some(service) = service {
            incident.name_service(&service);
        }
        if let (Some(spot), Some(lifted)) = (spot, lifted)
            && live.act(spot, lifted, starts)
        {
            live.unparted = true;
            live.grew_at = now;
            self.active.entry(spot).or_default().push(id);
        }
        self.touch_episode(slot);
        self.retitle(id);
        self.touch(id);
    }

    /// Carries a change of an episode into its incident.
    pub(super) fn changed_episode(&mut self, slot: u32, was: (bool, bool), change: Change, now: UnixNanos) {
        let Some(episode) = self.episodes.get(slot as usize).and_then(Option::as_ref) else { return };
        let (id, is) = (episode.incident, (episode.is_active(), episode.is_firing()));
        let spot = episode.entity.as_ref().and_then(|entity| self.terrain.find(entity));
        let (at, flaps, name) = (episode.transitions.back().copied(), episode.flaps, episode.alert.name.clone());
        let Some(live) = self.live.get_mut(&id) else { return };
        let step =
            |count: &mut u64, was: bool, is: bool| *count = (*count + u64::from(is)).saturating_sub(u64::from(was));
        step(&mut live.active, was.0, is.0);
        step(&mut live.ended, !was.1, !is.1);
        step(&mut live.incident.firing, was.1, is.1);
        live.incident.updated_at = live.incident.updated_at.max(now);
        live.incident.worsen(episode.severity);
        match change {
            Change::Ended => self.counters.resolves += 1,
            Change::Refired => {
                self.counters.refires += 1;
                live.unjudged = true;
                if let (Some(at), Some(spot)) = (at, spot) {
                    live.incident.last_at = live.incident.last_at.max(at);
                    if let Some(activity) = live.activity.get_mut(&spot) {
                        activity.last = activity.last.max(at);
                    }
                }
            }
            Change::FlapBegan => {
                self.counters.flappings += 1;
                let what = format!("{} ({flaps})", words::short(&name));
                let text = words::with(
                    "Flapping, told once until it is stable: {}.",
                    "告警抖动，稳定前只通知一次：{}。",
                    &what,
                );
                live.incident.note(now, "flapping", text, None);
            }
            Change::Began | Change::FlapEnded | Change::Resolved | Change::Raised | Change::Repeat => {}
        }
        self.touch_episode(slot);
        self.touch(id);
    }
}

/// Incidents asked where the graph is silent, newest first, and entities asked of each.
const HABIT: usize = 64;

fn offer(bonds: &mut Vec<Bond>, bond: Bond) {
    match bonds.iter_mut().find(|known| known.incident == bond.incident) {
        Some(known) if known.affinity >= bond.affinity => {}
        Some(known) => *known = bond,
        None => bonds.push(bond),
    }
}

fn decay(at: UnixNanos, first: UnixNanos, last: UnixNanos, over: Duration) -> f64 {
    let away = if at < first { first.0 - at.0 } else { (at.0 - last.0).max(0) };
    (-(away as f64) / over.as_nanos() as f64).exp()
}
