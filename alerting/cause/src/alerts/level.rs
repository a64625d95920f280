//! From weights to candidates on three levels: machines, services, their instances.
//!
//! It refuses to know memory and time. A service is accused by what most of its instances show and by how it
//! does beyond what those it calls explain; an instance by what it shows beyond its siblings; a machine by
//! what it shows itself.

use super::signal::Family;
use super::weigh::Weight;
use hashbrown::{HashMap, HashSet};
use incident::{Spot, Terrain};
use model::EntityKind;

/// What further series of a family add, each less than the one before.
const SAME_FAMILY: f64 = 0.35;
/// What further families add.
const OTHER_FAMILY: f64 = 0.6;
/// The share of instances that must show it before it is the service's.
const QUORUM: f64 = 0.75;
/// What a suffering caller adds, what siblings take, what a service's residual gives its instances, and what
/// a callee's logs take.
const CALLERS: f64 = 0.1;
const SIBLINGS: f64 = 0.5;
const RESIDUAL: f64 = 0.25;
const CALLEES_LOGS: f64 = 0.5;

/// One entity as a cause. Nats.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub spot: Spot,
    pub score: f64,
    /// The score without the prior of the level.
    pub evidence: f64,
    /// The family that says most.
    pub family: Option<Family>,
    /// Series that speak for it, strongest first.
    pub signs: Vec<(usize, f64)>,
    /// What speaks against it, with how much and by whom.
    pub against: Vec<(Against, f64, Option<Spot>)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Against {
    /// A callee suffers too.
    Callee,
    /// Its siblings show the same.
    Siblings,
}

/// What the series of one place say, by family.
#[derive(Debug, Default)]
struct Shown {
    families: HashMap<Family, f64>,
    signs: Vec<(usize, f64)>,
}

impl Shown {
    fn get(&self, family: Family) -> f64 {
        self.families.get(&family).copied().unwrap_or_default()
    }
}

const SERVICES: &[EntityKind] =
    &[EntityKind::Service, EntityKind::Database, EntityKind::Cache, EntityKind::Queue, EntityKind::ThirdParty];
const PARTS: &[EntityKind] = &[EntityKind::Instance, EntityKind::Pod];
const MACHINES: &[EntityKind] =
    &[EntityKind::Node, EntityKind::Host, EntityKind::Device, EntityKind::Site, EntityKind::Region];

struct Scene<'a> {
    terrain: &'a Terrain,
    shown: HashMap<Spot, Shown>,
}

/// Candidates, best first. Entities without any evidence are none.
pub(super) fn rank(terrain: &Terrain, weights: &[Weight]) -> Vec<Candidate> {
    let scene = Scene { terrain, shown: shown(weights) };
    let services: HashSet<Spot> =
        scene.shown.keys().map(|spot| terrain.service_of(*spot)).filter(|spot| scene.is(*spot, SERVICES)).collect();
    let mut services: Vec<Spot> = services.into_iter().collect();
    services.sort_unstable();
    let suffering: HashMap<Spot, f64> = services.iter().map(|spot| (*spot, scene.suffers(*spot))).collect();
    let quorum: HashMap<Spot, (f64, Option<Family>)> =
        services.iter().map(|spot| (*spot, scene.quorum(*spot))).collect();
    let mut candidates = Vec::new();
    let mut residuals = HashMap::new();
    for spot in &services {
        let (residual, callee) = scene.residual(*spot, &suffering, &quorum);
        residuals.insert(*spot, residual);
        candidates.push(scene.service(*spot, residual, callee, quorum.get(spot).copied().unwrap_or_default()));
    }
    let mut places: Vec<Spot> = scene.shown.keys().copied().collect();
    places.sort_unstable();
    for spot in places {
        if scene.is(spot, PARTS) {
            let residual = residuals.get(&terrain.service_of(spot)).copied().unwrap_or_default();
            candidates.push(scene.part(spot, residual));
        } else if !scene.is(spot, SERVICES) {
            candidates.push(scene.machine(spot));
        }
    }
    candidates.retain(|candidate| candidate.evidence > 0.0 || !candidate.signs.is_empty());
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.spot.cmp(&b.spot)));
    candidates
}

fn shown(weights: &[Weight]) -> HashMap<Spot, Shown> {
    let mut by: HashMap<(Spot, Family), Vec<f64>> = HashMap::new();
    let mut shown: HashMap<Spot, Shown> = HashMap::new();
    for weight in weights {
        by.entry((weight.spot, weight.family)).or_default().push(weight.nats);
        shown.entry(weight.spot).or_default().signs.push((weight.sign, weight.nats));
    }
    for ((spot, family), mut nats) in by {
        nats.sort_by(|a, b| b.total_cmp(a));
        let sum = nats.iter().rev().fold(0.0, |rest, nats| nats + SAME_FAMILY * rest);
        shown.entry(spot).or_default().families.insert(family, sum);
    }
    shown
}

/// The largest, and a share of the rest.
fn across(families: impl Iterator<Item = f64>) -> f64 {
    let (sum, most) = families.fold((0.0, 0.0), |(sum, most): (f64, f64), nats| (sum + nats, most.max(nats)));
    most + OTHER_FAMILY * (sum - most)
}

