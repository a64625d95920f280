//! Edges to what is no service: where a span ran, and whom its attributes name at the other end.

use crate::counts::EdgeKey;
use crate::facts::{NONE, Span};
use crate::linker::{Child, Known, Rollups};
use crate::names::{EdgeKind, NodeKind, SpanKind};
use crate::request::{Names, Request};
use tables::rollups::OVERFLOW;

impl Rollups {
    /// Counts a span where it ran.
    pub(crate) fn places(&mut self, span: &Span, child: &Child, request: &mut Request, names: &Names<'_>) {
        if span.place != NONE {
            let mut place = request.places[span.place as usize];
            if place.on_cell == NONE || place.minute != child.minute {
                let on = self.node_of(request, names, place.on);
                place.minute = child.minute;
                place.on_cell = self.place_cell(EdgeKind::RunsOn, place.owner, on, child);
                if place.under != NONE {
                    let under = self.node_of(request, names, place.under);
                    let key = self.place_key(EdgeKind::StandsOn, on, under, child);
                    place.under_cell = self.counts.edge_cell(key);
                }
                request.places[span.place as usize] = place;
            }
            self.counts.placed(place.on_cell, &child.outcome);
            if place.under != NONE {
                self.counts.placed(place.under_cell, &child.outcome);
            }
        }
        if span.site != NONE {
            let site = self.node_of(request, names, span.site);
            let cell = self.place_cell(EdgeKind::RunsOn, child.owner, site, child);
            self.counts.placed(cell, &child.outcome);
        }
    }

    fn place_cell(&mut self, kind: EdgeKind, a: u32, b: u32, child: &Child) -> u32 {
        let key = self.place_key(kind, a, b, child);
        self.counts.edge_cell(key)
    }

    fn place_key(&mut self, kind: EdgeKind, a: u32, b: u32, child: &Child) -> EdgeKey {
        self.with_room(EdgeKey { minute: child.minute, kind, a, b, owner: child.owner })
    }

    /// An edge to a node, or to the node that stands for all when there are too many edges.
    fn with_room(&mut self, key: EdgeKey) -> EdgeKey {
        if !self.counts.is_beyond(&key, self.settings.edges_max) {
            return key;
        }
        self.stats.edges_overflowed += 1;
        let to_node = |number: u32, rollups: &mut Self| {
            let Some(Known { workspace, it }) = rollups.nodes.get(number) else { return number };
            let (workspace, kind) = (*workspace, it.kind);
            rollups.node(workspace, kind, OVERFLOW)
        };
        match key.kind {
            EdgeKind::Peer | EdgeKind::Publish | EdgeKind::RunsOn => EdgeKey { b: to_node(key.b, self), ..key },
            EdgeKind::Consume => EdgeKey { a: to_node(key.a, self), ..key },
            EdgeKind::StandsOn => {
                let a = to_node(key.a, self);
                EdgeKey { a, b: to_node(key.b, self), ..key }
            }
            // Bounded by the names of services.
            EdgeKind::Call | EdgeKind::Message | EdgeKind::Unresolved => key,
        }
    }

    /// Counts the edge to whoever is at the other end. Gives the node if that was a guess, which a child
    /// in another service would disprove.
    pub(crate) fn peer(
        &mut self,
        span: &Span,
        child: &Child,
        answered: bool,
        request: &mut Request,
        names: &Names<'_>,
    ) -> Option<u32> {
        let node_kind = names.nodes[span.peer as usize].kind;
        let guess = node_kind == NodeKind::ThirdParty;
        if guess && answered {
            return None;
        }
        let node = self.node_of(request, names, span.peer);
        let (kind, a, b) = match (node_kind, child.kind) {
            (NodeKind::Queue, SpanKind::Consumer) => (EdgeKind::Consume, node, child.owner),
            (NodeKind::Queue, _) => (EdgeKind::Publish, child.owner, node),
            _ => (EdgeKind::Peer, child.owner, node),
        };
        let key = self.with_room(EdgeKey { minute: child.minute, kind, a, b, owner: child.owner });
        self.counts.edge(key, &child.outcome, 1);
        guess.then_some(key.b)
    }

    /// The number of a request's node.
    fn node_of(&mut self, request: &mut Request, names: &Names<'_>, at: u32) -> u32 {
        let known = request.nodes[at as usize];
        if known != NONE {
            return known;
        }
        let node = &names.nodes[at as usize];
        let number = self.node(request.workspace, node.kind, node.name.of(names.text));
        request.nodes[at as usize] = number;
        number
    }
}
