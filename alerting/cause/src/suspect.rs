//! Candidates: signs gathered by whom they accuse, weighed against each other.
//!
//! Within a family of aspects the strongest counts whole and the others a third, because they see the
//! same thing; families add up.

use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use hashbrown::{HashMap, HashSet};
use model::{Bilingual, Entity, EntityKind, UnixNanos};
use std::collections::{BTreeMap, BTreeSet};

/// What further aspects of one family add.
const SAME_FAMILY: f64 = 0.35;
/// Indicators of a service suffer with everybody; they break ties at most.
const SYMPTOM_WEIGHT: f64 = 0.1;
/// What is left of a sign that another candidate explains, and of load that a surge explains.
const EXPLAINED: f64 = 0.4;
const LOADED: f64 = 0.25;
/// What others' failures say of whom they ask, bits at most.
const TAKEN_MAX: f64 = 10.0;
/// An explanation may be seen this much later than what it explains.
const SLACK_NS: i64 = 150 * UnixNanos::SECOND;
/// So strong must a candidate be to explain others.
const EXPLAINS_MIN: f64 = 2.0;

/// A possible cause.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) entity: Entity,
    pub(crate) signs: Vec<Sign>,
    pub(crate) against: Vec<Sign>,
}

impl Candidate {
    pub(crate) fn new(entity: Entity) -> Self {
        Self { entity, signs: Vec::new(), against: Vec::new() }
    }

    /// Bits for it, less bits against.
    pub(crate) fn score(&self) -> f64 {
        (self.weight_of(|_| true) - self.against.iter().map(|sign| sign.bits).sum::<f64>()).max(0.0)
    }

    /// Bits of some aspects.
    pub(crate) fn weight_of(&self, of: impl Fn(Aspect) -> bool) -> f64 {
        self.weight_of_signs(|sign| of(sign.aspect))
    }

    /// Bits of some signs.
    pub(crate) fn weight_of_signs(&self, of: impl Fn(&Sign) -> bool) -> f64 {
        let mut aspects: BTreeMap<Aspect, f64> = BTreeMap::new();
        for sign in self.signs.iter().filter(|sign| of(sign)) {
            let bits = aspects.entry(sign.aspect).or_default();
            *bits = bits.max(sign.bits * if sign.aspect == Aspect::Symptom { SYMPTOM_WEIGHT } else { 1.0 });
        }
        let mut families: BTreeMap<u8, (f64, f64)> = BTreeMap::new();
        for (aspect, bits) in aspects {
            let (most, all) = families.entry(family(aspect)).or_default();
            *most = most.max(bits);
            *all += bits;
        }
        families.values().map(|(most, all)| most + SAME_FAMILY * (all - most)).sum()
    }

    pub(crate) fn since(&self) -> Option<i64> {
        self.signs.iter().filter(|sign| sign.since > 0 && sign.aspect != Aspect::Symptom).map(|sign| sign.since).min()
    }
}

/// Aspects that see the same thing.
fn family(aspect: Aspect) -> u8 {
    match aspect {
        Aspect::Behaviour
        | Aspect::ErrorLog
        | Aspect::ErrorOrigin
        | Aspect::Degraded
        | Aspect::CallCount
        | Aspect::Retry => 0,
        Aspect::Gap => 1,
        Aspect::EdgeMetric => 2,
        Aspect::SelfTime | Aspect::PeerLatency => 3,
        Aspect::Silence | Aspect::Restart => 4,
        Aspect::Cpu => 5,
        Aspect::Memory => 6,
        Aspect::Disk | Aspect::Io => 7,
        Aspect::Threads | Aspect::Pool | Aspect::Lock => 8,
        Aspect::Lag => 9,
        Aspect::Cache => 10,
        Aspect::Traffic => 11,
        Aspect::Symptom => 12,
        Aspect::Change => 13,
        Aspect::Residual | Aspect::Other => 14,
        Aspect::Dns => 15,
        Aspect::Status => 16,
        Aspect::Shared => 17,
        Aspect::Drift => 18,
    }
}

