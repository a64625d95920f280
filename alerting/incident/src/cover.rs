//! How many causes the alerting entities need: who waits for whom among them, and where the waiting ends.
//!
//! It refuses to know alerts, incidents and evidence: only where, since when, and the graph. Invariant: it
//! claims two causes only where both explain others, mostly different ones, and where the graph as a whole is
//! explained by few; noise all over a small system is no structure.

use crate::terrain::{Spot, Terrain};
use hashbrown::HashMap;
use model::{EntityKind, UnixNanos};
use std::time::Duration;

/// Entities beyond which the structure is not asked.
pub(crate) const SUFFERERS: usize = 600;
/// A cause may show this much later than what it causes: windows of rules differ.
pub(crate) const SLACK: Duration = Duration::from_secs(60);
/// A cause that is worth an incident of its own explains so many, itself included ...
pub(crate) const EXPLAINS: usize = 3;
/// ... of which so many are explained by no other.
pub(crate) const ALONE: usize = 2;
/// So many entities per needed cause, or the graph explains nothing.
pub(crate) const PER_CAUSE: usize = 4;

/// A service (its instances lifted to it) or another thing that alerts, since when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sufferer {
    pub spot: Spot,
    pub onset: UnixNanos,
}

/// A place where the waiting ends, with the sufferers (by index) that wait for it, itself included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Root {
    pub index: usize,
    pub explains: Vec<usize>,
}

struct Waiting {
    for_whom: Vec<Vec<usize>>,
    waiters: Vec<Vec<usize>>,
}

/// Where the waiting ends. Empty when there are too many sufferers to ask.
pub(crate) fn roots(terrain: &Terrain, sufferers: &[Sufferer]) -> Vec<Root> {
    if sufferers.len() > SUFFERERS {
        return Vec::new();
    }
    let waiting = waiting(terrain, sufferers);
    let reach: Vec<Vec<bool>> = (0..sufferers.len()).map(|index| reached(&waiting.for_whom, index)).collect();
    let mut roots = Vec::new();
    for (index, reached_by_it) in reach.iter().enumerate() {
        let ring = |other: usize| reached_by_it[other] && reach[other][index];
        let is_end = (0..sufferers.len()).all(|other| !reached_by_it[other] || ring(other));
        // A ring of services that wait for one another is one end: its earliest speaks for it.
        let key = |at: usize| (sufferers[at].onset, at);
        let is_speaker = (0..sufferers.len()).filter(|other| ring(*other)).all(|other| key(index) <= key(other));
        if is_end && is_speaker {
            let explains = reached(&waiting.waiters, index);
            let explains = (0..sufferers.len()).filter(|other| explains[*other]).collect();
            roots.push(Root { index, explains });
        }
    }
    roots
}

fn waiting(terrain: &Terrain, sufferers: &[Sufferer]) -> Waiting {
    let at: HashMap<Spot, usize> = sufferers.iter().enumerate().map(|(index, found)| (found.spot, index)).collect();
    let mut waiting =
        Waiting { for_whom: vec![Vec::new(); sufferers.len()], waiters: vec![Vec::new(); sufferers.len()] };
    let mut wait = |who: usize, whom: usize| {
        if who != whom && sufferers[whom].onset <= sufferers[who].onset.saturating_add(SLACK) {
            waiting.for_whom[who].push(whom);
            waiting.waiters[whom].push(who);
        }
    };
    for (who, sufferer) in sufferers.iter().enumerate() {
        let callees = terrain.callees(sufferer.spot);
        let mut direct = callees.iter().filter_map(|callee| at.get(callee)).peekable();
        if direct.peek().is_some() {
            direct.for_each(|whom| wait(who, *whom));
        } else {
            // One quiet service between is believed where nothing nearer explains.
            let far = callees.iter().flat_map(|callee| terrain.callees(*callee)).filter_map(|far| at.get(far));
            far.for_each(|whom| wait(who, *whom));
        }
        if matches!(terrain.entity(sufferer.spot).kind, EntityKind::Node | EntityKind::Host) {
            let mut guests: Vec<Spot> =
                terrain.guests(sufferer.spot, sufferer.onset).map(|guest| terrain.service_of(guest)).collect();
            guests.sort_unstable();
            guests.dedup();
            let hurt: Vec<usize> = guests.iter().filter_map(|guest| at.get(guest).copied()).collect();
            // An honest fault of a machine hurts most of what stands on it.
            if hurt.len() >= 2 && hurt.len() * 2 >= guests.len() {
                hurt.into_iter().for_each(|guest| wait(guest, who));
            }
        }
    }
    waiting
}

