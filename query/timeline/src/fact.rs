//! What was recorded, as far as stories are made of it.
//!
//! A fact is one row of one table: a span, a record, a business event. The linker reads what ids it
//! bears; what a page shows of it stays with whoever gathered it.

use model::{SpanId, TraceId, UnixNanos};
use serde::Serialize;

/// Which kind of item of a timeline a fact is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Business,
    Request,
    Span,
    Log,
    Message,
    Job,
    Change,
    Alert,
    Repair,
}

/// The gatherer's number of a fact: the linker speaks of facts by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct FactId(pub u32);

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Given by the gatherer: the same row has the same number, however often it is found.
    pub id: FactId,
    pub kind: Kind,
    pub time: UnixNanos,
    /// Equal to `time` for what has no length.
    pub end: UnixNanos,
    pub service: String,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub parent_span_id: Option<SpanId>,
    /// Spans of other traces (or of this one) that this span says it continues.
    pub links: Vec<(TraceId, SpanId)>,
    pub request_id: Option<String>,
    /// Business keys with their values, such as `order.id`.
    pub keys: Vec<(String, String)>,
    /// Ids of messages it sent or handled.
    pub message_ids: Vec<String>,
    /// Trace ids of other propagators found in attributes or text, as [`crate::context`] reads them.
    pub contexts: Vec<String>,
    pub business: Option<Business>,
}

impl Fact {
    /// A fact that bears no id yet.
    pub fn at(kind: Kind, service: impl Into<String>, time: UnixNanos) -> Self {
        Self {
            id: FactId::default(),
            kind,
            time,
            end: time,
            service: service.into(),
            trace_id: None,
            span_id: None,
            parent_span_id: None,
            links: Vec::new(),
            request_id: None,
            keys: Vec::new(),
            message_ids: Vec::new(),
            contexts: Vec::new(),
            business: None,
        }
    }

    /// Whether it is a span itself, and not something said within one.
    pub fn is_span(&self) -> bool {
        matches!(self.kind, Kind::Span | Kind::Request | Kind::Message | Kind::Job)
    }

    /// Values of one key.
    pub fn values<'f>(&'f self, key: &'f str) -> impl Iterator<Item = &'f str> + 'f {
        self.keys.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// What a business event says beside its ids.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Business {
    pub operation: String,
    pub operation_id: Option<String>,
    /// create, complete, whole, or the sender's own word.
    pub phase: String,
    pub outcome: String,
    pub actor: Option<String>,
    pub entities: Vec<Entity>,
}

/// One entity of a business event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entity {
    pub ty: String,
    pub id: String,
    pub role: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Entity {
    /// The business key that names entities of this type: `order` is named by `order.id`.
    pub fn key(&self) -> String {
        format!("{}.id", self.ty)
    }
}
