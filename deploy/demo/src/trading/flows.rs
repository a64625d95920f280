//! How often what happens: the flows of a day, and what follows from each visit.

use super::{Company, Event, METRICS_EVERY};
use crate::estate::places::{DEVICES, SHOPS, TILLS};
use crate::estate::services::POS_CLIENT;
use crate::estate::stores::GROUPS;
use crate::estate::{Operation, back, trade};
use crate::story::{Story, Visit};
use crate::world::SECOND;
use rand::Rng;

/// Who comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    /// A customer without an order in hand.
    Customer,
    /// A customer who places one.
    Buyer,
    /// A sale at a till that speaks for itself.
    Till,
    /// Somebody of the company.
    Clerk,
}

struct Flow {
    operation: &'static Operation,
    who: Who,
    /// In a second, at speed 1, when trade is as usual.
    per_second: f64,
}

const fn flow(operation: &'static Operation, who: Who, per_second: f64) -> Flow {
    Flow { operation, who, per_second }
}

static FLOWS: &[Flow] = &[
    flow(&trade::MENU, Who::Customer, 2.4),
    flow(&trade::SEARCH, Who::Customer, 0.4),
    flow(&trade::LOGIN, Who::Customer, 0.5),
    flow(&trade::CART, Who::Customer, 2.2),
    flow(&trade::ORDERS, Who::Customer, 0.7),
    flow(&trade::PLACE, Who::Buyer, 1.8),
    flow(&trade::TILL_ORDER, Who::Till, 1.5),
    flow(&back::REPLENISH, Who::Clerk, 0.9),
    flow(&back::DOCKS, Who::Clerk, 0.8),
    flow(&back::RECEIVE, Who::Clerk, 0.5),
];
/// Of a hundred buyers so many pay, and look at what they ordered.
const PAYS: f64 = 0.96;
const REFUNDS: f64 = 0.03;
const WANTS_INVOICE: f64 = 0.12;
/// A day of the company, from morning to morning, passes in two hours.
const DAY: f64 = 7_200.0;
/// How much busier than usual the peak of a day is.
const PEAK: f64 = 0.25;

/// The job that settles what was paid.
const SETTLEMENT: &str = "daily-settlement";
/// How long after a payment began its bill may be settled: as long as anybody waits for it.
const BILL_AFTER: u64 = 12 * SECOND;
/// Bills of one run; what is more waits for the next.
const BILLS_OF_A_RUN: usize = 200;
/// Bills that wait; the oldest goes first.
const BILLS_MAX: usize = 5_000;

type Statements = &'static [(&'static crate::estate::stores::Statement, u32)];
static JOBS: &[(&str, &crate::estate::services::Service, u64, Statements)] = &[
    (SETTLEMENT, &crate::estate::services::SETTLEMENT, 20, &[(&back::S_BILLS, 6), (&back::S_SETTLE, 6)]),
    ("sales-report", &crate::estate::services::REPORT, 45, &[(&back::S_REPORT, 3)]),
];
/// How often a printer and a till say that they live.
const BEAT_EVERY: u64 = 20 * SECOND;

/// The flows that enter, and those that follow from them.
pub(super) fn usual() -> Vec<(&'static Operation, f64)> {
    let mut flows: Vec<_> = FLOWS.iter().map(|flow| (flow.operation, flow.per_second)).collect();
    let buyers: f64 = FLOWS.iter().filter(|flow| flow.who == Who::Buyer).map(|flow| flow.per_second).sum();
    flows.extend([(&trade::PAID, buyers * PAYS), (&trade::LOOK, buyers * 1.5)]);
    flows.extend([(&back::REFUND, buyers * REFUNDS), (&back::INVOICE, buyers * WANTS_INVOICE)]);
    flows
}

