//! What all detectors look at: the rows as trees, cut into slots, and who is who.

use crate::case::Case;
use crate::names::{Name, Names};
use crate::peer::{self, Services};
use crate::records::SpanKind;
use crate::trees::Trees;
use crate::window::{Side, Slots};
use hashbrown::{HashMap, HashSet};
use model::{Entity, EntityKind};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) case: &'a Case,
    pub(crate) names: &'a Names,
    pub(crate) trees: Trees<'a>,
    /// By the start of traces.
    pub(crate) slots: Slots,
    pub(crate) services: HashSet<Name>,
    /// The service of each instance.
    pub(crate) instances: HashMap<Name, Name>,
    /// The node of each instance, as last seen.
    pub(crate) nodes: BTreeMap<Name, Name>,
    /// Whom calls ask that tell nothing themselves.
    peers: BTreeMap<Name, Entity>,
    /// Who calls whom by spans and edge metrics: service to entity.
    pub(crate) calls: BTreeSet<(Entity, Entity)>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(case: &'a Case) -> Self {
        let records = &case.records;
        let trees = Trees::new(&records.spans);
        let slots = Slots::over(&case.window, trees.traces.iter().map(|trace| trees.start(trace)));
        let mut scene = Self {
            case,
            names: &records.names,
            services: trees.services(),
            instances: trees.instances(),
            trees,
            slots,
            nodes: BTreeMap::new(),
            peers: BTreeMap::new(),
            calls: BTreeSet::new(),
        };
        scene.meet();
        scene.connect();
        scene
    }

    /// Learns of services, instances and nodes from every signal.
    fn meet(&mut self) {
        let records = &self.case.records;
        let spans = records.spans.iter().map(|span| (span.service, span.instance, span.node));
        let logs = records.logs.iter().map(|log| (log.service, log.instance, log.node));
        let series = records.series.iter().map(|series| (series.key.service, series.key.instance, series.key.node));
        for (service, instance, node) in spans.chain(logs).chain(series) {
            if !service.is_none() {
                self.services.insert(service);
            }
            if !instance.is_none() && !service.is_none() && instance != service {
                self.instances.entry(instance).or_insert(service);
            }
            if !instance.is_none() && !node.is_none() {
                self.nodes.insert(instance, node);
            }
        }
    }

    fn connect(&mut self) {
        let trees = &self.trees;
        let mut pairs: HashSet<(Name, Name)> = HashSet::new();
        let mut peers: HashSet<(Name, Name)> = HashSet::new();
        // Services that somebody waits for. Who sends a message waits for nobody who reads it.
        let (mut waited_for, mut fed): (HashSet<Name>, HashSet<Name>) = Default::default();
        for (index, span) in trees.spans.iter().enumerate() {
            match span.kind {
                SpanKind::Server => waited_for.insert(span.service),
                SpanKind::Consumer => fed.insert(span.service),
                _ => false,
            };
            if let Some(parent) = trees.parent(index).map(|parent| &trees.spans[parent])
                && parent.service != span.service
                && span.kind != SpanKind::Consumer
            {
                pairs.insert((parent.service, span.service));
                waited_for.insert(span.service);
            }
            if !span.peer.is_none() && trees.children(index).next().is_none() {
                peers.insert((span.service, span.peer));
            }
        }
        let is_only_fed = |entity: &Entity| {
            let name = self.names.find(&entity.name).filter(|_| entity.kind == EntityKind::Service);
            name.is_some_and(|name| fed.contains(&name) && !waited_for.contains(&name))
        };
        let mut calls: BTreeSet<(Entity, Entity)> = BTreeSet::new();
        calls.extend(
            pairs.iter().map(|(from, to)| (Entity::service(self.text(*from)), Entity::service(self.text(*to)))),
        );
        calls.extend(peers.iter().map(|(from, to)| (Entity::service(self.text(*from)), self.peer(*to))));
        calls.extend(
            self.case
                .estate
                .links
                .iter()
                .filter(|link| matches!(link.relation, incident::Relation::Calls | incident::Relation::DependsOn))
                .filter(|link| link.from.kind != EntityKind::Queue && !is_only_fed(&link.to))
                .map(|link| (link.from.clone(), link.to.clone())),
        );
        self.calls = calls;
        let asked: HashSet<Name> = trees.spans.iter().map(|span| span.peer).filter(|peer| !peer.is_none()).collect();
        self.peers = asked.into_iter().map(|peer| (peer, self.peer(peer))).collect();
    }

    pub(crate) fn text(&self, name: Name) -> &'a str {
        self.names.text(name)
    }

    /// An instance or a service, by name.
    pub(crate) fn place(&self, name: Name) -> Entity {
        let kind = if self.instances.contains_key(&name) { EntityKind::Instance } else { EntityKind::Service };
        Entity::new(kind, self.text(name))
    }

    /// Whom a span's peer means.
    pub(crate) fn peer(&self, peer: Name) -> Entity {
        peer::entity(self.text(peer), &Services::new(self.names, &self.services))
    }

    /// All peers of spans, by name.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (Name, &Entity)> {
        self.peers.iter().map(|(name, entity)| (*name, entity))
    }

    /// The service of a place.
    pub(crate) fn service(&self, place: Name) -> &'a str {
        self.text(self.instances.get(&place).copied().unwrap_or(place))
    }

    pub(crate) fn side(&self, time: i64) -> Option<Side> {
        self.case.window.side(time)
    }
}
