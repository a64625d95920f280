//! Causes that stand beside the first one: two faults at once, neither of which may hide the other.

use crate::path;
use crate::scene::Scene;
use crate::suspect::Candidate;
use incident::Explained;
use model::{Entity, EntityKind};
use std::collections::BTreeSet;

/// So much speaks for a second cause at least, bits, and such a part of what speaks for the first.
const SURE: f64 = 5.0;
const BESIDE: f64 = 0.4;
/// It explains so many services besides itself that the others do not.
const ALONE_MIN: usize = 1;
/// Candidates looked at.
const LOOKED_AT: usize = 5;

/// A cause of its own, by its place among the candidates, with what only it explains.
#[derive(Debug)]
pub(crate) struct Independent {
    pub(crate) at: usize,
    pub(crate) explained: Vec<Explained>,
}

/// Candidates that neither hurt the first one nor are hurt by it, and that suffering hangs on which hangs on no
/// other. Best first, as candidates are.
pub(crate) fn of(scene: &Scene<'_>, candidates: &[Candidate]) -> Vec<Independent> {
    let Some(first) = candidates.first() else { return Vec::new() };
    let mut causes: Vec<&Entity> = vec![&first.entity];
    let mut taken: BTreeSet<Entity> =
        path::explain(scene, &first.entity).into_iter().map(|found| found.entity).collect();
    let mut found = Vec::new();
    for (at, candidate) in candidates.iter().enumerate().take(LOOKED_AT).skip(1) {
        let score = candidate.score();
        let is_related = |cause: &&Entity| {
            path::hurts(scene, cause, &candidate.entity) || path::hurts(scene, &candidate.entity, cause)
        };
        if score < SURE || score < BESIDE * first.score() || causes.iter().any(is_related) {
            continue;
        }
        let mut explained = path::explain(scene, &candidate.entity);
        explained.retain(|found| !taken.contains(&found.entity));
        let besides: BTreeSet<&str> = explained
            .iter()
            .filter(|found| found.entity != candidate.entity)
            .map(|found| of_service(&found.entity))
            .collect();
        if besides.len() >= ALONE_MIN {
            taken.extend(explained.iter().map(|found| found.entity.clone()));
            causes.push(&candidate.entity);
            found.push(Independent { at, explained });
        }
    }
    found
}

fn of_service(entity: &Entity) -> &str {
    match entity.kind {
        EntityKind::Operation => entity.name.split_once('/').map_or(entity.name.as_str(), |(service, _)| service),
        _ => &entity.name,
    }
}
