//! The tables: their Parquet columns, their order on disk, where blooms go.
//!
//! These are the columns as files hold them. What SQL shows (`end_time`, `resource`, whole
//! `attributes`, `type` of a metric) is derived by the query layer.

use crate::promoted::{PromotedSet, PromotedType, column_name};
use crate::{alerting, audit, events, rollups};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A table. The text form is its folder under `parquet/WORKSPACE/` and its name in the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableId {
    Spans,
    Logs,
    /// Metric points; what is constant along a series is in `Series`.
    Metrics,
    /// Content-addressed resources (`resource_id`), written before or with the first part that refers to them.
    Resources,
    /// Content-addressed metric series (`series_id`), likewise.
    Series,
    /// Additive counts per minute and sender: the loss ledger.
    Ledger,
    /// Write operations of the business, with the entities they touched (see [`crate::events`]).
    BusinessEvents,
    /// One row for each entity of each business event.
    EntityChanges,
    /// Releases, configuration pushes, feature flags, migrations.
    Changes,
    /// Signs of life of jobs and devices.
    Heartbeats,
    /// Alerts, incidents and messages as they stand; no file holds them (see [`crate::alerting`]).
    Alerts,
    Incidents,
    Notifications,
    /// Who changed what, for administrators; no file holds it either (see [`crate::audit`]).
    Audit,
    /// Requests, errors and durations in buckets of 10 s, as additive deltas (see [`crate::rollups`]).
    Red,
    /// Who calls whom, by the minute, as additive deltas.
    ServiceEdges,
    /// Spans whose parent had not come when they were counted.
    EdgesPending,
}

impl TableId {
    pub const ALL: [TableId; 17] = [
        Self::Spans,
        Self::Logs,
        Self::Metrics,
        Self::Resources,
        Self::Series,
        Self::Ledger,
        Self::BusinessEvents,
        Self::EntityChanges,
        Self::Changes,
        Self::Heartbeats,
        Self::Alerts,
        Self::Incidents,
        Self::Notifications,
        Self::Audit,
        Self::Red,
        Self::ServiceEdges,
        Self::EdgesPending,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Resources => "resources",
            Self::Series => "series",
            Self::Ledger => "ledger",
            Self::BusinessEvents => "business_events",
            Self::EntityChanges => "entity_changes",
            Self::Changes => "changes",
            Self::Heartbeats => "heartbeats",
            Self::Alerts => "alerts",
            Self::Incidents => "incidents",
            Self::Notifications => "notifications",
            Self::Audit => "audit",
            Self::Red => "red",
            Self::ServiceEdges => "service_edges",
            Self::EdgesPending => "edges_pending",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a table lies on disk.
#[derive(Clone, Debug)]
pub struct TableSpec {
    pub id: TableId,
    /// Parquet columns in order. Strings are `Utf8View` in memory.
    pub schema: SchemaRef,
    /// The column rows are partitioned and pruned by (event time).
    pub time: &'static str,
    /// Sort order within a part, ascending, nulls first. Always ends with the time column.
    pub sort: &'static [&'static str],
    /// Columns that get a bloom filter in compacted parts.
    pub bloom: Vec<String>,
    /// Columns of random bytes: no dictionary, no compression, no page statistics.
    pub random: &'static [&'static str],
    /// Columns of random bytes that neighbouring rows share: as `random`, but compressed.
    pub shared: &'static [&'static str],
    /// Columns of times and durations: DELTA_BINARY_PACKED, no dictionary.
    pub delta: &'static [&'static str],
}

impl TableSpec {
    pub fn new(id: TableId, promoted: &PromotedSet) -> Self {
        match id {
            TableId::Spans => spans(promoted),
            TableId::Logs => logs(promoted),
            TableId::Metrics => metrics(),
            TableId::Resources => resources(),
            TableId::Series => series(),
            TableId::Ledger => ledger(),
            TableId::BusinessEvents => events::business_events(),
            TableId::EntityChanges => events::entity_changes(),
            TableId::Changes => events::changes(),
            TableId::Heartbeats => events::heartbeats(),
            TableId::Alerts => alerting::alerts(),
            TableId::Incidents => alerting::incidents(),
            TableId::Notifications => alerting::notifications(),
            TableId::Audit => audit::audit(),
            TableId::Red => rollups::red(),
            TableId::ServiceEdges => rollups::service_edges(),
            TableId::EdgesPending => rollups::edges_pending(),
        }
    }
}

/// `TIMESTAMP(ns, UTC)`.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// `MAP(text, text)` of the attributes that have no column of their own, in the order sent.
pub fn attribute_map() -> DataType {
    let entries =
        Fields::from(vec![Field::new("key", DataType::Utf8View, false), Field::new("value", DataType::Utf8View, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

pub(crate) fn list_of(fields: Vec<Field>) -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Struct(fields.into()), false)))
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, false)))
}

