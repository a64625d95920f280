//! Incidents as the API shows them.

use api::handler::timestamp_text;
use incident::{Cause, ChangeVerdict, Episode, Evidence, Incident};
use model::{Bilingual, UnixNanos};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One sentence in both languages.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Said {
    pub(crate) en: String,
    pub(crate) zh: String,
}

impl From<&Bilingual> for Said {
    fn from(said: &Bilingual) -> Self {
        Self { en: said.en.clone(), zh: said.zh.clone() }
    }
}

pub(crate) fn at(time: UnixNanos) -> String {
    timestamp_text(time.0)
}

pub(crate) fn opt_at(time: Option<UnixNanos>) -> Option<String> {
    time.map(at)
}

/// The clocks against 2-5-10; each is null until it has happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ClocksShown {
    fault_at: Option<String>,
    detected_at: Option<String>,
    notified_at: Option<String>,
    acknowledged_at: Option<String>,
    /// When the cause that stands was first shown.
    located_at: Option<String>,
    mitigated_at: Option<String>,
    resolved_at: Option<String>,
    /// From the fault on.
    detect_ns: Option<i64>,
    notify_ns: Option<i64>,
    locate_ns: Option<i64>,
    mitigate_ns: Option<i64>,
}

/// The cause at the top.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CauseSummary {
    /// `kind:name`.
    entity: String,
    /// The kind of cause.
    kind: String,
    /// Bits of evidence.
    score: f64,
    /// low, medium, high.
    confidence: String,
}

/// One incident of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct IncidentSummary {
    pub(crate) id: String,
    pub(crate) title: Said,
    /// open, acknowledged, mitigated, resolved.
    pub(crate) state: String,
    /// critical, high, medium, low.
    pub(crate) severity: String,
    pub(crate) opened_at: String,
    pub(crate) updated_at: String,
    pub(crate) resolved_at: Option<String>,
    pub(crate) cause: Option<CauseSummary>,
    /// No cause is named: what stands first is a mere candidate.
    pub(crate) undetermined: bool,
    /// Different alerts in it.
    pub(crate) alert_count: u64,
    pub(crate) firing: u64,
    /// Times any of them was told.
    pub(crate) told: u64,
    pub(crate) services: Vec<String>,
    pub(crate) owner: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) assignee: Option<String>,
    pub(crate) reopened: u32,
    /// The incident that this one became part of.
    pub(crate) merged_into: Option<String>,
    pub(crate) clocks: ClocksShown,
}

/// An observation that speaks for or against a cause.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EvidenceShown {
    kind: String,
    entity: String,
    text: Said,
    bits: f64,
    now: Option<f64>,
    reference: Option<f64>,
    unit: String,
    /// SQL that shows it again.
    query: Option<String>,
    /// Time (RFC 3339) and value.
    points: Vec<(String, f64)>,
    traces: Vec<String>,
}

/// A candidate with its evidence.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CauseShown {
    /// From 1.
    rank: usize,
    entity: String,
    kind: String,
    score: f64,
    confidence: String,
    since: Option<String>,
    evidence: Vec<EvidenceShown>,
    against: Vec<EvidenceShown>,
    /// The change that did it.
    change: Option<String>,
    /// It began later than the incident: a second fault, if it is one at all.
    later: bool,
}

/// One alert of an incident, and why it is there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AlertShown {
    fingerprint: String,
    name: String,
    entity: Option<String>,
    severity: String,
    /// pending, firing, flapping, resolved.
    state: String,
    starts_at: String,
    ends_at: Option<String>,
    count: u64,
    source: String,
    incident: String,
    /// cause or symptom.
    role: String,
    reason: ReasonShown,
    joined_at: String,
    /// The entity that explains it.
    explained_by: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    generator_url: Option<String>,
}

/// Why an alert belongs to its incident.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ReasonShown {
    rule: String,
    text: Said,
    /// From the alert's entity to the one it joined by.
    via: Vec<String>,
    /// 0 to 1.
    affinity: f64,
}

/// A change that was looked at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChangeShown {
    id: String,
    time: String,
    kind: String,
    target: String,
    version: Option<String>,
    previous_version: Option<String>,
    author: Option<String>,
    title: Option<String>,
    /// Held to be the culprit; otherwise it is cleared.
    suspect: bool,
    score: f64,
    reason: Said,
}

/// One line of the story.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EntryShown {
    time: String,
    kind: String,
    text: Said,
    actor: Option<String>,
}

/// What people said of the verdict.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FeedbackShown {
    time: String,
    actor: String,
    verdict: String,
    entity: Option<String>,
    text: Option<String>,
}

/// The word that a value is stored by.
pub(crate) fn word<W: Serialize>(value: &W) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

