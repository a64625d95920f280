//! Spans as trees: who called whom, in which trace, when. Nothing here walks deeper than one level, so
//! hostile depth and cycles cost nothing.

use crate::names::Name;
use crate::records::Span;
use hashbrown::{HashMap, HashSet};
use std::ops::Range;

pub(crate) const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Trees<'a> {
    pub(crate) spans: &'a [Span],
    /// Spans of each trace: a trace lies together, by start.
    pub(crate) traces: Vec<Range<usize>>,
    parents: Vec<u32>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    by_id: Vec<(u64, u32)>,
}

impl<'a> Trees<'a> {
    pub(crate) fn new(spans: &'a [Span]) -> Self {
        let mut trees = Self {
            spans,
            traces: spans
                .chunk_by(|a, b| a.trace == b.trace)
                .scan(0, |from, chunk| {
                    *from += chunk.len();
                    Some(*from - chunk.len()..*from)
                })
                .collect(),
            parents: vec![NONE; spans.len()],
            first_child: vec![NONE; spans.len()],
            next_sibling: vec![NONE; spans.len()],
            by_id: spans.iter().enumerate().map(|(index, span)| (span.id, index as u32)).collect(),
        };
        for trace in trees.traces.clone() {
            trees.by_id[trace.clone()].sort_unstable();
            // Backwards, so that children hang in the order of their start.
            for index in trace.clone().rev() {
                let parent = trees.find(&trace, spans[index].parent).filter(|parent| *parent as usize != index);
                if let Some(parent) = parent {
                    trees.parents[index] = parent;
                    trees.next_sibling[index] = trees.first_child[parent as usize];
                    trees.first_child[parent as usize] = index as u32;
                }
            }
        }
        trees
    }

    /// The span of a trace by its id.
    pub(crate) fn find(&self, trace: &Range<usize>, id: u64) -> Option<u32> {
        let ids = &self.by_id[trace.clone()];
        if id == 0 {
            return None;
        }
        let at = ids.partition_point(|(other, _)| *other < id);
        ids.get(at).filter(|(other, _)| *other == id).map(|(_, index)| *index)
    }

    pub(crate) fn parent(&self, index: usize) -> Option<usize> {
        (self.parents[index] != NONE).then_some(self.parents[index] as usize)
    }

    pub(crate) fn children(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let mut next = self.first_child[index];
        std::iter::from_fn(move || {
            (next != NONE).then(|| {
                let child = next as usize;
                next = self.next_sibling[child];
                child
            })
        })
    }

    /// The traces of spans, each once.
    pub(crate) fn ids(&self, spans: &[u32]) -> Vec<u128> {
        let mut ids: Vec<u128> = Vec::new();
        for trace in spans.iter().map(|index| self.spans[*index as usize].trace) {
            if !ids.contains(&trace) {
                ids.push(trace);
            }
        }
        ids
    }

    /// When a trace began.
    pub(crate) fn start(&self, trace: &Range<usize>) -> i64 {
        self.spans[trace.start].start
    }

    /// The child in another service, where there is exactly one child.
    pub(crate) fn callee(&self, index: usize) -> Option<usize> {
        let mut children = self.children(index);
        let only = children.next()?;
        let remote = self.spans[only].service != self.spans[index].service
            || self.spans[only].instance != self.spans[index].instance;
        (remote && children.next().is_none()).then_some(only)
    }

    /// Duration that no child accounts for; children that run at the same time count once.
    pub(crate) fn self_time(&self, index: usize) -> i64 {
        let span = &self.spans[index];
        let end = span.start.saturating_add(span.duration);
        let (mut covered, mut until) = (0, span.start);
        for child in self.children(index) {
            let child = &self.spans[child];
            let from = child.start.max(until);
            let to = child.start.saturating_add(child.duration).min(end);
            if to > from {
                covered += to - from;
                until = to;
            }
        }
        span.duration - covered
    }

    pub(crate) fn services(&self) -> HashSet<Name> {
        self.spans.iter().map(|span| span.service).filter(|name| !name.is_none()).collect()
    }

    /// The service of each instance.
    pub(crate) fn instances(&self) -> HashMap<Name, Name> {
        self.spans.iter().filter(|span| !span.instance.is_none()).map(|span| (span.instance, span.service)).collect()
    }
}
