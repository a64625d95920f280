//! The book of incidents of one workspace: hears alerts, lets time pass, takes verdicts and the acts of people.
//!
//! It refuses to know how alerts arrive, who judges and how people are told; it has no clock: `now` is event
//! time. Invariant: every alert it ever heard is in exactly one incident, with a reason, and its state is the
//! documents it gives out: a book restored from them goes on as if nothing had happened.

mod act;
mod docs;
mod explain;
mod join;
mod judge;
mod learn;
mod life;
mod live;
mod merge;
mod wave;

pub use act::{Act, ActError};
pub use docs::{Archived, Doc, RestoreError};
pub use learn::{Past, Similar};

use crate::alert::{Alert, Oddity};
use crate::episode::{Change, Episode, Phase, Role, expiry};
use crate::estate::{Estate, Relation};
use crate::fingerprint::Fingerprint;
use crate::incident::{Incident, IncidentId, JoinRule};
use crate::place::{Place, place};
use crate::terrain::{Spot, Terrain};
use docs::Key;
use hashbrown::{HashMap, HashSet};
use learn::Learnt;
use live::Live;
use model::{EntityKind, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Bounds and waits. The defaults are those of the product.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// How long the end of an alert must stand before it counts.
    pub keep_firing: Duration,
    /// Silence after which a new alert is no longer taken for part of an incident.
    pub idle_gap: Duration,
    /// An incident takes in no alert that began this long after its first.
    pub longest: Duration,
    /// Within this time of its end an incident may be opened again.
    pub reopen_within: Duration,
    /// What people are told waits at least this long for what belongs to it ...
    pub group_wait: Duration,
    /// ... and at most this long, the less the worse it is.
    pub group_wait_longest: Duration,
    /// Episodes kept apart; beyond, alerts of one name and place are one, then alerts of one name.
    pub episodes: usize,
    /// Incidents open at once; beyond, a strange alert joins the collecting incident.
    pub incidents: usize,
    /// Affinity below which an alert opens an incident of its own.
    pub gate: f64,
    /// Somebody judges incidents: wait for a verdict before people are told.
    pub judged: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keep_firing: Duration::from_secs(300),
            idle_gap: Duration::from_secs(300),
            longest: Duration::from_secs(7200),
            reopen_within: Duration::from_secs(1800),
            group_wait: Duration::from_secs(5),
            group_wait_longest: Duration::from_secs(60),
            episodes: 100_000,
            incidents: 2_000,
            gate: 0.3,
            judged: true,
        }
    }
}

/// What the book has done so far; never goes back, but for a restart.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Alerts told, every one of them.
    pub heard: u64,
    pub repeats: u64,
    pub resolves: u64,
    pub refires: u64,
    pub flappings: u64,
    pub episodes: u64,
    pub opened: u64,
    pub reopened: u64,
    pub merged: u64,
    pub split: u64,
    pub archived: u64,
    pub late: u64,
    /// Alerts folded into a coarser one because names were too many.
    pub folded: u64,
    /// Alerts put into the collecting incident because incidents were too many.
    pub overflowed: u64,
    pub odd: BTreeMap<String, u64>,
    /// Pieces of work done for joining: neighbours looked at. Tests hold it to what was heard.
    pub looked_at: u64,
}

/// Something people may have to be told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    pub incident: IncidentId,
    pub at: UnixNanos,
    pub occasion: Occasion,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// It has waited for what belongs to it: tell it.
    Opened,
    Reopened,
    CauseChanged,
    SeverityRaised,
    /// Twice as many services as when people were last told.
    ScopeDoubled,
    /// The cause is over, symptoms stay: they are now what is told.
    Promoted,
    Acknowledged,
    Assigned,
    Commented,
    Mitigated,
    Resolved,
    /// It is part of another incident now.
    Merged(IncidentId),
    /// Part of it is an incident of its own now.
    Split(IncidentId),
}

/// What hearing an alert did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    pub incident: IncidentId,
    /// The identity it is kept under.
    pub fingerprint: Fingerprint,
    /// A new episode, or a change of a known one.
    pub change: Option<Change>,
}

/// See the module.
#[derive(Debug)]
pub struct Book {
    settings: Settings,
    terrain: Terrain,
    episodes: Vec<Option<Episode>>,
    free: Vec<u32>,
    /// The episode that the next word about a fingerprint is about.
    current: HashMap<Fingerprint, u32>,
    live: BTreeMap<IncidentId, Live>,
    /// Where incidents are active; one entry per incident and place.
    active: HashMap<Spot, Vec<IncidentId>>,
    traces: HashMap<String, IncidentId>,
    trace_order: VecDeque<String>,
    deadlines: BTreeSet<(UnixNanos, u32)>,
    /// The highest number given out per day; the newest days only.
    numbers: BTreeMap<i32, u32>,
    overflow: Option<IncidentId>,
    learnt: Learnt,
    counters: Counters,
    pending: Vec<Event>,
    dirty: HashSet<Key>,
    archived: Vec<Doc>,
}

/// Traces by which alerts are joined; the oldest give way.
const TRACES: usize = 20_000;

