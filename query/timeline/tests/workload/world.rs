//! A company's days with their answer key: which story each fact was part of is written down while
//! the fact is made, by who made it, and never by looking at ids.
//!
//! What makes it hard is what companies do: order numbers begin anew every day in every store,
//! request ids are short counters that come round, context is lost in thread pools and at queues,
//! one consumer handles messages of many orders in one trace, a job settles all of a store's orders,
//! clients send again, clerks refund days later under another name, and records know only a part.

use model::{SpanId, TraceId, UnixNanos};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use timeline::{Business, Entity, Fact, FactId, Kind};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const OPENING: i64 = 1_780_000_000 * SECOND;
pub(crate) const STORES: u32 = 24;
pub(crate) const DAYS: i64 = 4;
const ORDERS_PER_STORE_AND_DAY: u32 = 6;
/// Request ids are this many, then they come again.
const REQUEST_IDS: u32 = 600;
const BATCH_EVERY: i64 = 30 * SECOND;

/// One customer's order from placing it to the last refund.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) number: String,
    pub(crate) placed: i64,
    pub(crate) first_request: String,
    pub(crate) first_trace: TraceId,
    store: u32,
    user: String,
    operation: String,
    payment: String,
}

pub(crate) struct World {
    pub(crate) facts: Vec<Fact>,
    /// For each fact the stories (places in `orders`) it is part of.
    pub(crate) key: Vec<BTreeSet<usize>>,
    pub(crate) orders: Vec<Order>,
    random: SmallRng,
    requests: u32,
}

/// Where facts are being made: one trace, whose spans bear what the services were told.
#[derive(Clone)]
struct Scene {
    trace: TraceId,
    at: i64,
    request: Option<String>,
    bears: Vec<(String, String)>,
    stories: BTreeSet<usize>,
}

