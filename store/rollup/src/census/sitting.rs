//! The spans of one shard: who is whose parent, and what follows.

use super::names::{Names, Series};
use super::tally::{EdgeKind, Tallies};
use super::{Link, Question, Span};
use crate::facts::NONE;
use crate::linker::rank;
use crate::names::{NodeKind, SpanKind};
use hashbrown::HashMap;

/// How many spans of its own service lie at most between a call and the operation that made it.
const STEPS_MAX: usize = 16;

/// Spans by key: places hold the number of a span, those of one key one after the other.
struct Index {
    places: Vec<u32>,
    mask: usize,
}

impl Index {
    fn with_room(spans: usize) -> Self {
        let places = (spans * 2).next_power_of_two();
        Self { places: vec![NONE; places], mask: places - 1 }
    }

    /// The places of a key from its first to the first empty one.
    fn run(&self, key: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.mask;
        (0..=mask).map(move |step| (key as usize).wrapping_add(step) & mask)
    }

    /// Spans of this key, of each kind one.
    fn all<'i>(&'i self, spans: &'i [Span], key: u64) -> impl Iterator<Item = u32> + 'i {
        let there = self.run(key).map(|place| self.places[place]).take_while(|at| *at != NONE);
        there.filter(move |at| spans[*at as usize].key == key)
    }
}

/// Operations by which a trace entered a service.
enum Entry {
    One(u32),
    Several,
}

pub(super) struct Sitting<'a> {
    question: &'a Question,
    names: &'a Names,
    said: &'a HashMap<u64, u16>,
    spans: Vec<Span>,
    index: Index,
    /// By span, whether one of another service names it or shares its id.
    answered: Vec<bool>,
    /// By trace and service; made when it is first needed.
    entries: Option<HashMap<(u64, u32), Entry>>,
}

impl<'a> Sitting<'a> {
    pub(super) fn new(
        question: &'a Question,
        names: &'a Names,
        said: &'a HashMap<u64, u16>,
        mut spans: Vec<Span>,
    ) -> Self {
        let index = indexed(&mut spans, names);
        let answered = vec![false; spans.len()];
        Self { question, names, said, spans, index, answered, entries: None }
    }

    /// Counts every span, and the links that lead here.
    pub(super) fn count(&mut self, links: &[Link], tallies: &mut Tallies) {
        for at in 0..self.spans.len() {
            let span = self.spans[at];
            if span.is(Span::HAS_PARENT) && !span.is(Span::COPY) {
                self.seek(span.parent, &span, tallies);
            }
        }
        let mut seen = hashbrown::HashSet::new();
        for link in links {
            // Of a copy the links are copies too.
            if seen.insert((link.target, link.child.key)) {
                self.seek(link.target, &link.child, tallies);
            }
        }
        for at in 0..self.spans.len() {
            let span = self.spans[at];
            if !span.is(Span::COPY) && self.counts(&span) && self.is_of_lane(&span) {
                self.count_own(at, &span, tallies);
            }
        }
    }

    fn series(&self, span: &Span) -> Series {
        self.names.series[span.series as usize]
    }

    /// Whether a span is of the window and of the traces that are asked about.
    fn counts(&self, span: &Span) -> bool {
        let wanted = self.question.wanted;
        span.is(Span::INSIDE) && (wanted == 0 || self.said.get(&span.trace).is_some_and(|said| said & wanted == wanted))
    }

    fn is_of_lane(&self, span: &Span) -> bool {
        self.question.lane.as_ref().is_none_or(|lane| self.names.of(span.lane) == lane)
    }

    /// Looks for the one that a child names, and counts its call.
    fn seek(&mut self, key: u64, child: &Span, tallies: &mut Tallies) {
        let service = self.series(child).service;
        let (mut found, mut own, mut best) = (false, false, None::<(usize, u32)>);
        for at in self.index.all(&self.spans, key) {
            found = true;
            let Series { service: other, kind, .. } = self.series(&self.spans[at as usize]);
            if other == service {
                own = true;
                continue;
            }
            self.answered[at as usize] = true;
            let order = rank(kind);
            if best.is_none_or(|(before, _)| order < before) {
                best = Some((order, at));
            }
        }
        if !self.counts(child) {
            return;
        }
        match best {
            Some((_, at)) if !own => self.called(at, child, tallies),
            None if !found => tallies.unresolved += u64::from(self.is_of_lane(child)),
            // Among several spans of one id, one of the child's own service comes first.
            _ => {}
        }
    }

