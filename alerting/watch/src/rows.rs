//! Alerts, incidents and messages as rows of their tables.

use crate::board::Rows;
use crate::calls::word;
use crate::office::Office;
use incident::{Episode, Incident};
use model::UnixNanos;
use notify::LedgerRow;
use serde_json::{Value, json};
use tables::TableId;

/// The rows of a table as things stand. Tables that are not of alerting have none.
pub(crate) fn rows(office: &Office, table: TableId) -> Rows {
    match table {
        TableId::Alerts => office.book.episodes().map(alert).collect(),
        // What became part of another incident is told by that one.
        TableId::Incidents => {
            office.incidents().into_iter().filter(|found| found.merged_into.is_none()).map(incident).collect()
        }
        TableId::Notifications => office.ledger().map(message).collect(),
        _ => Vec::new(),
    }
}

fn nanos(time: Option<UnixNanos>) -> Option<i64> {
    time.map(|time| time.0)
}

fn alert(episode: &Episode) -> Value {
    let alert = &episode.alert;
    json!({
        "time": episode.starts_at.0,
        "fingerprint": alert.fingerprint.to_string(),
        "name": alert.name,
        "entity": episode.entity.as_ref().map(ToString::to_string).unwrap_or_default(),
        "severity": episode.severity.as_str(),
        "state": word(&episode.phase),
        "ends_at": nanos(episode.ended_at),
        "count": episode.count,
        "source": alert.source,
        "incident_id": episode.incident.to_string(),
        "role": word(&episode.role),
        "reason": episode.reason.text.en,
        "attributes": alert.labels,
    })
}

fn incident(incident: &Incident) -> Value {
    let (cause, clocks) = (incident.determined(), incident.clocks);
    json!({
        "time": incident.opened_at.0,
        "id": incident.id.to_string(),
        "title": incident.title.en,
        "title_zh": incident.title.zh,
        "state": incident.state.as_str(),
        "severity": incident.severity.as_str(),
        "updated_at": incident.updated_at.0,
        "cause": cause.map(|cause| cause.entity.to_string()),
        "cause_kind": cause.map(|cause| cause.kind.as_str()),
        "score": cause.map(|cause| cause.score),
        "confidence": cause.map(|cause| word(&cause.confidence)),
        "undetermined": cause.is_none(),
        "alerts": incident.alerts,
        "firing": incident.firing,
        "services": json!(incident.services).to_string(),
        "owner": incident.owner,
        "team": incident.team,
        "assignee": incident.assignee,
        "reopened": incident.reopened,
        "fault_at": nanos(clocks.fault_at),
        "detected_at": nanos(clocks.detected_at),
        "notified_at": nanos(clocks.notified_at),
        "acknowledged_at": nanos(clocks.acknowledged_at),
        "located_at": nanos(clocks.located_at),
        "mitigated_at": nanos(clocks.mitigated_at),
        "resolved_at": nanos(clocks.resolved_at),
    })
}

fn message(row: &LedgerRow) -> Value {
    json!({
        "time": row.planned_at.0,
        "id": row.id.to_string(),
        "incident_id": row.incident_id,
        "receiver": row.receiver,
        "channel": row.channel,
        "occasion": row.occasion.as_str(),
        "state": row.state.as_str(),
        "attempts": row.attempts,
        "sent_at": nanos(row.sent_at),
        "error": row.error,
    })
}