/// What shows in whoever waits for the culprit, too.
pub(crate) fn is_wake(aspect: Aspect) -> bool {
    matches!(
        aspect,
        Aspect::ErrorLog
            | Aspect::SelfTime
            | Aspect::Threads
            | Aspect::Pool
            | Aspect::Retry
            | Aspect::Symptom
            | Aspect::Degraded
    )
}

/// What a surge of traffic brings about by itself.
pub(crate) fn is_load(aspect: Aspect) -> bool {
    matches!(
        aspect,
        Aspect::Cpu
            | Aspect::Threads
            | Aspect::SelfTime
            | Aspect::Gap
            | Aspect::EdgeMetric
            | Aspect::PeerLatency
            | Aspect::Pool
            | Aspect::Lag
            | Aspect::Symptom
            | Aspect::ErrorLog
    )
}

/// Gathers signs by candidate, and takes away what others explain.
pub(crate) fn candidates(scene: &Scene<'_>, signs: Vec<Sign>) -> Vec<Candidate> {
    let signs = starved(scene, signs);
    let mut candidates: BTreeMap<Entity, Candidate> = BTreeMap::new();
    for sign in signs {
        let entity = subject(scene, &sign.accused);
        candidates.entry(entity.clone()).or_insert_with(|| Candidate::new(entity)).signs.push(sign);
    }
    let mut candidates: Vec<Candidate> = candidates.into_values().collect();
    crate::node::lift(scene, &mut candidates);
    crate::dependency::lift(scene, &mut candidates);
    let busier = inner_traffic(scene, &mut candidates);
    // What fails for a store's sake does so under any load.
    explained_by_stores(scene, &mut candidates);
    explained_by_traffic(scene, &mut candidates, &busier);
    explained_by_versions(&mut candidates);
    explained_by_callees(scene, &mut candidates);
    sort(&mut candidates);
    candidates
}

/// Best first.
pub(crate) fn sort(candidates: &mut [Candidate]) {
    for candidate in candidates.iter_mut() {
        candidate.signs.sort_by(|a, b| {
            b.bits.total_cmp(&a.bits).then_with(|| (a.aspect, &a.text.en).cmp(&(b.aspect, &b.text.en)))
        });
    }
    candidates.sort_by(|a, b| b.score().total_cmp(&a.score()).then_with(|| a.entity.cmp(&b.entity)));
}

/// An instance stands for its service until causes are named.
pub(crate) fn subject(scene: &Scene<'_>, accused: &Entity) -> Entity {
    let service = (accused.kind == EntityKind::Instance)
        .then(|| scene.names.find(&accused.name))
        .flatten()
        .and_then(|name| scene.instances.get(&name));
    service.map_or_else(|| accused.clone(), |service| Entity::service(scene.text(*service)))
}

/// Who is starved of CPU waits longer for everybody: gaps on its calls are its own.
fn starved(scene: &Scene<'_>, mut signs: Vec<Sign>) -> Vec<Sign> {
    const STARVED_BITS: f64 = 3.0;
    let starved: HashSet<Entity> = signs
        .iter()
        .filter(|sign| sign.aspect == Aspect::Cpu && sign.bits >= STARVED_BITS)
        .map(|sign| subject(scene, &sign.accused))
        .collect();
    for sign in signs.iter_mut().filter(|sign| matches!(sign.aspect, Aspect::Gap | Aspect::EdgeMetric)) {
        let callers: BTreeSet<Entity> = sign.words.iter().map(|caller| Entity::service(caller.as_str())).collect();
        if !starved.contains(&subject(scene, &sign.accused))
            && let Some(caller) = callers.first()
            && callers.len() == 1
            && starved.contains(caller)
        {
            sign.accused = caller.clone();
        }
    }
    signs
}

