//! Rows of telemetry as they are handed over: columns of the tables, borrowed. A value that is not there
//! is an empty text.

use model::UnixNanos;

/// A span, with the columns of table `spans`; a value that is not there is an empty text.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanRow<'a> {
    /// Lower-case hex; a row whose trace or span id is not hex is counted as unreadable.
    pub trace_id: &'a str,
    pub span_id: &'a str,
    pub parent_span_id: &'a str,
    pub service: &'a str,
    pub operation: &'a str,
    /// server, client, producer, consumer or internal.
    pub kind: &'a str,
    /// unset, ok or error.
    pub status: &'a str,
    pub start: UnixNanos,
    pub duration_ns: i64,
    /// `service.instance.id`, else `k8s.pod.name`.
    pub instance: &'a str,
    /// `k8s.node.name`, else `host.name`.
    pub node: &'a str,
    /// `service.version`.
    pub version: &'a str,
    /// `db.system.name` (or `db.system`) and `db.namespace` (or `db.name`).
    pub db_system: &'a str,
    pub db_namespace: &'a str,
    /// `db.query.text` (or `db.statement`, `db.query.summary`).
    pub statement: &'a str,
    /// `server.address` (or `net.peer.name`, `peer.service`).
    pub server_address: &'a str,
    pub messaging_system: &'a str,
    pub destination: &'a str,
    /// `resilience.outcome`.
    pub outcome: &'a str,
    /// `error.type`, or `exception.type` of its exception event.
    pub exception: &'a str,
    pub status_message: &'a str,
    /// `messaging.message.id`.
    pub message_id: &'a str,
    /// It repeats an attempt that has failed (`http.request.resend_count` above 0).
    pub resent: bool,
}

/// A log record, with the columns of table `logs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogRow<'a> {
    pub time: UnixNanos,
    pub trace_id: &'a str,
    pub span_id: &'a str,
    pub service: &'a str,
    pub instance: &'a str,
    pub node: &'a str,
    /// OpenTelemetry's severity number.
    pub severity: i32,
    pub body: &'a str,
}

/// A point of a metric, with the columns of table `metrics`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PointRow<'a> {
    pub time: UnixNanos,
    pub name: &'a str,
    /// UCUM, as the sender writes it.
    pub unit: &'a str,
    pub service: &'a str,
    pub instance: &'a str,
    pub node: &'a str,
    pub value: f64,
    /// A cumulative monotonic sum: its increase per second is looked at.
    pub cumulative: bool,
    pub attributes: &'a [(&'a str, &'a str)],
}
