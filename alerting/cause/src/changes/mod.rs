//! Whether a change did it: time, place, difference between new and old instances, and what it touches.
//!
//! Recency convicts nobody. A change is the culprit when its target (or what suffers) began to differ
//! after it, when instances with it differ from those without, and when what it touches fits what was
//! seen; the best of all that pass, and only one. "No change did it" is an answer: a node, a surge of
//! traffic or a poisoned record needs no change.

mod content;
mod difference;
mod record;
mod step;
mod subject;
mod tokens;
mod told;

pub(crate) use record::one_record;

use crate::names::Name;
use crate::records::Level;
use crate::scene::Scene;
use crate::suspect::Candidate;
use crate::window::Side;
use incident::ChangeVerdict;
use model::{Entity, EntityKind, UnixNanos};
use std::collections::{BTreeMap, BTreeSet};
use step::Track;
use subject::{Subject, subjects};
use told::{Outcome, told};

/// Changes looked at and told; the best.
const TOLD_MAX: usize = 50;
/// From here on a change is held to be the culprit.
const CONVICTED: f64 = 1.8;
/// Where two releases are closer than this, neither is.
const LEAD_MIN: f64 = 0.2;
/// Something that begins at once after a change weighs so much; it fades with the time between.
const PROMPT: f64 = 2.5;
const PROMPT_NS: f64 = 300e9;
const FADING_NS: f64 = 900e9;
const FIT_WEIGHT: f64 = 0.6;
/// New instances that differ from old ones at the same time.
const DIFFERS: f64 = 3.0;

/// A verdict on a change, and whom it was made to.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: ChangeVerdict,
    pub(crate) target: Option<Entity>,
}

/// What all changes are held against.
#[derive(Debug)]
struct Bench<'a> {
    scene: &'a Scene<'a>,
    candidates: &'a [Candidate],
    record: Option<&'a Entity>,
    tracks: BTreeMap<Entity, Vec<Track>>,
    first_lines: BTreeMap<Entity, Vec<i64>>,
    /// Words of what was seen, by whom it accuses.
    seen: BTreeMap<Entity, BTreeMap<String, u32>>,
    /// Services on the way from what suffers to whatever it calls.
    on_path: BTreeSet<Entity>,
}

