//! One story through the company, written down as its services would: spans nested by calls, links
//! where a message carries it on, log records beside the spans.
//!
//! Pure: time is a cursor that the story itself moves; randomness is given.

use crate::services::{Pod, Service};
use crate::telemetry::{body, boolean, int, text};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use rand::rngs::SmallRng;
use rand::{Rng, RngCore};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;
const INTERNAL: i32 = 1;
const ERROR: i32 = 2;
/// Sampled, and the flag word says whether a parent is remote (OTLP span flags, bits 8 and 9).
const FLAGS: u32 = 0x101;

/// What went wrong in a step, as its caller sees it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Failure {
    /// HTTP status the callee answers with.
    pub(crate) status: u16,
    pub(crate) exception: &'static str,
    pub(crate) message: String,
}

pub(crate) type Outcome = Result<(), Failure>;

/// Telemetry of one pod.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Item {
    Span(Pod, Span),
    Log(Pod, LogRecord),
}

/// A message on its way: what a consumer links to.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    topic: &'static str,
    id: String,
    keys: String,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    pod: Pod,
    span: Span,
}

/// The recorder of one story. Times are nanoseconds since the story began until [`Journey::ending_at`].
#[derive(Debug)]
pub(crate) struct Journey<'r> {
    pub(crate) random: &'r mut SmallRng,
    ids: &'r mut SmallRng,
    trace_id: Vec<u8>,
    at: u64,
    open: Vec<Open>,
    items: Vec<Item>,
    /// Attributes that every server and consumer span of the story bears (request id, order id, tenant).
    baggage: Vec<KeyValue>,
}

impl<'r> Journey<'r> {
    pub(crate) fn new(random: &'r mut SmallRng, ids: &'r mut SmallRng) -> Self {
        let trace_id = fresh::<16>(ids);
        Self { random, ids, trace_id, at: 0, open: Vec::new(), items: Vec::new(), baggage: Vec::new() }
    }

    pub(crate) fn carry(&mut self, attributes: Vec<KeyValue>) {
        self.baggage.extend(attributes);
    }

    /// A request from outside that enters the company at `service`.
    pub(crate) fn enter(
        &mut self,
        service: &'static Service,
        method: &str,
        route: &str,
        work: impl FnOnce(&mut Self, Pod) -> Outcome,
    ) -> Outcome {
        let pod = self.pick(service);
        self.begin(pod, format!("{method} {route}"), SERVER, http_server(method, route, pod));
        let outcome = work(self, pod);
        self.finish_server(&outcome);
        outcome
    }

    /// A call from a pod to another service: the client's span and, inside it, the server's.
    pub(crate) fn call(
        &mut self,
        from: Pod,
        to: &'static Service,
        method: &str,
        route: &str,
        work: impl FnOnce(&mut Self, Pod) -> Outcome,
    ) -> Outcome {
        let callee = self.pick(to);
        let attributes = vec![
            text("http.request.method", method),
            text("server.address", to.name),
            int("server.port", 8080),
            text("url.full", format!("http://{}:8080{route}", to.name)),
            text("network.peer.address", callee.address()),
        ];
        self.begin(from, method.to_owned(), CLIENT, attributes);
        self.spend(250, 0.4);
        self.begin(callee, format!("{method} {route}"), SERVER, http_server(method, route, callee));
        self.spend(400, 0.5);
        let outcome = work(self, callee);
        self.finish_server(&outcome);
        self.spend(250, 0.4);
        self.finish_client(&outcome);
        outcome
    }

    /// A call to somebody else's service: only our side is seen.
    pub(crate) fn third_party(
        &mut self,
        from: Pod,
        host: &str,
        path: &str,
        median_us: u64,
        failure: Option<Failure>,
    ) -> Outcome {
        let attributes = vec![
            text("http.request.method", "POST"),
            text("server.address", host),
            int("server.port", 443),
            text("url.full", format!("https://{host}{path}")),
        ];
        self.begin(from, "POST".into(), CLIENT, attributes);
        self.spend(median_us, 0.5);
        let outcome = failure.map_or(Ok(()), Err);
        self.finish_client(&outcome);
        outcome
    }

    /// A statement on a database or cache.
    pub(crate) fn database(
        &mut self,
        from: Pod,
        system: &str,
        namespace: &str,
        statement: &str,
        failure: Option<Failure>,
    ) -> Outcome {
        let operation = statement.split(' ').next().unwrap_or_default();
        let redis = system == "redis";
        let attributes = vec![
            text("db.system.name", system),
            text("db.namespace", namespace),
            text("db.operation.name", operation),
            text("db.query.text", statement),
            text("server.address", format!("{system}-{namespace}.db.internal")),
            int("server.port", if redis { 6379 } else { 3306 }),
        ];
        self.begin(from, format!("{operation} {namespace}"), CLIENT, attributes);
        self.spend(if redis { 450 } else { 1_800 }, 0.7);
        let outcome = failure.map_or(Ok(()), Err);
        self.finish(&outcome);
        outcome
    }

