//! The tables of what alerting says: alerts, incidents, notifications, each as it stands now.
//!
//! No file holds their rows: the process that keeps incidents shows them to queries as rows in memory.

use crate::spec::{attribute_fields, required_text, text, timestamp};
use crate::{TableId, TableSpec};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

fn instant(name: &str) -> Field {
    Field::new(name, timestamp(), true)
}

pub(crate) fn number(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

/// A table whose rows are shown to queries from memory.
pub(crate) fn shown(id: TableId, columns: Vec<Field>) -> TableSpec {
    let time = Field::new("time", timestamp(), false);
    let fields: Vec<Field> = std::iter::once(time).chain(columns).collect();
    TableSpec {
        id,
        schema: Arc::new(Schema::new(fields)),
        time: "time",
        sort: &["time"],
        bloom: vec![],
        random: &[],
        shared: &[],
        delta: &["time"],
    }
}

/// One row per episode of an alert; its labels are the attributes, `time` is when it began.
pub(crate) fn alerts() -> TableSpec {
    let mut columns = vec![
        required_text("fingerprint"),
        required_text("name"),
        required_text("entity"),
        required_text("severity"),
        // firing, flapping, resolved.
        required_text("state"),
        instant("ends_at"),
        number("count"),
        required_text("source"),
        text("incident_id"),
        // cause, symptom.
        text("role"),
        text("reason"),
    ];
    columns.extend(attribute_fields());
    shown(TableId::Alerts, columns)
}

/// One row per incident; `time` is when it was opened.
pub(crate) fn incidents() -> TableSpec {
    let columns = vec![
        required_text("id"),
        required_text("title"),
        required_text("title_zh"),
        // open, acknowledged, mitigated, resolved.
        required_text("state"),
        required_text("severity"),
        instant("updated_at"),
        text("cause"),
        text("cause_kind"),
        Field::new("score", DataType::Float64, true),
        text("confidence"),
        Field::new("undetermined", DataType::Boolean, true),
        number("alerts"),
        number("firing"),
        // A JSON list.
        text("services"),
        text("owner"),
        text("team"),
        text("assignee"),
        number("reopened"),
        instant("fault_at"),
        instant("detected_at"),
        instant("notified_at"),
        instant("acknowledged_at"),
        instant("located_at"),
        instant("mitigated_at"),
        instant("resolved_at"),
    ];
    shown(TableId::Incidents, columns)
}

/// One row per message to a receiver; `time` is when it was due first.
pub(crate) fn notifications() -> TableSpec {
    let columns = vec![
        required_text("id"),
        text("incident_id"),
        required_text("receiver"),
        required_text("channel"),
        // opened, cause_changed, resolved ...
        required_text("occasion"),
        required_text("state"),
        number("attempts"),
        instant("sent_at"),
        text("error"),
    ];
    shown(TableId::Notifications, columns)
}
