//! Edges that go through one device: whoever stands behind it speaks to the rest of the world across it.

use crate::cover::{Covering, Direction, Edge, cover};
use crate::names::Name;
use crate::scene::Scene;
use incident::Relation;
use model::{Entity, EntityKind};
use std::collections::{BTreeMap, BTreeSet};

/// So many services behind a device must suffer before it is held against them one by one.
const SERVICES_MIN: usize = 2;
/// A quiet edge speaks against a device as it does against a place.
const QUIET: f64 = 0.5;
const PRICE: f64 = 0.05;

/// Devices that account for inflated edges better than any single place does, with the edges across them.
pub(crate) fn devices(
    scene: &Scene<'_>,
    inflated: &BTreeMap<Edge, f64>,
    all: impl Iterator<Item = Edge>,
) -> Vec<(Entity, Covering)> {
    let all: Vec<Edge> = all.collect();
    let mut left = inflated.clone();
    let mut found = Vec::new();
    for (device, behind) in behind(scene) {
        let is_behind = |place: Name| behind.contains(scene.service(place));
        let across = |edge: &&Edge| is_behind(edge.0) != is_behind(edge.1);
        let edges: Vec<Edge> = all.iter().filter(across).filter(|edge| left.contains_key(*edge)).copied().collect();
        let quiet = all.iter().filter(across).filter(|edge| !inflated.contains_key(*edge)).count();
        let inner = |edge: &Edge| if is_behind(edge.0) { edge.0 } else { edge.1 };
        let services: BTreeSet<&str> = edges.iter().map(|edge| scene.service(inner(edge))).collect();
        let worth = edges.len() as f64 - QUIET * quiet as f64 - PRICE;
        let best_place = cover(&left, all.iter().copied())
            .iter()
            .map(|covering| covering.edges.len() as f64 - QUIET * covering.quiet as f64)
            .fold(0.0, f64::max);
        if services.len() >= SERVICES_MIN && worth >= best_place {
            left.retain(|edge, _| !edges.contains(edge));
            let covering = Covering { place: Name::NONE, direction: Direction::Both, edges, quiet };
            found.push((device, covering));
        }
    }
    found
}

/// The services behind each device.
fn behind<'a>(scene: &Scene<'a>) -> BTreeMap<Entity, BTreeSet<&'a str>> {
    let mut behind: BTreeMap<Entity, BTreeSet<&str>> = BTreeMap::new();
    let links = scene.case.estate.links.iter();
    for link in links.filter(|link| link.relation == Relation::DependsOn && link.to.kind == EntityKind::Device) {
        if link.from.kind == EntityKind::Service {
            behind.entry(link.to.clone()).or_default().insert(link.from.name.as_str());
        }
    }
    behind
}
