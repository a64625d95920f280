//! Everything that speaks in one case: each detector's findings become signs in one measure, bits.
//!
//! A detector's false-alarm level is what healthy data reaches; at the level a sign is worth one bit.

use crate::behaviour::{self, Behaviour, Event, Weighed};
use crate::case::Case;
use crate::gap::{self, Direction};
use crate::names::{Name, Names};
use crate::resource::{self, Surprise};
use crate::sign::{Aspect, Sign};
use crate::statistic::{Usual, bits};
use crate::tell::Teller;
use crate::trees::Trees;
use crate::window::{Side, Slots};
use hashbrown::{HashMap, HashSet};
use model::{Entity, EntityKind};
use std::collections::BTreeMap;

/// False-alarm levels.
const BEHAVIOUR_LEVEL: f64 = 4.0;
const GAP_LEVEL: f64 = 5.0;
const EDGE_LEVEL: f64 = 5.0;
const RESOURCE_LEVEL: f64 = 6.0;

/// What the detectors share.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) case: &'a Case,
    pub(crate) names: &'a Names,
    pub(crate) trees: Trees<'a>,
    pub(crate) slots: Slots,
    pub(crate) services: HashSet<Name>,
    /// The service of each instance.
    pub(crate) instances: HashMap<Name, Name>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(case: &'a Case) -> Self {
        let records = &case.records;
        let trees = Trees::new(&records.spans);
        let slots = Slots::over(&case.window, trees.traces.iter().map(|trace| trees.start(trace)));
        let mut services = trees.services();
        let mut instances = trees.instances();
        services.extend(records.logs.iter().map(|log| log.service).filter(|name| !name.is_none()));
        for series in &records.series {
            if !series.key.instance.is_none() && !series.key.service.is_none() {
                instances.entry(series.key.instance).or_insert(series.key.service);
                services.insert(series.key.service);
            }
        }
        Self { case, names: &records.names, trees, slots, services, instances }
    }

    pub(crate) fn text(&self, name: Name) -> &'a str {
        self.names.text(name)
    }

    /// An instance or a service, by name.
    pub(crate) fn place(&self, name: Name) -> Entity {
        let kind = if self.instances.contains_key(&name) { EntityKind::Instance } else { EntityKind::Service };
        Entity::new(kind, self.text(name))
    }
}

/// All signs, in an order that rows do not influence.
pub(crate) fn signs(scene: &Scene<'_>) -> Vec<Sign> {
    let teller = Teller::new(scene);
    let mut signs = Vec::new();
    signs.extend(behaviour_signs(scene, &teller));
    signs.extend(gap_signs(scene, &teller));
    signs.extend(edge_signs(scene, &teller));
    signs.extend(resource_signs(scene, &teller));
    signs
}

fn behaviour_signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let counted = Behaviour::count(&scene.trees, &scene.case.records.logs, &scene.slots);
    let weighed = behaviour::weigh(counted.changes(&scene.slots), |template, service| named(scene, template, service));
    weighed
        .into_iter()
        .filter(|weighed| weighed.score >= BEHAVIOUR_LEVEL)
        .map(|Weighed { change, accused, score }| Sign {
            aspect: match change.event {
                Event::Called(callee) if callee.0 != change.operation.0 => Aspect::Silence,
                _ => Aspect::Behaviour,
            },
            bits: bits(score, BEHAVIOUR_LEVEL),
            since: scene.slots.start(change.shift.split),
            now: Some(change.shift.current.share()),
            reference: Some(change.shift.reference.share()),
            ..teller.behaviour(&change, accused)
        })
        .collect()
}

/// The one other service that a template names.
fn named(scene: &Scene<'_>, template: Name, own: Name) -> Option<Name> {
    let text = scene.text(template);
    let mut others = scene.services.iter().filter(|service| **service != own && scene.text(**service).len() > 3 && text.contains(scene.text(**service)));
    let only = others.next()?;
    others.next().is_none().then_some(*only)
}