impl Book {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            terrain: Terrain::default(),
            episodes: Vec::new(),
            free: Vec::new(),
            current: HashMap::new(),
            live: BTreeMap::new(),
            active: HashMap::new(),
            traces: HashMap::new(),
            trace_order: VecDeque::new(),
            deadlines: BTreeSet::new(),
            numbers: BTreeMap::new(),
            overflow: None,
            learnt: Learnt::default(),
            counters: Counters::default(),
            pending: Vec::new(),
            dirty: HashSet::new(),
            archived: Vec::new(),
        }
    }

    /// Takes in what is known of the estate now. Call it when that has changed; alerts' own labels add to it.
    pub fn survey(&mut self, estate: &Estate) {
        self.terrain.survey(estate);
        let slots: Vec<u32> = self.current.values().copied().collect();
        for slot in slots {
            if let Some(episode) = self.episode_at(slot) {
                let known = Place {
                    entity: episode.entity.clone(),
                    service: episode.service.clone(),
                    node: episode.node.clone(),
                };
                self.settle(&known);
            }
        }
    }

    pub fn terrain(&self) -> &Terrain {
        &self.terrain
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// All incidents that are in memory: the live ones and those that may still be opened again, oldest first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.live.values().map(|live| &live.incident)
    }

    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.live.get(&id).map(|live| &live.incident)
    }

    /// The alerts of an incident, in the order they joined.
    pub fn members(&self, id: IncidentId) -> impl Iterator<Item = &Episode> {
        self.live.get(&id).into_iter().flat_map(|live| &live.members).filter_map(|slot| self.episode_at(*slot))
    }

    /// The newest episode of this identity, while its incident is in memory.
    pub fn episode(&self, fingerprint: Fingerprint) -> Option<&Episode> {
        self.episode_at(*self.current.get(&fingerprint)?)
    }

    /// The newest episode of every identity, in no order.
    pub fn episodes(&self) -> impl Iterator<Item = &Episode> {
        self.current.values().filter_map(|slot| self.episode_at(*slot))
    }

    fn episode_at(&self, slot: u32) -> Option<&Episode> {
        self.episodes.get(slot as usize)?.as_ref()
    }

    /// Takes in one alert at event time `now`.
    pub fn hear(&mut self, mut alert: Alert, now: UnixNanos) -> Heard {
        self.counters.heard += 1;
        for odd in &alert.odd {
            *self.counters.odd.entry(odd_name(*odd).to_owned()).or_default() += 1;
        }
        let folded = self.fold(&mut alert);
        let before = match self.current.get(&alert.fingerprint).copied() {
            Some(slot) if !self.is_new_wave(slot, &alert, now) => return self.hear_again(slot, &alert, folded, now),
            known => known,
        };
        if alert.is_resolved() {
            alert.odd.push(Oddity::ResolvedFirst);
            *self.counters.odd.entry(odd_name(Oddity::ResolvedFirst).to_owned()).or_default() += 1;
        }
        self.hear_new(alert, before, now)
    }

    fn hear_again(&mut self, slot: u32, alert: &Alert, folded: bool, now: UnixNanos) -> Heard {
        let fingerprint = alert.fingerprint;
        let Some(episode) = self.episodes.get_mut(slot as usize).and_then(Option::as_mut) else {
            return self.hear_new(alert.clone(), None, now);
        };
        let was = (episode.is_active(), episode.is_firing());
        let change = episode.hear(alert, now);
        episode.folded += u64::from(folded);
        let (incident, told) = (episode.incident, episode.count);
        if let Some(live) = self.live.get_mut(&incident) {
            live.incident.told += 1;
        }
        if change == Change::Repeat {
            self.counters.repeats += 1;
            // What is written of a repeat is its count: now and then, not each time.
            if told.is_power_of_two() {
                self.touch_episode(slot);
            }
        } else {
            self.changed_episode(slot, was, change, now);
        }
        self.schedule(slot);
        Heard { incident, fingerprint, change: Some(change) }
    }

    fn hear_new(&mut self, alert: Alert, before: Option<u32>, now: UnixNanos) -> Heard {
        let whereabouts = place(&alert, &self.terrain);
        let spot = self.settle(&whereabouts);
        let fingerprint = alert.fingerprint;
        let earlier = before.and_then(|slot| self.episode_at(slot)).cloned();
        let (incident, reason) = self.choose(&alert, &whereabouts, spot, earlier.as_ref(), now);
        let phase = match (alert.ended_at.is_some(), alert.starts_at > now) {
            (false, true) => Phase::Pending,
            _ => Phase::Firing,
        };
        let role = if reason.rule == JoinRule::First { Role::Cause } else { Role::Symptom };
        self.remember_traces(&alert, incident);
        let (transitions, flaps) = earlier.map(|earlier| (earlier.transitions, earlier.flaps)).unwrap_or_default();
        let episode = Episode {
            incident,
            entity: whereabouts.entity,
            service: whereabouts.service,
            node: whereabouts.node,
            phase,
            severity: alert.severity,
            starts_at: alert.starts_at,
            ended_at: alert.ended_at,
            expires_at: if alert.ended_at.is_some() { None } else { expiry(&alert, now) },
            count: 1,
            flaps,
            transitions,
            told_at: now,
            role,
            explained_by: None,
            reason,
            joined_at: now,
            folded: 0,
            alert,
        };
        self.counters.episodes += 1;
        let slot = self.keep(episode);
        self.current.insert(fingerprint, slot);
        if self.unite(incident, slot) {
            self.attach(incident, slot, spot, now);
            self.schedule(slot);
        }
        Heard { incident, fingerprint, change: None }
    }

    /// Enters a place into the terrain, with what the labels say of it.
    fn settle(&mut self, place: &Place) -> Option<Spot> {
        let spot = self.terrain.enter(place.entity.as_ref()?)?;
        let service = place.service.as_ref().and_then(|service| self.terrain.enter(service));
        let kind = self.terrain.entity(spot).kind;
        let is_part = matches!(kind, EntityKind::Pod | EntityKind::Instance);
        if (is_part || kind == EntityKind::Operation)
            && let Some(service) = service
            && self.terrain.service_of(spot) == spot
        {
            self.terrain.learn(spot, Relation::InstanceOf, service);
        }
        if is_part
            && let Some(node) = place.node.as_ref().and_then(|node| self.terrain.enter(node))
            && self.terrain.hosts(spot, UnixNanos(i64::MAX)).next().is_none()
        {
            self.terrain.learn(spot, Relation::RunsOn, node);
        }
        Some(spot)
    }

    /// Gives an alert a coarser identity when too many are kept apart already.
    fn fold(&mut self, alert: &mut Alert) -> bool {
        let kept = self.episodes.len() - self.free.len();
        if kept < self.settings.episodes || self.current.contains_key(&alert.fingerprint) {
            return false;
        }
        self.counters.folded += 1;
        let place = place(alert, &self.terrain).entity.map(|entity| entity.to_string()).unwrap_or_default();
        alert.fingerprint = Fingerprint::of_words(&["folded", &alert.name, &place]);
        // The coarser identities have a bound too; beyond it only the name is left, then nothing.
        if kept >= self.settings.episodes.saturating_mul(2) && !self.current.contains_key(&alert.fingerprint) {
            alert.fingerprint = Fingerprint::of_words(&["folded", &alert.name]);
            if kept >= self.settings.episodes.saturating_mul(2) + FOLDED_NAMES
                && !self.current.contains_key(&alert.fingerprint)
            {
                alert.fingerprint = Fingerprint::of_words(&["folded"]);
            }
        }
        true
    }

    fn keep(&mut self, episode: Episode) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.episodes[slot as usize] = Some(episode);
                slot
            }
            None => {
                self.episodes.push(Some(episode));
                u32::try_from(self.episodes.len() - 1).unwrap_or(u32::MAX)
            }
        }
    }

    fn remember_traces(&mut self, alert: &Alert, incident: IncidentId) {
        for trace in &alert.traces {
            if self.traces.insert(trace.clone(), incident).is_none() {
                self.trace_order.push_back(trace.clone());
            }
        }
        while self.trace_order.len() > TRACES {
            self.trace_order.pop_front().map(|oldest| self.traces.remove(&oldest));
        }
    }

    fn schedule(&mut self, slot: u32) {
        if let Some(at) = self.episode_at(slot).and_then(|episode| episode.deadline(self.settings.keep_firing)) {
            // An earlier deadline that stands finds this one when it comes; only a sooner one is news.
            self.deadlines.insert((at, slot));
        }
    }

    /// Opens an incident for something that began at `first_at`.
    fn open(&mut self, first_at: UnixNanos, now: UnixNanos) -> IncidentId {
        let day = first_at.day();
        let number = self.numbers.entry(day).or_default();
        *number += 1;
        let id = IncidentId { day, number: *number };
        while self.numbers.len() > NUMBERED_DAYS {
            self.numbers.pop_first();
        }
        self.counters.opened += 1;
        self.live.insert(id, Live::new(Incident::new(id, first_at, now)));
        self.dirty.insert(Key::Book);
        self.touch(id);
        id
    }

    fn say(&mut self, incident: IncidentId, at: UnixNanos, occasion: Occasion) {
        self.pending.push(Event { incident, at, occasion });
    }

    fn touch(&mut self, id: IncidentId) {
        self.dirty.insert(Key::Incident(id));
    }

    fn touch_episode(&mut self, slot: u32) {
        if let Some(episode) = self.episode_at(slot) {
            self.dirty.insert(Key::Episode(episode.incident, episode.alert.fingerprint));
        }
    }
}

/// Names kept apart when even places no longer are.
const FOLDED_NAMES: usize = 10_000;
/// Days whose numbering is remembered.
const NUMBERED_DAYS: usize = 400;

fn odd_name(odd: Oddity) -> &'static str {
    match odd {
        Oddity::Cut => "cut",
        Oddity::NoLabels => "no_labels",
        Oddity::Future => "future",
        Oddity::Ancient => "ancient",
        Oddity::EndsBeforeStart => "ends_before_start",
        Oddity::ResolvedFirst => "resolved_first",
    }
}