    fn called(&mut self, caller: u32, child: &Span, tallies: &mut Tallies) {
        let parent = self.spans[caller as usize];
        let (above, below) = (self.series(&parent), self.series(child));
        if parent.lane != child.lane && !self.names.of(parent.lane).is_empty() {
            let of_lane = self.question.lane.as_ref().is_none_or(|lane| self.names.of(parent.lane) == lane);
            if of_lane {
                tallies.astray((above, parent.lane), (below, child.lane));
            }
        }
        if !self.is_of_lane(child) {
            return;
        }
        let message = below.kind == SpanKind::Consumer || above.kind == SpanKind::Producer;
        let kind = if message { EdgeKind::Message } else { EdgeKind::Call };
        let caller = self.caller(caller, &parent, tallies);
        let callee = tallies.served_by(below, self.question.by_operation);
        tallies.edge(kind, caller, callee, child);
    }

    /// What a span served, and whom it called that is no service.
    fn count_own(&mut self, at: usize, span: &Span, tallies: &mut Tallies) {
        let series = self.series(span);
        if matches!(series.kind, SpanKind::Server | SpanKind::Consumer) {
            let end = tallies.served_by(series, self.question.by_operation);
            tallies.served(end, span);
        }
        let Some(peer) = self.names.peers.get(span.peer as usize).copied() else { return };
        if peer.kind == NodeKind::ThirdParty && (self.answered[at] || self.is_answered_by_its_copy(span)) {
            return;
        }
        let node = tallies.peer(peer);
        if series.kind == SpanKind::Consumer {
            let callee = tallies.served_by(series, self.question.by_operation);
            tallies.edge(EdgeKind::Peer(peer.kind), node, callee, span);
        } else {
            let caller = self.caller(at as u32, span, tallies);
            tallies.edge(EdgeKind::Peer(peer.kind), caller, node, span);
        }
    }

    /// Two ends of a call may have one id.
    fn is_answered_by_its_copy(&self, span: &Span) -> bool {
        let service = self.series(span).service;
        let mut others = self.index.all(&self.spans, span.key);
        span.is(Span::KNOWN) && others.any(|at| self.series(&self.spans[at as usize]).service != service)
    }

    /// The end that stands for the caller of what `span` (at `at`) called.
    fn caller(&mut self, at: u32, span: &Span, tallies: &mut Tallies) -> u32 {
        let series = self.series(span);
        if !self.question.by_operation {
            return tallies.served_by(series, false);
        }
        let operation = self.maker(at);
        tallies.served_by(Series { operation, ..series }, true)
    }

    /// The operation that made a call: of the nearest span above that was served, within the service;
    /// without one, the only operation by which the trace entered the service; where there are several, the
    /// topmost span's.
    fn maker(&mut self, from: u32) -> u32 {
        let start = self.spans[from as usize];
        let Series { service, operation, .. } = self.series(&start);
        let mut top = start;
        for _ in 0..STEPS_MAX {
            let series = self.series(&top);
            if matches!(series.kind, SpanKind::Server | SpanKind::Consumer) {
                return series.operation;
            }
            if !top.is(Span::HAS_PARENT) {
                break;
            }
            let above = self.index.all(&self.spans, top.parent).filter(|at| self.service_of(*at) == service);
            let Some(above) = above.min_by_key(|at| rank(self.series(&self.spans[*at as usize]).kind)) else { break };
            top = self.spans[above as usize];
        }
        let top = self.series(&top).operation;
        match self.entries().get(&(start.trace, service)) {
            Some(Entry::One(entry)) => *entry,
            Some(Entry::Several) => top,
            None => operation,
        }
    }

    fn service_of(&self, at: u32) -> u32 {
        self.series(&self.spans[at as usize]).service
    }

    fn entries(&mut self) -> &HashMap<(u64, u32), Entry> {
        let (spans, names) = (&self.spans, self.names);
        self.entries.get_or_insert_with(|| {
            let mut entries = HashMap::new();
            for span in spans {
                let Series { service, operation, kind } = names.series[span.series as usize];
                if matches!(kind, SpanKind::Server | SpanKind::Consumer) || span.is(Span::ROOT) {
                    let entry = entries.entry((span.trace, service)).or_insert(Entry::One(operation));
                    if matches!(entry, Entry::One(one) if *one != operation) {
                        *entry = Entry::Several;
                    }
                }
            }
            entries
        })
    }
}

/// Puts every span that has an id into an index, and marks copies: of several with one id and kind the
/// earliest is counted.
fn indexed(spans: &mut [Span], names: &Names) -> Index {
    let mut index = Index::with_room(spans.len());
    for at in 0..spans.len() {
        let span = spans[at];
        if !span.is(Span::KNOWN) {
            continue;
        }
        let kind = names.series[span.series as usize].kind;
        for place in index.run(span.key) {
            let have = index.places[place];
            if have == NONE {
                index.places[place] = at as u32;
                break;
            }
            let other = spans[have as usize];
            if other.key == span.key && names.series[other.series as usize].kind == kind {
                let order = |span: &Span| (span.time, span.duration, span.series);
                let (kept, copy) = if order(&span) < order(&other) { (at as u32, have) } else { (have, at as u32) };
                spans[copy as usize].flags |= Span::COPY;
                index.places[place] = kept;
                break;
            }
        }
    }
    index
}