    pub(crate) fn publish(&mut self, from: Pod, topic: &'static str, keys: &str) -> Message {
        let id = format!("{:016X}{:016X}", self.ids.next_u64(), self.ids.next_u64());
        self.begin(from, format!("send {topic}"), PRODUCER, messaging(topic, "send", &id, keys));
        self.spend(1_500, 0.4);
        let span = &self.open.last().expect("just begun").span;
        let message =
            Message { topic, id, keys: keys.into(), trace_id: span.trace_id.clone(), span_id: span.span_id.clone() };
        self.finish(&Ok(()));
        message
    }

    /// Handles a message in the trace of its producer.
    pub(crate) fn consume(
        &mut self,
        service: &'static Service,
        message: &Message,
        work: impl FnOnce(&mut Self, Pod) -> Outcome,
    ) {
        self.handle(service, message, message.span_id.clone(), work);
    }

    /// Handles a message in a trace of its own that links to the producer.
    pub(crate) fn consume_apart(
        &mut self,
        service: &'static Service,
        message: &Message,
        work: impl FnOnce(&mut Self, Pod) -> Outcome,
    ) {
        let trace_id = fresh::<16>(self.ids);
        let story = std::mem::replace(&mut self.trace_id, trace_id);
        self.handle(service, message, Vec::new(), work);
        self.trace_id = story;
    }

    fn handle(
        &mut self,
        service: &'static Service,
        message: &Message,
        parent: Vec<u8>,
        work: impl FnOnce(&mut Self, Pod) -> Outcome,
    ) {
        let pod = self.pick(service);
        self.spend(8_000, 0.9);
        let mut attributes = messaging(message.topic, "process", &message.id, &message.keys);
        attributes.push(text("messaging.consumer.group.name", format!("GID_{}", service.name.replace('-', "_"))));
        attributes.push(text("messaging.destination.partition.id", self.random.random_range(0..8).to_string()));
        self.begin(pod, format!("process {}", message.topic), CONSUMER, attributes);
        self.current().parent_span_id = parent;
        self.current().links.push(Link {
            trace_id: message.trace_id.clone(),
            span_id: message.span_id.clone(),
            flags: FLAGS,
            ..Link::default()
        });
        let outcome = work(self, pod);
        self.finish(&outcome);
    }

    /// A piece of work that is nobody's request: a scheduled job.
    pub(crate) fn job(&mut self, service: &'static Service, name: &str, work: impl FnOnce(&mut Self, Pod) -> Outcome) {
        let pod = self.pick(service);
        self.begin(pod, format!("job {name}"), INTERNAL, vec![text("job.name", name)]);
        let outcome = work(self, pod);
        self.finish(&outcome);
    }

    /// A part of a piece of work, with names of its own.
    pub(crate) fn step(
        &mut self,
        pod: Pod,
        name: &str,
        attributes: Vec<KeyValue>,
        work: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        self.begin(pod, name.to_owned(), INTERNAL, attributes);
        let outcome = work(self);
        self.finish(&outcome);
        outcome
    }

    /// Adds to the span that is open.
    pub(crate) fn note(&mut self, attributes: Vec<KeyValue>) {
        self.current().attributes.extend(attributes);
    }

    /// A log record of `pod`, tied to the span that is open.
    pub(crate) fn log(&mut self, pod: Pod, severity: i32, message: impl Into<String>, attributes: Vec<KeyValue>) {
        let record = self.record(pod, severity, message.into(), attributes);
        self.items.push(Item::Log(pod, record));
    }

    /// A business event by the conventions: a log record named `business.operation`.
    pub(crate) fn business(&mut self, pod: Pod, message: &str, attributes: Vec<KeyValue>) {
        let mut record = self.record(pod, 9, message.into(), attributes);
        record.event_name = "business.operation".into();
        self.items.push(Item::Log(pod, record));
    }

    /// A sign of life of a job.
    pub(crate) fn heartbeat(&mut self, pod: Pod, job: &str, status: &str, run: &str, message: &str) {
        let attributes =
            vec![text("heartbeat.name", job), text("heartbeat.status", status), text("heartbeat.run_id", run)];
        let mut record = self.record(pod, 9, message.into(), attributes);
        record.event_name = "stormglass.heartbeat".into();
        self.items.push(Item::Log(pod, record));
    }

    /// Lets log-normal time pass around a median.
    pub(crate) fn spend(&mut self, median_us: u64, sigma: f64) {
        let (u, v): (f64, f64) = (self.random.random_range(1e-9..1.0), self.random.random());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        self.at += (median_us as f64 * 1_000.0 * (sigma * normal).exp()) as u64;
    }

    /// Everything that was written down, dated so that the story ends at `end` (Unix nanoseconds).
    pub(crate) fn ending_at(self, end: u64) -> Vec<Item> {
        assert!(self.open.is_empty(), "a story ends with every span closed");
        let start = end.saturating_sub(self.at);
        let mut items = self.items;
        for item in &mut items {
            match item {
                Item::Span(_, span) => {
                    span.start_time_unix_nano += start;
                    span.end_time_unix_nano += start;
                    span.events.iter_mut().for_each(|e| e.time_unix_nano += start);
                }
                Item::Log(_, record) => {
                    record.time_unix_nano += start;
                    record.observed_time_unix_nano += start;
                }
            }
        }
        items
    }

