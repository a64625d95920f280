//! The estate as an index: which entities lie near one another, and by which relation.
//!
//! It refuses to know alerts and incidents. Invariant: ids stay what they are for the life of the terrain, and
//! every question costs what the neighbourhood costs, never what the estate costs.

use crate::estate::{Estate, Relation};
use hashbrown::{HashMap, HashSet};
use model::{Entity, EntityKind, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Neighbours of one entity that are looked at, nearest first.
pub(crate) const NEIGHBOURS: usize = 512;
/// Needers of a shared dependency beyond which sharing it says nothing.
pub(crate) const SHARED_BY: usize = 16;
/// Names the terrain keeps; further ones are strangers to it.
pub(crate) const NAMES: usize = 200_000;
/// How long a relation holds beyond its last sighting.
pub(crate) const STILL_THERE: Duration = Duration::from_secs(900);

/// An entity's number in the terrain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Spot(pub u32);

/// Why two entities belong together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    Same,
    /// A service and its instance, or two instances of one service.
    SameService,
    /// One runs on the other.
    RunsOn,
    /// One calls the other.
    Calls,
    /// One calls what calls the other.
    TwoHops,
    /// Both need a third that few need.
    SharedDependency,
}

/// A neighbour.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Near {
    pub spot: Spot,
    pub tie: Tie,
    /// What lies between, where something does.
    pub via: Option<Spot>,
    /// How strongly the tie binds, 0 to 1.
    pub weight: f64,
}

#[derive(Clone, Debug)]
struct Tied {
    to: Spot,
    seen: Option<(UnixNanos, UnixNanos)>,
}

#[derive(Clone, Debug, Default)]
struct Ties {
    callees: Vec<Spot>,
    callers: Vec<Spot>,
    services: Vec<Spot>,
    members: Vec<Spot>,
    hosts: Vec<Tied>,
    guests: Vec<Tied>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Terrain {
    spots: HashMap<Entity, Spot>,
    entities: Vec<Entity>,
    ties: Vec<Ties>,
    known: HashSet<(Spot, Relation, Spot)>,
    /// What alerts' labels told of which service something is part of; a survey does not know better.
    told: BTreeMap<Spot, Spot>,
    near: HashMap<Spot, Arc<[Near]>>,
    calls: usize,
    /// Names by kind.
    of_kind: HashMap<EntityKind, usize>,
}

impl Terrain {
    pub fn of(estate: &Estate) -> Self {
        let mut terrain = Self::default();
        terrain.survey(estate);
        terrain
    }

    /// Forgets all relations but those of parts to their service that labels told, and takes those of the
    /// estate; ids stay.
    pub fn survey(&mut self, estate: &Estate) {
        self.near.clear();
        self.known.clear();
        self.calls = 0;
        self.ties.iter_mut().for_each(|ties| *ties = Ties::default());
        for link in &estate.links {
            if let (Some(from), Some(to)) = (self.enter(&link.from), self.enter(&link.to)) {
                self.tie(from, link.relation, to, link.seen);
            }
        }
        for (part, service) in self.told.clone() {
            if self.service_of(part) == part {
                self.tie(part, Relation::InstanceOf, service, None);
            }
        }
    }

    /// Adds what an alert's own labels tell: an instance or operation of a service, something on a node.
    pub fn learn(&mut self, from: Spot, relation: Relation, to: Spot) {
        if relation == Relation::InstanceOf {
            self.told.insert(from, to);
        }
        if self.tie(from, relation, to, None) {
            self.near.clear();
        }
    }

    fn tie(&mut self, from: Spot, relation: Relation, to: Spot, seen: Option<(UnixNanos, UnixNanos)>) -> bool {
        if from == to || !self.known.insert((from, relation, to)) {
            return false;
        }
        let (a, b) = (from.0 as usize, to.0 as usize);
        match relation {
            Relation::Calls | Relation::DependsOn => {
                self.calls += 1;
                self.ties[a].callees.push(to);
                self.ties[b].callers.push(from);
            }
            Relation::InstanceOf => {
                self.ties[a].services.push(to);
                self.ties[b].members.push(from);
            }
            Relation::RunsOn | Relation::At => {
                self.ties[a].hosts.push(Tied { to, seen });
                self.ties[b].guests.push(Tied { to: from, seen });
            }
        }
        true
    }

    /// The number of an entity, a new one if need be; `None` when there are too many names.
    pub fn enter(&mut self, entity: &Entity) -> Option<Spot> {
        if let Some(spot) = self.find(entity) {
            return Some(spot);
        }
        if self.entities.len() >= NAMES {
            return None;
        }
        let spot = Spot(u32::try_from(self.entities.len()).ok()?);
        self.spots.insert(entity.clone(), spot);
        *self.of_kind.entry(entity.kind).or_default() += 1;
        self.entities.push(entity.clone());
        self.ties.push(Ties::default());
        Some(spot)
    }

