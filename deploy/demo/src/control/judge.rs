//! Holds incidents against the answer key. Pure: episodes and incidents in, a scorecard out.

use super::card::{Clocks, Episode, Scorecard, Scored, Shown, Verdict, rfc3339};
use super::incidents::Incident;
use crate::faults::Answer;
use model::UnixNanos;
use std::collections::HashSet;
use std::time::Duration;

/// An incident may begin so much before its fault, since windows are judged from their start.
const BEFORE: Duration = Duration::from_secs(30);
/// Symptoms may become an incident so long after their fault's end.
const AFTER: Duration = Duration::from_secs(120);
/// A fault that was not seen so long after its start was missed.
const SEEN_WITHIN: Duration = Duration::from_secs(120);

/// Compares. Each incident is claimed by one episode at most: the one it is most right about.
pub(super) fn judge(opened: UnixNanos, episodes: &[Episode], incidents: Vec<Incident>, now: UnixNanos) -> Scorecard {
    let claims = claims(episodes, &incidents);
    let claimed: HashSet<&str> = claims.iter().flatten().map(|i| i.shown.incident.as_str()).collect();
    let stray =
        |i: &&Incident| !claimed.contains(i.shown.incident.as_str()) && episodes.iter().any(|e| is_of_its_time(e, i));
    let unexplained = incidents.iter().filter(stray).count();
    let pairs = questions(episodes).zip(&claims);
    let mut items: Vec<Scored> = pairs.map(|((episode, answer), claim)| score(episode, answer, *claim, now)).collect();
    items.reverse();
    let judged = items.iter().filter(|i| i.verdict != Verdict::Waiting).count();
    let right = items.iter().filter(|i| i.verdict == Verdict::Right).count();
    Scorecard { opened_at: rfc3339(opened), items, judged, right, unexplained }
}

/// Every truth that was asked about.
fn questions(episodes: &[Episode]) -> impl Iterator<Item = (&Episode, &'static Answer)> {
    episodes.iter().flat_map(|episode| episode.fault.answers.iter().map(move |answer| (episode, answer)))
}

/// For each question the incident that answers it: the pairs that fit best are made first.
fn claims<'i>(episodes: &[Episode], incidents: &'i [Incident]) -> Vec<Option<&'i Incident>> {
    let mut pairs = Vec::new();
    let questions: Vec<_> = questions(episodes).collect();
    for (q, (episode, answer)) in questions.iter().enumerate() {
        for (i, incident) in incidents.iter().enumerate().filter(|(_, incident)| is_of_its_time(episode, incident)) {
            pairs.push((compare(answer, incident), incident.shown.alerts, q, i));
        }
    }
    pairs.sort_by_key(|(verdict, alerts, q, i)| std::cmp::Reverse((*verdict, *alerts, usize::MAX - q, usize::MAX - i)));
    let mut answered = vec![None; questions.len()];
    let mut taken = HashSet::new();
    for (_, _, q, i) in pairs {
        if answered[q].is_none() && taken.insert(i) {
            answered[q] = Some(&incidents[i]);
        }
    }
    answered
}

fn is_of_its_time(episode: &Episode, incident: &Incident) -> bool {
    let last = episode.ends.map(|ends| ends.saturating_add(AFTER));
    incident.opened >= episode.started.saturating_sub(BEFORE) && last.is_none_or(|last| incident.opened <= last)
}

fn compare(answer: &Answer, incident: &Incident) -> Verdict {
    let entity = incident.shown.entity.as_deref();
    let Some(entity) = entity.filter(|_| !incident.undetermined) else { return Verdict::Undetermined };
    let kind = incident.shown.kind.as_deref().is_some_and(|kind| answer.accepts(kind));
    match (answer.names(entity), kind) {
        (true, true) => Verdict::Right,
        (true, false) => Verdict::EntityOnly,
        (false, true) => Verdict::KindOnly,
        (false, false) => Verdict::Wrong,
    }
}

fn score(episode: &Episode, truth: &'static Answer, incident: Option<&Incident>, now: UnixNanos) -> Scored {
    let acts = episode.acts_at(now);
    let early = now < episode.started.saturating_add(SEEN_WITHIN);
    let verdict = match incident {
        Some(incident) => compare(truth, incident),
        None if early => Verdict::Waiting,
        None => Verdict::Missed,
    };
    Scored {
        fault: episode.fault.name,
        title: episode.fault.title,
        started_at: rfc3339(episode.started),
        ended_at: episode.ends.filter(|_| !acts).map(rfc3339),
        acts,
        truth,
        verdict,
        shown: incident.map(|i| Shown::clone(&i.shown)),
        clocks: incident.map(|i| clocks(episode, i, verdict, now)).unwrap_or_default(),
    }
}

fn clocks(episode: &Episode, incident: &Incident, verdict: Verdict, now: UnixNanos) -> Clocks {
    let since = |from: UnixNanos, to: UnixNanos| to.0.saturating_sub(from.0).max(0);
    let ended = episode.ends.filter(|ends| *ends <= now);
    let back = incident.mitigated.into_iter().chain(incident.resolved).min();
    Clocks {
        detect_ns: Some(since(episode.started, incident.detected.unwrap_or(incident.opened))),
        locate_ns: incident.located.filter(|_| verdict == Verdict::Right).map(|at| since(episode.started, at)),
        recover_ns: ended.zip(back).map(|(ended, back)| since(ended, back)),
    }
}
