//! An incident as people are told of it.

use crate::impact::Impact;
use api::{ImportanceName, ServiceEntry};
use incident::{Book, Cause, ChangeVerdict, Episode, Incident, Occasion};
use model::{Bilingual, EntityKind};
use notify::{Advice, AlertLine, CauseLine, ChangeLine, Clocks, Counts, Importance, Message};
use std::collections::BTreeMap;

/// Lines of evidence in a message.
const EVIDENCE_LINES: usize = 3;
/// Alerts that travel with a message.
const ALERTS_MAX: usize = 50;
/// Candidates named when no cause is.
const CANDIDATES: usize = 3;

/// What messages say besides the incident itself.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) services: &'a BTreeMap<String, ServiceEntry>,
    /// Where people reach this server.
    pub(crate) external_url: &'a str,
}

/// The occasions of which people are told; of others only the picture changes.
pub(crate) fn told(occasion: &Occasion) -> Option<notify::Occasion> {
    Some(match occasion {
        Occasion::Opened => notify::Occasion::Opened,
        Occasion::Reopened => notify::Occasion::Reopened,
        Occasion::CauseChanged | Occasion::Promoted => notify::Occasion::CauseChanged,
        Occasion::SeverityRaised => notify::Occasion::SeverityRaised,
        Occasion::ScopeDoubled => notify::Occasion::ScopeDoubled,
        Occasion::Resolved => notify::Occasion::Resolved,
        Occasion::Acknowledged
        | Occasion::Assigned
        | Occasion::Commented
        | Occasion::Mitigated
        | Occasion::Merged(_)
        | Occasion::Split(_) => return None,
    })
}

/// The message of an incident as it looks now.
pub(crate) fn message(
    book: &Book,
    incident: &Incident,
    impact: Option<&Impact>,
    occasion: notify::Occasion,
    revision: u64,
    context: &Context<'_>,
) -> Message {
    let id = incident.id.to_string();
    let mut told = Message::new(id.clone(), incident.title.clone(), incident.severity, incident.opened_at);
    told.revision = revision;
    told.episode = incident.reopened;
    told.occasion = occasion;
    told.state = state(incident);
    told.resolved_at = incident.resolved_at;
    told.services = incident.services.clone();
    told.counts = Counts {
        alerts: incident.alerts,
        firing: incident.firing,
        held_back: incident.alerts.saturating_sub(1),
        episodes: incident.reopened + 1,
    };
    told.clocks = clocks(incident);
    causes(&mut told, incident);
    whose(&mut told, incident, context);
    told.alerts = book.members(incident.id).take(ALERTS_MAX).map(alert).collect();
    told.labels = common_labels(&told.alerts);
    told.impact = impact.map(Impact::told).unwrap_or_default();
    told.url = Some(format!("{}/incidents/{id}", context.external_url.trim_end_matches('/')));
    told
}

fn state(incident: &Incident) -> notify::State {
    match incident.state {
        incident::State::Open => notify::State::Open,
        incident::State::Acknowledged => notify::State::Acknowledged,
        incident::State::Mitigated => notify::State::Mitigated,
        incident::State::Resolved => notify::State::Resolved,
    }
}

fn clocks(incident: &Incident) -> Clocks {
    let clocks = incident.clocks;
    Clocks {
        fault_at: clocks.fault_at,
        detected_at: clocks.detected_at,
        notified_at: clocks.notified_at,
        acknowledged_at: clocks.acknowledged_at,
        located_at: clocks.located_at,
        mitigated_at: clocks.mitigated_at,
        resolved_at: clocks.resolved_at,
    }
}

fn causes(told: &mut Message, incident: &Incident) {
    let Some(verdict) = &incident.verdict else {
        told.undetermined = Some(Bilingual::new("The cause is still being looked for.", "根因正在定位。"));
        return;
    };
    told.undetermined = verdict.undetermined.clone();
    told.missing = verdict.missing.clone();
    if verdict.undetermined.is_none() {
        told.cause = verdict.causes.first().map(line);
    } else {
        told.candidates = verdict.causes.iter().take(CANDIDATES).map(line).collect();
    }
    told.change = verdict.changes.iter().find(|change| change.suspect).map(changed);
    let cleared = verdict.changes.iter().filter(|change| !change.suspect).count();
    told.changes_cleared = u32::try_from(cleared).unwrap_or(u32::MAX);
}

