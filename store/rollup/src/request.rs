//! A request while it is counted: where its owners, operations, nodes and places have their numbers.
//!
//! Kept from request to request for its allocations.

use crate::facts::{NamedNode, Span, Target};
use crate::memory::Memory;
use crate::names::SpanKind;

/// The names of a request.
pub(crate) struct Names<'a> {
    pub(crate) text: &'a str,
    pub(crate) nodes: &'a [NamedNode],
}

/// Where the parts of a request have their numbers, while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) workspace: u32,
    pub(crate) received: i64,
    pub(crate) owners: Vec<u32>,
    /// Filled when a node is first needed.
    pub(crate) nodes: Vec<u32>,
    pub(crate) series: Vec<SeriesAt>,
    pub(crate) places: Vec<PlaceAt>,
    /// By span, what it and its parent are known by.
    pub(crate) keys: Vec<(u64, u64)>,
    /// Spans that count.
    pub(crate) firsts: Vec<u32>,
    pub(crate) cells: Vec<u32>,
}

impl Request {
    /// Computes the keys, and fetches what they will be looked up in.
    pub(crate) fn read_ahead(&mut self, memory: &Memory, spans: &[Span]) {
        let workspace = self.workspace;
        self.keys.clear();
        self.keys.extend(spans.iter().map(|span| {
            let parent = Target { trace: span.id.trace, span: span.parent };
            (memory.key(workspace, &span.id), memory.key(workspace, &parent))
        }));
        std::hint::black_box(memory.touch(self.keys.iter().flat_map(|(own, parent)| [*own, *parent])));
        self.firsts.clear();
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesAt {
    pub(crate) owner: u32,
    pub(crate) kind: SpanKind,
    pub(crate) number: u32,
    pub(crate) overflowed: bool,
    pub(crate) bucket: i64,
    pub(crate) cell: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceAt {
    pub(crate) owner: u32,
    pub(crate) on: u32,
    pub(crate) under: u32,
    pub(crate) minute: i32,
    pub(crate) on_cell: u32,
    pub(crate) under_cell: u32,
}
