//! From what suffers to what it all depends on: a device under several systems, a gateway in front of a third
//! party. What hangs on it is declared, as telemetry does not tell it.

use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::suspect::Candidate;
use incident::Relation;
use model::{Bilingual, Entity, EntityKind};
use std::collections::{BTreeMap, BTreeSet};

/// So much must a dependent show to suffer, and so much its dependency to speak for itself, bits.
const SUFFERS: f64 = 2.0;
const SPEAKS: f64 = 1.0;
/// What is left of a dependent's signs when its dependency accounts for them.
const SHARED: f64 = 0.4;
/// A dependency that says nothing itself is blamed by this share of its dependents, and so many services.
const QUORUM: f64 = 0.75;
const MEMBERS_MIN: usize = 2;
const BITS_MAX: f64 = 10.0;

pub(crate) fn lift(scene: &Scene<'_>, candidates: &mut Vec<Candidate>) {
    for (dependency, members) in dependents(scene) {
        let harmed = |entity: &Entity| {
            let candidate = candidates.iter().find(|candidate| candidate.entity == *entity)?;
            Some(candidate.weight_of(is_harm)).filter(|bits| *bits >= SUFFERS)
        };
        let suffering: Vec<(Entity, f64)> =
            members.iter().filter_map(|entity| Some((entity.clone(), harmed(entity)?))).collect();
        let own = candidates.iter().find(|candidate| candidate.entity == dependency);
        let speaks = own.is_some_and(|own| own.weight_of(|aspect| aspect != Aspect::Other) >= SPEAKS);
        let by_quorum = suffering.len() >= MEMBERS_MIN && suffering.len() as f64 >= QUORUM * members.len() as f64;
        if suffering.is_empty() || !(speaks || by_quorum) {
            continue;
        }
        let sign = shared(candidates, &dependency, &suffering, members.len());
        for candidate in candidates.iter_mut().filter(|c| suffering.iter().any(|(entity, _)| *entity == c.entity)) {
            for sign in candidate.signs.iter_mut().filter(|sign| is_harm(sign.aspect)) {
                sign.bits *= SHARED;
            }
        }
        match candidates.iter_mut().find(|candidate| candidate.entity == dependency) {
            Some(candidate) => candidate.signs.push(sign),
            None => candidates.push(Candidate { signs: vec![sign], ..Candidate::new(dependency) }),
        }
    }
}

/// Who depends on each device, site or region. Where services and third parties depend on it, what merely stands
/// beside it is left out.
fn dependents(scene: &Scene<'_>) -> BTreeMap<Entity, BTreeSet<Entity>> {
    let mut dependents: BTreeMap<Entity, BTreeSet<Entity>> = BTreeMap::new();
    let physical = |entity: &Entity| matches!(entity.kind, EntityKind::Device | EntityKind::Site | EntityKind::Region);
    for link in scene.case.estate.links.iter().filter(|link| link.relation == Relation::DependsOn) {
        if physical(&link.to) {
            dependents.entry(link.to.clone()).or_default().insert(link.from.clone());
        }
    }
    dependents
}

/// What somebody else may have done to it.
fn is_harm(aspect: Aspect) -> bool {
    matches!(
        aspect,
        Aspect::ErrorOrigin
            | Aspect::ErrorLog
            | Aspect::Behaviour
            | Aspect::Degraded
            | Aspect::Gap
            | Aspect::EdgeMetric
            | Aspect::PeerLatency
            | Aspect::Silence
    )
}

fn shared(candidates: &[Candidate], dependency: &Entity, suffering: &[(Entity, f64)], all: usize) -> Sign {
    let of = |entity: &Entity| candidates.iter().find(|candidate| candidate.entity == *entity);
    let since = suffering.iter().filter_map(|(entity, _)| of(entity)?.since()).min().unwrap_or(0);
    let names: Vec<&str> = suffering.iter().map(|(entity, _)| entity.name.as_str()).collect();
    let (names, count) = (names.join(", "), suffering.len());
    let text = Bilingual::new(
        format!("{count} of {all} that depend on {} suffer: {names}", dependency.name),
        format!("依赖 {} 的 {all} 个对象中有 {count} 个异常：{names}", dependency.name),
    );
    Sign {
        bits: suffering.iter().map(|(_, bits)| *bits).fold(0.0, f64::max).min(BITS_MAX),
        since,
        now: Some(count as f64 / all.max(1) as f64),
        ..Sign::new(Aspect::Shared, dependency.clone(), text)
    }
}
