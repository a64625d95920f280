//! From signs to a verdict: candidates, the changes that may have done it, what speaks against, what is
//! missing, and how what suffers hangs on the cause.

use crate::case::{Case, Finding};
use crate::changes;
use crate::detect::signs;
use crate::independent;
use crate::kind;
use crate::missing;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::suspect::{Candidate, candidates, sort};
use incident::{Cause, ChangeVerdict, Confidence, Evidence, Explained, Verdict};
use model::{Bilingual, CauseKind, Entity, EntityKind, UnixNanos};
use std::collections::BTreeSet;

/// Candidates closer than this cannot be told apart, bits.
const MARGIN_MIN: f64 = 0.5;
/// Causes shown, and evidence of each.
const CAUSES_MAX: usize = 10;
const EVIDENCE_MAX: usize = 12;
/// Evidence of others weighs at most so much.
const FINDING_BITS_MAX: f64 = 6.0;
/// What a convicted change adds to its target.
const CHANGE_BITS: f64 = 2.0;
/// A candidate that began so much later than the first is another fault, if one at all.
const LATER_NS: i64 = 120 * UnixNanos::SECOND;

/// Who fails on one record again and again, and what kind of cause that is.
type Record = (Entity, Option<CauseKind>);

/// Names the likely causes of what happened in a case. The same rows in any order give the same verdict.
pub fn judge(case: &Case) -> Verdict {
    let scene = Scene::new(case);
    let mut signs = signs(&scene);
    signs.extend(case.findings.iter().filter(|finding| !finding.against).map(of_finding));
    let record = changes::one_record(&scene);
    signs.extend(record.clone());
    let record = record.map(|sign| (sign.accused, sign.cause));
    let mut candidates = candidates(&scene, signs);
    for finding in case.findings.iter().filter(|finding| finding.against) {
        if let Some(candidate) = candidates.iter_mut().find(|candidate| candidate.entity == finding.accused) {
            candidate.against.push(of_finding(finding));
        }
    }
    sort(&mut candidates);
    let changes = changes::judge(&scene, &candidates, record.as_ref().map(|(consumer, _)| consumer));
    convict(&mut candidates, &changes);
    sort(&mut candidates);
    candidates.retain(|candidate| candidate.score() > 0.0);
    candidates.truncate(CAUSES_MAX);
    verdict(&scene, candidates, changes, record.as_ref())
}

fn of_finding(finding: &Finding) -> Sign {
    let evidence = &finding.evidence;
    Sign {
        bits: evidence.bits.clamp(0.0, FINDING_BITS_MAX),
        since: finding.since.map_or(0, |since| since.0),
        now: evidence.now,
        reference: evidence.reference,
        query: evidence.query.clone(),
        points: evidence.points.iter().map(|(time, value)| (time.0, *value)).collect(),
        words: vec![evidence.kind.clone()],
        cause: finding.cause,
        ..Sign::new(Aspect::Other, finding.accused.clone(), evidence.text.clone())
    }
}

/// A change that is held to be the culprit is evidence against its target.
fn convict(candidates: &mut [Candidate], changes: &[changes::Judged]) {
    for change in changes.iter().filter(|change| change.verdict.suspect) {
        let Some(target) = &change.target else { continue };
        let title = change.verdict.title.clone().unwrap_or_else(|| change.verdict.id.clone());
        let text = Bilingual::new(
            format!("{}: \"{title}\"", change.verdict.kind),
            format!("变更 {}：“{title}”", change.verdict.kind),
        );
        let sign =
            Sign { bits: CHANGE_BITS, since: change.verdict.time.0, ..Sign::new(Aspect::Change, target.clone(), text) };
        if let Some(candidate) = candidates.iter_mut().find(|candidate| candidate.entity == *target) {
            candidate.signs.push(sign);
        }
    }
}

fn verdict(
    scene: &Scene<'_>,
    candidates: Vec<Candidate>,
    changes: Vec<changes::Judged>,
    record: Option<&Record>,
) -> Verdict {
    let case = scene.case;
    let joint = independent::of(scene, &candidates);
    let first = joint.own;
    let rival = joint.rival.map_or(0.0, |at| candidates[at].score());
    let margin = candidates.get(first).map_or(0.0, |first| first.score() - rival);
    let missing = missing::of(scene);
    let onset = candidates.get(first).and_then(Candidate::since);
    let mut causes: Vec<(usize, Cause)> = Vec::new();
    for (at, candidate) in candidates.into_iter().enumerate() {
        let change =
            changes.iter().find(|change| change.verdict.suspect && change.target.as_ref() == Some(&candidate.entity));
        causes.push((at, cause(scene, candidate, change.map(|change| &change.verdict), onset, record)));
    }
    for (at, cause) in &mut causes {
        cause.confidence = match *at {
            at if at == first => confidence(margin, cause.score, missing.len()),
            at if joint.causes.contains(&at) => confidence(f64::MAX, f64::MAX, missing.len()),
            _ => Confidence::Low,
        };
    }
    // What most of it hangs on here comes first, then what else is a cause for sure, then what may be one.
    causes.sort_by_key(|(at, _)| (*at != first, !joint.causes.contains(at), *at));
    let explained = joint.explained.into_iter().map(|(at, hurt)| {
        let by = causes.iter().find(|(of, _)| *of == at).map_or(hurt.by, |(_, cause)| cause.entity.clone());
        Explained { by, ..hurt }
    });
    let explained = explained.collect();
    let causes: Vec<Cause> = causes.into_iter().map(|(_, cause)| cause).collect();
    let undetermined = (margin < MARGIN_MIN).then(|| undetermined(&causes));
    Verdict {
        judged_at: case.window.current.until,
        onset: onset.map(UnixNanos),
        explained,
        causes,
        undetermined,
        missing,
        changes: changes.into_iter().map(|change| change.verdict).collect(),
    }
}

