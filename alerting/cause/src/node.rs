//! From instances to the node they share: one cause instead of many.

use crate::names::Name;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::suspect::{Candidate, is_failure};
use model::{Bilingual, CauseKind, Entity, EntityKind};
use std::collections::{BTreeMap, BTreeSet};

/// The share of a node's instances that must suffer before the node is held to be the cause.
const QUORUM: f64 = 0.75;
const MEMBERS_MIN: usize = 2;
/// What is left of a node's own sign when one of its instances shows the same.
const USED_BY_ONE: f64 = 0.25;
/// What is left of an instance's sign when its node accounts for it.
const SHARED: f64 = 0.4;
const BITS_MAX: f64 = 10.0;

/// Aspects in which a node makes its instances suffer. The last is any of [`LATE`].
const SHARED_ASPECTS: [Aspect; 9] = [
    Aspect::Cpu,
    Aspect::Memory,
    Aspect::Disk,
    Aspect::Io,
    Aspect::SelfTime,
    Aspect::Gap,
    Aspect::Silence,
    Aspect::Threads,
    Aspect::Shared,
];
/// Who is given no processor is late in one of these ways: in what he does himself, or in what he waits for.
const LATE: [Aspect; 4] = [Aspect::SelfTime, Aspect::Gap, Aspect::Threads, Aspect::Cpu];

pub(crate) fn lift(scene: &Scene<'_>, candidates: &mut Vec<Candidate>) {
    let mut members: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    for (instance, node) in &scene.nodes {
        members.entry(*node).or_default().insert(*instance);
    }
    let suffering = suffering(scene, candidates);
    for (node, members) in members {
        let entity = Entity::new(EntityKind::Node, scene.text(node));
        for_one_reason(scene, candidates, &entity, &members);
        let services: BTreeSet<&str> = members.iter().map(|member| scene.service(*member)).collect();
        let mut lifted = Vec::new();
        if members.len() >= MEMBERS_MIN && services.len() >= MEMBERS_MIN {
            lifted = SHARED_ASPECTS
                .into_iter()
                .filter_map(|aspect| quorum(scene, aspect, &entity, &members, &suffering))
                .collect();
        }
        if lifted.is_empty() {
            own_of_one(&entity, candidates, &members, &suffering);
            continue;
        }
        take_from_members(scene, candidates, &members, &lifted);
        match candidates.iter_mut().find(|candidate| candidate.entity == entity) {
            Some(candidate) => candidate.signs.extend(lifted),
            None => candidates.push(Candidate { signs: lifted, ..Candidate::new(entity) }),
        }
    }
}

/// What a node itself shows (a full disk, say) is the reason of those on it who fail and name the same reason; that
/// others on it need none of it does not speak against.
fn for_one_reason(scene: &Scene<'_>, candidates: &mut [Candidate], node: &Entity, members: &BTreeSet<Name>) {
    let Some(own) = candidates.iter().position(|candidate| candidate.entity == *node) else { return };
    let reasons: BTreeSet<CauseKind> =
        candidates[own].signs.iter().filter(|sign| sign.bits >= 1.0).filter_map(|sign| sign.cause).collect();
    let names: BTreeSet<&str> = members.iter().map(|member| scene.text(*member)).collect();
    for reason in reasons {
        let fails_here = |candidate: &Candidate| {
            candidate.entity != *node
                && candidate.signs.iter().any(|sign| sign.cause == Some(reason))
                && candidate.signs.iter().any(|sign| names.contains(sign.accused.name.as_str()))
        };
        let failing: Vec<usize> = (0..candidates.len()).filter(|at| fails_here(&candidates[*at])).collect();
        if failing.is_empty() {
            continue;
        }
        let signs: Vec<&Sign> = failing.iter().flat_map(|at| &candidates[*at].signs).collect();
        let bits = signs.iter().map(|sign| sign.bits).fold(0.0, f64::max);
        let since = signs.iter().map(|sign| sign.since).filter(|since| *since > 0).min().unwrap_or(0);
        let who: Vec<&str> = failing.iter().map(|at| candidates[*at].entity.name.as_str()).collect();
        let who = who.join(", ");
        let text = Bilingual::new(
            format!("{who} fail on {} and name the same reason: {}", node.name, reason.as_str()),
            format!("{who} 在 {} 上失败，且原因相同：{}", node.name, reason.as_str()),
        );
        let sign = Sign { bits, since, cause: Some(reason), ..Sign::new(Aspect::Shared, node.clone(), text) };
        for at in failing {
            for sign in candidates[at].signs.iter_mut().filter(|sign| is_failure(sign.aspect)) {
                sign.bits *= SHARED;
            }
        }
        candidates[own].signs.push(sign);
    }
}