fn reached(edges: &[Vec<usize>], from: usize) -> Vec<bool> {
    let mut met = vec![false; edges.len()];
    let mut next = vec![from];
    met[from] = true;
    while let Some(at) = next.pop() {
        for to in &edges[at] {
            if !met[*to] {
                met[*to] = true;
                next.push(*to);
            }
        }
    }
    met
}

/// The causes these sufferers need, when they need more than one: each with those that go with it.
pub(crate) fn parted(terrain: &Terrain, sufferers: &[Sufferer]) -> Option<Vec<Root>> {
    let roots = roots(terrain, sufferers);
    if roots.len() < 2 || sufferers.len() < PER_CAUSE * roots.len() {
        return None;
    }
    let mut explained_by = vec![0usize; sufferers.len()];
    roots.iter().flat_map(|root| &root.explains).for_each(|index| explained_by[*index] += 1);
    let alone = |root: &Root| root.explains.iter().filter(|index| explained_by[**index] == 1).count();
    let mut strong: Vec<Root> =
        roots.into_iter().filter(|root| root.explains.len() >= EXPLAINS && alone(root) >= ALONE).collect();
    strong.sort_by_key(|root| (std::cmp::Reverse(root.explains.len()), root.index));
    let mut apart: Vec<Root> = Vec::new();
    for root in strong {
        if apart.iter().all(|other| hardly_overlap(&other.explains, &root.explains)) {
            apart.push(root);
        }
    }
    (apart.len() >= 2).then(|| shared_out(terrain, sufferers, apart))
}

/// Both lists are sorted.
fn hardly_overlap(one: &[usize], two: &[usize]) -> bool {
    let common = two.iter().filter(|index| one.binary_search(index).is_ok()).count();
    common * 2 <= one.len().min(two.len())
}

/// Gives every sufferer to one root: to the one that explains it and began nearest before it, else to the one
/// that has most of its neighbours.
fn shared_out(terrain: &Terrain, sufferers: &[Sufferer], roots: Vec<Root>) -> Vec<Root> {
    let mut owner: Vec<Option<usize>> = vec![None; sufferers.len()];
    for (index, sufferer) in sufferers.iter().enumerate() {
        let explaining = roots.iter().enumerate().filter(|(_, root)| root.explains.binary_search(&index).is_ok());
        owner[index] = explaining
            .min_by_key(|(at, root)| {
                let far = sufferer.onset.0.abs_diff(sufferers[root.index].onset.0);
                (root.index != index, !terrain.callees(sufferer.spot).contains(&sufferers[root.index].spot), far, *at)
            })
            .map(|(at, _)| at);
    }
    let decided = owner.clone();
    let at: HashMap<Spot, usize> = sufferers.iter().enumerate().map(|(index, found)| (found.spot, index)).collect();
    for (index, sufferer) in sufferers.iter().enumerate().filter(|(index, _)| decided[*index].is_none()) {
        let mut votes = vec![0usize; roots.len()];
        let around = terrain.callees(sufferer.spot).iter().chain(terrain.callers(sufferer.spot));
        around.filter_map(|spot| decided[*at.get(spot)?]).for_each(|root| votes[root] += 1);
        owner[index] =
            votes.iter().enumerate().max_by_key(|(at, count)| (**count, std::cmp::Reverse(*at))).map(|(at, _)| at);
    }
    roots
        .into_iter()
        .enumerate()
        .map(|(at, root)| Root {
            index: root.index,
            explains: (0..sufferers.len()).filter(|index| owner[*index] == Some(at)).collect(),
        })
        .collect()
}

