//! From signs to causes: the strongest sign of each aspect counts once, aspects add up.

use crate::case::Case;
use crate::observe::{Scene, signs};
use crate::sign::{Aspect, Sign};
use incident::{Cause, Confidence, Evidence, Verdict};
use model::{Bilingual, CauseKind, Entity, EntityKind, UnixNanos};
use std::collections::BTreeMap;

/// Names the likely causes of what happened in a case.
pub fn judge(case: &Case) -> Verdict {
    let scene = Scene::new(case);
    let signs = signs(&scene);
    let mut candidates: BTreeMap<Entity, Vec<Sign>> = BTreeMap::new();
    for sign in signs {
        candidates.entry(subject(&scene, &sign.accused)).or_default().push(sign);
    }
    let mut causes: Vec<Cause> = candidates.into_iter().map(|(entity, signs)| cause(entity, signs)).collect();
    causes.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.entity.cmp(&b.entity)));
    let margin = match causes.as_slice() {
        [] => 0.0,
        [only] => only.score,
        [first, second, ..] => first.score - second.score,
    };
    let undetermined = (margin < MARGIN_MIN).then(|| match causes.is_empty() {
        true => Bilingual::new("nothing is out of the ordinary beyond what healthy data shows", "没有任何证据超出健康数据的波动范围"),
        false => Bilingual::new("the best candidates are too close to tell apart", "最可能的几个候选过于接近，无法区分"),
    });
    Verdict {
        judged_at: case.window.current.until,
        onset: causes.first().and_then(|cause| cause.since),
        causes,
        undetermined,
        ..Verdict::default()
    }
}

/// Candidates closer than this cannot be told apart.
const MARGIN_MIN: f64 = 0.5;

/// An instance counts as its service.
fn subject(scene: &Scene<'_>, accused: &Entity) -> Entity {
    let service = (accused.kind == EntityKind::Instance).then(|| scene.names.find(&accused.name)).flatten().and_then(|name| scene.instances.get(&name));
    service.map_or_else(|| accused.clone(), |service| Entity::service(scene.text(*service)))
}

fn cause(entity: Entity, mut signs: Vec<Sign>) -> Cause {
    signs.sort_by(|a, b| b.bits.total_cmp(&a.bits).then(a.aspect.cmp(&b.aspect)));
    let mut strongest: BTreeMap<Aspect, f64> = BTreeMap::new();
    for sign in &signs {
        strongest.entry(sign.aspect).or_insert(sign.bits);
    }
    Cause {
        entity,
        kind: CauseKind::Unknown,
        score: strongest.values().sum(),
        confidence: Confidence::Low,
        since: signs.iter().map(|sign| sign.since).filter(|since| *since > 0).min().map(UnixNanos),
        evidence: signs.into_iter().map(evidence).collect(),
        against: Vec::new(),
        change: None,
        later: false,
    }
}

fn evidence(sign: Sign) -> Evidence {
    Evidence {
        kind: sign.aspect.as_str().to_owned(),
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
