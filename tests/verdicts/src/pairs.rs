//! Two faults at once: whose each alert is, how well the incidents keep the two apart, and whether each is named.
//!
//! Whose an alert is shows when each fault is played alone with the same seed: an alert that one of them raises and
//! the other does not is that one's. What both raise, or only the two together, is nobody's and does not count.

use crate::watched::{Grouped, Named, Script, Watched, watch};
use demo::{Known, catalogue};
use std::collections::{BTreeMap, BTreeSet};

/// The second fault begins this many seconds after the first at most.
const APART_MAX: u64 = 30;

/// Faults of the catalogue that are one each.
pub fn single() -> Vec<Known> {
    catalogue().filter(|known| known.answers.len() == 1).collect()
}

/// Two faults and when the second begins.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub one: Known,
    pub two: Known,
    pub apart: i64,
}

/// How a pair was kept apart, in pairs of alerts, and which faults no incident names among its first three causes.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Of one fault and in one incident; in one incident; of one fault.
    pub both: u64,
    pub together: u64,
    pub of_one: u64,
    pub missed: Vec<&'static str>,
    pub incidents: usize,
}

impl Kept {
    /// The harmonic mean of precision and recall over pairs of alerts.
    pub fn f1(&self) -> f64 {
        if self.together + self.of_one == 0 {
            1.0
        } else {
            2.0 * self.both as f64 / (self.together + self.of_one) as f64
        }
    }

    pub fn add(&mut self, other: &Kept) {
        self.both += other.both;
        self.together += other.together;
        self.of_one += other.of_one;
        self.missed.extend(&other.missed);
        self.incidents += other.incidents;
    }
}

/// Every fault alone, by name: what it raises.
#[derive(Debug, Default)]
pub struct Alone(BTreeMap<&'static str, BTreeSet<String>>);

impl Alone {
    pub fn play(&mut self, seed: u64, known: &Known) -> Vec<Named> {
        let watched = watch(seed, &[(known.parts[0], 0)]);
        self.0.insert(known.name, watched.alerts.into_iter().map(|alert| alert.what).collect());
        watched.incidents
    }

    /// Takes in what others have played.
    pub fn join(&mut self, other: Alone) {
        self.0.extend(other.0);
    }

    /// Whether a fault alone is told of in the time that is played.
    pub fn tells(&self, known: &Known) -> bool {
        self.0.get(known.name).is_some_and(|raised| !raised.is_empty())
    }

    /// 0 or 1: whose an alert of a pair is.
    pub fn owner(&self, pair: &Pair, alert: &Grouped) -> Option<usize> {
        let raises = |known: &Known| self.0.get(known.name).is_some_and(|raised| raised.contains(&alert.what));
        match (raises(&pair.one), raises(&pair.two)) {
            (true, false) => Some(0),
            (false, true) => Some(1),
            _ => None,
        }
    }
}

/// All pairs of these, shuffled by the seed; the first ones are what is played.
pub fn pairs(of: &[Known], seed: u64) -> Vec<Pair> {
    let mut random = Random(seed);
    let mut all = Vec::new();
    for (at, one) in of.iter().enumerate() {
        for two in &of[at + 1..] {
            let (first, second) = if random.next().is_multiple_of(2) { (one, two) } else { (two, one) };
            let apart = (random.next() % (APART_MAX + 1)) as i64;
            all.push((random.next(), Pair { one: *first, two: *second, apart }));
        }
    }
    all.sort_by_key(|(key, _)| *key);
    all.into_iter().map(|(_, pair)| pair).collect()
}

/// Plays a pair and compares.
pub fn play(seed: u64, pair: &Pair, alone: &Alone) -> (Watched, Kept) {
    let script: Script<'_> = &[(pair.one.parts[0], 0), (pair.two.parts[0], pair.apart)];
    let watched = watch(seed, script);
    let kept = compare(pair, alone, &watched);
    (watched, kept)
}

fn compare(pair: &Pair, alone: &Alone, watched: &Watched) -> Kept {
    let owned: Vec<_> =
        watched.alerts.iter().filter_map(|alert| Some((alone.owner(pair, alert)?, alert.incident))).collect();
    let mut kept = Kept { incidents: watched.incidents.len(), ..Kept::default() };
    for (at, (owner, incident)) in owned.iter().enumerate() {
        for (other, elsewhere) in &owned[at + 1..] {
            kept.both += u64::from(owner == other && incident == elsewhere);
            kept.together += u64::from(incident == elsewhere);
            kept.of_one += u64::from(owner == other);
        }
    }
    let names = |known: &Known| {
        let answer = &known.answers[0];
        let mut causes = watched.incidents.iter().flat_map(|incident| &incident.causes);
        causes.any(|(entity, _)| answer.names(entity))
    };
    kept.missed = [&pair.one, &pair.two].into_iter().filter(|known| !names(known)).map(|known| known.name).collect();
    kept
}

/// A sequence of numbers that a seed decides.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use incident::IncidentId;

    fn alone(raised: &[(&'static str, &[&str])]) -> Alone {
        let set = |what: &[&str]| what.iter().map(|what| (*what).to_owned()).collect();
        Alone(raised.iter().map(|(name, what)| (*name, set(what))).collect())
    }

    #[test]
    fn an_alert_is_the_ones_who_raises_it_alone_and_what_both_raise_is_nobodys() {
        let known = single();
        let pair = Pair { one: known[0], two: known[1], apart: 0 };
        let alone = alone(&[(known[0].name, &["a", "b", "both"]), (known[1].name, &["c", "both"])]);
        let grouped = |what: &str, number| Grouped { what: what.into(), incident: IncidentId { day: 0, number } };
        let apart = [grouped("a", 1), grouped("b", 1), grouped("c", 2), grouped("both", 2), grouped("new", 1)];
        let kept = compare(&pair, &alone, &Watched { alerts: apart.to_vec(), incidents: vec![] });
        assert_eq!((kept.both, kept.together, kept.of_one, kept.f1()), (1, 1, 1, 1.0));
        assert_eq!(kept.missed, [known[0].name, known[1].name], "no incident names either");
        let mixed = [grouped("a", 1), grouped("b", 2), grouped("c", 1)];
        let kept = compare(&pair, &alone, &Watched { alerts: mixed.to_vec(), incidents: vec![] });
        assert_eq!((kept.both, kept.together, kept.of_one, kept.f1()), (0, 1, 1, 0.0));
    }

    #[test]
    fn a_seed_decides_which_pairs_are_played() {
        let names = |seed| pairs(&single(), seed).iter().map(|pair| (pair.one.name, pair.two.name)).collect::<Vec<_>>();
        let known = single().len();
        assert_eq!(names(1).len(), known * (known - 1) / 2);
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }
}
