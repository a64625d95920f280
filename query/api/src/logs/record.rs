//! A log record as this API answers with it.

use crate::Problem;
use crate::ask::Row;
use crate::render::timestamp_text;
use crate::traces::answer::{Texts, Types, texts};
use crate::traces::read::{Resource, attributes, resource};
use serde::Serialize;
use utoipa::ToSchema;

/// What [`LogItem::read`] needs of `logs`.
pub(crate) const LOG_COLUMNS: &str = "time, observed_time, severity, severity_text, service, body, body_type, \
     event_name, trace_id, span_id, request_id, resource, attributes, attribute_types, scope, flags";

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LogItem {
    /// RFC 3339.
    pub(crate) time: String,
    pub(crate) observed_time: Option<String>,
    /// 1 to 24, as OpenTelemetry counts.
    pub(crate) severity: Option<i64>,
    pub(crate) severity_text: Option<String>,
    pub(crate) service: String,
    /// Text, or canonical text of what `body_type` says.
    pub(crate) body: Option<String>,
    pub(crate) body_type: Option<String>,
    pub(crate) event_name: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) resource: Resource,
    pub(crate) attributes: Texts,
    pub(crate) attribute_types: Types,
    pub(crate) scope: Option<String>,
    /// Oddities of the row, comma separated.
    pub(crate) flags: Option<String>,
}

impl LogItem {
    pub(crate) fn read(row: Row<'_>) -> Result<Self, Problem> {
        let (attributes, attribute_types) = texts(&attributes(row)?);
        Ok(Self {
            time: timestamp_text(row.time("time")?.0),
            observed_time: row.opt_time("observed_time")?.map(|time| timestamp_text(time.0)),
            severity: row.opt_int("severity")?,
            severity_text: row.opt_string("severity_text")?,
            service: row.text("service")?.to_owned(),
            body: row.opt_string("body")?,
            body_type: row.opt_string("body_type")?,
            event_name: row.opt_string("event_name")?,
            trace_id: row.opt_string("trace_id")?,
            span_id: row.opt_string("span_id")?,
            request_id: row.opt_string("request_id")?,
            resource: resource(row)?,
            attributes,
            attribute_types,
            scope: row.opt_string("scope")?,
            flags: row.opt_string("flags")?,
        })
    }

    /// The exception that the record tells of, type and message.
    pub(crate) fn exception(&self) -> Option<(&str, &str)> {
        let of = |key: &str| self.attributes.get(key).and_then(|value| value.as_deref());
        let (ty, message) = (of("exception.type"), of("exception.message"));
        (ty.is_some() || message.is_some()).then(|| (ty.unwrap_or_default(), message.unwrap_or_default()))
    }
}