fn undetermined(causes: &[Cause]) -> Bilingual {
    match causes {
        [first, second, ..] => Bilingual::new(
            format!("{} and {} are too close to tell apart", first.entity.name, second.entity.name),
            format!("{} 与 {} 的证据过于接近，无法区分", first.entity.name, second.entity.name),
        ),
        [only] => Bilingual::new(
            format!("what speaks for {} is too little", only.entity.name),
            format!("指向 {} 的证据不足", only.entity.name),
        ),
        [] => Bilingual::new("nothing deviates more than healthy data does", "没有任何指标超出健康数据的波动范围"),
    }
}

/// By the margin and the evidence; what was missing lowers it.
fn confidence(margin: f64, score: f64, missing: usize) -> Confidence {
    let level = match (margin, score) {
        (margin, score) if margin >= 3.0 && score >= 5.0 => 2,
        (margin, _) if margin >= 1.0 => 1,
        _ => 0,
    };
    match level - usize::from(missing > 0).min(level) {
        2 => Confidence::High,
        1 => Confidence::Medium,
        _ => Confidence::Low,
    }
}

fn cause(
    scene: &Scene<'_>,
    candidate: Candidate,
    change: Option<&ChangeVerdict>,
    onset: Option<i64>,
    record: Option<&Record>,
) -> Cause {
    let since = candidate.since();
    let record = record.filter(|(consumer, _)| *consumer == candidate.entity).and_then(|(_, kind)| *kind);
    Cause {
        kind: kind::of(&candidate, change.map(|change| change.kind.as_str()), record),
        entity: narrowed(scene, &candidate),
        score: candidate.score(),
        confidence: Confidence::Low,
        since: since.map(UnixNanos),
        later: matches!((since, onset), (Some(since), Some(onset)) if since.saturating_sub(onset) >= LATER_NS),
        evidence: candidate.signs.into_iter().take(EVIDENCE_MAX).map(evidence).collect(),
        against: candidate.against.into_iter().take(EVIDENCE_MAX).map(evidence).collect(),
        change: change.map(|change| change.id.clone()),
    }
}

/// One instance of several that shows most of it all alone is named instead of its service.
fn narrowed(scene: &Scene<'_>, candidate: &Candidate) -> Entity {
    let of_instances = |sign: &&Sign| sign.accused.kind == EntityKind::Instance && sign.aspect != Aspect::Symptom;
    let accused: BTreeSet<&Entity> = candidate.signs.iter().filter(of_instances).map(|sign| &sign.accused).collect();
    let most = |instances: bool| {
        candidate
            .signs
            .iter()
            .filter(|sign| of_instances(sign) == instances && sign.aspect != Aspect::Change)
            .map(|sign| sign.bits)
            .fold(0.0, f64::max)
    };
    let siblings = scene.instances.values().filter(|service| scene.text(**service) == candidate.entity.name).count();
    match accused.first() {
        Some(only) if accused.len() == 1 && siblings > 1 && most(true) > most(false) => (*only).clone(),
        _ => candidate.entity.clone(),
    }
}

/// What others have found keeps the name they gave it.
fn kind_of(sign: &Sign) -> String {
    let own = sign.words.first().filter(|word| sign.aspect == Aspect::Other && !word.is_empty());
    own.cloned().unwrap_or_else(|| sign.aspect.as_str().to_owned())
}

pub(crate) fn evidence(sign: Sign) -> Evidence {
    Evidence {
        kind: kind_of(&sign),
        entity: sign.accused,
        text: sign.text,
        bits: sign.bits,
        now: sign.now,
        reference: sign.reference,
        unit: sign.unit.to_owned(),
        query: sign.query,
        points: sign.points.into_iter().map(|(time, value)| (UnixNanos(time), value)).collect(),
        traces: sign.traces.into_iter().map(|trace| format!("{trace:032x}")).collect(),
    }
}
