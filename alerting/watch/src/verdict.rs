//! From an incident to its verdict: which window is looked at, what is read, who judges.

use crate::ask::Questioner;
use crate::evidence::{gather, reference};
use crate::impact::{Impact, impact};
use crate::office::Office;
use cause::{Case, Finding, Window};
use client::QueryError;
use incident::{Estate, IncidentId, Verdict};
use model::{Entity, TimeRange, UnixNanos};
use std::time::Duration;

/// What came a little before the first alert belongs to the incident: alerts wait for their conditions to hold.
const BEFORE: Duration = Duration::from_secs(180);
/// The newest minutes of a long incident are what is looked at.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// What is asked about an incident.
#[derive(Debug)]
pub(crate) struct CauseQuestion {
    current: TimeRange,
    suffering: Vec<Entity>,
    services: Vec<String>,
    findings: Vec<Finding>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    pub(crate) impact: Impact,
}

/// The question of an incident, with what its alerts alone say; `None` if it is gone.
pub(crate) fn question(office: &Office, id: IncidentId, now: UnixNanos) -> Option<CauseQuestion> {
    let incident = office.book.incident(id)?;
    let first = incident.first_at.saturating_sub(BEFORE);
    let current = TimeRange { from: first.max(now.saturating_sub(LONGEST)).min(now), until: now };
    let mut suffering: Vec<Entity> = office.book.members(id).filter_map(|episode| episode.entity.clone()).collect();
    suffering.sort();
    suffering.dedup();
    Some(CauseQuestion { current, suffering, services: incident.services.clone(), findings: Vec::new() })
}

/// Reads the telemetry of the window and judges.
pub(crate) async fn find(
    ask: &Questioner,
    question: CauseQuestion,
    troubled: &[TimeRange],
    estate: &Estate,
) -> Result<Found, QueryError> {
    let window = Window { reference: reference(ask, question.current, troubled).await?, current: question.current };
    let gathered = gather(ask, &window).await?;
    let hurt = impact(ask, question.current, &question.services).await?;
    let case = Case {
        records: gathered.records,
        window,
        suffering: question.suffering,
        estate: estate.clone(),
        changes: gathered.changes,
        heartbeats: gathered.heartbeats,
        findings: question.findings,
    };
    let mut verdict = judged(move || cause::judge(&case)).await?;
    verdict.missing.extend(gathered.missing);
    Ok(Found { verdict, impact: hurt })
}

/// Long computations leave the threads that answer to those that may be kept busy.
async fn judged<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, QueryError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| QueryError::internal(format!("judging has ended early: {error}")))
}