/// Judges all changes, the culprit first.
pub(crate) fn judge(scene: &Scene<'_>, candidates: &[Candidate], record: Option<&Entity>) -> Vec<Judged> {
    let subjects = subjects(&scene.case.changes);
    if subjects.is_empty() {
        return Vec::new();
    }
    let bench = Bench::new(scene, candidates, record);
    let mut uses: BTreeMap<&str, f64> = BTreeMap::new();
    for subject in &subjects {
        let words: BTreeSet<&str> = subject.content.words().map(String::as_str).collect();
        for word in words {
            *uses.entry(word).or_default() += 1.0;
        }
    }
    // One for a word of one change among forty, less for words of many.
    let rarity =
        |word: &str| ((1.0 + subjects.len() as f64 / uses.get(word).copied().unwrap_or(1.0)).ln() / 3.0).min(1.0);
    let mut judged: Vec<(f64, Outcome, &Subject<'_>)> =
        subjects.iter().map(|subject| bench.weigh(subject, &rarity)).collect();
    judged.sort_by(|a, b| {
        b.0.total_cmp(&a.0)
            .then_with(|| b.2.change.time.cmp(&a.2.change.time))
            .then_with(|| a.2.change.id.cmp(&b.2.change.id))
    });
    judged.truncate(TOLD_MAX);
    let leads = leads(&judged);
    let tell = |(at, (score, outcome, subject)): (usize, (f64, Outcome, &Subject<'_>))| {
        let convicted = at == 0 && leads && score >= CONVICTED && matches!(outcome, Outcome::Fits { .. });
        Judged { verdict: told(subject, score, &outcome, convicted), target: subject.target.clone() }
    };
    judged.into_iter().enumerate().map(tell).collect()
}

/// Whether the first stands out. What one release brought out besides does not speak against it: whoever takes the
/// one back takes the other back with it.
fn leads(judged: &[(f64, Outcome, &Subject<'_>)]) -> bool {
    let Some((first, _, of)) = judged.first() else { return false };
    let second = judged[1..].iter().find(|(.., other)| !of.is_released_with(other)).map_or(0.0, |second| second.0);
    first - second >= LEAD_MIN
}

impl<'a> Bench<'a> {
    fn new(scene: &'a Scene<'a>, candidates: &'a [Candidate], record: Option<&'a Entity>) -> Self {
        let mut seen: BTreeMap<Entity, BTreeMap<String, u32>> = BTreeMap::new();
        let mut see = |entity: Entity, text: &str| {
            let words = seen.entry(entity).or_default();
            for (token, count) in tokens::of(text) {
                *words.entry(token).or_default() += count;
            }
        };
        for candidate in candidates {
            candidate.signs.iter().flat_map(|sign| &sign.words).for_each(|word| see(candidate.entity.clone(), word));
        }
        let lines: BTreeSet<(Name, Name)> = scene
            .case
            .records
            .logs
            .iter()
            .filter(|log| log.level > Level::Usual && scene.side(log.time) == Some(Side::Current))
            .map(|log| (log.service, log.template))
            .collect();
        for (service, template) in lines {
            see(Entity::service(scene.text(service)), scene.text(template));
        }
        let spans = scene.trees.spans.iter().filter(|span| scene.side(span.start) == Some(Side::Current));
        let failing: BTreeSet<(Name, Name)> = spans
            .flat_map(|span| [(span.service, span.exception), (span.service, span.statement)])
            .filter(|(_, name)| !name.is_none())
            .collect();
        for (service, word) in failing {
            see(Entity::service(scene.text(service)), scene.text(word));
        }
        let on_path = crate::suspect::reachable_from(scene, scene.case.suffering.iter().map(|hurt| &hurt.entity));
        Self {
            scene,
            candidates,
            record,
            tracks: step::tracks(scene),
            first_lines: step::first_lines(scene),
            seen,
            on_path,
        }
    }

    /// How near a target is to the cause, 0 to 1.
    fn relation(&self, target: &Entity) -> f64 {
        const NEXT_BEST: usize = 3;
        match self.candidates.iter().take(NEXT_BEST).position(|candidate| candidate.entity == *target) {
            Some(0) => 1.0,
            _ if self.scene.case.suffering.iter().any(|hurt| hurt.entity == *target) => 0.9,
            Some(_) => 0.7,
            None if self.on_path.contains(target) => 0.5,
            None => 0.0,
        }
    }

    /// The cause, if it is of a kind that needs no change.
    fn unchanged_cause(&self) -> Option<&Entity> {
        let by_nature = |entity: &Entity| {
            matches!(
                entity.kind,
                EntityKind::Node
                    | EntityKind::Host
                    | EntityKind::Traffic
                    | EntityKind::Device
                    | EntityKind::Region
                    | EntityKind::ThirdParty
            )
        };
        self.record
            .or_else(|| self.candidates.first().map(|candidate| &candidate.entity).filter(|entity| by_nature(entity)))
    }

    fn weigh<'s, 'c>(
        &self,
        subject: &'s Subject<'c>,
        rarity: &impl Fn(&str) -> f64,
    ) -> (f64, Outcome, &'s Subject<'c>) {
        let (score, outcome) = self.outcome(subject, rarity);
        (score, outcome, subject)
    }

    fn outcome(&self, subject: &Subject<'_>, rarity: &impl Fn(&str) -> f64) -> (f64, Outcome) {
        let change = subject.change;
        if subject.unreleased {
            return (0.0, Outcome::Unreleased);
        }
        if subject.content.inert {
            return (0.0, Outcome::Inert);
        }
        let Some(target) = &subject.target else { return (0.0, Outcome::Elsewhere) };
        let relation = self.relation(target);
        if relation == 0.0 {
            return (0.0, Outcome::Elsewhere);
        }
        if let Some(cause) = self.unchanged_cause() {
            return (0.0, Outcome::NoChangeNeeded(cause.clone()));
        }
        let difference = difference::of(self.scene, target, &change.version);
        if let Some(difference) = difference.filter(|difference| !difference.worse) {
            return (0.0, Outcome::Alike(difference));
        }
        let Some(after_ns) = self.began_after(target, change.time.0) else {
            let over = change.time > self.scene.case.window.current.from
                && self.candidates.first().and_then(Candidate::since).is_some_and(|since| change.time.0 > since);
            return (0.0, if over { Outcome::After } else { Outcome::NothingBegan });
        };
        let empty = BTreeMap::new();
        let (fit, words) = subject.content.fit(self.seen.get(target).unwrap_or(&empty), rarity);
        let timing = PROMPT * (-(after_ns as f64 - PROMPT_NS).max(0.0) / FADING_NS).exp();
        let score = relation * (timing + FIT_WEIGHT * fit + if difference.is_some() { DIFFERS } else { 0.0 });
        (score, Outcome::Fits { after_ns, words, difference })
    }

    /// How long after a change something of its target began to differ for good.
    fn began_after(&self, target: &Entity, change: i64) -> Option<i64> {
        /// What begins later was begun by something else.
        const HORIZON_NS: i64 = 2 * 3600 * UnixNanos::SECOND;
        let steps = self.tracks.get(target).into_iter().flatten().filter_map(|track| track.stepped_after(change));
        let lines = self.first_lines.get(target).into_iter().flatten().copied().filter(|first| *first >= change);
        let signs = self
            .candidates
            .iter()
            .filter(|candidate| candidate.entity == *target)
            .flat_map(|candidate| &candidate.signs)
            .map(|sign| sign.since)
            .filter(|since| *since > 0 && since.saturating_add(SLOT_NS) >= change);
        let first = steps.chain(lines).chain(signs).min()?;
        let after = first.saturating_sub(change).max(0);
        (after <= HORIZON_NS).then_some(after)
    }
}

/// Onsets are known to within a slot.
const SLOT_NS: i64 = 15 * UnixNanos::SECOND;