impl Company {
    pub(super) fn plan_the_day(&mut self) {
        for flow in 0..FLOWS.len() {
            let at = self.next_arrival(flow);
            self.plan(at, Event::Arrive(flow));
        }
        for (job, (_, _, every, _)) in JOBS.iter().enumerate() {
            self.plan(self.opened + every * SECOND / 8, Event::Job(job));
        }
        for box_ in 0..SHOPS + TILLS {
            self.plan(self.opened + SECOND + box_ as u64 * BEAT_EVERY / (SHOPS + TILLS) as u64, Event::Beat(box_));
        }
        let sources = self.sources.len() as u64;
        for source in 0..sources {
            // Spread, so that no second bears them all; the first soon after opening.
            let first = SECOND + source * (METRICS_EVERY - 4 * SECOND) / sources;
            self.plan(self.opened + first, Event::Collect(source as usize));
        }
        self.plan(self.opened + super::releases::FIRST, Event::Release(0));
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(flow) => self.arrive(flow),
            Event::Pay(visit) => self.pay(*visit),
            Event::Look(visit) => self.visit_again(*visit, &trade::LOOK),
            Event::Refund(visit) => self.visit_again(*visit, &back::REFUND),
            Event::Invoice(visit) => self.visit_again(*visit, &back::INVOICE),
            Event::Consume { group, queue } => self.consume(group, queue),
            Event::Job(job) => self.run_job(job),
            Event::Beat(which) => {
                self.beat(which);
                self.plan(self.now + BEAT_EVERY, Event::Beat(which));
            }
            Event::Replace { pod, rollout } => self.replace(pod, rollout),
            Event::Require(version) => {
                let acts = self.acting.contains(&"version_drift");
                self.world.business.protocol = acts.then_some(version);
            }
            Event::Release(which) => self.ordinary_release(which),
            Event::Collect(source) => {
                let metrics = self.instruments.collect(source, self.now, &self.world, &self.broker);
                self.write(self.now, crate::telemetry::Item::Metrics(source, metrics));
                self.say_of_host(source);
                self.plan(self.now + METRICS_EVERY, Event::Collect(source));
            }
        }
    }

    fn next_arrival(&mut self, flow: usize) -> u64 {
        let flow = &FLOWS[flow];
        let elapsed = (self.now - self.opened) as f64 / 1e9;
        let curve = 1.0 + PEAK * (elapsed / DAY * std::f64::consts::TAU).sin();
        let surge = if matches!(flow.who, Who::Customer | Who::Buyer) { self.world.business.surge } else { 1.0 };
        let per_second = flow.per_second * self.world.speed * curve * surge;
        let gap = -self.world.random.random_range(1e-9_f64..1.0).ln() / per_second;
        // A surge must not wait for a customer who was to come in an hour.
        self.now + (gap.min(3_600.0) * 1e9) as u64
    }

    fn arrive(&mut self, flow: usize) {
        let next = self.next_arrival(flow);
        self.plan(next, Event::Arrive(flow));
        let Flow { operation, who, .. } = FLOWS[flow];
        let request = self.request();
        let mut visit = Visit::of_customer(&mut self.world, request);
        match who {
            Who::Customer | Who::Clerk => {}
            Who::Buyer => visit = self.with_order(visit),
            Who::Till => {
                let at_till = self.at_till(visit);
                visit = self.with_order(at_till);
            }
        }
        let (visit, well) = self.tell_story(visit, |story| story.enter(operation).is_ok());
        match who {
            Who::Buyer if well => self.after_buying(visit),
            Who::Till if well => self.bill(visit),
            _ => {}
        }
    }

    fn at_till(&mut self, visit: Visit) -> Visit {
        let shop = self.world.random.random_range(0..TILLS);
        let first = self.sources.pods().iter().position(|pod| pod.service.id == POS_CLIENT.id).unwrap_or(0);
        Visit { shop, till: Some(first + shop), channel: "pos", ..visit }
    }

    fn with_order(&mut self, visit: Visit) -> Visit {
        self.orders += 1;
        let id = format!("O{:x}{:06}", self.opened / SECOND, self.orders);
        visit.with_order(&mut self.world, id, self.now)
    }

    fn request(&mut self) -> String {
        self.requests += 1;
        format!("req-{:x}-{:06x}", self.opened / SECOND, self.requests)
    }

    /// A buyer looks once or twice at what became of it, and pays.
    fn after_buying(&mut self, visit: Visit) {
        let seconds = |company: &mut Self, from: f64, to: f64| {
            (company.world.random.random_range(from..to) * 1e9) as u64 + company.now
        };
        let looks = 1 + usize::from(self.world.one_in(0.5));
        for _ in 0..looks {
            let at = seconds(self, 2.0, 25.0);
            self.plan(at, Event::Look(Box::new(visit.clone())));
        }
        if self.world.one_in(PAYS) {
            let at = seconds(self, 1.5, 9.0);
            self.plan(at, Event::Pay(Box::new(visit)));
        }
    }

    fn pay(&mut self, visit: Visit) {
        let visit = Visit { request: self.request(), ..visit };
        let (visit, well) = self.tell_story(visit, |story| story.enter(&trade::PAID).is_ok());
        if !well {
            return;
        }
        let later = self.now + self.world.random.random_range(8..40) * SECOND;
        if self.world.one_in(WANTS_INVOICE) {
            self.plan(later, Event::Invoice(Box::new(visit.clone())));
        }
        if self.world.one_in(REFUNDS) {
            // What is asked back is not settled.
            self.plan(later, Event::Refund(Box::new(visit)));
        } else {
            self.bill(visit);
        }
    }

    fn bill(&mut self, visit: Visit) {
        if self.bills.len() == BILLS_MAX {
            self.bills.pop_front();
        }
        self.bills.push_back((self.now + BILL_AFTER, visit));
    }

    /// The bills that may be settled now.
    fn due_bills(&mut self) -> Vec<Visit> {
        let due = self.bills.iter().take(BILLS_OF_A_RUN).take_while(|(from, _)| *from <= self.now).count();
        self.bills.drain(..due).map(|(_, visit)| visit).collect()
    }

    fn visit_again(&mut self, visit: Visit, operation: &'static Operation) {
        let visit = Visit { request: self.request(), ..visit };
        self.tell_story(visit, |story| story.enter(operation).is_ok());
    }

    fn consume(&mut self, group: usize, queue: usize) {
        let group = GROUPS[group];
        let Some(message) = self.broker.first(group.id, queue).cloned() else { return };
        if message.sent_at > self.now {
            return self.plan(message.sent_at, Event::Consume { group: group.id, queue });
        }
        let of_group: Vec<usize> =
            self.sources.pods().iter().filter(|pod| pod.service.id == group.service.id).map(|pod| pod.index).collect();
        let pod = of_group[queue % of_group.len()];
        let (story, outcome) = Story::handle(&mut self.world, group, pod, &message, self.now);
        let done = story.at();
        let (_, told) = story.end();
        self.take(told);
        // What failed for another reason than its content is put aside for later; what cannot be read stays.
        let handled = outcome.is_ok() || !message.poison;
        if let Some(again) = self.broker.after(group.id, queue, done, handled) {
            self.plan(again.max(self.now + 1), Event::Consume { group: group.id, queue });
        }
    }

    fn run_job(&mut self, job: usize) {
        let (name, service, every, statements) = JOBS[job];
        self.runs += 1;
        let run = format!("run-{:x}-{}", self.opened / SECOND, self.runs);
        let pod = self.sources.pods().iter().position(|pod| pod.service.id == service.id).unwrap_or(0);
        let request = self.request();
        let visit = Visit::of_customer(&mut self.world, request);
        let bills = if name == SETTLEMENT { self.due_bills() } else { Vec::new() };
        let (_, well) = self.tell_story(visit, |story| story.job(pod, name, &run, statements, &bills));
        if !well {
            bills.into_iter().rev().for_each(|bill| self.bills.push_front((self.now, bill)));
        }
        self.plan(self.now + every * SECOND, Event::Job(job));
    }
}

/// The gateway a box hangs on, for those that hang on one.
pub(super) fn gateway_of(which: usize) -> Option<usize> {
    (which < SHOPS).then(|| crate::estate::places::printer_gateway(which)).filter(|gateway| *gateway < DEVICES.len())
}
