//! The smallest set of causes that explains what suffers: one, unless another explains what the first cannot.
//!
//! What suffers is laid on causes by its own bad calls, each of which leads somewhere ([`crate::ways`]); where there
//! are none, by where a cause was seen, what stands on it, and the shortest way along the graph. A candidate that may
//! merely have got its trouble from another, or given it to that one, is no cause beside it, unless it shows something
//! that nobody gives to anybody.

use crate::path::{self, Reached};
use crate::reach::{Nearness, Reach};
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::suspect::{Candidate, is_failure, is_load, is_wake};
use crate::ways::{Way, ways};
use hashbrown::HashMap;
use incident::{Explained, Harm, Suffering};
use model::{Bilingual, Entity, EntityKind};
use std::collections::BTreeSet;

/// So much speaks for a second cause at least, bits, and such a part of what speaks for the first.
const SURE: f64 = 4.0;
const BESIDE: f64 = 0.1;
/// So much of it is its own where it hangs together with another cause.
const OWN: f64 = 3.0;
/// Such a part of the bad calls through one leads on to the other where it comes of that.
const LEADS_ON: f64 = 0.2;
const MOSTLY: f64 = 0.6;
/// Places on the way from who is asked to who asks.
const ASKS: usize = 2;
/// It explains so many others besides itself that no other cause explains better.
const ALONE_MIN: usize = 1;
/// Candidates looked at.
const LOOKED_AT: usize = 6;
/// Levels at which a call meets a cause: above the call itself, and merely by the load of everything.
const LOADED: i32 = -1_000;

/// Which candidates are causes, by their places, and what hangs on which of them.
#[derive(Debug, Default)]
pub(crate) struct Joint {
    /// Best first; the first candidate is always among them.
    pub(crate) causes: Vec<usize>,
    /// The one that most of what suffers here hangs on.
    pub(crate) own: usize,
    /// The strongest candidate that could be meant instead of that one: no cause itself, and nothing that another of the
    /// causes may have brought about.
    pub(crate) rival: Option<usize>,
    pub(crate) explained: Vec<(usize, Explained)>,
}

/// Finds them.
pub(crate) fn of(scene: &Scene<'_>, candidates: &[Candidate]) -> Joint {
    if candidates.is_empty() {
        return Joint::default();
    }
    let cover = Cover::new(scene, candidates);
    let causes = cover.causes();
    let mut counts: HashMap<usize, usize> = HashMap::new();
    let mut explained = Vec::new();
    for hurt in &scene.case.suffering {
        if let Some(at) = cover.by(&causes, hurt) {
            *counts.entry(at).or_default() += 1;
            explained.push((at, cover.explanation(at, hurt)));
        }
    }
    let own = causes.iter().copied().max_by_key(|at| (counts.get(at).copied(), std::cmp::Reverse(*at)));
    let own = own.unwrap_or_default();
    let is_brought_about = |at: usize| causes.iter().any(|by| *by != own && cover.may_hurt(*by, at));
    let is_rival = |at: &usize| !(causes.contains(at) || *at < cover.reaches.len() && is_brought_about(*at));
    let rival = (0..candidates.len()).find(is_rival);
    Joint { causes, own, rival, explained }
}

struct Cover<'s> {
    scene: &'s Scene<'s>,
    candidates: &'s [Candidate],
    reaches: Vec<Reach>,
    reached: Vec<Reached>,
    ways: Vec<Way>,
    /// How closely each way meets each candidate.
    met: Vec<Vec<Option<(i32, Nearness)>>>,
    /// Ways by the service, operation, instance or peer that suffers.
    of: HashMap<Entity, Vec<usize>>,
}

