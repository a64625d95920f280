//! Rows poured into columns: what both OTLP encodings (protobuf and JSON) are decoded into.
//!
//! A [`Layout`] is compiled once from the settings; a [`RequestBuilder`] takes the items of one
//! request and gives [`crate::Batches`]. It refuses to know any wire format. Invariant: the same
//! inputs give the same batches, whatever came before in other requests.

mod input;
mod text;

mod layout;
mod pool;
mod keys;
mod identity;
mod context;

mod column;
mod map;
mod attributes;

mod resources;
mod spans;
mod logs;
mod series;
mod metrics;
mod drop_counter;

mod request;

pub use input::{
    Attribute, Attributes, EventInput, ExemplarInput, LinkInput, LogInput, MetricInput, MetricKind, Number, PointInput,
    ResourceInput, ScopeInput, SpanInput, Value,
};
pub use layout::{BuildSettings, Layout};
pub use pool::TextCheck;
pub use request::{BuildError, MetricRef, RequestBuilder, ResourceRef, ScopeRef};
pub use text::{CanonicalText, bytes_text, repaired};
