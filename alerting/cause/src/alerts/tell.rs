//! The ranking as a verdict for people: evidence for and against, and how the symptoms hang on the cause.
//!
//! It refuses to weigh: it says what has been weighed.

use super::level::{Against, Candidate};
use super::memory::Memory;
use super::weigh::Weighed;
use super::{Confidence, Ranked};
use hashbrown::{HashMap, HashSet};
use incident::{Cause, Evidence, Explained, Spot, Terrain, Verdict, words};
use model::{Bilingual, CauseKind, Entity, EntityKind, UnixNanos};
use std::collections::VecDeque;

/// Series that are named for a candidate.
const NAMED: usize = 6;
/// Entities whose way to the cause is told.
const EXPLAINED: usize = 500;

pub(super) fn verdict(
    terrain: &Terrain,
    memory: &Memory,
    weighed: &Weighed,
    ranked: &[Ranked],
    (undetermined, confidence): (Option<Bilingual>, Confidence),
    now: UnixNanos,
) -> Verdict {
    let causes = ranked.iter().enumerate().map(|(place, ranked)| Cause {
        entity: terrain.entity(ranked.candidate.spot).clone(),
        kind: kind(terrain, &ranked.candidate),
        score: bits(ranked.candidate.evidence.max(0.0)),
        // Alerts alone never make two causes sure: one of them would be torn from the other's symptoms.
        confidence: if place == 0 { confidence } else { Confidence::Low },
        since: ranked.candidate.signs.iter().map(|(sign, _)| weighed.signs[*sign].at).min(),
        evidence: evidence(terrain, memory, weighed, &ranked.candidate),
        against: against(terrain, &ranked.candidate),
        change: None,
        later: ranked.minute > 0,
    });
    let explained =
        ranked.first().map(|first| explained(terrain, weighed, first.candidate.spot, now)).unwrap_or_default();
    Verdict {
        judged_at: now,
        onset: weighed.anchor,
        causes: causes.collect(),
        undetermined,
        missing: Vec::new(),
        changes: Vec::new(),
        explained,
    }
}

fn kind(terrain: &Terrain, candidate: &Candidate) -> CauseKind {
    match (candidate.family.map(|family| family.cause()), terrain.entity(candidate.spot).kind) {
        (Some(kind), _) if kind != CauseKind::Unknown => kind,
        (_, EntityKind::Node | EntityKind::Host) => CauseKind::Host,
        (_, EntityKind::Database) => CauseKind::Database,
        (_, EntityKind::Cache) => CauseKind::Cache,
        (_, EntityKind::Queue) => CauseKind::Queue,
        (_, EntityKind::ThirdParty) => CauseKind::ThirdParty,
        (_, EntityKind::Device) => CauseKind::Device,
        (_, EntityKind::Region) => CauseKind::Region,
        _ => CauseKind::Unknown,
    }
}

fn bits(nats: f64) -> f64 {
    nats / std::f64::consts::LN_2
}

fn evidence(terrain: &Terrain, memory: &Memory, weighed: &Weighed, candidate: &Candidate) -> Vec<Evidence> {
    let anchor = weighed.anchor.unwrap_or_default();
    candidate
        .signs
        .iter()
        .take(NAMED)
        .map(|(index, nats)| {
            let sign = &weighed.signs[*index];
            let entity = terrain.entity(sign.spot).clone();
            let usual = memory.usual(sign.series);
            Evidence {
                kind: "rarity".to_owned(),
                text: rarity(&entity, &sign.signal.words, usual, memory.incidents(), sign.at.0 - anchor.0),
                entity,
                bits: bits(*nats),
                now: Some(1.0),
                reference: usual,
                unit: "1".to_owned(),
                query: None,
                points: Vec::new(),
                traces: Vec::new(),
            }
        })
        .collect()
}

fn rarity(entity: &Entity, what: &str, usual: Option<f64>, incidents: u64, after: i64) -> Bilingual {
    let (at, seconds) = (words::entity(entity), after.max(0) / UnixNanos::SECOND);
    let (when_en, when_zh) = match seconds {
        ..60 => ("at the very beginning".to_owned(), "在事件初始".to_owned()),
        seconds => (format!("{seconds} s after the beginning"), format!("在事件开始 {seconds} 秒后")),
    };
    let (usual_en, usual_zh) = match usual {
        None => ("nothing is known yet of what is usual".to_owned(), "尚无历史可比".to_owned()),
        Some(share) if share < 0.005 => {
            (format!("it fired in none of {incidents} earlier incidents"), format!("此前 {incidents} 次事件中从未出现"))
        }
        Some(share) => {
            let percent = (share * 100.0).round();
            (format!("it fires in {percent} % of incidents"), format!("平时在 {percent}% 的事件中出现"))
        }
    };
    Bilingual::new(
        format!("{what} at {} {when_en}; {usual_en}.", at.en),
        format!("{} 的 {what} {when_zh}告警；{usual_zh}。", at.zh),
    )
}

