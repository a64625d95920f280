//! What is likely behind an incident, as it is found, stored, told and shown.

use crate::harm::Harm;
use model::{Bilingual, CauseKind, Entity, UnixNanos};
use serde::{Deserialize, Serialize};

/// The outcome of looking for causes. Causes come best first.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// Event time up to which telemetry was looked at.
    pub judged_at: UnixNanos,
    /// When it began, as far as evidence tells.
    pub onset: Option<UnixNanos>,
    pub causes: Vec<Cause>,
    /// Why no cause is named. The causes are mere candidates then.
    pub undetermined: Option<Bilingual>,
    /// Telemetry that would have helped and was not there: it lowers confidence.
    pub missing: Vec<Bilingual>,
    /// Changes that were looked at, suspects first.
    pub changes: Vec<ChangeVerdict>,
    /// How the entities that suffer hang on a cause.
    pub explained: Vec<Explained>,
}

/// How sure a verdict is; derived from the margin and what was missing, never the margin itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

/// One candidate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cause {
    pub entity: Entity,
    pub kind: CauseKind,
    /// Bits of evidence.
    pub score: f64,
    pub confidence: Confidence,
    pub since: Option<UnixNanos>,
    pub evidence: Vec<Evidence>,
    pub against: Vec<Evidence>,
    /// The change that did it, by its id in [`ChangeVerdict::id`].
    pub change: Option<String>,
    /// It began later than the incident: a second fault, if it is one at all.
    pub later: bool,
}

/// One observation that speaks for or against a candidate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// An open list: gap, behaviour, error_origin, cpu, memory, silence, rarity, residual, change ...
    pub kind: String,
    pub entity: Entity,
    pub text: Bilingual,
    /// How much it weighs, in bits; below its false-alarm level it would not be here.
    pub bits: f64,
    pub now: Option<f64>,
    pub reference: Option<f64>,
    /// UCUM-like: ns, By, %, 1, 1/s.
    pub unit: String,
    /// SQL that shows it again.
    pub query: Option<String>,
    /// A small picture of it over time.
    pub points: Vec<(UnixNanos, f64)>,
    /// Trace ids that show it, worst first.
    pub traces: Vec<String>,
}

/// A change, and whether it did it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ChangeVerdict {
    pub id: String,
    pub time: UnixNanos,
    /// release, config, feature_flag, migration ...
    pub kind: String,
    pub target: String,
    pub version: Option<String>,
    pub previous_version: Option<String>,
    pub author: Option<String>,
    pub title: Option<String>,
    /// It is held to be the culprit, or cleared.
    pub suspect: bool,
    pub score: f64,
    pub reason: Bilingual,
}

/// Why an entity's symptoms belong to a cause.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Explained {
    pub entity: Entity,
    /// Of what it suffers; several causes may hurt one entity in different ways. Whatever it is, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<Harm>,
    pub by: Entity,
    /// From the cause to the entity, both included.
    pub path: Vec<Entity>,
    pub why: Bilingual,
}
