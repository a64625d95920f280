//! Messages: sent within a story, handled later in one of their own; jobs, which nobody asks for.

use super::{Failure, Outcome, Story, Visit, attributes, record};
use crate::estate::Telling;
use crate::estate::stores::{Group, Statement, Topic};
use crate::telemetry::{int, text};
use crate::world::World;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use rand::RngCore;

/// What settling one bill takes.
const A_BILL: u64 = 40_000;

/// A message on its way: what a consumer links to, and whom it is about.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) topic: &'static Topic,
    pub(crate) id: String,
    pub(crate) sent_at: u64,
    pub(crate) queue: u64,
    pub(crate) visit: Visit,
    /// It cannot be read by anybody.
    pub(crate) poison: bool,
    pub(crate) attempts: i64,
    keys: String,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
}

impl Story<'_> {
    pub(super) fn send(&mut self, pod: usize, topic: &'static Topic) {
        let id = format!("{:016X}{:016X}", self.world.ids.next_u64(), self.world.ids.next_u64());
        let keys = self.visit.order.as_ref().map_or_else(String::new, |order| order.id.clone());
        let attributes = attributes::messaging(topic, "send", &id, &keys);
        self.begin(pod, format!("send {}", topic.name), record::PRODUCER, attributes);
        self.at += (self.world.around(1_400.0, 0.4) * 1e3) as u64;
        let host = self.world.pods[pod].pod.host();
        self.at += self.world.stalled(host);
        let ids = self.current().map(|span| (span.trace_id.clone(), span.span_id.clone()));
        self.finish(&Ok(()));
        let (trace_id, span_id) = ids.unwrap_or_default();
        let message = Message {
            topic,
            id,
            keys,
            trace_id,
            span_id,
            sent_at: self.at,
            queue: self.world.random.next_u64(),
            visit: self.visit.clone(),
            poison: false,
            attempts: 0,
        };
        self.told.messages.push(message);
    }

    /// Handles a message on a pod of the group.
    pub(crate) fn handle<'w>(
        world: &'w mut World,
        group: &'static Group,
        pod: usize,
        message: &Message,
        at: u64,
    ) -> (Story<'w>, Outcome) {
        let mut story = Story::new(world, message.visit.clone(), at);
        if group.same_trace {
            story.trace_id = message.trace_id.clone();
        }
        let mut attributes = attributes::messaging(group.topic, "process", &message.id, &message.keys);
        attributes.push(text("messaging.consumer.group.name", group_name(group)));
        attributes.push(int("messaging.delivery.attempt", message.attempts + 1));
        story.begin(pod, format!("process {}", group.topic.name), record::CONSUMER, attributes);
        let (trace_id, span_id) = (message.trace_id.clone(), message.span_id.clone());
        if let Some(span) = story.current() {
            if group.same_trace {
                span.parent_span_id = span_id.clone();
            }
            span.links.push(Link { trace_id, span_id, flags: record::FLAGS, ..Link::default() });
        }
        let outcome = if message.poison { story.unreadable(pod, message) } else { story.perform(pod, group.work) };
        if let Err(failure) = &outcome {
            story.log_failure(pod, group.work.name, failure);
        }
        story.finish(&outcome);
        (story, outcome)
    }

    fn unreadable(&mut self, pod: usize, message: &Message) -> Outcome {
        self.at += self.world.work(pod, self.at, 2_000);
        let what = format!(
            "message {} of {} cannot be read: unexpected end of input at column 118",
            message.id, message.topic.name
        );
        Err(Failure::new(500, "com.fasterxml.jackson.core.JsonParseException", what))
    }

    /// A piece of work that is nobody's request: one span a statement, what it does for each of these bills, and
    /// heartbeats around it. Whether all went well: else no bill was settled.
    pub(crate) fn job(
        &mut self,
        pod: usize,
        name: &'static str,
        run: &str,
        statements: &[(&'static Statement, u32)],
        bills: &[Visit],
    ) -> bool {
        let started = self.at;
        self.baggage.retain(|said| said.key == "request.id");
        self.begin(pod, format!("job {name}"), record::INTERNAL, vec![text("job.name", name)]);
        self.beat(pod, name, "start", run, format!("{name} begins"), None);
        let mut rounds = 0;
        let outcome = statements.iter().try_for_each(|(statement, times)| {
            (0..*times).try_for_each(|_| {
                rounds += 1;
                self.at += self.world.work(pod, self.at, 2_500);
                self.sql(pod, statement)
            })
        });
        if outcome.is_ok() {
            bills.iter().for_each(|bill| self.settle(pod, bill));
        }
        let status = if outcome.is_ok() { "ok" } else { "fail" };
        self.log(pod, record::INFO, format!("{name} made {rounds} statements"), vec![int("job.statements", rounds)]);
        self.beat(pod, name, status, run, format!("{name} is done"), Some(self.at - started));
        self.finish(&outcome);
        outcome.is_ok()
    }

    /// One order's part of a run: of the customer the bill knows nothing.
    fn settle(&mut self, pod: usize, bill: &Visit) {
        let visit = Visit { request: self.visit.request.clone(), ..bill.clone() };
        let said = ["request.id", "tenant.id", "store.id", "order.id", "payment.id"];
        let baggage = visit.baggage().into_iter().filter(|attribute| said.contains(&attribute.key.as_str())).collect();
        let run = std::mem::replace(&mut self.visit, visit);
        let of_run = std::mem::replace(&mut self.baggage, baggage);
        // On the thread of the run.
        let thread = self.current().and_then(|run| run.attributes.iter().find(|said| said.key == "thread.id").cloned());
        let attributes = self.baggage.iter().cloned().chain(thread).collect();
        self.begin_bare(pod, "settle order".into(), record::INTERNAL, attributes);
        self.at += A_BILL;
        self.tell(pod, Telling::OrderSettled);
        self.close();
        (self.visit, self.baggage) = (run, of_run);
    }

    fn beat(&mut self, pod: usize, name: &str, status: &str, run: &str, message: String, took: Option<u64>) {
        let mut attributes =
            vec![text("heartbeat.name", name), text("heartbeat.status", status), text("heartbeat.run_id", run)];
        attributes.extend(took.map(|ns| int("heartbeat.duration_ns", ns as i64)));
        let record = record::record(self.at, record::INFO, message, attributes);
        let record =
            opentelemetry_proto::tonic::logs::v1::LogRecord { event_name: "stormglass.heartbeat".into(), ..record };
        self.told.items.push((self.at, crate::telemetry::Item::Log(pod, record)));
    }
}

pub(crate) fn group_name(group: &Group) -> String {
    format!("GID_{}", group.service.name.replace('-', "_"))
}
