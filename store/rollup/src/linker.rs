//! Spans in the order of the log to counts: the first copy of each, and who called whom.
//!
//! A span counts when it is the first of its (trace, span, kind) in memory. Its edge belongs to its own
//! minute, environment, namespace and lane, whenever its parent comes. A client span that nobody has
//! answered is a call to a third party, and is taken back when a span of another service names it as its
//! parent. Nothing here recurses, and a span that is its own ancestor is a span like any other.

use crate::Settings;
use crate::counts::{Counts, EdgeKey, Outcome, SeriesRef, minute, red_bucket};
use crate::facts::{Facts, NONE, Node, Owner, Span, Target};
use crate::interner::Interner;
use crate::memory::{Memory, Slot};
use crate::names::{EdgeKind, NodeKind, SpanKind};
use crate::request::{Names, PlaceAt, Request, SeriesAt};
use crate::settled::Settled;
use crate::waiting::{Orphan, Waiting};
use hashbrown::Equivalent;
use model::{UnixNanos, Workspace};
use tables::rollups::OVERFLOW;

/// What was counted, and what met a bound, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Spans counted.
    pub spans: u64,
    /// Copies of spans, not counted.
    pub duplicates: u64,
    /// Edges between services.
    pub linked: u64,
    /// Spans and links that came before what they name.
    pub parked: u64,
    /// Of these, those that a row had been written for already.
    pub resolved_late: u64,
    /// Of these, those that were found among stored spans.
    pub reconciled: u64,
    /// Parents that were given up in memory while children waited for them.
    pub evicted: u64,
    /// Orphans that found no room to wait in.
    pub unparked: u64,
    /// Spans counted under the name for all operations beyond the bound.
    pub operations_overflowed: u64,
    /// Edges counted under the name for all nodes beyond the bound.
    pub edges_overflowed: u64,
    /// Owners and nodes without room for their names.
    pub names_overflowed: u64,
    /// Spans and links that wait for their parent in memory.
    pub waiting: u64,
    /// Bytes held by the memory of spans.
    pub memory_bytes: u64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Known<T> {
    pub(crate) workspace: u32,
    pub(crate) it: T,
}

/// A [`Node`] in the request's own text.
#[derive(Hash)]
struct NodeRef<'a> {
    workspace: u32,
    kind: NodeKind,
    name: &'a str,
}

impl Equivalent<Known<Node>> for NodeRef<'_> {
    fn equivalent(&self, known: &Known<Node>) -> bool {
        self.workspace == known.workspace && self.kind == known.it.kind && *self.name == *known.it.name
    }
}

/// A span, or a link of one, in search of its parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child {
    pub(crate) owner: u32,
    pub(crate) kind: SpanKind,
    pub(crate) minute: i32,
    pub(crate) outcome: Outcome,
}

/// The counts that are filling, and the memory that makes them exact.
#[derive(Debug)]
pub struct Rollups {
    pub(crate) settings: Settings,
    pub(crate) workspaces: Vec<Workspace>,
    pub(crate) owners: Interner<Known<Owner>>,
    pub(crate) nodes: Interner<Known<Node>>,
    pub(crate) memory: Memory,
    pub(crate) waiting: Waiting,
    pub(crate) settled: Settled,
    pub(crate) counts: Counts,
    pub(crate) stats: Stats,
    /// Grows with every change of what would be written.
    pub(crate) version: u64,
    request: Request,
}