impl From<&Incident> for IncidentSummary {
    fn from(incident: &Incident) -> Self {
        let cause = incident.determined();
        Self {
            id: incident.id.to_string(),
            title: (&incident.title).into(),
            state: incident.state.as_str().into(),
            severity: incident.severity.as_str().into(),
            opened_at: at(incident.opened_at),
            updated_at: at(incident.updated_at),
            resolved_at: opt_at(incident.resolved_at),
            cause: cause.map(|cause| CauseSummary {
                entity: cause.entity.to_string(),
                kind: cause.kind.to_string(),
                score: cause.score,
                confidence: word(&cause.confidence),
            }),
            undetermined: cause.is_none(),
            alert_count: incident.alerts,
            firing: incident.firing,
            told: incident.told,
            services: incident.services.clone(),
            owner: incident.owner.clone(),
            team: incident.team.clone(),
            assignee: incident.assignee.clone(),
            reopened: incident.reopened,
            merged_into: incident.merged_into.map(|id| id.to_string()),
            clocks: clocks(incident),
        }
    }
}

fn clocks(incident: &Incident) -> ClocksShown {
    let clocks = incident.clocks;
    let since_fault = |at: Option<UnixNanos>| at.zip(clocks.fault_at).map(|(at, fault)| (at.0 - fault.0).max(0));
    ClocksShown {
        fault_at: opt_at(clocks.fault_at),
        detected_at: opt_at(clocks.detected_at),
        notified_at: opt_at(clocks.notified_at),
        acknowledged_at: opt_at(clocks.acknowledged_at),
        located_at: opt_at(clocks.located_at),
        mitigated_at: opt_at(clocks.mitigated_at),
        resolved_at: opt_at(clocks.resolved_at),
        detect_ns: since_fault(clocks.detected_at),
        notify_ns: since_fault(clocks.notified_at),
        locate_ns: since_fault(clocks.located_at),
        mitigate_ns: since_fault(clocks.mitigated_at),
    }
}

impl From<&Evidence> for EvidenceShown {
    fn from(evidence: &Evidence) -> Self {
        Self {
            kind: evidence.kind.clone(),
            entity: evidence.entity.to_string(),
            text: (&evidence.text).into(),
            bits: evidence.bits,
            now: evidence.now,
            reference: evidence.reference,
            unit: evidence.unit.clone(),
            query: evidence.query.clone(),
            points: evidence.points.iter().map(|(time, value)| (at(*time), *value)).collect(),
            traces: evidence.traces.clone(),
        }
    }
}

impl CauseShown {
    pub(crate) fn ranked(causes: &[Cause]) -> Vec<Self> {
        let shown = |(rank, cause): (usize, &Cause)| Self {
            rank: rank + 1,
            entity: cause.entity.to_string(),
            kind: cause.kind.to_string(),
            score: cause.score,
            confidence: word(&cause.confidence),
            since: opt_at(cause.since),
            evidence: cause.evidence.iter().map(Into::into).collect(),
            against: cause.against.iter().map(Into::into).collect(),
            change: cause.change.clone(),
            later: cause.later,
        };
        causes.iter().enumerate().map(shown).collect()
    }
}

impl From<&Episode> for AlertShown {
    fn from(episode: &Episode) -> Self {
        let alert = &episode.alert;
        Self {
            fingerprint: alert.fingerprint.to_string(),
            name: alert.name.clone(),
            entity: episode.entity.as_ref().map(ToString::to_string),
            severity: episode.severity.as_str().into(),
            state: word(&episode.phase),
            starts_at: at(episode.starts_at),
            ends_at: opt_at(episode.ended_at),
            count: episode.count,
            source: alert.source.clone(),
            incident: episode.incident.to_string(),
            role: word(&episode.role),
            reason: ReasonShown {
                rule: word(&episode.reason.rule),
                text: (&episode.reason.text).into(),
                via: episode.reason.via.iter().map(ToString::to_string).collect(),
                affinity: episode.reason.affinity,
            },
            joined_at: at(episode.joined_at),
            explained_by: episode.explained_by.as_ref().map(ToString::to_string),
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            generator_url: alert.generator_url.clone(),
        }
    }
}

impl From<&ChangeVerdict> for ChangeShown {
    fn from(change: &ChangeVerdict) -> Self {
        Self {
            id: change.id.clone(),
            time: at(change.time),
            kind: change.kind.clone(),
            target: change.target.clone(),
            version: change.version.clone(),
            previous_version: change.previous_version.clone(),
            author: change.author.clone(),
            title: change.title.clone(),
            suspect: change.suspect,
            score: change.score,
            reason: (&change.reason).into(),
        }
    }
}

impl EntryShown {
    pub(crate) fn of(incident: &Incident) -> Vec<Self> {
        let shown = |entry: &incident::Entry| Self {
            time: at(entry.time),
            kind: entry.kind.clone(),
            text: (&entry.text).into(),
            actor: entry.actor.clone(),
        };
        incident.timeline.iter().map(shown).collect()
    }
}

impl FeedbackShown {
    pub(crate) fn of(incident: &Incident) -> Vec<Self> {
        let shown = |feedback: &incident::Feedback| Self {
            time: at(feedback.time),
            actor: feedback.actor.clone(),
            verdict: feedback.verdict.clone(),
            entity: feedback.entity.as_ref().map(ToString::to_string),
            text: feedback.text.clone(),
        };
        incident.feedback.iter().map(shown).collect()
    }
}
