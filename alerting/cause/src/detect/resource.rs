//! Metrics: which series surprise, by how much, since when, and whom they are about.
//!
//! A surprise is a robust z: the distance from the middle in spreads, with a floor in the family's own
//! unit, so that nothing is made of a tenth of a percent. The second largest value counts, never the
//! largest: a single point is no fault.

use super::family::{self, Family, Scale};
use crate::names::Name;
use crate::records::{Series, SeriesKey};
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{Usual, bits};
use crate::tell::{Teller, figure, quoted};
use crate::window::Side;
use model::{Bilingual, Entity, EntityKind};

/// What healthy data reaches.
const LEVEL: f64 = 6.0;
/// Reference points needed before a series may surprise.
const REFERENCE_MIN: usize = 5;
/// Points shown with a sign.
const POINTS_MAX: usize = 60;

/// A series that surprises.
#[derive(Debug)]
struct Surprise<'a> {
    series: &'a Series,
    family: &'static Family,
    z: f64,
    now: f64,
    usual: Usual,
    since: i64,
    points: Vec<(i64, f64)>,
}

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let series = &scene.case.records.series;
    series
        .iter()
        .filter_map(|series| surprise(scene, series))
        .filter(|surprise| surprise.z >= LEVEL)
        .map(|surprise| sign(scene, teller, surprise))
        .collect()
}

fn surprise<'a>(scene: &Scene<'_>, series: &'a Series) -> Option<Surprise<'a>> {
    let family = family::of(&scene.text(series.key.metric).to_ascii_lowercase())?;
    let mut points = values(series);
    let falls = adapt(family.scale, &mut points);
    let of = |wanted: Side| points.iter().filter(move |(time, _)| scene.side(*time) == Some(wanted)).copied();
    let reference: Vec<f64> = of(Side::Reference).map(|(_, value)| value).collect();
    if reference.len() < REFERENCE_MIN {
        return None;
    }
    let usual = Usual::of(&reference);
    let floor = match family.scale {
        Scale::Share(points) | Scale::FallingShare(points) => points,
        Scale::Amount(part, least) => (usual.median.abs() * part).max(least),
    };
    let mut current: Vec<(i64, f64)> = of(Side::Current).collect();
    current.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let now = current.get(1).or(current.first())?.1;
    let z = usual.z(now, floor);
    // Since it left what is usual: a ramp begins long before it is at its height.
    let since =
        current.iter().filter(|(_, value)| usual.z(*value, floor) >= z.min(LEVEL)).map(|(time, _)| *time).min()?;
    let sign = if falls { -1.0 } else { 1.0 };
    let usual_shown = Usual { median: usual.median * sign, ..usual };
    for point in &mut points {
        point.1 *= sign;
    }
    Some(Surprise { series, family, z, now: now * sign, usual: usual_shown, since, points })
}

/// Brings values to the family's scale: shares to percent, falling ones upside down. Tells the latter.
fn adapt(scale: Scale, points: &mut [(i64, f64)]) -> bool {
    let falls = matches!(scale, Scale::FallingShare(_));
    let of_one = !matches!(scale, Scale::Amount(..)) && points.iter().all(|(_, value)| (-0.01..=1.5).contains(value));
    let factor = if of_one { 100.0 } else { 1.0 } * if falls { -1.0 } else { 1.0 };
    for point in points {
        point.1 *= factor;
    }
    falls
}

/// The values of a series; of a cumulative one its increase per second.
fn values(series: &Series) -> Vec<(i64, f64)> {
    if !series.cumulative {
        return series.points.clone();
    }
    let rate = |pair: &[(i64, f64)]| {
        let seconds = pair[1].0.saturating_sub(pair[0].0) as f64 / 1e9;
        // A counter that falls has begun anew.
        let grown = if pair[1].1 >= pair[0].1 { pair[1].1 - pair[0].1 } else { pair[1].1 };
        (seconds > 0.0).then(|| (pair[1].0, grown / seconds))
    };
    series.points.windows(2).filter_map(rate).collect()
}

/// The attribute that names a device.
const DEVICE: &str = "network.device.name";