/// More requests to a service that others call are its callers' doing. Tells which services get more.
fn inner_traffic(scene: &Scene<'_>, candidates: &mut Vec<Candidate>) -> BTreeSet<Entity> {
    let is_traffic = |candidate: &Candidate| candidate.entity.kind == EntityKind::Traffic;
    let busier = candidates
        .iter()
        .filter(|candidate| is_traffic(candidate))
        .map(|candidate| Entity::service(&candidate.entity.name))
        .collect();
    let called: BTreeSet<&str> =
        scene.calls.iter().filter(|(from, to)| from != to).map(|(_, to)| to.name.as_str()).collect();
    candidates.retain(|candidate| !is_traffic(candidate) || !called.contains(candidate.entity.name.as_str()));
    busier
}

fn explained_by_traffic(scene: &Scene<'_>, candidates: &mut [Candidate], busier: &BTreeSet<Entity>) {
    let surges: Vec<(Entity, i64)> = candidates
        .iter()
        .filter(|candidate| candidate.entity.kind == EntityKind::Traffic && candidate.score() >= EXPLAINS_MIN)
        .map(|candidate| (candidate.entity.clone(), candidate.since().unwrap_or(0)))
        .collect();
    for (traffic, since) in surges {
        let reached = reachable(scene, &Entity::service(&traffic.name));
        let text = Bilingual::new(
            format!("the surge of traffic at {} explains its load", traffic.name),
            format!("{} 的流量激增可以解释它的负载", traffic.name),
        );
        for candidate in candidates
            .iter_mut()
            .filter(|candidate| reached.contains(&candidate.entity) || busier.contains(&candidate.entity))
        {
            discount(candidate, is_load, LOADED, since, Sign::new(Aspect::Traffic, traffic.clone(), text.clone()));
        }
    }
}

/// Who fails for callers of an old version only is not at fault.
fn explained_by_versions(candidates: &mut [Candidate]) {
    let drifts: Vec<Sign> = candidates
        .iter()
        .flat_map(|candidate| &candidate.signs)
        .filter(|sign| sign.aspect == Aspect::Drift && sign.bits >= EXPLAINS_MIN)
        .cloned()
        .collect();
    for drift in drifts {
        let callee = drift.words.first().map(|callee| Entity::read(callee));
        let text = Bilingual::new(
            format!("it fails only for {}, which was left on an old version", drift.accused.name),
            format!("仅对停留在旧版本的 {} 失败", drift.accused.name),
        );
        for candidate in candidates.iter_mut().filter(|candidate| Some(&candidate.entity) == callee.as_ref()) {
            let why = Sign::new(Aspect::Residual, drift.accused.clone(), text.clone());
            discount(candidate, is_failure, EXPLAINED, drift.since, why);
        }
    }
}

/// A database or cache sends no spans of its own: what it does wrong shows as failures of those who ask it.
fn explained_by_stores(scene: &Scene<'_>, candidates: &mut [Candidate]) {
    let is_own = |aspect: Aspect| {
        matches!(aspect, Aspect::Lag | Aspect::Lock | Aspect::Memory | Aspect::Disk | Aspect::Io | Aspect::Cache)
    };
    let stores: Vec<(Entity, i64)> = candidates
        .iter()
        .filter(|candidate| matches!(candidate.entity.kind, EntityKind::Database | EntityKind::Cache))
        .filter(|candidate| candidate.weight_of(is_own) >= EXPLAINS_MIN)
        .map(|candidate| (candidate.entity.clone(), candidate.since().unwrap_or(0)))
        .collect();
    for (store, since) in stores {
        let text = Bilingual::new(
            format!("{}, which it asks, shows faults of its own", store.name),
            format!("它所访问的 {} 自身存在异常", store.name),
        );
        let (mut bits, mut failing) = (0.0, Vec::new());
        for candidate in
            candidates.iter_mut().filter(|candidate| scene.calls.contains(&(candidate.entity.clone(), store.clone())))
        {
            let why = Sign::new(Aspect::Residual, store.clone(), text.clone());
            let failed = candidate.weight_of(is_failure);
            if discount(candidate, is_failure, EXPLAINED, since, why) {
                bits = f64::max(bits, failed);
                failing.push(candidate.entity.name.clone());
            }
        }
        let taken = failures_of(&store, since, bits, &failing);
        candidates.iter_mut().filter(|own| own.entity == store).for_each(|own| own.signs.extend(taken.clone()));
    }
}

