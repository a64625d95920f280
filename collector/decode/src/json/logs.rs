//! Log records.

use super::field::{Unreadable, let_fields};
use super::tape::Json;
use super::value::Values;
use tables::build::LogInput;

const SEVERITIES: &[(&str, i32)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];

/// Reads a log record into `record`, whatever was there before.
pub(super) fn record<'t>(values: &mut Values, message: Json<'t>, record: &mut LogInput<'t>) -> Result<(), Unreadable> {
    let_fields! { message =>
        time: "timeUnixNano", observed_time: "observedTimeUnixNano", severity: "severityNumber",
        severity_text: "severityText", body: "body", attributes: "attributes",
        dropped_attributes_count: "droppedAttributesCount", flags: "flags", trace_id: "traceId",
        span_id: "spanId", event_name: "eventName",
    }
    record.clear();
    record.time = time.u64()?;
    record.observed_time = observed_time.u64()?;
    record.severity = values.enumerated(severity, SEVERITIES)?;
    record.severity_text = severity_text.text()?;
    record.body = values.value(body).map_err(|wrong| wrong.inside("body"))?;
    values.attributes_into(attributes, &mut record.attributes)?;
    record.dropped_attributes_count = dropped_attributes_count.u32()?;
    record.trace_flags = flags.u32()?;
    record.trace_id = trace_id.id("trace id")?;
    record.span_id = span_id.id("span id")?;
    record.event_name = event_name.text()?;
    record.flags = values.take_flags();
    Ok(())
}
