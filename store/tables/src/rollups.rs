//! The tables that are counted while spans come in: request rates, edges, and the spans whose parent
//! had not come when they were counted.
//!
//! `red` and `service_edges` hold additive deltas: any number of rows may have the same key, and what
//! they say is the sum. `edges_pending` holds pairs: a span that waits for its parent, and later a row
//! with `resolved` that says it waits no more. Invariant: rows of equal key may be added up, and
//! pairs may be let go, at any time and by anybody, and no answer changes.

use crate::spec::{required_text, timestamp};
use crate::{TableId, TableSpec};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

/// Width of the buckets of `red.time`, nanoseconds.
pub const RED_BUCKET_NS: i64 = 10_000_000_000;
/// Width of the buckets of `service_edges.time`, nanoseconds.
pub const EDGE_BUCKET_NS: i64 = 60_000_000_000;

/// What stands for all names beyond a bound.
pub const OVERFLOW: &str = "__overflow__";

/// What becomes of rows when files are merged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Merging {
    /// Each row stays.
    Kept,
    /// Rows that differ in nothing but these columns become one: counts are added, sketches merged.
    Added { counts: &'static [&'static str], sketch: &'static str },
    /// Two rows with the same ids, one `resolved` and one not, cancel each other out.
    Paired,
}

const RED_COUNTS: &[&str] = &["calls", "errors", "limited", "duration_sum_ns"];
const EDGE_COUNTS: &[&str] = &["calls", "errors", "limited", "duration_sum_ns", "unresolved"];
const SKETCH: &str = "duration_sketch";

impl TableId {
    /// What becomes of this table's rows when files are merged.
    pub fn merging(self) -> Merging {
        match self {
            Self::Red => Merging::Added { counts: RED_COUNTS, sketch: SKETCH },
            Self::ServiceEdges => Merging::Added { counts: EDGE_COUNTS, sketch: SKETCH },
            Self::EdgesPending => Merging::Paired,
            _ => Merging::Kept,
        }
    }
}

fn time() -> Field {
    Field::new("time", timestamp(), false)
}

fn count(name: &str) -> Field {
    Field::new(name, DataType::Int64, false)
}

fn sketch() -> Field {
    // Null where no duration was counted.
    Field::new(SKETCH, DataType::Binary, true)
}

pub(crate) fn red() -> TableSpec {
    let mut fields = vec![time()];
    fields.extend(["environment", "namespace", "lane", "service", "operation", "kind"].map(required_text));
    fields.extend(RED_COUNTS.iter().map(|name| count(name)));
    fields.push(sketch());
    TableSpec {
        id: TableId::Red,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["service", "operation", "kind", "environment", "namespace", "lane", "time"],
        bloom: vec![],
        random: &[],
        shared: &[],
        delta: &["time", "duration_sum_ns"],
    }
}

pub(crate) fn service_edges() -> TableSpec {
    let mut fields = vec![time()];
    let texts = ["environment", "namespace", "lane", "caller_lane", "caller", "caller_type", "callee", "callee_type"];
    fields.extend(texts.map(required_text));
    fields.push(required_text("kind"));
    fields.extend(EDGE_COUNTS[..4].iter().map(|name| count(name)));
    fields.push(sketch());
    fields.push(count("unresolved"));
    TableSpec {
        id: TableId::ServiceEdges,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &[
            "caller",
            "caller_type",
            "callee",
            "callee_type",
            "kind",
            "environment",
            "namespace",
            "lane",
            "caller_lane",
            "time",
        ],
        bloom: vec![],
        random: &[],
        shared: &[],
        delta: &["time", "duration_sum_ns"],
    }
}

pub(crate) fn edges_pending() -> TableSpec {
    let fields = vec![
        // When the span was received; of a `resolved` row, of the span that it is about.
        time(),
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
        Field::new("parent_span_id", DataType::FixedSizeBinary(8), false),
        // The bucket its edge belongs to.
        Field::new("minute", timestamp(), false),
        required_text("environment"),
        required_text("namespace"),
        required_text("lane"),
        required_text("service"),
        required_text("kind"),
        // 0 or 1.
        count("error"),
        count("limited"),
        count("duration_ns"),
        Field::new("resolved", DataType::Boolean, false),
    ];
    TableSpec {
        id: TableId::EdgesPending,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["trace_id", "span_id", "kind", "time"],
        bloom: vec![],
        random: &["parent_span_id"],
        shared: &[],
        delta: &["time", "minute", "duration_ns"],
    }
}
