//! The ranking from alerts alone: which entity's alerts are the least usual, at the beginning, and not
//! explained by those it depends on.
//!
//! It refuses to know telemetry, and any label but those that say what fires where. Invariant: an alert that
//! fires in every incident weighs nothing, whatever it says.
//!
//! A [`Ranker`] belongs to a workspace. It judges ([`Ranker::rank`]) while an incident grows and learns
//! ([`Ranker::learn`]) when the book says that one is complete; its state is small documents.

mod docs;
mod level;
mod memory;
mod signal;
mod tell;
mod weigh;

pub use docs::RankerDoc;

use incident::{Confidence, Episode, Incident, Spot, Terrain, Verdict};
use level::Candidate;
use memory::Memory;
use model::{Bilingual, UnixNanos};
use weigh::Weighed;

/// Candidates that a verdict names.
pub const CANDIDATES: usize = 5;
/// Whole minutes after the first in which a second fault is looked for.
const MINUTES: i64 = 12;
/// What a later beginning costs, in nats: one fault is likelier than two.
const LATER: f64 = 0.25;
/// A margin to the next candidate below this decides nothing.
const DECIDES: f64 = 0.35;
/// Evidence below this, before the prior, is what chance brings.
const CHANCE: f64 = 1.0;
/// The margin, in nats, from which the first candidate is likely right. However large it is, alerts alone are never
/// sure: they do not say why. The raw margin is never shown.
const LIKELY: f64 = 1.0;

/// See the module.
#[derive(Debug, Default)]
pub struct Ranker {
    memory: Memory,
}

/// A candidate with the minute after the anchor in which it began.
struct Ranked {
    candidate: Candidate,
    minute: i64,
}

impl Ranker {
    /// The causes of an incident as far as its alerts tell, at event time `now`. `None` where it has been
    /// learnt from: it would be explained by itself.
    pub fn rank<'a>(
        &self,
        terrain: &Terrain,
        incident: &Incident,
        members: impl IntoIterator<Item = &'a Episode>,
        now: UnixNanos,
    ) -> Option<Verdict> {
        if incident.learnt {
            return None;
        }
        let weighed = Weighed::of(terrain, members);
        let Some(anchor) = weighed.anchor else {
            let undetermined = Some(Bilingual::new("No alert says where it is.", "没有告警指明发生位置。"));
            return Some(Verdict { judged_at: now, undetermined, ..Verdict::default() });
        };
        let first = level::rank(terrain, &weighed.weights(&self.memory, anchor, None));
        let ranked = self.with_later(terrain, &weighed, anchor, first);
        let (undetermined, confidence) = decide(&ranked);
        Some(tell::verdict(terrain, &self.memory, &weighed, &ranked, (undetermined, confidence), now))
    }

    /// The first stays the first; below it come the next and those that are suspect of a second, later fault.
    fn with_later(
        &self,
        terrain: &Terrain,
        weighed: &Weighed,
        anchor: UnixNanos,
        first: Vec<Candidate>,
    ) -> Vec<Ranked> {
        let mut all: Vec<Ranked> = first.into_iter().map(|candidate| Ranked { candidate, minute: 0 }).collect();
        let head = (!all.is_empty()).then(|| all.remove(0));
        for minute in 1..=MINUTES {
            let since = UnixNanos(anchor.0.saturating_add(minute * 60 * UnixNanos::SECOND));
            if weighed.last.is_none_or(|last| last < since) {
                break;
            }
            for mut candidate in level::rank(terrain, &weighed.weights(&self.memory, since, Some(since))) {
                candidate.score -= LATER;
                all.push(Ranked { candidate, minute });
            }
        }
        let mut ranked: Vec<Ranked> = head.into_iter().collect();
        all.sort_by(|a, b| {
            b.candidate.score.total_cmp(&a.candidate.score).then(a.candidate.spot.cmp(&b.candidate.spot))
        });
        for next in all {
            if ranked.len() == CANDIDATES {
                break;
            }
            let is_known = |known: &Ranked| known.candidate.spot == next.candidate.spot;
            if next.candidate.evidence > 0.0 && !ranked.iter().any(is_known) {
                ranked.push(next);
            }
        }
        ranked
    }

    /// Learns what fires from an incident that is complete.
    pub fn learn<'a>(&mut self, terrain: &Terrain, members: impl IntoIterator<Item = &'a Episode>) {
        let weighed = Weighed::of(terrain, members);
        if let Some(anchor) = weighed.anchor {
            self.memory.learn(weighed.firsts(anchor));
        }
    }
}