fn against(terrain: &Terrain, candidate: &Candidate) -> Vec<Evidence> {
    candidate
        .against
        .iter()
        .map(|(why, nats, who)| {
            let who = terrain.entity(who.unwrap_or(candidate.spot)).clone();
            let name = words::entity(&who);
            let (kind, text) = match why {
                Against::Callee => (
                    "residual",
                    Bilingual::new(
                        format!("It calls {}, which suffers too.", name.en),
                        format!("它调用的{} 同样异常。", name.zh),
                    ),
                ),
                Against::Siblings => (
                    "siblings",
                    Bilingual::new(
                        format!("Other instances of {} show the same.", name.en),
                        format!("{} 的其他实例有相同表现。", name.zh),
                    ),
                ),
            };
            Evidence {
                kind: kind.to_owned(),
                entity: who,
                text,
                bits: bits(*nats),
                now: None,
                reference: None,
                unit: "1".to_owned(),
                query: None,
                points: Vec::new(),
                traces: Vec::new(),
            }
        })
        .collect()
}

/// How everything that suffers hangs on the cause: up the calls, from machines to what stands on them, from
/// instances to their service.
fn explained(terrain: &Terrain, weighed: &Weighed, cause: Spot, now: UnixNanos) -> Vec<Explained> {
    let suffering: HashSet<Spot> = weighed.signs.iter().map(|sign| sign.spot).collect();
    let lifted: HashSet<Spot> = suffering.iter().map(|spot| terrain.service_of(*spot)).collect();
    let mut from: HashMap<Spot, Spot> = HashMap::new();
    let mut next = VecDeque::from([cause]);
    from.insert(cause, cause);
    while let Some(at) = next.pop_front() {
        let service = terrain.service_of(at);
        let guests = terrain.guests(at, now);
        let onward = std::iter::once(service)
            .chain(terrain.callers(service).iter().copied())
            .chain(terrain.members(service).iter().copied())
            .chain(guests);
        for spot in onward {
            if (suffering.contains(&spot) || lifted.contains(&spot)) && !from.contains_key(&spot) {
                from.insert(spot, at);
                next.push_back(spot);
            }
        }
    }
    let by = terrain.entity(cause).clone();
    let mut reached: Vec<Spot> = from.keys().copied().filter(|spot| *spot != cause).collect();
    reached.sort_unstable();
    reached.truncate(EXPLAINED);
    reached
        .into_iter()
        .map(|spot| Explained {
            entity: terrain.entity(spot).clone(),
            harm: None,
            by: by.clone(),
            path: path(terrain, &from, spot),
            why: why(terrain, &from, spot),
        })
        .collect()
}

fn path(terrain: &Terrain, from: &HashMap<Spot, Spot>, to: Spot) -> Vec<Entity> {
    let mut path = vec![terrain.entity(to).clone()];
    let mut at = to;
    while let Some(before) = from.get(&at).copied().filter(|before| *before != at) {
        path.push(terrain.entity(before).clone());
        at = before;
    }
    path.reverse();
    path
}

fn why(terrain: &Terrain, from: &HashMap<Spot, Spot>, to: Spot) -> Bilingual {
    let before = from.get(&to).copied().unwrap_or(to);
    let (who, whom) = (words::entity(terrain.entity(to)), words::entity(terrain.entity(before)));
    if terrain.service_of(to) == terrain.service_of(before) {
        return Bilingual::new(
            format!("{} is part of {}.", who.en, whom.en),
            format!("{} 与{} 属于同一服务。", who.zh, whom.zh),
        );
    }
    if terrain.callers(terrain.service_of(before)).contains(&to) {
        return Bilingual::new(format!("{} waits for {}.", who.en, whom.en), format!("{} 依赖{}。", who.zh, whom.zh));
    }
    Bilingual::new(format!("{} runs on {}.", who.en, whom.en), format!("{} 运行在{} 上。", who.zh, whom.zh))
}
