//! Everything a verdict is made of: telemetry, what has changed, what others have found.

use crate::{Records, Window};
use incident::{Estate, Evidence, Suffering, Verdict};
use model::{CauseKind, Entity, UnixNanos};

/// One question: what is behind what happened in this window?
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub records: Records,
    pub window: Window,
    /// What suffers, by the alerts that brought the question up; may be empty.
    pub suffering: Vec<Suffering>,
    pub estate: Estate,
    pub changes: Vec<Change>,
    pub heartbeats: Vec<Heartbeat>,
    pub findings: Vec<Finding>,
}

/// A change of the estate: a release, a flag, a commit, a migration.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Change {
    pub id: String,
    pub time: UnixNanos,
    /// deploy, release, config, feature_flag (or flag), commit, migration, scale ...
    pub kind: String,
    /// The service (or other entity, written `kind:name`) it was made to. Empty: not known.
    pub target: String,
    pub version: String,
    pub previous_version: String,
    pub author: String,
    /// What it says of itself: the commit's message, the flag's name and its change.
    pub title: String,
    /// The commit it is, or the commit it brought out.
    pub revision: String,
    /// Files it touched.
    pub files: Vec<String>,
    /// What it changed in them, as a unified diff, where the sender says so.
    pub diff: String,
}

/// A heartbeat that is late or says that it failed.
#[derive(Clone, PartialEq, Debug)]
pub struct Heartbeat {
    pub name: String,
    /// Who should have sent it.
    pub entity: Entity,
    /// Since when it is late.
    pub since: UnixNanos,
    /// What it said last.
    pub status: String,
}

/// What somebody else has found and lays down as evidence: the ranking of alerts, a diagnosis, a check.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Who is held to be the cause of it.
    pub accused: Entity,
    /// The kind of cause it speaks for, where it speaks for one.
    pub cause: Option<CauseKind>,
    pub evidence: Evidence,
    pub since: Option<UnixNanos>,
    /// It speaks against the accused.
    pub against: bool,
}

impl Finding {
    /// What a ranking of alerts alone has found, as evidence beside telemetry: two bits at most, because
    /// alerts are made of the same telemetry.
    pub fn of_alerts(verdict: &Verdict) -> Vec<Finding> {
        const BITS_MAX: f64 = 2.0;
        let best = verdict.causes.first().map_or(1.0, |cause| cause.score.max(f64::MIN_POSITIVE));
        let finding = |cause: &incident::Cause| {
            let evidence = cause.evidence.first()?.clone();
            let bits = BITS_MAX * (cause.score / best).clamp(0.0, 1.0);
            Some(Finding {
                accused: cause.entity.clone(),
                cause: None,
                evidence: Evidence { bits, ..evidence },
                since: cause.since,
                against: false,
            })
        };
        verdict.causes.iter().filter_map(finding).collect()
    }
}
