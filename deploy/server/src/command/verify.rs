//! `stormglass verify`: writes, reads back, compares; the exit code tells. A canary for any server.
//!
//! Each cycle sends spans of its own trace under the service `stormglass-verify`, whose every value
//! follows from the cycle, and reads them back by SQL.

use super::remote::Server;
use crate::Outcome;
use crate::cli::Verify;
use crate::telemetry::{complain, say, told};
use anyhow::{Context, Result, bail};
use model::{Clock, SystemClock};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use rand::TryRngCore;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

const SERVICE: &str = "stormglass-verify";
const SPANS: u64 = 20;
/// What was acknowledged must be found within this time.
const FRESH_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(args: Verify) -> Outcome {
    let server = Server::new(&args.remote)?;
    let (mut passed, mut failed) = (0_u64, 0_u64);
    let mut cycle = 0;
    while args.cycles.is_none_or(|cycles| cycle < cycles) {
        if cycle > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        match verify_once(&server, cycle).await {
            Ok(found_after) => {
                passed += 1;
                say(&format!(
                    "cycle {cycle}: {SPANS} spans written and read back, found after {} ms",
                    found_after.as_millis()
                ));
            }
            Err(error) => {
                failed += 1;
                complain(&format!("cycle {cycle}: {}", told(&error)));
            }
        }
        cycle += 1;
    }
    say(&format!("{passed} cycles good, {failed} bad"));
    if failed == 0 { Ok(()) } else { Err(anyhow::anyhow!("what was written is not what is read").into()) }
}

/// Sends one trace and waits until exactly it is found; gives how long that took.
async fn verify_once(server: &Server, cycle: u64) -> Result<Duration> {
    let mut trace_id = [0; 16];
    rand::rngs::OsRng.try_fill_bytes(&mut trace_id).context("the operating system gives no randomness")?;
    let start = SystemClock::new().now().0 as u64;
    let spans: Vec<Span> = (0..SPANS).map(|number| span(trace_id, cycle, number, start)).collect();
    send(server, request(spans.clone())).await?;
    let acknowledged = Instant::now();
    let sql = format!(
        "SELECT span_id, operation, CAST(time AS BIGINT), duration_ns, attributes['verify.number'] \
         FROM spans WHERE trace_id = '{}' AND service = '{SERVICE}'",
        hex::encode(trace_id)
    );
    loop {
        let rows = server.rows(&sql).await?;
        match compare(&spans, &rows) {
            Ok(()) => return Ok(acknowledged.elapsed()),
            Err(difference) if acknowledged.elapsed() > FRESH_WITHIN => {
                bail!("trace {}: {difference} after {} s", hex::encode(trace_id), FRESH_WITHIN.as_secs());
            }
            Err(_not_yet) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn span(trace_id: [u8; 16], cycle: u64, number: u64, start: u64) -> Span {
    Span {
        trace_id: trace_id.to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        parent_span_id: if number == 0 { vec![] } else { 1_u64.to_be_bytes().to_vec() },
        name: format!("verify {cycle}"),
        kind: 1,
        start_time_unix_nano: start + number,
        end_time_unix_nano: start + number + 1000 + number,
        attributes: vec![attribute("verify.number", Any::IntValue(number as i64))],
        ..Span::default()
    }
}

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![attribute("service.name", Any::StringValue(SERVICE.into()))];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

async fn send(server: &Server, request: ExportTraceServiceRequest) -> Result<()> {
    let post = server.post("/v1/traces").header("content-type", "application/x-protobuf").body(request.encode_to_vec());
    let answer = server.answer(post).await?.bytes().await?;
    let answer = ExportTraceServiceResponse::decode(answer).context("the acknowledgement cannot be read")?;
    match answer.partial_success {
        Some(partial) if partial.rejected_spans > 0 => {
            bail!("{} spans were refused: {}", partial.rejected_spans, partial.error_message)
        }
        _ => Ok(()),
    }
}

/// Whether the rows are exactly the spans.
fn compare(spans: &[Span], rows: &[Vec<Value>]) -> Result<(), String> {
    if rows.len() != spans.len() {
        return Err(format!("{} spans sent, {} found", spans.len(), rows.len()));
    }
    for (number, span) in spans.iter().enumerate() {
        let id = hex::encode(&span.span_id);
        let row = rows.iter().find(|row| row.first().and_then(Value::as_str) == Some(&id));
        let row = row.ok_or_else(|| format!("span {id} is missing"))?;
        let duration = span.end_time_unix_nano - span.start_time_unix_nano;
        let expected = [
            Value::from(id.as_str()),
            Value::from(span.name.as_str()),
            Value::from(span.start_time_unix_nano),
            Value::from(duration),
            Value::from(number.to_string()),
        ];
        if row != &expected {
            return Err(format!("span {id} was sent as {expected:?} and reads as {row:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_a_doubled_and_a_changed_span_are_told() {
        let spans: Vec<Span> = (0..2).map(|number| span([7; 16], 3, number, 1_000)).collect();
        let row = |number: u64| {
            vec![
                Value::from(hex::encode((number + 1).to_be_bytes())),
                Value::from("verify 3"),
                Value::from(1_000 + number),
                Value::from(1_000 + number),
                Value::from(number.to_string()),
            ]
        };
        assert_eq!(compare(&spans, &[row(1), row(0)]), Ok(()));
        assert!(compare(&spans, &[row(0)]).unwrap_err().contains("1 found"));
        assert!(compare(&spans, &[row(0), row(0)]).unwrap_err().contains("missing"));
        let mut changed = row(1);
        changed[3] = Value::from(5);
        assert!(compare(&spans, &[row(0), changed]).unwrap_err().contains("reads as"));
    }
}
