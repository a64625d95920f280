//! Writing spans and log records down, whatever they are about.

use super::{Failure, Open, Outcome, Story};
use crate::telemetry::{Item, body, int, text};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use rand::rngs::SmallRng;
use rand::{Rng, RngCore};

pub(super) const INTERNAL: i32 = 1;
pub(super) const SERVER: i32 = 2;
pub(super) const CLIENT: i32 = 3;
pub(super) const PRODUCER: i32 = 4;
pub(super) const CONSUMER: i32 = 5;
const ERROR: i32 = 2;
/// Sampled, and the flag word says whether a parent is remote (OTLP span flags, bits 8 and 9).
pub(super) const FLAGS: u32 = 0x101;
const MICROSECOND: u64 = 1_000;

pub(crate) const INFO: i32 = 9;
pub(crate) const WARN: i32 = 13;
pub(crate) const SEVERE: i32 = 17;

impl Story<'_> {
    pub(super) fn begin(&mut self, source: usize, name: String, kind: i32, mut attributes: Vec<KeyValue>) {
        attributes.push(int("thread.id", self.world.random.random_range(20..220)));
        self.begin_bare(source, name, kind, attributes);
    }

    /// Opens a span that says no more than this, and no thread of its own.
    pub(super) fn begin_bare(&mut self, source: usize, name: String, kind: i32, mut attributes: Vec<KeyValue>) {
        if kind == SERVER || kind == CONSUMER || self.open.is_empty() {
            attributes.extend(self.baggage.iter().cloned());
        }
        let span = Span {
            trace_id: self.trace_id.clone(),
            span_id: fresh::<8>(&mut self.world.ids),
            parent_span_id: self.open.last().map(|o| o.span.span_id.clone()).unwrap_or_default(),
            name,
            kind,
            start_time_unix_nano: self.at,
            attributes,
            flags: FLAGS,
            ..Span::default()
        };
        self.open.push(Open { source, span });
    }

    /// Adds to the span that is open.
    pub(super) fn note(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        if let Some(open) = self.open.last_mut() {
            open.span.attributes.extend(attributes);
        }
    }

    pub(super) fn current(&mut self) -> Option<&mut Span> {
        self.open.last_mut().map(|open| &mut open.span)
    }

    /// Marks the span that is open as failed, as its own exception where it has one.
    pub(super) fn fail(&mut self, failure: &Failure, with_exception: bool) {
        let at = self.at;
        let Some(span) = self.current() else { return };
        span.status = Some(Status { message: failure.message.clone(), code: ERROR });
        span.attributes.push(text("error.type", failure.exception));
        if with_exception {
            let attributes = exception(failure).into();
            span.events.push(Event { time_unix_nano: at, name: "exception".into(), attributes, ..Event::default() });
        }
    }

    pub(super) fn close(&mut self) {
        let Some(mut done) = self.open.pop() else { return };
        done.span.end_time_unix_nano = self.at.max(done.span.start_time_unix_nano + MICROSECOND);
        self.at = done.span.end_time_unix_nano;
        self.told.items.push((self.at, Item::Span(done.source, done.span)));
    }

    /// Closes the span that is open; a failure of its own is an exception in it.
    pub(super) fn finish(&mut self, outcome: &Outcome) {
        if let Err(failure) = outcome {
            self.fail(failure, true);
        }
        self.close();
    }

    /// A log record of a source, tied to the span that is open.
    pub(super) fn log(&mut self, source: usize, severity: i32, message: String, mut attributes: Vec<KeyValue>) {
        attributes.extend(self.baggage.iter().cloned());
        let span = self.open.last().map(|o| &o.span);
        let record = LogRecord {
            trace_id: span.map(|s| s.trace_id.clone()).unwrap_or_default(),
            span_id: span.map(|s| s.span_id.clone()).unwrap_or_default(),
            flags: 1,
            ..record(self.at, severity, message, attributes)
        };
        self.told.items.push((self.at, Item::Log(source, record)));
    }

    pub(super) fn log_failure(&mut self, source: usize, what: &str, failure: &Failure) {
        let message = format!("{what} failed: {}", failure.message);
        self.log(source, SEVERE, message, exception(failure).into());
    }
}

/// A log record that belongs to no span.
pub(crate) fn record(at: u64, severity: i32, message: String, attributes: Vec<KeyValue>) -> LogRecord {
    let severity_text = match severity {
        SEVERE.. => "ERROR",
        WARN.. => "WARN",
        _ => "INFO",
    };
    LogRecord {
        time_unix_nano: at,
        observed_time_unix_nano: at + 40 * MICROSECOND,
        severity_number: severity,
        severity_text: severity_text.into(),
        body: body(message),
        attributes,
        ..LogRecord::default()
    }
}

pub(super) fn fresh<const N: usize>(ids: &mut SmallRng) -> Vec<u8> {
    let mut id = vec![0; N];
    ids.fill_bytes(&mut id);
    id[0] |= 1; // an all-zero id is no id
    id
}

fn exception(failure: &Failure) -> [KeyValue; 3] {
    let trace = format!(
        "{}: {}\n\tat com.retail.core.Dispatcher.run(Dispatcher.java:41)\n\tat com.retail.api.Endpoint.handle(Endpoint.java:88)",
        failure.exception, failure.message
    );
    [
        text("exception.type", failure.exception),
        text("exception.message", failure.message.clone()),
        text("exception.stacktrace", trace),
    ]
}