impl Rollups {
    /// `seed`: a random number, so that nobody can choose ids that meet.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            workspaces: Vec::new(),
            owners: Interner::new(settings.names_max),
            nodes: Interner::new(settings.names_max),
            memory: Memory::new(settings.spans_max, seed),
            waiting: Waiting::new(settings.waiting_max),
            settled: Settled::new(settings.settled_max, settings.settled_for),
            counts: Counts::default(),
            stats: Stats::default(),
            version: 0,
            request: Request::default(),
            settings,
        }
    }

    /// Counts the spans of a request. Requests come in the order of the log.
    pub fn count(&mut self, workspace: &Workspace, facts: Facts, received: UnixNanos) {
        if facts.spans.is_empty() {
            return;
        }
        self.version += 1;
        self.counts.received = self.counts.received.max(received.0);
        let mut request = std::mem::take(&mut self.request);
        let Facts { text, owners, series, nodes, places, spans, links } = facts;
        let names = Names { text: &text, nodes: &nodes };
        request.workspace = self.workspace(workspace);
        request.received = received.0;
        request.owners.clear();
        request.owners.extend(owners.into_iter().map(|owner| self.owner(request.workspace, owner)));
        request.nodes.clear();
        request.nodes.resize(nodes.len(), NONE);
        request.series.clear();
        for series in series {
            let owner = request.owners[series.owner as usize];
            let key = SeriesRef { owner, kind: series.kind, operation: series.operation.of(&text) };
            let (number, overflowed) = self.counts.series(key, self.settings.operations_max);
            let kind = series.kind;
            request.series.push(SeriesAt { owner, kind, number, overflowed, bucket: 0, cell: NONE });
        }
        request.places.clear();
        request.places.extend(places.iter().map(|place| PlaceAt {
            owner: request.owners[place.owner as usize],
            on: place.on,
            under: place.under,
            minute: 0,
            on_cell: NONE,
            under_cell: NONE,
        }));
        request.read_ahead(&self.memory, &spans);
        let mut links = links.as_slice();
        for (at, span) in spans.iter().enumerate() {
            let own;
            (own, links) = links.split_at(span.links as usize);
            self.span(at, span, own, &mut request, &names);
        }
        self.red(&spans, &mut request);
        self.request = request;
    }

    pub(crate) fn workspace(&mut self, workspace: &Workspace) -> u32 {
        let known = self.workspaces.iter().position(|w| w == workspace);
        known.unwrap_or_else(|| {
            self.workspaces.push(workspace.clone());
            self.workspaces.len() - 1
        }) as u32
    }

    pub(crate) fn owner(&mut self, workspace: u32, owner: Owner) -> u32 {
        let beyond = || Known { workspace, it: Owner { service: OVERFLOW.into(), ..Owner::default() } };
        let owner = Known { workspace, it: owner };
        let (number, overflowed) = self.owners.number(&owner, || owner.clone(), beyond);
        self.stats.names_overflowed += u64::from(overflowed);
        number
    }

    pub(crate) fn node(&mut self, workspace: u32, kind: NodeKind, name: &str) -> u32 {
        let make = |name: &str| Known { workspace, it: Node { kind, name: name.into() } };
        let named = NodeRef { workspace, kind, name };
        let (number, overflowed) = self.nodes.number(&named, || make(name), || make(OVERFLOW));
        self.stats.names_overflowed += u64::from(overflowed);
        number
    }

    fn span(&mut self, at: usize, span: &Span, links: &[Target], request: &mut Request, names: &Names<'_>) {
        let (key, parent_key) = request.keys[at];
        let SeriesAt { owner, kind, .. } = request.series[span.series as usize];
        let outcome = Outcome { error: span.error, limited: span.limited, duration: span.duration };
        let child = Child { owner, kind, minute: minute(span.time), outcome };
        let known = span.id.is_known();
        let mut here = None;
        let mut answered = false;
        let mut chain = NONE;
        if known {
            match self.arrive(key, &child) {
                Arrival::Again => return,
                Arrival::First { at, chain: waiting, answered: by_copy } => {
                    (here, chain, answered) = (Some(at), waiting, by_copy);
                }
            }
        }
        self.stats.spans += 1;
        request.firsts.push(at as u32);
        self.places(span, &child, request, names);
        if let Some(at) = here {
            answered |= self.adopt(at, chain);
        }
        if span.peer != NONE {
            let guess = self.peer(span, &child, answered, request, names);
            if let (Some(at), Some(node)) = (here, guess) {
                self.memory.get_mut(at).guess = node;
            }
        }
        if !known {
            return;
        }
        let parent = Target { trace: span.id.trace, span: span.parent };
        if parent.is_known() && parent != span.id {
            self.seek(&child, span.id.span, &parent, parent_key, request.received);
        }
        for target in links {
            let key = self.memory.key(request.workspace, target);
            self.seek(&child, span.id.span, target, key, request.received);
        }
    }

    /// Notes that a span is there.
    fn arrive(&mut self, key: u64, child: &Child) -> Arrival {
        let slot = Slot {
            owner: child.owner,
            minute: child.minute,
            duration: child.outcome.duration,
            error: child.outcome.error,
            limited: child.outcome.limited,
            kind: child.kind,
            kinds: child.kind.bit(),
            awaited: false,
            ..Slot::awaited(NONE)
        };
        let Some(at) = self.memory.find(key) else {
            return Arrival::First { at: self.remember(key, slot), chain: NONE, answered: false };
        };
        let have = *self.memory.get(at);
        if have.awaited {
            self.memory.get_mut(at).become_span(slot);
            return Arrival::First { at, chain: have.chain, answered: false };
        }
        if have.kinds & child.kind.bit() != 0 {
            self.stats.duplicates += 1;
            return Arrival::Again;
        }
        // Two ends of a call under one id.
        self.memory.get_mut(at).kinds |= child.kind.bit();
        let answered = !self.is_same_service(have.owner, child.owner);
        if answered {
            self.take_back_guess(at);
        }
        let copy = self.memory.key_of_copy(key, child.kind);
        Arrival::First { at: self.remember(copy, slot), chain: NONE, answered }
    }

    /// Remembers a span; orphans whose parent is forgotten for it are written down.
    fn remember(&mut self, key: u64, slot: Slot) -> u32 {
        let (at, forgotten) = self.memory.put(key, slot);
        if let Some(mut chain) = forgotten.filter(|slot| slot.awaited).map(|slot| slot.chain) {
            self.stats.evicted += 1;
            while let Some((orphan, durable, next)) = self.waiting.pop(chain) {
                if !durable {
                    self.counts.pending.push(orphan);
                }
                chain = next;
            }
        }
        at
    }

    /// Counts the spans that were the first of their kind, in two steps, so that the cells of many are
    /// fetched at a time.
    fn red(&mut self, spans: &[Span], request: &mut Request) {
        request.cells.clear();
        for at in &request.firsts {
            let span = &spans[*at as usize];
            let series = &mut request.series[span.series as usize];
            let bucket = red_bucket(span.time);
            if series.cell == NONE || series.bucket != bucket {
                (series.bucket, series.cell) = (bucket, self.counts.red_cell(series.number, bucket));
            }
            self.stats.operations_overflowed += u64::from(series.overflowed);
            request.cells.push(series.cell);
        }
        for (at, cell) in request.firsts.iter().zip(&request.cells) {
            let Span { error, limited, duration, .. } = spans[*at as usize];
            self.counts.red(*cell, &Outcome { error, limited, duration });
        }
    }

    /// Looks for the parent of a span, or for the target of a link; what is not there is waited for.
    fn seek(&mut self, child: &Child, span: [u8; 8], target: &Target, key: u64, received: i64) {
        let found = self.memory.find(key);
        if let Some(at) = found.filter(|at| !self.memory.get(*at).awaited) {
            self.join(at, key, child);
            return;
        }
        self.stats.parked += 1;
        let Outcome { error, limited, duration } = child.outcome;
        let Child { owner, kind, minute, .. } = *child;
        let orphan = Orphan { target: *target, span, owner, minute, kind, error, limited, duration, received };
        let chain = found.map_or(NONE, |at| self.memory.get(at).chain);
        let Some(head) = self.waiting.push(orphan, chain) else {
            self.stats.unparked += 1;
            self.counts.pending.push(orphan);
            return;
        };
        match found {
            Some(at) => self.memory.get_mut(at).chain = head,
            None => {
                self.remember(key, Slot::awaited(head));
            }
        }
    }

    /// Counts a call from the span at `at` to its child.
    fn join(&mut self, at: u32, key: u64, child: &Child) {
        let slot = *self.memory.get(at);
        let mut best = (!self.is_same_service(slot.owner, child.owner)).then_some(slot);
        if best.is_some() {
            self.take_back_guess(at);
        }
        if slot.kinds != slot.kind.bit() {
            // Among several spans of one id, one of the child's own service comes first, then the one that
            // serves before the one that calls.
            for kind in PARENTS.into_iter().filter(|k| *k != slot.kind && slot.kinds & k.bit() != 0) {
                let Some(copy) = self.memory.find(self.memory.key_of_copy(key, kind)) else { continue };
                let other = *self.memory.get(copy);
                if self.is_same_service(other.owner, child.owner) {
                    best = None;
                    continue;
                }
                self.take_back_guess(copy);
                best = best.map(|best| if rank(other.kind) < rank(best.kind) { other } else { best });
            }
        }
        if let Some(parent) = best {
            self.called(parent.owner, parent.kind, child, 1);
        }
    }

    pub(crate) fn called(&mut self, caller: u32, caller_kind: SpanKind, child: &Child, times: i64) {
        let message = child.kind == SpanKind::Consumer || caller_kind == SpanKind::Producer;
        let kind = if message { EdgeKind::Message } else { EdgeKind::Call };
        let key = EdgeKey { minute: child.minute, kind, a: caller, b: child.owner, owner: child.owner };
        self.stats.linked += 1;
        self.counts.edge(key, &child.outcome, times);
    }

    /// Counts the children that have waited for a span. Gives whether one of them is of another service.
    fn adopt(&mut self, at: u32, mut chain: u32) -> bool {
        let mut answered = false;
        if chain == NONE {
            return false;
        }
        let slot = *self.memory.get(at);
        while let Some((orphan, durable, next)) = self.waiting.pop(chain) {
            chain = next;
            let away = !self.is_same_service(slot.owner, orphan.owner);
            answered |= away;
            if durable || self.stats.reconciled > 0 {
                let workspace = self.owners.get(orphan.owner).map_or(0, |known| known.workspace);
                let key = self.settled.key(workspace, &orphan);
                if durable && self.settled.insert(key) {
                    self.stats.resolved_late += 1;
                    self.counts.resolve(orphan);
                } else if durable || self.settled.contains(key) {
                    // A search was first. A row will say so, and needs the one that it answers.
                    self.counts.pending.extend((!durable).then_some(orphan));
                    continue;
                }
            }
            if away {
                self.called(slot.owner, slot.kind, &Child::from(&orphan), 1);
            }
        }
        answered
    }

    /// A client span turns out to have called a service.
    pub(crate) fn take_back_guess(&mut self, at: u32) {
        let slot = self.memory.get_mut(at);
        let node = std::mem::replace(&mut slot.guess, NONE);
        if node == NONE {
            return;
        }
        let outcome = Outcome { error: slot.error, limited: slot.limited, duration: slot.duration };
        let (minute, owner) = (slot.minute, slot.owner);
        self.counts.edge(EdgeKey { minute, kind: EdgeKind::Peer, a: owner, b: node, owner }, &outcome, -1);
    }

    pub(crate) fn is_same_service(&self, a: u32, b: u32) -> bool {
        let service = |number| self.owners.get(number).map(|known| &known.it.service);
        a == b || service(a) == service(b)
    }

    /// Workspaces that spans were counted of since the start.
    pub fn workspaces(&self) -> &[Workspace] {
        &self.workspaces
    }

    pub fn stats(&self) -> Stats {
        let memory_bytes = self.memory.bytes() as u64;
        Stats { waiting: self.waiting.len() as u64, memory_bytes, ..self.stats }
    }

    /// Grows with every change of what [`Rollups::preview`] would give.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether there is nothing that a checkpoint would keep.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Roughly what the filling counts cost in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.counts.bytes()
    }
}

/// Kinds in the order in which they are taken for a parent.
const PARENTS: [SpanKind; 5] =
    [SpanKind::Server, SpanKind::Consumer, SpanKind::Internal, SpanKind::Client, SpanKind::Producer];

pub(crate) fn rank(kind: SpanKind) -> usize {
    PARENTS.iter().position(|k| *k == kind).unwrap_or(PARENTS.len())
}

enum Arrival {
    /// Not seen before: its slot, who has waited for it, and whether a span of another service with the
    /// same id answers it.
    First {
        at: u32,
        chain: u32,
        answered: bool,
    },
    Again,
}

impl From<&Orphan> for Child {
    fn from(orphan: &Orphan) -> Self {
        let Orphan { owner, kind, minute, error, limited, duration, .. } = *orphan;
        Self { owner, kind, minute, outcome: Outcome { error, limited, duration } }
    }
}
