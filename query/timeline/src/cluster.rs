//! Units gathered into stories: again and again the two that most surely belong together, until no
//! two are more likely to than not.

use crate::evidence::{Beginning, Judgement, beginnings, judge, taken_over};
use crate::profile::Profile;
use crate::unit::Unit;
use std::collections::BTreeSet;

/// Units that tell one story.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    /// Places in the list of units.
    pub(crate) units: Vec<usize>,
    pub(crate) profile: Profile,
}

/// All stories of some units, but for those that belong elsewhere. Batches join none here: they would
/// join many into one.
pub(crate) fn clusters(units: &[Unit], elsewhere: &BTreeSet<usize>) -> Vec<Cluster> {
    let alone = units.iter().enumerate().filter(|(at, unit)| !unit.is_batch && !elsewhere.contains(at));
    let mut clusters: Vec<Option<Cluster>> =
        alone.map(|(at, unit)| Some(Cluster { units: vec![at], profile: unit.profile.clone() })).collect();
    let begun: Vec<Beginning> = units.iter().flat_map(|unit| beginnings(&unit.profile)).collect();
    let score = |clusters: &[Option<Cluster>], a: usize, b: usize| score(clusters, a, b, &begun);
    // The score of each with each later one; a merged one keeps the earlier place.
    let mut scores: Vec<Vec<f64>> = (0..clusters.len())
        .map(|a| (0..clusters.len()).map(|b| if b < a { score(&clusters, a, b) } else { f64::NEG_INFINITY }).collect())
        .collect();
    let mut best: Vec<(f64, usize)> = scores.iter().map(|row| best_of(row)).collect();
    while let Some((a, b)) = surest(&best) {
        let Some(merged) = clusters[a].take() else { continue };
        if let Some(kept) = &mut clusters[b] {
            kept.units.extend(merged.units);
            kept.profile.absorb(&merged.profile);
        }
        forget(&mut scores, a);
        for other in 0..clusters.len() {
            let (row, column) = (other.max(b), other.min(b));
            if row != column {
                scores[row][column] = score(&clusters, row, column);
            }
        }
        // Rows that looked at what changed look again.
        for (row, place) in best.iter_mut().enumerate() {
            if row >= b || place.1 == a {
                *place = best_of(&scores[row]);
            }
        }
    }
    clusters.into_iter().flatten().collect()
}

fn score(clusters: &[Option<Cluster>], a: usize, b: usize, begun: &[Beginning]) -> f64 {
    let Some((a, b)) = clusters[a].as_ref().zip(clusters[b].as_ref()) else { return f64::NEG_INFINITY };
    let judgement = judge(&a.profile, &b.profile);
    judgement.map_or(f64::NEG_INFINITY, |judgement| judgement.score + taken_over(&a.profile, &b.profile, begun))
}

fn forget(scores: &mut [Vec<f64>], gone: usize) {
    for (row, scores) in scores.iter_mut().enumerate() {
        for (column, score) in scores.iter_mut().enumerate() {
            if row == gone || column == gone {
                *score = f64::NEG_INFINITY;
            }
        }
    }
}

fn best_of(row: &[f64]) -> (f64, usize) {
    let pairs = row.iter().enumerate().map(|(at, score)| (*score, at));
    pairs.fold((f64::NEG_INFINITY, 0), |best, pair| if pair.0 > best.0 { pair } else { best })
}

fn surest(best: &[(f64, usize)]) -> Option<(usize, usize)> {
    let pairs = best.iter().enumerate().map(|(row, (score, column))| (*score, row, *column));
    let found = pairs.fold((0.0, 0, 0), |best, pair| if pair.0 > best.0 { pair } else { best });
    (found.0 > 0.0).then_some((found.1, found.2))
}

/// How each unit of a story came to it, beginning with the one that was asked for: each next is the
/// one that most surely belongs to one of those before it.
pub(crate) fn joins(units: &[Unit], story: &Cluster, anchor: usize) -> Vec<(usize, Option<Judgement>)> {
    let mut joined = vec![(anchor, None)];
    let others = story.units.iter().filter(|at| **at != anchor);
    let mut waiting: Vec<(usize, Judgement)> = others.map(|at| (*at, nothing())).collect();
    let mut newest = anchor;
    while !waiting.is_empty() {
        for (at, best) in &mut waiting {
            if let Some(judgement) = judge(&units[newest].profile, &units[*at].profile)
                && judgement.score > best.score
            {
                *best = judgement;
            }
        }
        let scores = waiting.iter().enumerate().map(|(place, (_, judgement))| (place, judgement.score));
        let Some((place, _)) = scores.max_by(|(_, a), (_, b)| a.total_cmp(b)) else { break };
        let (at, judgement) = waiting.swap_remove(place);
        newest = at;
        // What no single unit makes likely, all together did.
        let judgement = if judgement.score > 0.0 {
            judgement
        } else {
            judge(&story.profile, &units[at].profile).unwrap_or_default()
        };
        joined.push((at, Some(judgement)));
    }
    joined
}

fn nothing() -> Judgement {
    Judgement { score: f64::NEG_INFINITY, ..Judgement::default() }
}
