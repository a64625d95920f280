//! What a cause is made of and what stands on it: where a bad call meets it.
//!
//! It refuses to follow calls: those are what bad calls follow themselves. Invariant: a cause always reaches itself.

use crate::names::Name;
use crate::scene::Scene;
use crate::suspect::{Candidate, reachable, subject};
use hashbrown::HashSet;
use incident::Relation;
use model::{Entity, EntityKind};

/// Entities that one cause reaches at most.
const REACH_MAX: usize = 5_000;

#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) entity: Entity,
    /// It, and what stands on it: a node's instances, a device's dependents.
    on_it: HashSet<Entity>,
    /// Names of services, instances and peers among them, as spans have them.
    names: HashSet<Name>,
    /// Whom it is seen at, with the machines that a store is on.
    accused: HashSet<Entity>,
    /// Whom a surge loads.
    loaded: HashSet<Entity>,
}

/// How closely a call meets a cause: whom it asks, its instance, what that runs on, its service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Nearness {
    Service,
    Machine,
    Instance,
    Peer,
}

impl Reach {
    pub(crate) fn of(scene: &Scene<'_>, candidate: &Candidate) -> Self {
        let entity = candidate.entity.clone();
        let on_it = standing_on(scene, &entity);
        let names = on_it.iter().filter(|entity| is_seen_in_spans(entity.kind)).filter_map(|entity| {
            let text = match entity.kind {
                EntityKind::Service | EntityKind::Instance | EntityKind::Pod => entity.name.clone(),
                _ => entity.to_string(),
            };
            scene.names.find(&text)
        });
        let mut names: HashSet<Name> = names.collect();
        // Peers have names of their own, which the graph may know by another kind.
        names.extend(scene.peers().filter(|(_, entity)| on_it.contains(*entity)).map(|(name, _)| name));
        let links = scene.case.estate.links.iter();
        let under = links.filter(|link| link.relation == Relation::RunsOn && link.from == entity);
        let accused = candidate.signs.iter().map(|sign| &sign.accused).chain(under.map(|link| &link.to));
        let accused = accused.cloned().collect();
        let loaded = match entity.kind {
            EntityKind::Traffic => loaded(scene, &Entity::service(&entity.name)),
            _ => HashSet::new(),
        };
        Self { entity, on_it, names, accused, loaded }
    }

    /// Whether a call goes through it, and how closely.
    pub(crate) fn meets(&self, scene: &Scene<'_>, index: usize) -> Option<Nearness> {
        let span = &scene.trees.spans[index];
        let has = |name: Name| !name.is_none() && self.names.contains(&name);
        if has(span.peer) {
            return Some(Nearness::Peer);
        }
        if has(span.instance) {
            return Some(match self.entity.kind {
                EntityKind::Node | EntityKind::Host => Nearness::Machine,
                // One of a service's instances stands for nothing more than the service.
                EntityKind::Service => Nearness::Service,
                _ => Nearness::Instance,
            });
        }
        has(span.service).then_some(Nearness::Service)
    }

    /// Whether it is this, or this stands on it or is part of it.
    pub(crate) fn holds(&self, scene: &Scene<'_>, entity: &Entity) -> bool {
        self.on_it.contains(entity) || self.on_it.contains(&subject(scene, entity))
    }

    /// The same, of an instance itself and not of its service.
    pub(crate) fn holds_itself(&self, entity: &Entity) -> bool {
        self.on_it.contains(entity)
    }

    /// Whether it was seen by what this shows.
    pub(crate) fn is_seen_at(&self, entity: &Entity) -> bool {
        self.entity == *entity || self.accused.contains(entity)
    }

    /// Whether it is a surge that loads this.
    pub(crate) fn loads(&self, scene: &Scene<'_>, entity: &Entity) -> bool {
        self.loaded.contains(entity) || self.loaded.contains(&subject(scene, entity))
    }

    /// Whether it is a surge that loads whoever serves a call.
    pub(crate) fn loads_call(&self, scene: &Scene<'_>, index: usize) -> bool {
        !self.loaded.is_empty() && self.loaded.contains(&Entity::service(scene.text(scene.trees.spans[index].service)))
    }
}

fn is_seen_in_spans(kind: EntityKind) -> bool {
    matches!(kind, EntityKind::Service | EntityKind::Instance | EntityKind::Pod)
}

/// An entity with what runs on it, hangs on it physically, or is an instance of it.
fn standing_on(scene: &Scene<'_>, entity: &Entity) -> HashSet<Entity> {
    let mut met: HashSet<Entity> = HashSet::from([entity.clone()]);
    let mut next = vec![entity.clone()];
    while let Some(at) = next.pop() {
        let physical = !matches!(at.kind, EntityKind::Service | EntityKind::Instance | EntityKind::Database);
        let links = scene.case.estate.links.iter().filter(|link| link.to == at);
        let on = links.filter(|link| match link.relation {
            Relation::Calls => false,
            Relation::DependsOn => physical,
            _ => true,
        });
        let mut found: Vec<Entity> = on.map(|link| link.from.clone()).collect();
        if matches!(at.kind, EntityKind::Node | EntityKind::Host) {
            let here = scene.nodes.iter().filter(|(_, node)| scene.text(**node) == at.name);
            found.extend(here.map(|(instance, _)| Entity::new(EntityKind::Instance, scene.text(*instance))));
        }
        for entity in found {
            if met.len() < REACH_MAX && met.insert(entity.clone()) {
                next.push(entity);
            }
        }
    }
    met
}

/// Everything that a surge at an entrance reaches: along calls and messages to services and stores, and the machines
/// that they are on.
fn loaded(scene: &Scene<'_>, entrance: &Entity) -> HashSet<Entity> {
    let mut loaded: HashSet<Entity> = HashSet::from([entrance.clone()]);
    let mut next = vec![entrance.clone()];
    let links = &scene.case.estate.links;
    while let Some(at) = next.pop() {
        let told = links.iter().filter(|link| link.from == at && link.relation == Relation::Calls);
        let onward: Vec<Entity> = told.map(|link| link.to.clone()).chain(reachable(scene, &at)).collect();
        for entity in onward {
            if loaded.len() < REACH_MAX && loaded.insert(entity.clone()) {
                next.push(entity);
            }
        }
    }
    let nodes = scene.nodes.iter().filter(|(instance, _)| loaded.contains(&Entity::service(scene.service(**instance))));
    let nodes: Vec<Entity> = nodes.map(|(_, node)| Entity::new(EntityKind::Node, scene.text(*node))).collect();
    let hosts = links.iter().filter(|link| link.relation == Relation::RunsOn && loaded.contains(&link.from));
    let hosts: Vec<Entity> = hosts.map(|link| link.to.clone()).collect();
    loaded.extend(nodes);
    loaded.extend(hosts);
    loaded
}