fn gap_signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let samples = gap::samples(&scene.trees, &scene.slots);
    let growths = gap::growths(&samples, &scene.slots);
    let inflated: BTreeMap<gap::Edge, f64> = growths.iter().filter(|(_, growth)| growth.is_inflated()).map(|(edge, growth)| (*edge, growth.statistic)).collect();
    let seen = growths.keys().copied();
    gap::cover(&inflated, seen)
        .into_iter()
        .filter_map(|covering| {
            let worst = covering.edges.iter().max_by(|a, b| growths[*a].statistic.total_cmp(&growths[*b].statistic))?;
            let growth = &growths[worst];
            Some(Sign {
                aspect: Aspect::Gap,
                bits: bits(growth.statistic, GAP_LEVEL),
                since: scene.slots.start(growth.split),
                now: Some(growth.now),
                reference: Some(growth.reference),
                ..teller.gap(&covering, *worst, growth)
            })
        })
        .collect()
}

fn edge_signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let window = &scene.case.window;
    let mut sides: BTreeMap<(Name, Name), [BTreeMap<i64, f64>; 2]> = BTreeMap::new();
    for series in &scene.case.records.series {
        let Some(edge) = resource::edge(series, scene.names) else { continue };
        let scale = if scene.text(series.key.unit) == "ms" { 1e6 } else { 1e9 };
        let side = &mut sides.entry((edge.source, edge.destination)).or_default()[usize::from(edge.by_source)];
        side.extend(series.points.iter().map(|(time, value)| (*time, value * scale)));
    }
    let mut found: BTreeMap<gap::Edge, (f64, f64, Usual, i64)> = BTreeMap::new();
    for (edge, [destination, source]) in &sides {
        let both: Vec<(i64, f64)> = source.iter().filter_map(|(time, value)| Some((*time, value - destination.get(time)?))).collect();
        let of = |wanted: Side| both.iter().filter(move |(time, _)| window.side(*time) == Some(wanted));
        let reference: Vec<f64> = of(Side::Reference).map(|point| point.1).collect();
        if reference.len() < 5 {
            continue;
        }
        let usual = Usual::of(&reference);
        let mut current: Vec<(i64, f64)> = of(Side::Current).copied().collect();
        current.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let Some(now) = current.get(1).or(current.first()) else { continue };
        let z = usual.z(now.1, 5e6);
        let since = current.iter().filter(|(_, value)| usual.z(*value, 5e6) >= z / 2.0).map(|point| point.0).min().unwrap_or(0);
        found.insert(*edge, (z, now.1, usual, since));
    }
    let inflated: BTreeMap<gap::Edge, f64> = found.iter().filter(|(_, found)| found.0 > EDGE_LEVEL).map(|(edge, found)| (*edge, found.0)).collect();
    gap::cover(&inflated, found.keys().copied())
        .into_iter()
        .filter_map(|covering| {
            let worst = covering.edges.iter().max_by(|a, b| inflated[*a].total_cmp(&inflated[*b]))?;
            let (z, now, usual, since) = &found[worst];
            Some(Sign {
                aspect: Aspect::EdgeMetric,
                bits: bits(*z, EDGE_LEVEL),
                since: *since,
                now: Some(*now),
                reference: Some(usual.median),
                ..teller.edge(&covering, *worst)
            })
        })
        .collect()
}

/// A covering is blamed on its place; traffic between two places names the callee.
pub(crate) fn blamed(covering: &gap::Covering) -> (Name, Direction) {
    (covering.place, covering.direction)
}

fn resource_signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let records = &scene.case.records;
    resource::surprises(&records.series, scene.names, &scene.case.window)
        .into_iter()
        .filter(|surprise| surprise.z >= RESOURCE_LEVEL)
        .map(|surprise: Surprise| Sign {
            aspect: surprise.aspect,
            bits: bits(surprise.z, RESOURCE_LEVEL),
            since: surprise.since,
            now: Some(surprise.now),
            reference: Some(surprise.usual.median),
            ..teller.resource(&surprise)
        })
        .collect()
}
