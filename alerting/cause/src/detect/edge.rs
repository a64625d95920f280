//! Metrics of edges, as meshes measure them: how long the source waits and how long the destination
//! works. The difference is lost between them. And edges that fall silent.

use crate::cover::{Covering, Edge, cover};
use crate::names::{Name, Names};
use crate::records::Series;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{Usual, bits};
use crate::tell::{Teller, duration, quoted};
use crate::window::Side;
use model::{Bilingual, CauseKind};
use std::collections::{BTreeMap, BTreeSet};

/// What healthy data reaches.
const LEVEL: f64 = 5.0;
/// Less than this is no loss, ns.
const FLOOR_NS: f64 = 5e6;
const REFERENCE_MIN: usize = 5;
const SOURCE_KEYS: [&str; 4] = ["source", "source_workload", "source.workload", "client"];
const DESTINATION_KEYS: [&str; 4] = ["destination", "destination_workload", "destination.workload", "server"];

/// Which end measured a series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Source,
    Destination,
}

/// Reads a series as the latency between two services, and which of them measured it.
fn measured(series: &Series, names: &Names) -> Option<(Edge, End)> {
    let value = |wanted: &[&str]| {
        series.key.attributes.iter().find(|(key, _)| wanted.contains(&names.text(*key))).map(|(_, value)| *value)
    };
    let edge = (value(&SOURCE_KEYS)?, value(&DESTINATION_KEYS)?);
    let name = names.text(series.key.metric);
    if !["latency", "duration"].iter().any(|part| name.contains(part)) {
        return None;
    }
    let reporter = value(&["reporter"]).map(|reporter| names.text(reporter));
    match reporter.or(name.rsplit('.').next())? {
        "source" => Some((edge, End::Source)),
        "destination" => Some((edge, End::Destination)),
        _ => None,
    }
}

/// Nanoseconds lost on an edge, by time.
#[derive(Debug, Default)]
struct Measured {
    source: BTreeMap<i64, f64>,
    destination: BTreeMap<i64, f64>,
}

fn all_measured(scene: &Scene<'_>) -> BTreeMap<Edge, Measured> {
    let mut edges: BTreeMap<Edge, Measured> = BTreeMap::new();
    for series in &scene.case.records.series {
        let Some((edge, end)) = measured(series, scene.names) else { continue };
        let scale = match scene.text(series.key.unit) {
            "ns" => 1.0,
            "us" => 1e3,
            "ms" => 1e6,
            _ => 1e9,
        };
        let edge = edges.entry(edge).or_default();
        let side = if end == End::Source { &mut edge.source } else { &mut edge.destination };
        side.extend(series.points.iter().map(|(time, value)| (*time, value * scale)));
    }
    edges
}

/// Loss on one edge.
#[derive(Debug)]
struct Loss {
    z: f64,
    now: f64,
    usual: Usual,
    since: i64,
    points: Vec<(i64, f64)>,
}

impl Loss {
    /// The second largest loss of the window against what is usual.
    fn of(scene: &Scene<'_>, measured: &Measured) -> Option<Self> {
        let points: Vec<(i64, f64)> = measured
            .source
            .iter()
            .filter_map(|(time, waits)| Some((*time, waits - measured.destination.get(time)?)))
            .collect();
        let of = |wanted: Side| points.iter().filter(move |(time, _)| scene.side(*time) == Some(wanted)).copied();
        let reference: Vec<f64> = of(Side::Reference).map(|point| point.1).collect();
        let mut current: Vec<(i64, f64)> = of(Side::Current).collect();
        current.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let now = current.get(1).or(current.first())?.1;
        if reference.len() < REFERENCE_MIN {
            return None;
        }
        let usual = Usual::of(&reference);
        let z = usual.z(now, FLOOR_NS);
        let since =
            current.iter().filter(|(_, value)| usual.z(*value, FLOOR_NS) >= z / 2.0).map(|point| point.0).min()?;
        Some(Self { z, now, usual, since, points })
    }
}

pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let edges = all_measured(scene);
    let losses: BTreeMap<Edge, Loss> =
        edges.iter().filter_map(|(edge, measured)| Some((*edge, Loss::of(scene, measured)?))).collect();
    let inflated = losses.iter().filter(|(_, loss)| loss.z > LEVEL).map(|(edge, loss)| (*edge, loss.z)).collect();
    let lost = cover(&inflated, losses.keys().copied()).into_iter().filter_map(|covering| {
        let worst = covering.edges.iter().max_by(|a, b| losses[*a].z.total_cmp(&losses[*b].z))?;
        Some(lost(scene, teller, &covering, *worst, &losses[worst]))
    });
    lost.chain(silences(scene, teller, &edges)).collect()
}

