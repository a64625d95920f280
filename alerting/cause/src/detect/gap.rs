//! What happens between a client and its server: the time that the client waits and the server does not
//! work. A slow network, a full accept queue or a proxy make it long; slow code does not.

use crate::across;
use crate::cover::{Covering, Edge, cover};
use crate::growth::{Growth, Sample};
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::{bits, sorted};
use crate::tell::{Teller, duration, quoted};
use crate::trees::Trees;
use crate::window::Slots;
use model::Bilingual;
use std::collections::BTreeMap;

/// Client minus server duration of every call with exactly one server.
fn samples(trees: &Trees<'_>, slots: &Slots) -> BTreeMap<Edge, Vec<Sample>> {
    let mut edges: BTreeMap<Edge, Vec<Sample>> = BTreeMap::new();
    for trace in &trees.traces {
        let Some(slot) = slots.of(trees.start(trace)) else { continue };
        for index in trace.clone() {
            let span = &trees.spans[index];
            let Some(callee) = trees.callee(index) else { continue };
            let server = &trees.spans[callee];
            let gap = (span.duration - server.duration).max(0) as f64;
            let edge = (span.instance.or(span.service), server.instance.or(server.service));
            edges.entry(edge).or_default().push((slot, gap, index as u32));
        }
    }
    edges
}

/// Gaps of the reference, sorted: between two services, and of all.
#[derive(Debug)]
struct Usual<'a> {
    between: BTreeMap<(&'a str, &'a str), Vec<f64>>,
    all: Vec<f64>,
}

impl<'a> Usual<'a> {
    fn of(scene: &Scene<'a>, samples: &BTreeMap<Edge, Vec<Sample>>) -> Self {
        let mut between: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
        for (edge, samples) in samples {
            let gaps = samples.iter().filter(|(slot, ..)| *slot == 0).map(|sample| sample.1);
            between.entry((scene.service(edge.0), scene.service(edge.1))).or_default().extend(gaps);
        }
        let all = sorted(between.values().flatten().copied().collect());
        Self { between: between.into_iter().map(|(edge, gaps)| (edge, sorted(gaps))).collect(), all }
    }

    /// What an edge that is seldom called borrows: gaps between the same two services where there are any, for
    /// they lie as far apart; else of all.
    fn of_edge(&self, scene: &Scene<'a>, edge: Edge) -> &[f64] {
        let own = self.between.get(&(scene.service(edge.0), scene.service(edge.1)));
        own.filter(|gaps| !gaps.is_empty()).unwrap_or(&self.all)
    }
}

/// A gap below this is noise of clocks and schedulers.
const GAP_FLOOR_NS: f64 = 1_000_000.0;
/// What healthy data reaches.
const LEVEL: f64 = 5.0;

/// Edges whose gap has grown, blamed on places.
pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let samples = samples(&scene.trees, &scene.slots);
    let usual = Usual::of(scene, &samples);
    let growths: BTreeMap<Edge, Growth> = samples
        .iter()
        .filter_map(|(edge, samples)| {
            Some((*edge, Growth::of(samples, usual.of_edge(scene, *edge), &scene.slots, GAP_FLOOR_NS)?))
        })
        .collect();
    let mut inflated: BTreeMap<Edge, f64> = growths
        .iter()
        .filter(|(_, growth)| growth.is_inflated())
        .map(|(edge, growth)| (*edge, growth.statistic))
        .collect();
    let worst =
        |edges: &[Edge]| edges.iter().max_by(|a, b| growths[*a].statistic.total_cmp(&growths[*b].statistic)).copied();
    let mut signs = Vec::new();
    for (device, covering) in across::devices(scene, &inflated, growths.keys().copied()) {
        if let Some(worst) = worst(&covering.edges) {
            let sign = sign(scene, teller, (&covering, &device.name), worst, &growths[&worst]);
            signs.push(Sign { accused: device, ..sign });
        }
        inflated.retain(|edge, _| !covering.edges.contains(edge));
    }
    signs.extend(cover(&inflated, growths.keys().copied()).into_iter().filter_map(|covering| {
        let worst = worst(&covering.edges)?;
        Some(sign(scene, teller, (&covering, scene.text(covering.place)), worst, &growths[&worst]))
    }));
    signs
}

fn sign(
    scene: &Scene<'_>,
    teller: &Teller<'_>,
    (covering, place): (&Covering, &str),
    worst: Edge,
    growth: &Growth,
) -> Sign {
    let (caller, callee) = (scene.text(worst.0), scene.text(worst.1));
    let (now, before) = (duration(growth.now), duration(growth.reference));
    let (count, quiet) = (covering.edges.len(), covering.quiet);
    let (en, zh) = covering.direction.words();
    let text = Bilingual::new(
        format!(
            "{caller} waits {now} longer than {callee} works, before {before}: {count} edges {en} {place} are so, {quiet} are not"
        ),
        format!(
            "{caller} 等待的时间比 {callee} 处理的时间长 {now}，此前为 {before}；{place} {zh} {count} 条边如此，{quiet} 条正常"
        ),
    );
    Sign {
        bits: bits(growth.statistic, LEVEL),
        since: scene.slots.start(growth.split),
        now: Some(growth.now),
        reference: Some(growth.reference),
        unit: "ns",
        query: Some(format!(
            "SELECT date_trunc('minute', c.time) AS minute, approx_percentile_cont(c.duration_ns - s.duration_ns, 0.5) AS gap_ns \
             FROM spans c JOIN spans s ON s.trace_id = c.trace_id AND s.parent_span_id = c.span_id \
             WHERE c.service = {} AND s.service = {} AND {} GROUP BY 1 ORDER BY 1",
            quoted(scene.service(worst.0)),
            quoted(scene.service(worst.1)),
            teller.within("c.time")
        )),
        traces: scene.trees.ids(&growth.worst),
        words: covering.edges.iter().map(|edge| scene.service(edge.0).to_owned()).collect(),
        ..Sign::new(Aspect::Gap, scene.place(covering.place), text)
    }
}