impl<'s> Cover<'s> {
    fn new(scene: &'s Scene<'s>, candidates: &'s [Candidate]) -> Self {
        let looked_at = &candidates[..candidates.len().min(LOOKED_AT)];
        let reaches: Vec<Reach> = looked_at.iter().map(|candidate| Reach::of(scene, candidate)).collect();
        let reached = looked_at.iter().map(|candidate| Reached::of(scene, &candidate.entity)).collect();
        let ways = ways(scene);
        let met = ways.iter().map(|way| reaches.iter().map(|reach| meeting(scene, reach, way)).collect()).collect();
        let mut of: HashMap<Entity, Vec<usize>> = HashMap::new();
        for (at, way) in ways.iter().enumerate() {
            for entity in sufferers(scene, way) {
                of.entry(entity).or_default().push(at);
            }
        }
        Self { scene, candidates, reaches, reached, ways, met, of }
    }

    /// What suffers anywhere: what alerts tell, and whatever is out of the ordinary.
    fn symptoms(&self) -> Vec<Suffering> {
        let told = self.scene.case.suffering.iter().cloned();
        let signs = self.candidates.iter().flat_map(|candidate| &candidate.signs);
        let seen =
            signs.map(|sign| Suffering { entity: sign.accused.clone(), harm: Harm::of_name(sign.aspect.as_str()) });
        let called = self.of.iter().flat_map(|(entity, ways)| {
            let harms: BTreeSet<Harm> = ways.iter().map(|way| self.ways[*way].harm).collect();
            harms.into_iter().map(|harm| Suffering { entity: entity.clone(), harm })
        });
        let all: BTreeSet<Suffering> = told.chain(seen).chain(called).collect();
        all.into_iter().collect()
    }

    /// The first candidate, and whoever is needed beside it. What turns out to come of a later one gives way to it.
    fn causes(&self) -> Vec<usize> {
        let mut causes = vec![0];
        let symptoms = self.symptoms();
        for at in (1..self.reaches.len()).filter(|at| self.is_sure(*at)) {
            let (rivals, others): (Vec<usize>, Vec<usize>) =
                causes.iter().copied().partition(|other| !(self.is_own(*other, at) && self.is_own(at, *other)));
            let give_way =
                rivals.iter().all(|rival| *rival != 0 && !self.is_own(*rival, at) && self.is_own(at, *rival));
            let tried: Vec<usize> = others.into_iter().chain([at]).collect();
            if give_way && self.explains_alone(&tried, at, &symptoms) {
                causes = tried;
            }
        }
        causes
    }

    fn is_sure(&self, at: usize) -> bool {
        let score = self.candidates[at].score();
        score >= SURE && score >= BESIDE * self.candidates[0].score()
    }

    /// Whether what one shows does not come of another.
    fn is_own(&self, of: usize, by: usize) -> bool {
        if !self.may_hurt(by, of) {
            return true;
        }
        let (by_kind, of_kind, reach) = (self.kind(by), self.kind(of), &self.reaches[by]);
        let is_machine = matches!(by_kind, EntityKind::Node | EntityKind::Host);
        // Whoever fails on one machine only fails by that machine, however late it is elsewhere.
        let on_it = || self.leading_on(of, by, Some(Harm::Failure)).or_else(|| self.leading_on(of, by, None));
        let is_on_it = reach.holds_itself(&self.candidates[of].entity);
        let is_of_machine = is_machine && (is_on_it || on_it().is_none_or(|share| share >= MOSTLY));
        let own = |sign: &Sign| {
            !(is_given(sign.aspect, by_kind, of_kind)
                || is_machine && reach.holds_itself(&sign.accused)
                || is_of_machine && is_given(sign.aspect, EntityKind::Service, of_kind))
        };
        self.candidates[of].weight_of_signs(own) >= OWN
    }

    fn kind(&self, at: usize) -> EntityKind {
        self.candidates[at].entity.kind
    }

    /// Whether one stands on the other, is loaded by it, asks it, or has bad calls that lead to it.
    fn may_hurt(&self, cause: usize, other: usize) -> bool {
        let entity = &self.candidates[other].entity;
        let reach = &self.reaches[cause];
        reach.holds(self.scene, entity)
            || reach.loads(self.scene, entity)
            || self.reached[cause].distance(self.scene, entity).is_some_and(|far| far <= ASKS)
            || self.leading_on(other, cause, None).is_some_and(|share| share >= LEADS_ON)
    }