fn lost(scene: &Scene<'_>, teller: &Teller<'_>, covering: &Covering, worst: Edge, loss: &Loss) -> Sign {
    let (source, destination, place) = (scene.text(worst.0), scene.text(worst.1), scene.text(covering.place));
    let (count, quiet) = (covering.edges.len(), covering.quiet);
    let (en, zh) = covering.direction.words();
    let (now, before) = (duration(loss.now), duration(loss.usual.median.max(0.0)));
    let text = Bilingual::new(
        format!(
            "{now} are lost between {source} and {destination}, usually {before}: {count} edges {en} {place} are so, {quiet} are not"
        ),
        format!(
            "{source} 与 {destination} 之间损耗 {now}，平时为 {before}；{place} {zh} {count} 条边如此，{quiet} 条正常"
        ),
    );
    Sign {
        bits: bits(loss.z, LEVEL),
        since: loss.since,
        now: Some(loss.now),
        reference: Some(loss.usual.median),
        unit: "ns",
        query: Some(query(scene, teller, worst)),
        words: covering.edges.iter().map(|edge| scene.service(edge.0).to_owned()).collect(),
        points: loss.points.iter().filter(|(time, _)| scene.side(*time) == Some(Side::Current)).copied().collect(),
        ..Sign::new(Aspect::EdgeMetric, scene.place(covering.place), text)
    }
}

/// An edge that is no longer called: how surprising that is, and since when.
type Silent = (Edge, f64, i64);

fn query(scene: &Scene<'_>, teller: &Teller<'_>, edge: Edge) -> String {
    format!(
        "SELECT time, name, value FROM metrics WHERE attributes['source'] = {} AND attributes['destination'] = {} AND {} ORDER BY time",
        quoted(scene.text(edge.0)),
        quoted(scene.text(edge.1)),
        teller.within("time")
    )
}

/// An edge that was measured at nearly every tick and is measured no more is not called any more. One
/// such edge accuses the callee; several out of one caller, whose callees have nothing else in common,
/// accuse the caller: it comes to an end before it gets there.
fn silences(scene: &Scene<'_>, teller: &Teller<'_>, edges: &BTreeMap<Edge, Measured>) -> Vec<Sign> {
    const TICK_NS: i64 = 60_000_000_000;
    let tick = |time: &i64| time.div_euclid(TICK_NS);
    let seen: BTreeMap<Edge, BTreeSet<i64>> = edges
        .iter()
        .map(|(edge, measured)| (*edge, measured.source.keys().chain(measured.destination.keys()).map(tick).collect()))
        .collect();
    let ticks: BTreeSet<i64> = seen.values().flatten().copied().collect();
    let side = |wanted: Side| {
        ticks
            .iter()
            .filter(move |tick| scene.side(tick.saturating_mul(TICK_NS).saturating_add(TICK_NS / 2)) == Some(wanted))
            .copied()
    };
    let (reference, current): (Vec<i64>, Vec<i64>) = (side(Side::Reference).collect(), side(Side::Current).collect());
    if reference.len() < REFERENCE_MIN {
        return Vec::new();
    }
    let mut silent: BTreeMap<Name, Vec<Silent>> = BTreeMap::new();
    for (edge, seen) in &seen {
        let usual = reference.iter().filter(|tick| seen.contains(tick)).count() as f64;
        let missing_share = (reference.len() as f64 - usual + 0.5) / (reference.len() as f64 + 1.0);
        let missing = current.iter().rev().take_while(|tick| !seen.contains(tick)).count();
        let statistic = missing as f64 * -missing_share.ln();
        if missing >= 2 && missing_share < 0.25 {
            let since = current[current.len() - missing].saturating_mul(TICK_NS);
            silent.entry(edge.0).or_default().push((*edge, statistic, since));
        }
    }
    let mut signs = Vec::new();
    for (caller, edges) in silent {
        let accused: Vec<(Name, &[Silent])> = if edges.len() >= 2 {
            vec![(caller, &edges[..])]
        } else {
            edges.iter().map(|edge| (edge.0.1, std::slice::from_ref(edge))).collect()
        };
        signs.extend(accused.into_iter().map(|(accused, edges)| silence(scene, teller, accused, edges)));
    }
    signs.retain(|sign| sign.bits >= 1.0);
    signs
}

fn silence(scene: &Scene<'_>, teller: &Teller<'_>, accused: Name, edges: &[Silent]) -> Sign {
    let callees: Vec<&str> = edges.iter().map(|edge| scene.text(edge.0.1)).collect();
    let (caller, callees) = (scene.text(edges[0].0.0), callees.join(", "));
    let text = Bilingual::new(
        format!("{caller} no longer calls {callees}, which it called every minute"),
        format!("{caller} 不再调用 {callees}，此前每分钟都有调用"),
    );
    Sign {
        bits: bits(edges.iter().map(|edge| edge.1).sum(), LEVEL),
        since: edges.iter().map(|edge| edge.2).min().unwrap_or(0),
        now: Some(0.0),
        query: Some(query(scene, teller, edges[0].0)),
        // A caller that comes to an end early, or a callee of which no more is known.
        cause: (edges.len() >= 2).then_some(CauseKind::Exception),
        ..Sign::new(Aspect::Silence, scene.place(accused), text)
    }
}
