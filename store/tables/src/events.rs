//! The tables of what a company does, in contrast to what its programs do: business events, the
//! entities they touched, changes of the estate, heartbeats of jobs and devices.
//!
//! Their rows are derived from log records and spans while a request is built, and the record or
//! span itself is kept as well. Invariant: a row here says no more than the request it came with,
//! so that a replay of the request gives the same row.

use crate::spec::{attribute_fields, list_of, required_text, text, timestamp};
use crate::{TableId, TableSpec};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

/// Fields of one element of `business_events.entities`.
pub fn entity_fields() -> Vec<Field> {
    vec![required_text("type"), required_text("id"), text("role"), text("before"), text("after")]
}

fn trace_id() -> Field {
    Field::new("trace_id", DataType::FixedSizeBinary(16), true)
}

fn span_id() -> Field {
    Field::new("span_id", DataType::FixedSizeBinary(8), true)
}

fn time() -> Field {
    Field::new("time", timestamp(), false)
}

pub(crate) fn business_events() -> TableSpec {
    let mut fields = vec![
        time(),
        text("operation_id"),
        required_text("operation"),
        // create, complete, whole, or what the sender calls it.
        required_text("phase"),
        // success, failure, unknown.
        required_text("outcome"),
        text("actor"),
        text("actor_role"),
        Field::new("entities", list_of(entity_fields()), true),
        text("request_id"),
        trace_id(),
        span_id(),
        required_text("service"),
        // log, span, http, or rule:NAME.
        required_text("source"),
        // Time the sender allows from create to complete.
        Field::new("deadline_ns", DataType::Int64, true),
    ];
    fields.extend(attribute_fields());
    fields.push(text("flags"));
    TableSpec {
        id: TableId::BusinessEvents,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["operation", "time"],
        bloom: ["operation_id", "request_id", "trace_id", "actor"].map(String::from).into(),
        random: &["span_id"],
        shared: &[],
        delta: &["time", "deadline_ns"],
    }
}

/// One row for each entity of each business event, so that the history of one entity lies together.
pub(crate) fn entity_changes() -> TableSpec {
    let fields = vec![
        required_text("entity_type"),
        required_text("entity_id"),
        time(),
        text("role"),
        text("before"),
        text("after"),
        text("operation_id"),
        required_text("operation"),
        required_text("phase"),
        required_text("outcome"),
        text("actor"),
        text("actor_role"),
        text("request_id"),
        trace_id(),
        span_id(),
        required_text("service"),
        required_text("source"),
    ];
    TableSpec {
        id: TableId::EntityChanges,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["entity_type", "entity_id", "time"],
        bloom: ["entity_id", "operation_id"].map(String::from).into(),
        random: &["span_id"],
        shared: &[],
        delta: &["time"],
    }
}

pub(crate) fn changes() -> TableSpec {
    let mut fields = vec![
        time(),
        // release, deployment, config, feature_flag, migration, scale, infrastructure, other.
        required_text("kind"),
        // The service, flag, database or workload that was changed.
        required_text("target"),
        text("environment"),
        text("version"),
        text("previous_version"),
        // started, succeeded, failed, rolled_back; null where the sender does not say.
        text("status"),
        // Who sent it, and which system it speaks for.
        required_text("service"),
        required_text("source"),
        text("author"),
        text("title"),
        text("url"),
        // The sender's own id of the change: the same change may be told in several phases.
        text("change_id"),
    ];
    fields.extend(attribute_fields());
    fields.push(text("flags"));
    TableSpec {
        id: TableId::Changes,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["target", "time"],
        bloom: vec!["change_id".into()],
        random: &[],
        shared: &[],
        delta: &["time"],
    }
}

pub(crate) fn heartbeats() -> TableSpec {
    let mut fields = vec![
        time(),
        required_text("name"),
        // start, ok, fail, log.
        required_text("status"),
        Field::new("exit_status", DataType::Int64, true),
        // Pairs a start with its end.
        text("run_id"),
        Field::new("duration_ns", DataType::Int64, true),
        // What the job or device says, as of a printer out of paper.
        text("text"),
        required_text("service"),
        // log, http, ping.
        required_text("source"),
    ];
    fields.extend(attribute_fields());
    fields.push(text("flags"));
    TableSpec {
        id: TableId::Heartbeats,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["name", "time"],
        bloom: vec!["run_id".into()],
        random: &[],
        shared: &[],
        delta: &["time", "duration_ns"],
    }
}
