//! Traffic: more requests come in from outside than usual. It is a hypothesis beside all others, so that
//! a surge does not blame the slowest innocent.

use crate::names::Name;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{Usual, bits};
use crate::tell::{Teller, figure, quoted};
use crate::window::Side;
use model::{Bilingual, CauseKind, Entity, EntityKind, UnixNanos};
use std::collections::BTreeMap;

/// What healthy data reaches.
const LEVEL: f64 = 6.0;
/// Less than this factor is no surge.
const FACTOR_MIN: f64 = 2.0;
const BUCKET_NS: i64 = 15 * UnixNanos::SECOND;
/// Buckets of reference needed.
const REFERENCE_MIN: usize = 4;

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let trees = &scene.trees;
    let mut entries: BTreeMap<Name, BTreeMap<i64, f64>> = BTreeMap::new();
    let mut buckets: BTreeMap<i64, Side> = BTreeMap::new();
    for trace in &trees.traces {
        let start = trees.start(trace);
        let Some(side) = scene.side(start) else { continue };
        let bucket = start.div_euclid(BUCKET_NS);
        buckets.insert(bucket, side);
        // Where a trace begins is where traffic comes in.
        *entries.entry(trees.spans[trace.start].service).or_default().entry(bucket).or_default() += 1.0;
    }
    let surge = |(service, counts): (Name, BTreeMap<i64, f64>)| {
        // The first and the last bucket of a stretch are rarely whole.
        let whole = |bucket: &i64| buckets.contains_key(&(bucket - 1)) && buckets.contains_key(&(bucket + 1));
        let of = |wanted: Side| {
            buckets
                .iter()
                .filter(move |(bucket, side)| **side == wanted && whole(bucket))
                .map(|(bucket, _)| (*bucket, counts.get(bucket).copied().unwrap_or(0.0)))
        };
        let reference: Vec<f64> = of(Side::Reference).map(|point| point.1).collect();
        let current: Vec<(i64, f64)> = of(Side::Current).collect();
        let newest = &current[current.len().saturating_sub(4)..];
        if reference.len() < REFERENCE_MIN || newest.len() < 2 {
            return None;
        }
        let usual = Usual::of(&reference);
        let now = newest.iter().map(|point| point.1).sum::<f64>() / newest.len() as f64;
        let z = usual.z(now, (usual.median.max(1.0)).sqrt());
        if now < FACTOR_MIN * usual.median.max(1.0) || z < LEVEL {
            return None;
        }
        let since = current
            .iter()
            .find(|(_, value)| usual.z(*value, usual.median.max(1.0).sqrt()) >= z / 2.0)
            .map_or(0, |point| point.0 * BUCKET_NS);
        Some(sign(scene, teller, service, usual.median, now, z, since))
    };
    entries.into_iter().filter_map(surge).collect()
}

fn sign(scene: &Scene<'_>, teller: &Teller<'_>, service: Name, usual: f64, now: f64, z: f64, since: i64) -> Sign {
    let name = scene.text(service);
    let each = BUCKET_NS as f64 / 1e9;
    let (now, usual) = (now / each, usual / each);
    let text = Bilingual::new(
        format!("{} requests a second come in at {name}, usually {}", figure(now), figure(usual)),
        format!("{name} 每秒流入 {} 个请求，平时为 {}", figure(now), figure(usual)),
    );
    Sign {
        bits: bits(z, LEVEL),
        since,
        now: Some(now),
        reference: Some(usual),
        unit: "1/s",
        query: Some(format!(
            "SELECT date_trunc('minute', time) AS minute, count(*) AS requests FROM spans WHERE service = {} AND kind IN ('server', 'consumer') AND {} GROUP BY 1 ORDER BY 1",
            quoted(name),
            teller.within("time")
        )),
        cause: Some(CauseKind::Traffic),
        ..Sign::new(Aspect::Traffic, Entity::new(EntityKind::Traffic, name), text)
    }
}
