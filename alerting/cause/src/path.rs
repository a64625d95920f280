//! How what suffers hangs on the cause: the shortest way along calls, from the cause to its callers.

use crate::scene::Scene;
use crate::suspect::subject;
use hashbrown::HashMap;
use incident::Relation;
use model::{Entity, EntityKind};
use std::collections::VecDeque;

/// Entities looked at on the way.
const VISITED_MAX: usize = 5_000;

/// Whom a cause hurts, along calls and what runs where.
#[derive(Debug)]
pub(crate) struct Reached {
    cause: Entity,
    came_from: HashMap<Entity, Entity>,
}

impl Reached {
    pub(crate) fn of(scene: &Scene<'_>, cause: &Entity) -> Self {
        Self { cause: cause.clone(), came_from: reached(scene, cause) }
    }

    /// From the cause to what it hurts, or to who bears that.
    pub(crate) fn way(&self, scene: &Scene<'_>, to: &Entity) -> Option<Vec<Entity>> {
        way(&self.came_from, &self.cause, to).or_else(|| way(&self.came_from, &self.cause, &bearer(scene, to)))
    }

    pub(crate) fn distance(&self, scene: &Scene<'_>, to: &Entity) -> Option<usize> {
        self.way(scene, to).map(|way| way.len())
    }
}

/// The service of an operation or instance.
pub(crate) fn bearer(scene: &Scene<'_>, entity: &Entity) -> Entity {
    match (entity.kind, entity.name.split_once('/')) {
        (EntityKind::Operation, Some((service, _))) => Entity::service(service),
        _ => subject(scene, entity),
    }
}

/// From whom each entity that a cause hurts gets it: callers from callees, instances from nodes.
fn reached(scene: &Scene<'_>, cause: &Entity) -> HashMap<Entity, Entity> {
    let mut hurts: HashMap<Entity, Vec<Entity>> = HashMap::new();
    for (caller, callee) in &scene.calls {
        hurts.entry(callee.clone()).or_default().push(caller.clone());
    }
    for (instance, node) in &scene.nodes {
        let service = Entity::service(scene.service(*instance));
        hurts.entry(Entity::new(EntityKind::Node, scene.text(*node))).or_default().push(service.clone());
        hurts.entry(Entity::new(EntityKind::Instance, scene.text(*instance))).or_default().push(service);
    }
    for link in scene.case.estate.links.iter().filter(|link| link.relation != Relation::Calls) {
        hurts.entry(link.to.clone()).or_default().push(link.from.clone());
    }
    if cause.kind == EntityKind::Traffic {
        hurts.entry(cause.clone()).or_default().push(Entity::service(&cause.name));
    }
    let mut came_from: HashMap<Entity, Entity> = HashMap::new();
    let mut next = VecDeque::from([cause.clone()]);
    while let Some(entity) = next.pop_front() {
        for hurt in hurts.get(&entity).into_iter().flatten() {
            if hurt != cause && !came_from.contains_key(hurt) && came_from.len() < VISITED_MAX {
                came_from.insert(hurt.clone(), entity.clone());
                next.push_back(hurt.clone());
            }
        }
    }
    came_from
}

fn way(came_from: &HashMap<Entity, Entity>, cause: &Entity, to: &Entity) -> Option<Vec<Entity>> {
    let mut path = vec![to.clone()];
    while path.last() != Some(cause) {
        path.push(came_from.get(path.last()?)?.clone());
    }
    path.reverse();
    Some(path)
}