    /// The number of an entity that is known, under the kind it is known by: a node may be told as a host, a
    /// pod as an instance.
    pub fn find(&self, entity: &Entity) -> Option<Spot> {
        self.spots.get(entity).copied().or_else(|| {
            let twin = Entity::new(twin(entity.kind)?, entity.name.clone());
            self.spots.get(&twin).copied()
        })
    }

    /// The entity of any of these kinds that has this name.
    pub fn named(&self, name: &str, kinds: &[EntityKind]) -> Option<Spot> {
        kinds.iter().find_map(|kind| self.spots.get(&Entity::new(*kind, name)).copied())
    }

    pub fn entity(&self, spot: Spot) -> &Entity {
        &self.entities[spot.0 as usize]
    }

    pub fn names(&self) -> usize {
        self.entities.len()
    }

    /// Whether it is something that others run on.
    pub fn is_machine(&self, spot: Spot) -> bool {
        matches!(self.entity(spot).kind, EntityKind::Node | EntityKind::Host)
    }

    /// How many names of these kinds are known.
    pub fn count(&self, kinds: &[EntityKind]) -> usize {
        kinds.iter().filter_map(|kind| self.of_kind.get(kind)).sum()
    }

    /// Whether anything is known of who calls whom.
    pub fn knows_calls(&self) -> bool {
        self.calls > 0
    }

    /// Whether any relation of this entity is known.
    pub fn is_placed(&self, spot: Spot) -> bool {
        let ties = self.ties(spot);
        !(ties.callees.is_empty()
            && ties.callers.is_empty()
            && ties.services.is_empty()
            && ties.members.is_empty()
            && ties.hosts.is_empty()
            && ties.guests.is_empty())
    }

    fn ties(&self, spot: Spot) -> &Ties {
        &self.ties[spot.0 as usize]
    }

    pub fn callees(&self, spot: Spot) -> &[Spot] {
        &self.ties(spot).callees
    }

    pub fn callers(&self, spot: Spot) -> &[Spot] {
        &self.ties(spot).callers
    }

    pub fn members(&self, service: Spot) -> &[Spot] {
        &self.ties(service).members
    }

    /// The service an instance is of, or the thing itself.
    pub fn service_of(&self, spot: Spot) -> Spot {
        self.ties(spot).services.first().copied().unwrap_or(spot)
    }

    /// What it stood on at that time.
    pub fn hosts(&self, spot: Spot, at: UnixNanos) -> impl Iterator<Item = Spot> {
        self.ties(spot).hosts.iter().filter(move |tied| stood(tied, at)).map(|tied| tied.to)
    }

    /// What stood on it at that time.
    pub fn guests(&self, spot: Spot, at: UnixNanos) -> impl Iterator<Item = Spot> {
        self.ties(spot).guests.iter().filter(move |tied| stood(tied, at)).map(|tied| tied.to)
    }

    /// The neighbourhood, strongest ties first.
    pub fn near(&mut self, spot: Spot, at: UnixNanos) -> Arc<[Near]> {
        if let Some(near) = self.near.get(&spot) {
            return Arc::clone(near);
        }
        let near: Arc<[Near]> = self.look_around(spot, at).into();
        // A relation that carries times answers differently at other times.
        if self.ties(spot).hosts.iter().chain(&self.ties(spot).guests).all(|tied| tied.seen.is_none()) {
            self.near.insert(spot, Arc::clone(&near));
        }
        near
    }

    fn look_around(&self, spot: Spot, at: UnixNanos) -> Vec<Near> {
        let mut around = Around { found: Vec::new(), met: HashSet::new() };
        around.meet(spot, Tie::Same, None, 1.0);
        let service = self.service_of(spot);
        around.meet(service, Tie::SameService, None, 0.9);
        for member in self.members(service) {
            around.meet(*member, Tie::SameService, Some(service), 0.9);
        }
        for host in self.hosts(spot, at) {
            around.meet(host, Tie::RunsOn, None, 0.7);
        }
        for guest in self.guests(spot, at) {
            around.meet(guest, Tie::RunsOn, None, 0.7);
            around.meet(self.service_of(guest), Tie::RunsOn, Some(guest), 0.55);
        }
        let (callees, callers) = (self.callees(service), self.callers(service));
        for next in callees.iter().chain(callers) {
            self.meet_service(&mut around, *next, Tie::Calls, None, 0.8);
        }
        for (first, onward) in [(callees, true), (callers, false)] {
            for between in first {
                let second = if onward { self.callees(*between) } else { self.callers(*between) };
                for far in second {
                    self.meet_service(&mut around, *far, Tie::TwoHops, Some(*between), 0.5);
                }
            }
        }
        for shared in callees.iter().filter(|shared| self.is_shared(**shared)) {
            for other in self.callers(*shared) {
                self.meet_service(&mut around, *other, Tie::SharedDependency, Some(*shared), 0.6);
            }
        }
        let mut found = around.found;
        found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.spot.cmp(&b.spot)));
        found
    }

    /// A thing that is no service and that few need.
    fn is_shared(&self, spot: Spot) -> bool {
        self.entity(spot).kind != EntityKind::Service && self.callers(spot).len() <= SHARED_BY
    }

    fn meet_service(&self, around: &mut Around, service: Spot, tie: Tie, via: Option<Spot>, weight: f64) {
        around.meet(service, tie, via, weight);
        for member in self.members(service) {
            around.meet(*member, tie, via.or(Some(service)), weight);
        }
    }
}

