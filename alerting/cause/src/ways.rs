//! The ways of bad calls: from a call that failed or came late, down to where that came from.
//!
//! A failed call got its failure from a failed child, a late one its lateness from the child that took most of what
//! it was late by. It refuses to know causes. Invariant: every way begins with the call that suffers, each step
//! after it is a child of the one before, and no more than [`WAYS_EACH`] are kept of one operation.

use crate::names::Name;
use crate::scene::Scene;
use crate::statistic::{quantile, sorted};
use crate::window::Side;
use hashbrown::HashMap;
use incident::Harm;
use std::collections::BTreeMap;

/// Ways kept of one operation that suffers in one manner, spread evenly over its time.
const WAYS_EACH: usize = 64;
/// Steps of one way.
const STEPS_MAX: usize = 32;
/// A call is late when it takes so much longer than all but a twentieth of those before ...
const LATE: f64 = 1.25;
/// ... and by so much time at least.
const LATE_NS: f64 = 2_000_000.0;
/// A child has made it late that is late by such a part of what it is late by.
const MADE_LATE: f64 = 0.5;

/// One bad call, and how it came about.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) harm: Harm,
    /// Spans by index, from the call that suffers to where it came from.
    pub(crate) steps: Vec<usize>,
    /// The last step failed itself, so that whom it asked may have given it a wrong answer.
    pub(crate) failed_itself: bool,
}

/// What calls are compared with: their service, operation, and the statement or peer they ask.
type Key = (Name, Name, Name);

/// Median of what was usual, and what it rarely exceeded, nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Usual {
    median: f64,
    high: f64,
}

/// All bad calls of the current time that somebody waits for, in the order of their services and operations.
pub(crate) fn ways(scene: &Scene<'_>) -> Vec<Way> {
    let usual = usual(scene);
    let spans = scene.trees.spans;
    let mut bad: BTreeMap<(Name, Name, Harm), Vec<usize>> = BTreeMap::new();
    for trace in &scene.trees.traces {
        if scene.side(scene.trees.start(trace)) != Some(Side::Current) {
            continue;
        }
        for index in trace.clone().filter(|index| is_served(scene, *index)) {
            let (service, operation) = (spans[index].service, spans[index].operation);
            if spans[index].failed {
                bad.entry((service, operation, Harm::Failure)).or_default().push(index);
            }
            if excess(scene, &usual, index).is_some() {
                bad.entry((service, operation, Harm::Delay)).or_default().push(index);
            }
        }
    }
    let spread = |((.., harm), indices): ((Name, Name, Harm), Vec<usize>)| {
        let count = indices.len().min(WAYS_EACH);
        (0..count).map(move |at| (harm, indices[at * indices.len() / count])).collect::<Vec<_>>()
    };
    let chosen = bad.into_iter().flat_map(spread);
    chosen
        .map(|(harm, index)| match harm {
            Harm::Delay => late_way(scene, &usual, index),
            _ => failed_way(scene, index),
        })
        .collect()
}

/// Calls that a service serves, and calls to those that tell nothing themselves.
fn is_served(scene: &Scene<'_>, index: usize) -> bool {
    let span = &scene.trees.spans[index];
    !span.kind.leaves() || !span.peer.is_none() && scene.trees.children(index).next().is_none()
}

fn key(scene: &Scene<'_>, index: usize) -> Key {
    let span = &scene.trees.spans[index];
    (span.service, span.operation, span.statement.or(span.peer))
}

fn usual(scene: &Scene<'_>) -> HashMap<Key, Usual> {
    let mut durations: HashMap<Key, Vec<f64>> = HashMap::new();
    for trace in &scene.trees.traces {
        if scene.side(scene.trees.start(trace)) == Some(Side::Reference) {
            for index in trace.clone() {
                durations.entry(key(scene, index)).or_default().push(scene.trees.spans[index].duration as f64);
            }
        }
    }
    let usual = |durations: Vec<f64>| {
        let durations = sorted(durations);
        Usual { median: quantile(&durations, 0.5), high: quantile(&durations, 0.95) }
    };
    durations.into_iter().map(|(key, durations)| (key, usual(durations))).collect()
}

/// By how much a call is later than usual, where that is out of the ordinary.
fn excess(scene: &Scene<'_>, usual: &HashMap<Key, Usual>, index: usize) -> Option<f64> {
    let usual = usual.get(&key(scene, index))?;
    let duration = scene.trees.spans[index].duration as f64;
    let late = duration > usual.high * LATE && duration - usual.median > LATE_NS;
    late.then_some(duration - usual.median)
}

fn failed_way(scene: &Scene<'_>, from: usize) -> Way {
    let trees = &scene.trees;
    let mut steps = vec![from];
    let mut at = from;
    while steps.len() < STEPS_MAX {
        // The last of several tries is the one that was given up.
        let Some(child) = trees.children(at).filter(|child| trees.spans[*child].failed).last() else { break };
        steps.push(child);
        at = child;
    }
    let failed_itself = match trees.callee(at).filter(|_| trees.spans[at].kind.leaves()) {
        // Its server did not fail: it was waited for in vain.
        Some(server) => {
            steps.push(server);
            false
        }
        None => !trees.spans[at].kind.leaves(),
    };
    Way { harm: Harm::Failure, steps, failed_itself }
}

fn late_way(scene: &Scene<'_>, usual: &HashMap<Key, Usual>, from: usize) -> Way {
    let trees = &scene.trees;
    let mut steps = vec![from];
    let mut at = from;
    while let Some(late) = excess(scene, usual, at).filter(|_| steps.len() < STEPS_MAX) {
        let children = trees.children(at).filter_map(|child| Some((child, excess(scene, usual, child)?)));
        let worst = children.max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((child, _)) = worst.filter(|(_, of_child)| *of_child >= MADE_LATE * late) else { break };
        steps.push(child);
        at = child;
    }
    // What is lost between a caller and its server is lost at either.
    steps.extend(trees.callee(at).filter(|_| trees.spans[at].kind.leaves()));
    Way { harm: Harm::Delay, steps, failed_itself: false }
}
