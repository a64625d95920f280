//! Facts gathered into what belongs together without doubt: one trace, one part of a shared trace,
//! one record that is in no trace.
//!
//! A job or a batch consumer works for many subjects in one trace. Such a trace is cut: each part
//! under a span that names its subject stands for itself, and the spans above it come along with it.

use crate::fact::Fact;
use crate::profile::Profile;
use crate::vocabulary::Vocabulary;
use model::{SpanId, TraceId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) trace: Option<TraceId>,
    /// Places in the list of facts.
    pub(crate) facts: Vec<usize>,
    /// Spans above a part of a shared trace: they tell of it, and of others.
    pub(crate) above: Vec<usize>,
    /// Works for several subjects at once, so that it joins a story but never two.
    pub(crate) is_batch: bool,
    pub(crate) profile: Profile,
}

/// All units of some facts. `whole` are the traces of which every fact is there.
pub(crate) fn units(facts: &[Fact], vocabulary: &Vocabulary) -> Vec<Unit> {
    let mut traces: BTreeMap<TraceId, Vec<usize>> = BTreeMap::new();
    let mut units = Vec::new();
    for (at, fact) in facts.iter().enumerate() {
        match fact.trace_id {
            Some(trace) => traces.entry(trace).or_default().push(at),
            None => units.push(unit(facts, vocabulary, None, vec![at])),
        }
    }
    for (trace, members) in traces {
        cut(facts, vocabulary, trace, members, &mut units);
    }
    units
}

fn unit(facts: &[Fact], vocabulary: &Vocabulary, trace: Option<TraceId>, members: Vec<usize>) -> Unit {
    let profile = Profile::of(members.iter().map(|at| &facts[*at]), vocabulary);
    Unit { trace, facts: members, above: Vec::new(), is_batch: false, profile }
}

/// What a fact says its subject is.
fn subjects<'f>(fact: &'f Fact, vocabulary: &Vocabulary) -> BTreeSet<(&'f str, &'f str)> {
    let keys = fact.keys.iter().filter(|(key, _)| vocabulary.is_subject(key));
    keys.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// One unit for a trace that has one subject; for a shared one, a unit for each part and one for each batch.
fn cut(facts: &[Fact], vocabulary: &Vocabulary, trace: TraceId, members: Vec<usize>, units: &mut Vec<Unit>) {
    let tree = Tree::new(facts, &members);
    let batches: Vec<usize> = members.iter().copied().filter(|at| distinct_links(&facts[*at]) > 1).collect();
    let tops = tree.tops(facts, &members, vocabulary);
    let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in &members {
        if let Some(top) = tops.get(at) {
            parts.entry(*top).or_default().push(*at);
        }
    }
    if batches.is_empty() && !differ(facts, parts.keys().copied(), vocabulary) {
        units.push(unit(facts, vocabulary, Some(trace), members));
        return;
    }
    for (top, part) in parts {
        let mut piece = unit(facts, vocabulary, Some(trace), part);
        piece.above = tree.above(facts, top);
        units.push(piece);
    }
    for batch in batches {
        let mut piece = unit(facts, vocabulary, Some(trace), vec![batch]);
        piece.is_batch = true;
        piece.above = tree.above(facts, batch);
        units.push(piece);
    }
}

fn distinct_links(fact: &Fact) -> usize {
    fact.links.iter().map(|(trace, span)| (*trace, *span)).collect::<BTreeSet<_>>().len()
}

/// Whether parts name different values of one key.
fn differ(facts: &[Fact], tops: impl Iterator<Item = usize>, vocabulary: &Vocabulary) -> bool {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut common: Option<BTreeSet<(&str, &str)>> = None;
    for top in tops {
        let said = subjects(&facts[top], vocabulary);
        for (key, value) in &said {
            values.entry(key).or_default().insert(value);
        }
        common = Some(match common {
            Some(before) => before.intersection(&said).copied().collect(),
            None => said,
        });
    }
    values.values().any(|values| values.len() > 1) && common.is_none_or(|common| common.is_empty())
}

/// Who is whose parent within one trace.
struct Tree {
    spans: HashMap<SpanId, usize>,
}

impl Tree {
    fn new(facts: &[Fact], members: &[usize]) -> Self {
        // A record or event bears the id of its span, but is no span: it has no parent and no length.
        let is_span = |at: &&usize| facts[**at].is_span();
        let spans = members.iter().filter(is_span);
        Self { spans: spans.filter_map(|at| Some((facts[*at].span_id?, *at))).collect() }
    }

    /// The span that a fact stands under.
    fn parent(&self, facts: &[Fact], at: usize) -> Option<usize> {
        let fact = &facts[at];
        let id = if fact.is_span() { fact.parent_span_id? } else { fact.span_id? };
        self.spans.get(&id).copied().filter(|parent| *parent != at)
    }

    /// For each fact under (or at) a fact that names a subject: the highest such.
    fn tops(&self, facts: &[Fact], members: &[usize], vocabulary: &Vocabulary) -> HashMap<usize, usize> {
        let mut known: HashMap<usize, Option<usize>> = HashMap::new();
        let mut path = Vec::new();
        for start in members {
            // Up to where the answer is known; a cycle ends where it began.
            let (mut at, mut top) = (*start, None);
            loop {
                if let Some(found) = known.get(&at) {
                    top = *found;
                    break;
                }
                known.insert(at, None);
                path.push(at);
                match self.parent(facts, at) {
                    Some(parent) => at = parent,
                    None => break,
                }
            }
            while let Some(at) = path.pop() {
                if top.is_none() && !subjects(&facts[at], vocabulary).is_empty() {
                    top = Some(at);
                }
                known.insert(at, top);
            }
        }
        known.into_iter().filter_map(|(at, top)| Some((at, top?))).collect()
    }

    /// The spans above a fact, nearest first.
    fn above(&self, facts: &[Fact], at: usize) -> Vec<usize> {
        let mut seen = BTreeSet::from([at]);
        let mut above = Vec::new();
        let mut next = self.parent(facts, at);
        while let Some(at) = next.filter(|at| seen.insert(*at)) {
            above.push(at);
            next = self.parent(facts, at);
        }
        above
    }
}