/// Bits of each aspect, by instance.
fn suffering(scene: &Scene<'_>, candidates: &[Candidate]) -> BTreeMap<(Aspect, Name), f64> {
    let mut bits: BTreeMap<(Aspect, Name), f64> = BTreeMap::new();
    for sign in candidates
        .iter()
        .flat_map(|candidate| &candidate.signs)
        .filter(|sign| sign.accused.kind == EntityKind::Instance)
    {
        if let Some(instance) = scene.names.find(&sign.accused.name) {
            let late = LATE.contains(&sign.aspect).then_some(Aspect::Shared);
            for aspect in std::iter::once(sign.aspect).chain(late) {
                let known = bits.entry((aspect, instance)).or_default();
                *known = known.max(sign.bits);
            }
        }
    }
    bits
}

/// What three quarters of the members reach, if their siblings elsewhere do not.
fn quorum(
    scene: &Scene<'_>,
    aspect: Aspect,
    node: &Entity,
    members: &BTreeSet<Name>,
    suffering: &BTreeMap<(Aspect, Name), f64>,
) -> Option<Sign> {
    let of = |instance: &Name| suffering.get(&(aspect, *instance)).copied().unwrap_or(0.0);
    let mut reached: Vec<f64> = members.iter().map(of).collect();
    reached.sort_by(|a, b| b.total_cmp(a));
    let needed = ((members.len() as f64 * QUORUM).ceil() as usize).max(MEMBERS_MIN);
    let common = *reached.get(needed - 1)?;
    let services: BTreeSet<&str> = members.iter().map(|member| scene.service(*member)).collect();
    let siblings = scene
        .instances
        .keys()
        .filter(|instance| !members.contains(*instance) && services.contains(scene.service(**instance)));
    let (mut elsewhere, mut also) = (0, 0);
    for sibling in siblings {
        elsewhere += 1;
        also += usize::from(of(sibling) > 0.0);
    }
    if common < 1.0 || (elsewhere > 0 && also * 2 >= elsewhere) {
        return None;
    }
    let (count, all) = (reached.iter().filter(|bits| **bits > 0.0).count(), members.len());
    let text = Bilingual::new(
        format!(
            "{count} of {all} instances of {} services on {} suffer alike ({})",
            services.len(),
            node.name,
            aspect.as_str()
        ),
        format!(
            "{} 上 {} 个服务的 {all} 个实例中有 {count} 个出现相同异常（{}）",
            node.name,
            services.len(),
            aspect.as_str()
        ),
    );
    Some(Sign {
        bits: (common * (all as f64).sqrt()).min(BITS_MAX),
        now: Some(count as f64 / all as f64),
        ..Sign::new(aspect, node.clone(), text)
    })
}

/// A node is busy because one of its instances is.
fn own_of_one(
    node: &Entity,
    candidates: &mut [Candidate],
    members: &BTreeSet<Name>,
    suffering: &BTreeMap<(Aspect, Name), f64>,
) {
    let Some(candidate) = candidates.iter_mut().find(|candidate| candidate.entity == *node) else { return };
    for sign in &mut candidate.signs {
        if members.iter().any(|member| suffering.get(&(sign.aspect, *member)).is_some_and(|bits| *bits > 0.0)) {
            sign.bits *= USED_BY_ONE;
        }
    }
}

fn take_from_members(scene: &Scene<'_>, candidates: &mut [Candidate], members: &BTreeSet<Name>, lifted: &[Sign]) {
    let names: BTreeSet<&str> = members.iter().map(|member| scene.text(*member)).collect();
    for sign in candidates.iter_mut().flat_map(|candidate| &mut candidate.signs) {
        let of =
            |node: &Sign| node.aspect == sign.aspect || (node.aspect == Aspect::Shared && LATE.contains(&sign.aspect));
        if names.contains(sign.accused.name.as_str()) && lifted.iter().any(of) {
            sign.bits *= SHARED;
        }
    }
}