/// A message on a queue.
#[derive(Clone)]
struct Message {
    id: String,
    from: (TraceId, SpanId),
    sent: i64,
    order: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = Self {
            facts: Vec::new(),
            key: Vec::new(),
            orders: Vec::new(),
            random: SmallRng::seed_from_u64(seed),
            requests: 0,
        };
        let mut points = Vec::new();
        for day in 0..DAYS {
            for store in 0..STORES {
                let first = world.orders.len();
                for number in 1..=ORDERS_PER_STORE_AND_DAY {
                    points.extend(world.order(day, store, number));
                }
                world.settle(day, store, first..world.orders.len());
                world.visitors(day, store);
            }
        }
        world.grant_points(points);
        world
    }

    fn chance(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }

    fn seconds(&mut self, from: f64, to: f64) -> i64 {
        (self.random.random_range(from..to) * 1e9) as i64
    }

    fn trace(&mut self) -> TraceId {
        TraceId(self.random.random())
    }

    /// Request ids of all stores come from one short counter.
    fn request(&mut self) -> String {
        self.requests += 1 + self.random.random_range(0..3);
        format!("r{:04}", self.requests % REQUEST_IDS)
    }

    fn put(&mut self, scene: &Scene, mut fact: Fact) {
        fact.id = FactId(self.facts.len() as u32);
        self.facts.push(fact);
        self.key.push(scene.stories.clone());
    }

    /// A span of the scene under `parent`.
    fn span(&mut self, scene: &mut Scene, kind: Kind, service: &str, parent: Option<SpanId>) -> (SpanId, Fact) {
        let id = SpanId(self.random.random());
        let took = self.seconds(0.002, 0.2);
        let mut fact = Fact::at(kind, service, UnixNanos(scene.at));
        fact.end = UnixNanos(scene.at + took);
        fact.trace_id = Some(scene.trace);
        fact.span_id = Some(id);
        fact.parent_span_id = parent;
        scene.at += took / 3;
        (id, fact)
    }

    /// A span that bears all the scene's ids, as server and consumer spans do.
    fn borne(&mut self, scene: &mut Scene, kind: Kind, service: &str, parent: Option<SpanId>) -> SpanId {
        let (id, mut fact) = self.span(scene, kind, service, parent);
        fact.request_id.clone_from(&scene.request);
        fact.keys.clone_from(&scene.bears);
        self.put(scene, fact);
        id
    }

    /// A span that bears nothing, as a statement on a database.
    fn bare(&mut self, scene: &mut Scene, service: &str, parent: SpanId) {
        let (_, fact) = self.span(scene, Kind::Span, service, Some(parent));
        self.put(scene, fact);
    }

    fn log(&mut self, scene: &Scene, service: &str, span: SpanId) {
        let mut fact = Fact::at(Kind::Log, service, UnixNanos(scene.at));
        (fact.trace_id, fact.span_id) = (Some(scene.trace), Some(span));
        if self.chance(0.5) {
            fact.request_id.clone_from(&scene.request);
        }
        self.put(scene, fact);
    }

    fn event(&mut self, scene: &Scene, service: &str, span: SpanId, order: usize, told: (&str, &str, &str)) {
        let (phase, before, after) = told;
        let subject = &self.orders[order];
        let mut fact = Fact::at(Kind::Business, service, UnixNanos(scene.at));
        (fact.trace_id, fact.span_id) = (Some(scene.trace), Some(span));
        fact.request_id.clone_from(&scene.request);
        fact.keys.clone_from(&scene.bears);
        let entity = Entity {
            ty: "order".into(),
            id: subject.number.clone(),
            role: None,
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
        };
        fact.business = Some(Business {
            operation: if phase == "whole" { "refund".into() } else { "buy".into() },
            operation_id: (phase != "whole").then(|| subject.operation.clone()),
            phase: phase.into(),
            outcome: "success".into(),
            actor: None,
            entities: vec![entity],
        });
        self.put(scene, fact);
    }

    fn bears(&mut self, order: usize, person: &str) -> Vec<(String, String)> {
        let order = &self.orders[order];
        let tenant = format!("T{}", order.store % 5);
        let store = format!("S{:03}", order.store);
        let pairs = [("order.id", &order.number), ("tenant.id", &tenant), ("store.id", &store)];
        let mut bears: Vec<_> = pairs.map(|(key, value)| (key.to_owned(), value.clone())).into();
        bears.push(("user.id".into(), person.to_owned()));
        bears
    }

    /// Forgets some of what a scene bears, as services do that were not told.
    fn forget(&mut self, scene: &mut Scene, share: f64) {
        let keep: Vec<bool> =
            scene.bears.iter().map(|(key, _)| key == "order.id" || !self.random.random_bool(share)).collect();
        let mut keep = keep.into_iter();
        scene.bears.retain(|_| keep.next().unwrap_or(true));
    }

    /// The life of one order; gives messages that wait for the batch consumer.
    fn order(&mut self, day: i64, store: u32, number: u32) -> Vec<Message> {
        let placed = OPENING + day * DAY + self.seconds(0.0, 8.0 * 3_600.0);
        let story = self.orders.len();
        let (request, trace) = (self.request(), self.trace());
        self.orders.push(Order {
            // Begins anew every day, in every store.
            number: format!("{number:04}"),
            placed,
            first_request: request.clone(),
            first_trace: trace,
            store,
            user: format!("U{}", self.random.random_range(0..4_000)),
            operation: format!("op-{story:06}"),
            payment: format!("P{story:07}"),
        });
        let user = self.orders[story].user.clone();
        let bears = self.bears(story, &user);
        let mut scene = Scene { trace, at: placed, request: Some(request), bears, stories: BTreeSet::from([story]) };
        let mut points = self.place(&mut scene, story);
        if self.chance(0.15) {
            self.again(&scene, story);
        }
        if self.chance(0.9) {
            points.extend(self.pay(placed, story));
        }
        if self.chance(0.5) {
            self.look(placed, story);
        }
        if self.chance(0.12) {
            self.refund(placed, story);
        }
        points
    }

    fn place(&mut self, scene: &mut Scene, story: usize) -> Vec<Message> {
        let gateway = self.borne(scene, Kind::Request, "gateway", None);
        let service = self.borne(scene, Kind::Request, "order-service", Some(gateway));
        self.bare(scene, "order-service", service);
        self.log(scene, "order-service", service);
        if self.chance(0.9) {
            self.event(scene, "order-service", service, story, ("create", "", "placed"));
        }
        self.thread_pool(scene, story);
        self.legacy(scene);
        let message = self.send(scene, story, service);
        self.consume(&message, scene, "kitchen");
        if self.chance(0.3) { vec![message] } else { vec![] }
    }

    /// The client gave up waiting and sends the same request again: a trace of its own.
    fn again(&mut self, first: &Scene, story: usize) {
        let mut scene = first.clone();
        scene.trace = self.trace();
        scene.at = self.orders[story].placed + self.seconds(2.0, 8.0);
        let gateway = self.borne(&mut scene, Kind::Request, "gateway", None);
        self.borne(&mut scene, Kind::Request, "order-service", Some(gateway));
    }

    /// Work handed to a thread pool that does not carry the context on: a trace that nothing points to.
    fn thread_pool(&mut self, scene: &Scene, _story: usize) {
        if !self.chance(0.2) {
            return;
        }
        let mut lost = scene.clone();
        lost.trace = self.trace();
        lost.at += self.seconds(0.01, 3.0);
        match self.random.random_range(0..3) {
            0 => lost.request = None,
            1 => lost.bears.clear(),
            _ => {}
        }
        self.forget(&mut lost, 0.4);
        let root = self.borne(&mut lost, Kind::Span, "order-service", None);
        self.bare(&mut lost, "order-service", root);
        self.log(&lost, "order-service", root);
    }

    /// A service of another propagator writes records without our trace id: in its own words.
    fn legacy(&mut self, scene: &Scene) {
        if self.chance(0.2) {
            let mut fact = Fact::at(Kind::Log, "legacy-till", UnixNanos(scene.at + SECOND));
            fact.contexts = vec![scene.trace.to_string()];
            self.put(scene, fact);
        }
        if self.chance(0.2) {
            let mut fact = Fact::at(Kind::Log, "proxy", UnixNanos(scene.at + SECOND / 2));
            fact.request_id.clone_from(&scene.request);
            fact.keys = scene.bears.iter().filter(|(key, _)| key == "store.id").cloned().collect();
            self.put(scene, fact);
        }
    }

    fn send(&mut self, scene: &mut Scene, story: usize, parent: SpanId) -> Message {
        let (id, mut fact) = self.span(scene, Kind::Message, "order-service", Some(parent));
        let message_id = format!("{:016X}", self.random.random::<u64>());
        fact.message_ids = vec![message_id.clone()];
        self.put(scene, fact);
        Message { id: message_id, from: (scene.trace, id), sent: scene.at, order: story }
    }

    /// One consumer of one message: in the producer's trace, or linked, or lost at the queue.
    fn consume(&mut self, message: &Message, from: &Scene, service: &str) {
        let mut scene = from.clone();
        scene.at = message.sent + self.seconds(0.05, 20.0);
        let (mut parent, mut links, mut ids) = (None, Vec::new(), vec![message.id.clone()]);
        match self.random.random_range(0..10) {
            0..4 => parent = Some(message.from.1),
            4..7 => {
                scene.trace = self.trace();
                links.push(message.from);
            }
            // Lost at the queue; the message's id may be known, or only what the message says.
            lost => {
                scene.trace = self.trace();
                scene.request = scene.request.filter(|_| lost == 9);
                if lost == 8 {
                    ids.clear();
                }
                self.forget(&mut scene, 0.3);
            }
        }
        let (root, mut fact) = self.span(&mut scene, Kind::Message, service, parent);
        fact.links = links;
        fact.message_ids = ids;
        fact.request_id.clone_from(&scene.request);
        fact.keys.clone_from(&scene.bears);
        self.put(&scene, fact);
        self.bare(&mut scene, service, root);
        self.log(&scene, service, root);
    }

    fn pay(&mut self, placed: i64, story: usize) -> Vec<Message> {
        let user = self.orders[story].user.clone();
        let payment = ("payment.id".to_owned(), self.orders[story].payment.clone());
        let mut bears = self.bears(story, &user);
        bears.push(payment.clone());
        let at = placed + self.seconds(5.0, 600.0);
        let stories = BTreeSet::from([story]);
        let mut scene = Scene { trace: self.trace(), at, request: Some(self.request()), bears, stories };
        let gateway = self.borne(&mut scene, Kind::Request, "gateway", None);
        let service = self.borne(&mut scene, Kind::Request, "payment-service", Some(gateway));
        self.bare(&mut scene, "payment-service", service);
        if self.chance(0.9) {
            self.event(&scene, "payment-service", service, story, ("complete", "placed", "paid"));
        }
        // The bank's receipt knows the payment and nothing else.
        if self.chance(0.3) {
            let mut receipt = scene.clone();
            receipt.trace = self.trace();
            receipt.at += self.seconds(1.0, 900.0);
            receipt.request = Some(self.request());
            receipt.bears = vec![payment];
            let root = self.borne(&mut receipt, Kind::Request, "payment-service", None);
            self.bare(&mut receipt, "payment-service", root);
        }
        let message = self.send(&mut scene, story, service);
        self.consume(&message, &scene, "printer");
        vec![message]
    }

    fn look(&mut self, placed: i64, story: usize) {
        let user = self.orders[story].user.clone();
        let bears = self.bears(story, &user);
        let at = placed + self.seconds(10.0, 1_800.0);
        let stories = BTreeSet::from([story]);
        let mut scene = Scene { trace: self.trace(), at, request: Some(self.request()), bears, stories };
        self.forget(&mut scene, 0.1);
        let gateway = self.borne(&mut scene, Kind::Request, "gateway", None);
        let service = self.borne(&mut scene, Kind::Request, "order-service", Some(gateway));
        self.bare(&mut scene, "order-service", service);
    }

    /// Hours or days later, by a clerk.
    fn refund(&mut self, placed: i64, story: usize) {
        let clerk = format!("K{}", self.random.random_range(0..20));
        let mut bears = self.bears(story, &clerk);
        bears.push(("payment.id".into(), self.orders[story].payment.clone()));
        let at = placed + self.seconds(1_800.0, 50.0 * 3_600.0);
        let stories = BTreeSet::from([story]);
        let mut scene = Scene { trace: self.trace(), at, request: Some(self.request()), bears, stories };
        let gateway = self.borne(&mut scene, Kind::Request, "back-office", None);
        let service = self.borne(&mut scene, Kind::Request, "payment-service", Some(gateway));
        self.event(&scene, "payment-service", service, story, ("whole", "paid", "refunded"));
    }

    /// The evening's job: all orders of one store in one trace.
    fn settle(&mut self, day: i64, store: u32, orders: std::ops::Range<usize>) {
        let at = OPENING + day * DAY + 9 * HOUR + i64::from(store) * 40 * SECOND;
        let everyone: BTreeSet<usize> = orders.clone().collect();
        let keys = vec![("store.id".to_owned(), format!("S{store:03}"))];
        let mut scene = Scene { trace: self.trace(), at, request: None, bears: keys.clone(), stories: everyone };
        let root = self.borne(&mut scene, Kind::Job, "settlement", None);
        // Work of the job that is for no order in particular is part of no order's story.
        let nobody = Scene { stories: BTreeSet::new(), ..scene.clone() };
        let mut overhead = nobody;
        self.bare(&mut overhead, "settlement", root);
        self.log(&overhead, "settlement", root);
        for story in orders {
            let mut part = scene.clone();
            part.at = at + self.seconds(0.1, 20.0);
            part.stories = BTreeSet::from([story]);
            part.bears = vec![("order.id".to_owned(), self.orders[story].number.clone())];
            part.bears.extend(keys.iter().cloned());
            let span = self.borne(&mut part, Kind::Span, "settlement", Some(root));
            self.bare(&mut part, "settlement", span);
            self.log(&part, "settlement", span);
        }
    }

    /// Requests about no order at all, under the same short request ids.
    fn visitors(&mut self, day: i64, store: u32) {
        for _ in 0..12 {
            let at = OPENING + day * DAY + self.seconds(0.0, 8.0 * 3_600.0);
            let bears = vec![
                ("store.id".to_owned(), format!("S{store:03}")),
                ("user.id".to_owned(), format!("U{}", self.random.random_range(0..4_000))),
            ];
            let stories = BTreeSet::new();
            let mut scene = Scene { trace: self.trace(), at, request: Some(self.request()), bears, stories };
            let gateway = self.borne(&mut scene, Kind::Request, "gateway", None);
            self.borne(&mut scene, Kind::Request, "menu-service", Some(gateway));
        }
    }

    /// A consumer that takes what came in the last half minute, of whatever order, in one trace.
    fn grant_points(&mut self, mut messages: Vec<Message>) {
        messages.sort_by_key(|message| message.sent);
        let mut rest = messages.as_slice();
        while let Some(first) = rest.first() {
            let count = rest.iter().take(8).take_while(|m| m.sent < first.sent + BATCH_EVERY).count();
            let (batch, later) = rest.split_at(count);
            rest = later;
            let at = batch[count - 1].sent + self.seconds(1.0, 5.0);
            let stories: BTreeSet<usize> = batch.iter().map(|m| m.order).collect();
            let mut scene = Scene { trace: self.trace(), at, request: None, bears: vec![], stories };
            let (root, mut fact) = self.span(&mut scene, Kind::Message, "points", None);
            fact.links = batch.iter().map(|m| m.from).collect();
            fact.message_ids = batch.iter().map(|m| m.id.clone()).collect();
            self.put(&scene, fact);
            for message in batch {
                let mut part = scene.clone();
                part.stories = BTreeSet::from([message.order]);
                let order = &self.orders[message.order];
                part.bears = vec![
                    ("order.id".to_owned(), order.number.clone()),
                    ("store.id".to_owned(), format!("S{:03}", order.store)),
                ];
                let span = self.borne(&mut part, Kind::Span, "points", Some(root));
                self.bare(&mut part, "points", span);
            }
        }
    }
}
