//! From an incident to its verdict: which window is looked at, what is read, who judges.

use crate::ask::Questioner;
use crate::evidence::{gather, reference};
use crate::impact::{Impact, impact};
use crate::office::Office;
use crate::{judge, round};
use cause::alerts::Ranker;
use cause::{Anomaly, Case, Finding, Sensitivity, Window};
use client::QueryError;
use incident::{Episode, Estate, IncidentId, Suffering, Verdict};
use model::{TimeRange, UnixNanos};
use std::time::Duration;

/// What came a little before an alert belongs to the incident: alerts wait for their conditions to hold. Of our
/// own it is known for how long; other tools' wait for minutes, and look at windows of minutes.
const BEFORE_OWN: Duration = Duration::from_secs(120);
const BEFORE_OTHERS: Duration = Duration::from_secs(15 * 60);
/// An incident to which nothing was added for so long is looked at as it was then.
pub(crate) const AFTER: Duration = Duration::from_secs(300);
/// The newest minutes of a long incident are what is looked at.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// What is asked about an incident.
#[derive(Debug)]
pub(crate) struct CauseQuestion {
    current: TimeRange,
    suffering: Vec<Suffering>,
    services: Vec<String>,
    /// What the alerts alone say.
    by_alerts: Option<Verdict>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    pub(crate) impact: Impact,
}

/// The question of an incident, with what its alerts alone say; `None` if it is gone, or part of another by now.
pub(crate) fn question(office: &Office, ranker: &Ranker, id: IncidentId, now: UnixNanos) -> Option<CauseQuestion> {
    let incident = office.book.incident(id).filter(|incident| incident.merged_into.is_none())?;
    let first = office.book.members(id).map(began).min().unwrap_or(incident.first_at);
    let until = now.min(incident.last_at.saturating_add(AFTER));
    let current = TimeRange { from: first.max(until.saturating_sub(LONGEST)).min(until), until };
    let mut suffering: Vec<Suffering> = office.book.members(id).filter_map(Episode::suffering).collect();
    suffering.sort();
    suffering.dedup();
    let by_alerts = ranker.rank(office.book.terrain(), incident, office.book.members(id), now);
    Some(CauseQuestion { current, suffering, services: incident.services.clone(), by_alerts })
}

/// What the alerts alone say, where there is nothing else.
pub(crate) fn by_alerts(question: CauseQuestion) -> Found {
    let impact = Impact { complete: true, ..Impact::default() };
    Found { verdict: question.by_alerts.unwrap_or_default(), impact }
}

/// Where to begin looking for what an alert tells.
fn began(episode: &Episode) -> UnixNanos {
    let own = [judge::SOURCE, round::SCAN_SOURCE].contains(&episode.alert.source.as_str());
    episode.starts_at.saturating_sub(if own { BEFORE_OWN } else { BEFORE_OTHERS })
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
    if gathered.rows == 0 {
        // Nothing but alerts: they have the word.
        let mut verdict = question.by_alerts.unwrap_or_default();
        verdict.missing.extend(gathered.missing);
        return Ok(Found { verdict, impact: hurt });
    }
    let findings = question.by_alerts.iter().flat_map(Finding::of_alerts).collect();
    let case = Case {
        records: gathered.records,
        window,
        suffering: question.suffering,
        estate: estate.clone(),
        changes: gathered.changes,
        heartbeats: gathered.heartbeats,
        findings,
    };
    let mut verdict = judged(move || cause::judge(&case)).await?;
    verdict.missing.extend(gathered.missing);
    Ok(Found { verdict, impact: hurt })
}

/// Looks for what is out of the ordinary in a window.
pub(crate) async fn scan(
    ask: &Questioner,
    current: TimeRange,
    troubled: &[TimeRange],
    (estate, sensitivity): (&Estate, Sensitivity),
) -> Result<Vec<Anomaly>, QueryError> {
    let window = Window { reference: reference(ask, current, troubled).await?, current };
    let gathered = gather(ask, &window).await?;
    let case = Case {
        records: gathered.records,
        window,
        estate: estate.clone(),
        heartbeats: gathered.heartbeats,
        ..Case::default()
    };
    judged(move || cause::scan(&case, sensitivity)).await
}

/// Long computations leave the threads that answer to those that may be kept busy.
async fn judged<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, QueryError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| QueryError::internal(format!("judging has ended early: {error}")))
}
