//! Rows poured into columns: what both OTLP encodings (protobuf and JSON) are decoded into.
//!
//! A [`Layout`] is compiled once from the settings; a [`RequestBuilder`] takes the items of one
//! request and gives [`crate::Batches`]. It refuses to know any wire format. Invariant: the same
//! inputs give the same batches, whatever came before in other requests.

mod input;
mod text;

mod context;
mod identity;
mod keys;
mod layout;
mod pool;

mod attributes;
mod column;
mod map;

mod derived;
mod drop_counter;
mod logs;
mod metrics;
mod resources;
mod series;
mod spans;

mod request;

pub use derived::{Condition, EntityMap, ExtractRule, Operand, Pattern, RuleMap, RuleSource};
pub use input::{
    Attribute, Attributes, EventInput, ExemplarInput, LinkInput, LogInput, MetricInput, MetricKind, Number, PointInput,
    ResourceInput, ScopeInput, SpanInput, Value,
};
pub use layout::{BuildSettings, Layout};
pub use pool::TextCheck;
pub use request::{BuildError, MetricRef, RequestBuilder, ResourceRef, ScopeRef};
pub use text::{CanonicalText, bytes_text, repaired};