pub(crate) fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8View, true)
}

pub(crate) fn required_text(name: &str) -> Field {
    Field::new(name, DataType::Utf8View, false)
}

/// The three columns attributes need: the map, one [`model::AttrType`] tag byte per map entry (null
/// when all are strings), and the old names the sender used for promoted columns.
pub(crate) fn attribute_fields() -> Vec<Field> {
    vec![Field::new("attributes", attribute_map(), true), Field::new("attribute_types", DataType::Binary, true)]
}

fn scope_fields() -> Vec<Field> {
    vec![text("scope"), text("scope_version"), text("scope_attributes"), text("scope_schema_url")]
}

fn promoted_fields(promoted: &PromotedSet) -> Vec<Field> {
    let ty = |ty| match ty {
        PromotedType::String => DataType::Utf8View,
        PromotedType::Int => DataType::Int64,
        PromotedType::Double => DataType::Float64,
        PromotedType::Bool => DataType::Boolean,
    };
    promoted.keys.iter().map(|k| Field::new(column_name(&k.key), ty(k.ty), true)).collect()
}

fn promoted_blooms(promoted: &PromotedSet) -> impl Iterator<Item = String> + '_ {
    promoted.keys.iter().filter(|k| k.bloom).map(|k| column_name(&k.key))
}

/// Fields of one element of `spans.events`.
pub fn event_fields() -> Vec<Field> {
    let mut fields = vec![Field::new("time", timestamp(), false), required_text("name")];
    fields.extend(attribute_fields());
    fields.push(Field::new("dropped_attributes_count", DataType::Int64, true));
    fields
}

/// Fields of one element of `spans.links`.
pub fn link_fields() -> Vec<Field> {
    let mut fields = vec![
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
        text("trace_state"),
        Field::new("trace_flags", DataType::Int64, true),
    ];
    fields.extend(attribute_fields());
    fields.push(Field::new("dropped_attributes_count", DataType::Int64, true));
    fields
}

/// Fields of one element of `metrics.exemplars`.
pub fn exemplar_fields() -> Vec<Field> {
    let mut fields = vec![
        Field::new("time", timestamp(), false),
        Field::new("value", DataType::Float64, true),
        Field::new("int_value", DataType::Int64, true),
        Field::new("trace_id", DataType::FixedSizeBinary(16), true),
        Field::new("span_id", DataType::FixedSizeBinary(8), true),
    ];
    fields.extend(attribute_fields());
    fields
}

fn spans(promoted: &PromotedSet) -> TableSpec {
    let mut fields = vec![
        Field::new("time", timestamp(), false),
        Field::new("duration_ns", DataType::Int64, false),
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
        Field::new("parent_span_id", DataType::FixedSizeBinary(8), true),
        required_text("service"),
        required_text("operation"),
        required_text("kind"),
        required_text("status"),
        text("status_message"),
        text("trace_state"),
        Field::new("trace_flags", DataType::Int64, true),
        text("request_id"),
        // Which attribute the request id was read from: the value is stored once.
        text("request_id_key"),
        Field::new("resource_id", DataType::FixedSizeBinary(16), false),
    ];
    fields.extend(scope_fields());
    fields.extend(attribute_fields());
    fields.extend([
        text("legacy_keys"),
        Field::new("events", list_of(event_fields()), true),
        Field::new("links", list_of(link_fields()), true),
        Field::new("dropped_attributes_count", DataType::Int64, true),
        Field::new("dropped_events_count", DataType::Int64, true),
        Field::new("dropped_links_count", DataType::Int64, true),
        text("flags"),
    ]);
    fields.extend(promoted_fields(promoted));
    TableSpec {
        id: TableId::Spans,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["service", "operation", "time"],
        bloom: ["trace_id", "request_id"].map(String::from).into_iter().chain(promoted_blooms(promoted)).collect(),
        random: &["span_id", "parent_span_id"],
        shared: &[],
        delta: &["time", "duration_ns"],
    }
}

fn logs(promoted: &PromotedSet) -> TableSpec {
    let mut fields = vec![
        Field::new("time", timestamp(), false),
        Field::new("observed_time", timestamp(), true),
        Field::new("severity", DataType::Int64, true),
        text("severity_text"),
        required_text("service"),
        text("body"),
        // Tag of the body's type where it is not a string.
        text("body_type"),
        text("event_name"),
        Field::new("trace_id", DataType::FixedSizeBinary(16), true),
        Field::new("span_id", DataType::FixedSizeBinary(8), true),
        Field::new("trace_flags", DataType::Int64, true),
        text("request_id"),
        text("request_id_key"),
        Field::new("resource_id", DataType::FixedSizeBinary(16), false),
    ];
    fields.extend(scope_fields());
    fields.extend(attribute_fields());
    fields.extend([text("legacy_keys"), Field::new("dropped_attributes_count", DataType::Int64, true), text("flags")]);
    fields.extend(promoted_fields(promoted));
    TableSpec {
        id: TableId::Logs,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["service", "time"],
        bloom: ["trace_id", "request_id"].map(String::from).into_iter().chain(promoted_blooms(promoted)).collect(),
        random: &[],
        // A span mostly says more than one thing, and says it at one time.
        shared: &["span_id"],
        delta: &["time", "observed_time"],
    }
}

