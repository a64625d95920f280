//! What is out of the ordinary in a window, found by the same statistics at a stricter level, so that
//! healthy minutes stay quiet and faults without a single error still raise alerts.

use crate::case::Case;
use crate::detect::{Source, signs_of};
use crate::rank::evidence;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::window::Side;
use hashbrown::HashSet;
use incident::Evidence;
use model::{CauseKind, Entity, UnixNanos};

/// One entity that is out of the ordinary in one respect.
#[derive(Clone, PartialEq, Debug)]
pub struct Anomaly {
    pub entity: Entity,
    /// The kind of cause that it speaks for by itself.
    pub cause: Option<CauseKind>,
    pub since: Option<UnixNanos>,
    pub evidence: Evidence,
    /// It is counted anew each minute, so that it says more when it is found again.
    pub recurs: bool,
}

/// How strict a scan is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sensitivity {
    /// Evidence below so many bits raises nothing.
    pub bits_min: f64,
}

impl Default for Sensitivity {
    fn default() -> Self {
        Self { bits_min: 2.5 }
    }
}

/// A processor that did nothing before and is not half busy now has begun to work, which is what it is there for.
fn has_woken_up(sign: &Sign) -> bool {
    const IDLE: f64 = 1.0;
    const HALF: f64 = 50.0;
    sign.aspect == Aspect::Cpu
        && sign.unit == "%"
        && sign.reference.is_some_and(|usual| usual < IDLE)
        && sign.now.is_some_and(|now| now < HALF)
}

/// Rates of events and times of calls: each minute's are others.
fn is_counted(aspect: Aspect) -> bool {
    matches!(
        aspect,
        Aspect::Behaviour
            | Aspect::ErrorOrigin
            | Aspect::ErrorLog
            | Aspect::Degraded
            | Aspect::Gap
            | Aspect::SelfTime
            | Aspect::PeerLatency
            | Aspect::CallCount
            | Aspect::Retry
    )
}

/// Whether so much healthy time of a source has been seen that what is usual is known: a third of the time that is
/// judged. At the very beginning everything is new; and who has sent metrics for long, but traces only since a moment
/// ago, is judged by his metrics.
fn knows_the_usual(scene: &Scene<'_>, source: Source) -> bool {
    const PART: usize = 3;
    const STRETCH: i64 = 10 * UnixNanos::SECOND;
    let records = &scene.case.records;
    let (mut usual, mut judged): (HashSet<i64>, HashSet<i64>) = Default::default();
    let mut see = |time: i64| {
        match scene.side(time) {
            Some(Side::Reference) => usual.insert(time.div_euclid(STRETCH)),
            Some(Side::Current) => judged.insert(time.div_euclid(STRETCH)),
            None => false,
        };
    };
    match source {
        Source::Traces => scene.trees.traces.iter().map(|trace| scene.trees.start(trace)).for_each(&mut see),
        Source::Logs => records.logs.iter().map(|log| log.time).for_each(&mut see),
        Source::Metrics => {
            records.series.iter().flat_map(|series| &series.points).map(|point| point.0).for_each(&mut see);
        }
    }
    usual.len().saturating_mul(PART) >= judged.len()
}

/// Most anomalies that one scan tells; the strongest.
pub const ANOMALIES_MAX: usize = 200;

/// Anomalies of the case's window, strongest first; per entity and aspect the strongest only. Indicators
/// that everybody who waits shows too (latency, error rates) and traffic are left to rules.
pub fn scan(case: &Case, sensitivity: Sensitivity) -> Vec<Anomaly> {
    let scene = Scene::new(case);
    let known: Vec<Source> = [Source::Traces, Source::Logs, Source::Metrics]
        .into_iter()
        .filter(|source| knows_the_usual(&scene, *source))
        .collect();
    let mut signs = signs_of(&scene, |source| known.contains(&source));
    signs.retain(|sign| {
        let left = matches!(sign.aspect, Aspect::Symptom | Aspect::Traffic) || has_woken_up(sign);
        sign.bits >= sensitivity.bits_min && !left
    });
    signs.sort_by(|a, b| {
        b.bits
            .total_cmp(&a.bits)
            .then_with(|| (a.aspect, &a.accused, &a.text.en).cmp(&(b.aspect, &b.accused, &b.text.en)))
    });
    let mut told: std::collections::BTreeSet<(Aspect, Entity)> = std::collections::BTreeSet::new();
    signs.retain(|sign| told.insert((sign.aspect, sign.accused.clone())));
    signs.truncate(ANOMALIES_MAX);
    let anomaly = |sign: Sign| Anomaly {
        entity: sign.accused.clone(),
        cause: sign.cause,
        since: (sign.since > 0).then_some(UnixNanos(sign.since)),
        recurs: is_counted(sign.aspect),
        evidence: evidence(sign),
    };
    signs.into_iter().map(anomaly).collect()
}