impl Scene<'_> {
    fn is(&self, spot: Spot, kinds: &[EntityKind]) -> bool {
        kinds.contains(&self.terrain.entity(spot).kind)
    }

    fn prior(&self, kinds: &[EntityKind]) -> f64 {
        (self.terrain.count(kinds).max(1) as f64).ln()
    }

    fn of(&self, spot: Spot, family: Family) -> f64 {
        self.shown.get(&spot).map(|shown| shown.get(family)).unwrap_or_default()
    }

    fn strongest(&self, spot: Spot) -> Option<Family> {
        let families = &self.shown.get(&spot)?.families;
        let speaking = families.iter().filter(|(family, _)| **family != Family::Trace);
        speaking.max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0))).map(|(family, _)| *family)
    }

    fn signs(&self, spots: impl Iterator<Item = Spot>) -> Vec<(usize, f64)> {
        let shown = spots.filter_map(|spot| self.shown.get(&spot));
        let mut signs: Vec<(usize, f64)> = shown.flat_map(|shown| shown.signs.iter().copied()).collect();
        signs.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        signs
    }

    /// How badly a service does: its own indicators, and what its instances log.
    fn suffers(&self, service: Spot) -> f64 {
        let members = self.terrain.members(service);
        let of_members: f64 = members
            .iter()
            .map(|member| {
                self.of(*member, Family::Log) + self.of(*member, Family::Trace) + self.of(*member, Family::Indicator)
            })
            .sum();
        let own =
            [Family::Indicator, Family::Log, Family::Trace].map(|family| self.of(service, family)).iter().sum::<f64>();
        own + of_members / members.len().max(1) as f64
    }

    /// What most of a service's instances show, or what is told of the service itself.
    fn quorum(&self, service: Spot) -> (f64, Option<Family>) {
        const RESOURCES: [Family; 5] = [Family::Cpu, Family::Memory, Family::Io, Family::Space, Family::Network];
        let members = self.terrain.members(service);
        let reached = RESOURCES.map(|family| {
            let mut of: Vec<f64> = members.iter().map(|member| self.of(*member, family)).collect();
            of.sort_by(|a, b| b.total_cmp(a));
            let needed = (QUORUM * of.len() as f64).ceil() as usize;
            let shared = if of.len() < 2 { 0.0 } else { of[needed - 1] * (of.len() as f64).sqrt() };
            (shared.max(self.of(service, family)), family)
        });
        let family = reached
            .iter()
            .filter(|(nats, _)| *nats > 0.0)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, family)| *family);
        (across(reached.iter().map(|(nats, _)| *nats)), family)
    }

    /// How badly a service does beyond what the worst of those it calls explains.
    fn residual(
        &self,
        service: Spot,
        suffering: &HashMap<Spot, f64>,
        quorum: &HashMap<Spot, (f64, Option<Family>)>,
    ) -> (f64, Option<(Spot, f64)>) {
        let of = |spot: &Spot| suffering.get(spot).copied().unwrap_or_default();
        let callee = self
            .terrain
            .callees(service)
            .iter()
            .map(|callee| (*callee, of(callee) + quorum.get(callee).map_or(0.0, |(nats, _)| *nats)))
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let callers = self.terrain.callers(service);
        let above: f64 = callers.iter().map(of).sum::<f64>() / callers.len().max(1) as f64;
        let taken = callee.map_or(0.0, |(_, nats)| nats);
        (of(&service) - taken + CALLERS * above, callee.filter(|(_, nats)| *nats > 0.0))
    }

    fn service(
        &self,
        spot: Spot,
        residual: f64,
        callee: Option<(Spot, f64)>,
        (quorum, family): (f64, Option<Family>),
    ) -> Candidate {
        let evidence = quorum + residual;
        let members = self.terrain.members(spot).iter().copied();
        let signs = self.signs(std::iter::once(spot).chain(members));
        Candidate {
            spot,
            score: evidence - self.prior(SERVICES),
            evidence,
            family: family.or_else(|| self.strongest(spot)),
            signs,
            against: callee.map(|(callee, nats)| (Against::Callee, nats, Some(callee))).into_iter().collect(),
        }
    }

    fn part(&self, spot: Spot, residual: f64) -> Candidate {
        let service = self.terrain.service_of(spot);
        let members = self.terrain.members(service);
        let of_callees = self
            .terrain
            .callees(service)
            .iter()
            .flat_map(|callee| self.terrain.members(*callee))
            .map(|member| self.of(*member, Family::Log))
            .fold(0.0, f64::max);
        let own = |at: Spot, logs_taken: f64| {
            let Some(shown) = self.shown.get(&at) else { return 0.0 };
            across(shown.families.iter().map(|(family, nats)| match family {
                Family::Log => (nats - logs_taken).max(0.0),
                family if family.is_resource() => *nats,
                _ => 0.0,
            }))
        };
        let siblings = members.iter().filter(|member| **member != spot);
        let of_siblings: f64 =
            siblings.map(|sibling| own(*sibling, 0.0)).sum::<f64>() / members.len().saturating_sub(1).max(1) as f64;
        let evidence = own(spot, CALLEES_LOGS * of_callees) - SIBLINGS * of_siblings + RESIDUAL * residual;
        Candidate {
            spot,
            score: evidence - self.prior(PARTS),
            evidence,
            family: self.strongest(spot),
            signs: self.signs(std::iter::once(spot)),
            against: (of_siblings > 0.0)
                .then_some((Against::Siblings, SIBLINGS * of_siblings, Some(service)))
                .into_iter()
                .collect(),
        }
    }

    fn machine(&self, spot: Spot) -> Candidate {
        let evidence = self.shown.get(&spot).map_or(0.0, |shown| across(shown.families.values().copied()));
        Candidate {
            spot,
            score: evidence - self.prior(MACHINES),
            evidence,
            family: self.strongest(spot),
            signs: self.signs(std::iter::once(spot)),
            against: Vec::new(),
        }
    }
}
