//! The few protobuf and JSON messages that answers are made of, written by hand: three shapes, known
//! for good, with field numbers from the protocol.

use base64::Engine as _;
use model::Signal;
use serde_json::{Value, json};
use std::time::Duration;

/// `google.rpc.Status`: what every refusal carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RpcStatus<'a> {
    pub(crate) code: i32,
    pub(crate) message: &'a str,
    /// `google.rpc.RetryInfo`: come back after.
    pub(crate) retry_after: Option<Duration>,
    /// `google.rpc.BadRequest`: which field is wrong, and what is wrong with it.
    pub(crate) violation: Option<(&'a str, &'a str)>,
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

impl RpcStatus<'_> {
    pub(crate) fn to_protobuf(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint_field(&mut out, 1, self.code as u64);
        put_bytes_field(&mut out, 2, self.message.as_bytes());
        for (url, value) in self.details() {
            let mut any = Vec::new();
            put_bytes_field(&mut any, 1, url.as_bytes());
            put_bytes_field(&mut any, 2, &value);
            put_bytes_field(&mut out, 3, &any);
        }
        out
    }

    fn details(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut details = Vec::new();
        if let Some(after) = self.retry_after {
            let mut duration = Vec::new();
            put_varint_field(&mut duration, 1, after.as_secs());
            put_varint_field(&mut duration, 2, u64::from(after.subsec_nanos()));
            let mut info = Vec::new();
            put_bytes_field(&mut info, 1, &duration);
            details.push((RETRY_INFO, info));
        }
        if let Some((field, what)) = self.violation {
            let mut violation = Vec::new();
            put_bytes_field(&mut violation, 1, field.as_bytes());
            put_bytes_field(&mut violation, 2, what.as_bytes());
            let mut bad = Vec::new();
            put_bytes_field(&mut bad, 1, &violation);
            details.push((BAD_REQUEST, bad));
        }
        details
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut details: Vec<Value> = Vec::new();
        if let Some(after) = self.retry_after {
            details.push(json!({ "@type": RETRY_INFO, "retryDelay": duration_json(after) }));
        }
        if let Some((field, what)) = self.violation {
            details.push(json!({ "@type": BAD_REQUEST, "fieldViolations": [{ "field": field, "description": what }] }));
        }
        let mut status = json!({ "code": self.code, "message": self.message });
        if !details.is_empty() {
            status["details"] = Value::Array(details);
        }
        status.to_string().into_bytes()
    }
}

/// A protobuf `Duration` in JSON: seconds with a fraction, and `s`.
fn duration_json(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("{}s", duration.as_secs()),
        nanos => format!("{}.{nanos:09}s", duration.as_secs()),
    }
}

/// `Export{Trace,Metrics,Logs}ServiceResponse` with `partial_success` set: the three are alike.
pub(crate) fn partial_to_protobuf(rejected: u64, message: &str) -> Vec<u8> {
    let mut partial = Vec::new();
    put_varint_field(&mut partial, 1, rejected);
    put_bytes_field(&mut partial, 2, message.as_bytes());
    let mut out = Vec::new();
    put_bytes_field(&mut out, 1, &partial);
    out
}

/// The same in JSON, where the count has a name of its own for each signal. 64-bit numbers are text.
pub(crate) fn partial_to_json(signal: Signal, rejected: u64, message: &str) -> Vec<u8> {
    let name = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    let mut partial = json!({ "errorMessage": message });
    if rejected > 0 {
        partial[name] = Value::String(rejected.to_string());
    }
    json!({ "partialSuccess": partial }).to_string().into_bytes()
}

/// Base64 as gRPC metadata with a `-bin` name wants it: no padding.
pub(crate) fn binary_metadata(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_varint_field(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(field << 3));
        put_varint(out, value);
    }
}

fn put_bytes_field(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        put_varint(out, u64::from(field << 3 | 2));
        put_varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
    use prost::Message;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }

    #[test]
    fn a_status_reads_back_with_its_details() {
        let status = RpcStatus {
            code: 14,
            message: "come back later",
            retry_after: Some(Duration::from_millis(1500)),
            violation: Some(("resource_spans", "cut short")),
        };
        let read = Status::decode(&status.to_protobuf()[..]).unwrap();
        assert_eq!((read.code, read.message.as_str()), (14, "come back later"));
        assert_eq!(read.details[0].type_url, RETRY_INFO);
        assert_eq!(read.details[0].value, [0x0a, 8, 0x08, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]);
        assert_eq!(read.details[1].type_url, BAD_REQUEST);
        let json: Value = serde_json::from_slice(&status.to_json()).unwrap();
        assert_eq!(json["details"][0]["retryDelay"], "1.500000000s");
        assert_eq!(json["details"][1]["fieldViolations"][0]["description"], "cut short");
    }

    #[test]
    fn a_partial_success_is_the_protocols_own_message() {
        let bytes = partial_to_protobuf(300, "spans[3]: bad id");
        let traces = ExportTraceServiceResponse::decode(&bytes[..]).unwrap().partial_success.unwrap();
        assert_eq!((traces.rejected_spans, traces.error_message.as_str()), (300, "spans[3]: bad id"));
        let logs = ExportLogsServiceResponse::decode(&bytes[..]).unwrap().partial_success.unwrap();
        assert_eq!(logs.rejected_log_records, 300);
        let json: Value = serde_json::from_slice(&partial_to_json(Signal::Metrics, 2, "x")).unwrap();
        assert_eq!(json, json!({ "partialSuccess": { "rejectedDataPoints": "2", "errorMessage": "x" } }));
        let warned: Value = serde_json::from_slice(&partial_to_json(Signal::Traces, 0, "repaired")).unwrap();
        assert_eq!(warned, json!({ "partialSuccess": { "errorMessage": "repaired" } }));
    }
}