/// Whether the first candidate is named, and how sure that is.
fn decide(ranked: &[Ranked]) -> (Option<Bilingual>, Confidence) {
    let Some(first) = ranked.first() else {
        return (Some(Bilingual::new("The alerts are all usual ones.", "所有告警均属常见告警。")), Confidence::Low);
    };
    let next = ranked.iter().skip(1).filter(|ranked| ranked.minute == 0).map(|ranked| ranked.candidate.score).next();
    let margin = next.map_or(first.candidate.evidence, |next| first.candidate.score - next);
    if first.candidate.evidence < CHANCE {
        let why = Bilingual::new("No alert is unusual enough to name a cause.", "没有足够异常的告警可指认根因。");
        return (Some(why), Confidence::Low);
    }
    if margin < DECIDES {
        let why = Bilingual::new("Two candidates are equally likely.", "两个候选根因可能性相当。");
        return (Some(why), Confidence::Low);
    }
    (None, if margin >= LIKELY { Confidence::Medium } else { Confidence::Low })
}

/// Everything that one place contributes, for those that explain.
pub(in crate::alerts) fn spot_of(terrain: &Terrain, episode: &Episode) -> Option<Spot> {
    episode.entity.as_ref().and_then(|entity| terrain.find(entity))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use incident::{Alert, Book, Estate, IncidentId, Link, Relation, Settings, Told};
    use model::Entity;

    fn at(seconds: i64) -> UnixNanos {
        UnixNanos((1_700_000_000 + seconds) * UnixNanos::SECOND)
    }

    /// web calls order and pay; each has four pods, all of which run on two nodes.
    fn book() -> Book {
        let link = |from: &str, relation, to: &str| Link {
            from: Entity::read(from),
            relation,
            to: Entity::read(to),
            calls: 1,
            seen: None,
        };
        let mut links = vec![link("web", Relation::Calls, "order"), link("web", Relation::Calls, "pay")];
        for service in ["web", "order", "pay"] {
            for pod in 0..4 {
                let name = format!("pod:{service}-{pod}");
                links.push(link(&name, Relation::InstanceOf, service));
                links.push(link(&name, Relation::RunsOn, &format!("node:n{}", pod % 2)));
            }
        }
        let mut book = Book::new(Settings::default());
        book.survey(&Estate { links });
        book
    }

    fn fire(book: &mut Book, place: &str, metric: &str, seconds: i64) -> IncidentId {
        let labels = [("alertname", "Anomaly"), ("entity", place), ("metric", metric), ("direction", "up")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let told = Told { labels, starts_at: Some(at(seconds)), source: "test".to_owned(), ..Told::default() };
        book.hear(Alert::read(told, at(seconds)), at(seconds)).incident
    }

    fn judge(ranker: &Ranker, book: &Book, id: IncidentId) -> Verdict {
        ranker.rank(book.terrain(), book.incident(id).unwrap(), book.members(id), at(600)).unwrap()
    }

    fn first(verdict: &Verdict) -> String {
        verdict.causes.first().map(|cause| format!("{} {}", cause.entity, cause.kind)).unwrap_or_default()
    }

    /// What happens in every incident of this system: the first pods are busy whenever anything is.
    fn seasoned() -> Ranker {
        let mut ranker = Ranker::default();
        for _ in 0..12 {
            let mut book = book();
            let id = ["web", "order", "pay"].map(|service| fire(&mut book, &format!("pod:{service}-0"), "cpu", 0))[0];
            ranker.learn(book.terrain(), book.members(id));
        }
        ranker
    }

    #[test]
    fn what_always_fires_accuses_nobody() {
        let (ranker, mut book) = (seasoned(), book());
        let id = fire(&mut book, "pod:order-0", "cpu", 0);
        fire(&mut book, "pod:web-0", "cpu", 1);
        let verdict = judge(&ranker, &book, id);
        assert!(verdict.undetermined.is_some(), "{verdict:?}");
        fire(&mut book, "pod:order-2", "memory_used", 2);
        let verdict = judge(&ranker, &book, id);
        assert_eq!(first(&verdict), "pod:order-2 memory");
        assert!(verdict.undetermined.is_none());
        assert!(verdict.causes[0].evidence.iter().all(|found| found.bits > 0.0 && !found.text.zh.is_empty()));
    }

    #[test]
    fn what_three_quarters_of_the_instances_show_is_the_services() {
        let (ranker, mut book) = (seasoned(), book());
        let id = fire(&mut book, "pod:pay-1", "memory_used", 0);
        fire(&mut book, "pod:pay-2", "memory_used", 1);
        assert!(first(&judge(&ranker, &book, id)).starts_with("pod:pay"), "half is no quorum");
        fire(&mut book, "pod:pay-3", "memory_used", 2);
        assert_eq!(first(&judge(&ranker, &book, id)), "service:pay memory");
    }

    #[test]
    fn a_caller_that_suffers_with_its_callee_is_explained_by_it() {
        let (ranker, mut book) = (seasoned(), book());
        let id = fire(&mut book, "web", "latency", 0);
        fire(&mut book, "order", "latency", 0);
        fire(&mut book, "order", "errors", 0);
        let verdict = judge(&ranker, &book, id);
        assert_eq!(first(&verdict), "service:order unknown");
        let web = verdict.explained.iter().find(|found| found.entity == Entity::service("web")).unwrap();
        assert_eq!((web.by.clone(), web.path.len()), (Entity::service("order"), 2));
    }

    #[test]
    fn a_fault_that_begins_later_is_a_suspect_under_the_first() {
        let (ranker, mut book) = (seasoned(), book());
        let id = fire(&mut book, "pod:pay-2", "memory_used", 0);
        fire(&mut book, "pod:pay-2", "network_errors", 5);
        fire(&mut book, "node:n0", "disk_used", 200);
        let verdict = judge(&ranker, &book, id);
        assert_eq!(first(&verdict), "pod:pay-2 memory");
        let suspect = verdict.causes.iter().find(|cause| cause.entity == Entity::read("node:n0")).unwrap();
        assert!(suspect.later && suspect.confidence == Confidence::Low);
    }

    #[test]
    fn the_order_of_arrival_changes_nothing_and_documents_keep_what_was_learnt() {
        let (mut ranker, mut one, mut two) = (seasoned(), book(), book());
        let alerts = [("pod:order-2", "memory_used", 3), ("order", "latency", 1), ("web", "latency", 9)];
        let id = alerts.map(|(place, metric, seconds)| fire(&mut one, place, metric, seconds))[0];
        let mut other = alerts;
        other.reverse();
        let other = other.map(|(place, metric, seconds)| fire(&mut two, place, metric, seconds))[0];
        let verdict = judge(&ranker, &one, id);
        assert_eq!(judge(&ranker, &two, other), verdict);

        let docs = ranker.changed();
        assert!(ranker.changed().is_empty());
        let rows = docs.iter().map(|doc| (doc.kind, doc.key.as_str(), doc.body.as_deref().unwrap()));
        let (again, unreadable) = Ranker::restore(rows);
        assert_eq!((judge(&again, &one, id), unreadable), (verdict, 0));
    }

    #[test]
    fn alerts_that_are_nowhere_leave_it_undetermined() {
        let mut book = book();
        let told = Told { source: "test".to_owned(), ..Told::default() };
        let id = book.hear(Alert::read(told, at(0)), at(0)).incident;
        let verdict = judge(&Ranker::default(), &book, id);
        assert!(verdict.causes.is_empty() && verdict.undetermined.is_some());
    }
}
