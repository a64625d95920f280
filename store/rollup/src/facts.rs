//! What the counts need of a request, and nothing else: a small row per span, and the names that the
//! rows share.
//!
//! Made from the request's columns without a lock, by as many threads as there are; counted by one.

use crate::names::{NodeKind, SpanKind};

/// No node, no place.
pub(crate) const NONE: u32 = u32::MAX;

/// The spans of a request, as they are counted.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where the names of series and nodes lie.
    pub(crate) text: String,
    pub(crate) owners: Vec<Owner>,
    pub(crate) series: Vec<Series>,
    pub(crate) nodes: Vec<NamedNode>,
    pub(crate) places: Vec<Place>,
    pub(crate) spans: Vec<Span>,
    /// Of all spans one after the other; each span says how many are its own.
    pub(crate) links: Vec<Target>,
}

impl Facts {
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Puts a name down.
    pub(crate) fn name(&mut self, name: &str) -> Name {
        let start = self.text.len();
        self.text.push_str(name);
        Name { start: start as u32, end: self.text.len() as u32 }
    }
}

/// Whose spans they are: a service, apart by environment, namespace and lane. Absent texts are empty.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Owner {
    /// `deployment.environment.name`
    pub environment: Box<str>,
    /// `service.namespace`
    pub namespace: Box<str>,
    pub lane: Box<str>,
    pub service: Box<str>,
}

/// A piece of [`Facts::text`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    start: u32,
    end: u32,
}

impl Name {
    pub(crate) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}

/// One operation of one owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series {
    pub(crate) owner: u32,
    pub(crate) kind: SpanKind,
    pub(crate) operation: Name,
}

/// A node as a request names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedNode {
    pub(crate) kind: NodeKind,
    pub(crate) name: Name,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) name: Box<str>,
}

/// Where a resource runs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) owner: u32,
    /// Pod, else host.
    pub(crate) on: u32,
    /// What that stands on.
    pub(crate) under: u32,
}

/// A span that is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Target {
    pub(crate) trace: [u8; 16],
    pub(crate) span: [u8; 8],
}

impl Target {
    /// Whether both ids say something.
    pub(crate) fn is_known(&self) -> bool {
        self.trace != [0; 16] && self.span != [0; 8]
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) id: Target,
    /// Zero when there is none.
    pub(crate) parent: [u8; 8],
    pub(crate) time: i64,
    pub(crate) duration: i64,
    pub(crate) series: u32,
    pub(crate) place: u32,
    pub(crate) site: u32,
    /// Node at the other end, of kinds that have one.
    pub(crate) peer: u32,
    pub(crate) links: u32,
    pub(crate) error: bool,
    pub(crate) limited: bool,
}