/// A store as those who call it name it, by the last part of its name.
fn store(scene: &Scene<'_>, kind: EntityKind, name: &str) -> Entity {
    let is_it =
        |entity: &&Entity| entity.kind == kind && (entity.name == name || entity.name.rsplit('/').next() == Some(name));
    let mut known = scene.calls.iter().map(|(_, callee)| callee).filter(is_it);
    known.next().cloned().unwrap_or_else(|| Entity::new(kind, name))
}

/// Whom a series is about: a node, a queue or database that its attributes name, an instance, a service.
fn about(scene: &Scene<'_>, key: &SeriesKey, family: &Family) -> Entity {
    let metric = scene.text(key.metric);
    let attribute = |wanted: &[&str]| {
        key.attributes.iter().find(|(name, _)| wanted.contains(&scene.text(*name))).map(|(_, value)| scene.text(*value))
    };
    let of_node = ["node.", "node_", "host.", "system.", "k8s.node."].iter().any(|prefix| metric.starts_with(prefix));
    if of_node {
        let node = if key.node.is_none() { key.service } else { key.node };
        return Entity::new(EntityKind::Node, scene.text(node));
    }
    // Who tells of a device is seldom the device itself; a host behind it tells of itself.
    if let Some(device) = attribute(&[DEVICE]).filter(|_| key.instance.is_none() && key.node.is_none()) {
        return Entity::new(EntityKind::Device, device);
    }
    if family.aspect == Aspect::Lag {
        if let Some(queue) = attribute(&["messaging.destination.name", "topic", "queue", "messaging.kafka.topic"]) {
            return store(scene, EntityKind::Queue, queue);
        }
        if let Some(database) = attribute(&["db.namespace", "db.name", "database"]) {
            return store(scene, EntityKind::Database, database);
        }
    }
    if family.aspect == Aspect::Traffic {
        return Entity::new(EntityKind::Traffic, scene.text(key.service));
    }
    if key.instance.is_none() && key.service.is_none() {
        Entity::new(EntityKind::Node, scene.text(key.node))
    } else if key.instance.is_none() {
        Entity::service(scene.text(key.service))
    } else {
        scene.place(key.instance.or(key.service))
    }
}

fn sign(scene: &Scene<'_>, teller: &Teller<'_>, surprise: Surprise<'_>) -> Sign {
    let key = &surprise.series.key;
    let metric = scene.text(key.metric);
    let accused = about(scene, key, surprise.family);
    let unit = if matches!(surprise.family.scale, Scale::Amount(..)) { "1" } else { "%" };
    let shown = if unit == "%" { " %" } else { "" };
    let (now, usual) = (figure(surprise.now), figure(surprise.usual.median));
    let text = Bilingual::new(
        format!("{metric} of {} is {now}{shown}, usually {usual}{shown}", accused.name),
        format!("{} 的 {metric} 为 {now}{shown}，平时为 {usual}{shown}", accused.name),
    );
    let mut current: Vec<(i64, f64)> =
        surprise.points.iter().filter(|(time, _)| scene.side(*time) == Some(Side::Current)).copied().collect();
    current.drain(..current.len().saturating_sub(POINTS_MAX));
    Sign {
        bits: bits(surprise.z, LEVEL),
        since: surprise.since,
        now: Some(surprise.now),
        reference: Some(surprise.usual.median),
        unit,
        query: Some(query(scene, teller, key)),
        points: current,
        words: vec![metric.to_owned()],
        cause: surprise.family.cause,
        ..Sign::new(surprise.family.aspect, accused, text)
    }
}

fn query(scene: &Scene<'_>, teller: &Teller<'_>, key: &SeriesKey) -> String {
    let named = |column: &str, name: Name| {
        if name.is_none() { String::new() } else { format!(" AND {column} = {}", quoted(scene.text(name))) }
    };
    let instance = if key.instance.is_none() {
        String::new()
    } else {
        format!(
            " AND coalesce(resource['service.instance.id'], resource['k8s.pod.name']) = {}",
            quoted(scene.text(key.instance))
        )
    };
    format!(
        "SELECT time, value FROM metrics WHERE name = {}{}{instance} AND {} ORDER BY time",
        quoted(scene.text(key.metric)),
        named("service", key.service),
        teller.within("time")
    )
}
