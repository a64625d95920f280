//! Holds incidents against truth: pairs, hits, what was merged, split and missed.

use crate::play::Player;
use incident::IncidentId;
use model::{Entity, EntityKind};
use std::collections::{BTreeMap, BTreeSet};

/// A fault as it was injected. An instance of the service counts where the truth is a service.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) entity: String,
    pub(crate) level: String,
    pub(crate) parts: Vec<String>,
}

impl Fault {
    fn is_hit(&self, cause: &Entity) -> bool {
        cause.name == self.entity
            || cause.kind != EntityKind::Node && self.level == "service" && self.parts.contains(&cause.name)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    pub(crate) faults: usize,
    pub(crate) hit1: f64,
    pub(crate) hit3: f64,
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    pub(crate) f1: f64,
    pub(crate) incidents: usize,
    pub(crate) merged: usize,
    pub(crate) split: usize,
    /// Faults whose root is in no incident's first three.
    pub(crate) missed: usize,
    pub(crate) messages_per_fault: f64,
    pub(crate) reduction: f64,
}

/// `truth`: the fault of each alert in the order heard; `None` for noise.
pub(crate) fn score(player: &Player, faults: &BTreeMap<String, Fault>, truth: &[Option<String>]) -> Score {
    let incidents = player.incidents();
    assert_eq!(incidents.len(), truth.len());
    let mut table: BTreeMap<(&str, IncidentId), u64> = BTreeMap::new();
    for (id, fault) in incidents.iter().zip(truth) {
        if let Some(fault) = fault {
            *table.entry((fault, *id)).or_default() += 1;
        }
    }
    let sum = |of: &dyn Fn(&(&str, IncidentId)) -> String| {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        table.iter().for_each(|(key, count)| *sums.entry(of(key)).or_default() += count);
        sums
    };
    let pairs = |counts: &mut dyn Iterator<Item = u64>| counts.map(|n| n * n.saturating_sub(1) / 2).sum::<u64>() as f64;
    let by_fault = sum(&|key| key.0.to_owned());
    let by_incident = sum(&|key| key.1.to_string());
    let both = pairs(&mut table.values().copied());
    let (precision, recall) = (
        both / pairs(&mut by_incident.values().copied()).max(1.0),
        both / pairs(&mut by_fault.values().copied()).max(1.0),
    );
    let mut result =
        Score { faults: faults.len(), precision, recall, incidents: by_incident.len(), ..Score::default() };
    result.f1 = 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE);
    let mut holders: BTreeMap<IncidentId, usize> = BTreeMap::new();
    for (name, fault) in faults {
        let of: Vec<(IncidentId, u64)> =
            table.iter().filter(|((fault, _), _)| fault == name).map(|((_, id), count)| (*id, *count)).collect();
        let total: u64 = of.iter().map(|(_, count)| count).sum();
        let Some((most, _)) = of.iter().max_by_key(|(_, count)| *count) else { continue };
        *holders.entry(*most).or_default() += 1;
        let rank = player.causes(*most).iter().position(|cause| fault.is_hit(cause));
        result.hit1 += f64::from(u8::from(rank == Some(0)));
        result.hit3 += f64::from(u8::from(rank.is_some_and(|rank| rank < 3)));
        let large: BTreeSet<IncidentId> =
            of.iter().filter(|(_, count)| *count * 10 >= total).map(|(id, _)| *id).collect();
        result.split += usize::from(large.len() > 1);
        let named = of.iter().any(|(id, _)| player.causes(*id).iter().take(3).any(|cause| fault.is_hit(cause)));
        result.missed += usize::from(!named);
    }
    result.merged = holders.values().filter(|count| **count > 1).map(|count| count - 1).sum();
    result.hit1 /= faults.len() as f64;
    result.hit3 /= faults.len() as f64;
    let messages = player.messages(&["opened", "reopened"]);
    result.messages_per_fault = messages as f64 / faults.len() as f64;
    result.reduction = 1.0 - messages as f64 / truth.len() as f64;
    result
}

impl Score {
    pub(crate) fn print(&self, system: &str) {
        println!(
            "{system:<28} faults {:>4}  hit@1 {:>5.1} %  hit@3 {:>5.1} %  pairs P {:.3} R {:.3} F1 {:.3}  incidents {:>4}  merged {:>3}  split {:>3}  missed {:>3}  messages/fault {:.2}  reduction {:.3} %",
            self.faults,
            self.hit1 * 100.0,
            self.hit3 * 100.0,
            self.precision,
            self.recall,
            self.f1,
            self.incidents,
            self.merged,
            self.split,
            self.missed,
            self.messages_per_fault,
            self.reduction * 100.0
        );
    }
}
