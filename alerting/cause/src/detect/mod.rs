//! The detectors: each looks at one side of the telemetry and answers with signs.
//!
//! A detector's false-alarm level is what healthy data reaches; at the level a sign is worth one bit,
//! below it there is no sign.

mod behaviour;
mod calls;
mod drift;
mod edge;
pub(crate) mod error;
mod family;
mod gap;
mod resource;
mod silence;
mod time;
mod traffic;
mod untraced;

use crate::scene::Scene;
use crate::sign::Sign;
use crate::tell::Teller;

/// What a detector looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Traces,
    Logs,
    Metrics,
}

type Detector = fn(&Scene<'_>, &Teller<'_>) -> Vec<Sign>;

const DETECTORS: [(Source, Detector); 12] = [
    (Source::Traces, behaviour::signs),
    (Source::Traces, error::signs),
    (Source::Traces, gap::signs),
    (Source::Metrics, edge::signs),
    (Source::Traces, time::signs),
    (Source::Traces, calls::signs),
    (Source::Traces, silence::in_traces),
    (Source::Metrics, silence::elsewhere),
    (Source::Traces, traffic::signs),
    (Source::Logs, untraced::signs),
    (Source::Traces, drift::signs),
    (Source::Metrics, resource::signs),
];

/// All signs of a scene, in an order that the order of rows does not influence.
pub(crate) fn signs(scene: &Scene<'_>) -> Vec<Sign> {
    signs_of(scene, |_| true)
}

/// Those that some sources give.
pub(crate) fn signs_of(scene: &Scene<'_>, may_speak: impl Fn(Source) -> bool) -> Vec<Sign> {
    let teller = Teller::new(scene);
    let detectors = DETECTORS.into_iter().filter(|(source, _)| may_speak(*source));
    detectors.flat_map(|(_, detect)| detect(scene, &teller)).collect()
}
