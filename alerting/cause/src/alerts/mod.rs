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
/// Margins, in nats, from which the first candidate is likely and very likely right. On the labelled incidents
/// at hand 9 of 10 verdicts above the higher one are right; the raw margin is never shown.
const LIKELY: f64 = 1.0;
const SURE: f64 = 2.5;

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
    let confidence = match margin {
        margin if margin >= SURE && first.candidate.evidence >= SURE => Confidence::High,
        margin if margin >= LIKELY => Confidence::Medium,
        _ => Confidence::Low,
    };
    (None, confidence)
}

/// Everything that one place contributes, for those that explain.
pub(in crate::alerts) fn spot_of(terrain: &Terrain, episode: &Episode) -> Option<Spot> {
    episode.entity.as_ref().and_then(|entity| terrain.find(entity))
}