/// What a store has explained speaks against the store.
fn failures_of(store: &Entity, since: i64, bits: f64, failing: &[String]) -> Option<Sign> {
    let who = failing.join(", ");
    let text = Bilingual::new(
        format!("{who}, which asks it, fails since it shows faults of its own"),
        format!("{who} 访问它，自其出现异常后开始失败"),
    );
    let bits = bits.min(TAKEN_MAX);
    (!failing.is_empty()).then(|| Sign { bits, since, ..Sign::new(Aspect::Shared, store.clone(), text) })
}

/// It fails, or does not do what it usually does.
pub(crate) fn is_failure(aspect: Aspect) -> bool {
    matches!(aspect, Aspect::Behaviour | Aspect::ErrorOrigin | Aspect::ErrorLog | Aspect::Degraded)
}

/// Errors and waiting of a caller are the wake of a callee that shows something of its own.
fn explained_by_callees(scene: &Scene<'_>, candidates: &mut [Candidate]) {
    let own: HashMap<Entity, (f64, i64)> = candidates
        .iter()
        .map(|candidate| {
            (candidate.entity.clone(), (candidate.weight_of(|aspect| !is_wake(aspect)), candidate.since().unwrap_or(0)))
        })
        .collect();
    for candidate in candidates.iter_mut() {
        let wake = candidate.weight_of(is_wake);
        let mut reached: Vec<Entity> =
            reachable(scene, &candidate.entity).into_iter().filter(|callee| *callee != candidate.entity).collect();
        reached.sort();
        let deeper = reached
            .into_iter()
            .filter_map(|callee| own.get(&callee).map(|(bits, since)| (*bits, *since, callee)))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((bits, since, callee)) = deeper.filter(|(bits, ..)| *bits >= EXPLAINS_MIN && *bits >= wake) else {
            continue;
        };
        let _ = bits;
        let text = Bilingual::new(
            format!("{}, which it depends on, shows faults of its own", callee.name),
            format!("它所依赖的 {} 自身存在异常", callee.name),
        );
        discount(candidate, is_wake, EXPLAINED, since, Sign::new(Aspect::Residual, callee, text));
    }
}

/// Lowers signs of some aspects that began after their explanation, and writes down why. Says whether there were any.
fn discount(candidate: &mut Candidate, of: impl Fn(Aspect) -> bool, left: f64, since: i64, why: Sign) -> bool {
    let before = candidate.score();
    for sign in
        candidate.signs.iter_mut().filter(|sign| of(sign.aspect) && sign.since.saturating_add(SLACK_NS) >= since)
    {
        sign.bits *= left;
    }
    let lost = before - candidate.score();
    if lost > 0.0 {
        // Shown for what it took; the score has it already.
        candidate.against.push(Sign { bits: 0.0, now: Some(lost), unit: "bit", ..why });
    }
    lost > 0.0
}

/// Entities and all they call, directly or not.
pub(crate) fn reachable_from<'e>(scene: &Scene<'_>, from: impl Iterator<Item = &'e Entity>) -> BTreeSet<Entity> {
    from.flat_map(|entity| reachable(scene, &subject(scene, entity))).collect()
}

/// The entity and all it calls, directly or not.
pub(crate) fn reachable(scene: &Scene<'_>, from: &Entity) -> HashSet<Entity> {
    const REACHED_MAX: usize = 2_000;
    let mut reached: HashSet<Entity> = HashSet::from([from.clone()]);
    let mut next = vec![from.clone()];
    while let Some(entity) = next.pop() {
        let lowest = Entity::new(EntityKind::Service, "");
        for (_, callee) in scene.calls.range((entity.clone(), lowest)..).take_while(|(caller, _)| *caller == entity) {
            if reached.len() < REACHED_MAX && reached.insert(callee.clone()) {
                next.push(callee.clone());
            }
        }
    }
    reached
}
