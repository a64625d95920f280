//! One trace, or two: tree, critical path, gaps, what is missing, and what differs.
//!
//! It takes flat spans in any order and knows neither SQL nor time zones nor the network. Telemetry is
//! believed as it was sent: nothing is corrected; what is odd is counted and named.
//!
//! Invariant: every function ends and none recurses, whatever the spans are - a million in one chain,
//! parents in a circle, the same span twice, ids of zeros, durations below zero, clocks an hour apart.

pub mod attributes;
pub mod compare;
pub mod critical_path;
pub mod differences;
pub mod gaps;
pub mod missing;
pub mod names;
pub mod operations;
pub mod order;
pub mod self_time;
pub mod significance;
pub mod skew;
pub mod span;
pub mod tree;

pub use attributes::{AttributeChange, changed_attributes};
pub use compare::{Comparison, Pair, compare};
pub use critical_path::{Segment, critical_path};
pub use differences::{Counted, Difference, Keys, Ranking, SkippedKey, rank};
pub use gaps::{Gap, Gaps, gaps};
pub use missing::{Callers, Drops, LostBy, Missing, WhyLost, missing};
pub use names::{Name, Names};
pub use operations::{OperationSummary, operations};
pub use self_time::self_times;
pub use skew::{Skew, skews};
pub use span::{Kind, Span, Status};
pub use tree::{Oddities, Tree};

/// Most spans of one trace that are analysed as a whole: beyond it an answer says what it left out.
pub const SPANS_MAX: usize = 1_000_000;

#[cfg(test)]
mod testing;
