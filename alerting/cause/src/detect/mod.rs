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

/// All signs of a scene, in an order that the order of rows does not influence.
pub(crate) fn signs(scene: &Scene<'_>) -> Vec<Sign> {
    let teller = Teller::new(scene);
    let detectors = [
        behaviour::signs,
        error::signs,
        gap::signs,
        edge::signs,
        time::signs,
        calls::signs,
        silence::signs,
        traffic::signs,
        untraced::signs,
        drift::signs,
        resource::signs,
    ];
    detectors.into_iter().flat_map(|detect| detect(scene, &teller)).collect()
}