fn metrics() -> TableSpec {
    let fields = vec![
        Field::new("name", DataType::Utf8View, false),
        required_text("service"),
        Field::new("series_id", DataType::FixedSizeBinary(16), false),
        Field::new("time", timestamp(), false),
        Field::new("start_time", timestamp(), true),
        // The number of a gauge or sum; `int_value` holds it exactly where it was sent as an integer.
        Field::new("value", DataType::Float64, true),
        Field::new("int_value", DataType::Int64, true),
        Field::new("count", DataType::UInt64, true),
        Field::new("sum", DataType::Float64, true),
        Field::new("min", DataType::Float64, true),
        Field::new("max", DataType::Float64, true),
        Field::new("bucket_counts", list(DataType::UInt64), true),
        Field::new("explicit_bounds", list(DataType::Float64), true),
        Field::new("scale", DataType::Int32, true),
        Field::new("zero_count", DataType::UInt64, true),
        Field::new("zero_threshold", DataType::Float64, true),
        Field::new("positive_offset", DataType::Int32, true),
        Field::new("positive_counts", list(DataType::UInt64), true),
        Field::new("negative_offset", DataType::Int32, true),
        Field::new("negative_counts", list(DataType::UInt64), true),
        Field::new(
            "quantiles",
            list_of(vec![
                Field::new("quantile", DataType::Float64, false),
                Field::new("value", DataType::Float64, false),
            ]),
            true,
        ),
        Field::new("exemplars", list_of(exemplar_fields()), true),
        // OTLP data point flags (bit 0: no recorded value).
        Field::new("point_flags", DataType::Int64, true),
        text("flags"),
    ];
    TableSpec {
        id: TableId::Metrics,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["name", "series_id", "time"],
        bloom: vec!["series_id".into()],
        random: &[],
        shared: &[],
        delta: &["time", "start_time", "int_value", "count"],
    }
}

fn resources() -> TableSpec {
    let mut fields = vec![
        Field::new("resource_id", DataType::FixedSizeBinary(16), false),
        // When this resource was first seen on the day of its part (it is written anew each day it is in use).
        Field::new("time", timestamp(), false),
        required_text("service"),
    ];
    fields.extend(attribute_fields());
    fields.extend([text("schema_url"), Field::new("dropped_attributes_count", DataType::Int64, true)]);
    TableSpec {
        id: TableId::Resources,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["service", "resource_id", "time"],
        bloom: vec!["resource_id".into()],
        random: &[],
        shared: &[],
        delta: &["time"],
    }
}

fn series() -> TableSpec {
    let mut fields = vec![
        Field::new("series_id", DataType::FixedSizeBinary(16), false),
        Field::new("time", timestamp(), false),
        required_text("name"),
        // gauge, sum, histogram, exponential_histogram, summary
        required_text("type"),
        text("unit"),
        text("description"),
        // cumulative, delta; null where the kind has none
        text("temporality"),
        Field::new("monotonic", DataType::Boolean, true),
        required_text("service"),
        Field::new("resource_id", DataType::FixedSizeBinary(16), false),
    ];
    fields.extend(scope_fields());
    fields.extend(attribute_fields());
    fields.push(text("metadata"));
    TableSpec {
        id: TableId::Series,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["name", "series_id", "time"],
        bloom: vec!["series_id".into()],
        random: &[],
        shared: &[],
        delta: &["time"],
    }
}

fn ledger() -> TableSpec {
    let count = |name: &str| Field::new(name, DataType::Int64, false);
    let fields = vec![
        // Start of the minute of receipt.
        Field::new("time", timestamp(), false),
        // service, or service/instance: what a person recognises.
        required_text("sender"),
        required_text("service"),
        text("instance"),
        // Name of the ingest token, null on an open loopback.
        text("token"),
        required_text("signal"),
        count("received"),
        count("stored"),
        count("queryable"),
        count("refused"),
        count("repeated"),
        count("dropped_by_sender"),
    ];
    TableSpec {
        id: TableId::Ledger,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["sender", "signal", "time"],
        bloom: vec![],
        random: &[],
        shared: &[],
        delta: &["time"],
    }
}