    fn record(&mut self, _pod: Pod, severity: i32, message: String, mut attributes: Vec<KeyValue>) -> LogRecord {
        attributes.extend(self.baggage.iter().cloned());
        let span = self.open.last().map(|o| &o.span);
        LogRecord {
            time_unix_nano: self.at,
            observed_time_unix_nano: self.at + 40_000,
            severity_number: severity,
            severity_text: if severity >= 17 {
                "ERROR"
            } else if severity >= 13 {
                "WARN"
            } else {
                "INFO"
            }
            .into(),
            body: body(message),
            attributes,
            flags: 1,
            trace_id: span.map(|s| s.trace_id.clone()).unwrap_or_default(),
            span_id: span.map(|s| s.span_id.clone()).unwrap_or_default(),
            ..LogRecord::default()
        }
    }

    fn pick(&mut self, service: &'static Service) -> Pod {
        Pod { service, ordinal: self.random.random_range(0..service.pods) }
    }

    fn begin(&mut self, pod: Pod, name: String, kind: i32, mut attributes: Vec<KeyValue>) {
        attributes.push(int("thread.id", self.random.random_range(20..220)));
        if kind == SERVER || kind == CONSUMER {
            attributes.extend(self.baggage.iter().cloned());
        }
        let span = Span {
            trace_id: self.trace_id.clone(),
            span_id: fresh::<8>(self.ids),
            parent_span_id: self.open.last().map(|o| o.span.span_id.clone()).unwrap_or_default(),
            name,
            kind,
            start_time_unix_nano: self.at,
            attributes,
            flags: FLAGS,
            ..Span::default()
        };
        self.open.push(Open { pod, span });
    }

    fn current(&mut self) -> &mut Span {
        &mut self.open.last_mut().expect("a span is open").span
    }

    fn finish_server(&mut self, outcome: &Outcome) {
        let status = outcome.as_ref().err().map_or(200, |f| f.status);
        self.note(vec![int("http.response.status_code", i64::from(status))]);
        match outcome {
            // A 4xx is the caller's failure: the server's span stays unset.
            Err(failure) if failure.status < 500 => self.finish(&Ok(())),
            outcome => self.finish(outcome),
        }
    }

    fn finish_client(&mut self, outcome: &Outcome) {
        let status = outcome.as_ref().err().map_or(200, |f| f.status);
        self.note(vec![int("http.response.status_code", i64::from(status))]);
        if let Err(failure) = outcome {
            let message = failure.message.clone();
            self.note(vec![text("error.type", failure.status.to_string())]);
            self.current().status = Some(Status { message, code: ERROR });
        }
        self.close();
    }

    fn finish(&mut self, outcome: &Outcome) {
        if let Err(failure) = outcome {
            let at = self.at;
            let exception = vec![
                text("exception.type", failure.exception),
                text("exception.message", failure.message.clone()),
                text("exception.stacktrace", stack_trace(failure)),
                boolean("exception.escaped", true),
            ];
            let failed = self.current();
            failed.status = Some(Status { message: failure.message.clone(), code: ERROR });
            failed.attributes.push(text("error.type", failure.exception));
            failed.events.push(Event {
                time_unix_nano: at,
                name: "exception".into(),
                attributes: exception,
                ..Event::default()
            });
        }
        self.close();
    }

    fn close(&mut self) {
        let mut done = self.open.pop().expect("a span is open");
        done.span.end_time_unix_nano = self.at.max(done.span.start_time_unix_nano + 1_000);
        self.at = done.span.end_time_unix_nano;
        self.items.push(Item::Span(done.pod, done.span));
    }
}

fn fresh<const N: usize>(ids: &mut SmallRng) -> Vec<u8> {
    let mut id = vec![0; N];
    ids.fill_bytes(&mut id);
    id[0] |= 1; // an all-zero id is no id
    id
}

fn http_server(method: &str, route: &str, pod: Pod) -> Vec<KeyValue> {
    vec![
        text("http.request.method", method),
        text("http.route", route),
        text("url.scheme", "http"),
        text("server.address", pod.service.name),
        int("server.port", 8080),
    ]
}

fn messaging(topic: &str, operation: &str, id: &str, keys: &str) -> Vec<KeyValue> {
    vec![
        text("messaging.system", "rocketmq"),
        text("messaging.destination.name", topic),
        text("messaging.operation.name", operation),
        text("messaging.operation.type", operation),
        text("messaging.message.id", id),
        text("messaging.rocketmq.message.keys", keys),
    ]
}

fn stack_trace(failure: &Failure) -> String {
    format!(
        "{}: {}\n\tat com.retail.api.Controller.handle(Controller.java:88)\n\tat com.retail.core.Dispatcher.run(Dispatcher.java:41)",
        failure.exception, failure.message
    )
}