    /// The part of the bad calls (of one harm, where it is named) through one that lead on to another; `None` where
    /// there are none.
    fn leading_on(&self, from: usize, to: usize, harm: Option<Harm>) -> Option<f64> {
        let (mut all, mut on) = (0usize, 0usize);
        let of_harm = |way: &Way| harm.is_none_or(|harm| way.harm == harm);
        for (_, met) in self.ways.iter().zip(&self.met).filter(|(way, _)| of_harm(way)) {
            if let Some(here) = met[from].filter(|(depth, _)| *depth >= 0) {
                all += 1;
                on += usize::from(met[to].is_some_and(|there| there > here));
            }
        }
        (all > 0).then(|| on as f64 / all as f64)
    }

    /// Whether a candidate explains what the others do not, besides itself.
    fn explains_alone(&self, causes: &[usize], at: usize, symptoms: &[Suffering]) -> bool {
        let besides: BTreeSet<String> = symptoms
            .iter()
            .filter(|hurt| self.by_alone(causes, hurt) == Some(at))
            .map(|hurt| path::bearer(self.scene, &hurt.entity))
            .filter(|bearer| *bearer != path::bearer(self.scene, &self.candidates[at].entity))
            .map(|bearer| bearer.to_string())
            .collect();
        besides.len() >= ALONE_MIN
    }

    /// The one of these causes that something suffers by, where no other will do.
    fn by_alone(&self, causes: &[usize], hurt: &Suffering) -> Option<usize> {
        match hurt.harm {
            Harm::Other => self.placed(causes, &hurt.entity),
            _ => self.voted(causes, hurt, true).or_else(|| self.placed(causes, &hurt.entity)),
        }
    }

    /// By where the causes were seen, what stands on them, and what they load.
    fn placed(&self, causes: &[usize], entity: &Entity) -> Option<usize> {
        let first = |is: &dyn Fn(&Reach) -> bool| causes.iter().copied().find(|at| is(&self.reaches[*at]));
        first(&|reach| reach.is_seen_at(entity))
            .or_else(|| first(&|reach| reach.holds(self.scene, entity)))
            .or_else(|| first(&|reach| reach.loads(self.scene, entity)))
    }

    /// The one of these causes that something suffers by.
    fn by(&self, causes: &[usize], hurt: &Suffering) -> Option<usize> {
        let near = || {
            let far = |at: &usize| Some((self.reached[*at].distance(self.scene, &hurt.entity)?, *at));
            causes.iter().filter_map(far).min().map(|(_, at)| at)
        };
        let (placed, voted) = (|| self.placed(causes, &hurt.entity), || self.voted(causes, hurt, false));
        match hurt.harm {
            Harm::Other => placed().or_else(voted).or_else(near),
            _ => voted().or_else(placed).or_else(near),
        }
    }

