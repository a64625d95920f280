//! `POST /api/v1/business-events`: a write operation told by who has no OpenTelemetry SDK at hand.

use crate::describe::AnyProblem;
use crate::otlp_log::Record;
use crate::params::Params;
use crate::window::parse_instant;
use crate::{Api, Asker, Problem};
use axum::extract::State;
use axum::{Extension, Json};
use bytes::Bytes;
use http::Uri;
use model::{SpanId, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Events in one body.
const EVENTS_MAX: usize = 1_000;

/// A business event, as its sender writes it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEvent {
    /// What was done, as `buy tea`.
    operation: String,
    /// Which operation: create and complete share it.
    operation_id: Option<String>,
    /// create, complete, or absent for a whole operation.
    phase: Option<String>,
    /// success, failure, unknown.
    outcome: Option<String>,
    /// Who did it, and as what.
    actor: Option<String>,
    actor_role: Option<String>,
    #[serde(default)]
    entities: Vec<NewEntity>,
    request_id: Option<String>,
    /// 32 hexadecimal digits.
    trace_id: Option<String>,
    /// 16 hexadecimal digits.
    span_id: Option<String>,
    /// RFC 3339 or Unix nanoseconds; the moment of receipt without it.
    time: Option<String>,
    /// Who says so; `api` without it.
    service: Option<String>,
    /// Time allowed from create to complete.
    deadline_ns: Option<i64>,
    #[serde(default)]
    #[schema(value_type = Object)]
    attributes: Map<String, Value>,
}

/// What the operation touched.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEntity {
    r#type: String,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// Any JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    before: Value,
    /// Any JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    after: Value,
}

/// What became of the body.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EventTold {
    /// Events stored: they are on the disk.
    stored: usize,
}

/// One event or a list of them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes the body; what is wrong with one is told better by reading it in two steps")]
pub(super) enum Body {
    One(Box<NewEvent>),
    Many(Vec<NewEvent>),
}

/// Tells of write operations: who did what to which entities, with values before and after. One event or
/// a list; on the disk when it is answered. The same bytes with the same `time` sent again are recognised.
#[utoipa::path(post, path = "/api/v1/business-events", operation_id = "tell_business_event", tag = "operations",
    request_body = Body,
    responses((status = 200, description = "Stored.", body = EventTold), (status = "default", response = AnyProblem)))]
pub(super) async fn tell(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<EventTold>, Problem> {
    Params::read(&uri, &[])?;
    let now = api.now();
    let records: Vec<Record> = events(&body)?
        .into_iter()
        .enumerate()
        .map(|(at, event)| {
            record(event, now).map_err(|problem| Problem::invalid(format!("[{at}]: {}", problem.detail())))
        })
        .collect::<Result<_, _>>()?;
    let stored = records.len();
    api.record(&asker, records).await?;
    Ok(Json(EventTold { stored }))
}

fn events(body: &[u8]) -> Result<Vec<NewEvent>, Problem> {
    let right = "send {\"operation\": \"refund\", \"operation_id\": \"op-1\", \"actor\": \"U1\", \"entities\": \
         [{\"type\": \"order\", \"id\": \"O1\", \"before\": \"paid\", \"after\": \"refunded\"}]} or a list of these";
    let wrong =
        |error: serde_json::Error| Problem::invalid(format!("the body is no business event ({error}): {right}"));
    let list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let events: Vec<NewEvent> = if list {
        serde_json::from_slice(body).map_err(wrong)?
    } else {
        vec![serde_json::from_slice(body).map_err(wrong)?]
    };
    match events.len() {
        0 => Err(Problem::invalid(format!("the list is empty: {right}"))),
        many if many > EVENTS_MAX => Err(Problem::invalid(format!("the list has {many} events: at most {EVENTS_MAX}"))),
        _ => Ok(events),
    }
}

fn record(event: NewEvent, now: model::UnixNanos) -> Result<Record, Problem> {
    if event.operation.is_empty() {
        return Err(Problem::invalid("operation is empty: name what was done"));
    }
    if event.operation_id.is_none() && event.entities.is_empty() {
        return Err(Problem::invalid("neither operation_id nor entities: say which operation, or what it touched"));
    }
    let hex = |name: &str, digits: usize| Problem::invalid(format!("{name}: give {digits} hexadecimal digits"));
    let trace = event.trace_id.as_deref().map(|id| TraceId::from_hex(id).ok_or_else(|| hex("trace_id", 32)));
    let span = event.span_id.as_deref().map(|id| SpanId::from_hex(id).ok_or_else(|| hex("span_id", 16)));
    let mut record = Record::new("business.operation", event.service.unwrap_or_else(|| "api".into()));
    record.time = event.time.as_deref().map(|time| parse_instant("time", time, now)).transpose()?;
    record.trace_id = trace.transpose()?;
    record.span_id = span.transpose()?;
    record.body = Some(event.operation.clone());
    record.put("stormglass.via", "http");
    record.put("business.operation.name", event.operation);
    record.put_some("business.operation.id", event.operation_id);
    record.put_some("business.operation.phase", event.phase);
    record.put_some("business.operation.outcome", event.outcome);
    record.put_some("business.actor.id", event.actor);
    record.put_some("business.actor.role", event.actor_role);
    record.put_some("request.id", event.request_id);
    record.put_int("business.operation.deadline_ns", event.deadline_ns);
    if !event.entities.is_empty() {
        let entities = serde_json::to_value(&event.entities).map_err(|error| Problem::internal(error.to_string()))?;
        record.put_json("business.entities", &entities);
    }
    for (key, value) in &event.attributes {
        record.put_json(key, value);
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UnixNanos;

    fn told(body: &str) -> Result<usize, String> {
        let events = events(body.as_bytes()).map_err(|problem| problem.detail().to_owned())?;
        let records: Result<Vec<_>, Problem> = events.into_iter().map(|event| record(event, UnixNanos(0))).collect();
        records.map(|records| records.len()).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn one_event_or_a_list_is_taken() {
        let event =
            r#"{"operation":"refund","operation_id":"op","entities":[{"type":"order","id":"O1","before":{"a":1}}]}"#;
        assert_eq!(told(event), Ok(1));
        assert_eq!(told(&format!(" [{event},{event}]")), Ok(2));
    }

    #[test]
    fn a_wrong_event_is_told_what_would_be_right() {
        for (body, says) in [
            ("{}", "missing field `operation`"),
            ("[]", "the list is empty"),
            ("7", "no business event"),
            (r#"{"operation":"","operation_id":"x"}"#, "operation is empty"),
            (r#"{"operation":"pay"}"#, "neither operation_id nor entities"),
            (r#"{"operation":"pay","operation_id":"x","trace_id":"12"}"#, "trace_id: give 32"),
            (r#"{"operation":"pay","operation_id":"x","time":"soon"}"#, "RFC 3339"),
            (r#"{"operation":"pay","operation_id":"x","entitys":[]}"#, "unknown field `entitys`"),
            (r#"{"operation":"pay","entities":[{"id":"1"}]}"#, "missing field `type`"),
        ] {
            assert!(told(body).unwrap_err().contains(says), "{body}: {:?}", told(body));
        }
    }
}