fn line(cause: &Cause) -> CauseLine {
    CauseLine {
        entity: cause.entity.clone(),
        kind: cause.kind,
        confidence: cause.confidence,
        since: cause.since,
        evidence: cause.evidence.iter().take(EVIDENCE_LINES).map(|evidence| evidence.text.clone()).collect(),
    }
}

fn changed(change: &ChangeVerdict) -> ChangeLine {
    ChangeLine {
        id: change.id.clone(),
        time: change.time,
        kind: change.kind.clone(),
        target: change.target.clone(),
        version: change.version.clone(),
        previous_version: change.previous_version.clone(),
        author: change.author.clone(),
        title: change.title.clone(),
        reason: change.reason.clone(),
    }
}

/// Owner, team, importance and runbook: of the cause's service first, of the hurt ones else.
fn whose(told: &mut Message, incident: &Incident, context: &Context<'_>) {
    let of_cause = incident.cause().filter(|cause| cause.entity.kind == EntityKind::Service);
    let names = of_cause.map(|cause| cause.entity.name.as_str()).into_iter();
    let names: Vec<&str> = names.chain(incident.services.iter().map(String::as_str)).collect();
    let entries: Vec<&ServiceEntry> = names.iter().filter_map(|name| context.services.get(*name)).collect();
    told.owner = incident.owner.clone().or_else(|| entries.iter().find_map(|entry| entry.owner.clone()));
    told.team = incident.team.clone().or_else(|| entries.iter().find_map(|entry| entry.team.clone()));
    told.importance = entries.iter().filter_map(|entry| entry.importance).map(importance).max().unwrap_or_default();
    told.advice = advice(incident, context.services);
}

fn importance(name: ImportanceName) -> Importance {
    match name {
        ImportanceName::Low => Importance::Low,
        ImportanceName::Normal => Importance::Normal,
        ImportanceName::High => Importance::High,
        ImportanceName::Critical => Importance::Critical,
    }
}

/// What may be done: take a suspect release back, open the runbook of the cause.
pub(crate) fn advice(incident: &Incident, services: &BTreeMap<String, ServiceEntry>) -> Vec<Advice> {
    let mut advice = Vec::new();
    let Some(verdict) = &incident.verdict else { return advice };
    if let Some(change) = verdict.changes.iter().find(|change| change.suspect) {
        advice.push(Advice { text: take_back(change), url: None });
    }
    let runbook = verdict.causes.iter().take(1).filter_map(|cause| services.get(&cause.entity.name)?.runbook.clone());
    advice.extend(runbook.map(|url| Advice {
        text: Bilingual::new("Open the runbook of the cause", "打开根因服务的处置手册"),
        url: Some(url),
    }));
    advice
}

fn take_back(change: &ChangeVerdict) -> Bilingual {
    let target = &change.target;
    match &change.previous_version {
        Some(previous) => {
            Bilingual::new(format!("Take {target} back to {previous}."), format!("将 {target} 回滚到 {previous}。"))
        }
        None => Bilingual::new(
            format!("Take the change of {target} back ({}).", change.title.as_deref().unwrap_or(&change.kind)),
            format!("撤回对 {target} 的变更（{}）。", change.title.as_deref().unwrap_or(&change.kind)),
        ),
    }
}

fn alert(episode: &Episode) -> AlertLine {
    AlertLine {
        fingerprint: episode.alert.fingerprint.to_string(),
        firing: episode.ended_at.is_none(),
        labels: episode.alert.labels.clone(),
        annotations: episode.alert.annotations.clone(),
        starts_at: episode.starts_at,
        ends_at: episode.ended_at,
        generator_url: episode.alert.generator_url.clone(),
    }
}

/// Labels that all alerts agree in: what routes by label can rely on.
fn common_labels(alerts: &[AlertLine]) -> BTreeMap<String, String> {
    let Some((first, rest)) = alerts.split_first() else { return BTreeMap::new() };
    let mut common = first.labels.clone();
    for alert in rest {
        common.retain(|name, value| alert.labels.get(name) == Some(value));
    }
    common
}
