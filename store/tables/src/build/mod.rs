//! Rows poured into columns: what both OTLP encodings (protobuf and JSON) are decoded into.
//!
//! A [`Layout`] is compiled once from the settings; a [`RequestBuilder`] takes the items of one
//! request and gives [`crate::Batches`]. It refuses to know any wire format. Invariant: the same
//! inputs give the same batches, whatever came before in other requests.

mod input;
mod layout;
mod request;
mod text;

pub use input::{
    Attribute, Attributes, EventInput, ExemplarInput, LinkInput, LogInput, MetricInput, MetricKind, Number, PointInput,
    ResourceInput, ScopeInput, SpanInput, Value,
};
pub use layout::{BuildSettings, Layout};
pub use request::{MetricRef, RequestBuilder, ResourceRef, ScopeRef};
pub use text::{CanonicalText, bytes_text, repaired};
