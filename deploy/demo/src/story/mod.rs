//! One story through the company, written down as its services would: spans nested by calls, links
//! where a message carries it on, log records beside the spans.
//!
//! Pure: time is a cursor that the story itself moves through the world; what it meets there - a pool
//! that is empty, a network that is slow - decides how it goes on. It knows no faults by name.

mod attributes;
mod calls;
mod messages;
mod record;
mod steps;
mod stores;
mod telling;
mod visit;

pub(crate) use messages::{Message, group_name};
pub(crate) use record::{INFO, SEVERE, record};
pub(crate) use visit::{Order, Visit};

use crate::telemetry::Item;
use crate::world::World;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;

/// What went wrong in a step, as its caller sees it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Failure {
    /// HTTP status the callee answers with.
    pub(crate) status: u16,
    pub(crate) exception: &'static str,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: u16, exception: &'static str, message: impl Into<String>) -> Self {
        Self { status, exception, message: message.into() }
    }
}

pub(crate) type Outcome = Result<(), Failure>;

/// A span that is not finished.
#[derive(Debug)]
struct Open {
    source: usize,
    span: Span,
}

/// What a story leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// With the time at which each was finished.
    pub(crate) items: Vec<(u64, Item)>,
    pub(crate) messages: Vec<Message>,
    /// Pods whose heap was full.
    pub(crate) killed: Vec<(u64, usize)>,
    /// Shops and cents of orders that were placed, by the pod that took them.
    pub(crate) sold: Vec<(usize, usize, i64)>,
}

/// The recorder of one story; times are Unix nanoseconds.
#[derive(Debug)]
pub(crate) struct Story<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) visit: Visit,
    trace_id: Vec<u8>,
    at: u64,
    open: Vec<Open>,
    told: Told,
    /// Attributes that every server and consumer span of the story bears.
    baggage: Vec<KeyValue>,
}

impl<'w> Story<'w> {
    pub(crate) fn new(world: &'w mut World, visit: Visit, at: u64) -> Self {
        let trace_id = record::fresh::<16>(&mut world.ids);
        let baggage = visit.baggage();
        Self { world, visit, trace_id, at, open: Vec::new(), told: Told::default(), baggage }
    }

    /// When it is, where the story stands.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// All that was written down.
    pub(crate) fn end(self) -> (Visit, Told) {
        debug_assert!(self.open.is_empty(), "a story ends with every span closed");
        (self.visit, self.told)
    }
}