struct Around {
    found: Vec<Near>,
    met: HashSet<Spot>,
}

impl Around {
    fn meet(&mut self, spot: Spot, tie: Tie, via: Option<Spot>, weight: f64) {
        if self.found.len() < NEIGHBOURS && self.met.insert(spot) {
            self.found.push(Near { spot, tie, via, weight });
        }
    }
}

fn stood(tied: &Tied, at: UnixNanos) -> bool {
    tied.seen
        .is_none_or(|(first, last)| at >= first.saturating_sub(STILL_THERE) && at <= last.saturating_add(STILL_THERE))
}

fn twin(kind: EntityKind) -> Option<EntityKind> {
    Some(match kind {
        EntityKind::Host => EntityKind::Node,
        EntityKind::Node => EntityKind::Host,
        EntityKind::Pod => EntityKind::Instance,
        EntityKind::Instance => EntityKind::Pod,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use crate::estate::Link;

    fn link(from: &str, relation: Relation, to: &str) -> Link {
        Link { from: Entity::read(from), relation, to: Entity::read(to), calls: 0, seen: None }
    }

    fn terrain() -> Terrain {
        Terrain::of(&Estate {
            links: vec![
                link("web", Relation::Calls, "order"),
                link("order", Relation::Calls, "database:orders"),
                link("stock", Relation::Calls, "database:orders"),
                link("pod:order-1", Relation::InstanceOf, "order"),
                link("pod:order-1", Relation::RunsOn, "node:n1"),
            ],
        })
    }

    fn tie(terrain: &mut Terrain, from: &str, to: &str) -> Option<(Tie, f64)> {
        let from = terrain.find(&Entity::read(from)).unwrap();
        let to = terrain.find(&Entity::read(to)).unwrap();
        terrain.near(from, UnixNanos(0)).iter().find(|near| near.spot == to).map(|near| (near.tie, near.weight))
    }

    #[test]
    fn neighbours_are_found_by_every_relation_in_both_directions() {
        let mut terrain = terrain();
        for (from, to, want) in [
            ("web", "web", Some((Tie::Same, 1.0))),
            ("web", "order", Some((Tie::Calls, 0.8))),
            ("database:orders", "order", Some((Tie::Calls, 0.8))),
            ("web", "database:orders", Some((Tie::TwoHops, 0.5))),
            ("web", "pod:order-1", Some((Tie::Calls, 0.8))),
            ("pod:order-1", "web", Some((Tie::Calls, 0.8))),
            ("pod:order-1", "order", Some((Tie::SameService, 0.9))),
            ("node:n1", "pod:order-1", Some((Tie::RunsOn, 0.7))),
            ("order", "stock", Some((Tie::SharedDependency, 0.6))),
            ("web", "stock", None),
            ("web", "node:n1", None),
        ] {
            assert_eq!(tie(&mut terrain, from, to), want, "{from} to {to}");
        }
    }

    #[test]
    fn a_node_told_as_a_host_is_the_node() {
        let terrain = terrain();
        let node = terrain.find(&Entity::read("node:n1")).unwrap();
        assert_eq!(terrain.find(&Entity::read("host:n1")), Some(node));
    }

    #[test]
    fn a_pod_that_has_moved_is_near_its_node_of_that_time_only() {
        let minute = |n: i64| UnixNanos(n * 60 * UnixNanos::SECOND);
        let mut moved = link("pod:a", Relation::RunsOn, "node:old");
        moved.seen = Some((minute(0), minute(60)));
        let mut terrain = Terrain::of(&Estate { links: vec![moved] });
        let (pod, old) = (Spot(0), Spot(1));
        let is_near = |terrain: &mut Terrain, at| terrain.near(pod, at).iter().any(|near| near.spot == old);
        assert!(is_near(&mut terrain, minute(30)));
        assert!(!is_near(&mut terrain, minute(120)));
    }

    #[test]
    fn ids_survive_a_new_survey() {
        let mut terrain = terrain();
        let before = terrain.find(&Entity::read("order")).unwrap();
        terrain.survey(&Estate { links: vec![link("a", Relation::Calls, "order")] });
        assert_eq!(terrain.find(&Entity::read("order")), Some(before));
        assert_eq!(tie(&mut terrain, "web", "order"), None);
        assert_eq!(tie(&mut terrain, "a", "order"), Some((Tie::Calls, 0.8)));
    }
}