/// Whether one cause explains both groups better than two: taken together, one of them has no end of its own.
pub(crate) fn one_explains_both(terrain: &Terrain, one: &[Sufferer], two: &[Sufferer]) -> bool {
    let both: Vec<Sufferer> =
        one.iter().chain(two.iter().filter(|found| one.iter().all(|own| own.spot != found.spot))).copied().collect();
    let ends = roots(terrain, &both);
    if ends.is_empty() {
        return false;
    }
    let has_own_end = |group: &[Sufferer], other: &[Sufferer]| {
        ends.iter().any(|end| {
            let spot = both[end.index].spot;
            group.iter().any(|found| found.spot == spot) && other.iter().all(|found| found.spot != spot)
        })
    };
    !has_own_end(one, two) || !has_own_end(two, one)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use crate::estate::{Estate, Link, Relation};
    use model::Entity;

    fn terrain(calls: &[(&str, &str)]) -> Terrain {
        let link = |(from, to): &(&str, &str)| Link {
            from: Entity::read(from),
            relation: if to.starts_with("node:") { Relation::RunsOn } else { Relation::Calls },
            to: Entity::read(to),
            calls: 1,
            seen: None,
        };
        Terrain::of(&Estate { links: calls.iter().map(link).collect() })
    }

    fn hurt(terrain: &Terrain, names: &[(&str, i64)]) -> Vec<Sufferer> {
        names
            .iter()
            .map(|(name, seconds)| Sufferer {
                spot: terrain.find(&Entity::read(name)).unwrap(),
                onset: UnixNanos(seconds * UnixNanos::SECOND),
            })
            .collect()
    }

    fn names(terrain: &Terrain, sufferers: &[Sufferer], roots: &[Root]) -> Vec<String> {
        roots.iter().map(|root| terrain.entity(sufferers[root.index].spot).name.clone()).collect()
    }

    #[test]
    fn the_waiting_ends_at_the_deepest_that_suffers() {
        let terrain = terrain(&[("web", "order"), ("order", "stock"), ("order", "pay"), ("stock", "db")]);
        for (suffering, want) in [
            (&[("web", 0), ("order", 0), ("stock", 0)][..], vec!["stock"]),
            (&[("web", 0), ("order", 0), ("stock", 0), ("pay", 0)], vec!["stock", "pay"]),
            (&[("web", 0), ("order", 0), ("pay", 300)], vec!["order", "pay"]),
            (&[("web", 0), ("stock", 0), ("db", 0)], vec!["db"]),
        ] {
            let suffering = hurt(&terrain, suffering);
            assert_eq!(names(&terrain, &suffering, &roots(&terrain, &suffering)), want);
        }
    }

    #[test]
    fn a_ring_of_calls_is_one_end() {
        let terrain = terrain(&[("a", "b"), ("b", "c"), ("c", "a"), ("web", "a")]);
        let suffering = hurt(&terrain, &[("a", 1), ("b", 0), ("c", 1), ("web", 0)]);
        let roots = roots(&terrain, &suffering);
        assert_eq!(names(&terrain, &suffering, &roots), ["b"]);
        assert_eq!(roots[0].explains, [0, 1, 2, 3]);
    }

    #[test]
    fn a_machine_explains_most_of_what_stands_on_it() {
        let terrain = terrain(&[("a", "node:n"), ("b", "node:n"), ("c", "node:n"), ("a", "b")]);
        let suffering = hurt(&terrain, &[("a", 0), ("b", 0), ("node:n", 0)]);
        assert_eq!(names(&terrain, &suffering, &roots(&terrain, &suffering)), ["n"]);
    }

    fn two_cones() -> Terrain {
        let mut calls = vec![("web", "a1"), ("web", "b1")];
        calls.extend([("a1", "a2"), ("a2", "a3"), ("a1", "a3"), ("b1", "b2"), ("b2", "b3"), ("b1", "b3")]);
        calls.extend([("app", "a1"), ("app", "b1")]);
        terrain(&calls)
    }

    #[test]
    fn two_faults_with_callers_of_their_own_are_parted_and_share_out_the_rest() {
        let terrain = two_cones();
        let all = [("web", 3), ("app", 3), ("a1", 2), ("a2", 1), ("a3", 0), ("b1", 2), ("b2", 1), ("b3", 0)];
        let suffering = hurt(&terrain, &all);
        let parts = parted(&terrain, &suffering).unwrap();
        assert_eq!(names(&terrain, &suffering, &parts), ["a3", "b3"]);
        let given: usize = parts.iter().map(|part| part.explains.len()).sum();
        assert_eq!(given, suffering.len());
    }

    #[test]
    fn noise_all_over_a_small_system_is_no_structure() {
        let terrain = terrain(&[("web", "a"), ("web", "b"), ("web", "c"), ("web", "d"), ("e", "d"), ("c", "f")]);
        let all = hurt(&terrain, &["web", "a", "b", "c", "d", "e", "f"].map(|name| (name, 0)));
        assert_eq!(parted(&terrain, &all), None);
    }

    #[test]
    fn one_cause_explains_both_when_one_side_ends_in_the_other() {
        let terrain = terrain(&[("web", "order"), ("order", "db"), ("web", "pay")]);
        let group = |names: &[(&str, i64)]| hurt(&terrain, names);
        assert!(one_explains_both(&terrain, &group(&[("db", 0)]), &group(&[("web", 0), ("order", 0)])));
        assert!(!one_explains_both(&terrain, &group(&[("db", 0)]), &group(&[("web", 0), ("pay", 0)])));
    }
}