    /// Where most of its bad calls lead; with `alone`, only those that lead to no other cause as closely.
    fn voted(&self, causes: &[usize], hurt: &Suffering, alone: bool) -> Option<usize> {
        let mut votes: HashMap<usize, usize> = HashMap::new();
        let ways = self.of.get(&hurt.entity).into_iter().flatten();
        for way in ways.filter(|way| hurt.harm.is_other() || self.ways[**way].harm == hurt.harm) {
            let mut met: Vec<((i32, Nearness), std::cmp::Reverse<usize>)> =
                causes.iter().filter_map(|at| Some((self.met[*way][*at]?, std::cmp::Reverse(*at)))).collect();
            met.sort_unstable_by(|a, b| b.cmp(a));
            let is_shared = matches!(met.as_slice(), [(first, _), (second, _), ..] if first.0 == second.0);
            if let Some((_, std::cmp::Reverse(at))) = met.first().filter(|_| !(alone && is_shared)) {
                *votes.entry(*at).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(at, count)| (*count, std::cmp::Reverse(*at))).map(|(at, _)| at)
    }

    fn explanation(&self, at: usize, hurt: &Suffering) -> Explained {
        let (by, entity) = (self.candidates[at].entity.clone(), hurt.entity.clone());
        let path = self.reached[at].way(self.scene, &entity).unwrap_or_else(|| vec![by.clone(), entity.clone()]);
        let names: Vec<&str> = path.iter().map(|step| step.name.as_str()).collect();
        let why = if entity == by {
            Bilingual::new("it is the cause itself", "它就是根因")
        } else {
            Bilingual::new(
                format!("it depends on the cause: {}", names.join(" <- ")),
                format!("它依赖根因：{}", names.join(" <- ")),
            )
        };
        Explained { entity, harm: Some(hurt.harm), by, path, why }
    }
}

/// How closely a way meets a cause: the deeper the closer, then what was asked for a wrong answer; whoever called,
/// where nothing on the way does; and a surge that loads everybody.
fn meeting(scene: &Scene<'_>, reach: &Reach, way: &Way) -> Option<(i32, Nearness)> {
    let trees = &scene.trees;
    let last = *way.steps.last()?;
    if way.failed_itself && trees.children(last).any(|child| reach.meets(scene, child) == Some(Nearness::Peer)) {
        return Some((way.steps.len() as i32, Nearness::Peer));
    }
    let steps = way.steps.iter().enumerate().rev();
    let on_way = steps.filter_map(|(depth, step)| Some((depth as i32, reach.meets(scene, *step)?))).next();
    let above = || {
        const ASKED_MAX: usize = 32;
        let callers = std::iter::successors(trees.parent(*way.steps.first()?), |at| trees.parent(*at));
        let mut callers = callers.take(ASKED_MAX).enumerate();
        callers.find_map(|(far, caller)| Some((-1 - far as i32, reach.meets(scene, caller)?)))
    };
    let loaded = || reach.loads_call(scene, last).then_some((LOADED, Nearness::Service));
    on_way.or_else(above).or_else(loaded)
}

/// Whom the first call of a way speaks for.
fn sufferers(scene: &Scene<'_>, way: &Way) -> Vec<Entity> {
    let Some(span) = way.steps.first().map(|index| &scene.trees.spans[*index]) else { return Vec::new() };
    if span.kind.leaves() {
        return vec![scene.peer(span.peer)];
    }
    let service = scene.text(span.service);
    let operation = Entity::new(EntityKind::Operation, format!("{service}/{}", scene.text(span.operation)));
    let mut sufferers = vec![Entity::service(service), operation];
    if !span.instance.is_none() {
        sufferers.push(Entity::new(EntityKind::Instance, scene.text(span.instance)));
    }
    sufferers
}

/// What one gets from another whom it depends on, who stands under it, or who overruns it. Nobody calls a machine or
/// a device: what fails there fails by itself.
fn is_given(aspect: Aspect, by: EntityKind, to: EntityKind) -> bool {
    let is_machine = |kind: EntityKind| matches!(kind, EntityKind::Node | EntityKind::Host);
    let is_asked = !is_machine(to) && !matches!(to, EntityKind::Device | EntityKind::Site | EntityKind::Region);
    let by_asking = is_wake(aspect)
        || is_failure(aspect)
        || matches!(aspect, Aspect::Gap | Aspect::EdgeMetric | Aspect::PeerLatency | Aspect::Other);
    let by_standing =
        matches!(aspect, Aspect::Cpu | Aspect::Memory | Aspect::Disk | Aspect::Io | Aspect::Silence | Aspect::Shared);
    let by_load = is_load(aspect) && aspect != Aspect::ErrorLog;
    is_asked && !is_machine(by) && by_asking || is_machine(by) && by_standing || by == EntityKind::Traffic && by_load
}
